//! When the program itself is wrong: a panic leaves a report that says where, for whoever fixes it.

use super::file::{append, state_dir};
use std::any::Any;
use std::backtrace::Backtrace;
use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

thread_local! {
    /// Whoever called this thread's code catches a panic and reports it.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
    /// The report of this thread's last panic.
    static REPORT: RefCell<Option<PathBuf>> = const { RefCell::new(None) };
}

/// A panic that was caught.
#[derive(Debug, thiserror::Error)]
#[error("{message}; {advice}")]
pub struct Crash {
    message: String,
    advice: String,
}

impl Crash {
    /// The panic of another thread, which ended with this.
    pub fn of(payload: &(dyn Any + Send)) -> Self {
        Self { message: words(payload), advice: advice(None) }
    }
}

/// From now on a panic is written to a report in the state folder. It is printed only where nobody
/// catches it.
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let report = state_dir().and_then(|folder| write(&folder, panic).ok());
        if report.is_none() || !CAUGHT.get() {
            // A standard error that is closed is no reason to panic again.
            let _ = writeln!(io::stderr(), "{panic}\n{}", advice(report.as_deref()));
        }
        REPORT.set(report);
    }));
}

/// Runs `body`.
///
/// # Errors
/// It panicked.
pub fn catch<R>(body: impl FnOnce() -> R) -> Result<R, Crash> {
    let before = CAUGHT.replace(true);
    let done = catch_unwind(AssertUnwindSafe(body));
    CAUGHT.set(before);
    done.map_err(|payload| Crash { message: words(&*payload), advice: advice(REPORT.take().as_deref()) })
}

fn advice(report: Option<&Path>) -> String {
    let (what, note) = match report {
        Some(path) => (path.display().to_string(), " (both name your files)"),
        None => ("the command line".to_owned(), ""),
    };
    format!("this is an internal error: please report it with {what} and the output of `vrseg doctor`{note}")
}

fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown".into())
}

/// Writes `crash-SECONDS-PROCESS.txt`; what crashes as a consequence within the second comes behind it.
fn write(folder: &Path, panic: &PanicHookInfo<'_>) -> io::Result<PathBuf> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let path = folder.join(format!("crash-{seconds}-{}.txt", std::process::id()));
    std::fs::create_dir_all(folder)?;
    append(&path)?.write_all(text(panic).as_bytes())?;
    Ok(path)
}

fn text(panic: &PanicHookInfo<'_>) -> String {
    let mut text = format!("vrseg {} on {}\n", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    let command: Vec<_> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let place = panic.location().map_or_else(|| "unknown".into(), ToString::to_string);
    let thread = std::thread::current();
    let _ = write!(
        text,
        "command: {command:?}\nthread:  {}\nplace:   {place}\nmessage: {}\n\n{}\n",
        thread.name().unwrap_or("unnamed"),
        words(panic.payload()),
        Backtrace::force_capture()
    );
    text
}
