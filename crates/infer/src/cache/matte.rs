//! Mattes as whole numbers, so that cached ones and computed ones are the same.

use vrseg_image::simd::{self, dispatch};

/// Steps from background to person, those of a 12-bit matte: finer than any output shows, and the low bits are not yet
/// the model's noise, which would not compress (docs/resume.md has the sizes).
pub(crate) const LEVELS: u16 = 4095;

dispatch! {
    /// Rounds values of 0..=1 to whole steps, which are written to `levels`.
    pub(crate) fn to_levels(values: &mut [f32], levels: &mut [u16]) {
        let n = values.len();
        let levels = &mut levels[..n];
        for i in 0..n {
            let level = nearest(values[i]);
            levels[i] = level;
            values[i] = value(level);
        }
    }

    /// Rounds values of 0..=1 to whole steps.
    pub(crate) fn round(values: &mut [f32]) {
        for v in values {
            *v = value(nearest(*v));
        }
    }

    /// Writes the values of `levels` to `values`.
    pub(crate) fn from_levels(levels: &[u16], values: &mut [f32]) {
        let n = levels.len();
        let values = &mut values[..n];
        for i in 0..n {
            values[i] = value(levels[i]);
        }
    }
}

/// The step nearest to `v`.
#[inline(always)]
fn nearest(v: f32) -> u16 {
    simd::to_u16(v * f32::from(LEVELS) + 0.5, f32::from(LEVELS))
}

/// The value of a step; by division, so that the highest is exactly 1.
#[inline(always)]
fn value(level: u16) -> f32 {
    f32::from(level) / f32::from(LEVELS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrseg_image::simd::forced;

    #[test]
    fn rounding_is_to_the_nearest_level_and_idempotent() {
        let n = 10_007;
        let values: Vec<f32> = (0..n).map(|i| i as f32 / (n - 1) as f32).collect();
        let mut results = Vec::new();
        forced::each(|level| {
            let (mut levels, mut back, mut again) = (vec![0; n], vec![0.0; n], vec![0; n]);
            let mut rounded = values.clone();
            to_levels(&mut rounded, &mut levels);
            from_levels(&levels, &mut back);
            assert_eq!(rounded, back, "{level:?}");
            to_levels(&mut back, &mut again);
            assert_eq!(levels, again, "{level:?}");
            let mut alone = values.clone();
            round(&mut alone);
            assert_eq!(alone, back, "{level:?}");
            for (a, b) in values.iter().zip(&back) {
                assert!((a - b).abs() <= 0.501 / f32::from(LEVELS), "{level:?}: {a} {b}");
            }
            assert_eq!((back[0], back[n - 1]), (0.0, 1.0));
            results.push(back);
        });
        assert!(results.windows(2).all(|r| r[0] == r[1]), "every processor rounds alike");
    }
}
