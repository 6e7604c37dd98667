//! Ctrl-C (and SIGTERM, SIGHUP): stop after the current frames, then at once, then exit without cleaning up.
#![allow(unsafe_code)]

use super::exit::Exit;
use crate::ui::Console;
use anyhow::Context;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use vrseg_engine::Cancel;

/// Counts the requests to stop and passes them to the job that runs. Each job has a [`Cancel`]
/// of its own: one that failed has aborted its own stages, which must not end the next job.
#[derive(Debug, Default)]
pub(crate) struct Stop {
    presses: AtomicU8,
    job: Mutex<Arc<Cancel>>,
}

impl Stop {
    /// The flag for the next job.
    pub(crate) fn next_job(&self) -> Arc<Cancel> {
        let cancel = Arc::new(Cancel::new());
        *self.job.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&cancel);
        // A press that came while the flag was changed must not be lost.
        (0..self.presses()).for_each(|_| cancel.request());
        cancel
    }

    /// How often a stop was requested.
    pub(crate) fn presses(&self) -> u8 {
        self.presses.load(Ordering::SeqCst)
    }

    /// Turns what failed because of a stop into [`Exit::Interrupted`].
    ///
    /// # Errors
    /// `error`, where no stop was requested.
    pub(crate) fn excuse(&self, error: anyhow::Error) -> anyhow::Result<Exit> {
        if self.presses() == 0 {
            return Err(error);
        }
        tracing::debug!("stopped: {error:#}");
        Ok(Exit::Interrupted)
    }

    /// Requests a stop; returns for which time.
    pub(crate) fn press(&self) -> u8 {
        let times = self.presses.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        self.job.lock().unwrap_or_else(PoisonError::into_inner).request();
        times
    }
}

/// A [`Stop`] that SIGINT, SIGTERM and SIGHUP press.
///
/// # Errors
/// When the system refuses the handler or its thread.
pub(crate) fn listen(console: &Console) -> anyhow::Result<Arc<Stop>> {
    let stop = Arc::new(Stop::default());
    install(Arc::clone(&stop), console.clone()).context("can't listen to signals")?;
    Ok(stop)
}

/// Lets SIGINT, SIGTERM and SIGHUP press `stop`; not SIGHUP where the program was started with it
/// ignored, which is how `nohup` asks that the job outlive its terminal.
fn install(stop: Arc<Stop>, console: Console) -> io::Result<()> {
    let wanted = [Some(SIGINT), Some(SIGTERM), Some(SIGHUP).filter(|s| !is_ignored(*s))];
    let mut signals = Signals::new(wanted.into_iter().flatten())?;
    thread::Builder::new().name("vrseg-signals".to_owned()).spawn(move || {
        for _ in signals.forever() {
            match stop.press() {
                1 => console.line("vrseg: finishing the current frames; Ctrl-C again stops at once"),
                2 => console.line("vrseg: stopping"),
                // Without destructors: they would pull libraries from under threads that are still in them.
                _ => {
                    crate::ui::monitor::restore();
                    signal_hook::low_level::exit(Exit::Interrupted.code().into())
                }
            }
        }
    })?;
    Ok(())
}

/// Whether the process that started this one had the signal ignored.
fn is_ignored(signal: i32) -> bool {
    // SAFETY: a zeroed `sigaction` is a valid one to be written to; with a null new action the call
    // only reads.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &raw mut now) == 0 && now.sa_sigaction == libc::SIG_IGN
    }
}
