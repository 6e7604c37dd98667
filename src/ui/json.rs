//! `--json`: one object a line on standard output, as `docs/monitoring.md` describes.

use serde::Serialize;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// A stream of JSON lines. After the first failure it writes nothing more: who stopped reading, or
/// filled the disk, still wants the video.
pub(crate) struct JsonLines(Mutex<State>);

struct State {
    /// `None` after the first failure.
    out: Option<Box<dyn Write + Send>>,
    /// The failure, unless it is just a reader that went away.
    failure: Option<io::Error>,
}

impl std::fmt::Debug for JsonLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JsonLines")
    }
}

impl JsonLines {
    pub(crate) fn stdout() -> Self {
        Self::to(io::stdout())
    }

    pub(crate) fn to(out: impl Write + Send + 'static) -> Self {
        Self(Mutex::new(State { out: Some(Box::new(out)), failure: None }))
    }

    /// Writes one object and flushes, so that a reader sees it at once.
    pub(crate) fn write(&self, object: &impl Serialize) {
        let Ok(mut line) = serde_json::to_vec(object) else { return };
        line.push(b'\n');
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = state.out.as_mut()
            && let Err(e) = stream.write_all(&line).and_then(|()| stream.flush())
        {
            state.out = None;
            state.failure = Some(e).filter(|e| e.kind() != io::ErrorKind::BrokenPipe);
        }
    }

    /// Why not every line could be written, returned once; a reader that went away is no reason.
    pub(crate) fn failure(&self) -> Option<io::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).failure.take()
    }
}
