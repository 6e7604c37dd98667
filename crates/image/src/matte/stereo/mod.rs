//! The two eyes of a frame against each other: where a point of one is seen in the other, how well
//! their mattes agree, and a stage that makes them agree better.
//!
//! A disparity is how many pixels further *left* the second view shows what the first one shows
//! at a place: pixel `x` of the first is at `x - disparity` of the second. With the left eye
//! first, near things have a positive disparity and the horizon has 0 (cameras in parallel, as
//! VR180 has them). With the right eye first everything changes its sign; [`Search::flipped`] is
//! the only place that needs to know.
//!
//! Matching is along rows. In a half-equirectangular view epipolar lines leave the rows away from
//! the equator by `d * tan(longitude) * sin(latitude) * cos(latitude)` pixels; what comes out of
//! the block's height by that isn't confident and is left alone.

mod consistency;
mod fusion;
mod matching;

pub use consistency::{Consistency, consistency};
pub use fusion::StereoFusion;
pub use matching::{Match, Matcher};

use super::Borders;
use crate::vr::Projection;

/// The disparities that are searched, in pixels of the small views, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Search {
    min: i32,
    max: i32,
}

impl Search {
    /// How far things may diverge, in degrees: a little, for cameras that squint.
    const FAR: f32 = 2.0;
    /// How near things may come, in degrees: a pair of eyes 64 mm apart sees so what is at 37 cm.
    const NEAR: f32 = 10.0;
    /// The same for flat 3D video, whose field of view is unknown, as a share of the width. Its
    /// screen plane lies somewhere in the scene, so both signs occur.
    const FLAT: f32 = 0.04;
    /// Widest range that is searched, in pixels: bounds the work on very wide views.
    const WIDEST: i32 = 96;

    /// The range for views of `width` pixels in a projection, left eye first.
    pub fn of(projection: Projection, width: usize) -> Self {
        let pixels = |degrees: f32| (width as f32 / degrees).min(Self::WIDEST as f32);
        let per_degree = match projection {
            Projection::Flat => {
                let reach = (width as f32 * Self::FLAT).ceil() as i32;
                return Self::new(-reach, reach);
            }
            Projection::HalfEquirectangular => pixels(180.0),
            Projection::Equirectangular => pixels(360.0),
            Projection::EquirectangularPart(part) => pixels(part.across() as f32),
            Projection::Fisheye { fov } => pixels(fov.max(1.0)),
            Projection::FullFrameFisheye { h_fov, .. } => pixels(h_fov.max(1.0)),
        };
        Self::new(-(Self::FAR * per_degree).ceil() as i32, (Self::NEAR * per_degree).ceil() as i32)
    }

    /// A range in pixels, cut to what is sensible.
    pub fn new(min: i32, max: i32) -> Self {
        let min = min.clamp(-Self::WIDEST, Self::WIDEST);
        Self { min, max: max.clamp(min, Self::WIDEST) }
    }

    /// The range for views in the other order.
    #[must_use]
    pub fn flipped(self) -> Self {
        Self { min: -self.max, max: -self.min }
    }

    /// The range for views in either order.
    #[must_use]
    pub fn both_ways(self) -> Self {
        let reach = self.reach() as i32;
        Self::new(-reach, reach)
    }

    pub(super) fn len(self) -> usize {
        (self.max - self.min + 1) as usize
    }

    /// The largest disparity, either way.
    pub(super) fn reach(self) -> usize {
        self.min.unsigned_abs().max(self.max.unsigned_abs()) as usize
    }
}

/// The value of a row at a place between two pixels; beyond the row what `borders` say.
#[inline(always)]
fn lerp_at(row: &[f32], borders: Borders, x: f32) -> f32 {
    let last = row.len() - 1;
    if borders.wraps() {
        let x = x.rem_euclid(row.len() as f32);
        // A remainder may be rounded up to the width.
        let i = (x as usize).min(last);
        let (a, b) = (row[i], row[if i < last { i + 1 } else { 0 }]);
        return a + (x - i as f32) * (b - a);
    }
    let x = x.clamp(0.0, last as f32);
    let i = (x as usize).min(last.saturating_sub(1));
    let (a, b) = (row[i], row[(i + 1).min(last)]);
    a + (x - i as f32) * (b - a)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_ranges_follow_the_field_of_view() {
        let half = Search::of(Projection::HalfEquirectangular, 512);
        assert_eq!((half.min, half.max, half.len()), (-6, 29, 36));
        let whole = Search::of(Projection::Equirectangular, 512);
        assert_eq!((whole.min, whole.max), (-3, 15));
        let flat = Search::of(Projection::Flat, 512);
        assert_eq!((flat.min, flat.max), (-21, 21));
        assert_eq!((half.flipped().min, half.flipped().max), (-29, 6));
        assert_eq!(half.flipped().flipped(), half);
        assert_eq!(half.both_ways(), Search::new(-29, 29));
        // Nothing that a width or a field of view can be makes the work grow without end.
        for width in [1, 4096, 100_000] {
            for projection in [Projection::Flat, Projection::HalfEquirectangular, Projection::Fisheye { fov: 0.1 }] {
                assert!((1..=2 * 96 + 1).contains(&Search::of(projection, width).both_ways().len()));
            }
        }
    }
}

/// Pictures that the tests of this module share.
#[cfg(test)]
mod pictures {
    use crate::plane::Plane;

    /// A random texture whose detail is a few pixels large, sampled at places between them.
    pub(in crate::matte::stereo) fn texture(
        seed: u32,
        w: usize,
        h: usize,
        shift: impl Fn(usize, usize) -> f32,
    ) -> Plane<f32> {
        let at = |x: f32, y: f32| {
            let (x, y) = (x + 1000.0, y + 1000.0);
            let (x0, y0) = (x.floor(), y.floor());
            let grain = |x: f32, y: f32| {
                let mut v = (x as u32).wrapping_mul(0x9E37_79B1) ^ (y as u32).wrapping_mul(0x85EB_CA77) ^ seed;
                v = (v ^ (v >> 15)).wrapping_mul(0x2C1B_3C6D);
                v = (v ^ (v >> 12)).wrapping_mul(0x297A_2D39);
                (v >> 8) as f32 / (1 << 24) as f32
            };
            // Smooth steps, so that the curve has no corners at the grains.
            let smooth = |f: f32| f * f * (3.0 - 2.0 * f);
            let (fx, fy) = (smooth(x - x0), smooth(y - y0));
            let top = grain(x0, y0) * (1.0 - fx) + grain(x0 + 1.0, y0) * fx;
            top * (1.0 - fy) + (grain(x0, y0 + 1.0) * (1.0 - fx) + grain(x0 + 1.0, y0 + 1.0) * fx) * fy
        };
        let pixel = |i: usize| at((i % w) as f32 / 3.0 + shift(i % w, i / w) / 3.0, (i / w) as f32 / 3.0);
        Plane::from_vec((0..w * h).map(|i| 0.2 + 0.6 * pixel(i)).collect(), w, h)
    }
}
