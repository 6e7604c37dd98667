//! File names: the tokens by which headset players know layout and projection, read and written.
//!
//! The tokens are those of DeoVR, HereSphere, SKYBOX, Pigasus, xbvr and of camera and lens makers
//! (`docs/vr_formats.md` lists them). Players accept them in any case and order, between any
//! characters that are neither letter nor digit. Some tokens are ordinary words, too (`flat`,
//! `screen`, French `ou`): those count only where the name makes plain that they are meant.

mod output;
mod scan;
mod tokens;

pub use output::{name, tokens};

use super::format::{EyeOrder, Packing, Unsupported};
use super::layout::Layout;
use super::projection::Projection;
use scan::{Scan, words};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

/// A projection that a name states.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum NamedProjection {
    /// One that vrseg can work on.
    Known(Projection),
    /// One that it can't work on.
    Unsupported(Unsupported),
}

/// Something that a token states, with the token as it is written in the name.
#[derive(Clone, Debug, PartialEq)]
pub struct NameFinding<T> {
    /// The stated value.
    pub value: T,
    /// The token, spelled as in the name.
    pub token: String,
}

/// All that a name states.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NameFindings {
    /// Where the views lie in a frame.
    pub layout: Option<NameFinding<Layout>>,
    /// Whose view comes first.
    pub eye_order: Option<NameFinding<EyeOrder>>,
    /// Whether views are squeezed into one picture's size.
    pub packing: Option<NameFinding<Packing>>,
    /// How each view lies on the sphere.
    pub projection: Option<NameFinding<NamedProjection>>,
    /// Alpha in the corners. Players look for it in fisheye videos only, and so does this.
    pub alpha: Option<NameFinding<()>>,
    /// Meant for a player's chroma key.
    pub passthrough: Option<NameFinding<()>>,
    /// Nothing but a bare `180` or `360`, which may as well be a number.
    pub bare_number: bool,
}

impl NameFindings {
    /// The fisheye's field of view in degrees, where a fisheye is stated.
    pub fn fov(&self) -> Option<f32> {
        match self.projection.as_ref()?.value {
            NamedProjection::Known(Projection::Fisheye { fov }) => Some(fov),
            _ => None,
        }
    }
}

/// What a file's name states.
pub fn read(path: &Path) -> NameFindings {
    Scan::new(path.file_stem().unwrap_or_default().as_bytes()).read()
}

/// The name of a file whose own is nothing but tokens.
pub const NAMELESS: &str = "video";

/// A file name's stem without the tokens that [`read`] goes by; [`NAMELESS`] where nothing else was in it.
pub fn strip(stem: &OsStr) -> OsString {
    let scan = Scan::new(stem.as_bytes());
    let fisheye = scan.read().fov().is_some();
    let kept = scan.without(|i| scan.counts(i) && (fisheye || !scan.candidates[i].meaning.alpha));
    if words(&kept).is_empty() && !scan.words.is_empty() {
        return NAMELESS.into();
    }
    OsString::from_vec(kept)
}

#[cfg(test)]
mod tests;
