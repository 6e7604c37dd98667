//! Mattes as whole numbers, so that kept ones and fresh ones are the same.

use crate::simd::dispatch;

/// Steps from background to person. A 12-bit matte's: finer than any output shows, and its low bits
/// are not yet the network's noise, which would not compress (docs/caching.md has the sizes).
pub const LEVELS: u16 = 4095;

dispatch! {
    /// Rounds values of 0..=1 to whole steps.
    pub fn to_levels(values: &[f32], levels: &mut [u16]) {
        let n = values.len();
        let levels = &mut levels[..n];
        for i in 0..n {
            let v = values[i] * LEVELS as f32 + 0.5;
            let low = if v > 0.0 { v } else { 0.0 };
            let v = if low < LEVELS as f32 { low } else { LEVELS as f32 };
            levels[i] = v as i32 as u16;
        }
    }

    /// The values that the steps stand for.
    pub fn from_levels(levels: &[u16], values: &mut [f32]) {
        let n = levels.len();
        let values = &mut values[..n];
        for i in 0..n {
            // By division, so that full is exactly 1.
            values[i] = f32::from(levels[i]) / LEVELS as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::forced;

    #[test]
    fn rounding_is_nearest_and_happens_once() {
        let n = 10_007;
        let values: Vec<f32> = (0..n).map(|i| i as f32 / (n - 1) as f32).collect();
        let mut results = Vec::new();
        forced::each(|level| {
            let (mut levels, mut back, mut again) = (vec![0; n], vec![0.0; n], vec![0; n]);
            to_levels(&values, &mut levels);
            from_levels(&levels, &mut back);
            to_levels(&back, &mut again);
            assert_eq!(levels, again, "{level:?}");
            for (a, b) in values.iter().zip(&back) {
                assert!((a - b).abs() <= 0.501 / f32::from(LEVELS), "{level:?}: {a} {b}");
            }
            assert_eq!((back[0], back[n - 1]), (0.0, 1.0));
            results.push(back);
        });
        assert!(results.windows(2).all(|r| r[0] == r[1]), "every processor rounds alike");
    }
}
