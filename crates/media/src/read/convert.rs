//! Bringing decoded frames of any kind into the one planar format that the pipeline works in.

use crate::error::{MediaError, Result};
use crate::ffi::convert::scale::{Scaler, Side};
use crate::ffi::frame::{VideoFrame, color_tags, copy_props, format_of, make_format_plain};
use crate::ffi::numbers::{Number, PixelFormat};
use crate::ffi::pixel_format::{descriptor, format_for, format_name, format_named, is_rgb, layout_of};
use crate::ffi::pool::FramePool;
use crate::formats::color::{color_of, space_of};
use crate::formats::layout::{layout_with_alpha, working_layout};
use crate::read::info::VideoInfo;
use crate::read::template::VideoTemplate;
use crate::read::tone::{ToneMapper, sdr_color};
use crate::read::upright::{Uprighter, frame_orientation, upright_layout};
use ffmpeg_next::{self as ffmpeg, ffi};
use vrseg_image::plane::{Orientation, YuvColor};

/// Frames go through untouched where they can; foreign pixel formats and frames of another size
/// than the file states are converted by swscale: what follows was planned for that. Those that are
/// stored turned or mirrored are put upright.
pub(crate) struct Convert {
    /// Format, size and color that frames are brought to; known with the first of them.
    pub target: Option<Side>,
    /// Pixel format and size (as shown) that the file states, in a layout that the pipeline works in.
    stated: Option<Shape>,
    /// How the file says that its pictures are turned, for frames that say nothing.
    orientation: Orientation,
    uprighter: Uprighter,
    /// Where frames of high dynamic range are delivered in standard range.
    tone: Option<ToneMapper>,
    /// Pixel format and size of the first frame as it was decoded.
    first: Option<Shape>,
    count: u64,
    change: Option<Change>,
    space: Number<ffi::AVColorSpace>,
    range: Number<ffi::AVColorRange>,
    scaler: Option<Scaler>,
    pool: Option<FramePool>,
}

/// Pixel format, width, height.
type Shape = (PixelFormat, usize, usize);

/// Frames that were decoded in another format or size than the first one.
struct Change {
    /// Number of the first of them.
    at: u64,
    frames: u64,
    shape: Shape,
}

impl Convert {
    /// `info` and `stated` are what the file says, the latter about color, for frames that say nothing;
    /// `alpha` asks for a layout that exists with alpha, too.
    pub(crate) fn new(info: &VideoInfo, stated: &VideoTemplate, alpha: bool) -> Self {
        // What is mapped to standard range keeps its own depth until then.
        let own = || format_named(&info.pixel_format).and_then(working_layout);
        let layout = info.mapped_from.and_then(|_| own()).unwrap_or(info.layout);
        let layout = upright_layout(layout, info.orientation);
        let layout = if alpha { layout_with_alpha(layout) } else { Some(layout) };
        let format = layout.and_then(format_for);
        let size = format.map(|format| (format, info.width, info.height));
        let tone = info.mapped_from.map(ToneMapper::new);
        Self { orientation: info.orientation, tone, ..Self::to(size, stated.space, stated.range) }
    }

    fn to(stated: Option<Shape>, space: Number<ffi::AVColorSpace>, range: Number<ffi::AVColorRange>) -> Self {
        Self {
            target: None,
            stated,
            orientation: Orientation::UPRIGHT,
            uprighter: Uprighter::default(),
            tone: None,
            first: None,
            count: 0,
            change: None,
            space,
            range,
            scaler: None,
            pool: None,
        }
    }

    /// What the samples of the delivered frames mean; known with the first.
    pub(crate) fn delivered_color(&self) -> Option<YuvColor> {
        let target = self.target?;
        Some(if self.tone.is_some() { sdr_color() } else { target.color })
    }

    /// What became of frames that are not like the first one, in a sentence.
    pub(crate) fn changed(&self) -> Option<String> {
        let (first, target) = (self.first?, self.target?);
        let say = |(format, w, h): Shape| format!("{w}x{h} {}", format_name(format));
        let (width, height) = (target.width, target.height);
        let other_size = (first.1, first.2) != (width, height);
        match &self.change {
            Some(change) => Some(format!(
                "the video changes from {} to {} at frame {}; {} frames were converted to the size and format {}",
                say(first),
                say(change.shape),
                change.at,
                if other_size { self.count } else { change.frames },
                if other_size { format!("that the file states, {width}x{height}") } else { "of the first".to_owned() }
            )),
            None if other_size => Some(format!(
                "the file states {width}x{height}, but its frames are {}; they were scaled to the stated size",
                say(first)
            )),
            None => None,
        }
    }

    fn note(&mut self, shape: Shape) {
        if *self.first.get_or_insert(shape) != shape {
            self.change.get_or_insert(Change { at: self.count, frames: 0, shape }).frames += 1;
        }
        self.count += 1;
    }

    /// One frame.
    ///
    /// # Errors
    /// When its format can't be converted, or memory is short.
    pub(crate) fn run(&mut self, mut frame: ffmpeg::frame::Video) -> Result<VideoFrame> {
        let color = self.color(&frame);
        let format = plain_format(&mut frame, color);
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let orientation = frame_orientation(&frame).unwrap_or(self.orientation);
        let (shown_width, shown_height) = orientation.size((width, height));
        self.note((format, shown_width, shown_height));
        let target = match self.target {
            Some(target) => target,
            None => {
                let (format, width, height) = self.stated.ok_or_else(|| MediaError::Unsupported {
                    what: format!("the pixel format {} is not supported", format_name(format)),
                })?;
                *self.target.insert(Side { format, width, height, color })
            }
        };
        // As it is stored: it is turned after the conversion.
        let (target_width, target_height) = orientation.size((target.width, target.height));
        let target = Side { width: target_width, height: target_height, ..target };
        let as_wanted = (format, width, height) == (target.format, target.width, target.height);
        let frame = match if as_wanted { VideoFrame::from_av(frame) } else { Err(frame) } {
            Ok(frame) => frame,
            Err(frame) => self.scale(frame, Side { format, width, height, color }, target)?,
        };
        let frame = match &mut self.tone {
            Some(tone) => tone.run(&frame, target.color)?,
            None => frame,
        };
        self.uprighter.run(frame, orientation)
    }

    fn scale(&mut self, frame: ffmpeg::frame::Video, source: Side, target: Side) -> Result<VideoFrame> {
        let scaler = match self.scaler.take().filter(|s| s.source() == source) {
            Some(scaler) => scaler,
            None => Scaler::new(source, target)?,
        };
        let scaler = self.scaler.insert(scaler);
        let pool = match self.pool.take().filter(|pool| pool.size() == (target.width, target.height)) {
            Some(pool) => pool,
            None => {
                let layout = layout_of(target.format).ok_or_else(|| MediaError::Unsupported {
                    what: format!("{} is not planar", format_name(target.format)),
                })?;
                FramePool::new(layout, target.width, target.height)?
            }
        };
        let mut out = self.pool.insert(pool).get()?;
        scaler.run(&frame, out.av_mut())?;
        let o = out.av_mut();
        copy_props(&frame, o);
        o.set_color_range(range_tag(target.color.full_range));
        if color_tags(o).0 == ffi::AVColorSpace::AVCOL_SPC_RGB || !is_yuv(source.format) {
            o.set_color_space(space_of(target.color.matrix).into());
        }
        Ok(out)
    }

    /// What the samples of a frame mean (of an RGB frame: what they will mean).
    fn color(&self, frame: &ffmpeg::frame::Video) -> YuvColor {
        let (mut space, mut range) = color_tags(frame);
        if space == ffi::AVColorSpace::AVCOL_SPC_UNSPECIFIED {
            space = self.space;
        }
        if range == ffi::AVColorRange::AVCOL_RANGE_UNSPECIFIED {
            range = self.range;
        }
        color_of(format_of(frame), space, range, frame.width() as usize, frame.height() as usize)
    }
}

fn is_yuv(format: PixelFormat) -> bool {
    descriptor(format).is_some_and(|d| !is_rgb(d) && d.nb_components > 2)
}

/// Turns the deprecated `yuvj*` formats into their plain twins with the range as a tag: the samples
/// are the same. Returns the frame's format.
fn plain_format(frame: &mut ffmpeg::frame::Video, color: YuvColor) -> PixelFormat {
    if make_format_plain(frame) && color.full_range {
        frame.set_color_range(range_tag(true));
    }
    format_of(frame)
}

fn range_tag(full: bool) -> ffmpeg::color::Range {
    if full { ffmpeg::color::Range::JPEG } else { ffmpeg::color::Range::MPEG }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ffi::frame::alloc_raw;
    use crate::ffi::pixel_format::format_named;
    use crate::formats::layout::working_layout;
    use vrseg_image::plane::{PlaneRef, Yuv, YuvMut};

    /// A flat frame of that format, made by swscale from limited-range BT.709 samples.
    fn flat(format: &str, samples: [u8; 3]) -> ffmpeg::frame::Video {
        let named = |name: &str| format_named(name).unwrap();
        let color = YuvColor::default();
        let source = Side { format: named("yuv444p"), width: 64, height: 32, color };
        let mut frame = VideoFrame::from_av(alloc_raw(source.format, 64, 32).unwrap()).ok().unwrap();
        let YuvMut::U8(planes, _) = frame.yuv_mut() else { panic!("8 bit is u8") };
        planes.into_iter().zip(samples).for_each(|(mut plane, v)| plane.fill(v));
        let target = Side { format: named(format), ..source };
        let mut out = alloc_raw(target.format, 64, 32).unwrap();
        Scaler::new(source, target).unwrap().run(frame.av(), &mut out).unwrap();
        out.set_color_space(ffmpeg::color::Space::BT709);
        out
    }

    /// To the layout that frames of a format and 64x32 are worked on in.
    fn convert(format: &str, alpha: bool) -> Convert {
        let layout = working_layout(format_named(format).unwrap()).unwrap();
        let layout = if alpha { layout_with_alpha(layout).unwrap() } else { layout };
        let shape = (format_for(layout).unwrap(), 64, 32);
        Convert::to(
            Some(shape),
            ffi::AVColorSpace::AVCOL_SPC_UNSPECIFIED.into(),
            ffi::AVColorRange::AVCOL_RANGE_UNSPECIFIED.into(),
        )
    }

    #[test]
    fn frames_get_the_format_of_the_first_and_changes_are_reported() {
        let mut convert = convert("yuv420p", false);
        for _ in 0..2 {
            convert.run(flat("yuv420p", [100, 140, 90])).unwrap();
        }
        assert_eq!(convert.changed(), None);
        for _ in 0..3 {
            let frame = convert.run(flat("yuv444p10le", [100, 140, 90])).unwrap();
            assert_eq!(frame.describe(), "64x32 yuv420p");
        }
        let message = convert.changed().unwrap();
        assert!(message.contains("changes from 64x32 yuv420p to 64x32 yuv444p10le at frame 2; 3 frames"), "{message}");
    }

    #[test]
    fn frames_are_scaled_to_the_size_that_the_file_states() {
        let mut convert = convert("yuv420p", false);
        convert.stated.as_mut().unwrap().2 = 96;
        let frame = convert.run(flat("yuv420p", [100, 140, 90])).unwrap();
        assert_eq!(frame.describe(), "64x96 yuv420p");
        let message = convert.changed().unwrap();
        assert!(message.contains("states 64x96, but its frames are 64x32 yuv420p; they were scaled"), "{message}");
    }

    #[test]
    fn output_with_alpha_gets_frames_of_a_layout_that_has_alpha() {
        for (format, bits, x, y) in [
            ("yuv420p", 8, 1, 1),
            ("yuv422p12le", 12, 1, 0),
            ("yuv420p12le", 16, 1, 1),
            ("yuv444p14le", 16, 0, 0),
            ("yuv440p", 8, 0, 0),
            ("yuv411p", 8, 1, 0),
        ] {
            let layout = convert(format, true).run(flat(format, [100, 140, 90])).unwrap().layout().unwrap();
            assert_eq!((layout.bits, layout.chroma_shift_x, layout.chroma_shift_y), (bits, x, y), "{format}");
            assert!(format_for(vrseg_image::plane::YuvLayout { alpha: true, ..layout }).is_some());
        }
    }

    #[test]
    fn semi_planar_and_packed_formats_become_planar() {
        fn center<T: vrseg_image::plane::Sample>(planes: [PlaneRef<'_, T>; 3]) -> [u32; 3] {
            planes.map(|p| p.row(p.height / 2)[p.width / 2].to_u32())
        }
        for (format, bits, chroma) in [
            ("nv12", 8, 1),
            ("p010le", 10, 1),
            ("yuv422p12be", 12, 1),
            ("uyvy422", 8, 1),
            ("gbrp", 8, 0),
            ("gbrp14le", 14, 0),
            ("rgb48le", 16, 0),
            ("bgra", 8, 0),
        ] {
            let mut convert = convert(format, false);
            for _ in 0..2 {
                let frame = convert.run(flat(format, [100, 140, 90])).unwrap();
                let layout = frame.layout().unwrap();
                assert_eq!((layout.bits, layout.chroma_shift_x), (bits, chroma), "{format}");
                let got = match frame.yuv() {
                    Yuv::U8(planes) => center(planes),
                    Yuv::U16(planes) => center(planes),
                };
                for (got, want) in got.into_iter().zip([100u32, 140, 90]) {
                    assert!(got.abs_diff(want << (bits - 8)) <= 2 << (bits - 8), "{format}: {got} for {want}");
                }
            }
        }
    }
}
