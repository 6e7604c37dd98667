//! `vrseg probe`.

use crate::cli::args::ProbeArgs;
use crate::cli::exit::Exit;
use crate::cli::job::format_view::FormatView;
use crate::cli::job::inputs;
use crate::ui::format::{bytes, duration};
use serde_json::json;
use std::fmt::Write as _;
use vrseg_engine::plan::recognize::{recognize, vr_boxes};
use vrseg_image::plane::Matrix;
use vrseg_image::vr::boxes::VrBox;
use vrseg_image::vr::{FormatFindings, FormatRequest, Layout, StereoTag};
use vrseg_media::InputInfo;

/// Shows what a file is.
///
/// # Errors
/// The file can't be read or has no video.
pub(crate) fn show(args: &ProbeArgs, print: impl Fn(&str) -> anyhow::Result<()>) -> anyhow::Result<Exit> {
    args.files.iter().try_for_each(|file| inputs::check_file(file))?;
    for (i, file) in args.files.iter().enumerate() {
        let input = vrseg_media::probe(file)?;
        let found = recognize(&input, &FormatRequest::default());
        let boxes = vr_boxes(&input);
        if args.json {
            print(&(serde_json::to_string_pretty(&to_json(&input, &found, &boxes))? + "\n"))?;
        } else {
            let between = if i > 0 { "\n" } else { "" };
            print(&format!("{between}{}", to_text(&input, &found, &boxes)))?;
        }
    }
    Ok(Exit::Done)
}

fn to_text(input: &InputInfo, found: &FormatFindings, boxes: &[VrBox]) -> String {
    let mut text = String::new();
    let mut line = |label: &str, value: String| {
        let _ = writeln!(text, "{label:10}  {value}");
    };
    line("file", input.path.display().to_string());
    line("container", container(input));
    line("video", video(input));
    line("color", color(input));
    if !input.video.orientation.is_upright() {
        let (degrees, mirrored) = input.video.orientation.rotation();
        let mirrored = if mirrored { "mirrored left to right, then " } else { "" };
        line("rotation", format!("stored {mirrored}rotated, shown {degrees} degrees clockwise; sizes are as shown"));
    }
    line("streams", streams(input));
    let tags = input.video.tags;
    if let Some(stereo) = tags.stereo {
        line("stereo", format!("{}{}", stereo_text(stereo), if tags.right_first { ", right eye first" } else { "" }));
    }
    if let Some(spherical) = tags.spherical {
        line("spherical", spherical.to_string());
    }
    for (i, b) in boxes.iter().enumerate() {
        let label = if i == 0 { "boxes" } else { "" };
        line(label, format!("{} in track {} at byte {}: {}", b.content.name(), b.track, b.offset, b.content));
    }
    let mut fact = |label: &str, value: String, confidence: &str, evidence: String| {
        let _ = writeln!(text, "{label:10}  {value:28}  {confidence:7}  {evidence}");
    };
    macro_rules! fact {
        ($label:literal, $finding:expr, $value:expr) => {
            fact($label, $value, $finding.confidence.name(), $finding.evidence.to_string())
        };
    }
    fact!("layout", found.layout, found.layout.value.to_string());
    if found.layout.value != Layout::Mono {
        fact!("eyes", found.eye_order, found.eye_order.value.to_string());
        fact!("packing", found.packing, found.packing.value.to_string());
    }
    match &found.unsupported {
        Some(u) => fact!("projection", u, u.value.to_string()),
        None => fact!("projection", found.projection, found.projection.value.to_string()),
    }
    if found.alpha_packed.value {
        fact!("alpha", found.alpha_packed, "packed into the corners".to_owned());
    }
    for warning in &found.warnings {
        let _ = writeln!(text, "{:10}  {warning}", "warning");
    }
    if let Some(refusal) = found.refusal() {
        let _ = writeln!(text, "{:10}  {refusal}", "refused");
    }
    text
}

fn container(input: &InputInfo) -> String {
    let mut parts = vec![input.format.clone(), bytes(input.size_bytes)];
    // A clip's length to the hundredth, a film's to the second.
    parts.extend(input.duration.map(|d| if d < 60.0 { format!("{d:.2} s") } else { duration(d) }));
    parts.extend(input.bit_rate.map(rate));
    parts.join(", ")
}

fn rate(bits: u64) -> String {
    format!("{:.1} Mb/s", bits as f64 / 1e6)
}

fn video(input: &InputInfo) -> String {
    let v = &input.video;
    let profile = v.profile.as_ref().map(|p| format!(" ({p})")).unwrap_or_default();
    let mut parts = vec![format!("{}{profile} {}x{} {}", v.codec, v.width, v.height, v.pixel_format)];
    parts.push(if v.fps > 0.0 { format!("{:.3} fps", v.fps) } else { "unknown frame rate".to_owned() });
    parts.extend(v.frames.map(|n| format!("{n} frames")));
    parts.extend(v.bit_rate.map(rate));
    if v.interlaced {
        parts.push("interlaced".to_owned());
    }
    parts.join(", ")
}

fn matrix(input: &InputInfo) -> &'static str {
    match input.video.color.matrix {
        Matrix::Bt601 => "BT.601",
        Matrix::Bt709 => "BT.709",
        Matrix::Bt2020 => "BT.2020",
    }
}

fn color(input: &InputInfo) -> String {
    let v = &input.video;
    let known = if v.matrix_known { "" } else { " (unstated: from the size)" };
    let range = if v.color.full_range { "full" } else { "limited" };
    format!("{}{known}, {range} range{}", matrix(input), if v.dynamic.is_high() { ", HDR" } else { "" })
}

fn counts(input: &InputInfo) -> [(usize, &'static str); 7] {
    [
        (input.video_streams, "video"),
        (input.audio_streams, "audio"),
        (input.subtitle_streams, "subtitle"),
        (input.attachment_streams, "attachment"),
        (input.data_streams, "data"),
        (input.cover_pictures, "cover picture"),
        (input.chapters, "chapter"),
    ]
}

fn streams(input: &InputInfo) -> String {
    let some = counts(input).into_iter().filter(|(n, _)| *n > 0);
    // "2 audio", but "2 chapters": those are things, not kinds of streams.
    let plural =
        |n: usize, what: &str| if n > 1 && (what == "chapter" || what.ends_with("picture")) { "s" } else { "" };
    some.map(|(n, what)| format!("{n} {what}{}", plural(n, what))).collect::<Vec<_>>().join(", ")
}

fn stereo_text(tag: StereoTag) -> &'static str {
    match tag {
        StereoTag::Mono => "mono",
        StereoTag::SideBySide => "side by side",
        StereoTag::TopBottom => "top-bottom",
        StereoTag::Other => "an unsupported packing",
    }
}

fn to_json(input: &InputInfo, found: &FormatFindings, boxes: &[VrBox]) -> serde_json::Value {
    let v = &input.video;
    let boxes: Vec<_> = boxes
        .iter()
        .map(|b| json!({"name": b.content.name(), "track": b.track, "offset": b.offset, "says": b.content.to_string()}))
        .collect();
    let streams: serde_json::Map<_, _> =
        counts(input).into_iter().map(|(n, what)| (what.replace(' ', "_"), json!(n))).collect();
    json!({
        "file": input.path.to_string_lossy(),
        "container": input.format,
        "size_bytes": input.size_bytes,
        "duration": input.duration,
        "bit_rate": input.bit_rate,
        "video": {
            "codec": v.codec,
            "profile": v.profile,
            "width": v.width,
            "height": v.height,
            "pixel_format": v.pixel_format,
            "fps": v.fps,
            "frames": v.frames,
            "bit_rate": v.bit_rate,
            "rotation": v.orientation.rotation().0,
            "mirrored": v.orientation.rotation().1,
            "interlaced": v.interlaced,
            "matrix": matrix(input),
            "matrix_stated": v.matrix_known,
            "full_range": v.color.full_range,
            "hdr": v.dynamic.is_high(),
        },
        "streams": streams,
        "stereo": v.tags.stereo.map(stereo_text),
        "right_eye_first": v.tags.right_first,
        "spherical": v.tags.spherical.map(|s| s.to_string()),
        "boxes": boxes,
        "format": FormatView::of(found),
    })
}
