//! Everybody who watches a run, and the thread that keeps the board up to date for them.

use super::board::Board;
use super::console::Console;
use super::http::Server;
use super::monitor::{self, Monitor};
use super::serve::{self, Page, StopFn};
use super::{JsonLines, metrics};
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two looks at the stages.
const TICK: Duration = Duration::from_millis(250);
/// Looks between two lines of the performance log.
const LINE: u32 = 4;
/// So long a page has to hear of the end.
const FAREWELL: Duration = Duration::from_millis(700);

/// Who is to watch.
#[derive(Debug, Default)]
pub struct Wishes {
    /// Prometheus.
    pub metrics: Option<SocketAddr>,
    /// A browser.
    pub serve: Option<SocketAddr>,
    /// The terminal, full-screen.
    pub monitor: bool,
    /// A file of JSON lines.
    pub log: Option<PathBuf>,
}

impl Wishes {
    /// Nobody is to watch.
    pub fn none(&self) -> bool {
        self.metrics.is_none() && self.serve.is_none() && !self.monitor && self.log.is_none()
    }
}

/// Why somebody can't watch.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// An address can't be listened at.
    #[error("{option} {address}: {source}; another port, or port 0 for any free one, may do")]
    Address {
        /// The option.
        option: &'static str,
        /// The address.
        address: SocketAddr,
        /// The reason.
        source: io::Error,
    },
    /// The performance log can't be written.
    #[error("--performance-log {}: {source}", path.display())]
    Log {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// No thread.
    #[error("a thread could not be started: {0}")]
    Thread(#[from] io::Error),
}

/// Lets them watch until it is dropped.
#[derive(Debug)]
pub struct Watch {
    board: Arc<Board>,
    console: Console,
    end: Option<mpsc::Sender<()>>,
    ticker: Option<JoinHandle<()>>,
    log: Option<(PathBuf, Arc<JsonLines>)>,
    monitor: Option<Monitor>,
    page: Option<Page>,
    _metrics: Option<Server>,
}

impl Watch {
    /// Opens everything that was wished for. `stop` ends the run gently.
    ///
    /// # Errors
    /// An address that is taken, a file that can't be written. A terminal that can't show the page is
    /// only told of.
    pub fn start(
        board: &Arc<Board>,
        wishes: &Wishes,
        console: &Console,
        stop: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, WatchError> {
        let stopping = Arc::clone(board);
        let asked = AtomicBool::new(false);
        // A key that is held down must not become the second request, which is not gentle.
        let stop: StopFn = Arc::new(move || {
            if !asked.swap(true, Ordering::SeqCst) {
                stopping.stopping();
                stop();
            }
        });
        let log = match &wishes.log {
            None => None,
            Some(path) => {
                let file = File::create(path).map_err(|source| WatchError::Log { path: path.clone(), source })?;
                Some((path.clone(), Arc::new(JsonLines::to(file))))
            }
        };
        let metrics = match wishes.metrics {
            None => None,
            Some(address) => {
                let error = |source| WatchError::Address { option: "--metrics", address, source };
                let server = metrics::serve(board, address).map_err(error)?;
                console.line(&format!("vrseg: metrics at http://{}/metrics", server.address()));
                Some(server)
            }
        };
        let page = match wishes.serve {
            None => None,
            Some(address) => {
                let error = |source| WatchError::Address { option: "--serve", address, source };
                let page = serve::serve(board, address, Arc::clone(&stop)).map_err(error)?;
                console.line(&format!("vrseg: watch at {}", page.link));
                Some(page)
            }
        };
        for (option, address) in [("--metrics", wishes.metrics), ("--serve", wishes.serve)] {
            if let Some(address) = address.filter(|a| !a.ip().is_loopback()) {
                console.warning(&format!("{option} {address}: other machines can read along, without encryption"));
            }
        }
        let (end, ended) = mpsc::channel();
        let (ticked, lines) = (Arc::clone(board), log.as_ref().map(|(_, lines)| Arc::clone(lines)));
        let body = move || {
            let mut n: u32 = 0;
            while ended.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
                ticked.tick();
                n = n.wrapping_add(1);
                if let (Some(lines), 0) = (&lines, n % LINE) {
                    lines.write(&ticked.now());
                }
            }
        };
        let ticker = std::thread::Builder::new().name("vrseg-board".to_owned()).spawn(body)?;
        console.tap(Arc::clone(board), false);
        let mut watch = Self {
            board: Arc::clone(board),
            console: console.clone(),
            end: Some(end),
            ticker: Some(ticker),
            log,
            monitor: None,
            page,
            _metrics: metrics,
        };
        if wishes.monitor {
            watch.monitor(stop);
        }
        Ok(watch)
    }

    fn monitor(&mut self, stop: StopFn) {
        let started = match monitor::obstacle() {
            Some(why) => Err(why.to_owned()),
            None => Monitor::start(&self.board, stop, self.console.colors()).map_err(|e| e.to_string()),
        };
        match started {
            Ok(monitor) => {
                self.console.tap(Arc::clone(&self.board), true);
                self.monitor = Some(monitor);
            }
            Err(why) => self.console.warning(&format!("--monitor: {why}; going on without")),
        }
    }

    /// The run is over: shows the last figures, writes the last line, gives the terminal back.
    ///
    /// # Errors
    /// When the performance log could not be written to its end.
    pub fn finish(mut self) -> Result<(), WatchError> {
        self.close();
        match self.log.take() {
            Some((path, lines)) => lines.failure().map_or(Ok(()), |source| Err(WatchError::Log { path, source })),
            None => Ok(()),
        }
    }

    fn close(&mut self) {
        if self.end.take().is_none() {
            return;
        }
        if let Some(ticker) = self.ticker.take() {
            let _ = ticker.join();
        }
        self.board.ended();
        if let Some((_, lines)) = &self.log {
            lines.write(&self.board.now());
        }
        self.monitor = None;
        self.console.untap();
        if self.page.is_some() && self.board.is_looked_at() {
            std::thread::sleep(FAREWELL);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.close();
    }
}
