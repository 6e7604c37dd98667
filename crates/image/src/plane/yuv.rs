//! YUV pictures: how their samples are stored, and what the numbers mean.

use super::{PlaneMut, PlaneRef};

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

/// The meaning of a YUV picture's samples: matrix and range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct YuvColor {
    /// The luma/chroma matrix.
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
    /// Planes of 8 bits a sample.
    U8([PlaneRef<'a, u8>; 3]),
    /// Planes of 9 to 16 bits a sample.
    U16([PlaneRef<'a, u16>; 3]),
}

/// Planes to be written: Y, U, V and, where the layout has it, A.
#[derive(Debug)]
pub enum YuvMut<'a> {
    /// Planes of 8 bits a sample.
    U8([PlaneMut<'a, u8>; 3], Option<PlaneMut<'a, u8>>),
    /// Planes of 9 to 16 bits a sample.
    U16([PlaneMut<'a, u16>; 3], Option<PlaneMut<'a, u16>>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoded_colors_match_the_standards() {
        let c = YuvColor { matrix: Matrix::Bt709, full_range: false };
        assert_eq!(c.encode([0.0, 0.0, 0.0], 8), [16, 128, 128]);
        assert_eq!(c.encode([1.0, 1.0, 1.0], 10), [940, 512, 512]);
        let full = YuvColor { matrix: Matrix::Bt601, full_range: true };
        // JFIF's red.
        assert_eq!(full.encode([1.0, 0.0, 0.0], 8), [76, 85, 255]);
    }
}
