//! The edits of a review: one document for all tabs, saved beside the video at every change.

use crate::ui::whole_file;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vrseg_engine::edits::{Edits, PersonEdit};
use vrseg_image::matte::people::Surface;

/// Overlap from which on two boxes at the same time are the same person's, as for edits that are applied.
const SAME: f64 = 0.2;

/// The edits, and the file in which they are kept.
#[derive(Debug)]
pub(super) struct Document {
    path: PathBuf,
    /// What stands above the edits in the file.
    title: String,
    /// What the first view shows, and views of a frame.
    surface: Surface,
    views: usize,
    edits: Edits,
    revision: u64,
    /// The numbers here of the people of a pass, by its own.
    numbers: BTreeMap<u32, u32>,
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
    pub(super) fn new(
        path: &Path,
        title: String,
        (edits, on_disk): (Edits, Option<Vec<u8>>),
        (surface, views): (Surface, usize),
    ) -> Self {
        let (path, numbers) = (path.to_owned(), BTreeMap::new());
        Self { path, title, surface, views, edits, revision: 1, numbers, on_disk, error: None }
    }

    pub(super) fn edits(&self) -> &Edits {
        &self.edits
    }

    /// The edits as a page gets them: it needs no paths, and they are long.
    pub(super) fn edits_for_page(&self) -> Edits {
        let without = |p: &PersonEdit| PersonEdit { path: Vec::new(), ..p.clone() };
        Edits { people: self.edits.people.iter().map(without).collect(), ..self.edits.clone() }
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
        edits.check_for(self.surface.is_spherical(), self.views).map_err(Refusal::Wrong)?;
        if edits != self.edits {
            self.edits = edits;
            self.revision += 1;
            self.save();
        } else if self.error.is_some() {
            self.save();
        }
        Ok(self.revision)
    }

    /// The number here of a person by the number of a pass; `None` where it is not known yet.
    pub(super) fn number(&self, of_pass: u32) -> Option<u32> {
        self.numbers.get(&of_pass).copied()
    }

    /// Adopts people that a pass has found so far. Who is where somebody of the file is, is that person, whatever the numbers;
    /// paths only become longer, until the pass is `complete`. What is hidden stays so.
    pub(super) fn found(&mut self, found: Vec<PersonEdit>, complete: bool) {
        let end = |p: &PersonEdit| p.path.last().map_or(f64::MIN, |at| at[0]);
        let mut changed = false;
        for mut new in found {
            let Some(number) = self.numbers.get(&new.person).copied().or_else(|| self.assign(&new)) else { continue };
            self.numbers.insert(new.person, number);
            new.person = number;
            match self.edits.people.iter_mut().find(|p| p.person == number) {
                Some(known) if known.path == new.path || !(complete || end(&new) > end(known)) => {}
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

    /// The number of a person who was found first just now: that of the file's person at the same place, or a new one.
    fn assign(&self, new: &PersonEdit) -> Option<u32> {
        let surface = &self.surface;
        let first = *new.path_on(surface).points.first()?;
        let free = self.edits.people.iter().filter(|p| !self.numbers.values().any(|n| *n == p.person));
        let overlap =
            |p: &PersonEdit| Some(surface.overlap(&p.path_on(surface).at(surface, first.seconds)?, &first.region));
        let same = free.filter_map(|p| Some((overlap(p)?, p.person))).filter(|(share, _)| *share >= SAME);
        let same = same.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, number)| number);
        let next = || self.edits.people.iter().map(|p| p.person).max().unwrap_or(0).saturating_add(1);
        Some(same.unwrap_or_else(next))
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
        whole_file::write(&self.path, true, &text).map_err(|e| e.to_string())?;
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

    /// Someone at a place of a flat picture that is their own.
    fn located(n: u32, end: f64) -> PersonEdit {
        let at = |t: f64| [t, 0.1 * f64::from(n), 0.5, 0.05, 0.3];
        PersonEdit { path: vec![at(0.0), at(end)], ..person(n, true) }
    }

    fn empty(path: &Path) -> Document {
        holding(path, Edits::default())
    }

    fn holding(path: &Path, edits: Edits) -> Document {
        Document::new(path, "title".into(), (edits, None), (Surface::new(None, 1000, 500), 1))
    }

    #[test]
    fn people_of_a_file_keep_their_numbers_and_paths_while_a_pass_runs() {
        let dir = tempfile::tempdir().expect("a folder");
        let hidden = PersonEdit { show: false, ..located(2, 40.0) };
        let edits = Edits { people: vec![located(1, 40.0), hidden.clone()], ..Edits::default() };
        let mut document = holding(&dir.path().join("e.yaml"), edits.clone());
        // Another profile found them in another order, and somebody else first.
        let other = |n: u32, place: u32, end: f64| PersonEdit { person: n, ..located(place, end) };
        document.found(vec![other(1, 7, 1.0), other(2, 2, 1.0), other(3, 1, 1.0)], false);
        assert_eq!(document.edits().people[..2], edits.people[..], "a pass that has just begun shortens nothing");
        assert_eq!([1, 2, 3].map(|n| document.number(n)), [Some(3), Some(2), Some(1)]);
        document.found(vec![other(2, 2, 50.0)], false);
        assert_eq!((document.edits().people[1].path[1][0], document.edits().people[1].show), (50.0, false));
        document.found(vec![other(2, 2, 30.0)], true);
        assert_eq!(document.edits().people[1].path[1][0], 30.0, "a pass that is over knows better");
    }

    #[test]
    fn changes_are_saved_with_paths_and_old_revisions_are_refused() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("clip.edits.yaml");
        let mut document = empty(&path);
        document.found(vec![located(1, 1.0), located(2, 1.0)], false);
        assert!(!path.exists(), "nothing was edited yet");
        let hide = |n| Edits { people: vec![person(n, false)], ..Edits::default() };
        assert_eq!(document.change(hide(2), 1), Ok(2));
        let saved = read(&path).expect("edits");
        assert_eq!((saved.people[0].show, saved.people[1].show, saved.people[1].path.len()), (true, false, 2));
        assert_eq!(document.change(hide(1), 1), Err(Refusal::Conflict));
        assert!(matches!(document.change(hide(9), 2), Err(Refusal::Wrong(_))));
        // The pass goes on: who is hidden stays so.
        document.found(vec![located(1, 5.0), located(2, 5.0), located(3, 5.0)], false);
        let saved = read(&path).expect("edits");
        assert_eq!((saved.people.len(), saved.people[1].show, saved.people[1].path[1][0]), (3, false, 5.0));
        // The same again is no change.
        assert_eq!(document.change(hide(2), 2), Ok(2));
    }

    #[test]
    fn a_file_that_another_program_changed_is_not_overwritten() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("clip.edits.yaml");
        let mut document = empty(&path);
        document.found(vec![located(1, 1.0)], false);
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
        let mut document = empty(&nowhere);
        document.found(vec![located(1, 1.0)], false);
        assert_eq!(document.change(hide(false), 1), Ok(2), "edits are kept though they can't be saved");
        assert!(document.error().is_some());
    }
}
