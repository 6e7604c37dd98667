//! The size and shape of an output's frames: the source's, or their own.

use super::Views;
use crate::error::{Error, Result};
use crate::scale::Scale;
use std::path::Path;
use vrseg_image::compose::{AlphaChannel, Mode, PackedFrame, PassthroughPlan};
use vrseg_image::vr::{EyeOrder, Filter, Format, Layout, Projection};
use vrseg_media::VideoInfo;

/// What the frames of an output are like.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputGeometry {
    /// Samples in a row, as they are painted.
    pub width: usize,
    /// Rows, as they are painted.
    pub height: usize,
    /// Width and height that are to be encoded.
    pub encoded: (usize, usize),
    /// How the source is packed into them, for [`Mode::Passthrough`].
    pub passthrough: Option<PassthroughPlan>,
}

impl OutputGeometry {
    /// The geometry of an output in `mode` of the video `path` in `format` with these views, whose pictures get the size
    /// `scale`.
    ///
    /// # Errors
    /// The source can't be packed: it is flat, turned by its container, or too small. A size that cuts or stretches views.
    pub fn new(
        (mode, scale): (&Mode, Option<Scale>),
        format: &Format,
        views: &Views,
        video: &VideoInfo,
        path: &Path,
    ) -> Result<Self> {
        let wrong = |why: String| Error::Request(format!("{}: --scale {why}", path.display()));
        let source_fov = match format.projection {
            Projection::Fisheye { fov } => Some(fov),
            _ => None,
        };
        let (Mode::Passthrough { channel, filter, .. }, Some(fov)) = (mode, mode.packed_fov(source_fov)) else {
            let (width, height) = (video.width, video.height);
            let encoded = match scale {
                Some(scale) => scale.of((width, height), format.layout).map_err(wrong)?,
                None => (width, height),
            };
            return Ok(Self { width, height, encoded, passthrough: None });
        };
        let mut plan = passthrough(fov, (*channel, *filter), format, views, video)
            .map_err(|why| Error::Request(format!("{}: passthrough {why}", path.display())))?;
        if let Some(scale) = scale {
            // Discs of opacity that were painted at another size would blur where they are cut.
            plan.frame = packed_at(plan.frame, scale).map_err(wrong)?;
        }
        let (width, height) = plan.frame.size();
        Ok(Self { width, height, encoded: (width, height), passthrough: Some(plan) })
    }

    /// The size, and for a packed frame what it shows, in words.
    pub fn describe(&self) -> Option<String> {
        let plan = self.passthrough.as_ref()?;
        let (fov, channel) = (plan.fov, plan.channel.name());
        Some(format!("{}x{}, two fisheyes of {fov} degrees, alpha packed in {channel}", self.width, self.height))
    }
}

/// The packed frame of the size `scale`.
fn packed_at(frame: PackedFrame, scale: Scale) -> std::result::Result<PackedFrame, String> {
    let near = |height: usize| PackedFrame::for_height(height.max(PackedFrame::MIN_SIDE));
    if let Scale::Size(width, height) = scale {
        return PackedFrame::of_frame(width as usize, height as usize).ok_or_else(|| {
            let (w, h) = near(height as usize).size();
            format!(
                "{width}x{height}: alpha-packed frames are two squares whose side is a multiple of 4, at least {}; \
                 {w}x{h} is near",
                PackedFrame::MIN_SIDE
            )
        });
    }
    let (_, height) = scale.of(frame.size(), Layout::SideBySide)?;
    if height < PackedFrame::MIN_SIDE {
        return Err(format!(
            "makes squares of {height} pixels; alpha-packed ones have at least {}",
            PackedFrame::MIN_SIDE
        ));
    }
    Ok(near(height))
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
    use vrseg_image::vr::ContainerTags;
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
        scaled(&mode, format, size, None)
    }

    fn scaled(mode: &Mode, format: Format, size: (usize, usize), scale: Option<&str>) -> Result<OutputGeometry> {
        let views = Views {
            rects: format.layout.views(size.0, size.1),
            view: View::Eye,
            windows: Arc::new(Windows::whole((256, 256))),
        };
        let scale = scale.map(|text| Scale::read(text).expect("a size"));
        OutputGeometry::new((mode, scale), &format, &views, &video(size.0, size.1), Path::new("scene.mp4"))
    }

    const STEREO: Format =
        Format { layout: Layout::SideBySide, projection: Projection::HalfEquirectangular, ..Format::FLAT };

    #[test]
    fn pictures_are_encoded_at_the_size_that_was_asked_for() {
        let encoded = |mode: &Mode, scale| {
            let made = scaled(mode, STEREO, (7680, 3840), Some(scale)).map_err(|e| e.to_string())?;
            assert_eq!(made.encoded != (made.width, made.height), *mode == Mode::Matte, "{scale}");
            Ok::<_, String>(made.encoded)
        };
        let packed = Mode::Passthrough { fov: None, channel: AlphaChannel::Red, filter: Filter::Bilinear };
        assert_eq!(encoded(&Mode::Matte, "1/2"), Ok((3840, 1920)));
        assert_eq!(encoded(&Mode::Matte, "5760x2880"), Ok((5760, 2880)));
        assert!(encoded(&Mode::Matte, "3840x3840").is_err_and(|e| e.starts_with("scene.mp4: --scale 3840x3840 would")));
        // Packed frames are painted at that size.
        assert_eq!(encoded(&packed, "4k"), Ok((3840, 1920)));
        assert_eq!(encoded(&packed, "1/7"), Ok((1096, 548)));
        assert_eq!(encoded(&packed, "4000x2000"), Ok((4000, 2000)));
        assert!(
            encoded(&packed, "4000x2002").is_err_and(|e| e.contains("two squares") && e.contains("4008x2004 is near"))
        );
        assert!(encoded(&packed, "1/100").is_err_and(|e| e.contains("at least 64")));
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
        let why = |format, size| geometry(format, None, size).unwrap_err().to_string();
        assert!(
            why(Format::FLAT, (1920, 1080))
                .contains("scene.mp4: passthrough requires VR video, and this video is flat")
        );
        assert!(why(STEREO, (100, 50)).contains("at least 64x64"));
    }
}
