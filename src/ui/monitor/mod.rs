//! `--monitor`: the run as a full-screen page in the terminal.

mod page;
mod panels;
mod preview;
mod style;

use super::status::{Phase, RunStatus, StopFn};
use page::Page;
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEventKind, KeyModifiers};
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use ratatui::crossterm::{cursor, execute};
use std::io::{self, IsTerminal, Stderr};
use std::sync::Arc;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use style::{Colors, DrawOptions};

/// Between two pages.
const DRAW_INTERVAL: Duration = Duration::from_millis(200);
/// How long the drawing thread may take to end.
const JOIN_TIMEOUT: Duration = Duration::from_secs(2);

/// The terminal shows the page and not what was there before.
static SCREEN_ACTIVE: AtomicBool = AtomicBool::new(false);

/// Shows the page until it is dropped.
#[derive(Debug)]
pub(crate) struct Monitor {
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Why there is no page, if there can be none.
pub(crate) fn obstacle() -> Option<&'static str> {
    if !io::stderr().is_terminal() {
        return Some("standard error is not a terminal");
    }
    if !io::stdin().is_terminal() {
        return Some("standard input is not a terminal");
    }
    std::env::var_os("TERM")
        .is_none_or(|t| t == "dumb" || t.is_empty())
        .then_some("TERM is not a terminal with cursor control")
}

/// Restores the terminal. Does nothing where there is no page; may be called anywhere.
pub(crate) fn restore() {
    if SCREEN_ACTIVE.swap(false, Ordering::SeqCst) {
        let _ = disable_raw_mode();
        let _ = execute!(io::stderr(), LeaveAlternateScreen, cursor::Show);
    }
}

impl Monitor {
    /// Takes the terminal; `stop` is called on Ctrl-C, which is no signal in raw mode.
    ///
    /// # Errors
    /// When the terminal refuses.
    pub(crate) fn start(status: &Arc<RunStatus>, stop: StopFn, colors: bool) -> io::Result<Self> {
        static HOOK: Once = Once::new();
        // A panic must be readable, wherever it happens.
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                restore();
                before(panic);
            }));
        });
        enable_raw_mode()?;
        SCREEN_ACTIVE.store(true, Ordering::SeqCst);
        let started = execute!(io::stderr(), EnterAlternateScreen, cursor::Hide)
            .and_then(|()| Terminal::new(CrosstermBackend::new(io::stderr())));
        let terminal = match started {
            Ok(terminal) => terminal,
            Err(e) => {
                restore();
                return Err(e);
            }
        };
        let end = Arc::new(AtomicBool::new(false));
        let (seen, status) = (Arc::clone(&end), Arc::clone(status));
        let body = move || show(terminal, &status, &stop, &seen, Colors::of_terminal(colors));
        let thread = std::thread::Builder::new().name("vrseg-monitor".to_owned()).spawn(body);
        match thread {
            Ok(thread) => Ok(Self { end, thread: Some(thread) }),
            Err(e) => {
                restore();
                Err(e)
            }
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.end.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            // Where the terminal has gone away, waiting for its keys may have no end.
            let until = Instant::now() + JOIN_TIMEOUT;
            while !thread.is_finished() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        restore();
    }
}

/// Draws the page and reads keys until `end`.
fn show(
    mut terminal: Terminal<CrosstermBackend<Stderr>>,
    status: &RunStatus,
    stop: &StopFn,
    end: &AtomicBool,
    colors: Colors,
) {
    let mut options = DrawOptions { colors, preview: true };
    // After a panic elsewhere the terminal is no longer ours.
    while !end.load(Ordering::SeqCst) && SCREEN_ACTIVE.load(Ordering::SeqCst) {
        let picture = if options.preview { status.picture() } else { None };
        let (now, history, messages) = (status.snapshot(), status.history(), status.messages(0));
        let ended = now.phase == Phase::Ended;
        let page = Page { now, history, messages, picture };
        if terminal.draw(|frame| page::draw(frame, &page, &options)).is_err() || ended {
            return;
        }
        match event::poll(DRAW_INTERVAL) {
            Ok(false) => {}
            Ok(true) => {
                if let Ok(Event::Key(key)) = event::read()
                    && key.kind == KeyEventKind::Press
                {
                    match key.code {
                        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => stop(),
                        KeyCode::Char('q') => stop(),
                        KeyCode::Char('p') => options.preview = !options.preview,
                        _ => {}
                    }
                }
            }
            // No keys can be read: the page is still worth showing.
            Err(_) => std::thread::sleep(DRAW_INTERVAL),
        }
    }
}
