//! What a stream says about itself beside its codec parameters: rotation, stereo packing,
//! spherical projection.
//!
//! FFmpeg up to 7 keeps it in `AVStream.side_data`, later ones with the codec's parameters; this is the only file that
//! knows. Structures that FFmpeg forbids to size at compile time are read as bytes, of which the first fields have
//! never moved.
#![allow(unsafe_code)]

use crate::ffi::numbers::{self, SideDataKind};
use ffmpeg_next::ffi::AVPacketSideDataType as Kind;
use ffmpeg_next::{self as ffmpeg, ffi};
use std::borrow::Cow;
use vrseg_image::plane::Orientation;
use vrseg_image::vr::{ContainerTags, Spherical, SphericalKind, StereoTag};

/// One piece of side data, copied out.
#[derive(Clone, Debug)]
pub(crate) struct StreamSideData {
    pub kind: SideDataKind,
    /// FFmpeg's structure or text.
    pub bytes: Vec<u8>,
}

/// All side data of a stream.
pub(crate) fn read(stream: &ffmpeg::Stream<'_>) -> Vec<StreamSideData> {
    let read = |s: ffmpeg::codec::packet::side_data::SideData<'_>| {
        // SAFETY: reads a field of side data of an open input's stream.
        let kind = unsafe { numbers::read(&raw const (*s.as_ptr()).type_) };
        StreamSideData { kind, bytes: s.data().to_vec() }
    };
    stream.side_data().map(read).collect()
}

/// Gives a stream side data, in place of what it had of that type. Short memory loses it.
///
/// # Safety
/// `stream` is a valid stream of an output file whose header isn't written yet.
pub(crate) unsafe fn write(stream: *mut ffi::AVStream, data: &StreamSideData) {
    // SAFETY: the caller's; the new memory has the length that was requested.
    unsafe {
        let memory = room(stream, data.kind, data.bytes.len());
        if !memory.is_null() {
            std::ptr::copy_nonoverlapping(data.bytes.as_ptr(), memory, data.bytes.len());
        }
    }
}

/// Memory for side data of a stream, in place of what it had of that type; null where memory is short.
///
/// # Safety
/// As of [`write`].
#[cfg(not(ffmpeg_8))]
unsafe fn room(stream: *mut ffi::AVStream, kind: SideDataKind, size: usize) -> *mut u8 {
    // SAFETY: the caller's.
    unsafe { numbers::av_stream_new_side_data(stream, kind.get(), size) }
}

/// FFmpeg 8 keeps it with the codec's parameters.
///
/// # Safety
/// As of [`write`].
#[cfg(ffmpeg_8)]
unsafe fn room(stream: *mut ffi::AVStream, kind: SideDataKind, size: usize) -> *mut u8 {
    // SAFETY: the caller's; the list and its length belong together, and null is checked for.
    unsafe {
        let parameters = (*stream).codecpar;
        let (list, count) = (&raw mut (*parameters).coded_side_data, &raw mut (*parameters).nb_coded_side_data);
        let made = numbers::av_packet_side_data_new(list, count, kind.get(), size, 0);
        if made.is_null() { std::ptr::null_mut() } else { (*made).data }
    }
}

/// Types that stay true of a video stream whose pictures were worked on and encoded again. Frames are delivered upright,
/// so that what turns a player's picture isn't among them.
pub(crate) fn survives_encoding(kind: SideDataKind) -> bool {
    kind.is_any(&[
        Kind::AV_PKT_DATA_STEREO3D,
        Kind::AV_PKT_DATA_SPHERICAL,
        Kind::AV_PKT_DATA_MASTERING_DISPLAY_METADATA,
        Kind::AV_PKT_DATA_CONTENT_LIGHT_LEVEL,
        Kind::AV_PKT_DATA_ICC_PROFILE,
    ])
}

/// Types that describe a high dynamic range.
pub(crate) fn is_hdr(kind: SideDataKind) -> bool {
    kind.is_any(&[
        Kind::AV_PKT_DATA_MASTERING_DISPLAY_METADATA,
        Kind::AV_PKT_DATA_CONTENT_LIGHT_LEVEL,
        Kind::AV_PKT_DATA_DOVI_CONF,
    ])
}

/// The bytes of the piece of that type.
pub(crate) fn find(all: &[StreamSideData], kind: Kind) -> Option<&[u8]> {
    all.iter().find(|d| d.kind == kind).map(|d| d.bytes.as_slice())
}

fn word(bytes: &[u8], index: usize) -> Option<[u8; 4]> {
    bytes.get(index * 4..index * 4 + 4)?.try_into().ok()
}

/// The 32-bit number at place `index` of a structure of such numbers.
pub(crate) fn int(bytes: &[u8], index: usize) -> Option<i32> {
    word(bytes, index).map(i32::from_ne_bytes)
}

/// How a player turns and mirrors the pictures, from the stream's display matrix.
pub(crate) fn orientation(all: &[StreamSideData]) -> Orientation {
    find(all, Kind::AV_PKT_DATA_DISPLAYMATRIX).and_then(matrix_orientation).unwrap_or_default()
}

/// The same from a display matrix itself (of a stream or a frame).
pub(crate) fn matrix_orientation(bytes: &[u8]) -> Option<Orientation> {
    // Rows (a b u), (c d v), (x y w); all but the third column in 16.16.
    Some(Orientation::of_matrix([int(bytes, 0)?, int(bytes, 1)?, int(bytes, 3)?, int(bytes, 4)?]))
}

/// FFmpeg's number since 7.1 for two eyes whose packing isn't stated: what its reader makes of every `vexu` box, even
/// beside an `st3d` that states it.
const UNSPECIFIED: i32 = 8;

/// Stereo packing from an AVStereo3D (stream or frame side data).
fn stereo_of(bytes: &[u8]) -> Option<StereoTag> {
    Some(match int(bytes, 0)? {
        0 => StereoTag::Mono,
        // 5 is side by side with quincunx sampling: split the same way.
        1 | 5 => StereoTag::SideBySide,
        2 => StereoTag::TopBottom,
        UNSPECIFIED => return None,
        _ => StereoTag::Other,
    })
}

/// The flag of AVStereo3D that the right eye (or the lower view) comes first.
const INVERT: i32 = 1;

/// What the container states about stereo and the sphere.
pub(crate) fn tags(all: &[StreamSideData]) -> ContainerTags {
    let stereo = find(all, Kind::AV_PKT_DATA_STEREO3D).map(stereo_tags).unwrap_or_default();
    ContainerTags { spherical: spherical(all), ..stereo }
}

/// What an AVStereo3D (of a stream or a frame) states.
pub(crate) fn stereo_tags(bytes: &[u8]) -> ContainerTags {
    let right_first = int(bytes, 1).is_some_and(|flags| flags & INVERT != 0);
    ContainerTags { stereo: stereo_of(bytes), right_first, spherical: None }
}

/// The stereo packing where that is what a piece of side data is about.
pub(crate) fn stereo_of_piece(data: &StreamSideData) -> Option<StereoTag> {
    if data.kind == Kind::AV_PKT_DATA_STEREO3D { stereo_of(&data.bytes) } else { None }
}

/// Puts numbers at places of a structure, as far as it has them.
fn with_ints<'a>(data: &StreamSideData, numbers: impl IntoIterator<Item = (usize, i32)>) -> Cow<'a, StreamSideData> {
    let mut data = data.clone();
    for (index, number) in numbers {
        if let Some(word) = data.bytes.get_mut(index * 4..index * 4 + 4) {
            word.copy_from_slice(&number.to_ne_bytes());
        }
    }
    Cow::Owned(data)
}

/// FFmpeg's number since 7.1 for a picture of which isn't stated which eye sees it; the muxers of older versions don't
/// read it.
const ANY_VIEW: i32 = 3;

/// Both eyes see it.
const PACKED: i32 = 0;

/// Side data about stereo or the sphere as a muxer of mp4 gets it, so that it adds no `vexu` to `st3d` and `sv3d`: with
/// nothing that only that can say, and the whole sphere as a tile of which nothing is cut off, which is the same `sv3d`.
pub(crate) fn without_vexu(data: &StreamSideData) -> Cow<'_, StreamSideData> {
    if data.kind == Kind::AV_PKT_DATA_STEREO3D {
        // View, main eye, distance of the lenses, disparity.
        with_ints(data, [(2, ANY_VIEW), (3, 0), (4, 0), (5, 0)])
    } else if data.kind == Kind::AV_PKT_DATA_SPHERICAL && int(&data.bytes, 0) == Some(EQUIRECTANGULAR) {
        with_ints(data, [(0, TILE), (4, 0), (5, 0), (6, 0), (7, 0)])
    } else {
        Cow::Borrowed(data)
    }
}

/// The same as a muxer of `vexu` gets it: the front half of the sphere by its name.
pub(crate) fn for_vexu(data: &StreamSideData) -> Cow<'_, StreamSideData> {
    let packed = || matches!(stereo_of(&data.bytes), Some(StereoTag::SideBySide | StereoTag::TopBottom));
    if data.kind == Kind::AV_PKT_DATA_STEREO3D && packed() {
        with_ints(data, [(2, PACKED)])
    } else if spherical(std::slice::from_ref(data))
        .is_some_and(|s| s.kind == SphericalKind::EquirectangularTile && s.is_front_half())
    {
        with_ints(data, [(0, HALF), (4, 0), (5, 0), (6, 0), (7, 0)])
    } else {
        Cow::Borrowed(data)
    }
}

/// Side data that makes a muxer write those tags. Only what every version of FFmpeg can write:
/// [`Spherical::EQUIRECTANGULAR`] and tiles.
pub(crate) fn side_data(tags: &ContainerTags) -> Vec<StreamSideData> {
    // The structures have grown with FFmpeg's versions, always at their end, and a muxer reads as
    // much as it knows: so there is room to spare. AVStereo3D's later fields hold two fractions,
    // whose denominators must not be 0.
    const WORDS: usize = 32;
    let item = |kind: Kind, head: &[i32]| {
        let words = head.iter().copied().chain(std::iter::repeat(0)).take(WORDS);
        StreamSideData { kind: kind.into(), bytes: words.flat_map(i32::to_ne_bytes).collect() }
    };
    let stereo = tags.stereo.and_then(|stereo| {
        let kind = match stereo {
            StereoTag::Mono => 0,
            StereoTag::SideBySide => 1,
            StereoTag::TopBottom => 2,
            StereoTag::Other => return None,
        };
        let flags = if tags.right_first { INVERT } else { 0 };
        Some(item(Kind::AV_PKT_DATA_STEREO3D, &[kind, flags, 0, 0, 0, 0, 1, 0, 1]))
    });
    let spherical = tags.spherical.and_then(|s| {
        let kind = PROJECTIONS.iter().position(|kind| *kind == s.kind)? as i32;
        let ([yaw, pitch, roll], [left, top, right, bottom]) = (s.pose, s.bounds.map(|b| b as i32));
        let head = [kind, yaw, pitch, roll, left, top, right, bottom];
        Some(item(Kind::AV_PKT_DATA_SPHERICAL, &head))
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

const EQUIRECTANGULAR: i32 = 0;
const TILE: i32 = 2;
const HALF: i32 = 3;

/// Whether side data is about stereo or the sphere.
pub(crate) fn is_vr(kind: SideDataKind) -> bool {
    kind.is_any(&[Kind::AV_PKT_DATA_STEREO3D, Kind::AV_PKT_DATA_SPHERICAL])
}

/// The projection from an AVSphericalMapping: the kind, yaw, pitch, roll (16.16), then the bounds
/// left, top, right, bottom (0.32).
fn spherical(all: &[StreamSideData]) -> Option<Spherical> {
    let bytes = find(all, Kind::AV_PKT_DATA_SPHERICAL)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn item(kind: Kind, words: &[i32]) -> StreamSideData {
        StreamSideData { kind: kind.into(), bytes: words.iter().flat_map(|w| w.to_ne_bytes()).collect() }
    }

    #[test]
    fn orientation_is_read_from_the_display_matrix() {
        // What FFmpeg's mov demuxer gives for a phone held upright ("rotate 90").
        let matrix = |a, b, c, d| [item(Kind::AV_PKT_DATA_DISPLAYMATRIX, &[a, b, 0, c, d, 0, 0, 0, 1 << 30])];
        let one = 1 << 16;
        assert_eq!(orientation(&matrix(one, 0, 0, one)).rotation(), (0, false));
        assert_eq!(orientation(&matrix(0, one, -one, 0)).rotation(), (90, false));
        assert_eq!(orientation(&matrix(-one, 0, 0, one)).rotation(), (0, true));
        assert!(orientation(&[]).is_upright());
    }

    #[test]
    fn vr180_is_recognized() {
        let kind = Kind::AV_PKT_DATA_SPHERICAL;
        let vr180 = [item(kind, &[2, 0, 0, 0, 0x4000_0000, 0, 0x4000_0000, 0, 0])];
        assert_eq!(tags(&vr180), ContainerTags { spherical: Some(Spherical::VR180), ..ContainerTags::default() });
        let stereo = |flags| tags(&[item(Kind::AV_PKT_DATA_STEREO3D, &[1, flags])]);
        assert_eq!((stereo(0).stereo, stereo(0).right_first), (Some(StereoTag::SideBySide), false));
        assert!(stereo(1).right_first);
    }

    #[test]
    fn containers_get_side_data_of_which_ffmpeg_makes_the_right_boxes() {
        let made = ContainerTags {
            stereo: Some(StereoTag::SideBySide),
            right_first: false,
            spherical: Some(Spherical::VR180),
        };
        let [stereo, sphere] = &side_data(&made)[..] else { panic!("two pieces") };
        assert_eq!(int(&without_vexu(stereo).bytes, 2), Some(ANY_VIEW));
        assert_eq!(without_vexu(sphere).bytes, sphere.bytes, "stays a tile");
        let found_tags = tags(&[for_vexu(stereo).into_owned(), for_vexu(sphere).into_owned()]);
        let half = Spherical { kind: SphericalKind::HalfEquirectangular, ..Spherical::EQUIRECTANGULAR };
        assert_eq!(found_tags, ContainerTags { spherical: Some(half), ..made });
        let whole =
            side_data(&ContainerTags { spherical: Some(Spherical::EQUIRECTANGULAR), ..ContainerTags::default() });
        let tile = without_vexu(&whole[0]).into_owned();
        assert_eq!((int(&tile.bytes, 0), int(&tile.bytes, 4)), (Some(TILE), Some(0)));
        assert_eq!(for_vexu(&whole[0]).bytes, whole[0].bytes);
        // Structures of older versions are shorter.
        let short = item(Kind::AV_PKT_DATA_STEREO3D, &[1, 0]);
        assert_eq!(without_vexu(&short).bytes, short.bytes);
    }

    #[test]
    fn written_tags_are_read_back() {
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
}
