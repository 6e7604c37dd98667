//! A moment as the page shows it.

use crate::ui::picture::{Image, from_small};
use vrseg_engine::run::MomentPart;

/// How a matte is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Show {
    /// The frame without its matte.
    Source,
    /// The matte as gray.
    Matte,
    /// The background tinted.
    Tint,
    /// A line where the matte ends.
    Outline,
    /// On green.
    Green,
    /// On a checkerboard.
    Checker,
}

/// Colors of the tint, the outline and the green background: the default key.
const TINT: [f32; 3] = [208.0, 40.0, 76.0];
const LINE: [f32; 3] = [45.0, 212.0, 191.0];
const GREEN: [f32; 3] = [0.0, 177.0, 64.0];
/// How strong the tint is.
const TINT_SHARE: f32 = 0.55;
/// Side of a square of the checkerboard, and its grays.
const SQUARE: usize = 12;
const GRAYS: [f32; 2] = [92.0, 140.0];

impl Show {
    /// By its name in an address.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "source" => Self::Source,
            "matte" => Self::Matte,
            "tint" => Self::Tint,
            "outline" => Self::Outline,
            "green" => Self::Green,
            "checker" => Self::Checker,
            _ => return None,
        })
    }

    /// The pixels of a part of a moment.
    pub(super) fn image(self, part: &MomentPart) -> Image {
        let Some((small, alpha)) = part.frame.views.first() else { return Image::default() };
        let mut image = from_small(small, part.frame.matrix);
        let (width, height) = (image.width, image.height);
        let at = |x: usize, y: usize| alpha.data()[y.min(height - 1) * width + x.min(width - 1)];
        // The line lies on the pixels inside, beside one outside.
        let edge = |x: usize, y: usize| {
            let beside = [(x.saturating_sub(1), y), (x + 1, y), (x, y.saturating_sub(1)), (x, y + 1)];
            at(x, y) >= 0.5 && beside.iter().any(|(x, y)| at(*x, *y) < 0.5)
        };
        for (i, pixel) in image.data.chunks_exact_mut(3).enumerate() {
            let (x, y) = (i % width, i / width);
            let a = alpha.data()[i].clamp(0.0, 1.0);
            let mix = |pixel: &mut [u8], color: [f32; 3], share: f32| {
                pixel
                    .iter_mut()
                    .zip(color)
                    .for_each(|(v, c)| *v = (f32::from(*v) * (1.0 - share) + c * share + 0.5) as u8);
            };
            match self {
                Self::Source => {}
                Self::Matte => pixel.fill((255.0 * a + 0.5) as u8),
                Self::Tint => mix(pixel, TINT, (1.0 - a) * TINT_SHARE),
                Self::Outline if edge(x, y) => mix(pixel, LINE, 1.0),
                Self::Outline => {}
                Self::Green => mix(pixel, GREEN, 1.0 - a),
                Self::Checker => mix(pixel, [GRAYS[(x / SQUARE + y / SQUARE) % 2]; 3], 1.0 - a),
            }
        }
        image
    }
}

/// Pictures of the same height side by side.
pub(super) fn side_by_side(images: &[Image]) -> Image {
    let height = images.iter().map(|i| i.height).max().unwrap_or(0);
    let width = images.iter().map(|i| i.width).sum();
    let mut all = Image { width, height, data: vec![0; width * height * 3] };
    let mut left = 0;
    for image in images {
        all.place(image, left, 0);
        left += image.width;
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrseg_engine::events::PreviewFrame;
    use vrseg_image::matte::SmallYuv;
    use vrseg_image::plane::{Matrix, Plane};

    #[test]
    fn person_and_background_look_as_each_mode_says() {
        let plane = |v: f32| Plane::from_vec(vec![v; 4], 4, 1);
        let small = SmallYuv { y: plane(1.0), u: plane(0.0), v: plane(0.0) };
        let views = vec![(small, Plane::from_vec(vec![0.0, 0.0, 1.0, 1.0], 4, 1))];
        let frame = PreviewFrame { frame: 0, seconds: 0.0, matrix: Matrix::Bt709, views };
        let part = MomentPart { seconds: 0.0, frame };
        let pixel = |name: &str, x: usize| -> Vec<u8> {
            Show::from_name(name).expect("a mode").image(&part).data[3 * x..3 * x + 3].to_vec()
        };
        assert_eq!((pixel("source", 0), pixel("source", 3)), (vec![255; 3], vec![255; 3]));
        assert_eq!((pixel("matte", 0), pixel("matte", 3)), (vec![0; 3], vec![255; 3]));
        assert_eq!((pixel("green", 0), pixel("green", 3)), (vec![0, 177, 64], vec![255; 3]));
        assert_eq!((pixel("checker", 0), pixel("checker", 3)), (vec![92; 3], vec![255; 3]));
        assert_eq!((pixel("outline", 1), pixel("outline", 2)), (vec![255; 3], vec![45, 212, 191]));
        assert!(pixel("tint", 0)[1] < 160 && pixel("tint", 3) == vec![255; 3]);
        assert_eq!(Show::from_name("x-ray"), None);
        let two = side_by_side(&[Show::Matte.image(&part), Show::Source.image(&part)]);
        assert_eq!((two.width, two.data[0], two.data[12]), (8, 0, 255));
    }
}
