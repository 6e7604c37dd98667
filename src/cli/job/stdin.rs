//! `-` as an input: standard input, kept in a file without a name for as long as the program runs.
//!
//! A video is read more than once and in any order (its index may be at its end), which no pipe allows.

use crate::cli::exit::UsageError;
use std::fs::File;
use std::io::{self, IsTerminal};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// The name of standard input among inputs.
pub(crate) const STDIN: &str = "-";

/// What came through standard input. The file is gone with it.
#[derive(Debug)]
pub(crate) struct Spooled {
    file: File,
}

impl Spooled {
    /// Reads all of standard input into a file in `folder`, or where temporary files go.
    ///
    /// # Errors
    /// It is a terminal, nothing comes, or there is no room.
    pub(crate) fn read(folder: &Path) -> Result<Self, UsageError> {
        let wrong = |why: String| UsageError(format!("standard input: {why}"));
        let mut input = io::stdin().lock();
        if input.is_terminal() {
            return Err(wrong("is a terminal; pipe a video into it (cat video.mp4 | vrseg - ...)".to_owned()));
        }
        let file = tempfile::tempfile_in(folder).or_else(|_| tempfile::tempfile()).map_err(|e| wrong(e.to_string()))?;
        let bytes = io::copy(&mut input, &mut &file).map_err(|e| wrong(e.to_string()))?;
        if bytes == 0 {
            return Err(wrong("it is empty".to_owned()));
        }
        Ok(Self { file })
    }

    /// A path under which the file can be opened, by this process alone.
    pub(crate) fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }
}
