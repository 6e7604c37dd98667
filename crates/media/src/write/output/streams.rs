//! An output's streams: the encoded video, and what is copied of the source's.
#![allow(unsafe_code)]

use super::header::is_stale;
use super::{CopiedStream, Output, Streams};
use crate::error::{MediaError, Result};
use crate::ffi::codec::media_kind_name;
use crate::ffi::dictionary::write_dict;
use crate::ffi::log;
use crate::ffi::numbers;
use crate::ffi::parameters::Parameters;
use crate::ffi::time;
use crate::formats::container::Container;
use crate::formats::mp4_boxes::{Insertion, Place};
use crate::formats::sidedata;
use crate::read::template::{SourceTemplate, StreamTemplate, VideoTemplate};
use crate::write::options::{CopyPolicy, EncodeOptions, Purpose, VrTags, WriterOptions};
use crate::write::transcode::Transcoder;
use crate::write::vr_tags;
use ffmpeg_next::{self as ffmpeg, ffi};
use std::ffi::CString;
use std::ptr;

/// What becomes of a stream that isn't the video.
enum StreamHandling {
    Copy,
    Convert(Transcoder),
    Cover,
    /// Removed without a word: the muxer makes it again, or nobody needs it.
    Skip,
    /// Removed, and why.
    Drop(String),
}

/// A stream in words: number, kind and codec.
fn named(i: usize, stream: &StreamTemplate) -> String {
    let kind = match stream.disposition & ffi::AV_DISPOSITION_ATTACHED_PIC {
        0 => media_kind_name(stream.params.kind()),
        _ => "cover picture".to_owned(),
    };
    format!("stream {i} ({kind}, {})", stream.params.codec_name())
}

/// Frames a second at which no two frames fall on one, where a container only counts them: FFmpeg's guess of the rate
/// at which all time stamps can be expressed, unless that is a mere guess.
fn frames_a_second(video: &VideoTemplate) -> Option<ffi::AVRational> {
    let value = |r: ffi::AVRational| if r.den > 0 { f64::from(r.num) / f64::from(r.den) } else { 0.0 };
    let (average, real) = (value(video.frame_rate), value(video.real_frame_rate));
    let plausible = real >= 0.99 * average && real <= (4.0 * average).min(240.0);
    let rate = if plausible { video.real_frame_rate } else { video.frame_rate };
    (value(rate) > 0.0).then_some(rate)
}

impl Output {
    /// Adds the video, encoded as `encoder` says, and, in the source's order, all streams that can be copied.
    pub(crate) fn add_streams(
        &mut self,
        options: &WriterOptions<'_>,
        template: &SourceTemplate,
        encoder: &Parameters,
    ) -> Result<Streams> {
        let copied = template.streams.iter().map(|_| None).collect();
        let mut streams = Streams { copied, video: 0, lost: Vec::new() };
        for (i, stream) in template.streams.iter().enumerate() {
            if i == template.video.index {
                streams.video = self.add_video(options, template, encoder)?;
            } else if options.copy_streams {
                match self.handling(stream, template, options.encode) {
                    StreamHandling::Copy => streams.copied[i] = Some(self.add_copy(stream)?),
                    StreamHandling::Convert(transcoder) => {
                        let (to, name) = (transcoder.codec_name(), self.container.name());
                        let why = match self.container.few_players_read(stream.params.codec()) {
                            true => format!("few players take it in {name}"),
                            false => format!("{name} can't hold it"),
                        };
                        let lost = format!("{}: converted to {to}, since {why}", named(i, stream));
                        streams.lost.push(lost);
                        streams.copied[i] = Some(self.add_converted(stream, transcoder)?);
                    }
                    StreamHandling::Cover => self.add_cover(stream)?,
                    StreamHandling::Skip => {}
                    StreamHandling::Drop(why) => streams.lost.push(format!("{}: {why}", named(i, stream))),
                }
                self.copy_spatial_tags(i, stream, &mut streams);
            }
        }
        Ok(streams)
    }

    /// Copies what the source says of where the sound of a stream comes from.
    fn copy_spatial_tags(&mut self, i: usize, stream: &StreamTemplate, streams: &mut Streams) {
        let (Some(boxes), Some(copied)) = (&stream.spatial, &streams.copied[i]) else { return };
        if self.container.is_mov() {
            // FFmpeg's muxer counts tracks from 1.
            let track = copied.index as u32 + 1;
            self.boxes.push(Insertion { track, place: Place::Description, boxes: boxes.clone() });
        } else {
            let name = self.container.name();
            let what = "the ambisonic tag (SA3D) is lost, which only mp4 and mov can hold";
            streams.lost.push(format!("{}: {what}, not {name}", named(i, stream)));
        }
    }

    /// What becomes of a stream that isn't the video.
    fn handling(&self, stream: &StreamTemplate, template: &SourceTemplate, options: &EncodeOptions) -> StreamHandling {
        use ffi::AVMediaType::*;
        let codec = stream.params.codec();
        let cannot = || StreamHandling::Drop(format!("{} cannot hold it", self.container.name()));
        let tag = stream.params.tag();
        let kind = stream.params.kind();
        if kind == AVMEDIA_TYPE_VIDEO && stream.disposition & ffi::AV_DISPOSITION_ATTACHED_PIC != 0 {
            return match (&self.container, &stream.picture) {
                // FFmpeg takes one for mov, too, and leaves it out without a word.
                (Container::Mp4 | Container::Matroska, Some(_)) => StreamHandling::Cover,
                _ => cannot(),
            };
        }
        if kind == AVMEDIA_TYPE_VIDEO {
            return StreamHandling::Drop("only one video stream is processed".to_owned());
        }
        if kind.is_any(&[AVMEDIA_TYPE_AUDIO, AVMEDIA_TYPE_SUBTITLE]) {
            let policy = if kind == AVMEDIA_TYPE_AUDIO { options.audio } else { options.subtitles };
            if policy == CopyPolicy::Without {
                return StreamHandling::Skip;
            }
            let for_few = policy == CopyPolicy::Auto && self.container.few_players_read(codec);
            let why = match self.container.supports(codec).then(|| self.try_header(&stream.params, stream.time_base)) {
                Some(Ok(())) if for_few => String::new(),
                Some(Ok(())) => return StreamHandling::Copy,
                Some(Err(why)) => format!("{} cannot hold it: {why}", self.container.name()),
                None => format!("{} cannot hold it", self.container.name()),
            };
            return match Transcoder::new(stream, &self.container).filter(|_| policy == CopyPolicy::Auto) {
                Some(Ok(transcoder)) => {
                    let tried = transcoder.parameters().map(|p| self.try_header(&p, transcoder.time_base()));
                    match tried {
                        Ok(Ok(())) => StreamHandling::Convert(transcoder),
                        _ if why.is_empty() => StreamHandling::Copy,
                        _ => StreamHandling::Drop(why),
                    }
                }
                _ if why.is_empty() => StreamHandling::Copy,
                Some(Err(e)) => StreamHandling::Drop(format!("{why}; converting it fails: {e}")),
                None => StreamHandling::Drop(why),
            };
        }
        if kind == AVMEDIA_TYPE_ATTACHMENT && self.container == Container::Matroska {
            return StreamHandling::Copy;
        }
        if kind == AVMEDIA_TYPE_DATA {
            // Chapter and time-code tracks are made again by the muxer from chapters and tags.
            if tag == *b"text" && !template.chapters.is_empty() || tag == *b"tmcd" {
                return StreamHandling::Skip;
            }
            if codec != ffi::AVCodecID::AV_CODEC_ID_NONE && self.container.surely_supports(codec) {
                return StreamHandling::Copy;
            }
        }
        cannot()
    }

    /// Whether the muxer takes a stream, tried in memory: better to leave one out than to fail at
    /// the header of the whole file.
    fn try_header(&self, source: &Parameters, time_base: ffi::AVRational) -> std::result::Result<(), String> {
        let muxer = self.container.muxer();
        let mut oc: *mut ffi::AVFormatContext = ptr::null_mut();
        // SAFETY: a context of our own with one stream, writing to a growing buffer; both are freed.
        unsafe {
            if ffi::avformat_alloc_output_context2(&raw mut oc, muxer, ptr::null(), ptr::null()) < 0 {
                return Err("out of memory".to_owned());
            }
            let stream = ffi::avformat_new_stream(oc, ptr::null());
            let (mut code, mut lines) = (ffi::AVERROR(libc::ENOMEM), Vec::new());
            if !stream.is_null() && ffi::avio_open_dyn_buf(&raw mut (*oc).pb) >= 0 {
                ffi::avcodec_parameters_copy((*stream).codecpar, source.as_ptr());
                (*(*stream).codecpar).codec_tag = 0;
                (*stream).time_base = time_base;
                (*oc).strict_std_compliance = self.compliance();
                (code, lines) = log::capture(|| ffi::avformat_write_header(oc, ptr::null_mut()));
                let mut buffer = ptr::null_mut();
                ffi::avio_close_dyn_buf((*oc).pb, &raw mut buffer);
                ffi::av_free(buffer.cast());
                (*oc).pb = ptr::null_mut();
            }
            ffi::avformat_free_context(oc);
            match code {
                0.. => Ok(()),
                _ => Err(lines.pop().unwrap_or_else(|| ffmpeg::Error::from(code).to_string())),
            }
        }
    }

    /// How strictly the muxer follows its standard. Above "unofficial" mp4 loses the stereo and
    /// spherical boxes silently; "experimental" lets TrueHD and the like into mp4 as well.
    pub(super) fn compliance(&self) -> i32 {
        if self.container.is_mov() { ffi::FF_COMPLIANCE_EXPERIMENTAL } else { ffi::FF_COMPLIANCE_NORMAL }
    }

    fn new_stream(&mut self) -> Result<(*mut ffi::AVStream, usize)> {
        // SAFETY: an open output whose header isn't written; null is checked for.
        unsafe {
            let stream = ffi::avformat_new_stream(self.context, ptr::null());
            if stream.is_null() {
                return Err(MediaError::NoMemory { what: "an output stream".to_owned() });
            }
            Ok((stream, (*stream).index as usize))
        }
    }

    fn add_video(
        &mut self,
        options: &WriterOptions<'_>,
        template: &SourceTemplate,
        encoder: &Parameters,
    ) -> Result<usize> {
        let (stream, index) = self.new_stream()?;
        let source = &template.streams[template.video.index];
        let video = &template.video;
        let rate = frames_a_second(video);
        // What AVI omits its muxer fills up; MXF's can't.
        let even = rate.is_some_and(|rate| time::seconds(1, rate) < 1.01 * time::seconds(1, video.frame_rate));
        if !even && self.container.name() == "mxf" {
            let (path, container) = (self.file.path().to_path_buf(), self.container.name().to_owned());
            return Err(MediaError::NoTimeStamps { path, container });
        }
        // SAFETY: a new stream of ours; FFmpeg copies the parameters.
        let code = unsafe {
            let code = ffi::avcodec_parameters_copy((*stream).codecpar, encoder.as_ptr());
            numbers::write(&raw mut (*(*stream).codecpar).chroma_location, video.chroma_location);
            // The muxer takes its clock from here: mov and mp4 keep these ticks (or an exact multiple).
            (*stream).time_base = video.time_base;
            if let Some(rate) = rate.filter(|_| self.container.counts_frames()) {
                (*stream).time_base = ffi::AVRational { num: rate.den, den: rate.num };
            }
            (*stream).avg_frame_rate = source.frame_rate;
            (*stream).r_frame_rate = source.real_frame_rate;
            (*stream).sample_aspect_ratio = options.aspect(video);
            (*stream).disposition = source.disposition;
            let made = match options.tags {
                VrTags::Source => None,
                VrTags::Custom(tags) => Some(sidedata::side_data(&tags)),
            };
            // Matroska's muxer goes by the tag before it goes by the side data.
            let retagged = |k: &CString| made.is_some() && k.as_bytes().eq_ignore_ascii_case(b"stereo_mode");
            let tags = source.tags.iter().filter(|(k, _)| !is_stale(k, true) && !retagged(k));
            write_dict(&raw mut (*stream).metadata, tags);
            if options.purpose == Purpose::Alpha && encoder.codec() == ffi::AVCodecID::AV_CODEC_ID_VP9 {
                // What makes a player see that the blocks' additions are the alpha plane.
                ffi::av_dict_set(&raw mut (*stream).metadata, c"alpha_mode".as_ptr(), c"1".as_ptr(), 0);
            }
            let kept = source
                .side_data
                .iter()
                .filter(|d| sidedata::survives_encoding(d.kind) && !(made.is_some() && sidedata::is_vr(d.kind)));
            for data in kept.chain(&video.hdr.raw).chain(made.iter().flatten()) {
                let data = vr_tags::fitted(data, &self.container);
                if let Some(pack) = vr_tags::packing_box(&data, &self.container) {
                    let track = index as u32 + 1;
                    self.boxes.push(Insertion { track, place: Place::InVideoBox(*b"vexu"), boxes: pack });
                }
                sidedata::write(stream, &data);
            }
            code
        };
        self.check(code, Vec::new())?;
        Ok(index)
    }

    fn add_copy(&mut self, source: &StreamTemplate) -> Result<CopiedStream> {
        let (stream, index) = self.new_stream()?;
        // SAFETY: a new stream of ours.
        let code = unsafe {
            let code = ffi::avcodec_parameters_copy((*stream).codecpar, source.params.as_ptr());
            // Each container has its own tags for codecs.
            (*(*stream).codecpar).codec_tag = 0;
            (*stream).time_base = source.time_base;
            (*stream).avg_frame_rate = source.frame_rate;
            (*stream).disposition = source.disposition;
            write_dict(&raw mut (*stream).metadata, source.tags.iter().filter(|(k, _)| !is_stale(k, false)));
            for data in &source.side_data {
                sidedata::write(stream, data);
            }
            code
        };
        self.check(code, Vec::new())?;
        Ok(CopiedStream { index, time_base: source.time_base, last_dts: None, transcoder: None })
    }

    fn add_converted(&mut self, source: &StreamTemplate, transcoder: Transcoder) -> Result<CopiedStream> {
        self.encodes_sound |= matches!(transcoder, Transcoder::Audio(_));
        let (stream, index) = self.new_stream()?;
        let parameters = transcoder.parameters()?;
        // SAFETY: a new stream of ours; FFmpeg copies the parameters.
        let code = unsafe {
            let code = ffi::avcodec_parameters_copy((*stream).codecpar, parameters.as_ptr());
            (*stream).time_base = transcoder.time_base();
            (*stream).disposition = source.disposition;
            write_dict(&raw mut (*stream).metadata, source.tags.iter().filter(|(k, _)| !is_stale(k, true)));
            code
        };
        self.check(code, Vec::new())?;
        Ok(CopiedStream { index, time_base: source.time_base, last_dts: None, transcoder: Some(transcoder) })
    }

    /// A cover picture: one packet in mp4, an attachment in Matroska.
    fn add_cover(&mut self, source: &StreamTemplate) -> Result<()> {
        let Some(picture) = &source.picture else { return Ok(()) };
        let copied = self.add_copy(source)?;
        if self.container != Container::Matroska {
            self.covers.push((copied.index, picture.clone()));
            return Ok(());
        }
        let codec = source.params.codec();
        let mime = if codec == ffi::AVCodecID::AV_CODEC_ID_PNG {
            (c"image/png", c"cover.png")
        } else if codec == ffi::AVCodecID::AV_CODEC_ID_BMP {
            (c"image/bmp", c"cover.bmp")
        } else {
            (c"image/jpeg", c"cover.jpg")
        };
        // SAFETY: a stream of ours; the extradata gets FFmpeg's padding and is freed with the stream.
        unsafe {
            let stream = *(*self.context).streams.add(copied.index);
            let parameters = (*stream).codecpar;
            (*parameters).codec_type = ffi::AVMediaType::AVMEDIA_TYPE_ATTACHMENT;
            let padded = picture.len() + ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize;
            let memory = ffi::av_mallocz(padded).cast::<u8>();
            if memory.is_null() {
                return Err(MediaError::NoMemory { what: "a cover picture".to_owned() });
            }
            ptr::copy_nonoverlapping(picture.as_ptr(), memory, picture.len());
            ffi::av_freep((&raw mut (*parameters).extradata).cast());
            (*parameters).extradata = memory;
            (*parameters).extradata_size = picture.len() as i32;
            (*stream).disposition = 0;
            for (key, value) in [(c"mimetype", mime.0), (c"filename", mime.1)] {
                let keep = ffi::AV_DICT_DONT_OVERWRITE;
                ffi::av_dict_set(&raw mut (*stream).metadata, key.as_ptr(), value.as_ptr(), keep);
            }
        }
        Ok(())
    }
}
