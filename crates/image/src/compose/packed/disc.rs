//! The discs of alpha-packed frames: written into frames, and read from them.

use super::{AlphaChannel, PackedFrame, TilePart};
use crate::plane::{Plane, PlaneMut, PlaneRef, Rect, Sample, YuvColor, YuvLayout};
use crate::simd::dispatch;
use std::ops::Range;

/// Writes the discs into frames of one kind.
#[derive(Clone, Debug)]
pub struct DiscPainter {
    frame: PackedFrame,
    layout: YuvLayout,
    /// The sample of each plane for each opacity.
    samples: [Vec<u32>; 3],
}

impl DiscPainter {
    /// A painter for frames stored in `layout` that mean `color`.
    pub fn new(frame: PackedFrame, channel: AlphaChannel, layout: YuvLayout, color: YuvColor) -> Self {
        let mut samples: [Vec<u32>; 3] = Default::default();
        for alpha in 0..=255u32 {
            let a = f64::from(alpha) / 255.0;
            let rgb = match channel {
                AlphaChannel::Red => [a, 0.0, 0.0],
                AlphaChannel::Gray => [a, a, a],
            };
            for (plane, v) in samples.iter_mut().zip(color.encode(rgb, layout.bits)) {
                plane.push(v);
            }
        }
        Self { frame, layout, samples }
    }

    /// Writes the opacities `tiles` (left eye, right eye; 0 background, 255 person) into the discs of
    /// a frame. What lies outside the discs is not touched, except that chroma samples which belong
    /// to a disc only in part are written whole.
    ///
    /// # Panics
    /// When planes or tiles have not the frame's sizes.
    pub fn paint<T: Sample>(&self, tiles: [PlaneRef<'_, u8>; 2], out: &mut [PlaneMut<'_, T>; 3]) {
        let n = self.frame.tile_side();
        for tile in &tiles {
            assert_eq!((tile.width, tile.height), (n, n), "a tile's size");
        }
        let (w, h) = self.frame.size();
        for (p, plane) in out.iter().enumerate() {
            assert_eq!((plane.width, plane.height), self.layout.plane_size(p, w, h), "size of plane {p}");
        }
        let samples: [[T; 256]; 3] =
            self.samples.each_ref().map(|s| std::array::from_fn(|alpha| T::from_u32(s[alpha])));
        let [luma, chroma @ ..] = &samples;
        let shift = (self.layout.chroma_shift_x, self.layout.chroma_shift_y);
        let [first, others @ ..] = out;
        for piece in self.frame.pieces() {
            let tile = tiles[piece.eye];
            self.paint_full(&piece, tile, luma, first);
            if shift == (0, 0) {
                for (samples, plane) in chroma.iter().zip(others.iter_mut()) {
                    self.paint_full(&piece, tile, samples, plane);
                }
            } else {
                self.paint_subsampled(&piece, tile, shift, chroma, others);
            }
        }
    }

    fn paint_full<T: Sample>(
        &self,
        piece: &TilePart,
        tile: PlaneRef<'_, u8>,
        samples: &[T; 256],
        out: &mut PlaneMut<'_, T>,
    ) {
        let r = piece.tile;
        for y in 0..r.h {
            let columns = self.columns(r, r.y + y);
            if !columns.is_empty() {
                let alphas = &tile.row(r.y + y)[r.x..][columns.clone()];
                encode(samples, alphas, &mut out.row_mut(piece.y + y)[piece.x..][columns]);
            }
        }
    }

    /// Every sample that covers any of the disc gets the highest opacity under it: with the mean,
    /// red would turn gray along the person's edge.
    fn paint_subsampled<T: Sample>(
        &self,
        piece: &TilePart,
        tile: PlaneRef<'_, u8>,
        (sx, sy): (u32, u32),
        samples: &[[T; 256]],
        planes: &mut [PlaneMut<'_, T>],
    ) {
        let r = piece.tile;
        let (bw, bh) = (1 << sx, 1 << sy);
        // The highest opacity of `bh` rows, by columns of the tile and then by samples.
        let (mut by_column, mut by_sample) = (vec![0; r.w], vec![0; r.w >> sx]);
        for y in (0..r.h).step_by(bh) {
            by_column.fill(0);
            // The rows of a disc overlap, so all columns between the first and the last are covered by one of them.
            let mut covered = r.w..0;
            for row in r.y + y..r.y + y + bh {
                let columns = self.columns(r, row);
                if !columns.is_empty() {
                    raise(&mut by_column[columns.clone()], &tile.row(row)[r.x..][columns.clone()]);
                    covered = covered.start.min(columns.start)..covered.end.max(columns.end);
                }
            }
            if covered.is_empty() {
                continue;
            }
            let covered = covered.start >> sx..covered.end.div_ceil(bw);
            let alphas = &mut by_sample[covered.clone()];
            highest_of_each(&by_column[covered.start << sx..covered.end << sx], bw, alphas);
            for (samples, plane) in samples.iter().zip(planes.iter_mut()) {
                let out = &mut plane.row_mut((piece.y + y) >> sy)[piece.x >> sx..][covered.clone()];
                encode(samples, alphas, out);
            }
        }
    }

    /// The columns of the part `r` of a tile that lie in the disc in row `y` of the tile.
    fn columns(&self, r: Rect, y: usize) -> Range<usize> {
        let (start, end) = self.frame.disc_row(y);
        let inside = |x: usize| x.clamp(r.x, r.x + r.w) - r.x;
        inside(start)..inside(end)
    }
}

/// The sample of each opacity.
fn encode<T: Sample>(samples: &[T; 256], alphas: &[u8], out: &mut [T]) {
    for (out, alpha) in out.iter_mut().zip(alphas) {
        *out = samples[usize::from(*alpha)];
    }
}

dispatch! {
    /// Makes each value at least the other one.
    fn raise(values: &mut [u8], others: &[u8]) {
        for (value, other) in values.iter_mut().zip(others) {
            *value = (*value).max(*other);
        }
    }

    /// The highest of each `n` values.
    fn highest_of_each(values: &[u8], n: usize, out: &mut [u8]) {
        // Of constant length the values are compared in wide registers.
        if n == 2 {
            for (out, [a, b]) in out.iter_mut().zip(values.as_chunks().0) {
                *out = (*a).max(*b);
            }
            return;
        }
        for (out, values) in out.iter_mut().zip(values.chunks_exact(n)) {
            *out = values.iter().copied().max().unwrap_or_default();
        }
    }
}

/// Reads an eye's opacities out of a frame's planes as a player does, from red: 0.0 background to
/// 1.0 person, 0 outside the disc. `out` gets the tile's size.
///
/// # Panics
/// When the planes have not the frame's sizes, or `eye` is above 1.
pub fn read_disc<T: Sample>(
    frame: PackedFrame,
    eye: usize,
    planes: &[PlaneRef<'_, T>; 3],
    layout: YuvLayout,
    color: YuvColor,
    out: &mut Plane<f32>,
) {
    let (w, h) = frame.size();
    assert!(eye < 2 && (planes[0].width, planes[0].height) == (w, h));
    let n = frame.tile_side();
    out.resize(n, n);
    out.data_mut().fill(0.0);
    let (y0, y_span) = color.luma(layout.bits);
    let (c0, c_span) = color.chroma(layout.bits);
    let (kr, _) = color.matrix.kr_kb();
    let red_of_cr = 2.0 * (1.0 - kr) as f32 / c_span;
    let (sx, sy) = (layout.chroma_shift_x, layout.chroma_shift_y);
    for piece in frame.pieces().iter().filter(|p| p.eye == eye) {
        let r = piece.tile;
        for y in 0..r.h {
            let (start, end) = frame.disc_row(r.y + y);
            let luma = planes[0].row(piece.y + y);
            let cr = planes[2].row((piece.y + y) >> sy);
            for x in start.max(r.x)..end.min(r.x + r.w) {
                let at = piece.x + x - r.x;
                let red = (luma[at].to_f32() - y0) / y_span + red_of_cr * (cr[at >> sx].to_f32() - c0);
                out.data_mut()[(r.y + y) * n + x] = red.clamp(0.0, 1.0);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plane::Matrix;

    const YUV420: YuvLayout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
    const COLOR: YuvColor = YuvColor { matrix: Matrix::Bt709, full_range: false };

    fn painted(frame: PackedFrame, channel: AlphaChannel, layout: YuvLayout, tile: &Plane<u8>) -> [Plane<u8>; 3] {
        let (w, h) = frame.size();
        let mut planes: [Plane<u8>; 3] = std::array::from_fn(|p| {
            let (w, h) = layout.plane_size(p, w, h);
            Plane::from_vec(vec![7; w * h], w, h)
        });
        let mut out = planes.each_mut().map(|p| p.as_mut());
        DiscPainter::new(frame, channel, layout, COLOR).paint([tile.as_ref(), tile.as_ref()], &mut out);
        planes
    }

    #[test]
    fn discs_are_written_and_the_circles_are_not() {
        let frame = PackedFrame::for_height(1000);
        let n = frame.tile_side();
        let planes = painted(frame, AlphaChannel::Gray, YUV420, &Plane::from_vec(vec![255; n * n], n, n));
        let (w, h) = frame.size();
        let mut written = 0usize;
        for y in 0..h {
            for x in 0..w {
                let touched = planes[0].data()[y * w + x] != 7;
                let c = (if x < w / 2 { w / 4 } else { 3 * w / 4 } as f64, h as f64 / 2.0);
                let r = (x as f64 + 0.5 - c.0).hypot(y as f64 + 0.5 - c.1);
                assert!(!touched || r > h as f64 / 2.0 + 4.0, "{x} {y}");
                written += usize::from(touched);
                let chroma = planes[1].data()[y / 2 * (w / 2) + x / 2] != 7;
                assert!(chroma || !touched, "the chroma of {x} {y} was left");
                assert!(!chroma || r > h as f64 / 2.0, "the chroma of {x} {y} in the circle was changed");
            }
        }
        let disc = std::f64::consts::PI * frame.disc_radius().powi(2);
        assert!((written as f64 / (2.0 * disc) - 1.0).abs() < 0.002, "{written} {disc}");
    }

    #[test]
    fn painted_discs_read_back_as_their_opacity() {
        let frame = PackedFrame::for_height(500);
        let n = frame.tile_side();
        // Opacity by blocks of eight samples, so that each chroma sample lies in one.
        let tile = Plane::from_vec((0..n * n).map(|i| (i / n / 8 * 37 + i % n / 8 * 11) as u8).collect(), n, n);
        for layout in [YUV420, YuvLayout { chroma_shift_x: 0, chroma_shift_y: 0, ..YUV420 }] {
            for channel in [AlphaChannel::Red, AlphaChannel::Gray] {
                let planes = painted(frame, channel, layout, &tile);
                let refs = planes.each_ref().map(|p| p.as_ref());
                for eye in 0..2 {
                    let mut out = Plane::default();
                    read_disc(frame, eye, &refs, layout, COLOR, &mut out);
                    for y in 0..n {
                        let (start, end) = frame.disc_row(y);
                        for x in 0..n {
                            let want = if (start..end).contains(&x) { f32::from(tile.data()[y * n + x]) } else { 0.0 };
                            let got = 255.0 * out.data()[y * n + x];
                            assert!((got - want).abs() < 2.0, "{layout:?} {channel:?} {x} {y}: {got} {want}");
                        }
                    }
                }
            }
        }
        let planes = painted(frame, AlphaChannel::Red, YUV420, &Plane::from_vec(vec![255; n * n], n, n));
        let (w, _) = frame.size();
        // BT.709's red at the seam's upper end.
        assert_eq!([planes[0].data()[w / 2], planes[1].data()[w / 4], planes[2].data()[w / 4]], [63, 102, 240]);
    }

    /// What a plane holds at a sample by the definition, or `None` outside the discs.
    fn expected(frame: PackedFrame, tile: &Plane<u8>, (sx, sy): (u32, u32), at: (usize, usize)) -> Option<u8> {
        let n = frame.tile_side();
        let opacity = |x: usize, y: usize| {
            let piece = frame
                .pieces()
                .into_iter()
                .find(|p| (p.x..p.x + p.tile.w).contains(&x) && (p.y..p.y + p.tile.h).contains(&y))?;
            let (x, y) = (piece.tile.x + x - piece.x, piece.tile.y + y - piece.y);
            let (start, end) = frame.disc_row(y);
            (start..end).contains(&x).then(|| tile.data()[y * n + x])
        };
        let rows = at.1 << sy..(at.1 + 1) << sy;
        rows.flat_map(|y| (at.0 << sx..(at.0 + 1) << sx).filter_map(move |x| opacity(x, y))).max()
    }

    #[test]
    fn every_sample_gets_the_highest_opacity_under_it() {
        let frame = PackedFrame::for_height(200);
        let n = frame.tile_side();
        let tile = Plane::from_vec((0..n * n).map(|i| (i * i % 251) as u8).collect(), n, n);
        for shift in [(0, 0), (1, 0), (1, 1), (2, 2)] {
            let layout = YuvLayout { chroma_shift_x: shift.0, chroma_shift_y: shift.1, ..YUV420 };
            let planes = painted(frame, AlphaChannel::Red, layout, &tile);
            let painter = DiscPainter::new(frame, AlphaChannel::Red, layout, COLOR);
            let (w, h) = frame.size();
            for (p, plane) in planes.iter().enumerate() {
                let shift = if p == 0 { (0, 0) } else { shift };
                let (w, h) = layout.plane_size(p, w, h);
                for (x, y) in (0..h).flat_map(|y| (0..w).map(move |x| (x, y))) {
                    let alpha = expected(frame, &tile, shift, (x, y));
                    let want = alpha.map_or(7, |alpha| painter.samples[p][usize::from(alpha)] as u8);
                    assert_eq!(plane.data()[y * w + x], want, "{shift:?} plane {p} at {x} {y}");
                }
            }
        }
    }

    #[test]
    fn chroma_follows_the_highest_opacity() {
        let frame = PackedFrame::for_height(400);
        let n = frame.tile_side();
        // Single samples of a person.
        let tile = Plane::from_vec(
            (0..n * n).map(|i| if (i % n).is_multiple_of(2) && i / n % 2 == 1 { 255 } else { 0 }).collect(),
            n,
            n,
        );
        let planes = painted(frame, AlphaChannel::Red, YUV420, &tile);
        let w = frame.size().0;
        assert_eq!((planes[0].data()[w / 2], planes[0].data()[w + w / 2]), (16, 63));
        assert_eq!(planes[2].data()[w / 4], 240);
    }
}
