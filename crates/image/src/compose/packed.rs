//! The "alpha packed" frame of DeoVR and HereSphere: two fisheye circles side by side, and in the
//! black between them, at 0.4 of their size, two discs with the opacity of each eye.
//!
//! With frames of W x H (W = 2 H), eyes whose circles have their centers at c = (W/4 or 3W/4, H/2)
//! and the radius R = H/2, the opacity of a point p of an eye lies at
//!
//! ```text
//! q = (c + (W/4, H/2) + 0.4 (p - c)) mod (W, H)
//! ```
//!
//! so the left eye's disc is centered on the seam's upper end and wraps down, the right eye's on the
//! frame's corner and wraps both ways. 0.4 is just below sqrt(2) - 1, where discs and circles would
//! touch. The layout was established from four independent programs that agree pixel by pixel
//! (vr2ar-converter, its Python port, PTMediaServer's packer, VRAutoMatte); `tests/job/packed.rs`
//! compares with the first one's FFmpeg graph.
//!
//! Each disc is handled as a square *tile*, cut into pieces at whole even samples. Where 0.4 H is no
//! multiple of 8 the tile is a little larger than the disc; the disc itself always has the exact
//! scale of the formula, so what a player reads is right to a fraction of a sample.

use crate::plane::{PlaneMut, PlaneRef, Rect, Sample, YuvColor, YuvLayout};
use crate::vr::{Format, Layout, Lens, Picture, Projection, RemapTable, SampleGrid};
use serde::{Deserialize, Serialize};

/// Size of a disc to its circle.
pub const SCALE: f64 = 0.4;

/// The format of packed frames whose circles show `fov` degrees.
pub fn format(fov: f32) -> Format {
    Format { layout: Layout::SideBySide, projection: Projection::Fisheye { fov }, alpha_packed: true, ..Format::FLAT }
}

/// Which colors carry the opacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum AlphaChannel {
    /// Pure red, what DeoVR's specification asks for.
    #[default]
    Red,
    /// Gray: the same in red, and sharper, since luma is not subsampled.
    Gray,
}

impl AlphaChannel {
    /// The word by which the command line knows it.
    pub fn name(self) -> &'static str {
        match self {
            AlphaChannel::Red => "red",
            AlphaChannel::Gray => "gray",
        }
    }

    /// The channel of that word.
    pub fn from_name(name: &str) -> Option<Self> {
        [AlphaChannel::Red, AlphaChannel::Gray].into_iter().find(|c| c.name() == name)
    }
}

/// The geometry of an alpha-packed frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedFrame {
    side: usize,
}

/// A rectangle of an eye's tile and where in the frame it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// 0 the left eye, 1 the right one.
    pub eye: usize,
    /// In the tile.
    pub tile: Rect,
    /// Left edge in the frame.
    pub x: usize,
    /// Upper edge in the frame.
    pub y: usize,
}

impl PackedFrame {
    /// The smallest eye: below that discs and circles share chroma samples.
    pub const MIN_SIDE: usize = 64;

    /// A frame of two eyes of about `height` x `height`: the nearest multiple of 4, so that all cuts
    /// lie between chroma samples.
    ///
    /// # Panics
    /// When `height` is below [`MIN_SIDE`](Self::MIN_SIDE).
    pub fn for_height(height: usize) -> Self {
        assert!(height >= Self::MIN_SIDE, "an eye of {height} rows is too small to be packed");
        Self { side: (height + 2) / 4 * 4 }
    }

    /// The geometry of an existing frame; `None` where its shape is not that of two square eyes
    /// whose side is a multiple of 4.
    pub fn of_frame(width: usize, height: usize) -> Option<Self> {
        let fits = width == 2 * height && height.is_multiple_of(4) && height >= Self::MIN_SIDE;
        fits.then_some(Self { side: height })
    }

    /// Width and height of the frame.
    pub fn size(self) -> (usize, usize) {
        (2 * self.side, self.side)
    }

    /// Width and height of an eye.
    pub fn side(self) -> usize {
        self.side
    }

    /// The eyes in the frame, the left one first.
    pub fn eyes(self) -> [Rect; 2] {
        [0, 1].map(|eye| Rect::new(eye * self.side, 0, self.side, self.side))
    }

    /// Width and height of a disc's tile: 0.4 of an eye's, rounded up to a multiple of 8.
    pub fn tile_side(self) -> usize {
        (self.side * 2).div_ceil(5).next_multiple_of(8)
    }

    /// Radius of a disc.
    pub fn disc_radius(self) -> f64 {
        SCALE * self.side as f64 / 2.0
    }

    /// The six pieces of both tiles.
    pub fn pieces(self) -> [Piece; 6] {
        let (w, h) = self.size();
        let whole = self.tile_side();
        let half = whole / 2;
        let piece = |eye, tile, x, y| Piece { eye, tile, x, y };
        [
            piece(0, Rect::new(0, 0, whole, half), w / 2 - half, h - half),
            piece(0, Rect::new(0, half, whole, half), w / 2 - half, 0),
            piece(1, Rect::new(0, 0, half, half), w - half, h - half),
            piece(1, Rect::new(half, 0, half, half), 0, h - half),
            piece(1, Rect::new(0, half, half, half), w - half, 0),
            piece(1, Rect::new(half, half, half, half), 0, 0),
        ]
    }

    /// The place in the eye's picture, -1..=1, that a position of its tile (0.0 is the center of the
    /// first sample) shows. Outside the disc it lies outside the unit circle.
    pub fn place(self, x: f64, y: f64) -> (f64, f64) {
        let center = self.tile_side() as f64 / 2.0 - 0.5;
        ((x - center) / self.disc_radius(), (y - center) / self.disc_radius())
    }

    /// The samples of row `y` of a tile that lie in the disc: first and end.
    pub fn disc_row(self, y: usize) -> (usize, usize) {
        let n = self.tile_side();
        let center = n as f64 / 2.0 - 0.5;
        let dy = y as f64 - center;
        let half = self.disc_radius().powi(2) - dy * dy;
        if half < 0.0 {
            return (0, 0);
        }
        let half = half.sqrt();
        (((center - half).ceil().max(0.0)) as usize, ((center + half).floor() as usize + 1).min(n))
    }

    /// The table that fills a tile from a plane of an eye: `source` is the eye's picture, `grid` its
    /// samples, `fov` what the circles of the packed frame show.
    pub fn tile_table(self, source: &Picture, grid: SampleGrid, fov: f64) -> RemapTable {
        let n = self.tile_side();
        let lens = Lens::Fisheye { fov };
        RemapTable::new((grid.width, grid.height), (n, n), &|x, y| {
            let (u, v) = self.place(x, y);
            let (x, y) = source.position(lens.ray(u, v)?)?;
            Some(grid.from_luma(x, y))
        })
    }

    /// The table that shows tiles as `eye`, a picture of any projection; `fov` is what the circles
    /// of the packed frame show.
    pub fn untile_table(self, eye: &Picture, fov: f64) -> RemapTable {
        let n = self.tile_side();
        let lens = Lens::Fisheye { fov };
        let center = n as f64 / 2.0 - 0.5;
        RemapTable::new((n, n), (eye.width, eye.height), &|x, y| {
            let (u, v) = lens.place(eye.ray(x, y)?)?;
            Some((center + u * self.disc_radius(), center + v * self.disc_radius()))
        })
    }
}

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
        for (p, plane) in out.iter_mut().enumerate() {
            assert_eq!((plane.width, plane.height), self.layout.plane_size(p, w, h), "size of plane {p}");
            let samples: Vec<T> = self.samples[p].iter().map(|v| T::from_u32(*v)).collect();
            let shift = if p == 0 { (0, 0) } else { (self.layout.chroma_shift_x, self.layout.chroma_shift_y) };
            for piece in self.frame.pieces() {
                if shift == (0, 0) {
                    self.paint_full(&piece, tiles[piece.eye], &samples, plane);
                } else {
                    self.paint_subsampled(&piece, tiles[piece.eye], shift, &samples, plane);
                }
            }
        }
    }

    fn paint_full<T: Sample>(&self, piece: &Piece, tile: PlaneRef<'_, u8>, samples: &[T], out: &mut PlaneMut<'_, T>) {
        let r = piece.tile;
        for y in 0..r.h {
            let (start, end) = self.frame.disc_row(r.y + y);
            let (start, end) = (start.max(r.x), end.min(r.x + r.w));
            if start < end {
                let out = &mut out.row_mut(piece.y + y)[piece.x + start - r.x..];
                for (out, alpha) in out.iter_mut().zip(&tile.row(r.y + y)[start..end]) {
                    *out = samples[usize::from(*alpha)];
                }
            }
        }
    }

    /// Every sample that covers any of the disc gets the highest opacity under it: with the mean,
    /// red would turn gray along the person's edge.
    fn paint_subsampled<T: Sample>(
        &self,
        piece: &Piece,
        tile: PlaneRef<'_, u8>,
        (sx, sy): (u32, u32),
        samples: &[T],
        out: &mut PlaneMut<'_, T>,
    ) {
        let r = piece.tile;
        let (bw, bh) = (1 << sx, 1 << sy);
        let mut highest: Vec<Option<u8>> = vec![None; r.w >> sx];
        for y in (0..r.h).step_by(bh) {
            highest.fill(None);
            for row in r.y + y..r.y + y + bh {
                let (start, end) = self.frame.disc_row(row);
                for x in start.max(r.x)..end.min(r.x + r.w) {
                    let highest = &mut highest[(x - r.x) / bw];
                    *highest = (*highest).max(Some(tile.row(row)[x]));
                }
            }
            let out = &mut out.row_mut((piece.y + y) >> sy)[piece.x >> sx..];
            for (out, alpha) in out.iter_mut().zip(&highest) {
                if let Some(alpha) = alpha {
                    *out = samples[usize::from(*alpha)];
                }
            }
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
    out: &mut crate::plane::Plane<f32>,
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
    use crate::plane::{Matrix, Plane};
    use proptest::prelude::*;

    const YUV420: YuvLayout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
    const COLOR: YuvColor = YuvColor { matrix: Matrix::Bt709, full_range: false };

    proptest! {
        #[test]
        fn pieces_are_even_disjoint_and_inside(height in PackedFrame::MIN_SIDE..9000) {
            let frame = PackedFrame::for_height(height);
            let ((w, h), n) = (frame.size(), frame.tile_side());
            prop_assert!(w == 2 * h && h.is_multiple_of(4) && h.abs_diff(height) <= 2 && n.is_multiple_of(8));
            let pieces = frame.pieces();
            for (i, a) in pieces.iter().enumerate() {
                let even = [a.tile.x, a.tile.y, a.tile.w, a.tile.h, a.x, a.y].iter().all(|v| v.is_multiple_of(4));
                prop_assert!(even, "{a:?}");
                prop_assert!(a.x + a.tile.w <= w && a.y + a.tile.h <= h);
                for b in &pieces[..i] {
                    let apart = a.x + a.tile.w <= b.x || b.x + b.tile.w <= a.x
                        || a.y + a.tile.h <= b.y || b.y + b.tile.h <= a.y;
                    prop_assert!(apart, "{a:?} {b:?}");
                }
            }
            let area = |eye| pieces.iter().filter(|p| p.eye == eye).map(|p| p.tile.w * p.tile.h).sum::<usize>();
            prop_assert_eq!((area(0), area(1)), (n * n, n * n));
            prop_assert_eq!(PackedFrame::of_frame(w, h), Some(frame));
        }

        /// The pieces put every sample of a tile where the closed form wants it, for any size.
        #[test]
        fn pieces_are_the_closed_form(height in PackedFrame::MIN_SIDE..9000, at in (0.0f64..1.0, 0.0f64..1.0)) {
            let frame = PackedFrame::for_height(height);
            let ((w, h), n) = (frame.size(), frame.tile_side());
            let (w, h) = (w as f64, h as f64);
            let sample = ((at.0 * n as f64) as usize, (at.1 * n as f64) as usize);
            for piece in frame.pieces() {
                let r = piece.tile;
                if !(r.x..r.x + r.w).contains(&sample.0) || !(r.y..r.y + r.h).contains(&sample.1) {
                    continue;
                }
                let (u, v) = frame.place(sample.0 as f64, sample.1 as f64);
                let c = (if piece.eye == 0 { w / 4.0 } else { 3.0 * w / 4.0 }, h / 2.0);
                let p = (c.0 + u * h / 2.0, c.1 + v * h / 2.0);
                let q = |c: f64, p: f64, shift: f64, n: f64| (c + shift + SCALE * (p - c)).rem_euclid(n);
                let want = (q(c.0, p.0, w / 4.0, w), q(c.1, p.1, h / 2.0, h));
                let got = (
                    (piece.x + sample.0 - r.x) as f64 + 0.5,
                    (piece.y + sample.1 - r.y) as f64 + 0.5,
                );
                prop_assert!((got.0 - want.0).abs() < 1e-6 && (got.1 - want.1).abs() < 1e-6, "{got:?} {want:?}");
            }
        }
    }

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
    fn red_is_red_and_reads_back() {
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
