//! FFmpeg's own log lines: kept for error texts instead of being printed.
#![allow(unsafe_code)]

use ffmpeg_next::ffi;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::{Mutex, Once};

/// Lines that [`recent_log`] returns at most.
const RECENT_LINES: usize = 20;

static LINES: Mutex<VecDeque<String>> = Mutex::new(VecDeque::new());

thread_local! {
    /// Lines of the call in flight on this thread; see [`capture`].
    static CAPTURED: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// What the libraries under FFmpeg read from the environment, by name and value. A program sets those that are
/// not set yet when it starts, before it starts any thread: only then is [`std::env::set_var`] sound, so no
/// function of this crate does it.
///
/// Without them all works, but SVT-AV1 writes its messages to standard error, past FFmpeg's log; 1 leaves
/// its errors.
pub fn environment() -> &'static [(&'static str, &'static str)] {
    &[("SVT_LOG", "1")]
}

/// Prepares FFmpeg. Cheap to call again; every entry point of [`crate`] does.
///
/// From then on FFmpeg prints nothing: its warnings and errors are kept for [`recent_log`] and
/// passed on to `tracing` (target `ffmpeg`, level debug).
pub fn init() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // Registers only error texts in the FFmpeg versions that are supported; cannot fail there.
        let _ = ffmpeg_next::init();
        // SAFETY: `keep_line` has the type that FFmpeg asks for and is safe to call from any thread.
        unsafe { ffi::av_log_set_callback(Some(keep_line)) };
    });
}

/// The last (at most 20) warnings and errors that FFmpeg wrote in this process, oldest first.
pub fn recent_log() -> Vec<String> {
    LINES.lock().unwrap_or_else(|e| e.into_inner()).iter().cloned().collect()
}

/// Runs `f` and returns what FFmpeg logged meanwhile *on this thread* at warning level or worse.
pub(crate) fn capture<T>(f: impl FnOnce() -> T) -> (T, Vec<String>) {
    let outer = CAPTURED.with(|c| c.replace(Some(Vec::new())));
    let result = f();
    let lines = CAPTURED.with(|c| c.replace(outer)).unwrap_or_default();
    (result, lines)
}

/// Called by FFmpeg from any of its threads.
unsafe extern "C" fn keep_line(
    context: *mut c_void,
    level: c_int,
    format: *const c_char,
    arguments: *mut ffi::__va_list_tag,
) {
    // The low byte is the level, the others are a color.
    if level & 0xff > ffi::AV_LOG_WARNING {
        return;
    }
    let mut text = [0 as c_char; 1024];
    let mut prefix: c_int = 1;
    // SAFETY: FFmpeg passes a valid context, format and argument list; the buffer's size is passed.
    let line = unsafe {
        ffi::av_log_format_line2(
            context,
            level,
            format,
            arguments,
            text.as_mut_ptr(),
            text.len() as c_int,
            &raw mut prefix,
        );
        CStr::from_ptr(text.as_ptr()).to_string_lossy()
    };
    let line = without_address(line.trim());
    if line.is_empty() {
        return;
    }
    tracing::debug!(target: "ffmpeg", "{line}");
    // A thread that is ending has no thread-local any more: then only the common list gets the line.
    let _ = CAPTURED.try_with(|c| {
        if let Ok(mut c) = c.try_borrow_mut()
            && let Some(lines) = c.as_mut()
        {
            lines.push(line.clone());
        }
    });
    let mut lines = LINES.lock().unwrap_or_else(|e| e.into_inner());
    if lines.len() == RECENT_LINES {
        lines.pop_front();
    }
    lines.push_back(line);
}

/// `[libx264 @ 0x55d0c8]` says nothing more than `[libx264]`.
fn without_address(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(at) = rest.find(" @ 0x") {
        let Some(end) = rest[at..].find(']') else { break };
        out.push_str(&rest[..at]);
        rest = &rest[at + end..];
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::{environment, init, without_address};

    #[test]
    fn init_leaves_the_environment_alone() {
        let read = || environment().iter().map(|(name, _)| std::env::var_os(name)).collect::<Vec<_>>();
        let before = read();
        init();
        assert_eq!(read(), before);
    }

    #[test]
    fn addresses_are_removed() {
        assert_eq!(without_address("[mov,mp4 @ 0x55fe] moov atom not found"), "[mov,mp4] moov atom not found");
        assert_eq!(without_address("[a @ 0x1] [b @ 0x2] c"), "[a] [b] c");
        assert_eq!(without_address("plain @ 0x"), "plain @ 0x");
    }
}
