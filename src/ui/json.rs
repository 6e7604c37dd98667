//! `--json`: one object a line on standard output, as `docs/json-events.md` describes.

use serde::Serialize;
use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

/// A stream of JSON lines. When its reader goes away it falls silent: whoever stopped listening
/// still wants the video.
pub struct JsonLines(Mutex<Option<Box<dyn Write + Send>>>);

impl std::fmt::Debug for JsonLines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("JsonLines")
    }
}

impl JsonLines {
    /// To standard output.
    pub fn stdout() -> Self {
        Self::to(io::stdout())
    }

    /// To some other writer.
    pub fn to(out: impl Write + Send + 'static) -> Self {
        Self(Mutex::new(Some(Box::new(out))))
    }

    /// Writes one object and flushes, so that a reader sees it at once.
    pub fn write(&self, object: &impl Serialize) {
        let Ok(mut line) = serde_json::to_vec(object) else { return };
        line.push(b'\n');
        let mut out = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(stream) = out.as_mut()
            && stream.write_all(&line).and_then(|()| stream.flush()).is_err()
        {
            *out = None;
        }
    }
}
