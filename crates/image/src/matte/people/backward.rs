//! Somebody who was found late, in the frames before: the detector misses people who enter, or are blurred by motion.

use super::follow::Patch;
use super::surface::{Region, Surface};
use super::track::{Track, crop_region};
use crate::plane::Plane;

/// Somebody who is followed from the frame on which they were found to those before it.
#[derive(Clone, Debug)]
pub struct BackwardTrack {
    /// Their track's number.
    pub id: u64,
    /// The detector was sure of them.
    pub sure: bool,
    region: Region,
    crop_region: Region,
    shift: f64,
    /// Pixels of the eye to the right and down, from a frame to the one before.
    speed: (f64, f64),
    patch: Patch,
}

impl BackwardTrack {
    /// Begins on the frame for which `track` is known, after [`Tracks::finish`](super::Tracks::finish).
    pub fn new(track: &Track) -> Self {
        let Track { id, region, crop_region, shift, patch, .. } = track.clone();
        let sure = track.is_certain();
        Self { id, sure, region, crop_region, shift, speed: (0.0, 0.0), patch }
    }

    /// Goes to the frame before, whose first eye is `luma` in small. False: they aren't in the picture there.
    pub fn step(&mut self, surface: &Surface, luma: &Plane<f32>) -> bool {
        self.speed = self.patch.find(surface, luma, &self.region, self.speed);
        self.region = surface.moved(&self.region, self.speed.0, self.speed.1);
        self.crop_region = crop_region(surface, self.crop_region, &self.region);
        self.patch.take(surface, luma, &self.region);
        surface.shows(self.region.center, 0.0)
    }

    /// The box in that eye, 0 being the first.
    pub fn region_in(&self, surface: &Surface, eye: usize) -> Region {
        surface.in_eye(&self.region, self.shift, eye)
    }

    /// The box that the window in that eye is for.
    pub fn crop_region_in(&self, surface: &Surface, eye: usize) -> Region {
        surface.in_eye(&self.crop_region, self.shift, eye)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PersonBox, Tracks, Trust};
    use super::*;

    /// A textured square of 40 samples at `x` on a plain ground.
    fn picture(x: i32) -> Plane<f32> {
        let value = |i: usize| {
            let (px, py) = ((i % 320) as i32 - x, (i / 320) as i32 - 60);
            let inside = (0..40).contains(&px) && (0..40).contains(&py);
            if inside { (0.5 + 0.3 * (px as f32 * 0.31).sin() + 0.2 * (py as f32 * 0.23).cos()).abs() } else { 0.2 }
        };
        Plane::from_vec((0..320 * 160).map(value).collect(), 320, 160)
    }

    #[test]
    fn somebody_is_followed_back_until_they_leave_the_picture() {
        let surface = Surface::new(None, 640, 320);
        // They enter from the right, 6 samples a frame, and are found in the ninth frame.
        let at = |frame: i32| 330 - 6 * frame;
        let center = |frame: i32| 2.0 * f64::from(at(frame) + 20);
        let region = Region { center: [center(8), 160.0, 0.0], half: [40.0, 40.0] };
        let mut tracks = Tracks::new();
        tracks.found(
            &surface,
            &[PersonBox { score: 0.9, region, cut: [false; 4] }],
            |_| true,
            Trust::DETECTOR_ALONE,
            false,
        );
        tracks.finish(&surface, &picture(at(8)));
        let mut back = BackwardTrack::new(&tracks.all()[0]);
        assert!(back.sure);
        let mut seen = Vec::new();
        for frame in (0..8).rev() {
            if !back.step(&surface, &picture(at(frame))) {
                break;
            }
            seen.push(frame);
            let off = back.region_in(&surface, 0).center[0] - center(frame);
            assert!(off.abs() <= 8.0, "frame {frame}: {off} pixels beside them");
            let crop = back.crop_region_in(&surface, 0).center[0] - center(frame);
            assert!(crop.abs() <= 16.0, "frame {frame}: the crop is {crop} pixels beside them");
        }
        assert_eq!(seen, [7, 6, 5], "in the frame before these their middle is beyond the border");
    }
}
