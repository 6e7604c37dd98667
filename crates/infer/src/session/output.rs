//! From a model's raw output to alphas.

use super::fault::NOT_A_NUMBER;
use super::instances;
use crate::batch::Pictures;
use crate::models::manifest::{Activation, ClassGroups, Layout, Output, Scores};
use half::f16;
use ort::value::{DynValue, TensorElementType};
use std::borrow::Cow;
use vrseg_image::matte::resize;
use vrseg_image::plane::Plane;
use vrseg_image::simd::dispatch;

/// An output as FP32, whatever the graph computes in.
#[derive(Clone, Debug)]
pub(crate) struct Raw<'a> {
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Cow<'a, [f32]>,
}

impl<'a> Raw<'a> {
    /// The values of an output.
    ///
    /// # Errors
    /// What ONNX Runtime reports, and a number format that isn't known.
    pub(crate) fn of(value: &'a DynValue) -> ort::Result<Self> {
        use TensorElementType::{Bool, Float16, Int32, Int64, Uint8};
        macro_rules! converted {
            ($kind:ty, $number:expr) => {{
                let (shape, data) = value.try_extract_tensor::<$kind>()?;
                (shape, Cow::Owned(data.iter().copied().map($number).collect()))
            }};
        }
        let (shape, data) = match value.dtype().tensor_type() {
            Some(Float16) => converted!(f16, f16::to_f32),
            Some(Int64) => converted!(i64, |v| v as f32),
            Some(Int32) => converted!(i32, |v| v as f32),
            Some(Uint8) => converted!(u8, f32::from),
            Some(Bool) => converted!(bool, |v| f32::from(u8::from(v))),
            _ => {
                let (shape, data) = value.try_extract_tensor::<f32>()?;
                (shape, Cow::Borrowed(data))
            }
        };
        Ok(Self { shape: shape.iter().map(|d| usize::try_from(*d).unwrap_or(0)).collect(), data })
    }

    /// With channels before rows.
    fn channels_first(&self) -> Cow<'_, Self> {
        let &[n, height, width, channels] = &self.shape[..] else { return Cow::Borrowed(self) };
        let shape = vec![n, channels, height, width];
        if channels < 2 {
            return Cow::Owned(Self { shape, data: self.data.clone() });
        }
        let area = height * width;
        let mut data = Vec::with_capacity(self.data.len());
        for picture in self.data.chunks_exact((area * channels).max(1)) {
            for channel in 0..channels {
                data.extend(picture[channel..].iter().step_by(channels));
            }
        }
        Cow::Owned(Self { shape, data: data.into() })
    }
}

/// Reads the alphas of `batch` from an output, and from prototypes where it has masks of single people. They get the size of
/// the pictures.
///
/// # Errors
/// As [`Output::read`].
pub(crate) fn read(
    output: &Output,
    raw: &Raw<'_>,
    prototypes: Option<&Raw<'_>>,
    batch: Pictures<'_>,
    alphas: &mut Vec<Plane<f32>>,
) -> Result<(), String> {
    let (n, size) = (batch.n, (batch.width, batch.height));
    match (&output.instances, prototypes) {
        (Some(how), Some(prototypes)) => instances::read(output, how, raw, prototypes, (n, size), alphas)?,
        _ => match output.layout {
            Layout::Nchw => output.read(&raw.shape, &raw.data, n, alphas)?,
            Layout::Nhwc => {
                let raw = raw.channels_first();
                output.read(&raw.shape, &raw.data, n, alphas)?;
            }
        },
    }
    for alpha in alphas.iter_mut().filter(|a| (a.width(), a.height()) != size) {
        *alpha = resize(alpha.as_ref(), size.0, size.1);
    }
    Ok(())
}

impl Output {
    /// Reads `n` alphas from an output of `shape` (`[N, C, H, W]`, or `[N, H, W]` where the graph
    /// omits a single channel) into `alphas`, whose planes are used again.
    ///
    /// # Errors
    /// Another shape, a class that isn't there, or values that are not finite; as a text for users.
    pub(crate) fn read(
        &self,
        dims: &[usize],
        data: &[f32],
        n: usize,
        alphas: &mut Vec<Plane<f32>>,
    ) -> Result<(), String> {
        let (pictures, channels, height, width) = match *dims {
            [n, c, h, w] => (n, c, h, w),
            [n, h, w] => (n, 1, h, w),
            _ => (0, 0, 0, 0),
        };
        let size = channels * height * width;
        if pictures != n || size == 0 || data.len() != n * size {
            return Err(format!("output {} has shape {dims:?} for a batch of {n}", self.name));
        }
        let labels = self.scores == Scores::Labels;
        if labels && channels != 1 {
            return Err(format!("output.scores: labels have one channel, not the {channels} of {}", self.name));
        }
        if !labels && self.class.is_some_and(|k| k >= channels) {
            return Err(format!("output.class is beyond the {channels} channels of {}", self.name));
        }
        let groups = self.people.iter().flat_map(|g| g.classes.iter().chain(&g.background));
        if !labels && groups.into_iter().any(|k| *k >= channels) {
            return Err(format!("output.people has a class beyond the {channels} channels of {}", self.name));
        }
        alphas.resize_with(n, Plane::default);
        for (scores, alpha) in data.chunks_exact(size).zip(alphas) {
            alpha.resize(width, height);
            self.read_one(scores, alpha)?;
        }
        Ok(())
    }

    /// Reads one picture's alpha from its planes of scores.
    fn read_one(&self, scores: &[f32], alpha: &mut Plane<f32>) -> Result<(), String> {
        let (w, h) = (alpha.width(), alpha.height());
        let alpha = alpha.data_mut();
        let one_channel = self.class.is_none() && self.people.is_none();
        if one_channel && self.activation == Activation::None && !self.stretch {
            return if copy_clamped(&scores[..w * h], alpha) { Ok(()) } else { Err(NOT_A_NUMBER.into()) };
        }
        let channel = |k: usize| &scores[k * w * h..][..w * h];
        match (self.scores, self.class, &self.people) {
            (_, None, None) => alpha.copy_from_slice(channel(0)),
            (Scores::Logits, Some(k), _) => softmax_channel(scores, k, alpha),
            (Scores::Logits, None, Some(groups)) => groups.matte(scores, alpha),
            (Scores::Probabilities, Some(k), _) => alpha.copy_from_slice(channel(k)),
            (Scores::Probabilities, None, Some(groups)) => {
                alpha.fill(0.0);
                for k in &groups.classes {
                    alpha.iter_mut().zip(channel(*k)).for_each(|(sum, v)| *sum += v);
                }
            }
            (Scores::Labels, class, groups) => {
                let classes = groups.as_ref().map_or(&[][..], |g| &g.classes);
                let is_person = |label: f32| class.iter().chain(classes).any(|k| *k as f32 == label);
                alpha.iter_mut().zip(channel(0)).for_each(|(a, v)| *a = f32::from(u8::from(is_person(*v))));
            }
        }
        // Clamping would hide NaN and infinity.
        if !all_finite(alpha) {
            return Err(NOT_A_NUMBER.into());
        }
        if self.activation == Activation::Sigmoid {
            alpha.iter_mut().for_each(|v| *v = 1.0 / (1.0 + (-*v).exp()));
        }
        if self.stretch {
            stretch(alpha);
        }
        clamp(alpha);
        Ok(())
    }
}

impl ClassGroups {
    /// The matte at every pixel of `scores`, planes of which each is as long as `out`.
    fn matte(&self, scores: &[f32], out: &mut [f32]) {
        const CHUNK: usize = 256;
        let n = out.len();
        for (i, out) in out.chunks_mut(CHUNK).enumerate() {
            let len = out.len();
            let plane = |k: &usize| &scores[k * n + i * CHUNK..][..len];
            // The logarithm of the sum of the exponentials of some channels.
            let together = |channels: &[usize]| {
                let (mut max, mut sum) = ([f32::NEG_INFINITY; CHUNK], [0.0f32; CHUNK]);
                for k in channels {
                    max.iter_mut().zip(plane(k)).for_each(|(max, v)| *max = max.max(*v));
                }
                for k in channels {
                    sum.iter_mut().zip(&max).zip(plane(k)).for_each(|((sum, max), v)| *sum += (v - max).exp());
                }
                sum.iter_mut().zip(&max).for_each(|(sum, max)| *sum = max + sum.ln());
                sum
            };
            let (people, background) = (together(&self.classes), together(&self.background));
            for ((out, people), background) in out.iter_mut().zip(&people).zip(&background) {
                *out = 1.0 / (1.0 + (-self.gain * (people - background)).exp());
            }
        }
    }
}

/// The probability of channel `person` at every pixel of `scores`, planes of which each is as long as `out`.
fn softmax_channel(scores: &[f32], person: usize, out: &mut [f32]) {
    // Plane by plane for some pixels at a time: pixel by pixel took half as long again with 6 channels.
    const CHUNK: usize = 256;
    let n = out.len();
    for (i, out) in out.chunks_mut(CHUNK).enumerate() {
        let len = out.len();
        let planes = || scores.chunks_exact(n).map(|plane| &plane[i * CHUNK..][..len]);
        let (mut max, mut sum) = ([f32::NEG_INFINITY; CHUNK], [0.0f32; CHUNK]);
        for plane in planes() {
            max.iter_mut().zip(plane).for_each(|(max, v)| *max = max.max(*v));
        }
        for plane in planes() {
            sum.iter_mut().zip(&max).zip(plane).for_each(|((sum, max), v)| *sum += (v - max).exp());
        }
        let plane = &scores[person * n + i * CHUNK..];
        for (((out, v), max), sum) in out.iter_mut().zip(plane).zip(&max).zip(&sum) {
            *out = (v - max).exp() / sum;
        }
    }
}

fn stretch(alpha: &mut [f32]) {
    let (lo, hi) = alpha.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), v| (lo.min(*v), hi.max(*v)));
    let span = (hi - lo).max(1e-6);
    alpha.iter_mut().for_each(|v| *v = (*v - lo) / span);
}

/// 1 for NaN and infinity, whose exponent bits alone are all set, otherwise 0.
#[inline(always)]
fn not_finite(v: f32) -> u32 {
    const EXPONENT: u32 = 0x7F80_0000;
    u32::from(v.to_bits() & EXPONENT == EXPONENT)
}

#[inline(always)]
fn clamp01(v: f32) -> f32 {
    let low = if v > 0.0 { v } else { 0.0 };
    if low < 1.0 { low } else { 1.0 }
}

// Without early exits, so that they vectorize.
dispatch! {
    fn all_finite(values: &[f32]) -> bool {
        let mut bad = 0;
        for v in values {
            bad |= not_finite(*v);
        }
        bad == 0
    }

    /// Clamps to 0..=1.
    fn clamp(values: &mut [f32]) {
        for v in values {
            *v = clamp01(*v);
        }
    }

    /// Copies `from` to `to`, clamped to 0..=1; returns whether all values were finite.
    fn copy_clamped(from: &[f32], to: &mut [f32]) -> bool {
        let n = to.len();
        let from = &from[..n];
        let mut bad = 0;
        for i in 0..n {
            bad |= not_finite(from[i]);
            to[i] = clamp01(from[i]);
        }
        bad == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn output() -> Output {
        serde_yaml::from_str("{name: alpha, activation: none}").unwrap()
    }

    fn read(output: &Output, shape: &[usize], data: &[f32], n: usize) -> Result<Vec<Vec<f32>>, String> {
        let mut alphas = vec![Plane::new(5, 5)];
        output.read(shape, data, n, &mut alphas)?;
        Ok(alphas.into_iter().map(|a| a.data().to_vec()).collect())
    }

    #[test]
    fn each_picture_of_a_batch_gets_its_alpha() {
        let data = [0.25, 2.0, -1.0, 0.5];
        for shape in [&[2, 1, 1, 2][..], &[2, 1, 2][..]] {
            assert_eq!(read(&output(), shape, &data, 2), Ok(vec![vec![0.25, 1.0], vec![0.0, 0.5]]));
        }
    }

    #[test]
    fn person_class_is_read_by_softmax() {
        let class = Output { class: Some(1), ..output() };
        let a = read(&class, &[1, 2, 1, 2], &[0.0, 10.0, 0.0, -10.0], 1).unwrap();
        assert!((a[0][0] - 0.5).abs() < 1e-6 && a[0][1] < 1e-6, "{a:?}");
        assert!(read(&Output { class: Some(2), ..output() }, &[1, 2, 1, 2], &[0.0; 4], 1).is_err());
    }

    #[test]
    fn probabilities_and_labels_are_taken_as_they_are() {
        let output = |more: &str| serde_yaml::from_str(&format!("{{name: o, activation: none, {more}}}")).unwrap();
        let shares = [0.2, 0.9, 0.3, 0.1, 0.5, 0.0];
        let one = read(&output("scores: probabilities, class: 1"), &[1, 3, 1, 2], &shares, 1);
        assert_eq!(one, Ok(vec![vec![0.3, 0.1]]));
        let some = "scores: probabilities, people: {classes: [1, 2], background: [0]}";
        assert_eq!(read(&output(some), &[1, 3, 1, 2], &shares, 1), Ok(vec![vec![0.8, 0.1]]));
        let labels = output("scores: labels, class: 15");
        assert_eq!(read(&labels, &[1, 1, 4], &[15.0, 0.0, 7.0, 15.0], 1), Ok(vec![vec![1.0, 0.0, 0.0, 1.0]]));
        assert!(read(&labels, &[1, 2, 1, 2], &[0.0; 4], 1).unwrap_err().contains("one channel"));
    }

    #[test]
    fn channels_that_come_last_are_moved_to_the_front() {
        let raw = Raw { shape: vec![2, 1, 2, 3], data: (0..12).map(|v| v as f32).collect::<Vec<_>>().into() };
        let moved = raw.channels_first();
        assert_eq!(moved.shape, [2, 3, 1, 2]);
        assert_eq!(&moved.data[..], [0., 3., 1., 4., 2., 5., 6., 9., 7., 10., 8., 11.]);
    }

    #[test]
    fn groups_of_classes_make_one_matte() {
        let groups = ClassGroups { classes: vec![1, 2], background: vec![0], gain: 1.0 };
        let (n, channels) = (600, 3);
        let scores: Vec<f32> = (0..n * channels).map(|i| ((i * 7919) % 997) as f32 / 50.0 - 10.0).collect();
        let mut alpha = vec![0.0; n];
        groups.matte(&scores, &mut alpha);
        for (i, got) in alpha.into_iter().enumerate() {
            let of = |k: usize| f64::from(scores[k * n + i]).exp();
            let want = (of(1) + of(2)) / (of(0) + of(1) + of(2));
            assert!((f64::from(got) - want).abs() < 1e-5, "with a gain of 1 it is the probability: {got} {want}");
        }
        let grouped = Output { people: Some(ClassGroups { gain: 3.0, ..groups }), ..output() };
        let a = read(&grouped, &[1, 3, 1, 1], &[0.0, 1.0, -50.0], 1).unwrap();
        assert!((f64::from(a[0][0]) - 1.0 / (1.0 + (-3.0f64).exp())).abs() < 1e-6, "{a:?}");
        assert!(read(&grouped, &[1, 2, 1, 1], &[0.0; 2], 1).unwrap_err().contains("output.people"));
    }

    #[test]
    fn softmax_of_large_planes_is_that_of_each_pixel() {
        let (n, channels) = (600, 5);
        let scores: Vec<f32> = (0..n * channels).map(|i| ((i * 7919) % 997) as f32 / 50.0 - 10.0).collect();
        for person in 0..channels {
            let mut alpha = vec![0.0; n];
            softmax_channel(&scores, person, &mut alpha);
            for (i, got) in alpha.into_iter().enumerate() {
                let pixel: Vec<f32> = scores[i..].iter().step_by(n).copied().collect();
                let max = pixel.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b));
                let sum: f32 = pixel.iter().map(|v| (v - max).exp()).sum();
                assert_eq!(got, (pixel[person] - max).exp() / sum, "{i}");
            }
        }
    }

    #[test]
    fn wrong_shapes_and_nan_are_rejected() {
        for (shape, n) in [(&[1, 1, 2, 2][..], 2), (&[2, 2], 1), (&[1, 0, 2, 2], 1), (&[2, 1, 2, 2], 1)] {
            assert!(read(&output(), shape, &[0.0; 4], n).unwrap_err().contains("has shape"), "{shape:?}");
        }
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut data = [0.5; 99];
            data[70] = bad;
            assert!(read(&output(), &[1, 1, 9, 11], &data, 1).unwrap_err().contains("not a number"), "{bad}");
        }
    }

    #[test]
    fn stretching_a_flat_output_gives_zeros() {
        let mut a = [0.3; 4];
        stretch(&mut a);
        assert!(a.iter().all(|v| v.abs() < 1e-6));
    }
}
