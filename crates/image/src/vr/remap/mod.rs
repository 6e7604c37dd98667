//! Pictures seen through another lens: a table, computed once, says for every destination sample
//! where in the source view it lies; a kernel samples the source there.
//!
//! **Tables** hold no coordinate for most samples. A destination is cut into tiles of 64 x 16; where
//! the mapping is so smooth that interpolating it between nodes 8 samples apart is exact to 1/32 of
//! a source sample, only the nodes are kept (0.2 bytes a sample, and less memory traffic than the
//! picture itself has). Tiles on a rim or near a pole keep a 4-byte position for each sample,
//! relative to the tile's place in the source, with as many fractional bits as fit (always 4 or
//! more up to sources of 4096 samples, usually 9 to 11).
//!
//! **Minifying** goes through a pyramid: each tile reads the level (source halved by 2 x 2 means)
//! at which the mapping's scale is between 0.7 and 1.4 source samples per destination sample, so
//! that bilinear interpolation misses none. The scale is taken in the direction that shrinks
//! least: the projections shrink unevenly only where they have stretched the world before, and
//! what was stretched holds no detail that could alias.
//!
//! **Caches**: all samples that a tile reads lie in one small rectangle of the source, so a tile's
//! reads come from the nearest cache after the first touch.
//!
//! Beyond the source's border its last sample repeats. The seam of a 360 degree source (straight
//! behind the viewer) is a border too: half a sample to either side of it is not blended across.

mod fixed;
mod float;
mod kernel;
mod positions;
mod pyramid;
mod table;
mod weights;

pub use table::RemapTable;

use crate::plane::{ChromaSiting, PlaneMut, PlaneRef, Sample, YuvLayout};
use crate::simd::{to_u8, to_u16};
use kernel::Scratch;
use pyramid::Pyramid;
use serde::{Deserialize, Serialize};

/// Width of a tile in destination samples.
pub const TILE_W: usize = 64;
/// Height of a tile in destination samples.
pub const TILE_H: usize = 16;

/// How a picture is read between its samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Filter {
    /// Two by two samples; what video wants.
    #[default]
    Bilinear,
    /// Six by six samples with Lanczos' window (a = 3): keeps fine detail; several times slower.
    Lanczos3,
}

impl Filter {
    /// The word by which settings know the filter.
    pub fn name(self) -> &'static str {
        match self {
            Filter::Bilinear => "bilinear",
            Filter::Lanczos3 => "lanczos",
        }
    }

    /// Samples that are read before the one at a position and after it, in rows and in columns. Lanczos loads
    /// eight in a row.
    fn margin(self) -> (i32, i32) {
        match self {
            Filter::Bilinear => (0, 1),
            Filter::Lanczos3 => (2, 5),
        }
    }

    /// The filter of that word.
    pub fn from_name(name: &str) -> Option<Self> {
        [Filter::Bilinear, Filter::Lanczos3].into_iter().find(|f| f.name() == name)
    }
}

/// Where the samples of a plane lie in a picture: sample `i` of a row is at luma position
/// `origin.0 + i * step.0`, whole numbers being the centers of luma samples; rows likewise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SampleGrid {
    /// Number of samples in a row.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
    /// Luma position of the first sample.
    pub origin: (f64, f64),
    /// Luma samples from one to the next.
    pub step: (f64, f64),
}

impl SampleGrid {
    /// The luma plane of a picture of `width` x `height`.
    pub const fn luma(width: usize, height: usize) -> Self {
        Self { width, height, origin: (0.0, 0.0), step: (1.0, 1.0) }
    }

    /// Plane `p` (0 Y, 1 U, 2 V, 3 A) of a picture of `width` x `height` luma samples. The picture
    /// may be a view inside a frame as long as it begins on a whole chroma sample.
    pub fn plane(p: usize, width: usize, height: usize, layout: YuvLayout, siting: ChromaSiting) -> Self {
        let (w, h) = layout.plane_size(p, width, height);
        if p == 0 || p == 3 {
            return Self::luma(w, h);
        }
        let step = (f64::from(1u32 << layout.chroma_shift_x), f64::from(1u32 << layout.chroma_shift_y));
        let (left, top) = match siting {
            ChromaSiting::Left => (true, false),
            ChromaSiting::Center => (false, false),
            ChromaSiting::TopLeft => (true, true),
        };
        let at = |first: bool, step: f64| if first { 0.0 } else { (step - 1.0) / 2.0 };
        Self { width: w, height: h, origin: (at(left, step.0), at(top, step.1)), step }
    }

    /// Luma position of a (fractional) sample.
    pub fn to_luma(&self, x: f64, y: f64) -> (f64, f64) {
        (self.origin.0 + x * self.step.0, self.origin.1 + y * self.step.1)
    }

    /// The (fractional) sample at a luma position.
    pub fn from_luma(&self, x: f64, y: f64) -> (f64, f64) {
        ((x - self.origin.0) / self.step.0, (y - self.origin.1) / self.step.1)
    }
}

/// A sample that can be made of a weighted sum.
pub trait Texel: Sample {
    /// Rounds to the nearest sample in `0..=max` (integers) or keeps the value (floats).
    fn from_sum(v: f32, max: f32) -> Self;
    /// The same sample of another type.
    #[inline(always)]
    fn from_sample<S: Texel>(sample: S, max: f32) -> Self {
        Self::from_sum(sample.to_f32(), max)
    }
    /// The mean of four samples.
    fn mean4(a: Self, b: Self, c: Self, d: Self) -> Self;
    /// The plane as one of bytes, if that is what the samples are.
    fn bytes(plane: PlaneRef<'_, Self>) -> Option<PlaneRef<'_, u8>> {
        let _ = plane;
        None
    }
    /// The row as bytes, if that is what the samples are.
    fn bytes_mut(row: &mut [Self]) -> Option<&mut [u8]> {
        let _ = row;
        None
    }
    /// The plane as one of words of 16 bits, if that is what the samples are.
    fn words(plane: PlaneRef<'_, Self>) -> Option<PlaneRef<'_, u16>> {
        let _ = plane;
        None
    }
    /// The row as words, if that is what the samples are.
    fn words_mut(row: &mut [Self]) -> Option<&mut [u16]> {
        let _ = row;
        None
    }
}

impl Texel for u8 {
    #[inline(always)]
    fn from_sum(v: f32, _: f32) -> Self {
        to_u8(v + 0.5)
    }
    #[inline(always)]
    fn mean4(a: Self, b: Self, c: Self, d: Self) -> Self {
        ((u16::from(a) + u16::from(b) + u16::from(c) + u16::from(d) + 2) >> 2) as u8
    }
    #[inline(always)]
    fn bytes(plane: PlaneRef<'_, Self>) -> Option<PlaneRef<'_, u8>> {
        Some(plane)
    }
    #[inline(always)]
    fn bytes_mut(row: &mut [Self]) -> Option<&mut [u8]> {
        Some(row)
    }
}

impl Texel for u16 {
    #[inline(always)]
    fn from_sum(v: f32, max: f32) -> Self {
        to_u16(v + 0.5, max)
    }
    #[inline(always)]
    fn mean4(a: Self, b: Self, c: Self, d: Self) -> Self {
        ((u32::from(a) + u32::from(b) + u32::from(c) + u32::from(d) + 2) >> 2) as u16
    }
    #[inline(always)]
    fn words(plane: PlaneRef<'_, Self>) -> Option<PlaneRef<'_, u16>> {
        Some(plane)
    }
    #[inline(always)]
    fn words_mut(row: &mut [Self]) -> Option<&mut [u16]> {
        Some(row)
    }
}

impl Texel for f32 {
    #[inline(always)]
    fn from_sum(v: f32, _: f32) -> Self {
        v
    }
    #[inline(always)]
    fn mean4(a: Self, b: Self, c: Self, d: Self) -> Self {
        0.25 * ((a + b) + (c + d))
    }
}

/// Samples planes of `S` through tables; keeps its buffers. Use one for each thread.
#[derive(Debug)]
pub struct Remapper<S> {
    filter: Filter,
    pyramid: Pyramid<S>,
    scratch: Box<Scratch<S>>,
}

impl<S: Texel> Remapper<S> {
    /// A remapper that reads with `filter`.
    pub fn new(filter: Filter) -> Self {
        Self { filter, pyramid: Pyramid::default(), scratch: Box::default() }
    }

    /// Fills `out` with what `table` sees of `src`, and with `outside` where it sees nothing. The
    /// output's type may be another one: `f32` from integers keeps fractions; integers are rounded
    /// and held to `0..=max`.
    ///
    /// # Panics
    /// When `src` or `out` has not the size that the table is for.
    pub fn remap<D: Texel>(
        &mut self,
        table: &RemapTable,
        src: PlaneRef<'_, S>,
        outside: D,
        max: f32,
        mut out: PlaneMut<'_, D>,
    ) {
        assert_eq!((src.width, src.height), table.source_size(), "source of a remap table");
        assert_eq!((out.width, out.height), table.size(), "destination of a remap table");
        self.pyramid.update(src, table.needed());
        for ty in 0..table.tiles_y() {
            kernel::tile_row(table, ty, self.filter, src, &self.pyramid, outside, max, &mut self.scratch, &mut out);
        }
    }
}

#[cfg(test)]
mod tests;
