//! Standard output, and files that commands write.
#![allow(unsafe_code)] // Rust opens /dev/null in place of a closed standard output; only before `main` it can be seen.

use anyhow::Context;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether standard output was open when the program was started.
static STDOUT_IS_OPEN: AtomicBool = AtomicBool::new(true);

extern "C" fn check_stdout() {
    // SAFETY: asks for a descriptor's flags, which changes nothing; there is one thread, and nothing of Rust's
    // runtime is used.
    let closed = unsafe { libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) } < 0;
    STDOUT_IS_OPEN.store(!closed, Ordering::Relaxed);
}

// SAFETY: the C library calls the functions of this section, of this type, once before `main`.
#[used]
#[unsafe(link_section = ".init_array")]
static CHECK_STDOUT: extern "C" fn() = check_stdout;

/// Whether what is written to standard output can arrive anywhere: `>&-` closes it.
pub(crate) fn stdout_is_open() -> bool {
    STDOUT_IS_OPEN.load(Ordering::Relaxed)
}

/// Prints to standard output. A reader that has gone away is no error.
///
/// # Errors
/// Standard output can't be written.
pub(crate) fn print_bytes(bytes: &[u8]) -> anyhow::Result<()> {
    if !stdout_is_open() {
        anyhow::bail!("standard output is closed; redirect it to a file or a pipe");
    }
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
