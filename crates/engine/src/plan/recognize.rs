//! A file's format from all sources: FFmpeg's reading of the container and our own, the name, the
//! picture, the shape.

use std::fs::File;
use std::ops::ControlFlow;
use vrseg_image::plane::{PlaneRef, Rect, Sample, Yuv, YuvColor};
use vrseg_image::vr::boxes::{self, Statement};
use vrseg_image::vr::circle::{self, CornerContent};
use vrseg_image::vr::halves::{self, Comparison};
use vrseg_image::vr::sei::{self, Codec};
use vrseg_image::vr::{
    Clues, Confidence, ContainerTags, Examine, FormatFindings, FormatRequest, Layout, Projection, StereoTag, detect,
    detect_by,
};
use vrseg_media::InputInfo;

/// Key frames that are examined.
const FRAMES: u32 = 3;

/// Detects a file's format. Decodes a few key frames where that decides something.
pub fn recognize(input: &InputInfo, request: &FormatRequest) -> FormatFindings {
    let statements = statements(input);
    detect_by(request, &clues(input, &statements), &mut KeyFrames { input })
}

/// The same without decoding.
pub fn recognize_blind(input: &InputInfo, request: &FormatRequest) -> FormatFindings {
    let statements = statements(input);
    detect(request, &clues(input, &statements), &mut |_| None)
}

/// A warning where layout or projection is a guess, with the options that correct it. One flat view is what any video
/// is that nothing says more of, and needs none.
pub(super) fn guess(format: &FormatFindings) -> Option<String> {
    let flat = format.layout.value == Layout::Mono && format.projection.value == Projection::Flat;
    let layout = format.layout.confidence == Confidence::Guess;
    let projection = format.projection.confidence == Confidence::Guess;
    let (what, options) = match (layout, projection) {
        _ if flat => return None,
        (true, true) => ("layout and projection are guesses", "--layout and --projection"),
        (true, false) => ("the layout is a guess", "--layout"),
        (false, true) => ("the projection is a guess", "--projection"),
        (false, false) => return None,
    };
    Some(format!("{what}: {}; if that is wrong, set {options}", format.summary()))
}

/// What the file says of itself: its boxes, and last the video stream.
fn statements(input: &InputInfo) -> Vec<Statement> {
    let mut all = boxes::statements(&vr_boxes(input));
    if input.video.layers.is_some() {
        // The two layers are decoded, and come side by side.
        for statement in all.iter_mut().filter(|statement| statement.two_layers) {
            let tags = ContainerTags { stereo: Some(StereoTag::SideBySide), right_first: false, ..statement.tags };
            *statement = Statement { tags, two_layers: false, ..*statement };
        }
    }
    all.extend(frame_packing(input));
    all
}

/// Bytes of a packet in which its messages are looked for: they stand before the picture.
const MESSAGES: usize = 64 << 10;

fn frame_packing(input: &InputInfo) -> Option<Statement> {
    let codec = match input.video.codec.as_str() {
        "h264" => Codec::H264,
        "hevc" => Codec::Hevc,
        _ => return None,
    };
    let tags = sei::packing(&vrseg_media::first_key_packet(input, MESSAGES)?, codec)?;
    Some(Statement { source: "video stream (frame packing)", tags, mesh: None, two_layers: false })
}

fn clues<'a>(input: &'a InputInfo, statements: &'a [Statement]) -> Clues<'a> {
    let video = &input.video;
    Clues { path: &input.path, width: video.width, height: video.height, tags: video.tags, boxes: statements }
}

/// The VR boxes of an mp4, mov, Matroska or WebM file; none where it can't be read.
pub fn vr_boxes(input: &InputInfo) -> Vec<boxes::VrBox> {
    let ours = input.format.split(',').any(|f| matches!(f, "mp4" | "matroska" | "webm"));
    // Without a buffer: every box is sought, which would empty it.
    let open = || boxes::read(&mut File::open(&input.path)?);
    if ours { open().unwrap_or_default() } else { Vec::new() }
}

/// A few key frames of a file.
struct KeyFrames<'a> {
    input: &'a InputInfo,
}

impl Examine for KeyFrames<'_> {
    fn circles(&mut self, layout: Layout) -> Option<CornerContent> {
        let rects = layout.views(self.input.video.width, self.input.video.height);
        let mut contents = Vec::new();
        self.each(|y, color, bits| {
            match y {
                Luma::U8(y) => contents.extend(views(y, &rects, color, bits)),
                Luma::U16(y) => contents.extend(views(y, &rects, color, bits)),
            }
            // One filled corner is enough to know.
            circle::verdict(contents.iter().copied()) == CornerContent::Filled
        })?;
        Some(circle::verdict(contents))
    }

    fn halves(&mut self, layout: Layout) -> Option<Comparison> {
        let mut found = Vec::new();
        self.each(|y, color, bits| {
            found.extend(match y {
                Luma::U8(y) => halves::compare(y, layout, to_full(color, bits)),
                Luma::U16(y) => halves::compare(y, layout, to_full(color, bits)),
            });
            false
        })?;
        let mean = Comparison::mean(&found);
        tracing::debug!("{}: halves of {layout}: {mean:?}", self.input.path.display());
        mean
    }
}

/// A luma plane.
enum Luma<'a> {
    U8(PlaneRef<'a, u8>),
    U16(PlaneRef<'a, u16>),
}

impl KeyFrames<'_> {
    /// Shows the luma of each frame, its color and its bits to `see`, until that has seen enough. `None`: no frame can
    /// be decoded.
    fn each(&self, mut see: impl FnMut(Luma<'_>, YuvColor, u32) -> bool) -> Option<()> {
        let color = self.input.video.color;
        let seen = vrseg_media::key_frames(self.input, FRAMES, |frame| {
            let bits = frame.layout().map_or(8, |l| l.bits);
            let enough = match frame.yuv() {
                Yuv::U8([y, ..]) => see(Luma::U8(y), color, bits),
                Yuv::U16([y, ..]) => see(Luma::U16(y), color, bits),
            };
            if enough { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if let Err(e) = &seen {
            tracing::debug!("{}: the picture can't be examined: {e}", self.input.path.display());
        }
        seen.ok()
    }
}

fn views<T: Sample>(plane: PlaneRef<'_, T>, rects: &[Rect], color: YuvColor, bits: u32) -> Vec<CornerContent> {
    rects.iter().map(|r| circle::corner_content(plane, *r, to_full(color, bits))).collect()
}

/// From a luma sample to full-range 8 bit.
fn to_full<T: Sample>(color: YuvColor, bits: u32) -> impl Fn(T) -> u8 {
    move |v: T| {
        let v = v.to_f32() / (1u32 << (bits - 8)) as f32;
        // Limited range has its black at 16 and its white at 235.
        let full = if color.full_range { v } else { (v - 16.0) * (255.0 / 219.0) };
        full.clamp(0.0, 255.0) as u8
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn found(name: &str, width: usize, height: usize, request: &FormatRequest) -> FormatFindings {
        let clues = Clues { path: Path::new(name), width, height, tags: ContainerTags::default(), boxes: &[] };
        detect(request, &clues, &mut |_| None)
    }

    #[test]
    fn guesses_name_the_option_and_what_is_stated_names_none() {
        let nothing = FormatRequest::default();
        let warning = guess(&found("clip.mp4", 5760, 2880, &nothing)).expect("a guess");
        assert!(warning.starts_with("layout and projection are guesses: "), "{warning}");
        assert!(warning.contains("--layout and --projection"), "{warning}");
        assert_eq!(guess(&found("clip_180_LR.mp4", 5760, 2880, &nothing)), None);
        let layout = FormatRequest { layout: Some(Layout::SideBySide), ..nothing };
        let warning = guess(&found("clip.mp4", 5760, 2880, &layout)).expect("a guess");
        assert!(warning.starts_with("the projection is a guess"), "{warning}");
        assert_eq!(guess(&found("film.mp4", 1920, 1080, &nothing)), None);
    }
}
