//! The network's input, made straight from the planes of a frame.
//!
//! Each plane of a view is area-averaged to the size that the network sees and only there turned
//! into RGB: the full-size picture is never converted. Averaging matters: a scaler that picks
//! single samples makes the matte shimmer when the camera moves by a fraction of a pixel.

use super::SmallYuv;
use super::resample::Resampler;
use crate::plane::{Matrix, Plane, Rect, Sample, Yuv, YuvColor, YuvLayout};
use crate::simd::dispatch;

/// Source rows that are averaged into one output row, at most: at 8K a view is 7.5 times as high
/// as the network's input, and four of those rows (each averaged over its full width) say as much
/// as all, for half the memory traffic. Chroma carries less detail.
const LUMA_ROWS: usize = 4;
const CHROMA_ROWS: usize = 2;

/// Samples views of frames down to the network's size. Keeps its tables and buffers: use one for
/// each thread.
#[derive(Debug, Default)]
pub struct Sampler {
    resampler: Resampler,
}

impl Sampler {
    /// A sampler with empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Averages the part `view` (luma samples) of a frame to `size` (width, height) and writes the
    /// three planes, normalized as [`SmallYuv`] states, to `out`, which gets that size. Where the
    /// view is smaller than `size` it is enlarged bilinearly.
    ///
    /// # Panics
    /// When the view is empty or does not lie inside the luma plane, or `size` has a 0.
    pub fn sample(
        &mut self,
        yuv: &Yuv<'_>,
        layout: YuvLayout,
        color: YuvColor,
        view: Rect,
        size: (usize, usize),
        out: &mut SmallYuv,
    ) {
        let x = (view.x as f64, (view.x + view.w) as f64);
        let y = (view.y as f64, (view.y + view.h) as f64);
        self.sample_part(yuv, layout, color, (x, y), size, out);
    }

    /// As [`Self::sample`], of the columns `x.0..x.1` and the rows `y.0..y.1` of the luma plane, which may
    /// begin and end within a sample.
    ///
    /// # Panics
    /// When the part is empty, or `size` has a 0.
    pub fn sample_part(
        &mut self,
        yuv: &Yuv<'_>,
        layout: YuvLayout,
        color: YuvColor,
        (x, y): ((f64, f64), (f64, f64)),
        size: (usize, usize),
        out: &mut SmallYuv,
    ) {
        for plane in 0..3 {
            let chroma = plane > 0;
            let (zero, span) = if chroma { color.chroma(layout.bits) } else { color.luma(layout.bits) };
            let affine = (1.0 / span, -zero / span);
            let rows = if chroma { CHROMA_ROWS } else { LUMA_ROWS };
            // A view that begins or ends on an odd luma sample covers half a chroma sample there.
            let (sx, sy) = if chroma {
                (1.0 / f64::from(1u32 << layout.chroma_shift_x), 1.0 / f64::from(1u32 << layout.chroma_shift_y))
            } else {
                (1.0, 1.0)
            };
            let (x, y) = ((x.0 * sx, x.1 * sx), (y.0 * sy, y.1 * sy));
            let dst = match plane {
                0 => &mut out.y,
                1 => &mut out.u,
                _ => &mut out.v,
            };
            match yuv {
                Yuv::U8(p) => self.resampler.resample(p[plane], x, y, rows, affine, size, dst),
                Yuv::U16(p) => self.resampler.resample(p[plane], x, y, rows, affine, size, dst),
            }
        }
    }
}

/// How a network wants its input: `value = (rgb * scale - mean) / std` for each channel, with `rgb`
/// gamma-coded in 0..=1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    /// Channel order B, G, R instead of R, G, B. `mean` and `std` are in the network's order.
    pub bgr: bool,
    /// Factor on the 0..=1 components: 1 for most networks, 255 for those that want bytes.
    pub scale: f32,
    /// Subtracted, per channel.
    pub mean: [f32; 3],
    /// Divided by, per channel.
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

/// Turns a sampled view into a network's input: `out` is one NCHW picture, 3 x height x width.
///
/// # Panics
/// When `out` has another length, or the three planes of `small` differ in size.
pub fn to_network(small: &SmallYuv, matrix: Matrix, norm: &Normalization, out: &mut [f32]) {
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

/// `plane` turned clockwise by a multiple of 90 degrees (negative: counter-clockwise), for frames
/// whose container carries a rotation.
///
/// # Panics
/// When `clockwise_degrees` is no multiple of 90.
pub fn rotate<T: Sample>(plane: &Plane<T>, clockwise_degrees: i32) -> Plane<T> {
    assert_eq!(clockwise_degrees % 90, 0, "a plane turns by quarter turns");
    let (w, h) = (plane.width(), plane.height());
    let src = plane.data();
    match clockwise_degrees.rem_euclid(360) {
        0 => plane.clone(),
        180 => Plane::from_vec(src.iter().rev().copied().collect(), w, h),
        turn => {
            let mut out = Vec::with_capacity(w * h);
            for y in 0..w {
                for x in 0..h {
                    // The new picture is h wide and w high.
                    out.push(if turn == 90 { src[(h - 1 - x) * w + y] } else { src[x * w + (w - 1 - y)] });
                }
            }
            Plane::from_vec(out, h, w)
        }
    }
}

impl SmallYuv {
    /// All three planes turned, see [`rotate`].
    pub fn rotated(&self, clockwise_degrees: i32) -> SmallYuv {
        SmallYuv {
            y: rotate(&self.y, clockwise_degrees),
            u: rotate(&self.u, clockwise_degrees),
            v: rotate(&self.v, clockwise_degrees),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::PlaneRef;

    fn flat(c: [u32; 3], w: usize, h: usize) -> [Vec<u16>; 3] {
        let (cw, ch) = (w.div_ceil(2), h.div_ceil(2));
        [vec![c[0] as u16; w * h], vec![c[1] as u16; cw * ch], vec![c[2] as u16; cw * ch]]
    }

    #[test]
    fn a_flat_color_comes_back_as_rgb() {
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
            to_network(&small, matrix, &Normalization::default(), &mut out);
            for (c, want) in out.chunks_exact(16 * 64).zip(rgb) {
                for &v in c {
                    assert!((f64::from(v) - want).abs() < 0.012, "{bits} {full_range} {matrix:?}: {v} != {want}");
                }
            }
        }
    }

    #[test]
    fn normalization_is_as_stated() {
        let small = SmallYuv {
            y: Plane::from_vec(vec![0.5, 0.25], 2, 1),
            u: Plane::from_vec(vec![0.0, 0.0], 2, 1),
            v: Plane::from_vec(vec![0.1, 0.0], 2, 1),
        };
        let mut rgb = vec![0.0; 6];
        to_network(&small, Matrix::Bt709, &Normalization::default(), &mut rgb);
        let norm = Normalization {
            bgr: true,
            scale: 255.0,
            mean: [1.0, 2.0, 3.0],
            std: [4.0, 5.0, 6.0],
            divide_by_max: false,
        };
        let mut out = vec![0.0; 6];
        to_network(&small, Matrix::Bt709, &norm, &mut out);
        for i in 0..2 {
            for (c, source) in [(0, 2), (1, 1), (2, 0)] {
                let want = (rgb[source * 2 + i] * 255.0 - norm.mean[c]) / norm.std[c];
                assert!((out[c * 2 + i] - want).abs() < 1e-4);
            }
        }
        let divide = Normalization { divide_by_max: true, ..Normalization::default() };
        to_network(&small, Matrix::Bt709, &divide, &mut out);
        let max = rgb.iter().copied().fold(0.0, f32::max);
        for (o, v) in out.iter().zip(&rgb) {
            assert!((o - v / max).abs() < 1e-6);
        }
    }

    #[test]
    fn four_quarter_turns_are_none() {
        let p = Plane::from_vec((0..6).map(|v| v as f32).collect(), 3, 2);
        // 0 1 2      3 0
        // 3 4 5  ->  4 1
        //            5 2
        assert_eq!(rotate(&p, 90).data(), [3.0, 0.0, 4.0, 1.0, 5.0, 2.0]);
        assert_eq!((rotate(&p, 90).width(), rotate(&p, 90).height()), (2, 3));
        assert_eq!(rotate(&p, -90), rotate(&p, 270));
        assert_eq!(rotate(&rotate(&p, 90), 90), rotate(&p, 180));
        assert_eq!(rotate(&rotate(&p, 90), 270), p);
        assert_eq!(rotate(&p, 360), p);
    }
}
