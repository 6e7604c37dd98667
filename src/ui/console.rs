//! Standard error, shared by the progress bar, the log and messages: a line is written while the
//! bar is lifted, so that the two never tear each other.

use crate::telemetry::TOLD;
use indicatif::{MultiProgress, ProgressDrawTarget};
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A colour for a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paint {
    /// Errors.
    Red,
    /// Warnings.
    Yellow,
    /// What went well.
    Green,
    /// Labels.
    Bold,
}

/// Where people read. Cheap to clone; all clones write to the same place.
#[derive(Clone)]
pub struct Console {
    bars: MultiProgress,
    out: Arc<Mutex<dyn Write + Send>>,
    terminal: bool,
    color: bool,
    /// Only the log speaks.
    structured: Arc<AtomicBool>,
}

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console").field("terminal", &self.terminal).field("color", &self.color).finish_non_exhaustive()
    }
}

impl Console {
    /// Standard error. Colours where it is a terminal, `no_color` isn't set, and the environment
    /// doesn't refuse (`NO_COLOR`, see no-color.org; `TERM=dumb`).
    pub fn stderr(no_color: bool) -> Self {
        let dumb = std::env::var_os("TERM").is_some_and(|t| t == "dumb");
        let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
        let terminal = io::stderr().is_terminal() && !dumb;
        let target = if terminal { ProgressDrawTarget::stderr_with_hz(10) } else { ProgressDrawTarget::hidden() };
        Self {
            bars: MultiProgress::with_draw_target(target),
            out: Arc::new(Mutex::new(io::stderr())),
            terminal,
            color: terminal && !refused && !no_color,
            structured: Arc::default(),
        }
    }

    /// Some other writer, taken for a file: no bar, no colours.
    pub fn to(out: impl Write + Send + 'static) -> Self {
        Self {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            out: Arc::new(Mutex::new(out)),
            terminal: false,
            color: false,
            structured: Arc::default(),
        }
    }

    /// Whether a bar can be drawn.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether colours are wanted.
    pub fn colors(&self) -> bool {
        self.color
    }

    /// The bars that are drawn on it.
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Writes bytes that end in a line's end. There is nobody to tell if that fails.
    pub fn write(&self, bytes: &[u8]) {
        self.bars.suspend(|| {
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = out.write_all(bytes).and_then(|()| out.flush());
        });
    }

    /// From now on everything said is a message of the log, which writes JSON.
    pub fn structure(&self) {
        self.structured.store(true, Ordering::Relaxed);
    }

    /// Whether all that is said goes through the log.
    pub fn is_structured(&self) -> bool {
        self.structured.load(Ordering::Relaxed)
    }

    /// Writes a line.
    pub fn line(&self, text: &str) {
        if self.is_structured() {
            tracing::info!(target: TOLD, "{}", text.trim_start_matches("vrseg: "));
        } else {
            self.write(format!("{text}\n").as_bytes());
        }
    }

    /// `vrseg: error: ...`
    pub fn error(&self, text: &str) {
        tracing::error!(target: TOLD, "{text}");
        if !self.is_structured() {
            self.line(&format!("vrseg: {} {text}", self.paint(Paint::Red, "error:")));
        }
    }

    /// `vrseg: warning: ...`
    pub fn warning(&self, text: &str) {
        tracing::warn!(target: TOLD, "{text}");
        if !self.is_structured() {
            self.line(&format!("vrseg: {} {text}", self.paint(Paint::Yellow, "warning:")));
        }
    }

    /// The word in a colour, where colours are wanted.
    pub fn paint(&self, paint: Paint, word: &str) -> String {
        let code = match paint {
            Paint::Red => "1;31",
            Paint::Yellow => "1;33",
            Paint::Green => "1;32",
            Paint::Bold => "1",
        };
        if self.color { format!("\x1b[{code}m{word}\x1b[0m") } else { word.to_owned() }
    }
}
