//! The XML of Spherical Video V1.

use crate::vr::part::SpherePart;
use crate::vr::tags::{ContainerTags, Spherical, SphericalKind, StereoTag};

/// The text of `<GSpherical:NAME>`.
pub(super) fn value<'a>(xml: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<GSpherical:{name}>"))?;
    rest.split_once('<').map(|(value, _)| value.trim())
}

/// What the XML says.
pub(super) fn tags(xml: &str) -> ContainerTags {
    let stereo = match value(xml, "StereoMode") {
        Some("left-right") => Some(StereoTag::SideBySide),
        Some("top-bottom") => Some(StereoTag::TopBottom),
        Some("mono") => Some(StereoTag::Mono),
        _ => None,
    };
    let spherical = (value(xml, "ProjectionType") == Some("equirectangular")).then(|| match part(xml) {
        Some(part) if !part.is_near(&SpherePart::WHOLE, 0.01) => {
            Spherical { kind: SphericalKind::EquirectangularTile, pose: [0; 3], bounds: part.bounds() }
        }
        _ => Spherical::EQUIRECTANGULAR,
    });
    ContainerTags { stereo, right_first: false, spherical }
}

/// The part of the sphere that is left of the full panorama, as shares of its width and height: so it doesn't matter
/// whether the pixels are those of the frame or of a larger picture. `None` where nothing is cropped, or the fields
/// contradict each other, as in the RFC's own example.
pub(super) fn part(xml: &str) -> Option<SpherePart> {
    let number = |name: &str| value(xml, name)?.parse::<f64>().ok().filter(|n| n.is_finite() && *n >= 0.0);
    // Start and end of the crop as shares of the whole.
    let range = |full: &str, size: &str, start: &str| {
        let (full, size) = (number(full).filter(|n| *n >= 1.0)?, number(size).filter(|n| *n >= 1.0)?);
        let start = number(start).unwrap_or(0.0);
        // Halves of odd sizes were rounded.
        (start + size <= full + 1.0).then(|| (start / full, (1.0 - (start + size) / full).max(0.0)))
    };
    let (left, right) = range("FullPanoWidthPixels", "CroppedAreaImageWidthPixels", "CroppedAreaLeftPixels")?;
    let (top, bottom) = range("FullPanoHeightPixels", "CroppedAreaImageHeightPixels", "CroppedAreaTopPixels")?;
    SpherePart::of_fractions([left, top, right, bottom])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vr::Projection;

    fn xml(fields: &[(&str, i64)]) -> String {
        let fields = fields.iter().map(|(name, n)| format!("<GSpherical:{name}> {n} </GSpherical:{name}>"));
        format!("<GSpherical:ProjectionType>equirectangular</GSpherical:ProjectionType>{}", fields.collect::<String>())
    }

    fn cropped(width: i64, height: i64, left: i64, top: i64, full: (i64, i64)) -> String {
        xml(&[
            ("CroppedAreaImageWidthPixels", width),
            ("CroppedAreaImageHeightPixels", height),
            ("CroppedAreaLeftPixels", left),
            ("CroppedAreaTopPixels", top),
            ("FullPanoWidthPixels", full.0),
            ("FullPanoHeightPixels", full.1),
        ])
    }

    #[test]
    fn crop_is_a_part_of_the_sphere() {
        let half = tags(&cropped(320, 320, 160, 0, (640, 320))).spherical.expect("a sphere");
        assert!(half.is_front_half());
        let part = part(&cropped(2048, 1536, 1024, 256, (4096, 2048))).expect("a part");
        assert_eq!(part, SpherePart { left: -90.0, right: 90.0, top: 67.5, bottom: -67.5 });
        let camera = super::part(&cropped(1072, 754, 876, 328, (2824, 1412))).expect("a part");
        assert_eq!(Projection::of_part(camera).to_string(), "equirectangular, 137x96 degrees");
    }

    #[test]
    fn whole_and_contradictory_crops_are_the_whole_sphere() {
        for xml in [
            xml(&[]),
            cropped(4096, 2048, 0, 0, (4096, 2048)),
            cropped(1920, 1080, 15, 60, (1900, 960)),
            cropped(10, 10, -5, 0, (0, 0)),
            cropped(i64::MAX, 1, i64::MAX, 1, (2, 1)),
        ] {
            assert_eq!(tags(&xml).spherical, Some(Spherical::EQUIRECTANGULAR), "{xml}");
        }
    }
}
