//! Resampling of small planes whose sizes don't agree.

use super::Resampler;
use crate::plane::{Plane, PlaneRef};

/// `plane` at `width` x `height`: averaged where that is smaller, bilinear where it is larger.
///
/// # Panics
/// When either size has a 0.
pub fn resize(plane: PlaneRef<'_, f32>, width: usize, height: usize) -> Plane<f32> {
    let mut out = Plane::default();
    let (x, y) = ((0.0, plane.width as f64), (0.0, plane.height as f64));
    Resampler::default().resample(plane, x, y, plane.height, (1.0, 0.0), (width, height), &mut out);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_stays_a_ramp() {
        let ramp = Plane::from_vec((0..16).map(|i| (i % 8) as f32 / 7.0).collect(), 8, 2);
        let big = resize(ramp.as_ref(), 32, 5);
        let row = big.as_ref().row(2);
        assert!(row.windows(2).all(|p| p[1] >= p[0] - 1e-6), "{row:?}");
        assert!(row[0].abs() < 1e-6 && (row[31] - 1.0).abs() < 1e-6);
        assert_eq!((big.width(), big.height()), (32, 5));
    }
}
