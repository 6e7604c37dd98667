//! Detects what a file is without decoding it.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::codec::{codec_name, find_decoder, profile_name};
use crate::ffi::convert::dynamic::DynamicRange;
use crate::ffi::input::{Input, format_of, is_cover, kind};
use crate::ffi::numbers::{self, PixelFormat};
use crate::ffi::parameters::Parameters;
use crate::ffi::pixel_format::format_name;
use crate::ffi::time;
use crate::ffi::views::LayerViews;
use crate::formats::color::{color_of, dynamic_range, matrix_of, siting_of};
use crate::formats::layout::working_layout;
use crate::formats::sequence::Sequence;
use crate::formats::sidedata;
use crate::read::info::{InputInfo, VideoInfo};
use crate::read::open::{MAX_PIXELS, open_context, open_decoder};
use crate::read::options::InputChoice;
use crate::read::tone::{sdr_color, sdr_layout};
use crate::read::upright::{frame_orientation, upright_layout};
use ffmpeg_next::{self as ffmpeg, ffi};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use vrseg_image::plane::Orientation;
use vrseg_image::vr::StereoTag;

/// Looks at a file. Picks the best video stream; cover pictures don't count.
///
/// # Errors
/// The file is missing, a directory, unreadable, empty, not media, without video, or its codec
/// can't be decoded here.
pub fn probe(path: &Path) -> Result<InputInfo> {
    Ok(open(path, &InputChoice::default())?.into_parts().1)
}

/// A source file that was opened to look at it and that a [`crate::Reader`] can continue with: finding out
/// what is in it takes some decoding, which at 8K is a third of a CPU second.
pub struct OpenInput {
    /// Nobody ever waits for it: the lock lets threads share what holds an open file.
    context: Mutex<Input>,
    info: InputInfo,
}

impl OpenInput {
    /// What probing detected.
    pub fn info(&self) -> &InputInfo {
        &self.info
    }

    pub(crate) fn into_parts(self) -> (Input, InputInfo) {
        (self.context.into_inner().unwrap_or_else(PoisonError::into_inner), self.info)
    }
}

impl std::fmt::Debug for OpenInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenInput").field("path", &self.info.path).finish_non_exhaustive()
    }
}

/// Looks at a file as [`probe`] does, and keeps it open.
///
/// # Errors
/// As [`probe`].
pub fn open(path: &Path, choice: &InputChoice) -> Result<OpenInput> {
    let context = open_context(path, choice)?;
    let info = describe(path, &context, choice)?;
    Ok(OpenInput { context: Mutex::new(context), info })
}

/// The stream that is worked on: like ffmpeg, the one with most pixels, the default one before
/// others of about its size.
fn pick_video(input: &Input, choice: &InputChoice) -> Option<usize> {
    let score = |s: &ffmpeg::Stream<'_>| {
        // SAFETY: reads fields of a stream of an open input.
        unsafe {
            let p = (*s.as_ptr()).codecpar;
            let bonus = if (*s.as_ptr()).disposition & ffi::AV_DISPOSITION_DEFAULT != 0 { 5_000_000 } else { 0 };
            i64::from((*p).width) * i64::from((*p).height) + bonus
        }
    };
    let mut all = input.streams().filter(|s| is_video(s) && !is_cover(s));
    if let Some(requested) = choice.stream {
        return all.nth(requested).map(|s| s.index());
    }
    all.filter(|s| {
        // SAFETY: as above.
        unsafe { (*(*s.as_ptr()).codecpar).width > 0 && (*(*s.as_ptr()).codecpar).height > 0 }
    })
    .max_by_key(|s| (score(s), std::cmp::Reverse(s.index())))
    .map(|s| s.index())
}

fn is_video(stream: &ffmpeg::Stream<'_>) -> bool {
    kind(stream) == ffi::AVMediaType::AVMEDIA_TYPE_VIDEO
}

/// All that the headers tell.
fn describe(path: &Path, input: &Input, choice: &InputChoice) -> Result<InputInfo> {
    use ffi::AVMediaType::*;
    let count = |requested: ffi::AVMediaType| input.streams().filter(|s| kind(s) == requested && !is_cover(s)).count();
    let covers = input.streams().filter(|s| is_video(s) && is_cover(s)).count();
    let videos = count(AVMEDIA_TYPE_VIDEO);
    if let Some(requested) = choice.stream.filter(|requested| *requested >= videos && videos > 0) {
        let what = format!("{}: there is no video stream {requested}; it has {videos}, counted from 0", path.display());
        return Err(MediaError::Invalid { what });
    }
    let Some(index) = pick_video(input, choice) else {
        let mut found = Vec::new();
        for (n, what) in [
            (count(AVMEDIA_TYPE_AUDIO), "audio"),
            (count(AVMEDIA_TYPE_SUBTITLE), "subtitle"),
            (count(AVMEDIA_TYPE_VIDEO), "unreadable video"),
            (covers, "cover picture"),
        ] {
            if n > 0 {
                found.push(format!("{n} {what} stream{}", if n == 1 { "" } else { "s" }));
            }
        }
        let found = if found.is_empty() { "no known stream at all".to_owned() } else { found.join(", ") };
        return Err(MediaError::NoVideo { path: path.to_path_buf(), found });
    };
    // SAFETY: reads fields of an open input.
    let (duration, start, bit_rate, chapters) = unsafe {
        let ic = input.as_ptr();
        ((*ic).duration, (*ic).start_time, (*ic).bit_rate, (*ic).nb_chapters as usize)
    };
    let micros = |t: i64| (t != ffi::AV_NOPTS_VALUE).then_some(t as f64 / 1e6);
    let duration = micros(duration).filter(|d| *d > 0.0);
    let Some(stream) = input.stream(index) else {
        return Err(MediaError::NoVideo { path: path.to_path_buf(), found: "no stream".to_owned() });
    };
    Ok(InputInfo {
        path: path.to_path_buf(),
        choice: *choice,
        format: format_of(input),
        duration,
        start_time: micros(start),
        size_bytes: size(path),
        bit_rate: u64::try_from(bit_rate).ok().filter(|b| *b > 0),
        video: video_info(path, &stream, duration, picture_orientation(path, input, index, choice), choice)?,
        video_streams: count(AVMEDIA_TYPE_VIDEO),
        audio_streams: count(AVMEDIA_TYPE_AUDIO),
        subtitle_streams: count(AVMEDIA_TYPE_SUBTITLE),
        attachment_streams: count(AVMEDIA_TYPE_ATTACHMENT),
        data_streams: count(AVMEDIA_TYPE_DATA),
        cover_pictures: covers,
        chapters,
    })
}

/// `turn` is how its first frame is turned, where that says more than the stream does.
fn video_info(
    path: &Path,
    stream: &ffmpeg::Stream<'_>,
    file_duration: Option<f64>,
    turn: Option<Orientation>,
    choice: &InputChoice,
) -> Result<VideoInfo> {
    // SAFETY: of a stream of an open input.
    let s = unsafe { stream.as_ptr() };
    // SAFETY: as above.
    let p = unsafe { (*s).codecpar };
    // SAFETY: reads fields of both.
    let (id, size, format) =
        unsafe { (numbers::read(&raw const (*p).codec_id), ((*p).width, (*p).height), PixelFormat::new((*p).format)) };
    let codec = codec_name(id);
    if find_decoder(id).is_none() {
        return Err(MediaError::NoDecoder { path: path.to_path_buf(), codec });
    }
    let side_data = sidedata::read(stream);
    let orientation = turn.unwrap_or_else(|| sidedata::orientation(&side_data));
    let (width, height) = orientation.size((size.0 as usize, size.1 as usize));
    let mut tags = sidedata::tags(&side_data);
    // Pictures that are stored turned would have to be turned one by one.
    let layers =
        LayerViews::find(&Parameters::of(stream), tags.right_first).filter(|_| orientation.is_upright() && width > 0);
    let width = if layers.is_some() { 2 * width } else { width };
    if layers.is_some() {
        (tags.stereo, tags.right_first) = (Some(StereoTag::SideBySide), false);
    }
    if width.saturating_mul(height) > MAX_PIXELS {
        return Err(MediaError::Unsupported {
            what: format!(
                "{}: its header has {width}x{height}; more than {MAX_PIXELS} pixels a frame are not decoded",
                path.display()
            ),
        });
    }
    let Some(layout) = working_layout(format).map(|layout| upright_layout(layout, orientation)) else {
        return Err(MediaError::Decode {
            path: path.to_path_buf(),
            reason: format!("its pixel format is {}", format_name(format)),
            log: Vec::new(),
        });
    };
    let rate = |r: ffi::AVRational| (r.num > 0 && r.den > 0).then(|| f64::from(r.num) / f64::from(r.den));
    // SAFETY: reads fields of a stream of an open input and of its parameters.
    unsafe {
        let fps = rate((*s).avg_frame_rate).or_else(|| rate((*s).r_frame_rate)).unwrap_or(0.0);
        let (length, time_base) = ((*s).duration, (*s).time_base);
        let stated = length != ffi::AV_NOPTS_VALUE && length > 0;
        let duration = stated.then(|| time::seconds(length, time_base)).or(file_duration);
        let estimate = duration.map(|d| (d * fps).round() as u64).filter(|n| *n > 0);
        let space = numbers::read(&raw const (*p).color_space);
        let stated = dynamic_range(numbers::read(&raw const (*p).color_trc));
        let mapped = choice.sdr && stated.is_high();
        let dynamic = if mapped { DynamicRange::Standard } else { stated };
        let layout = if mapped { sdr_layout(layout) } else { layout };
        let color = color_of(format, space, numbers::read(&raw const (*p).color_range), width, height);
        Ok(VideoInfo {
            index: stream.index(),
            codec,
            profile: profile_name(id, (*p).profile),
            width,
            height,
            pixel_format: format_name(format),
            layout,
            color: if mapped { sdr_color() } else { color },
            siting: siting_of(numbers::read(&raw const (*p).chroma_location)),
            matrix_known: matrix_of(space).is_some(),
            dynamic,
            mapped_from: mapped.then_some(stated),
            fps,
            frames: counted((*s).nb_frames, estimate),
            duration,
            time_base: (time_base.num, time_base.den),
            orientation,
            tags,
            layers,
            bit_rate: u64::try_from((*p).bit_rate).ok().filter(|b| *b > 0),
            interlaced: !numbers::read(&raw const (*p).field_order)
                .is_any(&[ffi::AVFieldOrder::AV_FIELD_UNKNOWN, ffi::AVFieldOrder::AV_FIELD_PROGRESSIVE]),
        })
    }
}

/// Bytes of a file, or of the first of a numbered sequence.
fn size(path: &Path) -> u64 {
    let first = Sequence::unless_file(path).and_then(|sequence| Some(sequence.file(sequence.first()?)));
    std::fs::metadata(first.as_deref().unwrap_or(path)).map_or(0, |meta| meta.len())
}

/// How a picture file (not a video) is turned: cameras say so in its EXIF data, which only decoding it shows.
fn picture_orientation(path: &Path, input: &Input, index: usize, choice: &InputChoice) -> Option<Orientation> {
    let format = format_of(input);
    if !(format.ends_with("_pipe") || format == "image2") {
        return None;
    }
    let mut again = open_context(path, choice).ok()?;
    let mut decoder = open_decoder(path, &again, index, 1, None, None).ok()?;
    let mut packet = ffmpeg::Packet::empty();
    packet.read(&mut again).ok()?;
    decoder.send_packet(&packet).ok()?;
    decoder.send_eof().ok()?;
    let mut frame = ffmpeg::frame::Video::empty();
    decoder.receive_frame(&mut frame).ok()?;
    frame_orientation(&frame)
}

/// Frames that will come out: the container's count, unless an edit list hides a good part of them.
fn counted(nb_frames: i64, estimate: Option<u64>) -> Option<u64> {
    let counted = u64::try_from(nb_frames).ok().filter(|n| *n > 0);
    match (counted, estimate) {
        (Some(n), Some(e)) if e.saturating_mul(10) < n.saturating_mul(9) => Some(e),
        _ => counted.or(estimate),
    }
}
