//! What a stream says about itself beside its codec parameters: rotation, stereo packing,
//! spherical projection, HDR metadata.
//!
//! FFmpeg up to 7 keeps it in `AVStream.side_data`; this is the only file that knows. Structures
//! that FFmpeg forbids to size at compile time are read as bytes, of which the first fields have
//! never moved.
#![allow(unsafe_code)]

use ffmpeg_next::{self as ffmpeg, ffi};
use vrseg_image::vr::{ContainerTags, Spherical, SphericalKind, StereoTag};

/// One piece of side data, copied out.
#[derive(Clone, Debug)]
pub(crate) struct StreamSideData {
    /// FFmpeg's type.
    pub kind: ffi::AVPacketSideDataType,
    /// FFmpeg's structure or text.
    pub bytes: Vec<u8>,
}

/// All side data of a stream.
pub(crate) fn read(stream: &ffmpeg::Stream<'_>) -> Vec<StreamSideData> {
    stream.side_data().map(|s| StreamSideData { kind: s.kind().into(), bytes: s.data().to_vec() }).collect()
}

/// Gives a stream side data, in place of what it had of that type. Short memory loses it.
///
/// # Safety
/// `stream` is a valid stream of an output file whose header isn't written yet.
pub(crate) unsafe fn write(stream: *mut ffi::AVStream, data: &StreamSideData) {
    // SAFETY: the caller's; the new memory has the length that was asked for.
    unsafe {
        let memory = ffi::av_stream_new_side_data(stream, data.kind, data.bytes.len() as _);
        if !memory.is_null() {
            std::ptr::copy_nonoverlapping(data.bytes.as_ptr(), memory, data.bytes.len());
        }
    }
}

/// Types that tell how a picture is turned before it is shown.
pub(crate) fn is_shape(kind: ffi::AVPacketSideDataType) -> bool {
    matches!(kind, ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX)
}

/// Types that stay true of a video stream whose pictures were worked on and encoded anew.
pub(crate) fn survives_encoding(kind: ffi::AVPacketSideDataType) -> bool {
    use ffi::AVPacketSideDataType::*;
    matches!(
        kind,
        AV_PKT_DATA_DISPLAYMATRIX
            | AV_PKT_DATA_STEREO3D
            | AV_PKT_DATA_SPHERICAL
            | AV_PKT_DATA_MASTERING_DISPLAY_METADATA
            | AV_PKT_DATA_CONTENT_LIGHT_LEVEL
            | AV_PKT_DATA_ICC_PROFILE
    )
}

fn find(all: &[StreamSideData], kind: ffi::AVPacketSideDataType) -> Option<&[u8]> {
    all.iter().find(|d| d.kind == kind).map(|d| d.bytes.as_slice())
}

fn word(bytes: &[u8], index: usize) -> Option<[u8; 4]> {
    bytes.get(index * 4..index * 4 + 4)?.try_into().ok()
}

fn int(bytes: &[u8], index: usize) -> Option<i32> {
    word(bytes, index).map(i32::from_ne_bytes)
}

/// Clockwise rotation in degrees (0, 90, 180 or 270) that a player applies, from the display matrix.
pub(crate) fn rotation(all: &[StreamSideData]) -> i32 {
    let Some(bytes) = find(all, ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX) else { return 0 };
    // Rows (a b u), (c d v), (x y w), 16.16 and 2.30: a = cos, b = sin of the rotation. FFmpeg's
    // av_display_rotation_get gives its negative (counter-clockwise).
    let (Some(a), Some(b)) = (int(bytes, 0), int(bytes, 1)) else { return 0 };
    if a == 0 && b == 0 {
        return 0;
    }
    let degrees = f64::from(b).atan2(f64::from(a)).to_degrees();
    ((degrees / 90.0).round() as i32 * 90).rem_euclid(360)
}

/// Stereo packing from an AVStereo3D (stream or frame side data).
fn stereo_of(bytes: &[u8]) -> Option<StereoTag> {
    Some(match int(bytes, 0)? {
        0 => StereoTag::Mono,
        // 5 is side by side with quincunx sampling: split the same way.
        1 | 5 => StereoTag::SideBySide,
        2 => StereoTag::TopBottom,
        _ => StereoTag::Other,
    })
}

/// The flag of AVStereo3D that the right eye (or the lower view) comes first.
const INVERT: i32 = 1;

/// What the container states about stereo and the sphere.
pub(crate) fn tags(all: &[StreamSideData]) -> ContainerTags {
    let stereo = find(all, ffi::AVPacketSideDataType::AV_PKT_DATA_STEREO3D).map(stereo_tags).unwrap_or_default();
    ContainerTags { spherical: spherical(all), ..stereo }
}

/// What an AVStereo3D (of a stream or a frame) states.
pub(crate) fn stereo_tags(bytes: &[u8]) -> ContainerTags {
    let right_first = int(bytes, 1).is_some_and(|flags| flags & INVERT != 0);
    ContainerTags { stereo: stereo_of(bytes), right_first, spherical: None }
}

/// Side data that makes a muxer write those tags. Only what every version of FFmpeg can write:
/// [`Spherical::EQUIRECTANGULAR`] and tiles.
pub(crate) fn side_data(tags: &ContainerTags) -> Vec<StreamSideData> {
    // The structures have grown with FFmpeg's versions, always at their end, and a muxer reads as
    // much as it knows: so there is room to spare. AVStereo3D's later fields hold two fractions,
    // whose denominators must not be 0.
    const WORDS: usize = 32;
    let item = |kind, head: &[i32]| {
        let words = head.iter().copied().chain(std::iter::repeat(0)).take(WORDS);
        StreamSideData { kind, bytes: words.flat_map(i32::to_ne_bytes).collect() }
    };
    let stereo = tags.stereo.and_then(|stereo| {
        let kind = match stereo {
            StereoTag::Mono => 0,
            StereoTag::SideBySide => 1,
            StereoTag::TopBottom => 2,
            StereoTag::Other => return None,
        };
        let flags = if tags.right_first { INVERT } else { 0 };
        Some(item(ffi::AVPacketSideDataType::AV_PKT_DATA_STEREO3D, &[kind, flags, 0, 0, 0, 0, 1, 0, 1]))
    });
    let spherical = tags.spherical.and_then(|s| {
        let kind = PROJECTIONS.iter().position(|kind| *kind == s.kind)? as i32;
        let ([yaw, pitch, roll], [left, top, right, bottom]) = (s.pose, s.bounds.map(|b| b as i32));
        let head = [kind, yaw, pitch, roll, left, top, right, bottom];
        Some(item(ffi::AVPacketSideDataType::AV_PKT_DATA_SPHERICAL, &head))
    });
    stereo.into_iter().chain(spherical).collect()
}

/// The projections by FFmpeg's numbers, which are its ABI: the first three exist in every version,
/// the others since 7.1.
const PROJECTIONS: [SphericalKind; 6] = [
    SphericalKind::Equirectangular,
    SphericalKind::Cubemap,
    SphericalKind::EquirectangularTile,
    SphericalKind::HalfEquirectangular,
    SphericalKind::Rectilinear,
    SphericalKind::Fisheye,
];

/// Whether side data is about stereo or the sphere.
pub(crate) fn is_vr(kind: ffi::AVPacketSideDataType) -> bool {
    use ffi::AVPacketSideDataType::{AV_PKT_DATA_SPHERICAL, AV_PKT_DATA_STEREO3D};
    matches!(kind, AV_PKT_DATA_STEREO3D | AV_PKT_DATA_SPHERICAL)
}

/// The projection from an AVSphericalMapping: the kind, yaw, pitch, roll (16.16), then the bounds
/// left, top, right, bottom (0.32).
fn spherical(all: &[StreamSideData]) -> Option<Spherical> {
    let bytes = find(all, ffi::AVPacketSideDataType::AV_PKT_DATA_SPHERICAL)?;
    let word = |i| int(bytes, i).unwrap_or(0);
    Some(Spherical {
        kind: {
            let number = int(bytes, 0)?;
            let known = usize::try_from(number).ok().and_then(|n| PROJECTIONS.get(n).copied());
            known.unwrap_or(SphericalKind::Other(number))
        },
        pose: [word(1), word(2), word(3)],
        bounds: [word(4), word(5), word(6), word(7)].map(|v| v as u32),
    })
}

/// The mastering display of HDR10 (SMPTE ST 2086), as FFmpeg's rationals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MasteringDisplay {
    /// CIE 1931 x, y of red, green, blue.
    pub primaries: [[f64; 2]; 3],
    /// CIE 1931 x, y of white.
    pub white: [f64; 2],
    /// Lowest luminance in cd/m2.
    pub min_luminance: f64,
    /// Highest luminance in cd/m2.
    pub max_luminance: f64,
}

impl MasteringDisplay {
    /// From an AVMasteringDisplayMetadata; `None` where half of it is missing.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let ratio = |i: usize| Some(f64::from(int(bytes, 2 * i)?) / f64::from(int(bytes, 2 * i + 1)?));
        let mut v = [0.0; 10];
        for (i, v) in v.iter_mut().enumerate() {
            *v = ratio(i)?;
        }
        let complete = int(bytes, 20)? != 0 && int(bytes, 21)? != 0 && v.iter().all(|v| v.is_finite());
        complete.then_some(Self {
            primaries: [[v[0], v[1]], [v[2], v[3]], [v[4], v[5]]],
            white: [v[6], v[7]],
            min_luminance: v[8],
            max_luminance: v[9],
        })
    }

    /// x265's `master-display`: chromaticities in 0.00002, luminances in 0.0001 cd/m2.
    pub(crate) fn x265(&self) -> String {
        let xy = |p: [f64; 2]| format!("({:.0},{:.0})", p[0] * 50000.0, p[1] * 50000.0);
        let [r, g, b] = self.primaries;
        format!(
            "G{}B{}R{}WP{}L({:.0},{:.0})",
            xy(g),
            xy(b),
            xy(r),
            xy(self.white),
            self.max_luminance * 10000.0,
            self.min_luminance * 10000.0
        )
    }
}

/// Content light level of HDR10 (CTA-861.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentLight {
    /// MaxCLL in cd/m2.
    pub max_content: u32,
    /// MaxFALL in cd/m2.
    pub max_average: u32,
}

impl ContentLight {
    /// From an AVContentLightMetadata.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        Some(Self { max_content: int(bytes, 0)? as u32, max_average: int(bytes, 1)? as u32 })
    }
}

/// HDR10 metadata, parsed and as FFmpeg's bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hdr {
    /// The mastering display.
    pub mastering: Option<MasteringDisplay>,
    /// The light level.
    pub light: Option<ContentLight>,
    /// Both as stream side data.
    pub raw: Vec<StreamSideData>,
}

impl Hdr {
    /// From the stream, or where it says nothing from its first frame.
    pub(crate) fn of(stream: &[StreamSideData], frame: &ffmpeg::frame::Video) -> Self {
        use ffi::AVPacketSideDataType::{AV_PKT_DATA_CONTENT_LIGHT_LEVEL, AV_PKT_DATA_MASTERING_DISPLAY_METADATA};
        use ffmpeg::frame::side_data::Type;
        let pick = |kind, frame_kind| -> Option<StreamSideData> {
            let of_stream = find(stream, kind).map(<[u8]>::to_vec);
            let bytes = of_stream.or_else(|| frame.side_data(frame_kind).map(|d| d.data().to_vec()))?;
            Some(StreamSideData { kind, bytes })
        };
        let mastering = pick(AV_PKT_DATA_MASTERING_DISPLAY_METADATA, Type::MasteringDisplayMetadata);
        let light = pick(AV_PKT_DATA_CONTENT_LIGHT_LEVEL, Type::ContentLightLevel);
        Self {
            mastering: mastering.as_ref().and_then(|d| MasteringDisplay::parse(&d.bytes)),
            light: light.as_ref().and_then(|d| ContentLight::parse(&d.bytes)),
            raw: mastering.into_iter().chain(light).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(kind: ffi::AVPacketSideDataType, words: &[i32]) -> StreamSideData {
        StreamSideData { kind, bytes: words.iter().flat_map(|w| w.to_ne_bytes()).collect() }
    }

    #[test]
    fn rotation_is_clockwise() {
        // What FFmpeg's mov demuxer gives for a phone held upright ("rotate 90").
        let matrix = |a, b, c, d| {
            [item(ffi::AVPacketSideDataType::AV_PKT_DATA_DISPLAYMATRIX, &[a, b, 0, c, d, 0, 0, 0, 1 << 30])]
        };
        let one = 1 << 16;
        assert_eq!(rotation(&matrix(one, 0, 0, one)), 0);
        assert_eq!(rotation(&matrix(0, one, -one, 0)), 90);
        assert_eq!(rotation(&matrix(-one, 0, 0, -one)), 180);
        assert_eq!(rotation(&matrix(0, -one, one, 0)), 270);
        assert_eq!(rotation(&[]), 0);
    }

    #[test]
    fn vr180_is_described() {
        let kind = ffi::AVPacketSideDataType::AV_PKT_DATA_SPHERICAL;
        let vr180 = [item(kind, &[2, 0, 0, 0, 0x4000_0000, 0, 0x4000_0000, 0, 0])];
        assert_eq!(tags(&vr180), ContainerTags { spherical: Some(Spherical::VR180), ..ContainerTags::default() });
        let stereo = |flags| tags(&[item(ffi::AVPacketSideDataType::AV_PKT_DATA_STEREO3D, &[1, flags])]);
        assert_eq!((stereo(0).stereo, stereo(0).right_first), (Some(StereoTag::SideBySide), false));
        assert!(stereo(1).right_first);
    }

    #[test]
    fn what_is_made_is_read_again() {
        for right_first in [false, true] {
            for (stereo, spherical) in [
                (Some(StereoTag::SideBySide), Some(Spherical::VR180)),
                (Some(StereoTag::TopBottom), Some(Spherical::EQUIRECTANGULAR)),
                (Some(StereoTag::Mono), None),
                (Some(StereoTag::SideBySide), Some(Spherical { pose: [1 << 16, -5, 7], ..Spherical::VR180 })),
            ] {
                let made = ContainerTags { stereo, right_first, spherical };
                assert_eq!(tags(&side_data(&made)), made);
            }
        }
    }

    #[test]
    fn x265_units() {
        // The usual P3 display: x265's documentation gives this very string.
        let rational = |v: f64, unit: f64| [(v * unit).round() as i32, unit as i32];
        let mut words = Vec::new();
        for v in [0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.3127, 0.3290] {
            words.extend(rational(v, 50000.0));
        }
        words.extend(rational(0.0001, 10000.0));
        words.extend(rational(1000.0, 10000.0));
        words.extend([1, 1]);
        let bytes = item(ffi::AVPacketSideDataType::AV_PKT_DATA_MASTERING_DISPLAY_METADATA, &words).bytes;
        let display = MasteringDisplay::parse(&bytes).unwrap();
        assert_eq!(display.x265(), "G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,1)");
        assert_eq!(MasteringDisplay::parse(&bytes[..80]), None);
    }
}
