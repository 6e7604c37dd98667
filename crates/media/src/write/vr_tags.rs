//! Which stereo and spherical metadata a container can hold.

use crate::ffi::version::libavformat_is_at_least;
use crate::formats::container::Container;
use crate::read::template::SourceTemplate;
use crate::write::options::{VrTags, WriterOptions};
use vrseg_image::vr::ContainerTags;

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
    // Apple's `vexu` boxes.
    let mov_keeps_vr = libavformat_is_at_least(61, 7);
    let lost = match container {
        Container::Mp4 if tags.right_first => {
            // FFmpeg writes no st3d for it, and sv3d alone would say that there is one view.
            options.tags = VrTags::Custom(ContainerTags::default());
            "mp4 gets no stereo and spherical metadata for a video whose right eye comes first; name the file so that \
             players recognize it, or use .mkv"
                .to_owned()
        }
        Container::Mov if !mov_keeps_vr => {
            "this FFmpeg writes no stereo and spherical metadata into .mov; name the file so that players recognize \
             it, or use .mp4 or .mkv"
                .to_owned()
        }
        Container::Other(name) => format!(
            "{name} holds no stereo and spherical metadata; name the file so that players recognize it, or use .mp4 \
             or .mkv"
        ),
        _ => return Vec::new(),
    };
    vec![lost]
}
