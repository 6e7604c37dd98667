//! From a small YUV view to the model's normalized RGB input.

use crate::matte::{SmallYuv, ramp};
use crate::plane::Matrix;
use crate::simd::dispatch;

/// How a model's input is normalized: `value = (rgb * scale - mean) / std` for each channel, with `rgb`
/// gamma-coded in 0..=1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    /// Channel order B, G, R instead of R, G, B. `mean` and `std` are in the model's order.
    pub bgr: bool,
    /// Factor on the 0..=1 components: 1 for most models, 255 for those trained on bytes.
    pub scale: f32,
    /// Subtracted from each channel.
    pub mean: [f32; 3],
    /// Divisor of each channel.
    pub std: [f32; 3],
    /// First divide by the picture's highest component (U2-Net's own preprocessing).
    pub divide_by_max: bool,
}

impl Default for Normalization {
    /// RGB in 0..=1.
    fn default() -> Self {
        Self { bgr: false, scale: 1.0, mean: [0.0; 3], std: [1.0; 3], divide_by_max: false }
    }
}

/// Luma that this share of a picture's samples has to reach: below the first value the picture is dark, below the second it
/// is shown to models as bright as the third, by at most the fourth as a factor. Models find people in dark
/// pictures everywhere or nowhere.
const BRIGHT_SHARE: f32 = 0.02;
const DARK: (f32, f32) = (0.3, 0.2);
const BRIGHTENED: f32 = 0.5;
const MAX_GAIN: f32 = 6.0;

/// The factor by which a picture with this luma is too dark for a model, at least 1.
fn gain(luma: &[f32]) -> f32 {
    let enough = BRIGHT_SHARE * luma.len() as f32;
    if count_above(luma, DARK.0) as f32 >= enough {
        return 1.0;
    }
    // Halving finds the luma that this share reaches.
    let (mut low, mut high) = (0.0, DARK.0);
    for _ in 0..8 {
        let middle = (low + high) / 2.0;
        *if count_above(luma, middle) as f32 >= enough { &mut low } else { &mut high } = middle;
    }
    let full = (BRIGHTENED / high).min(MAX_GAIN);
    1.0 + (full - 1.0) * (1.0 - ramp(high, (DARK.1, DARK.0)))
}

/// Turns a sampled view into a model's input: `out` is one NCHW picture, 3 x height x width.
///
/// # Panics
/// When `out` has another length, or the three planes of `small` differ in size.
pub fn to_model_input(small: &SmallYuv, matrix: Matrix, norm: &Normalization, out: &mut [f32]) {
    let n = small.y.data().len();
    assert_eq!(out.len(), 3 * n, "one picture is 3 x {} x {}", small.y.height(), small.y.width());
    let (kr, kb) = matrix.kr_kb();
    let kg = 1.0 - kr - kb;
    let (red_v, blue_u) = (2.0 * (1.0 - kr), 2.0 * (1.0 - kb));
    let to_rgb = [red_v as f32, (-kb * blue_u / kg) as f32, (-kr * red_v / kg) as f32, blue_u as f32];
    let (first, rest) = out.split_at_mut(n);
    let (second, third) = rest.split_at_mut(n);
    let (red, blue, at) = if norm.bgr { (third, first, [2, 1, 0]) } else { (first, third, [0, 1, 2]) };
    yuv_to_rgb(small.y.data(), small.u.data(), small.v.data(), to_rgb, red, second, blue);
    let gain = gain(small.y.data());
    if gain > 1.0 {
        [&mut *red, &mut *second, &mut *blue].into_iter().for_each(|channel| brighten(channel, gain));
    }
    let divisor = if norm.divide_by_max { max_of(red).max(max_of(second)).max(max_of(blue)).max(1e-6) } else { 1.0 };
    for (channel, i) in [(red, at[0]), (second, at[1]), (blue, at[2])] {
        let factor = norm.scale / (divisor * norm.std[i]);
        let offset = -norm.mean[i] / norm.std[i];
        if (factor, offset) != (1.0, 0.0) {
            scale_offset(channel, factor, offset);
        }
    }
}

dispatch! {
    /// `m`: R from V, G from U, G from V, B from U. Results are clamped to 0..=1.
    fn yuv_to_rgb(y: &[f32], u: &[f32], v: &[f32], m: [f32; 4], r: &mut [f32], g: &mut [f32], b: &mut [f32]) {
        let n = y.len();
        let (u, v, r, g, b) = (&u[..n], &v[..n], &mut r[..n], &mut g[..n], &mut b[..n]);
        for i in 0..n {
            r[i] = (y[i] + m[0] * v[i]).clamp(0.0, 1.0);
            g[i] = (y[i] + m[1] * u[i] + m[2] * v[i]).clamp(0.0, 1.0);
            b[i] = (y[i] + m[3] * u[i]).clamp(0.0, 1.0);
        }
    }

    /// `v = v * factor + offset`.
    fn scale_offset(data: &mut [f32], factor: f32, offset: f32) {
        for v in data {
            *v = *v * factor + offset;
        }
    }

    fn brighten(data: &mut [f32], gain: f32) {
        for v in data {
            *v = (*v * gain).min(1.0);
        }
    }

    fn count_above(data: &[f32], least: f32) -> u32 {
        let mut lanes = [0u32; 16];
        let chunks = data.chunks_exact(16);
        let tail = chunks.remainder();
        for c in chunks {
            for (n, &v) in lanes.iter_mut().zip(c) {
                *n += u32::from(v > least);
            }
        }
        lanes.iter().sum::<u32>() + tail.iter().filter(|v| **v > least).count() as u32
    }

    fn max_of(data: &[f32]) -> f32 {
        let mut lanes = [0f32; 16];
        let chunks = data.chunks_exact(16);
        let tail = chunks.remainder();
        for c in chunks {
            for (m, &v) in lanes.iter_mut().zip(c) {
                *m = if v > *m { v } else { *m };
            }
        }
        lanes.iter().chain(tail).fold(0.0, |m, &v| if v > m { v } else { m })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matte::Sampler;
    use crate::plane::{Plane, PlaneRef, Rect, Yuv, YuvColor, YuvLayout};

    fn flat(c: [u32; 3], w: usize, h: usize) -> [Vec<u16>; 3] {
        let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
        [vec![c[0] as u16; w * h], vec![c[1] as u16; cw * ch], vec![c[2] as u16; cw * ch]]
    }

    #[test]
    fn flat_color_comes_back_as_rgb() {
        for (bits, full_range, matrix) in [
            (8, false, Matrix::Bt709),
            (10, false, Matrix::Bt2020),
            (8, true, Matrix::Bt601),
            (12, true, Matrix::Bt709),
        ] {
            let color = YuvColor { matrix, full_range };
            let layout = YuvLayout { bits, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
            let rgb = [0.8, 0.3, 0.1];
            let (w, h) = (61, 47);
            let planes = flat(color.encode(rgb, bits), w, h);
            let bytes: Vec<Vec<u8>> = planes.iter().map(|p| p.iter().map(|&v| v as u8).collect()).collect();
            let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
            let yuv = if bits == 8 {
                Yuv::U8([
                    PlaneRef::new(&bytes[0], w, w, h),
                    PlaneRef::new(&bytes[1], cw, cw, ch),
                    PlaneRef::new(&bytes[2], cw, cw, ch),
                ])
            } else {
                Yuv::U16([
                    PlaneRef::new(&planes[0], w, w, h),
                    PlaneRef::new(&planes[1], cw, cw, ch),
                    PlaneRef::new(&planes[2], cw, cw, ch),
                ])
            };
            let mut small = SmallYuv::default();
            // Odd corner, odd size; down in one direction and up in the other.
            Sampler::new().sample(&yuv, layout, color, Rect::new(3, 5, 41, 29), (16, 64), &mut small);
            let mut out = vec![0.0; 3 * 16 * 64];
            to_model_input(&small, matrix, &Normalization::default(), &mut out);
            for (c, want) in out.chunks_exact(16 * 64).zip(rgb) {
                for &v in c {
                    assert!((f64::from(v) - want).abs() < 0.012, "{bits} {full_range} {matrix:?}: {v} != {want}");
                }
            }
        }
    }

    #[test]
    fn normalization_scales_shifts_and_swaps_channels() {
        let small = SmallYuv {
            y: Plane::from_vec(vec![0.5, 0.25], 2, 1),
            u: Plane::from_vec(vec![0.0, 0.0], 2, 1),
            v: Plane::from_vec(vec![0.1, 0.0], 2, 1),
        };
        let mut rgb = vec![0.0; 6];
        to_model_input(&small, Matrix::Bt709, &Normalization::default(), &mut rgb);
        let norm = Normalization {
            bgr: true,
            scale: 255.0,
            mean: [1.0, 2.0, 3.0],
            std: [4.0, 5.0, 6.0],
            divide_by_max: false,
        };
        let mut out = vec![0.0; 6];
        to_model_input(&small, Matrix::Bt709, &norm, &mut out);
        for i in 0..2 {
            for (c, source) in [(0, 2), (1, 1), (2, 0)] {
                let want = (rgb[source * 2 + i] * 255.0 - norm.mean[c]) / norm.std[c];
                assert!((out[c * 2 + i] - want).abs() < 1e-4);
            }
        }
        let divide = Normalization { divide_by_max: true, ..Normalization::default() };
        to_model_input(&small, Matrix::Bt709, &divide, &mut out);
        let max = rgb.iter().copied().fold(0.0, f32::max);
        for (o, v) in out.iter().zip(&rgb) {
            assert!((o - v / max).abs() < 1e-6);
        }
    }

    /// A picture whose luma goes from 0 to `most`, with a little blue.
    fn slope(most: f32) -> SmallYuv {
        let plane = |value: &dyn Fn(usize) -> f32| Plane::from_vec((0..40 * 25).map(value).collect(), 40, 25);
        SmallYuv { y: plane(&|i| most * i as f32 / 999.0), u: plane(&|_| 0.02), v: plane(&|_| 0.0) }
    }

    fn rgb(small: &SmallYuv) -> Vec<f32> {
        let mut out = vec![0.0; 3 * small.y.data().len()];
        to_model_input(small, Matrix::Bt709, &Normalization::default(), &mut out);
        out
    }

    #[test]
    fn dark_pictures_are_brightened_and_others_are_not() {
        for most in [1.0, 0.5, 0.32] {
            let small = slope(most);
            let red = &rgb(&small)[..1000];
            assert!(red.iter().zip(small.y.data()).all(|(r, y)| r == y), "{most}");
        }
        // As bright as the third constant says, but by the fourth at most.
        let top = |most: f32| rgb(&slope(most))[979];
        assert!((top(0.15) - BRIGHTENED).abs() < 0.02, "{}", top(0.15));
        assert!((top(0.02) / (0.02 * 0.98) - MAX_GAIN).abs() < 0.05, "{}", top(0.02));
        assert!(rgb(&slope(0.0)).iter().all(|v| (0.0..=1.0).contains(v)));
        // Hues stay.
        let (dark, light) = (slope(0.15), rgb(&slope(0.15)));
        let blue_over_green = |out: &[f32]| out[2900] / out[1900];
        let mut plain = vec![0.0; 3000];
        let m = [1.5748, -0.1873, -0.4681, 1.8556];
        let (r, rest) = plain.split_at_mut(1000);
        let (g, b) = rest.split_at_mut(1000);
        yuv_to_rgb(dark.y.data(), dark.u.data(), dark.v.data(), m, r, g, b);
        assert!((blue_over_green(&light) - blue_over_green(&plain)).abs() < 0.01);
    }

    #[test]
    fn brightening_changes_gradually_with_the_light() {
        let gains: Vec<f32> = (1..=400).map(|i| gain(slope(i as f32 / 1000.0).y.data())).collect();
        assert!(gains.windows(2).skip(80).all(|pair| pair[1] <= pair[0] && pair[0] - pair[1] < 0.15), "{gains:?}");
        assert_eq!(gains[399], 1.0);
    }
}
