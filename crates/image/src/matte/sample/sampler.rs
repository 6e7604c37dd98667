//! Views of frames, averaged down to the model's input size.

use super::Resampler;
use crate::matte::SmallYuv;
use crate::plane::{Plane, Rect, Yuv, YuvColor, YuvLayout};

/// Source rows that are averaged into one output row, at most: at 8K a view is 7.5 times as high
/// as the model's input, and four of those rows (each averaged over its full width) say as much
/// as all, for half the memory traffic. Chroma carries less detail.
const LUMA_ROWS: usize = 4;
const CHROMA_ROWS: usize = 2;

/// Samples views of frames down to the model's input size. Keeps its tables and buffers: use one for
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
        self.sample_part(yuv, layout, color, edges(view), size, out);
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
        (x, y): Part,
        size: (usize, usize),
        out: &mut SmallYuv,
    ) {
        self.plane(yuv, (layout, color), (x, y), 0, size, &mut out.y);
        self.plane(yuv, (layout, color), (x, y), 1, size, &mut out.u);
        self.plane(yuv, (layout, color), (x, y), 2, size, &mut out.v);
    }

    /// As [`Self::sample`], of the luma plane alone.
    ///
    /// # Panics
    /// As [`Self::sample`].
    pub fn sample_luma(
        &mut self,
        yuv: &Yuv<'_>,
        form: (YuvLayout, YuvColor),
        view: Rect,
        size: (usize, usize),
        out: &mut Plane<f32>,
    ) {
        self.plane(yuv, form, edges(view), 0, size, out);
    }

    /// As [`Self::sample`], of the chroma planes alone: Cb, then Cr.
    ///
    /// # Panics
    /// As [`Self::sample`].
    pub fn sample_chroma(
        &mut self,
        yuv: &Yuv<'_>,
        form: (YuvLayout, YuvColor),
        view: Rect,
        size: (usize, usize),
        [u, v]: [&mut Plane<f32>; 2],
    ) {
        self.plane(yuv, form, edges(view), 1, size, u);
        self.plane(yuv, form, edges(view), 2, size, v);
    }

    /// Samples plane number `plane` of a part that is given in luma samples.
    fn plane(
        &mut self,
        yuv: &Yuv<'_>,
        (layout, color): (YuvLayout, YuvColor),
        (x, y): Part,
        plane: usize,
        size: (usize, usize),
        out: &mut Plane<f32>,
    ) {
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
        match yuv {
            Yuv::U8(p) => self.resampler.resample(p[plane], x, y, rows, affine, size, out),
            Yuv::U16(p) => self.resampler.resample(p[plane], x, y, rows, affine, size, out),
        }
    }
}

/// Columns and rows of a part of a frame, from and to, in luma samples.
type Part = ((f64, f64), (f64, f64));

/// Where a view begins and ends.
fn edges(view: Rect) -> Part {
    ((view.x as f64, (view.x + view.w) as f64), (view.y as f64, (view.y + view.h) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::PlaneRef;

    #[test]
    fn luma_and_chroma_alone_are_the_planes_of_the_whole_view() {
        let samples: Vec<u8> = (0..64u32 * 48).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let plane = |width, height| PlaneRef { data: &samples[..], width, height, stride: 64 };
        let yuv = Yuv::U8([plane(64, 48), plane(32, 24), plane(32, 24)]);
        let layout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
        let (form, view, size) = ((layout, YuvColor::default()), Rect::new(5, 3, 41, 37), (16, 12));
        let (mut sampler, mut whole, mut parts) = (Sampler::new(), SmallYuv::default(), SmallYuv::default());
        sampler.sample(&yuv, form.0, form.1, view, size, &mut whole);
        sampler.sample_luma(&yuv, form, view, size, &mut parts.y);
        assert!(parts.u.data().is_empty() && parts.v.data().is_empty());
        sampler.sample_chroma(&yuv, form, view, size, [&mut parts.u, &mut parts.v]);
        assert_eq!((parts.y, parts.u, parts.v), (whole.y, whole.u, whole.v));
    }
}
