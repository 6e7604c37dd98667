//! Standard error, shared by the progress bar, the log and messages: a line is written while the
//! bar is lifted, so that the two never tear each other.

use super::board::Board;
use indicatif::{MultiProgress, ProgressDrawTarget};
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use vrseg_engine::telemetry::TOLD;

/// A color for a word.
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
    /// Who listens to what is said.
    tap: Arc<Mutex<Option<Tap>>>,
}

/// Somebody who listens.
struct Tap {
    board: Arc<Board>,
    /// What is said later, since the terminal shows something else now.
    held: Option<Vec<u8>>,
}

/// Bytes that are held at most: the newest.
const HELD: usize = 64 << 10;

impl std::fmt::Debug for Console {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Console").field("terminal", &self.terminal).field("color", &self.color).finish_non_exhaustive()
    }
}

impl Console {
    /// Standard error. Colors where it is a terminal, `no_color` isn't set, and the environment
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
            tap: Arc::default(),
        }
    }

    /// Some other writer, taken for a file: no bar, no colors.
    pub fn to(out: impl Write + Send + 'static) -> Self {
        Self {
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::hidden()),
            out: Arc::new(Mutex::new(out)),
            terminal: false,
            color: false,
            structured: Arc::default(),
            tap: Arc::default(),
        }
    }

    /// Whether a bar can be drawn.
    pub fn is_terminal(&self) -> bool {
        self.terminal
    }

    /// Whether colors are wanted.
    pub fn colors(&self) -> bool {
        self.color
    }

    /// The bars that are drawn on it.
    pub fn bars(&self) -> &MultiProgress {
        &self.bars
    }

    /// Writes bytes that end in a line's end. There is nobody to tell if that fails.
    pub fn write(&self, bytes: &[u8]) {
        if let Some(tap) = self.tap.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            String::from_utf8_lossy(bytes).lines().for_each(|line| tap.board.say(line));
            if let Some(held) = &mut tap.held {
                held.extend_from_slice(bytes);
                let older = held.len().saturating_sub(HELD);
                let line = held[older..].iter().position(|b| *b == b'\n').map_or(older, |n| older + n + 1);
                held.drain(..if older == 0 { 0 } else { line });
                return;
            }
        }
        self.print(bytes);
    }

    fn print(&self, bytes: &[u8]) {
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

    /// From now on a board hears what is said; with `hold` it is not written until [`Console::untap`].
    pub fn tap(&self, board: Arc<Board>, hold: bool) {
        if hold {
            self.bars.set_draw_target(ProgressDrawTarget::hidden());
        }
        let held = hold.then(Vec::new);
        *self.tap.lock().unwrap_or_else(PoisonError::into_inner) = Some(Tap { board, held });
    }

    /// Nobody listens any more; what was held is written.
    pub fn untap(&self) {
        let tap = self.tap.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(held) = tap.and_then(|t| t.held) {
            if self.terminal {
                self.bars.set_draw_target(ProgressDrawTarget::stderr_with_hz(10));
            }
            self.print(&held);
        }
    }

    /// The terminal shows something else just now.
    pub fn is_held(&self) -> bool {
        self.tap.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_some_and(|t| t.held.is_some())
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

    /// The word in a color, where colors are wanted.
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::progress::tests::Paper;
    use vrseg_hardware::Machine;

    #[test]
    fn what_is_said_meanwhile_is_written_afterwards() {
        let paper = Paper::default();
        let console = Console::to(paper.clone());
        let board = Board::new(&Machine::default(), None);
        console.tap(Arc::clone(&board), false);
        console.line("at once");
        console.tap(Arc::clone(&board), true);
        console.warning("later");
        assert_eq!(paper.text(), "at once\n");
        console.untap();
        console.line("after");
        assert_eq!(paper.text(), "at once\nvrseg: warning: later\nafter\n");
        let heard: Vec<_> = board.messages(0).into_iter().map(|m| m.text).collect();
        assert_eq!(heard, ["at once", "vrseg: warning: later"]);
        // Of very much the newest is kept, from a line's beginning on.
        console.tap(board, true);
        (0..20_000).for_each(|i| console.line(&format!("{i}")));
        console.untap();
        let text = paper.text();
        assert!(text.len() < HELD + 100 && text.ends_with("\n19999\n"));
    }
}
