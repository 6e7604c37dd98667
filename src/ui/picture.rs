//! Previews as pixels that can be shown: frames, mattes and people on a green background.

use vrseg_engine::events::PreviewFrame;
use vrseg_image::matte::SmallYuv;
use vrseg_image::plane::Matrix;

/// RGB pixels, row by row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Image {
    pub width: usize,
    pub height: usize,
    /// Three bytes a pixel.
    pub data: Vec<u8>,
}

/// One frame of a job: all views side by side.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Picture {
    /// Number of the frame, from 0.
    pub frame: u64,
    /// Its time in seconds from the job's first frame.
    pub seconds: f64,
    /// The frame's colors.
    pub source: Image,
    /// Its matte as gray.
    pub matte: Image,
    /// Its people on a green background.
    pub composite: Image,
}

/// The green that the composite shows: the default key.
const GREEN: [f32; 3] = [0.0, 177.0 / 255.0, 64.0 / 255.0];

/// Makes the pixels of a preview_frame.
pub(crate) fn from_preview_frame(preview_frame: &PreviewFrame) -> Picture {
    let mut picture = Picture {
        frame: preview_frame.frame,
        seconds: preview_frame.seconds,
        source: Image::default(),
        matte: Image::default(),
        composite: Image::default(),
    };
    let views = &preview_frame.views;
    let width = views.iter().map(|(yuv, _)| yuv.y.width()).sum();
    let height = views.iter().map(|(yuv, _)| yuv.y.height()).max().unwrap_or(0);
    for image in [&mut picture.source, &mut picture.matte, &mut picture.composite] {
        *image = Image { width, height, data: vec![0; width * height * 3] };
    }
    let mut left = 0;
    for (yuv, alpha) in views {
        let w = yuv.y.width();
        for i in 0..w * yuv.y.height() {
            let rgb = rgb([yuv.y.data()[i], yuv.u.data()[i], yuv.v.data()[i]], preview_frame.matrix);
            // Before the first matte there is none.
            let a = alpha.data().get(i).copied().unwrap_or(0.0).clamp(0.0, 1.0);
            let at = 3 * ((i / w) * width + left + i % w);
            for c in 0..3 {
                picture.source.data[at + c] = byte(rgb[c]);
                picture.matte.data[at + c] = byte(a);
                picture.composite.data[at + c] = byte(a * rgb[c] + (1.0 - a) * GREEN[c]);
            }
        }
        left += w;
    }
    picture
}

/// The pixels of a small picture.
pub(crate) fn from_small(small: &SmallYuv, matrix: Matrix) -> Image {
    let (width, height) = (small.y.width(), small.y.height());
    let samples = small.y.data().iter().zip(small.u.data()).zip(small.v.data());
    let data = samples.flat_map(|((y, u), v)| rgb([*y, *u, *v], matrix).map(byte)).collect();
    Image { width, height, data }
}

fn byte(v: f32) -> u8 {
    (v.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}

/// Luma in 0 to 1 and chroma in -0.5 to 0.5 to RGB.
fn rgb([y, u, v]: [f32; 3], matrix: Matrix) -> [f32; 3] {
    let (kr, kb) = matrix.kr_kb();
    let (kr, kb) = (kr as f32, kb as f32);
    let r = y + 2.0 * (1.0 - kr) * v;
    let b = y + 2.0 * (1.0 - kb) * u;
    [r, (y - kr * r - kb * b) / (1.0 - kr - kb), b]
}

impl Image {
    /// Averaged down to at most `width` x `height`, its shape kept; never enlarged.
    pub(crate) fn fitted(&self, width: usize, height: usize) -> Image {
        if self.width == 0 || self.height == 0 {
            return Image::default();
        }
        let scale = (width as f64 / self.width as f64).min(height as f64 / self.height as f64).min(1.0);
        let size = |n: usize| ((n as f64 * scale).round() as usize).max(1);
        self.resized(size(self.width), size(self.height))
    }

    /// Averaged to that size (repeated where it is larger).
    pub(crate) fn resized(&self, width: usize, height: usize) -> Image {
        let span = |i: usize, to: usize, from: usize| {
            let start = i * from / to;
            (start, ((i + 1) * from / to).max(start + 1).min(from))
        };
        let mut data = Vec::with_capacity(width * height * 3);
        for y in 0..height {
            let (top, bottom) = span(y, height, self.height);
            for x in 0..width {
                let (left, right) = span(x, width, self.width);
                let mut sum = [0u32; 3];
                for row in top..bottom {
                    for p in self.data[3 * (row * self.width + left)..3 * (row * self.width + right)].chunks_exact(3) {
                        (0..3).for_each(|c| sum[c] += u32::from(p[c]));
                    }
                }
                let n = ((bottom - top) * (right - left)) as u32;
                data.extend(sum.map(|s| ((s + n / 2) / n) as u8));
            }
        }
        Image { width, height, data }
    }

    /// Copies another image into this one; what does not fit is cut off.
    pub(crate) fn place(&mut self, other: &Image, x: usize, y: usize) {
        let w = other.width.min(self.width.saturating_sub(x));
        for row in 0..other.height.min(self.height.saturating_sub(y)) {
            let to = 3 * ((y + row) * self.width + x);
            self.data[to..to + 3 * w].copy_from_slice(&other.data[3 * row * other.width..][..3 * w]);
        }
    }

    /// A PNG file.
    ///
    /// # Errors
    /// When the picture has no pixels.
    pub(crate) fn png(&self) -> Result<Vec<u8>, png::EncodingError> {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.set_compression(png::Compression::Fast);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.data)?;
        writer.finish()?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrseg_image::matte::SmallYuv;
    use vrseg_image::plane::{Plane, YuvColor};

    #[test]
    fn glimpse_becomes_rgb_views_side_by_side() {
        let color = YuvColor { matrix: Matrix::Bt709, ..YuvColor::default() };
        let rgb = [200u8, 60, 30];
        let coded = color.encode(rgb.map(|c| f64::from(c) / 255.0), 8);
        let ((yo, ys), (co, cs)) = (color.luma(8), color.chroma(8));
        let plane = |v: f32| Plane::from_vec(vec![v; 4], 2, 2);
        let view = SmallYuv {
            y: plane((coded[0] as f32 - yo) / ys),
            u: plane((coded[1] as f32 - co) / cs),
            v: plane((coded[2] as f32 - co) / cs),
        };
        let views = vec![(view.clone(), plane(1.0)), (view, plane(0.0))];
        let p = from_preview_frame(&PreviewFrame { frame: 3, seconds: 0.1, matrix: Matrix::Bt709, views });
        assert_eq!((p.source.width, p.source.height), (4, 2));
        let near = |got: &[u8], want: [u8; 3]| got.iter().zip(want).all(|(g, w)| g.abs_diff(w) <= 2);
        assert!(near(&p.source.data[..3], rgb), "{:?}", &p.source.data[..3]);
        assert_eq!((p.matte.data[0], p.matte.data[9]), (255, 0));
        assert!(near(&p.composite.data[..3], rgb) && near(&p.composite.data[9..12], [0, 177, 64]));
    }

    #[test]
    fn smaller_image_is_the_average() {
        let image = Image { width: 4, height: 2, data: [[0u8; 3], [100; 3], [200; 3], [50; 3]].concat().repeat(2) };
        let small = image.fitted(2, 9);
        assert_eq!((small.width, small.height, small.data), (2, 1, vec![50, 50, 50, 125, 125, 125]));
        assert_eq!(image.fitted(100, 100), image);
        let mut sheet = image.resized(6, 3);
        sheet.place(&image, 5, 2);
        assert_eq!(sheet.data[3 * 17..], [0; 3]);
    }
}
