//! The size and shape of an output's frames: the source's, or their own.

use super::Views;
use crate::error::{Error, Result};
use std::path::Path;
use vrseg_image::compose::{AlphaChannel, Mode, PackedFrame, PassthroughPlan};
use vrseg_image::vr::{EyeOrder, Filter, Format, Projection};
use vrseg_media::VideoInfo;

/// What the frames of an output are like.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputGeometry {
    /// Samples in a row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// How the source is packed into them, for [`Mode::Passthrough`].
    pub passthrough: Option<PassthroughPlan>,
}

impl OutputGeometry {
    /// The geometry of an output in `mode` of the video `path` in `format` with these views.
    ///
    /// # Errors
    /// The source can't be packed: it is flat, turned by its container, or too small.
    pub fn new(mode: &Mode, format: &Format, views: &Views, video: &VideoInfo, path: &Path) -> Result<Self> {
        let source_fov = match format.projection {
            Projection::Fisheye { fov } => Some(fov),
            _ => None,
        };
        let (Mode::Passthrough { channel, filter, .. }, Some(fov)) = (mode, mode.packed_fov(source_fov)) else {
            return Ok(Self { width: video.width, height: video.height, passthrough: None });
        };
        let plan = passthrough(fov, (*channel, *filter), format, views, video)
            .map_err(|why| Error::Request(format!("{}: passthrough {why}", path.display())))?;
        let (width, height) = plan.frame.size();
        Ok(Self { width, height, passthrough: Some(plan) })
    }

    /// The size, and for a packed frame what it shows, in words.
    pub fn describe(&self) -> Option<String> {
        let plan = self.passthrough.as_ref()?;
        let (fov, channel) = (plan.fov, plan.channel.name());
        Some(format!("{}x{}, two fisheyes of {fov} degrees, alpha packed in {channel}", self.width, self.height))
    }
}

/// How frames are packed, their circles showing `fov` degrees, or why they can't be.
fn passthrough(
    fov: f32,
    (channel, filter): (AlphaChannel, Filter),
    format: &Format,
    views: &Views,
    video: &VideoInfo,
) -> std::result::Result<PassthroughPlan, String> {
    let Some(lens) = format.projection.lens() else {
        return Err("requires VR video, and this video is flat; if it is VR, set --projection hequirect, equirect or \
            fisheye; for flat video use green or alpha"
            .to_owned());
    };
    let height = views.rects[0].h;
    if height < PackedFrame::MIN_SIDE {
        return Err(format!("needs eyes of at least {0}x{0}; these have {height} rows", PackedFrame::MIN_SIDE));
    }
    let eyes = match (views.rects.len(), format.eye_order) {
        // One view serves both eyes: without depth, but in its place.
        (1, _) => [0, 0],
        (_, EyeOrder::LeftFirst) => [0, 1],
        (_, EyeOrder::RightFirst) => [1, 0],
    };
    Ok(PassthroughPlan {
        frame: PackedFrame::for_height(height),
        eyes,
        rects: views.rects.clone(),
        lens,
        fov: f64::from(fov),
        channel,
        filter,
        siting: video.siting,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use vrseg_image::matte::windows::{View, Windows};
    use vrseg_image::plane::{ChromaSiting, Orientation, YuvColor, YuvLayout};
    use vrseg_image::vr::{ContainerTags, Layout};
    use vrseg_media::DynamicRange;

    fn video(width: usize, height: usize) -> VideoInfo {
        VideoInfo {
            index: 0,
            codec: "h264".into(),
            profile: None,
            width,
            height,
            pixel_format: "yuv420p".into(),
            layout: YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false },
            color: YuvColor::default(),
            siting: ChromaSiting::Left,
            matrix_known: true,
            dynamic: DynamicRange::Standard,
            mapped_from: None,
            fps: 25.0,
            frames: None,
            duration: None,
            time_base: (1, 25),
            orientation: Orientation::UPRIGHT,
            tags: ContainerTags::default(),
            layers: None,
            bit_rate: None,
            interlaced: false,
        }
    }

    fn geometry(format: Format, fov: Option<f32>, size: (usize, usize)) -> Result<OutputGeometry> {
        let mode = Mode::Passthrough { fov, channel: AlphaChannel::Red, filter: Filter::Bilinear };
        let views = Views {
            rects: format.layout.views(size.0, size.1),
            view: View::Eye,
            windows: Arc::new(Windows::whole((256, 256))),
        };
        OutputGeometry::new(&mode, &format, &views, &video(size.0, size.1), Path::new("scene.mp4"))
    }

    #[test]
    fn sizes_and_fields_of_view() {
        let stereo = Format { layout: Layout::SideBySide, projection: Projection::HalfEquirectangular, ..Format::FLAT };
        let fisheye = Format { projection: Projection::Fisheye { fov: 190.0 }, ..stereo };
        let over = Format { layout: Layout::TopBottom, eye_order: EyeOrder::RightFirst, ..stereo };
        let around = Format { projection: Projection::Equirectangular, layout: Layout::Mono, ..stereo };
        for (format, fov, size, want, want_fov, eyes) in [
            (stereo, None, (7680, 3840), (7680, 3840), 180.0, [0, 1]),
            (stereo, Some(220.0), (4000, 2000), (4000, 2000), 220.0, [0, 1]),
            (fisheye, None, (5800, 2900), (5800, 2900), 190.0, [0, 1]),
            (fisheye, Some(180.0), (2882, 1441), (2880, 1440), 180.0, [0, 1]),
            (over, None, (2048, 4096), (4096, 2048), 180.0, [1, 0]),
            (around, None, (4096, 2048), (4096, 2048), 180.0, [0, 0]),
        ] {
            let g = geometry(format, fov, size).expect("can be packed");
            let plan = g.passthrough.expect("packed");
            assert_eq!(((g.width, g.height), plan.fov, plan.eyes), (want, want_fov, eyes), "{format}");
        }
    }

    #[test]
    fn invalid_values_are_refused_by_name() {
        let stereo = Format { layout: Layout::SideBySide, projection: Projection::HalfEquirectangular, ..Format::FLAT };
        let why = |format, size| geometry(format, None, size).unwrap_err().to_string();
        assert!(
            why(Format::FLAT, (1920, 1080))
                .contains("scene.mp4: passthrough requires VR video, and this video is flat")
        );
        assert!(why(stereo, (100, 50)).contains("at least 64x64"));
    }
}
