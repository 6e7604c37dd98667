//! When the program itself is wrong: a panic leaves a report that says where, for whoever mends it.

use super::file::state_dir;
use std::backtrace::Backtrace;
use std::fmt::Write as _;
use std::panic::PanicHookInfo;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

/// The report of the last panic.
static REPORT: Mutex<Option<PathBuf>> = Mutex::new(None);

/// From now on a panic is not printed but written to a report in the state folder; whoever catches it
/// tells of it with [`advice`].
pub fn report_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let path = state_dir().and_then(|folder| write(&folder, panic));
        if path.is_none() {
            // Nobody else will say where it was.
            eprintln!("{panic}");
        }
        *REPORT.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = path;
    }));
}

/// What to do about the last panic.
pub fn advice() -> String {
    let report = REPORT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    match &*report {
        Some(path) => format!(
            "this is a defect of vrseg: please report it with {} and what `vrseg doctor` prints (both name your files)",
            path.display()
        ),
        None => {
            "this is a defect of vrseg: please report it with the command line and what `vrseg doctor` prints".into()
        }
    }
}

/// The words of a panic that was caught.
pub fn words(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "unknown".into())
}

/// Writes `crash-SECONDS-PROCESS.txt`; `None` where that can't be done.
fn write(folder: &Path, panic: &PanicHookInfo<'_>) -> Option<PathBuf> {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let path = folder.join(format!("crash-{seconds}-{}.txt", std::process::id()));
    std::fs::create_dir_all(folder).ok()?;
    std::fs::write(&path, text(panic)).ok()?;
    Some(path)
}

fn text(panic: &PanicHookInfo<'_>) -> String {
    let mut text = format!("vrseg {} on {}\n", env!("CARGO_PKG_VERSION"), std::env::consts::ARCH);
    let words: Vec<_> = std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    let place = panic.location().map_or_else(|| "unknown".into(), ToString::to_string);
    let thread = std::thread::current();
    let _ = write!(
        text,
        "command: {words:?}\nthread:  {}\nplace:   {place}\nmessage: {}\n\n{}",
        thread.name().unwrap_or("unnamed"),
        self::words(panic.payload()),
        Backtrace::force_capture()
    );
    text
}
