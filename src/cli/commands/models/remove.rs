//! `vrseg models remove`.

use super::parts::Part;
use crate::cli::exit::Exit;
use crate::ui::format::bytes;
use anyhow::Context as _;
use std::fs;
use std::io;
use std::path::Path;
use vrseg_infer::library;

/// Removes the files of models and runtimes; what is inside the binary stays.
///
/// # Errors
/// An unknown name, or a file that can't be removed.
pub(super) fn run(names: &[String], print: impl Fn(&str) -> anyhow::Result<()>) -> anyhow::Result<Exit> {
    let (added, installed): (Vec<_>, Vec<_>) = names.iter().cloned().partition(|name| library::is_added(name));
    // Names that aren't known are told before anything is removed.
    let parts = Part::all(&installed)?;
    for name in &added {
        for path in library::remove(name)? {
            print(&format!("{name}: removed {}\n", path.display()))?;
        }
    }
    for part in parts {
        let shown = part.path.display();
        let text = match remove(&part.path).with_context(|| format!("cannot remove {shown}"))? {
            Some(size) => format!("{}: removed {shown} ({})\n", part.name, bytes(size)),
            None => format!("{}: not installed ({shown} does not exist)\n", part.name),
        };
        print(&text)?;
    }
    Ok(Exit::Done)
}

/// Removes a file, a link or a folder; returns its size, or `None` where there was none.
fn remove(path: &Path) -> io::Result<Option<u64>> {
    let found = match fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    if !found.is_dir() {
        fs::remove_file(path)?;
        return Ok(Some(found.len()));
    }
    let size = size_of(path)?;
    fs::remove_dir_all(path)?;
    Ok(Some(size))
}

fn size_of(folder: &Path) -> io::Result<u64> {
    let mut size = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let found = entry.metadata()?;
        size += if found.is_dir() { size_of(&entry.path())? } else { found.len() };
    }
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_folders_are_removed_and_links_not_followed() {
        let dir = tempfile::tempdir().expect("a folder");
        let (folder, outside) = (dir.path().join("ort"), dir.path().join("outside"));
        fs::create_dir_all(folder.join("licenses")).expect("made");
        fs::write(folder.join("licenses/LICENSE"), b"words").expect("written");
        fs::write(&outside, b"stays").expect("written");
        std::os::unix::fs::symlink(&outside, folder.join("link")).expect("a link");
        let size = remove(&folder).expect("removed").expect("was there");
        assert!(size >= 5 && !folder.exists() && outside.exists(), "{size}");
        assert_eq!(remove(&folder).expect("nothing to do"), None);
        assert_eq!(remove(&outside).expect("removed"), Some(5));
    }
}
