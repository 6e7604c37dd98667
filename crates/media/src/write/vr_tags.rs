//! Which stereo and spherical metadata a container can hold, and how FFmpeg's muxers are made to write it.

use crate::ffi::version::libavformat_is_at_least;
use crate::formats::container::Container;
use crate::formats::sidedata::{self, StreamSideData};
use crate::read::template::SourceTemplate;
use crate::write::options::{VrTags, WriterOptions};
use std::borrow::Cow;
use vrseg_image::vr::{ContainerTags, Spherical, SphericalKind, StereoTag};

/// Whether FFmpeg writes Apple's `vexu` box, which is all that .mov has for it: since 7.1.
fn writes_vexu() -> bool {
    libavformat_is_at_least(61, 7)
}

/// Leaves out tags that the container can't hold, and says what is lost.
pub(crate) fn settle_tags(
    options: &mut WriterOptions<'_>,
    container: &Container,
    template: &SourceTemplate,
) -> Vec<String> {
    let tags = match options.tags {
        VrTags::Source => template.info.video.tags,
        VrTags::Custom(tags) => tags,
    };
    if tags.is_empty() {
        return Vec::new();
    }
    let lost = match container {
        Container::Mp4 if tags.right_first => {
            // FFmpeg writes no st3d for it, and sv3d alone would say that there is one view.
            options.tags = VrTags::Custom(ContainerTags::default());
            "mp4 gets no stereo and spherical metadata for a video whose right eye comes first; name the file so that \
             players recognize it, or use .mkv"
                .to_owned()
        }
        Container::Mov if !writes_vexu() => {
            "this FFmpeg writes no stereo and spherical metadata into .mov; name the file so that players recognize \
             it, or use .mp4 or .mkv"
                .to_owned()
        }
        Container::Mov => match tags.spherical.filter(|sphere| !apples_boxes_hold(sphere)) {
            Some(sphere) => format!(
                "mov can't hold the projection {sphere} or its direction; name the file so that players recognize it, \
                 or use .mp4 or .mkv"
            ),
            None => return Vec::new(),
        },
        Container::Other(name) => format!(
            "{name} holds no stereo and spherical metadata; name the file so that players recognize it, or use .mp4 \
             or .mkv"
        ),
        _ => return Vec::new(),
    };
    vec![lost]
}

/// Whether `vexu` says all of a sphere: it has neither parts nor directions.
fn apples_boxes_hold(sphere: &Spherical) -> bool {
    let named = match sphere.kind {
        SphericalKind::EquirectangularTile => sphere.is_front_half(),
        SphericalKind::Cubemap | SphericalKind::Mesh | SphericalKind::Other(_) => false,
        _ => true,
    };
    named && sphere.pose == [0; 3]
}

/// A video's side data in the form of which FFmpeg's muxer makes the right boxes.
///
/// Since 7.1 its mp4 muxer writes a `vexu` box beside `st3d` and `sv3d`, which says that there are two eyes, but neither
/// how they are packed nor which part of the sphere there is, and its own reader believes that box. So in mp4 there is
/// none. In mov it is all there is.
pub(crate) fn fitted<'a>(data: &'a StreamSideData, container: &Container) -> Cow<'a, StreamSideData> {
    match container {
        Container::Mp4 => sidedata::without_vexu(data),
        Container::Mov if writes_vexu() => sidedata::for_vexu(data),
        _ => Cow::Borrowed(data),
    }
}

/// The box that says how the eyes are packed, which FFmpeg's muxer omits of `vexu`: Apple's `pack` with `pkin`.
pub(crate) fn packing_box(data: &StreamSideData, container: &Container) -> Option<Vec<u8>> {
    if *container != Container::Mov || !writes_vexu() {
        return None;
    }
    let code = match sidedata::stereo_of_piece(data)? {
        StereoTag::SideBySide => b"side",
        StereoTag::TopBottom => b"over",
        StereoTag::Mono | StereoTag::Other => return None,
    };
    Some([&b"\0\0\0\x18pack\0\0\0\x10pkin\0\0\0\0"[..], code].concat())
}
