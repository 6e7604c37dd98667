//! Image planes: borrowed and owned rows of 8- or 16-bit samples with a stride.
//!
//! Every kernel of the crate works on these, so that none of them needs to know FFmpeg.

/// A sample type that a plane can hold: `u8` for 8-bit video, `u16` for 9 to 16 bits
/// (native-endian, value in the low bits, as FFmpeg's `yuv420p10` and friends store it).
pub trait Sample: Copy + Default + Send + Sync + PartialEq + std::fmt::Debug + 'static {
    /// Widens without scaling.
    fn to_f32(self) -> f32;
    /// Widens without scaling.
    fn to_u32(self) -> u32;
    /// Narrows; the caller has already clamped `v` to the sample's range.
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

/// A rectangle in samples of one plane.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rect {
    /// Left edge.
    pub x: usize,
    /// Top edge.
    pub y: usize,
    /// Width; may be 0.
    pub w: usize,
    /// Height; may be 0.
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
    /// Samples in a row.
    pub width: usize,
    /// Rows.
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
    /// Samples in a row.
    pub width: usize,
    /// Rows.
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

    /// Samples in a row.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
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

    /// Borrows it.
    pub fn as_ref(&self) -> PlaneRef<'_, T> {
        PlaneRef { data: &self.data, stride: self.width, width: self.width, height: self.height }
    }

    /// Borrows it for writing.
    pub fn as_mut(&mut self) -> PlaneMut<'_, T> {
        PlaneMut { data: &mut self.data, stride: self.width, width: self.width, height: self.height }
    }
}

/// Small planes of `f32` (mattes and guides at the network's size) use the same type.
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

/// How the samples of a YUV picture are stored: planar, in this order Y, U, V and, where
/// `alpha` is set, A (A always has the luma's size).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct YuvLayout {
    /// Bits a sample: 8 is stored as `u8`, 9..=16 as `u16`.
    pub bits: u32,
    /// log2 of the horizontal chroma subsampling.
    pub chroma_shift_x: u32,
    /// log2 of the vertical chroma subsampling.
    pub chroma_shift_y: u32,
    /// A fourth plane with opacity.
    pub alpha: bool,
}

impl YuvLayout {
    /// The highest value of a sample.
    pub const fn max(self) -> u32 {
        (1 << self.bits) - 1
    }

    /// Size of plane `i` (0 Y, 1 U, 2 V, 3 A) for a picture of `w` x `h`.
    pub const fn plane_size(self, i: usize, w: usize, h: usize) -> (usize, usize) {
        match i {
            1 | 2 => (w.div_ceil(1 << self.chroma_shift_x), h.div_ceil(1 << self.chroma_shift_y)),
            _ => (w, h),
        }
    }

    /// Planes in a picture: 3, or 4 with alpha.
    pub const fn planes(self) -> usize {
        if self.alpha { 4 } else { 3 }
    }

    /// Bytes of a whole picture of `w` x `h`, without padding.
    pub const fn frame_bytes(self, w: usize, h: usize) -> usize {
        let (cw, ch) = self.plane_size(1, w, h);
        let luma_planes = if self.alpha { 2 } else { 1 };
        (luma_planes * w * h + 2 * cw * ch) * self.sample_bytes()
    }

    /// Bytes a sample.
    pub const fn sample_bytes(self) -> usize {
        if self.bits > 8 { 2 } else { 1 }
    }
}

/// The luma/chroma matrix that turns RGB into YUV.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Matrix {
    /// ITU-R BT.601 (SD; also SMPTE 170M).
    Bt601,
    /// ITU-R BT.709 (HD).
    #[default]
    Bt709,
    /// ITU-R BT.2020 non-constant luminance.
    Bt2020,
}

impl Matrix {
    /// (Kr, Kb) of the matrix, from the named recommendation.
    pub const fn kr_kb(self) -> (f64, f64) {
        match self {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.2126, 0.0722),
            Matrix::Bt2020 => (0.2627, 0.0593),
        }
    }
}

/// Where chroma samples lie among the luma samples that they belong to, in subsampled layouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum ChromaSiting {
    /// On the left luma column, between the rows (MPEG-2, H.264 and H.265 unless stated).
    #[default]
    Left,
    /// In the middle (JPEG, MPEG-1).
    Center,
    /// On the left column and the upper row (BT.2020 discs).
    TopLeft,
}

/// What the numbers of a YUV picture mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct YuvColor {
    /// Matrix.
    pub matrix: Matrix,
    /// True: 0..=max ("pc", "jpeg"); false: 16..=235 / 16..=240 scaled to the bit depth ("tv").
    pub full_range: bool,
}

impl YuvColor {
    /// Offset and span of luma in sample units at `bits`: `y = offset + span * Y'`.
    pub fn luma(self, bits: u32) -> (f32, f32) {
        let s = (1u32 << (bits - 8)) as f32;
        if self.full_range { (0.0, ((1u32 << bits) - 1) as f32) } else { (16.0 * s, 219.0 * s) }
    }

    /// Zero point and span of chroma in sample units at `bits`: `u = zero + span * Cb`, Cb in -0.5..=0.5.
    pub fn chroma(self, bits: u32) -> (f32, f32) {
        let s = (1u32 << (bits - 8)) as f32;
        let zero = 128.0 * s;
        if self.full_range { (zero, ((1u32 << bits) - 1) as f32) } else { (zero, 224.0 * s) }
    }

    /// The samples (Y, U, V) at `bits` of a gamma-coded RGB color with components 0..=1.
    pub fn encode(self, rgb: [f64; 3], bits: u32) -> [u32; 3] {
        let (kr, kb) = self.matrix.kr_kb();
        let y = kr * rgb[0] + (1.0 - kr - kb) * rgb[1] + kb * rgb[2];
        let cb = (rgb[2] - y) / (2.0 * (1.0 - kb));
        let cr = (rgb[0] - y) / (2.0 * (1.0 - kr));
        let (yo, ys) = self.luma(bits);
        let (co, cs) = self.chroma(bits);
        let max = ((1u32 << bits) - 1) as f64;
        let q = |v: f64| v.round().clamp(0.0, max) as u32;
        [
            q(f64::from(yo) + f64::from(ys) * y),
            q(f64::from(co) + f64::from(cs) * cb),
            q(f64::from(co) + f64::from(cs) * cr),
        ]
    }
}

/// The color planes (Y, U, V) of a picture in whichever sample type its layout has.
#[derive(Clone, Copy, Debug)]
pub enum Yuv<'a> {
    /// 8 bits.
    U8([PlaneRef<'a, u8>; 3]),
    /// 9 to 16 bits.
    U16([PlaneRef<'a, u16>; 3]),
}

/// Planes to be written: Y, U, V and, where the layout has it, A.
#[derive(Debug)]
pub enum YuvMut<'a> {
    /// 8 bits.
    U8([PlaneMut<'a, u8>; 3], Option<PlaneMut<'a, u8>>),
    /// 9 to 16 bits.
    U16([PlaneMut<'a, u16>; 3], Option<PlaneMut<'a, u16>>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chroma_rect_covers_odd_edges() {
        assert_eq!(Rect::new(3, 1, 4, 4).subsampled(1, 1), Rect::new(1, 0, 3, 3));
    }

    #[test]
    fn colors_are_the_standard_ones() {
        let c = YuvColor { matrix: Matrix::Bt709, full_range: false };
        assert_eq!(c.encode([0.0, 0.0, 0.0], 8), [16, 128, 128]);
        assert_eq!(c.encode([1.0, 1.0, 1.0], 10), [940, 512, 512]);
        let full = YuvColor { matrix: Matrix::Bt601, full_range: true };
        // JFIF's red.
        assert_eq!(full.encode([1.0, 0.0, 0.0], 8), [76, 85, 255]);
    }
}
