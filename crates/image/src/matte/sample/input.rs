//! From a small YUV view to the model's normalized RGB input.

use crate::matte::SmallYuv;
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
}
