//! Results as a JSON file.

use super::benchmark::{Results, SCHEMA};
use std::io::Write as _;
use std::path::Path;

/// Why a file of results can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The file system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// File that was to be read or written.
        path: std::path::PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// It isn't such a file.
    #[error("{} is not a result file of `vrseg bench`: {what}", path.display())]
    Form {
        /// File that was read.
        path: std::path::PathBuf,
        /// What is wrong with it, as a sentence.
        what: String,
    },
}

impl Results {
    /// Reads a file.
    ///
    /// # Errors
    /// It can't be read, is something else, or of a newer version.
    pub fn read(path: &Path) -> Result<Self, ResultsError> {
        let bytes = std::fs::read(path).map_err(|source| ResultsError::Io { path: path.to_owned(), source })?;
        let form = |what: String| ResultsError::Form { path: path.to_owned(), what };
        let any: serde_json::Value =
            serde_json::from_slice(&bytes).map_err(|e| form(format!("it isn't JSON ({e})")))?;
        match any.get("schema").and_then(serde_json::Value::as_u64) {
            Some(n) if n > u64::from(SCHEMA) => {
                return Err(form(format!(
                    "its format version is {n}, and this vrseg supports {SCHEMA}; use a newer vrseg"
                )));
            }
            Some(_) => {}
            None => return Err(form("it has no field `schema`".to_owned())),
        }
        serde_json::from_value(any).map_err(|e| form(e.to_string()))
    }

    /// Writes the file again; whoever reads it meanwhile sees the old one or the new one.
    ///
    /// # Errors
    /// It can't be written.
    pub fn write(&self, path: &Path) -> Result<(), ResultsError> {
        let fail = |source| ResultsError::Io { path: path.to_owned(), source };
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new().prefix(".vrseg-bench-").tempfile_in(folder).map_err(fail)?;
        let text = serde_json::to_string_pretty(self).map_err(|e| fail(e.into()))? + "\n";
        file.write_all(text.as_bytes()).map_err(fail)?;
        file.persist(path).map_err(|e| fail(e.error))?;
        // A temporary file is its owner's alone; this one is like any other.
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).map_err(fail)
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::results;
    use super::*;

    #[test]
    fn results_survive_writing_and_reading() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.json");
        let sample = results();
        sample.write(&path).unwrap();
        sample.write(&path).unwrap();
        assert_eq!(Results::read(&path).unwrap(), sample);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        for (text, why) in [("{", "EOF"), ("{}", "no field `schema`"), ("{\"schema\": 99}", "newer vrseg")] {
            std::fs::write(&path, text).unwrap();
            let error = Results::read(&path).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("r.json"), "{error}");
        }
    }
}
