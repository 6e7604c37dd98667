//! Log files: the one that the user names, and the rotating one in the state folder.

use file_rotate::suffix::AppendCount;
use file_rotate::{ContentLimit, FileRotate, compression::Compression};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file of that size is put aside, between two lines.
const LIMIT: usize = 10 << 20;
/// Files that are kept beside the one that is written.
const BACKUPS: usize = 5;
/// Programs that log at the same time; whoever comes later has no log file.
const PROGRAMS: usize = 8;

/// Where the log goes besides the console.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum LogFile {
    /// Nowhere.
    #[default]
    Off,
    /// Into the state folder, where old files are put aside and dropped. A folder that can't be
    /// written is no reason to fail.
    State,
    /// Into this file, which grows.
    At(PathBuf),
}

/// `$XDG_STATE_HOME/vrseg`, else `~/.local/state/vrseg`; `None` where neither is known.
pub fn state_dir() -> Option<PathBuf> {
    let var = |n: &str| std::env::var_os(n).map(PathBuf::from).filter(|p| p.is_absolute());
    let state = var("XDG_STATE_HOME").or_else(|| Some(var("HOME")?.join(".local/state")))?;
    Some(state.join("vrseg"))
}

/// Opens a file that is appended to.
pub(super) fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

/// A log that is no longer than it should be; keeps its lock while it lives.
pub(super) struct Rotating {
    files: FileRotate<AppendCount>,
    _lock: File,
}

impl Write for Rotating {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.files.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.files.flush()
    }
}

/// Opens `vrseg.log` in `dir`, or `vrseg-2.log` ... where another program is writing that one.
pub(super) fn rotating(dir: &Path, limit: usize) -> io::Result<Rotating> {
    std::fs::create_dir_all(dir)?;
    for n in 1..=PROGRAMS {
        let name = if n == 1 { "vrseg.log".to_owned() } else { format!("vrseg-{n}.log") };
        let lock = append(&dir.join(format!(".{name}.lock")))?;
        if lock.try_lock().is_err() {
            continue;
        }
        let path = dir.join(name);
        // The log names the user's files: nobody else needs to read it.
        let options = || {
            let mut options = OpenOptions::new();
            options.create(true).append(true).read(true).mode(0o600);
            options
        };
        // Detects here what can't be written: FileRotate would continue silently.
        options().open(&path)?;
        let count = AppendCount::new(BACKUPS);
        let limit = ContentLimit::BytesSurpassed(limit);
        return Ok(Rotating {
            files: FileRotate::new(path, count, limit, Compression::None, Some(options())),
            _lock: lock,
        });
    }
    Err(io::Error::other(format!("{PROGRAMS} programs are already writing logs there")))
}

/// As [`rotating`], with the limit of the real log.
pub(super) fn state() -> io::Result<Rotating> {
    let dir = state_dir().ok_or_else(|| io::Error::other("neither XDG_STATE_HOME nor HOME is set"))?;
    rotating(&dir, LIMIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let name = |e: io::Result<std::fs::DirEntry>| e.expect("an entry").file_name().to_string_lossy().into_owned();
        let mut all: Vec<_> = std::fs::read_dir(dir).expect("a folder").map(name).collect();
        all.retain(|n| !n.ends_with(".lock"));
        all.sort();
        all
    }

    #[test]
    fn old_lines_are_dropped_and_lines_stay_whole() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let dir = dir.path().join("new/vrseg");
        let mut log = rotating(&dir, 1000).expect("a log");
        for n in 0..200 {
            // As the log does it: a message in one piece.
            log.write_all(format!("line {n:03} {}\n", "x".repeat(89)).as_bytes()).expect("written");
        }
        assert_eq!(
            names(&dir),
            ["vrseg.log", "vrseg.log.1", "vrseg.log.2", "vrseg.log.3", "vrseg.log.4", "vrseg.log.5"]
        );
        for name in names(&dir) {
            let text = std::fs::read_to_string(dir.join(name)).expect("text");
            assert!(text.len() <= 1100 && text.lines().all(|l| l.len() == 98), "{text}");
        }
    }

    #[test]
    fn two_programs_have_a_file_each() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let first = rotating(dir.path(), 1000).expect("a log");
        let second = rotating(dir.path(), 1000).expect("a log");
        assert_eq!(names(dir.path()), ["vrseg-2.log", "vrseg.log"]);
        drop((first, second));
        rotating(dir.path(), 1000).expect("a log");
        assert_eq!(names(dir.path()), ["vrseg-2.log", "vrseg.log"]);
        assert!(rotating(Path::new("/proc/nowhere"), 1000).is_err());
    }
}
