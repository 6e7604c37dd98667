//! The edits of a review: one document for all tabs, saved beside the video at every change.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use vrseg_engine::edits::{Edits, PersonEdit};

/// The edits, and the file in which they are kept.
#[derive(Debug)]
pub(super) struct Document {
    path: PathBuf,
    /// What stands above the edits in the file.
    title: String,
    edits: Edits,
    revision: u64,
    /// The file's content as we know it; `None`: there is no file yet.
    on_disk: Option<Vec<u8>>,
    error: Option<String>,
}

/// Why a change was not accepted.
#[derive(Debug, PartialEq)]
pub(super) enum Refusal {
    /// Somebody else changed the edits since.
    Conflict,
    /// The edits make no sense.
    Wrong(String),
}

impl Document {
    /// The document of an edits file, which may not exist yet.
    pub(super) fn new(path: &Path, title: String, edits: Edits, on_disk: Option<Vec<u8>>) -> Self {
        Self { path: path.to_owned(), title, edits, revision: 1, on_disk, error: None }
    }

    pub(super) fn edits(&self) -> &Edits {
        &self.edits
    }

    pub(super) fn revision(&self) -> u64 {
        self.revision
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Why the edits are not in the file; `None`: they are.
    pub(super) fn error(&self) -> Option<&str> {
        self.error.as_deref()
    }

    /// Replaces the edits by those of a page that knew `revision`. Where people are is not the page's business: their paths
    /// stay. Returns the new revision.
    pub(super) fn change(&mut self, mut edits: Edits, revision: u64) -> Result<u64, Refusal> {
        if revision != self.revision {
            return Err(Refusal::Conflict);
        }
        let mut people = self.edits.people.clone();
        for person in &mut people {
            (person.show, person.hide) = (true, Vec::new());
        }
        for changed in edits.people {
            let Some(person) = people.iter_mut().find(|p| p.person == changed.person) else {
                return Err(Refusal::Wrong(format!("people: there is no person {}", changed.person)));
            };
            (person.show, person.hide) = (changed.show, changed.hide);
        }
        edits.people = people;
        edits.check().map_err(|(section, n, what)| Refusal::Wrong(format!("{section}[{n}]: {what}")))?;
        if edits != self.edits {
            self.edits = edits;
            self.revision += 1;
            self.save();
        } else if self.error.is_some() {
            self.save();
        }
        Ok(self.revision)
    }

    /// Takes over people who were found. The paths of those who are known already become longer; what is hidden stays so.
    pub(super) fn found(&mut self, found: Vec<PersonEdit>) {
        let mut changed = false;
        for new in found {
            match self.edits.people.iter_mut().find(|p| p.person == new.person) {
                Some(known) if known.path == new.path => {}
                Some(known) => {
                    known.path = new.path;
                    changed = true;
                }
                None => {
                    self.edits.people.push(new);
                    changed = true;
                }
            }
        }
        // A list of people alone is worth no file.
        if changed && !self.edits.is_empty() {
            self.save();
        }
    }

    /// Writes the file, completely or not at all.
    fn save(&mut self) {
        self.error = self.write().err();
        if let Some(error) = &self.error {
            tracing::warn!("{}: {error}", self.path.display());
        }
    }

    fn write(&mut self) -> Result<(), String> {
        let there = match std::fs::read(&self.path) {
            Ok(bytes) => Some(bytes),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => None,
            Err(e) => return Err(e.to_string()),
        };
        if there.is_some() && there != self.on_disk {
            return Err("another program changed this file; move it away to save here".to_owned());
        }
        let text = self.edits.to_text(&self.title, |_| None).into_bytes();
        let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let write = || -> std::io::Result<()> {
            let mut file = tempfile::Builder::new().prefix(".vrseg-edits-").tempfile_in(folder)?;
            file.write_all(&text)?;
            file.as_file().sync_all()?;
            file.persist(&self.path).map(drop).map_err(|e| e.error)
        };
        write().map_err(|e| e.to_string())?;
        self.on_disk = Some(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrseg_engine::edits::read;

    fn person(n: u32, show: bool) -> PersonEdit {
        PersonEdit { person: n, show, hide: Vec::new(), path: Vec::new() }
    }

    fn located(n: u32, end: f64) -> PersonEdit {
        PersonEdit { path: vec![[0.0, 1.0, 2.0, 3.0, 4.0], [end, 1.0, 2.0, 3.0, 4.0]], ..person(n, true) }
    }

    #[test]
    fn changes_are_saved_with_paths_and_old_revisions_are_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("clip.edits.yaml");
        let mut document = Document::new(&path, "title".into(), Edits::default(), None);
        document.found(vec![located(1, 1.0), located(2, 1.0)]);
        assert!(!path.exists(), "nothing was edited yet");
        let hide = |n| Edits { people: vec![person(n, false)], ..Edits::default() };
        assert_eq!(document.change(hide(2), 1), Ok(2));
        let saved = read(&path).expect("edits");
        assert_eq!((saved.people[0].show, saved.people[1].show, saved.people[1].path.len()), (true, false, 2));
        assert_eq!(document.change(hide(1), 1), Err(Refusal::Conflict));
        assert!(matches!(document.change(hide(9), 2), Err(Refusal::Wrong(_))));
        // The pass goes on: who is hidden stays so.
        document.found(vec![located(1, 5.0), located(2, 5.0), located(3, 5.0)]);
        let saved = read(&path).expect("edits");
        assert_eq!((saved.people.len(), saved.people[1].show, saved.people[1].path[1][0]), (3, false, 5.0));
        // The same again is no change.
        assert_eq!(document.change(hide(2), 2), Ok(2));
    }

    #[test]
    fn a_file_that_another_program_changed_is_not_overwritten() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("clip.edits.yaml");
        let mut document = Document::new(&path, String::new(), Edits::default(), None);
        document.found(vec![located(1, 1.0)]);
        let hide = |show| Edits { people: vec![person(1, show)], ..Edits::default() };
        assert_eq!(document.change(hide(false), 1), Ok(2));
        std::fs::write(&path, "# by hand\n").expect("written");
        assert_eq!(document.change(hide(true), 2), Ok(3));
        assert!(document.error().is_some_and(|e| e.contains("another program")));
        assert_eq!(std::fs::read_to_string(&path).expect("read"), "# by hand\n");
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(document.change(hide(false), 3), Ok(4));
        assert!(document.error().is_none() && path.exists());
        let nowhere = dir.path().join("no/folder.yaml");
        let mut document = Document::new(&nowhere, String::new(), Edits::default(), None);
        document.found(vec![located(1, 1.0)]);
        assert_eq!(document.change(hide(false), 1), Ok(2), "edits are kept though they can't be saved");
        assert!(document.error().is_some());
    }
}
