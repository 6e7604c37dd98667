//! Painting output pictures with the matte: green screen, matte, real alpha, blur, another background, an
//! overlay for checking, alpha-packed passthrough. All of it on the Y, U and V planes; the full-size picture is never RGB.

mod backdrop;
mod color;
mod composer;
pub mod packed;
mod paint;
mod passthrough;
#[cfg(test)]
mod tests;

pub use color::ParseColorError;
pub use composer::{Composer, Frame};
pub use packed::{AlphaChannel, PackedFrame};
pub use passthrough::{PassthroughPainter, PassthroughPlan};
use serde::{Deserialize, Serialize};

use crate::vr::Filter;
use std::path::PathBuf;

/// What an output shows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Mode {
    /// The person over a flat key color.
    Green {
        /// The key color that replaces the background.
        key: Rgb,
    },
    /// The matte itself in gray: black background, white person.
    Matte,
    /// The person with a real alpha channel: straight (not premultiplied) color, so that an
    /// editor needs no un-multiplying. At the edges the color is the person's own; a margin of
    /// at least a tile around the person continues it, so that nothing fringes when the picture
    /// is scaled; what lies further off is black and costs no bits.
    Alpha,
    /// The person before the blurred background.
    Blur {
        /// Standard deviation as a fraction of the view's height, 0.001..=0.2.
        strength: f32,
    },
    /// The person before another picture or video.
    Replace {
        /// A picture, or a video that is looped.
        #[serde(with = "vrseg_hardware::json_path::exact")]
        background: PathBuf,
    },
    /// The frame with the person tinted, to check the matte by eye.
    Overlay {
        /// The color that the person is tinted with.
        tint: Rgb,
    },
    /// The whole picture as two fisheye circles with the matte packed between them, for headset
    /// players that show their cameras' picture behind the person. Its frames have a size of their
    /// own; [`PassthroughPainter`] paints them.
    Passthrough {
        /// What the circles show, in degrees; `None`: as much as a fisheye source, else 180.
        fov: Option<f32>,
        /// The color channel that carries the opacity.
        channel: AlphaChannel,
        /// How the picture is read between its samples.
        filter: Filter,
    },
}

impl Mode {
    /// What the circles of [`Mode::Passthrough`] show of a fisheye of `source_fov` degrees (`None`: of
    /// another projection), in degrees; `None` for the modes that keep the source's format.
    pub fn packed_fov(&self, source_fov: Option<f32>) -> Option<f32> {
        let Mode::Passthrough { fov, .. } = self else { return None };
        Some(fov.or(source_fov).unwrap_or(180.0))
    }

    /// The word by which the command line knows the mode.
    pub fn name(&self) -> &'static str {
        match self {
            Mode::Green { .. } => "green",
            Mode::Matte => "matte",
            Mode::Alpha => "alpha",
            Mode::Blur { .. } => "blur",
            Mode::Replace { .. } => "replace",
            Mode::Overlay { .. } => "overlay",
            Mode::Passthrough { .. } => "passthrough",
        }
    }
}

/// An 8-bit gamma-coded RGB color.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rgb(pub u8, pub u8, pub u8);

impl Rgb {
    /// `#00B140`, the broadcast chroma-key green that HereSphere's guide names.
    pub const KEY_GREEN: Rgb = Rgb(0x00, 0xB1, 0x40);
}
