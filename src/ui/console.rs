//! Standard error, shared by the progress bar, the log and messages: a line is written while the
//! bar is hidden, so that the two never mix.

use super::format;
use super::status::RunStatus;
use indicatif::{MultiProgress, ProgressDrawTarget};
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use vrseg_engine::telemetry::SHOWN_ON_CONSOLE;

/// A color for a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    Red,
    Yellow,
    Green,
    Bold,
}

/// Where people read: standard error. Cheap to clone; all clones write to the same place.
#[derive(Clone)]
pub(crate) struct Console {
    bars: MultiProgress,
    out: Arc<Mutex<dyn Write + Send>>,
    terminal: bool,
    color: bool,
    /// All output goes through the log, which writes JSON.
    json_log: Arc<AtomicBool>,
    /// Gets all output, too.
    listener: Arc<Mutex<Option<Listener>>>,
}

/// Where output goes besides the writer.
struct Listener {
    status: Arc<RunStatus>,
    /// Output to be written later, since the terminal shows something else now.
    deferred: Option<Vec<u8>>,
}

/// Bytes that are deferred at most: the newest.
const MAX_DEFERRED: usize = 64 << 10;

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console").field("terminal", &self.terminal).field("color", &self.color).finish_non_exhaustive()
    }
}

impl Console {
    /// Standard error. Colors where it is a terminal, `no_color` isn't set, and the environment
    /// doesn't refuse (`NO_COLOR`, see no-color.org; `TERM=dumb`).
    pub(crate) fn stderr(no_color: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let terminal = io::stderr().is_terminal() && !dumb;
        let target = if terminal { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        Self {
            bars: MultiProgress::with_draw_target(target),
            out: Arc::new(Mutex::new(io::stderr())),
            terminal,
            color: terminal && !refused && !no_color,
            json_log: Arc::default(),
            listener: Arc::default(),
        }
    }

    /// Some other writer, treated as a file: no bar, no colors.
    #[cfg(test)]
    pub(crate) fn to(out: impl Write + Send + 'static) -> Self {
        Self {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            out: Arc::new(Mutex::new(out)),
            terminal: false,
            color: false,
            json_log: Arc::default(),
            listener: Arc::default(),
        }
    }

    /// The same without colors, for texts that are written elsewhere.
    pub(crate) fn plain(&self) -> Self {
        Self { color: false, ..self.clone() }
    }

    /// Whether a bar can be drawn.
    pub(crate) fn is_terminal(&self) -> bool {
        self.terminal
    }

    pub(crate) fn colors(&self) -> bool {
        self.color
    }

    /// The bars that are drawn on it.
    pub(crate) fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Writes bytes that end in a line's end. A failure has nowhere to be reported.
    pub(crate) fn write(&self, bytes: &[u8]) {
        if let Some(listener) = self.listener.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            String::from_utf8_lossy(bytes).lines().for_each(|line| listener.status.add_message(line));
            if let Some(deferred) = &mut listener.deferred {
                deferred.extend_from_slice(bytes);
                let older = deferred.len().saturating_sub(MAX_DEFERRED);
                let line = deferred[older..].iter().position(|b| *b == b'\n').map_or(older, |n| older + n + 1);
                deferred.drain(..if older == 0 { 0 } else { line });
                return;
            }
        }
        self.print(bytes);
    }

    fn print(&self, bytes: &[u8]) {
        let columns = Some(console::Term::stderr()).filter(|_| self.terminal).and_then(|t| t.size_checked());
        let fitted = columns.map(|(_, columns)| fitted(&String::from_utf8_lossy(bytes), columns.into()));
        let bytes = fitted.as_ref().map_or(bytes, String::as_bytes);
        self.bars.suspend(|| {
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = out.write_all(bytes).and_then(|()| out.flush());
        });
    }

    /// From now on all output is messages of the log, which writes JSON.
    pub(crate) fn use_json_log(&self) {
        self.json_log.store(true, Ordering::Relaxed);
    }

    /// Whether all output goes through the log, as JSON.
    pub(crate) fn is_json_log(&self) -> bool {
        self.json_log.load(Ordering::Relaxed)
    }

    /// From now on `status` gets all output; with `defer` it is not written until [`Console::detach`].
    pub(crate) fn attach(&self, status: Arc<RunStatus>, defer: bool) {
        if defer {
            self.bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        let deferred = defer.then(Vec::new);
        *self.listener.lock().unwrap_or_else(PoisonError::into_inner) = Some(Listener { status, deferred });
    }

    /// Ends [`Console::attach`]; what was deferred is written.
    pub(crate) fn detach(&self) {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(deferred) = listener.and_then(|l| l.deferred) {
            if self.terminal {
                self.bars.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            }
            self.print(&deferred);
        }
    }

    /// Whether output is deferred, since the terminal shows something else.
    pub(crate) fn is_deferred(&self) -> bool {
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner);
        listener.as_ref().is_some_and(|l| l.deferred.is_some())
    }

    pub(crate) fn line(&self, text: &str) {
        if self.is_json_log() {
            tracing::info!(target: SHOWN_ON_CONSOLE, "{}", text.trim_start_matches("vrseg: "));
        } else {
            self.write(format!("{text}\n").as_bytes());
        }
    }

    /// `vrseg: error: ...`
    pub(crate) fn error(&self, text: &str) {
        self.error_of("", text);
    }

    /// The same of one of several files, `[2/3] vrseg: error: ...`
    pub(crate) fn error_of(&self, prefix: &str, text: &str) {
        tracing::error!(target: SHOWN_ON_CONSOLE, "{text}");
        if !self.is_json_log() {
            self.line(&format!("{prefix}vrseg: {} {text}", self.paint(Paint::Red, "error:")));
        }
    }

    /// `vrseg: warning: ...`
    pub(crate) fn warning(&self, text: &str) {
        self.warning_of("", text);
    }

    /// The same of one of several files, `[2/3] vrseg: warning: ...`
    pub(crate) fn warning_of(&self, prefix: &str, text: &str) {
        tracing::warn!(target: SHOWN_ON_CONSOLE, "{text}");
        if !self.is_json_log() {
            self.line(&format!("{prefix}vrseg: {} {text}", self.paint(Paint::Yellow, "warning:")));
        }
    }

    /// The word in a color, where colors are wanted.
    pub(crate) fn paint(&self, paint: Paint, word: &str) -> String {
        let code = match paint {
            Paint::Red => "1;31",
            Paint::Yellow => "1;33",
            Paint::Green => "1;32",
            Paint::Bold => "1",
        };
        if self.color { format!("\x1b[{code}m{word}\x1b[0m") } else { word.to_owned() }
    }
}

/// Columns within which a label ends.
const LABEL: usize = 20;

/// Lines broken between words at `width` columns, where a terminal would break them within words. What follows a label and a gap
/// stays beside it. Command lines stay whole: they are there to be copied.
fn fitted(text: &str, width: usize) -> String {
    let mut all = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (body, end) = line.strip_suffix('\n').map_or((line, ""), |body| (body, "\n"));
        let plain = console::strip_ansi_codes(body);
        let hang = hang(&plain);
        let head = plain.get(hang..).filter(|_| plain.chars().count() > width && !plain.contains("vrseg "));
        match head.and_then(|rest| Some((body.strip_suffix(rest)?, rest))) {
            Some((head, rest)) => {
                let lines = format::wrapped(rest, width.saturating_sub(hang));
                all += head;
                all += &lines.join(&format!("\n{}", " ".repeat(hang)));
            }
            None => all += body,
        }
        all += end;
    }
    all
}

/// Where the text behind a label begins; 0 where a line has none.
fn hang(plain: &str) -> usize {
    let gap = plain.trim_start().find("  ").map(|at| plain.len() - plain.trim_start().len() + at);
    let Some(gap) = gap.filter(|at| *at > 0 && *at < LABEL) else { return 0 };
    gap + plain[gap..].len() - plain[gap..].trim_start().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::testing::SharedBuffer;
    use vrseg_hardware::Machine;

    #[test]
    fn long_lines_are_broken_between_words_beside_their_label() {
        let line = "[1/4] \u{1b}[1mlayout  \u{1b}[0m side by side (from \"LR\" in the file name)\n";
        let wanted = "[1/4] \u{1b}[1mlayout  \u{1b}[0m side by side (from\n               \"LR\" in the file\n               name)\n";
        assert_eq!(fitted(line, 36), wanted);
        assert_eq!(fitted("a short line\n", 36), "a short line\n");
        assert_eq!(
            fitted("words without a label are broken\nas well", 20),
            "words without a\nlabel are broken\nas well"
        );
        let command = "  try: vrseg in.mp4 -o out.mp4 --profile fast\n";
        assert_eq!(fitted(command, 20), command);
    }

    #[test]
    fn deferred_output_is_written_afterwards() {
        let output = SharedBuffer::default();
        let console = Console::to(output.clone());
        let status = RunStatus::new(&Machine::default(), None);
        console.attach(Arc::clone(&status), false);
        console.line("at once");
        console.attach(Arc::clone(&status), true);
        console.warning("later");
        assert_eq!(output.text(), "at once\n");
        console.detach();
        console.line("after");
        assert_eq!(output.text(), "at once\nvrseg: warning: later\nafter\n");
        let messages: Vec<_> = status.messages(0).into_iter().map(|m| m.text).collect();
        assert_eq!(messages, ["at once", "vrseg: warning: later"]);
        // Of too much output the newest is kept, from the beginning of a line on.
        console.attach(status, true);
        (0..20_000).for_each(|i| console.line(&format!("{i}")));
        console.detach();
        let text = output.text();
        assert!(text.len() < MAX_DEFERRED + 100 && text.ends_with("\n19999\n"));
    }
}
