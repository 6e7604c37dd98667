//! Region similarity.

use super::{THRESHOLD, assert_same_size};
use vrseg_image::plane::Plane;
use vrseg_image::simd::dispatch;

/// Intersection over union of two alphas at [`THRESHOLD`], 0..=1 (J of DAVIS, Perazzi et al.,
/// CVPR 2016). 1 where both are empty.
///
/// # Panics
/// When the planes differ in size.
pub fn iou(pred: &Plane<f32>, truth: &Plane<f32>) -> f64 {
    assert_same_size(pred, truth);
    let width = pred.width().max(1);
    let (mut both, mut any) = (0u64, 0u64);
    for (p, t) in pred.data().chunks_exact(width).zip(truth.data().chunks_exact(width)) {
        let (b, a) = overlap(p, t);
        both += u64::from(b);
        any += u64::from(a);
    }
    if any == 0 { 1.0 } else { both as f64 / any as f64 }
}

dispatch! {
    fn overlap(a: &[f32], b: &[f32]) -> (u32, u32) {
        let (mut both, mut any) = (0u32, 0u32);
        for (&a, &b) in a.iter().zip(b) {
            let (a, b) = (u32::from(a >= THRESHOLD), u32::from(b >= THRESHOLD));
            both += a & b;
            any += a | b;
        }
        (both, any)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(from: usize, to: usize) -> Plane<f32> {
        Plane::from_vec((0..40).map(|x| f32::from(u8::from((from..to).contains(&x)))).collect(), 40, 1)
    }

    #[test]
    fn iou_is_overlap_over_union() {
        assert_eq!(iou(&bar(0, 20), &bar(10, 30)), 1.0 / 3.0);
        assert_eq!(iou(&bar(0, 0), &bar(0, 0)), 1.0);
        assert_eq!(iou(&bar(0, 0), &bar(0, 1)), 0.0);
    }

    #[test]
    fn alpha_128_is_person_and_127_is_not() {
        let at = |v: u8| Plane::from_vec(vec![f32::from(v) / 255.0], 1, 1);
        assert_eq!(iou(&at(128), &at(255)), 1.0);
        assert_eq!(iou(&at(127), &at(255)), 0.0);
    }
}
