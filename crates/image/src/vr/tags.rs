//! Container tags about stereo and spheres: as they are read, and as they are written for a format.
//!
//! Sources: Google's Spherical Video V2 RFC (`st3d`, `sv3d`), the Matroska specification
//! (`StereoMode`, `Projection`), FFmpeg's `AVStereo3D` and `AVSphericalMapping`.

use super::format::{EyeOrder, Format};
use super::layout::Layout;
use super::part::SpherePart;
use super::projection::Projection;
use std::fmt;

/// The stereo packing that the container states, as far as layouts go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StereoTag {
    /// NameFinding to be one view.
    Mono,
    /// Two views beside each other.
    SideBySide,
    /// Two views, one above the other.
    TopBottom,
    /// A packing that vrseg does not split (frame sequence, checkerboard, lines, columns).
    Other,
}

impl StereoTag {
    /// The layout, where it is one that vrseg splits.
    pub fn layout(self) -> Option<Layout> {
        match self {
            StereoTag::Mono => Some(Layout::Mono),
            StereoTag::SideBySide => Some(Layout::SideBySide),
            StereoTag::TopBottom => Some(Layout::TopBottom),
            StereoTag::Other => None,
        }
    }
}

/// A projection as containers know them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SphericalKind {
    /// The whole sphere by longitude and latitude.
    Equirectangular,
    /// Six faces of a cube.
    Cubemap,
    /// A part of an equirectangular sphere, cut out by [`Spherical::bounds`].
    EquirectangularTile,
    /// The front half (FFmpeg 7.1 and later, Apple's `hequ`).
    HalfEquirectangular,
    /// Flat (FFmpeg 7.1 and later, Apple's `rect`).
    Rectilinear,
    /// Fisheye of an unstated field of view (FFmpeg 7.1 and later, Apple's `fish`).
    Fisheye,
    /// A mesh of triangles (`mshp`, Matroska's type 3), which FFmpeg doesn't pass on.
    Mesh,
    /// Any other, by FFmpeg's number.
    Other(i32),
}

/// What a container says about the sphere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spherical {
    /// Which projection it names.
    pub kind: SphericalKind,
    /// Yaw, pitch and roll of the view's front, in degrees as 16.16 fixed-point numbers.
    pub pose: [i32; 3],
    /// What is cut off the sphere at the left, top, right and bottom, as 0.32 fixed-point
    /// fractions of its whole width or height.
    pub bounds: [u32; 4],
}

/// A quarter of the sphere's width: what VR180 cuts off at each side.
pub const QUARTER: u32 = 0x4000_0000;

/// What makes a bound a quarter: encoders have rounded to pixels.
const TOLERANCE: u32 = 1 << 26;

impl Spherical {
    /// The whole sphere, looking ahead.
    pub const EQUIRECTANGULAR: Spherical =
        Spherical { kind: SphericalKind::Equirectangular, pose: [0; 3], bounds: [0; 4] };

    /// The front half of the sphere (VR180): a tile with a quarter cut off at either side, which
    /// is how every version of FFmpeg and every player reads it.
    pub const VR180: Spherical =
        Spherical { kind: SphericalKind::EquirectangularTile, pose: [0; 3], bounds: [QUARTER, 0, QUARTER, 0] };

    /// The part of the sphere that the bounds leave; `None` where they leave nothing.
    pub fn part(&self) -> Option<SpherePart> {
        SpherePart::of_bounds(self.bounds)
    }

    /// Whether the bounds cut out the front half.
    pub fn is_front_half(&self) -> bool {
        let [left, top, right, bottom] = self.bounds;
        let near = |b: u32, want: u32| b.abs_diff(want) <= TOLERANCE;
        near(left, QUARTER) && near(right, QUARTER) && near(top, 0) && near(bottom, 0)
    }
}

impl fmt::Display for Spherical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            SphericalKind::Equirectangular => f.write_str("equirectangular"),
            SphericalKind::Cubemap => f.write_str("cubemap"),
            SphericalKind::EquirectangularTile => match self.part() {
                Some(part) => write!(f, "tiled equirectangular ({part})"),
                None => f.write_str("tiled equirectangular (nothing left)"),
            },
            SphericalKind::HalfEquirectangular => f.write_str("half equirectangular"),
            SphericalKind::Rectilinear => f.write_str("rectilinear"),
            SphericalKind::Fisheye => f.write_str("fisheye"),
            SphericalKind::Mesh => f.write_str("mesh"),
            SphericalKind::Other(n) => write!(f, "projection {n}"),
        }
    }
}

/// All tags of a container about stereo and spheres.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContainerTags {
    /// The stereo packing, where it is stated.
    pub stereo: Option<StereoTag>,
    /// The right eye's view comes first.
    pub right_first: bool,
    /// The projection, where it is stated.
    pub spherical: Option<Spherical>,
}

impl ContainerTags {
    /// Takes over what `other` knows and this doesn't.
    pub fn or(self, other: ContainerTags) -> ContainerTags {
        let (stereo, right_first) = match self.stereo {
            Some(_) => (self.stereo, self.right_first),
            None => (other.stereo, other.right_first),
        };
        ContainerTags { stereo, right_first, spherical: self.spherical.or(other.spherical) }
    }

    /// What to write for pictures of that format.
    ///
    /// Fisheye has no tag that players agree on: only its stereo packing is written and the file's
    /// name says the rest. A flat picture of one view needs none.
    pub fn of(format: &Format) -> ContainerTags {
        let spherical = match format.projection {
            Projection::Equirectangular => Some(Spherical::EQUIRECTANGULAR),
            Projection::HalfEquirectangular => Some(Spherical::VR180),
            Projection::EquirectangularPart(part) => Some(Spherical {
                kind: SphericalKind::EquirectangularTile,
                bounds: part.bounds(),
                ..Spherical::EQUIRECTANGULAR
            }),
            Projection::Flat | Projection::Fisheye { .. } | Projection::FullFrameFisheye { .. } => None,
        };
        let stereo = match format.layout {
            Layout::SideBySide => Some(StereoTag::SideBySide),
            Layout::TopBottom => Some(StereoTag::TopBottom),
            Layout::Mono => spherical.map(|_| StereoTag::Mono),
        };
        let right_first = format.layout != Layout::Mono && format.eye_order == EyeOrder::RightFirst;
        ContainerTags { stereo, right_first, spherical }
    }

    /// Whether the container states neither packing nor projection.
    pub fn is_empty(&self) -> bool {
        self.stereo.is_none() && self.spherical.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::super::format::Packing;
    use super::*;

    fn format(layout: Layout, projection: Projection) -> Format {
        Format { layout, eye_order: EyeOrder::LeftFirst, packing: Packing::Full, projection, alpha_packed: false }
    }

    #[test]
    fn tags_written_for_each_format() {
        let tags = |l, p| ContainerTags::of(&format(l, p));
        let vr180 = tags(Layout::SideBySide, Projection::HalfEquirectangular);
        assert_eq!((vr180.stereo, vr180.spherical), (Some(StereoTag::SideBySide), Some(Spherical::VR180)));
        let sphere = tags(Layout::Mono, Projection::Equirectangular);
        assert_eq!((sphere.stereo, sphere.spherical), (Some(StereoTag::Mono), Some(Spherical::EQUIRECTANGULAR)));
        let fisheye = tags(Layout::SideBySide, Projection::Fisheye { fov: 190.0 });
        assert_eq!((fisheye.stereo, fisheye.spherical), (Some(StereoTag::SideBySide), None));
        assert!(tags(Layout::Mono, Projection::Flat).is_empty());
    }

    #[test]
    fn rounded_quarters_still_mean_the_front_half() {
        let near = Spherical { bounds: [QUARTER + 1000, 0, QUARTER - 2_000_000, 0], ..Spherical::VR180 };
        assert!(near.is_front_half());
        assert_eq!(near.to_string(), "tiled equirectangular (180x180 degrees)");
        let crop = Spherical { bounds: [QUARTER / 2, 0, QUARTER / 2, 0], ..Spherical::VR180 };
        assert!(!crop.is_front_half());
        assert_eq!(crop.to_string(), "tiled equirectangular (270x180 degrees)");
    }
}
