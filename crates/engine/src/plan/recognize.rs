//! A file's format from all sources: FFmpeg's reading of the container and our own, the name, the
//! picture, the shape.

use std::fs::File;
use std::ops::ControlFlow;
use vrseg_image::plane::{PlaneRef, Rect, Sample, Yuv, YuvColor};
use vrseg_image::vr::circle::{self, CornerContent};
use vrseg_image::vr::{Clues, FormatFindings, FormatRequest, Layout, boxes, detect};
use vrseg_media::InputInfo;

/// Key frames that are looked at.
const FRAMES: u32 = 3;

/// Finds out a file's format. Decodes a few key frames where that decides something.
pub fn recognize(input: &InputInfo, request: &FormatRequest) -> FormatFindings {
    let clues = clues(input);
    detect(request, &clues, &mut |layout| look(input, layout))
}

/// The same without looking at the picture.
pub fn recognize_blind(input: &InputInfo, request: &FormatRequest) -> FormatFindings {
    detect(request, &clues(input), &mut |_| None)
}

fn clues(input: &InputInfo) -> Clues<'_> {
    let video = &input.video;
    // FFmpeg keeps to itself that there is a mesh, and that the right eye comes first in mp4.
    let tags = video.tags.or(boxes::tags(&vr_boxes(input)));
    Clues { path: &input.path, width: video.width, height: video.height, tags }
}

/// The VR boxes of an mp4, mov, Matroska or WebM file; none where it can't be read.
pub fn vr_boxes(input: &InputInfo) -> Vec<boxes::VrBox> {
    let ours = input.format.split(',').any(|f| matches!(f, "mp4" | "matroska" | "webm"));
    // Without a buffer: every box is sought, which would empty it.
    let open = || boxes::read(&mut File::open(&input.path)?);
    if ours { open().unwrap_or_default() } else { Vec::new() }
}

/// Whether every view shows a fisheye's circle, by a few key frames.
fn look(input: &InputInfo, layout: Layout) -> Option<CornerContent> {
    let rects = layout.views(input.video.width, input.video.height);
    let color = input.video.color;
    let mut looks = Vec::new();
    let seen = vrseg_media::key_frames(input, FRAMES, |frame| {
        let bits = frame.layout().map_or(8, |l| l.bits);
        match frame.yuv() {
            Yuv::U8([y, ..]) => looks.extend(views(y, &rects, color, bits)),
            Yuv::U16([y, ..]) => looks.extend(views(y, &rects, color, bits)),
        }
        // One filled corner is enough to know.
        if circle::verdict(looks.iter().copied()) == CornerContent::Filled {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    });
    if let Err(e) = seen {
        tracing::debug!("{}: no look at the picture: {e}", input.path.display());
        return None;
    }
    Some(circle::verdict(looks))
}

fn views<T: Sample>(plane: PlaneRef<'_, T>, rects: &[Rect], color: YuvColor, bits: u32) -> Vec<CornerContent> {
    let scale = |v: T| {
        let v = v.to_f32() / (1u32 << (bits - 8)) as f32;
        // Limited range has its black at 16 and its white at 235.
        let full = if color.full_range { v } else { (v - 16.0) * (255.0 / 219.0) };
        full.clamp(0.0, 255.0) as u8
    };
    rects.iter().map(|r| circle::look(plane, *r, scale)).collect()
}
