//! Apple's `vexu`: which eyes there are, how they share a frame, and the projection.

use crate::vr::tags::{ContainerTags, Spherical, SphericalKind, StereoTag};

/// Bits of `stri`: the views of both eyes are there.
pub(super) const BOTH: u8 = 1 | 2;
/// Bit of `stri`: the right eye's view comes first.
const REVERSED: u8 = 8;

/// What the codes say. Both eyes without a packing are two layers of the video (MV-HEVC), of which a frame is one.
pub(super) fn tags(projection: Option<[u8; 4]>, eyes: Option<u8>, packing: Option<[u8; 4]>) -> ContainerTags {
    let stereo = match (packing.as_ref(), eyes) {
        (Some(b"side"), _) => Some(StereoTag::SideBySide),
        (Some(b"over"), _) => Some(StereoTag::TopBottom),
        (Some(_), _) => Some(StereoTag::Other),
        (None, Some(eyes)) if eyes & BOTH != 0 => Some(StereoTag::Mono),
        (None, _) => None,
    };
    let right_first = packing.is_some() && eyes.is_some_and(|eyes| eyes & REVERSED != 0);
    let kind = match projection.as_ref() {
        Some(b"equi") => Some(SphericalKind::Equirectangular),
        Some(b"hequ") => Some(SphericalKind::HalfEquirectangular),
        Some(b"fish") => Some(SphericalKind::Fisheye),
        Some(b"rect") => Some(SphericalKind::Rectilinear),
        _ => None,
    };
    ContainerTags { stereo, right_first, spherical: kind.map(|kind| Spherical { kind, pose: [0; 3], bounds: [0; 4] }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_and_eyes_tell_the_layout() {
        for (eyes, packing, stereo, right_first) in [
            (Some(3), Some(b"side"), Some(StereoTag::SideBySide), false),
            (Some(11), Some(b"side"), Some(StereoTag::SideBySide), true),
            (Some(3), Some(b"over"), Some(StereoTag::TopBottom), false),
            (Some(11), Some(b"over"), Some(StereoTag::TopBottom), true),
            (Some(3), Some(b"what"), Some(StereoTag::Other), false),
            (Some(3), None, Some(StereoTag::Mono), false),
            (Some(11), None, Some(StereoTag::Mono), false),
            (Some(1), None, Some(StereoTag::Mono), false),
            (Some(0), None, None, false),
            (None, None, None, false),
        ] {
            let found = tags(None, eyes, packing.copied());
            assert_eq!((found.stereo, found.right_first), (stereo, right_first), "{eyes:?} {packing:?}");
        }
    }

    #[test]
    fn projections_are_known_by_their_codes() {
        let kind = |code: &[u8; 4]| tags(Some(*code), None, None).spherical.map(|s| s.kind);
        assert_eq!(kind(b"rect"), Some(SphericalKind::Rectilinear));
        assert_eq!(kind(b"equi"), Some(SphericalKind::Equirectangular));
        assert_eq!(kind(b"hequ"), Some(SphericalKind::HalfEquirectangular));
        assert_eq!(kind(b"fish"), Some(SphericalKind::Fisheye));
        assert_eq!(kind(b"prim"), None);
    }
}
