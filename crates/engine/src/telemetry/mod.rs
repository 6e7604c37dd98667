//! The log: who may speak, and where to.

pub mod crash;
mod file;

pub use file::{LogFile, state_dir};

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::Arc;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};
use tracing_subscriber::{EnvFilter, Layer};

/// Target of messages that the console shows in its own way: they go to the log file only, and to a
/// console that shows nothing but JSON.
pub const SHOWN_ON_CONSOLE: &str = "console";

/// Target of the spans that tell which job and stage a message comes from.
pub const SPANS: &str = "vrseg::stage";

/// How a message looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// A line for people.
    #[default]
    Text,
    /// A JSON object a line.
    Json,
}

/// What the log should be like.
#[derive(Debug, Default)]
pub struct LogOptions {
    /// error, warn, info, debug or trace.
    pub level: String,
    /// The level was requested on the command line, which beats the environment.
    pub explicit: bool,
    /// Colors on the console.
    pub colors: bool,
    /// Lines for people, or for programs.
    pub format: LogFormat,
    /// What gets the log as well, at least at info.
    pub file: LogFile,
}

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file can't be opened.
    #[error("--log-file {}: {}", path.display(), reason(cause))]
    File {
        /// The file.
        path: PathBuf,
        /// The reason.
        cause: io::Error,
    },
    /// A filter can't be read.
    #[error("{name}: {reason}")]
    Filter {
        /// The variable.
        name: &'static str,
        /// The reason.
        reason: String,
    },
    /// A log was set up before.
    #[error("the log was set up twice")]
    Twice(#[from] TryInitError),
}

/// Keeps the log file open; dropping it writes what is left.
#[derive(Debug)]
#[must_use = "the log file ends when this is dropped"]
pub struct LogGuard {
    _file: Option<WorkerGuard>,
}

/// Why the log's file can't be opened, without the system's number.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "No such file, and no such folder to create it in".to_owned(),
        io::ErrorKind::PermissionDenied => "no permission to write it".to_owned(),
        io::ErrorKind::IsADirectory => "is a folder; name a file in it".to_owned(),
        _ => error.to_string(),
    }
}

/// Sets up the log of this process. `console` gets whole lines.
///
/// `VRSEG_LOG`, else `RUST_LOG`, replaces the console's filter (`vrseg=debug,ort=info`) unless the
/// level is explicit.
///
/// # Errors
/// See [`LogError`].
pub fn init(options: &LogOptions, console: impl Fn(&[u8]) + Send + Sync + 'static) -> Result<LogGuard, LogError> {
    let plain = !matches!(options.level.as_str(), "debug" | "trace");
    let lines = Lines(Arc::new(console));
    let layer = tracing_subscriber::fmt::layer();
    let layer = match options.format {
        LogFormat::Json => layer.json().with_ansi(false).with_writer(lines).boxed(),
        // Below debug a message stands for itself; the time is in the log file.
        LogFormat::Text if plain => {
            layer.with_ansi(options.colors).with_target(false).without_time().with_writer(lines).boxed()
        }
        LogFormat::Text => layer.with_ansi(options.colors).with_writer(lines).boxed(),
    };
    let layer = layer.with_filter(console_filter(options)?);

    let writer: Option<Box<dyn Write + Send>> = match &options.file {
        LogFile::Off => None,
        LogFile::At(path) => {
            let error = |cause| LogError::File { path: path.clone(), cause };
            Some(Box::new(file::append(path).map_err(error)?))
        }
        LogFile::State => file::state().ok().map(|log| Box::new(log) as Box<dyn Write + Send>),
    };
    let (file, guard) = match writer {
        None => (None, None),
        Some(writer) => {
            // Not lossy: a log that drops lines under load is worth least when it is needed most.
            let (writer, guard) = NonBlockingBuilder::default().lossy(false).finish(writer);
            let level = if plain { "info" } else { options.level.as_str() };
            let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(writer);
            let layer = match options.format {
                LogFormat::Json => layer.json().boxed(),
                LogFormat::Text => layer.boxed(),
            };
            (Some(layer.with_filter(EnvFilter::new(filter(level) + &format!(",{SPANS}=debug")))), Some(guard))
        }
    };
    tracing_subscriber::registry().with(layer).with(file).try_init()?;
    Ok(LogGuard { _file: guard })
}

/// ONNX Runtime speaks in target `ort`, and much: below a full trace only its warnings are told.
fn filter(level: &str) -> String {
    let ort = match level {
        "trace" => "trace",
        "debug" | "info" => "warn",
        _ => "error",
    };
    format!("{level},ort={ort}")
}

fn console_filter(options: &LogOptions) -> Result<EnvFilter, LogError> {
    let silence = match options.format {
        LogFormat::Text => format!(",{SHOWN_ON_CONSOLE}=off"),
        LogFormat::Json => String::new(),
    };
    for name in ["VRSEG_LOG", "RUST_LOG"] {
        if let Ok(text) = std::env::var(name)
            && !text.is_empty()
            && !options.explicit
        {
            return EnvFilter::try_new(text + &silence).map_err(|e| LogError::Filter { name, reason: e.to_string() });
        }
    }
    Ok(EnvFilter::new(filter(&options.level) + &silence))
}

/// Gives each event to the console in one piece.
struct Lines<F>(Arc<F>);

/// The text of one event.
struct Line<F: Fn(&[u8])> {
    text: Vec<u8>,
    console: Arc<F>,
}

impl<F: Fn(&[u8])> Write for Line<F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F: Fn(&[u8])> Drop for Line<F> {
    fn drop(&mut self) {
        if !self.text.is_empty() {
            (self.console)(&self.text);
        }
    }
}

impl<'a, F: Fn(&[u8]) + 'a> MakeWriter<'a> for Lines<F> {
    type Writer = Line<F>;

    fn make_writer(&'a self) -> Line<F> {
        Line { text: Vec::new(), console: Arc::clone(&self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    #[test]
    fn events_reach_the_console_whole() {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&seen);
        let lines = Lines(Arc::new(move |bytes: &[u8]| {
            sink.lock().expect("not poisoned").push(String::from_utf8_lossy(bytes).into_owned());
        }));
        let layer =
            tracing_subscriber::fmt::layer().with_ansi(false).without_time().with_target(false).with_writer(lines);
        let subscriber = tracing_subscriber::registry().with(layer.with_filter(EnvFilter::new(filter("warn"))));
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!("not shown");
            tracing::warn!(frame = 3, "late");
            tracing::warn!(target: "ort", "chatter");
        });
        assert_eq!(*seen.lock().expect("not poisoned"), [" WARN late frame=3\n"]);
    }
}
