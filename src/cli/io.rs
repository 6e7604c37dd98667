//! Standard output, and files that commands write.

use anyhow::Context;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// Prints to standard output. A reader that has gone away is no error.
///
/// # Errors
/// Standard output can't be written.
pub(crate) fn print_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe => Err(e).context("standard output"),
        _ => Ok(()),
    }
}

/// [`print_bytes`] for text.
///
/// # Errors
/// As [`print_bytes`].
pub(crate) fn print_text(text: &str) -> anyhow::Result<()> {
    print_bytes(text.as_bytes())
}

/// Opens a file to be written, emptied. One that exists is an error of kind `AlreadyExists` unless `overwrite`: asked
/// of the system in one step, so that no file that appears meanwhile is lost.
///
/// # Errors
/// What the system says.
pub(crate) fn create_file(path: &Path, overwrite: bool) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).truncate(true);
    if overwrite { options.create(true).open(path) } else { options.create_new(true).open(path) }
}
