//! Numbers of people for whoever lists them. Somebody may be followed by several tracks: of the whole person, of the face.

use super::FramePerson;
use vrseg_image::edits::same_person;
use vrseg_image::matte::people::Surface;

/// Seconds for which a track must be apart from its person to be somebody else.
const APART: f64 = 1.0;

/// A track and the number of its person.
#[derive(Debug)]
struct Numbered {
    track: u64,
    number: u32,
    /// Seconds of the source at which it was seen last, and for how many in sum it was beside its person.
    seen: f64,
    apart: f64,
}

/// Gives people numbers from 1 on, in the order of appearance.
#[derive(Debug, Default)]
pub struct PersonNumbers {
    tracks: Vec<Numbered>,
    last: u32,
}

impl PersonNumbers {
    /// The numbers of a frame's people, all in one eye that shows `surface`, at a time in seconds.
    pub fn of(&mut self, surface: &Surface, people: &[&FramePerson], seconds: f64) -> Vec<u32> {
        people.iter().map(|person| self.number(surface, person, people, seconds)).collect()
    }

    fn number(&mut self, surface: &Surface, person: &FramePerson, people: &[&FramePerson], seconds: f64) -> u32 {
        let Self { tracks, last } = self;
        let same_person = |other: &FramePerson| same_person(surface, &person.region, &other.region);
        let known = tracks.iter().position(|t| t.track == person.track);
        let place_of = |p: &FramePerson| tracks.iter().position(|t| t.track == p.track);
        let others = people.iter().filter(|p| p.track != person.track).filter_map(|p| Some((*p, place_of(p)?)));
        let Some(at) = known else {
            // Who shows up in somebody's box is a part of them.
            let whole = others.filter(|(p, _)| same_person(p)).map(|(_, place)| tracks[place].number).next();
            let number = whole.unwrap_or_else(|| next(last));
            tracks.push(Numbered { track: person.track, number, seen: seconds, apart: 0.0 });
            return number;
        };
        let same: Vec<_> = others.filter(|(_, place)| tracks[*place].number == tracks[at].number).collect();
        let together = same.iter().any(|(p, _)| same_person(p));
        // Of two that part, the one that came later is somebody else.
        let later = same.iter().any(|(_, place)| *place < at);
        let track = &mut tracks[at];
        let since = seconds - std::mem::replace(&mut track.seen, seconds);
        if !same.is_empty() && !together && later {
            track.apart += since;
            if track.apart >= APART {
                (track.number, track.apart) = (next(last), 0.0);
            }
        }
        track.number
    }
}

fn next(last: &mut u32) -> u32 {
    *last += 1;
    *last
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrseg_image::matte::people::Region;

    fn tracked(track: u64, center: [f64; 2], half: [f64; 2]) -> FramePerson {
        let region = Region { center: [center[0], center[1], 0.0], half };
        FramePerson { track, eye: 0, region, crop_region: region, strength: 1.0, sure: true, hidden: false }
    }

    #[test]
    fn somebody_and_their_face_have_one_number_until_they_part() {
        let surface = Surface::new(None, 400, 200);
        let mut numbers = PersonNumbers::default();
        let mut at =
            |seconds: f64, people: &[FramePerson]| numbers.of(&surface, &people.iter().collect::<Vec<_>>(), seconds);
        let body = |x: f64| tracked(5, [x, 100.0], [30.0, 80.0]);
        let face = |x: f64| tracked(7, [x, 36.0], [12.0, 16.0]);
        let other = tracked(6, [300.0, 100.0], [30.0, 80.0]);
        assert_eq!(at(0.0, &[body(100.0), face(100.0), other]), [1, 1, 2]);
        // Whichever comes first, and again later.
        assert_eq!(at(0.5, &[face(102.0), body(102.0)]), [1, 1]);
        // Apart for a moment, then for long.
        assert_eq!(at(1.0, &[body(100.0), face(180.0)]), [1, 1]);
        assert_eq!(at(1.4, &[body(100.0), face(180.0), other]), [1, 1, 2]);
        assert_eq!(at(1.6, &[body(100.0), face(180.0)]), [1, 3]);
        assert_eq!(at(2.6, &[face(180.0), body(180.0)]), [3, 1]);
        let mut numbers = PersonNumbers::default();
        let people = [face(100.0), other, body(100.0)];
        assert_eq!(numbers.of(&surface, &people.iter().collect::<Vec<_>>(), 0.0), [1, 2, 1]);
    }

    #[test]
    fn people_who_walk_past_each_other_keep_their_numbers() {
        let surface = Surface::new(None, 400, 200);
        let mut numbers = PersonNumbers::default();
        for i in 0..=40 {
            let x = 5.0 * f64::from(i);
            let people = [tracked(1, [100.0 + x, 100.0], [30.0, 80.0]), tracked(2, [300.0 - x, 100.0], [30.0, 80.0])];
            let found = numbers.of(&surface, &people.iter().collect::<Vec<_>>(), f64::from(i) / 10.0);
            assert_eq!(found, [1, 2], "{i}");
        }
    }
}
