//! Ctrl-C (and SIGTERM, SIGHUP): gently, then at once, then without asking anybody.

use crate::pipeline::Cancel;
use crate::ui::Console;
use std::sync::atomic::{AtomicU8, Ordering};

/// Lets signals end the job behind `cancel`.
///
/// # Errors
/// When the system refuses the handler.
pub fn install(cancel: &'static Cancel, console: Console) -> Result<(), ctrlc::Error> {
    let pressed = AtomicU8::new(0);
    ctrlc::set_handler(move || {
        cancel.request();
        match pressed.fetch_add(1, Ordering::Relaxed) {
            0 => console.line("vrseg: finishing the frames under way; Ctrl-C again stops at once"),
            1 => console.line("vrseg: stopping"),
            _ => std::process::exit(super::exit::Exit::Interrupted.code().into()),
        }
    })
}
