//! Mean absolute and mean squared difference.

use super::{mean_of_rows, sum};
use vrseg_image::plane::Plane;
use vrseg_image::simd::dispatch;

/// Mean absolute difference of two alphas (0..=1), times 1000.
///
/// # Panics
/// When the planes differ in size.
pub fn mad(pred: &Plane<f32>, truth: &Plane<f32>) -> f64 {
    mean_of_rows(pred, truth, absolute) * 1e3
}

/// Mean squared difference of two alphas (0..=1), times 1000.
///
/// # Panics
/// When the planes differ in size.
pub fn mse(pred: &Plane<f32>, truth: &Plane<f32>) -> f64 {
    mean_of_rows(pred, truth, squared) * 1e3
}

dispatch! {
    fn absolute(a: &[f32], b: &[f32]) -> f32 {
        sum(a, b, |a, b| (a - b).abs())
    }

    fn squared(a: &[f32], b: &[f32]) -> f32 {
        sum(a, b, |a, b| (a - b) * (a - b))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrseg_image::simd::forced;

    #[test]
    fn mad_and_mse_of_flat_mattes_are_their_difference() {
        forced::each(|level| {
            // 37 columns: whole vectors and a rest.
            let zero = Plane::new(37, 5);
            let quarter = Plane::from_vec(vec![0.25; 37 * 5], 37, 5);
            assert!((mad(&quarter, &zero) - 250.0).abs() < 1e-3, "{level:?}");
            assert!((mse(&quarter, &zero) - 62.5).abs() < 1e-3, "{level:?}");
            assert_eq!(mad(&quarter, &quarter), 0.0);
        });
    }
}
