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
//! Each disc is handled as a square *tile*, cut into parts at whole even samples. Where 0.4 H is no
//! multiple of 8 the tile is a little larger than the disc; the disc itself always has the exact
//! scale of the formula, so what a player reads is right to a fraction of a sample.

mod disc;

pub use disc::{DiscPainter, read_disc};

use crate::plane::Rect;
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
    /// Pure red, as DeoVR's specification requires.
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
pub struct TilePart {
    /// 0 the left eye, 1 the right one.
    pub eye: usize,
    /// Its place in the eye's tile.
    pub tile: Rect,
    /// Left edge in the frame, in luma samples.
    pub x: usize,
    /// Upper edge in the frame, in luma samples.
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
        assert!(height >= Self::MIN_SIDE, "an eye of {height} rows is too small for packing");
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

    /// Radius of a disc in luma samples.
    pub fn disc_radius(self) -> f64 {
        SCALE * self.side as f64 / 2.0
    }

    /// The six parts that the two tiles are cut into.
    pub fn pieces(self) -> [TilePart; 6] {
        let (w, h) = self.size();
        let whole = self.tile_side();
        let half = whole / 2;
        let piece = |eye, tile, x, y| TilePart { eye, tile, x, y };
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn tile_parts_are_even_disjoint_and_inside(height in PackedFrame::MIN_SIDE..9000) {
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

        /// The parts put every sample of a tile where the closed form wants it, for any size.
        #[test]
        fn tile_parts_follow_the_closed_form(height in PackedFrame::MIN_SIDE..9000, at in (0.0f64..1.0, 0.0f64..1.0)) {
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
}
