//! Ctrl-C (and SIGTERM, SIGHUP): gently, then at once, then without asking anybody.

use super::exit::Exit;
use crate::pipeline::Cancel;
use crate::ui::Console;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts what the user pressed and passes it on to the job that runs. Each job has a [`Cancel`]
/// of its own: one that failed has aborted its own stages, which must not end the next job.
#[derive(Debug, Default)]
pub struct Stop {
    presses: AtomicU8,
    job: Mutex<Arc<Cancel>>,
}

impl Stop {
    /// The flag for the next job.
    pub fn next_job(&self) -> Arc<Cancel> {
        let cancel = Arc::new(Cancel::new());
        *self.job.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&cancel);
        // A press that came while the flag was changed must not be lost.
        (0..self.presses()).for_each(|_| cancel.request());
        cancel
    }

    /// How often the user wanted it to end.
    pub fn presses(&self) -> u8 {
        self.presses.load(Ordering::SeqCst)
    }

    /// The user wants it to end; says for which time.
    pub fn press(&self) -> u8 {
        let times = self.presses.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        self.job.lock().unwrap_or_else(PoisonError::into_inner).request();
        times
    }
}

/// Lets signals press `stop`.
///
/// # Errors
/// When the system refuses the handler.
pub fn install(stop: Arc<Stop>, console: Console) -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(move || match stop.press() {
        1 => console.line("vrseg: finishing the frames under way; Ctrl-C again stops at once"),
        2 => console.line("vrseg: stopping"),
        _ => leave(),
    })
}

/// Ends the process without running destructors: they would pull libraries from under threads
/// that are still in them.
#[allow(unsafe_code)]
fn leave() -> ! {
    // SAFETY: the call has no precondition and does not return.
    unsafe { libc::_exit(Exit::Interrupted.code().into()) }
}
