//! Marks people who are hidden at the time.

use super::FramePerson;
use crate::edits::Edits;
use vrseg_image::edits::{PersonPath, assign, same_person};
use vrseg_image::matte::people::{Region, Surface};

/// Tells which of a frame's people are hidden. It has no memory: a frame is enough.
#[derive(Debug)]
pub struct HiddenPeople {
    surface: Surface,
    /// Of everybody in the file, so that somebody who is shown isn't taken for somebody who is hidden.
    paths: Vec<PersonPath>,
    edits: Edits,
}

impl HiddenPeople {
    /// For views that show `surface`; `None` where nobody is hidden.
    pub fn new(edits: &Edits, surface: Surface) -> Option<Self> {
        let paths = edits.people.iter().map(|p| p.path_on(&surface)).collect();
        let edits = Edits { people: edits.people.clone(), ..Edits::default() };
        edits.hides_people().then_some(Self { surface, paths, edits })
    }

    /// Marks who is hidden at a time (seconds of the source), in all eyes; of those who were detected, not of those who were
    /// added by hand.
    pub fn mark(&self, people: &mut [FramePerson], seconds: f64) {
        people.iter_mut().for_each(|p| p.hidden = false);
        if !self.edits.people.iter().any(|p| p.is_hidden(seconds)) {
            return;
        }
        let first: Vec<_> =
            people.iter().filter(|p| p.eye == 0 && !p.is_added()).map(|p| (p.track, p.region)).collect();
        let boxes: Vec<Region> = first.iter().map(|(_, region)| *region).collect();
        let found = assign(&self.surface, &boxes, &self.paths, seconds);
        let hidden = |n: &Option<usize>| n.is_some_and(|n| self.edits.people[n].is_hidden(seconds));
        let mut goes: Vec<bool> = found.iter().map(hidden).collect();
        // The face of somebody who is hidden may be followed by itself.
        for n in (0..boxes.len()).filter(|n| found[*n].is_none()) {
            let whole = |m: &usize| found[*m].is_some() && same_person(&self.surface, &boxes[n], &boxes[*m]);
            goes[n] = (0..boxes.len()).find(whole).is_some_and(|m| hidden(&found[m]));
        }
        let tracks: Vec<u64> = first.iter().zip(goes).filter(|(_, goes)| *goes).map(|((t, _), _)| *t).collect();
        people.iter_mut().for_each(|p| p.hidden = tracks.contains(&p.track));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edits::{PersonEdit, file_point};
    use crate::time::Seconds;

    #[test]
    fn only_the_hidden_person_goes_and_only_in_that_time() {
        let surface = Surface::new(None, 400, 200);
        let region = |x: f64| Region { center: [x, 100.0, 0.0], half: [20.0, 60.0] };
        let person = |n: u32, x: f64, hide: &[(f64, f64)]| PersonEdit {
            person: n,
            show: true,
            hide: hide.iter().map(|(a, b)| (Seconds(*a), Seconds(*b))).collect(),
            path: vec![file_point(0.0, &region(x), &surface), file_point(10.0, &region(x), &surface)],
        };
        let edits = Edits { people: vec![person(1, 100.0, &[]), person(2, 130.0, &[(2.0, 4.0)])], ..Edits::default() };
        let hidden = HiddenPeople::new(&edits, surface).expect("somebody is hidden");
        let tracked = |track: u64, eye: usize, x: f64| FramePerson {
            track,
            eye,
            region: region(x),
            crop_region: region(x),
            strength: 1.0,
            sure: true,
            hidden: false,
        };
        // Track numbers differ from the file's.
        let all = vec![tracked(7, 0, 128.0), tracked(9, 0, 101.0), tracked(7, 1, 120.0), tracked(9, 1, 95.0)];
        for (seconds, left) in [(1.9, vec![7, 9, 7, 9]), (2.0, vec![9, 9]), (4.0, vec![7, 9, 7, 9])] {
            let mut people = all.clone();
            hidden.mark(&mut people, seconds);
            let shown = people.iter().filter(|p| !p.hidden).map(|p| p.track);
            assert_eq!(shown.collect::<Vec<_>>(), left, "{seconds}");
        }
        // A face that is followed by itself goes with its person.
        let face = Region { center: [128.0, 55.0, 0.0], half: [10.0, 13.0] };
        let mut people = vec![tracked(7, 0, 128.0), FramePerson { region: face, ..tracked(8, 0, 0.0) }];
        hidden.mark(&mut people, 3.0);
        assert!(people.iter().all(|p| p.hidden));
        hidden.mark(&mut people, 5.0);
        assert!(people.iter().all(|p| !p.hidden));
        // So does a box of the upper body, but nobody who was added by hand.
        let upper = Region { center: [128.0, 72.0, 0.0], half: [20.0, 33.0] };
        let mut people = vec![tracked(7, 0, 128.0), FramePerson { region: upper, ..tracked(8, 0, 0.0) }];
        hidden.mark(&mut people, 3.0);
        assert!(people.iter().all(|p| p.hidden));
        people[1].track = super::super::added::FIRST_TRACK;
        hidden.mark(&mut people, 3.0);
        assert_eq!(people.iter().map(|p| p.hidden).collect::<Vec<_>>(), [true, false]);
        assert!(HiddenPeople::new(&Edits { people: vec![person(1, 1.0, &[])], ..Edits::default() }, surface).is_none());
    }
}
