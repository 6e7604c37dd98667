//! Which tracked person an edit means: the one who is where the edit's person was at that time. Track numbers depend on where
//! a run begins and on its detector; places don't.

use crate::matte::people::{Region, Surface};

/// Where a person was at a time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PathPoint {
    /// Seconds of the source.
    pub seconds: f64,
    /// The box around them in the first eye.
    pub region: Region,
}

/// Where a person was from their first to their last appearance, in the order of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PersonPath {
    /// The points.
    pub points: Vec<PathPoint>,
}

/// Overlap (intersection over union) below which a box is another person's.
const SAME: f64 = 0.2;
/// Seconds before the first point and after the last in which the person may be there, too.
const SLACK: f64 = 0.6;

impl PersonPath {
    /// The box at a time, between its neighbors in time; `None` where the person isn't there.
    pub fn at(&self, surface: &Surface, seconds: f64) -> Option<Region> {
        let (first, last) = (self.points.first()?, self.points.last()?);
        if seconds < first.seconds - SLACK || seconds > last.seconds + SLACK {
            return None;
        }
        let after = self.points.partition_point(|p| p.seconds <= seconds);
        let (a, b) = match (after.checked_sub(1).and_then(|i| self.points.get(i)), self.points.get(after)) {
            (Some(a), Some(b)) => (a, b),
            (Some(end), None) | (None, Some(end)) => return Some(end.region),
            (None, None) => return None,
        };
        let t = (seconds - a.seconds) / (b.seconds - a.seconds).max(1e-9);
        let mix = |from: f64, to: f64| from + (to - from) * t;
        let plane = surface.plane(a.region.center);
        let [x, y] = plane.point(b.region.center)?;
        Some(Region {
            center: plane.spot([x * t, y * t]),
            half: [mix(a.region.half[0], b.region.half[0]), mix(a.region.half[1], b.region.half[1])],
        })
    }
}

/// Share of a part's box that lies in the whole person's, its height and its area as shares of those, and how far below the
/// person's upper edge its own is, as a share of their height: a face has a third of a standing person's height, an upper body
/// more than half of a sitting one's.
const INSIDE: f64 = 0.65;
const PART_HEIGHT: f64 = 0.7;
const PART_AREA: f64 = 0.5;
const PART_TOP: f64 = 0.15;
/// Overlap from which on two boxes are of one person, where the second is new: people who walk past each other were seen before.
const TWICE: f64 = 0.5;

/// Whether two boxes of a frame show one person: twice, or the whole and a part.
pub fn same_person(surface: &Surface, a: &Region, b: &Region) -> bool {
    surface.overlap(a, b) >= TWICE || is_part(surface, a, b) || is_part(surface, b, a)
}

/// Whether a box shows the face or the upper body of the person in another: detectors find both.
fn is_part(surface: &Surface, part: &Region, whole: &Region) -> bool {
    let smaller = part.half[1] <= PART_HEIGHT * whole.half[1]
        && part.half[0] * part.half[1] <= PART_AREA * whole.half[0] * whole.half[1];
    // Someone farther away is as slim as a whole person; a face is not.
    let upper = part.half[0] >= 0.5 * part.half[1];
    let Some([_, y]) = surface.plane(whole.center).point(part.center).filter(|_| smaller && upper) else {
        return false;
    };
    let top = (y - part.half[1] + whole.half[1]) / (2.0 * whole.half[1]);
    top.abs() <= PART_TOP && surface.covered(part, whole) >= INSIDE
}

/// For each of `boxes` (a frame's people) the number of the path it belongs to, if any: those that overlap most first, each
/// path and box once.
pub fn assign(surface: &Surface, boxes: &[Region], paths: &[PersonPath], seconds: f64) -> Vec<Option<usize>> {
    let mut pairs = Vec::new();
    for (p, path) in paths.iter().enumerate() {
        let Some(there) = path.at(surface, seconds) else { continue };
        for (b, found) in boxes.iter().enumerate() {
            let overlap = surface.overlap(&there, found);
            if overlap >= SAME {
                pairs.push((overlap, p, b));
            }
        }
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut used, mut found) = (vec![false; paths.len()], vec![None; boxes.len()]);
    for (_, p, b) in pairs {
        if !used[p] && found[b].is_none() {
            used[p] = true;
            found[b] = Some(p);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vr::Lens;

    fn flat(seconds: f64, x: f64) -> PathPoint {
        PathPoint { seconds, region: Region { center: [x, 100.0, 0.0], half: [20.0, 50.0] } }
    }

    #[test]
    fn people_who_cross_keep_their_paths() {
        let surface = Surface::new(None, 400, 200);
        let right = PersonPath { points: vec![flat(0.0, 50.0), flat(4.0, 350.0)] };
        let left = PersonPath { points: vec![flat(0.0, 350.0), flat(4.0, 50.0)] };
        let paths = [right, left];
        for i in 0..=40 {
            let t = f64::from(i) / 10.0;
            let at = |x: f64| Region { center: [x + 3.0, 98.0, 0.0], half: [21.0, 48.0] };
            let boxes = [at(350.0 - 75.0 * t), at(50.0 + 75.0 * t)];
            let expected = if i == 20 { None } else { Some(vec![Some(1), Some(0)]) };
            let found = assign(&surface, &boxes, &paths, t);
            // Where both are at the same place, one is each.
            assert!(expected.is_none_or(|e| e == found) && found.iter().all(Option::is_some), "{t}: {found:?}");
        }
        assert_eq!(assign(&surface, &[flat(0.0, 350.0).region], &paths, 9.0), [None]);
        assert_eq!(assign(&surface, &[flat(0.0, 200.0).region], &paths, 0.0), [None]);
    }

    #[test]
    fn faces_and_upper_bodies_are_parts_of_a_person() {
        let surface = Surface::new(None, 400, 200);
        let sides = |left: f64, top: f64, right: f64, bottom: f64| Region {
            center: [(left + right) / 2.0, (top + bottom) / 2.0, 0.0],
            half: [(right - left) / 2.0, (bottom - top) / 2.0],
        };
        let whole = sides(100.0, 20.0, 160.0, 180.0);
        let cases = [
            ("face", sides(115.0, 20.0, 140.0, 50.0), true),
            ("upper body", sides(105.0, 18.0, 155.0, 90.0), true),
            ("the same person again", sides(103.0, 22.0, 158.0, 176.0), false),
            ("child in front", sides(115.0, 90.0, 145.0, 180.0), false),
            ("someone far behind the shoulder", sides(140.0, 25.0, 152.0, 70.0), false),
            ("face beside them", sides(150.0, 20.0, 180.0, 50.0), false),
        ];
        for (what, part, expected) in cases {
            assert_eq!(is_part(&surface, &part, &whole), expected, "{what}");
            assert!(!is_part(&surface, &whole, &part), "{what}");
        }
    }

    #[test]
    fn paths_cross_the_seam_of_a_360_view() {
        let surface = Surface::new(Some(Lens::Equirectangular), 720, 360);
        let at = |yaw: f64, seconds: f64| PathPoint {
            seconds,
            region: Region { center: [yaw.to_radians().sin(), 0.0, yaw.to_radians().cos()], half: [0.1, 0.3] },
        };
        let path = PersonPath { points: vec![at(170.0, 0.0), at(190.0, 1.0)] };
        let middle = path.at(&surface, 0.5).unwrap();
        assert!(middle.center[2] < -0.9999, "{middle:?}");
        assert_eq!(path.at(&surface, -1.0), None);
        assert_eq!(path.at(&surface, 1.5).map(|r| r.center), Some(at(190.0, 1.0).region.center));
        assert_eq!(PersonPath::default().at(&surface, 0.0), None);
    }
}
