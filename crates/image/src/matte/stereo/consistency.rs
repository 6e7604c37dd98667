//! How well the mattes of two eyes agree.

use super::{Match, lerp_at};
use crate::matte::Borders;
use crate::plane::Plane;

/// Confidence from which a pixel counts.
const SURE: f32 = 0.5;

/// Agreement of two mattes, over the pixels whose disparity is sure.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Consistency {
    /// Pixels where both mattes reach 0.5, after moving the one onto the other.
    pub both: u64,
    /// Pixels where either does.
    pub either: u64,
    /// Sum of absolute differences of the two alphas.
    pub difference: f64,
    /// Pixels that were compared.
    pub sure: u64,
    /// Pixels of the views.
    pub pixels: u64,
}

impl Consistency {
    /// Intersection over union at 0.5, 0..=1; 1 where neither shows a person.
    pub fn iou(&self) -> f64 {
        if self.either == 0 { 1.0 } else { self.both as f64 / self.either as f64 }
    }

    /// Mean absolute difference, 0..=1.
    pub fn mad(&self) -> f64 {
        self.difference / self.sure.max(1) as f64
    }

    /// Share of the pixels that could be compared, 0..=1.
    pub fn coverage(&self) -> f64 {
        self.sure as f64 / self.pixels.max(1) as f64
    }
}

/// Moves the first view's alpha onto the second by `found`, the second view's [`Match`], and
/// compares it with the second's own.
///
/// # Panics
/// When the planes differ in size.
pub fn consistency(first: &Plane<f32>, second: &Plane<f32>, found: &Match) -> Consistency {
    let (w, h) = (second.width(), second.height());
    for plane in [first, &found.disparity, &found.confidence] {
        assert_eq!((plane.width(), plane.height()), (w, h), "planes of one pair of views have one size");
    }
    let mut all = Consistency { pixels: (w * h) as u64, ..Consistency::default() };
    for y in 0..h {
        let source = first.as_ref().row(y);
        let (disparity, confidence) = (found.disparity.as_ref().row(y), found.confidence.as_ref().row(y));
        for (x, &own) in second.as_ref().row(y).iter().enumerate() {
            if confidence[x] < SURE {
                continue;
            }
            let moved = lerp_at(source, Borders::Clamp, x as f32 + disparity[x]);
            let (a, b) = (moved >= 0.5, own >= 0.5);
            all.both += u64::from(a && b);
            all.either += u64::from(a || b);
            all.difference += f64::from((moved - own).abs());
            all.sure += 1;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_matte_is_moved_onto_the_second() {
        let bar = |from: usize| {
            Plane::from_vec(
                (0..20 * 2).map(|i| f32::from(u8::from((from..from + 6).contains(&(i % 20))))).collect(),
                20,
                2,
            )
        };
        let found = |d: f32, sure: usize| Match {
            disparity: Plane::from_vec(vec![d; 40], 20, 2),
            confidence: Plane::from_vec((0..40).map(|i| if i < sure { 1.0 } else { 0.4 }).collect(), 20, 2),
        };
        let agreed = consistency(&bar(8), &bar(5), &found(3.0, 40));
        assert_eq!((agreed.iou(), agreed.mad(), agreed.coverage()), (1.0, 0.0, 1.0));
        // Unmoved, three pixels overlap of nine; over half of the picture.
        let apart = consistency(&bar(8), &bar(5), &found(0.0, 20));
        assert_eq!((apart.iou(), apart.mad(), apart.coverage()), (3.0 / 9.0, 6.0 / 20.0, 0.5));
        assert_eq!(consistency(&bar(8), &bar(5), &found(0.0, 0)), Consistency { pixels: 40, ..Consistency::default() });
    }
}
