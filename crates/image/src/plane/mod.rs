//! Image planes: borrowed and owned rows of 8- or 16-bit samples with a stride.
//!
//! Every kernel of the crate works on these, so that none of them needs to know FFmpeg.

mod orientation;
mod yuv;

pub use orientation::Orientation;
pub use yuv::{ChromaSiting, Matrix, Yuv, YuvColor, YuvLayout, YuvMut};

/// A sample type that a plane can hold: `u8` for 8-bit video, `u16` for 9 to 16 bits
/// (native-endian, value in the low bits, as FFmpeg's `yuv420p10` and friends store it).
pub trait Sample: Copy + Default + Send + Sync + PartialEq + std::fmt::Debug + 'static {
    /// The sample as a float, without scaling.
    fn to_f32(self) -> f32;
    /// The sample as an integer, without scaling.
    fn to_u32(self) -> u32;
    /// The sample of value `v`, which the caller has clamped to the sample's range.
    fn from_u32(v: u32) -> Self;
}

impl Sample for u8 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from(self)
    }
    #[inline(always)]
    fn to_u32(self) -> u32 {
        u32::from(self)
    }
    #[inline(always)]
    fn from_u32(v: u32) -> Self {
        v as u8
    }
}

impl Sample for u16 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from(self)
    }
    #[inline(always)]
    fn to_u32(self) -> u32 {
        u32::from(self)
    }
    #[inline(always)]
    fn from_u32(v: u32) -> Self {
        v as u16
    }
}

/// Small planes of `f32` (mattes and guides at the model's input size) use the same type.
impl Sample for f32 {
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }
    #[inline(always)]
    fn to_u32(self) -> u32 {
        self as u32
    }
    #[inline(always)]
    fn from_u32(v: u32) -> Self {
        v as f32
    }
}

/// A rectangle in samples of one plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rect {
    /// Left edge in samples.
    pub x: usize,
    /// Top edge in samples.
    pub y: usize,
    /// Width in samples; may be 0.
    pub w: usize,
    /// Height in samples; may be 0.
    pub h: usize,
}

impl Rect {
    /// A rectangle from its left top corner and size.
    pub const fn new(x: usize, y: usize, w: usize, h: usize) -> Self {
        Self { x, y, w, h }
    }

    /// The rectangle that covers the same area in a plane subsampled by `2^sx` x `2^sy`.
    /// Edges are rounded outwards, as FFmpeg rounds chroma sizes up.
    pub const fn subsampled(self, sx: u32, sy: u32) -> Self {
        let x1 = (self.x + self.w).div_ceil(1 << sx);
        let y1 = (self.y + self.h).div_ceil(1 << sy);
        Self { x: self.x >> sx, y: self.y >> sy, w: x1 - (self.x >> sx), h: y1 - (self.y >> sy) }
    }
}

/// A borrowed plane. `data` starts at the first sample of the first row; the last row may be
/// shorter than `stride` but never shorter than `width`.
#[derive(Clone, Copy, Debug)]
pub struct PlaneRef<'a, T> {
    /// Samples, rows `stride` apart.
    pub data: &'a [T],
    /// Distance of rows, in samples.
    pub stride: usize,
    /// Number of samples in a row.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
}

impl<'a, T: Sample> PlaneRef<'a, T> {
    /// # Panics
    /// When `data` is too short for the size: a programming error, never a question of input.
    pub fn new(data: &'a [T], stride: usize, width: usize, height: usize) -> Self {
        assert!(stride >= width && (height == 0 || data.len() >= (height - 1) * stride + width));
        Self { data, stride, width, height }
    }

    /// Row `y`, exactly `width` samples.
    #[inline(always)]
    pub fn row(&self, y: usize) -> &'a [T] {
        &self.data[y * self.stride..][..self.width]
    }

    /// The part of the plane inside `r`.
    ///
    /// # Panics
    /// When `r` does not lie inside the plane.
    pub fn crop(&self, r: Rect) -> PlaneRef<'a, T> {
        assert!(r.x + r.w <= self.width && r.y + r.h <= self.height);
        PlaneRef { data: &self.data[r.y * self.stride + r.x..], stride: self.stride, width: r.w, height: r.h }
    }
}

/// A borrowed plane that can be written.
#[derive(Debug)]
pub struct PlaneMut<'a, T> {
    /// Samples, rows `stride` apart.
    pub data: &'a mut [T],
    /// Distance of rows, in samples.
    pub stride: usize,
    /// Number of samples in a row.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
}

impl<'a, T: Sample> PlaneMut<'a, T> {
    /// # Panics
    /// When `data` is too short for the size.
    pub fn new(data: &'a mut [T], stride: usize, width: usize, height: usize) -> Self {
        assert!(stride >= width && (height == 0 || data.len() >= (height - 1) * stride + width));
        Self { data, stride, width, height }
    }

    /// Row `y`, exactly `width` samples.
    #[inline(always)]
    pub fn row_mut(&mut self, y: usize) -> &mut [T] {
        &mut self.data[y * self.stride..][..self.width]
    }

    /// The same plane, read only.
    pub fn as_ref(&self) -> PlaneRef<'_, T> {
        PlaneRef { data: self.data, stride: self.stride, width: self.width, height: self.height }
    }

    /// The same plane, reborrowed.
    pub fn reborrow(&mut self) -> PlaneMut<'_, T> {
        PlaneMut { data: self.data, stride: self.stride, width: self.width, height: self.height }
    }

    /// The part of the plane inside `r`.
    ///
    /// # Panics
    /// When `r` does not lie inside the plane.
    pub fn crop_mut(&mut self, r: Rect) -> PlaneMut<'_, T> {
        assert!(r.x + r.w <= self.width && r.y + r.h <= self.height);
        PlaneMut { data: &mut self.data[r.y * self.stride + r.x..], stride: self.stride, width: r.w, height: r.h }
    }

    /// Sets every sample to `v`.
    pub fn fill(&mut self, v: T) {
        for y in 0..self.height {
            self.row_mut(y).fill(v);
        }
    }
}

/// An owned plane without padding between rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plane<T> {
    data: Vec<T>,
    width: usize,
    height: usize,
}

impl<T: Sample> Plane<T> {
    /// A plane of zeros.
    pub fn new(width: usize, height: usize) -> Self {
        Self { data: vec![T::default(); width * height], width, height }
    }

    /// A plane over samples that already exist.
    ///
    /// # Panics
    /// When `data.len() != width * height`.
    pub fn from_vec(data: Vec<T>, width: usize, height: usize) -> Self {
        assert_eq!(data.len(), width * height);
        Self { data, width, height }
    }

    /// Gives the plane another size and keeps its memory where it suffices; the contents are
    /// then unspecified (not zeroed: a fresh 8K plane costs more in page faults than its use).
    pub fn resize(&mut self, width: usize, height: usize) {
        self.data.resize(width * height, T::default());
        self.width = width;
        self.height = height;
    }

    /// Becomes a copy of another plane; memory that is there is used again.
    pub fn copy_from(&mut self, other: &Self) {
        self.resize(other.width, other.height);
        self.data.copy_from_slice(&other.data);
    }

    /// Number of samples in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// All samples, row after row.
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// All samples, row after row.
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// Borrows the whole plane.
    pub fn as_ref(&self) -> PlaneRef<'_, T> {
        PlaneRef { data: &self.data, stride: self.width, width: self.width, height: self.height }
    }

    /// Borrows the whole plane for writing.
    pub fn as_mut(&mut self) -> PlaneMut<'_, T> {
        PlaneMut { data: &mut self.data, stride: self.width, width: self.width, height: self.height }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chroma_rect_covers_odd_edges() {
        assert_eq!(Rect::new(3, 1, 4, 4).subsampled(1, 1), Rect::new(1, 0, 3, 3));
    }
}
