//! Lanczos' weights (a = 3), as floats and in fixed point.

use std::f64::consts::PI;
use std::sync::LazyLock;

/// Steps between two samples of a source, as fine as the weights are kept.
const PHASES: usize = 256;
/// Fractional bits of the weights in fixed point, which add up to exactly 1.
pub(super) const WEIGHT_BITS: u32 = 14;

/// The weights of the samples -2..=3, and two zeros.
type Weights<T> = [T; 8];

static FLOAT: LazyLock<Vec<Weights<f32>>> = LazyLock::new(|| every_phase(|weights| weights.map(|w| w as f32)));

static FIXED: LazyLock<Vec<Weights<i16>>> = LazyLock::new(|| {
    every_phase(|weights| {
        let one = 1 << WEIGHT_BITS;
        let mut fixed = weights.map(|w| (w * f64::from(one)).round() as i16);
        let rest = one - fixed.iter().map(|w| i32::from(*w)).sum::<i32>();
        // A picture of one value keeps it; what rounding has left goes to the nearer of the two middle samples.
        let nearest = if weights[2] >= weights[3] { 2 } else { 3 };
        fixed[nearest] += rest as i16;
        fixed
    })
});

/// `convert` of the weights for each position between samples 0 and 1.
fn every_phase<T>(convert: impl Fn(Weights<f64>) -> T) -> Vec<T> {
    let sinc = |x: f64| if x == 0.0 { 1.0 } else { (PI * x).sin() / (PI * x) };
    (0..=PHASES)
        .map(|phase| {
            let weights: Weights<f64> = std::array::from_fn(|k| {
                let x = (k as f64 - 2.0) - phase as f64 / PHASES as f64;
                if k < 6 && x.abs() < 3.0 { sinc(x) * sinc(x / 3.0) } else { 0.0 }
            });
            let sum: f64 = weights.iter().sum();
            convert(weights.map(|w| w / sum))
        })
        .collect()
}

/// The weights by phase, as floats.
#[inline(always)]
pub(super) fn float() -> &'static [Weights<f32>] {
    &FLOAT
}

/// The weights by phase, with [`WEIGHT_BITS`] fractional bits.
#[inline(always)]
pub(super) fn fixed() -> &'static [Weights<i16>] {
    &FIXED
}

/// The phase of a position with `bits` fractional bits, at most 256.
#[inline(always)]
pub(super) fn phase(position: i32, bits: u32) -> usize {
    ((position & ((1 << bits) - 1)) as usize * PHASES + (1 << (bits - 1))) >> bits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_in_fixed_point_add_up_and_are_near_the_floats() {
        for (float, fixed) in float().iter().zip(fixed()) {
            assert_eq!(fixed.iter().map(|w| i32::from(*w)).sum::<i32>(), 1 << WEIGHT_BITS);
            for (a, b) in float.iter().zip(fixed) {
                assert!((a * f32::from(1i16 << WEIGHT_BITS) - f32::from(*b)).abs() < 2.0, "{float:?} {fixed:?}");
            }
        }
    }
}
