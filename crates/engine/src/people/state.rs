//! What a run knows of the people in the frames before.

use super::changes::Changes;
use super::schedule::Schedule;
use serde::{Deserialize, Serialize};
use vrseg_image::matte::people::Tracks;

/// What [`PeopleLocator`](super::PeopleLocator) knows of the frames before.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PeopleState {
    /// Who is where.
    pub(super) tracks: Tracks,
    /// Where the detector looked last.
    pub(super) schedule: Schedule,
    /// What the last frame looked like.
    pub(super) changes: Changes,
}

#[cfg(test)]
impl PeopleState {
    /// Somebody, with sums that are no short decimal fractions.
    pub(crate) fn sample() -> Self {
        use vrseg_image::matte::people::{PersonBox, Region, Surface, Trust};
        use vrseg_image::plane::Plane;
        let (surface, luma) = (Surface::new(None, 90, 110), Plane::from_vec(vec![1.0 / 3.0; 90 * 110], 90, 110));
        let mut tracks = Tracks::new();
        for n in 1..=5 {
            let side = 10.0 + 1.0 / f64::from(n);
            let region = Region { center: [side * 4.0, side * 5.0, 0.0], half: [side / 3.0, side / 0.7] };
            tracks.step(&surface, &luma);
            tracks.found(
                &surface,
                &[PersonBox { score: 0.9, region, cut: [false; 4] }],
                |_| true,
                Trust::DETECTOR_ALONE,
                false,
            );
            tracks.finish(&surface, &luma);
        }
        let mut changes = Changes::default();
        changes.update(&surface, &luma, &tracks);
        Self { tracks, schedule: Schedule::new(3), changes }
    }
}
