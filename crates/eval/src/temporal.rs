//! Metrics of movement: coherence with the truth, and flicker without one.

use super::{LANES, assert_same_size};
use vrseg_image::plane::Plane;
use vrseg_image::simd::dispatch;

/// dtSSD of a pair of neighboring frames: root of the mean squared difference of the two alphas'
/// changes, times 100 (Erofeev et al., BMVC 2015). `before` and `now` are (pred, truth).
///
/// # Panics
/// When the planes differ in size.
pub fn dtssd(before: (&Plane<f32>, &Plane<f32>), now: (&Plane<f32>, &Plane<f32>)) -> f64 {
    let planes = [now.0, before.0, now.1, before.1];
    (mean(planes, |[p, p0, t, t0]| change_error(p, p0, t, t0))).sqrt() * 1e2
}

/// Flicker of three neighboring frames: mean absolute second difference over time,
/// `mean |a[t-1] - 2 a[t] + a[t+1]|`, times 1000. A steady change of alpha costs nothing, a value
/// that jumps there and back costs twice its jump. It needs no truth; but an edge that moves costs
/// too, so compare it between mattes of one video only, or with the flicker of its truth.
///
/// # Panics
/// When the planes differ in size.
pub fn flicker(before: &Plane<f32>, now: &Plane<f32>, after: &Plane<f32>) -> f64 {
    mean([before, now, after, after], |[a, b, c, _]| second_difference(a, b, c)) * 1e3
}

fn mean(planes: [&Plane<f32>; 4], row: impl Fn([&[f32]; 4]) -> f32) -> f64 {
    for other in &planes[1..] {
        assert_same_size(planes[0], other);
    }
    let total: f64 = (0..planes[0].height()).map(|y| f64::from(row(planes.map(|p| p.as_ref().row(y))))).sum();
    total / planes[0].data().len().max(1) as f64
}

dispatch! {
    fn change_error(p: &[f32], p0: &[f32], t: &[f32], t0: &[f32]) -> f32 {
        let mut lanes = [0f32; LANES];
        let chunks = p.chunks(LANES).zip(p0.chunks(LANES)).zip(t.chunks(LANES)).zip(t0.chunks(LANES));
        for (((p, p0), t), t0) in chunks {
            for ((((lane, p), p0), t), t0) in lanes.iter_mut().zip(p).zip(p0).zip(t).zip(t0) {
                let d = (p - p0) - (t - t0);
                *lane += d * d;
            }
        }
        lanes.iter().sum()
    }

    fn second_difference(a: &[f32], b: &[f32], c: &[f32]) -> f32 {
        let mut lanes = [0f32; LANES];
        for ((a, b), c) in a.chunks(LANES).zip(b.chunks(LANES)).zip(c.chunks(LANES)) {
            for (((lane, a), b), c) in lanes.iter_mut().zip(a).zip(b).zip(c) {
                *lane += (a - 2.0 * b + c).abs();
            }
        }
        lanes.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(v: f32) -> Plane<f32> {
        Plane::from_vec(vec![v; 21 * 3], 21, 3)
    }

    #[test]
    fn dtssd_counts_only_changes_that_the_truth_lacks() {
        // Both get brighter alike: nothing. Only one does: 0.1.
        let (a, b) = (flat(0.2), flat(0.3));
        assert!(dtssd((&a, &a), (&b, &b)) < 1e-6);
        assert!((dtssd((&a, &a), (&b, &a)) - 10.0).abs() < 1e-4);
        // A constant error isn't one of movement.
        assert!(dtssd((&b, &a), (&b, &a)) < 1e-6);
    }

    #[test]
    fn a_steady_change_does_not_flicker() {
        assert!(flicker(&flat(0.1), &flat(0.2), &flat(0.3)) < 1e-4);
        assert!((flicker(&flat(0.5), &flat(0.6), &flat(0.5)) - 200.0).abs() < 1e-3);
    }
}
