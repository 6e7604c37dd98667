//! What a network's output says: from its raw numbers to alphas.

use super::manifest::{Activation, Output};
use ndarray::{ArrayView3, Axis};
use vrseg_image::plane::Plane;
use vrseg_image::simd::dispatch;

/// What is wrong with an output that has NaN or infinity in it.
const NO_NUMBER: &str = "its output is not a number somewhere";

impl Output {
    /// Reads `n` alphas from an output of `shape` (`[N, C, H, W]`, or `[N, H, W]` where the graph
    /// leaves out a single channel) into `alphas`, whose planes are used again.
    ///
    /// # Errors
    /// What doesn't fit, in words: another shape, a class that isn't there, no numbers.
    pub(super) fn read(
        &self,
        shape: &[i64],
        data: &[f32],
        n: usize,
        alphas: &mut Vec<Plane<f32>>,
    ) -> Result<(), String> {
        let dims: Vec<usize> = shape.iter().map(|d| usize::try_from(*d).unwrap_or(0)).collect();
        let (pictures, channels, height, width) = match dims[..] {
            [n, c, h, w] => (n, c, h, w),
            [n, h, w] => (n, 1, h, w),
            _ => (0, 0, 0, 0),
        };
        let size = channels * height * width;
        if pictures != n || size == 0 || data.len() != n * size {
            return Err(format!("output {} has shape {dims:?} for a batch of {n}", self.name));
        }
        if self.class.is_some_and(|k| k >= channels) {
            return Err(format!("output.class is beyond the {channels} channels of {}", self.name));
        }
        alphas.resize_with(n, Plane::default);
        for (scores, alpha) in data.chunks_exact(size).zip(alphas) {
            alpha.resize(width, height);
            self.read_one(scores, channels, alpha)?;
        }
        Ok(())
    }

    /// Reads one picture's alpha from its `channels` planes of scores.
    fn read_one(&self, scores: &[f32], channels: usize, alpha: &mut Plane<f32>) -> Result<(), String> {
        let (w, h) = (alpha.width(), alpha.height());
        let alpha = alpha.data_mut();
        if self.class.is_none() && self.activation == Activation::None && !self.stretch {
            return if copy_limited(&scores[..w * h], alpha) { Ok(()) } else { Err(NO_NUMBER.into()) };
        }
        match self.class {
            Some(k) => softmax_channel(scores, (channels, h, w), k, alpha),
            None => alpha.copy_from_slice(&scores[..w * h]),
        }
        // Limiting would hide what is no number.
        if !all_finite(alpha) {
            return Err(NO_NUMBER.into());
        }
        if self.activation == Activation::Sigmoid {
            alpha.iter_mut().for_each(|v| *v = 1.0 / (1.0 + (-*v).exp()));
        }
        if self.stretch {
            stretch(alpha);
        }
        limit(alpha);
        Ok(())
    }
}

/// The probability of channel `person` at every pixel of scores of shape `[C, H, W]`.
fn softmax_channel(scores: &[f32], shape: (usize, usize, usize), person: usize, out: &mut [f32]) {
    let Ok(scores) = ArrayView3::from_shape(shape, scores) else { return };
    for (out, score) in out.iter_mut().zip(scores.lanes(Axis(0))) {
        let max = score.fold(f32::NEG_INFINITY, |a, b| a.max(*b));
        let sum: f32 = score.iter().map(|v| (v - max).exp()).sum();
        *out = (score[person] - max).exp() / sum;
    }
}

fn stretch(alpha: &mut [f32]) {
    let (lo, hi) = alpha.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), v| (lo.min(*v), hi.max(*v)));
    let span = (hi - lo).max(1e-6);
    alpha.iter_mut().for_each(|v| *v = (*v - lo) / span);
}

/// 1 for NaN and infinity, in which alone the exponent's bits are all set, 0 for numbers.
#[inline(always)]
fn no_number(v: f32) -> u32 {
    const EXPONENT: u32 = 0x7F80_0000;
    u32::from(v.to_bits() & EXPONENT == EXPONENT)
}

/// Cut to 0..=1.
#[inline(always)]
fn limited(v: f32) -> f32 {
    let low = if v > 0.0 { v } else { 0.0 };
    if low < 1.0 { low } else { 1.0 }
}

// Without early exits, so that they vectorize.
dispatch! {
    /// Neither NaN nor infinite, all of them.
    fn all_finite(values: &[f32]) -> bool {
        let mut bad = 0;
        for v in values {
            bad |= no_number(*v);
        }
        bad == 0
    }

    /// Cuts to 0..=1.
    fn limit(values: &mut [f32]) {
        for v in values {
            *v = limited(*v);
        }
    }

    /// Copies `from` to `to`, cut to 0..=1, and says whether all of it was finite.
    fn copy_limited(from: &[f32], to: &mut [f32]) -> bool {
        let n = to.len();
        let from = &from[..n];
        let mut bad = 0;
        for i in 0..n {
            bad |= no_number(from[i]);
            to[i] = limited(from[i]);
        }
        bad == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output() -> Output {
        Output { name: "alpha".into(), class: None, activation: Activation::None, stretch: false }
    }

    fn read(output: &Output, shape: &[i64], data: &[f32], n: usize) -> Result<Vec<Vec<f32>>, String> {
        let mut alphas = vec![Plane::new(5, 5)];
        output.read(shape, data, n, &mut alphas)?;
        Ok(alphas.into_iter().map(|a| a.data().to_vec()).collect())
    }

    #[test]
    fn each_picture_of_a_batch_has_its_alpha() {
        let data = [0.25, 2.0, -1.0, 0.5];
        for shape in [&[2, 1, 1, 2][..], &[2, 1, 2][..]] {
            assert_eq!(read(&output(), shape, &data, 2), Ok(vec![vec![0.25, 1.0], vec![0.0, 0.5]]));
        }
    }

    #[test]
    fn a_class_is_taken_by_softmax() {
        let class = Output { class: Some(1), ..output() };
        let a = read(&class, &[1, 2, 1, 2], &[0.0, 10.0, 0.0, -10.0], 1).unwrap();
        assert!((a[0][0] - 0.5).abs() < 1e-6 && a[0][1] < 1e-6, "{a:?}");
        assert!(read(&Output { class: Some(2), ..output() }, &[1, 2, 1, 2], &[0.0; 4], 1).is_err());
    }

    #[test]
    fn other_shapes_and_no_numbers_are_refused() {
        for (shape, n) in [(&[1, 1, 2, 2][..], 2), (&[2, 2], 1), (&[1, 0, 2, 2], 1), (&[1, -1, 2, 2], 1)] {
            assert!(read(&output(), shape, &[0.0; 4], n).unwrap_err().contains("has shape"), "{shape:?}");
        }
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut data = [0.5; 99];
            data[70] = bad;
            assert!(read(&output(), &[1, 1, 9, 11], &data, 1).unwrap_err().contains("not a number"), "{bad}");
        }
    }

    #[test]
    fn stretching_a_flat_output_is_harmless() {
        let mut a = [0.3; 4];
        stretch(&mut a);
        assert!(a.iter().all(|v| v.abs() < 1e-6));
    }
}
