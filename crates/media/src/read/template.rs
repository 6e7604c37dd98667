//! Everything of the source that an output may take over besides pictures and packets.
#![allow(unsafe_code)]

use crate::ffi::dictionary::{self, Tags};
use crate::ffi::frame::VideoFrame;
use crate::ffi::input::{Input, file_start, has_arbitrary_clock};
use crate::ffi::numbers::{self, Number};
use crate::ffi::parameters::Parameters;
use crate::ffi::time::timecode;
use crate::ffi::time::{self, MICROSECONDS};
use crate::formats::color::dynamic_range;
use crate::formats::hdr::Hdr;
use crate::formats::sidedata::{self, StreamSideData};
use crate::formats::spatial_audio::{self, TrackBoxes};
use crate::read::info::InputInfo;
use ffmpeg_next::ffi::AVPacketSideDataType;
use ffmpeg_next::{self as ffmpeg, ffi};
use vrseg_image::plane::YuvColor;
use vrseg_image::vr::ContainerTags;

/// What an output copies from its source: codec parameters and tags of all streams, chapters,
/// color and HDR metadata of the video. Detached from the source's file.
pub struct SourceTemplate {
    pub(crate) info: InputInfo,
    /// The source's demuxer may start at any time stamp (MPEG-TS).
    pub(crate) arbitrary_start: bool,
    /// Time stamp of the source's start in microseconds, after the reader's shift.
    pub(crate) start: i64,
    /// The number of the first picture that is read, where the source is a numbered sequence; else 1.
    pub(crate) first_number: u64,
    pub(crate) tags: Tags,
    pub(crate) chapters: Vec<ChapterTemplate>,
    pub(crate) streams: Vec<StreamTemplate>,
    pub(crate) video: VideoTemplate,
}

/// A chapter, already moved into the range that is read.
pub(crate) struct ChapterTemplate {
    pub id: i64,
    pub time_base: ffi::AVRational,
    pub start: i64,
    pub end: i64,
    pub tags: Tags,
}

pub(crate) struct StreamTemplate {
    pub params: Parameters,
    pub time_base: ffi::AVRational,
    pub frame_rate: ffi::AVRational,
    pub real_frame_rate: ffi::AVRational,
    pub aspect: ffi::AVRational,
    pub disposition: i32,
    pub tags: Tags,
    pub side_data: Vec<StreamSideData>,
    /// Boxes that say where ambisonic sound comes from.
    pub spatial: Option<Vec<u8>>,
    /// The bytes of a cover picture.
    pub picture: Option<Vec<u8>>,
}

/// What the encoder must know of the pictures.
pub(crate) struct VideoTemplate {
    pub index: usize,
    pub time_base: ffi::AVRational,
    /// Average frames per second.
    pub frame_rate: ffi::AVRational,
    /// FFmpeg's guess of the rate at which all time stamps can be expressed.
    pub real_frame_rate: ffi::AVRational,
    pub aspect: ffi::AVRational,
    pub field_order: Number<ffi::AVFieldOrder>,
    pub primaries: Number<ffi::AVColorPrimaries>,
    pub transfer: Number<ffi::AVColorTransferCharacteristic>,
    pub space: Number<ffi::AVColorSpace>,
    pub range: Number<ffi::AVColorRange>,
    pub chroma_location: Number<ffi::AVChromaLocation>,
    pub hdr: Hdr,
}

impl SourceTemplate {
    /// What is known about the source.
    pub fn info(&self) -> &InputInfo {
        &self.info
    }

    /// Collects it. `range` is the part that is read, in microseconds of the file's clock; a start
    /// is subtracted from the chapters.
    pub(crate) fn collect(input: &Input, info: InputInfo, range: (Option<i64>, Option<i64>)) -> Self {
        let mut streams: Vec<StreamTemplate> = input.streams().map(|s| stream_template(&s)).collect();
        if info.audio_streams > 0 && info.format.split(',').any(|f| f == "mp4") {
            for TrackBoxes { track, boxes } in spatial_audio::read(&info.path) {
                let stream = input.streams().position(|s| s.id() == track as i32);
                if let Some(stream) = stream.and_then(|i| streams.get_mut(i)) {
                    stream.spatial = Some(boxes);
                }
            }
        }
        if info.video.mapped_from.is_some() {
            streams[info.video.index].side_data.retain(|data| !sidedata::is_hdr(data.kind));
        }
        if info.video.layers.is_some() {
            // What the container says of two layers isn't so any more.
            let side_data = &mut streams[info.video.index].side_data;
            side_data.retain(|data| data.kind != AVPacketSideDataType::AV_PKT_DATA_STEREO3D);
            side_data.extend(sidedata::side_data(&ContainerTags { spherical: None, ..info.video.tags }));
        }
        let video = video_template(&info, &streams[info.video.index]);
        let arbitrary_start = has_arbitrary_clock(input);
        // SAFETY: an open input's metadata is a valid dictionary or null.
        let mut tags = unsafe { dictionary::read_dict((*input.as_ptr()).metadata) };
        let numbered = info.sequence().and_then(|sequence| sequence.first());
        let mut first_number = numbered.unwrap_or(1);
        if let Some(start) = range.0 {
            // The frame that the range begins with has a later time code than the file's first.
            let seconds = (start - file_start(input)) as f64 / 1e6;
            let rate = video.frame_rate;
            let frames = (seconds * f64::from(rate.num) / f64::from(rate.den.max(1)) - 1e-3).ceil() as i64;
            if numbered.is_some() {
                first_number += frames.max(0) as u64;
            }
            let of_streams = streams.iter_mut().map(|stream| &mut stream.tags);
            of_streams.chain([&mut tags]).for_each(|tags| move_timecode(tags, rate, frames));
        }
        let start = if range.0.is_some() { 0 } else { file_start(input) };
        let chapters = chapters(input, range);
        Self { info, arbitrary_start, start, first_number, tags, chapters, streams, video }
    }

    /// Takes over what the first decoded frame (in its working format, of that color) tells. As in
    /// ffmpeg the bitstream's word goes before the container's.
    pub(crate) fn learn_from(&mut self, first: &VideoFrame, color: YuvColor) {
        let video = &mut self.video;
        // "Unspecified" is no word.
        macro_rules! learn {
            ($field:ident, $frame:ident, $none:path) => {
                // SAFETY: reads a field of a valid frame.
                let value = unsafe { numbers::read(&raw const (*first.av().as_ptr()).$frame) };
                if value != $none {
                    video.$field = value;
                }
            };
        }
        learn!(primaries, color_primaries, ffi::AVColorPrimaries::AVCOL_PRI_UNSPECIFIED);
        learn!(transfer, color_trc, ffi::AVColorTransferCharacteristic::AVCOL_TRC_UNSPECIFIED);
        learn!(space, colorspace, ffi::AVColorSpace::AVCOL_SPC_UNSPECIFIED);
        learn!(range, color_range, ffi::AVColorRange::AVCOL_RANGE_UNSPECIFIED);
        learn!(chroma_location, chroma_location, ffi::AVChromaLocation::AVCHROMA_LOC_UNSPECIFIED);
        if video.aspect.num == 0 {
            // SAFETY: reads a field of a valid frame.
            video.aspect = unsafe { (*first.av().as_ptr()).sample_aspect_ratio };
        }
        video.hdr = Hdr::of(&self.streams[video.index].side_data, first.av());
        let info = &mut self.info.video;
        (info.width, info.height, info.color) = (first.width(), first.height(), color);
        info.layout = first.layout().unwrap_or(info.layout);
        info.dynamic = dynamic_range(video.transfer);
        if let Some(stereo) = first.av().side_data(ffmpeg::frame::side_data::Type::Stereo3D) {
            info.tags = info.tags.or(sidedata::stereo_tags(stereo.data()));
        }
    }
}

/// Moves the time code that tags state to `frames` later.
fn move_timecode(tags: &mut Tags, rate: ffi::AVRational, frames: i64) {
    for (_, value) in tags.iter_mut().filter(|(name, _)| name.as_bytes().eq_ignore_ascii_case(b"timecode")) {
        if let Some(later) = timecode::after(value, rate, frames) {
            *value = later;
        }
    }
}

fn stream_template(stream: &ffmpeg::Stream<'_>) -> StreamTemplate {
    // SAFETY: reads fields of a stream of an open input.
    unsafe {
        let s = stream.as_ptr();
        let of_stream = (*s).sample_aspect_ratio;
        let cover = (*s).disposition & ffi::AV_DISPOSITION_ATTACHED_PIC != 0 && (*s).attached_pic.size > 0;
        StreamTemplate {
            params: Parameters::of(stream),
            time_base: (*s).time_base,
            frame_rate: (*s).avg_frame_rate,
            real_frame_rate: (*s).r_frame_rate,
            aspect: if of_stream.num != 0 { of_stream } else { (*(*s).codecpar).sample_aspect_ratio },
            disposition: (*s).disposition,
            tags: dictionary::read_dict((*s).metadata),
            side_data: sidedata::read(stream),
            spatial: None,
            picture: cover
                .then(|| std::slice::from_raw_parts((*s).attached_pic.data, (*s).attached_pic.size as usize).to_vec()),
        }
    }
}

fn video_template(info: &InputInfo, stream: &StreamTemplate) -> VideoTemplate {
    let aspect = stream.aspect;
    let (num, den) = info.video.orientation.size((aspect.num, aspect.den));
    let p = stream.params.as_ptr();
    // SAFETY: reads fields of valid codec parameters.
    unsafe {
        VideoTemplate {
            index: info.video.index,
            time_base: stream.time_base,
            frame_rate: if stream.frame_rate.num > 0 { stream.frame_rate } else { stream.real_frame_rate },
            real_frame_rate: stream.real_frame_rate,
            aspect: if aspect.num == 0 { aspect } else { ffi::AVRational { num, den } },
            field_order: numbers::read(&raw const (*p).field_order),
            primaries: numbers::read(&raw const (*p).color_primaries),
            transfer: numbers::read(&raw const (*p).color_trc),
            space: numbers::read(&raw const (*p).color_space),
            range: numbers::read(&raw const (*p).color_range),
            chroma_location: numbers::read(&raw const (*p).chroma_location),
            hdr: Hdr::default(),
        }
    }
}

fn chapters(input: &Input, range: (Option<i64>, Option<i64>)) -> Vec<ChapterTemplate> {
    // SAFETY: the chapter array of an open input has `nb_chapters` valid pointers.
    let all = unsafe {
        let ic = input.as_ptr();
        (0..(*ic).nb_chapters as usize).map(|i| &**(*ic).chapters.add(i)).collect::<Vec<_>>()
    };
    let from = |c: &ffi::AVChapter| range.0.map(|t| time::rescale(t, MICROSECONDS, c.time_base));
    let to = |c: &ffi::AVChapter| range.1.map(|t| time::rescale(t, MICROSECONDS, c.time_base));
    all.into_iter()
        .filter(|c| from(c).is_none_or(|t| c.end > t) && to(c).is_none_or(|t| c.start < t))
        .map(|c| {
            let shift = from(c).unwrap_or(0);
            ChapterTemplate {
                id: c.id,
                time_base: c.time_base,
                start: from(c).map_or(c.start, |t| c.start.max(t)) - shift,
                end: to(c).map_or(c.end, |t| c.end.min(t)) - shift,
                // SAFETY: a chapter's metadata is a valid dictionary or null.
                tags: unsafe { dictionary::read_dict(c.metadata) },
            }
        })
        .collect()
}
