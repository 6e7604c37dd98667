//! All viewers of a run, and the thread that keeps the status up to date for them.

use super::console::Console;
use super::http::Server;
use super::json::JsonLines;
use super::metrics;
use super::monitor::{self, Monitor};
use super::serve::{self, StatusServer};
use super::status::{RunStatus, StopFn};
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

/// Between two updates of the status.
const TICK_INTERVAL: Duration = Duration::from_millis(250);
/// Updates between two lines of the performance log.
const TICKS_PER_LOG_LINE: u32 = 4;
/// How long an open web page has to get the last event.
const LAST_EVENT_DELAY: Duration = Duration::from_millis(700);

/// The viewers of a run: where it can be watched.
#[derive(Debug, Default)]
pub(crate) struct WatchOptions {
    /// Address for Prometheus.
    pub metrics: Option<SocketAddr>,
    /// Address for browsers.
    pub serve: Option<SocketAddr>,
    /// The terminal shows a full-screen page.
    pub monitor: bool,
    /// File for a JSON line each second.
    pub log: Option<PathBuf>,
}

impl WatchOptions {
    pub(crate) fn is_empty(&self) -> bool {
        self.metrics.is_none() && self.serve.is_none() && !self.monitor && self.log.is_none()
    }
}

/// Why a viewer can't be started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WatchError {
    /// An address can't be listened at.
    #[error("{option} {address}: {source}; try another port, or 0 for any free one")]
    Address { option: &'static str, address: SocketAddr, source: io::Error },
    /// The performance log can't be written.
    #[error("--performance-log {}: {source}", path.display())]
    Log { path: PathBuf, source: io::Error },
    #[error("a thread could not be started: {0}")]
    Thread(#[from] io::Error),
}

/// Lets them watch until it is dropped.
#[derive(Debug)]
pub(crate) struct Watch {
    status: Arc<RunStatus>,
    console: Console,
    end: Option<mpsc::Sender<()>>,
    ticker: Option<JoinHandle<()>>,
    log: Option<(PathBuf, Arc<JsonLines>)>,
    monitor: Option<Monitor>,
    page: Option<StatusServer>,
    _metrics: Option<Server>,
}

impl Watch {
    /// Starts the viewers that `options` name. `stop` ends the run after the current frames.
    ///
    /// # Errors
    /// An address that is taken, a file that can't be written. A terminal that can't show the page is
    /// only a warning.
    pub(crate) fn start(
        status: &Arc<RunStatus>,
        options: &WatchOptions,
        console: &Console,
        stop: impl Fn() + Send + Sync + 'static,
    ) -> Result<Self, WatchError> {
        let stopping = Arc::clone(status);
        let requested = AtomicBool::new(false);
        // A key that is held down must not become the second request, which ends the run at once.
        let stop: StopFn = Arc::new(move || {
            if !requested.swap(true, Ordering::SeqCst) {
                stopping.stopping();
                stop();
            }
        });
        let log = match &options.log {
            None => None,
            Some(path) => {
                let file = File::create(path).map_err(|source| WatchError::Log { path: path.clone(), source })?;
                Some((path.clone(), Arc::new(JsonLines::to(file))))
            }
        };
        let metrics = match options.metrics {
            None => None,
            Some(address) => {
                let error = |source| WatchError::Address { option: "--metrics", address, source };
                let server = metrics::serve(status, address).map_err(error)?;
                console.line(&format!("vrseg: metrics at http://{}/metrics", server.address()));
                Some(server)
            }
        };
        let page = match options.serve {
            None => None,
            Some(address) => {
                let error = |source| WatchError::Address { option: "--serve", address, source };
                status.expect_viewer();
                let page = serve::serve(status, address, Arc::clone(&stop)).map_err(error)?;
                console.line(&format!("vrseg: watch at {}", page.link));
                if address.ip().is_unspecified() {
                    console.line("vrseg: from other machines: use this machine's name or address");
                }
                Some(page)
            }
        };
        for (option, address) in [("--metrics", options.metrics), ("--serve", options.serve)] {
            if let Some(address) = address.filter(|a| !a.ip().is_loopback()) {
                console.warning(&format!("{option} {address}: other machines can connect, without encryption"));
            }
        }
        let (end, ended) = mpsc::channel();
        let (ticked, lines) = (Arc::clone(status), log.as_ref().map(|(_, lines)| Arc::clone(lines)));
        let body = move || {
            let mut n: u32 = 0;
            while ended.recv_timeout(TICK_INTERVAL) == Err(mpsc::RecvTimeoutError::Timeout) {
                ticked.tick();
                n = n.wrapping_add(1);
                if let (Some(lines), 0) = (&lines, n % TICKS_PER_LOG_LINE) {
                    lines.write(&ticked.snapshot());
                }
            }
        };
        let ticker = std::thread::Builder::new().name("vrseg-status".to_owned()).spawn(body)?;
        console.attach(Arc::clone(status), false);
        let mut watch = Self {
            status: Arc::clone(status),
            console: console.clone(),
            end: Some(end),
            ticker: Some(ticker),
            log,
            monitor: None,
            page,
            _metrics: metrics,
        };
        if options.monitor {
            watch.monitor(stop);
        }
        Ok(watch)
    }

    fn monitor(&mut self, stop: StopFn) {
        let started = match monitor::obstacle() {
            Some(why) => Err(why.to_owned()),
            None => Monitor::start(&self.status, stop, self.console.colors()).map_err(|e| e.to_string()),
        };
        match started {
            Ok(monitor) => {
                self.console.attach(Arc::clone(&self.status), true);
                self.monitor = Some(monitor);
            }
            Err(why) => self.console.warning(&format!("--monitor: {why}; running without it")),
        }
    }

    /// Ends the viewers: shows the last figures, writes the last line, restores the terminal.
    ///
    /// # Errors
    /// When the performance log could not be written to its end.
    pub(crate) fn finish(mut self) -> Result<(), WatchError> {
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
        self.status.ended();
        if let Some((_, lines)) = &self.log {
            lines.write(&self.status.snapshot());
        }
        self.monitor = None;
        self.console.detach();
        if self.page.is_some() && self.status.has_preview_viewer() {
            std::thread::sleep(LAST_EVENT_DELAY);
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.close();
    }
}
