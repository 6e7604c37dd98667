//! Cutting crops out of the full-size picture, and resizing their mattes back.

use super::CropRect;
use crate::matte::sample::Resampler;
use crate::matte::{Normalization, Sampler, SmallYuv, to_network};
use crate::plane::{Plane, Rect, Yuv, YuvColor, YuvLayout};

/// How a picture is stored, what its samples mean, and how it is turned.
#[derive(Clone, Copy, Debug)]
pub struct SourceFormat {
    /// Depth and subsampling.
    pub layout: YuvLayout,
    /// Matrix and range.
    pub color: YuvColor,
    /// Clockwise degrees by which it must be turned so that people stand upright.
    pub rotation: i32,
}

/// Makes the inputs of crop models; keeps its buffers.
#[derive(Debug, Default)]
pub struct CropSampler {
    sampler: Sampler,
    resampler: Resampler,
    small: SmallYuv,
}

impl CropSampler {
    /// Makes the model's input `out`, 3 x height x width, of a part of the eye `rect`: `part` is its
    /// left, top, right and bottom edge as shares of the eye, `size` the input's width and height, after turning.
    #[allow(clippy::too_many_arguments)]
    pub fn cut(
        &mut self,
        planes: &Yuv<'_>,
        form: SourceFormat,
        rect: Rect,
        part: [f64; 4],
        size: (usize, usize),
        norm: &Normalization,
        out: &mut Vec<f32>,
    ) {
        let x = |share: f64| rect.x as f64 + share * rect.w as f64;
        let y = |share: f64| rect.y as f64 + share * rect.h as f64;
        let edges = ((x(part[0]), x(part[2])), (y(part[1]), y(part[3])));
        let turned = form.rotation % 180 != 0;
        let unturned = if turned { (size.1, size.0) } else { size };
        self.sampler.sample_part(planes, form.layout, form.color, edges, unturned, &mut self.small);
        out.resize(3 * size.0 * size.1, 0.0);
        let matrix = form.color.matrix;
        if form.rotation == 0 {
            to_network(&self.small, matrix, norm, out);
        } else {
            to_network(&self.small.rotated(form.rotation), matrix, norm, out);
        }
    }

    /// Resizes the matte that a model made of a crop, not turned, to the crop's size.
    pub fn fit(&mut self, matte: &Plane<f32>, cell: CropRect, out: &mut Plane<f32>) {
        let (w, h) = (matte.width(), matte.height());
        let (x, y) = ((0.0, w as f64), (0.0, h as f64));
        self.resampler.resample(matte.as_ref(), x, y, h, (1.0, 0.0), (cell.width(), cell.height()), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::PlaneRef;

    #[test]
    fn crops_are_cut_rotated_and_resized_back() {
        // White in the right lower quarter of an eye that lies in the right half of a frame.
        let (w, h) = (64, 32);
        let luma: Vec<u8> = (0..w * h).map(|i| if i % w >= 48 && i / w >= 16 { 235 } else { 16 }).collect();
        let chroma = vec![128u8; w * h / 4];
        let planes = Yuv::U8([
            PlaneRef::new(&luma, w, w, h),
            PlaneRef::new(&chroma, w / 2, w / 2, h / 2),
            PlaneRef::new(&chroma, w / 2, w / 2, h / 2),
        ]);
        let layout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
        let form = |rotation| SourceFormat { layout, color: YuvColor::default(), rotation };
        let eye = Rect::new(32, 0, 32, 32);
        let (mut cutter, mut out) = (CropSampler::default(), Vec::new());
        let norm = Normalization::default();
        cutter.cut(&planes, form(0), eye, [0.25, 0.25, 0.75, 0.75], (8, 8), &norm, &mut out);
        assert!(out[0] < 0.01 && out[63] > 0.98 && out[7] < 0.01 && out[56] < 0.01);
        cutter.cut(&planes, form(90), eye, [0.25, 0.25, 0.75, 0.75], (8, 8), &norm, &mut out);
        assert!(out[56] > 0.98 && out[63] < 0.01, "a quarter turn brings the right lower corner to the left");
        let matte = Plane::from_vec(out[..64].to_vec(), 8, 8);
        let mut fitted = Plane::default();
        cutter.fit(&matte, CropRect { x0: 3, y0: 3, x1: 7, y1: 5 }, &mut fitted);
        assert_eq!((fitted.width(), fitted.height()), (4, 2));
    }
}
