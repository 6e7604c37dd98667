//! Where an output may be written.

use crate::error::{MediaError, Result};
use crate::read::template::SourceTemplate;
use crate::write::options::WriterOptions;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The name of an output that goes to standard output; `extension` names the container.
pub fn stdout_path(extension: &str) -> PathBuf {
    PathBuf::from(format!("{STDOUT}.{extension}"))
}

/// As FFmpeg calls it.
const STDOUT: &str = "pipe:1";

/// Whether an output goes to standard output.
pub fn is_stdout(path: &Path) -> bool {
    path.file_stem().is_some_and(|stem| stem == STDOUT) && path.parent() == Some(Path::new(""))
}

/// The file that is really written, if it may be.
///
/// # Errors
/// The output exists or is the input, its directory is missing or not writable.
pub(crate) fn check_place(options: &WriterOptions<'_>, template: &SourceTemplate) -> Result<PathBuf> {
    let path = check_target(options.path, options.overwrite)?;
    if same_file(&path, &template.info.path) {
        return Err(MediaError::OutputIsInput { path: options.path.to_path_buf() });
    }
    Ok(path)
}

/// Whether two names are one file (through links, too). False where one of them doesn't exist.
pub fn same_file(a: &Path, b: &Path) -> bool {
    match (std::fs::metadata(a), std::fs::metadata(b)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// The file that is really written (a link is followed), if it may be.
fn check_target(path: &Path, overwrite: bool) -> Result<PathBuf> {
    if is_stdout(path) {
        return Ok(path.to_path_buf());
    }
    let not_writable = |reason: &str| MediaError::NotWritable { path: path.to_path_buf(), reason: reason.to_owned() };
    if path.file_name().is_none() {
        return Err(not_writable("it names no file"));
    }
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => return Err(not_writable("it is a directory")),
        Ok(meta) if !meta.is_file() => return Err(not_writable("it is not a regular file")),
        Ok(_) if !overwrite => return Err(MediaError::OutputExists { path: path.to_path_buf() }),
        Ok(_) => {}
        // A link that leads nowhere is somebody's, too.
        Err(_) if !overwrite && path.symlink_metadata().is_ok() => {
            return Err(MediaError::OutputExists { path: path.to_path_buf() });
        }
        Err(_) => {
            let directory = match path.parent() {
                Some(d) if !d.as_os_str().is_empty() => d,
                _ => Path::new("."),
            };
            return match std::fs::metadata(directory) {
                Ok(meta) if meta.is_dir() => Ok(path.to_path_buf()),
                Ok(_) => Err(not_writable(&format!("{} is not a directory", directory.display()))),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                    Err(MediaError::NoDirectory { path: path.to_path_buf(), directory: directory.to_path_buf() })
                }
                Err(e) => Err(MediaError::create(path, &e)),
            };
        }
    }
    // An existing file is replaced where it really lies.
    std::fs::canonicalize(path).map_err(|e| MediaError::create(path, &e))
}
