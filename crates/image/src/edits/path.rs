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
