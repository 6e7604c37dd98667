//! The video encoder: frames in, packets with the source's time stamps out.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::frame::{VideoFrame, format_name};
use crate::ffi::log;
use crate::ffi::parameters as raw;
use crate::ffi::scale::{Scaler, Side};
use crate::read::template::VideoTemplate;
use crate::write::encoder::plan::{EncoderPlan, joined_params};
use crate::write::writer::{Container, WriterOptions};
use ffmpeg_next::{self as ffmpeg, ffi, packet::Mut as _};
use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::PathBuf;
use std::ptr;
use vrseg_image::plane::YuvColor;

/// How time stamps reach the encoder.
#[derive(Clone, Copy, PartialEq)]
enum Clock {
    /// As they are, in the source's ticks: for x264 and x265 where the frame rate varies.
    Source,
    /// As frame numbers at the frame rate; the packets get the source's time stamps back. So the
    /// bitstream states the frame rate instead of the ticks, and encoders that take a tick for a
    /// frame work (SVT-AV1 refuses rates above 240, NVENC derives wrong dts).
    Count,
}

/// An open encoder.
pub(crate) struct VideoEncoder {
    context: ffmpeg::codec::Context,
    plan: EncoderPlan,
    source: Side,
    scaler: Option<(Scaler, Target)>,
    clock: Clock,
    /// See [`WriterOptions::reshaped`].
    reshaped: bool,
    time_base: ffi::AVRational,
    sent: i64,
    /// Frames on their way: encoder's pts -> (pts, duration) of the source.
    under_way: BTreeMap<i64, (i64, i64)>,
    usual_duration: i64,
    path: PathBuf,
}

/// Where converted frames go.
enum Target {
    Pool(crate::FramePool),
    /// A format that isn't planar YUV (nv12, p010, gray): frames of FFmpeg's own.
    Raw,
}

impl Drop for VideoEncoder {
    fn drop(&mut self) {
        if self.sent == 0 {
            let_close(&mut self.context, &self.plan.encoder);
        }
    }
}

impl VideoEncoder {
    /// Opens the encoder.
    ///
    /// # Errors
    /// An option is unknown or refused, or the encoder doesn't start.
    pub(crate) fn open(
        plan: EncoderPlan,
        options: &WriterOptions<'_>,
        video: &VideoTemplate,
        global_header: bool,
    ) -> Result<Self> {
        let codec = ffmpeg::encoder::find_by_name(&plan.encoder)
            .ok_or_else(|| MediaError::NoEncoder { encoder: plan.encoder.clone() })?;
        let (rate, constant) = frame_rate(video);
        let clock = match plan.encoder.as_str() {
            "libx264" | "libx264rgb" | "libx265" if !constant => Clock::Source,
            _ => Clock::Count,
        };
        let mut context = ffmpeg::codec::Context::new_with_codec(codec);
        let joined = joined_params(&plan, video, options.encode.threads);
        // SAFETY: plain fields of a context that isn't open yet.
        unsafe {
            let c = &mut *context.as_mut_ptr();
            c.width = options.width as i32;
            c.height = options.height as i32;
            c.pix_fmt = std::mem::transmute::<i32, ffi::AVPixelFormat>(plan.pixel);
            c.time_base = match clock {
                Clock::Source => video.time_base,
                Clock::Count => ffi::AVRational { num: rate.den, den: rate.num },
            };
            c.framerate = rate;
            c.sample_aspect_ratio = options.aspect(video);
            c.thread_count = options.encode.threads.min(64) as i32;
            set_color(c, video, options.color);
            c.field_order = video.field_order;
            let interlaced = !matches!(
                video.field_order,
                ffi::AVFieldOrder::AV_FIELD_UNKNOWN | ffi::AVFieldOrder::AV_FIELD_PROGRESSIVE
            );
            if interlaced && plan.encoder == "libx264" {
                c.flags |= ffi::AV_CODEC_FLAG_INTERLACED_DCT as i32;
            }
            if global_header {
                c.flags |= ffi::AV_CODEC_FLAG_GLOBAL_HEADER as i32;
            }
            if matches!(plan.container, Container::Mp4 | Container::Mov)
                && c.codec_id == ffi::AVCodecID::AV_CODEC_ID_HEVC
            {
                // Apple's players refuse hev1.
                c.codec_tag = u32::from_le_bytes(*b"hvc1");
            }
        }
        open_codec(&mut context, &codec, &plan, options, &joined)?;
        let source = Side {
            format: crate::pixel_of(options.layout).map_or(-1, |p| ffi::AVPixelFormat::from(p) as i32),
            width: options.width,
            height: options.height,
            color: options.color,
        };
        let usual_duration = raw::rescale(1, ffi::AVRational { num: rate.den, den: rate.num }, video.time_base).max(1);
        Ok(VideoEncoder {
            context,
            plan,
            source,
            scaler: None,
            clock,
            reshaped: options.reshaped,
            time_base: video.time_base,
            sent: 0,
            under_way: BTreeMap::new(),
            usual_duration,
            path: options.path.to_path_buf(),
        })
    }

    /// What was decided.
    pub(crate) fn plan(&self) -> &EncoderPlan {
        &self.plan
    }

    /// What the muxer's stream says of the codec.
    pub(crate) fn parameters(&self) -> Result<raw::Params> {
        // SAFETY: only hands the pointer on.
        raw::Params::of_encoder(unsafe { self.context.as_ptr() })
    }

    /// How long a frame is shown, in the source's ticks, where it doesn't say.
    pub(crate) fn usual_duration(&self) -> i64 {
        self.usual_duration
    }

    /// The time base of [`VideoEncoder::receive`]'s packets: the source's.
    pub(crate) fn time_base(&self) -> ffi::AVRational {
        self.time_base
    }

    /// Hands a frame to the encoder and returns it; it may be written again once it
    /// [is writable](VideoFrame::is_writable).
    ///
    /// # Errors
    /// The frame isn't as agreed, or the encoder fails.
    pub(crate) fn send(&mut self, mut frame: VideoFrame, pts: i64, duration: i64) -> Result<VideoFrame> {
        let came = (frame.av_format(), frame.width(), frame.height());
        let wanted = (self.source.format, self.source.width, self.source.height);
        if came != wanted {
            return Err(MediaError::FrameMismatch {
                got: frame.describe(),
                expected: format!("{}x{} {}", wanted.1, wanted.2, format_name(wanted.0)),
            });
        }
        if self.reshaped {
            frame.forget_shape();
        }
        let number = match self.clock {
            Clock::Source => pts,
            Clock::Count => self.sent,
        };
        self.sent += 1;
        let duration = if duration > 0 { duration } else { self.usual_duration };
        self.under_way.insert(number, (pts, duration));
        if came.0 == self.plan.pixel {
            stamp(frame.av_mut(), number);
            self.send_av(frame.av())?;
        } else {
            let mut converted = self.convert(&frame)?;
            stamp(&mut converted, number);
            self.send_av(&converted)?;
        }
        Ok(frame)
    }

    fn send_av(&mut self, frame: &ffmpeg::frame::Video) -> Result<()> {
        // SAFETY: an open encoder and a valid frame, of which FFmpeg takes a reference.
        let code = unsafe { ffi::avcodec_send_frame(self.context.as_mut_ptr(), frame.as_ptr()) };
        if code < 0 { Err(self.failure(code)) } else { Ok(()) }
    }

    /// No more frames come.
    pub(crate) fn send_eof(&mut self) -> Result<()> {
        // SAFETY: an open encoder.
        let code = unsafe { ffi::avcodec_send_frame(self.context.as_mut_ptr(), ptr::null()) };
        if code < 0 { Err(self.failure(code)) } else { Ok(()) }
    }

    fn failure(&self, code: i32) -> MediaError {
        MediaError::Encode {
            path: self.path.clone(),
            encoder: self.plan.encoder.clone(),
            reason: ffmpeg::Error::from(code).to_string(),
            log: log::recent_log(),
        }
    }

    /// The next packet, with the source's time stamps in the source's ticks; `Ok(None)` when the
    /// encoder wants another frame or has ended.
    pub(crate) fn receive(&mut self) -> Result<Option<ffmpeg::Packet>> {
        let mut packet = ffmpeg::Packet::empty();
        // SAFETY: an open encoder and an empty packet.
        let code = unsafe { ffi::avcodec_receive_packet(self.context.as_mut_ptr(), packet.as_mut_ptr()) };
        if code == ffi::AVERROR(libc::EAGAIN) || code == ffi::AVERROR_EOF {
            return Ok(None);
        }
        if code < 0 {
            return Err(self.failure(code));
        }
        let number = packet.pts().or(packet.dts()).unwrap_or(0);
        let (pts, duration) = self.under_way.get(&number).copied().unwrap_or((number, self.usual_duration));
        // x265 gives the only frame of a short clip an uninitialized dts.
        let reach = if self.clock == Clock::Count { 256 } else { self.usual_duration.saturating_mul(4096) };
        let dts = packet.dts().filter(|dts| (number.saturating_sub(reach)..=number).contains(dts)).unwrap_or(number);
        packet.set_pts(Some(pts));
        packet.set_duration(duration);
        packet.set_dts(Some(match self.clock {
            Clock::Source => dts,
            Clock::Count => self.time_of(dts),
        }));
        // Packets come in the order of their dts, and no pts is before its dts.
        self.under_way = self.under_way.split_off(&dts);
        Ok(Some(packet))
    }

    /// The source's time of a frame number; before the first frame it goes on backwards.
    fn time_of(&self, number: i64) -> i64 {
        if let Some((pts, _)) = self.under_way.get(&number) {
            return *pts;
        }
        match self.under_way.first_key_value() {
            Some((first, (pts, _))) => pts + (number - first) * self.usual_duration,
            None => number * self.usual_duration,
        }
    }

    /// Brings a frame into the encoder's pixel format.
    fn convert(&mut self, frame: &VideoFrame) -> Result<ffmpeg::frame::Video> {
        let target = Side { format: self.plan.pixel, ..self.source };
        let (scaler, to) = match self.scaler.take() {
            Some(pair) => self.scaler.insert(pair),
            None => {
                let to = match self.plan.layout() {
                    Some(layout) => Target::Pool(crate::FramePool::new(layout, target.width, target.height)?),
                    None => Target::Raw,
                };
                self.scaler.insert((Scaler::new(self.source, target)?, to))
            }
        };
        let mut out = match to {
            Target::Pool(pool) => pool.get()?.into_av(),
            Target::Raw => crate::ffi::frame::alloc_raw(target.format, target.width, target.height)?,
        };
        scaler.run(frame.av(), &mut out)?;
        // SAFETY: both are valid frames; only properties are written.
        unsafe { ffi::av_frame_copy_props(out.as_mut_ptr(), frame.av().as_ptr()) };
        Ok(out)
    }
}

/// Frames per second, and whether they come evenly. Where the average is within 1 % of FFmpeg's
/// guess of the real rate, it differs only by the rounding of a coarse clock (Matroska's is 1 ms).
fn frame_rate(video: &VideoTemplate) -> (ffi::AVRational, bool) {
    let value = |r: ffi::AVRational| if r.den > 0 { f64::from(r.num) / f64::from(r.den) } else { 0.0 };
    let (average, real) = (value(video.frame_rate), value(video.real_frame_rate));
    if average > 0.0 && (average / real - 1.0).abs() < 0.01 {
        (video.real_frame_rate, true)
    } else if average > 0.0 {
        (video.frame_rate, false)
    } else {
        (ffi::AVRational { num: 30, den: 1 }, false)
    }
}

/// Sets what the encoder goes by.
fn stamp(frame: &mut ffmpeg::frame::Video, pts: i64) {
    frame.set_pts(Some(pts));
    // Else x264 would copy the source's I/P/B decisions.
    frame.set_kind(ffmpeg::picture::Type::None);
}

/// Color tags: the source's, and what the composer really wrote.
fn set_color(c: &mut ffi::AVCodecContext, video: &VideoTemplate, color: YuvColor) {
    c.color_primaries = video.primaries;
    c.color_trc = video.transfer;
    c.colorspace = video.space;
    c.chroma_sample_location = video.chroma_location;
    c.color_range = match (color.full_range, video.range) {
        (true, _) => ffi::AVColorRange::AVCOL_RANGE_JPEG,
        (false, ffi::AVColorRange::AVCOL_RANGE_UNSPECIFIED) => ffi::AVColorRange::AVCOL_RANGE_UNSPECIFIED,
        (false, _) => ffi::AVColorRange::AVCOL_RANGE_MPEG,
    };
}

/// Gives the encoder an option.
///
/// # Errors
/// It doesn't know the option, or not with this value.
fn set_option(context: &mut ffmpeg::codec::Context, encoder: &str, key: &str, value: &str) -> Result<()> {
    let text = |text: &str| {
        let what = format!("{encoder}: option {key}: has a NUL character in it");
        CString::new(text).map_err(|_| MediaError::Invalid { what })
    };
    let (name, content) = (text(key)?, text(value)?);
    // SAFETY: a context made for its codec, so its private options are there; both texts are copied.
    let (code, log) = log::capture(|| unsafe {
        let flags = ffi::AV_OPT_SEARCH_CHILDREN;
        ffi::av_opt_set(context.as_mut_ptr().cast(), name.as_ptr(), content.as_ptr(), flags)
    });
    let (encoder, option) = (encoder.to_owned(), key.to_owned());
    match code {
        0.. => Ok(()),
        ffi::AVERROR_OPTION_NOT_FOUND => Err(MediaError::UnknownOption { encoder, option }),
        _ => Err(MediaError::OptionValue { encoder, option, value: value.to_owned(), log }),
    }
}

/// `avcodec_open2`, with an error for every option that it doesn't know or refuses.
fn open_codec(
    context: &mut ffmpeg::codec::Context,
    codec: &ffmpeg::Codec,
    plan: &EncoderPlan,
    options: &WriterOptions<'_>,
    settings: &[(String, String)],
) -> Result<()> {
    for (key, value) in settings {
        set_option(context, &plan.encoder, key, value)?;
    }
    // SAFETY: a context made for this codec.
    let (code, lines) =
        log::capture(|| unsafe { ffi::avcodec_open2(context.as_mut_ptr(), codec.as_ptr(), ptr::null_mut()) });
    // Encoders that take a string of parameters only complain about unknown ones.
    let complaint = lines
        .iter()
        .any(|l| ["Unknown option", "Invalid value for", "Error parsing option"].iter().any(|c| l.contains(c)));
    if code >= 0 && !complaint {
        return Ok(());
    }
    if code >= 0 {
        let_close(context, &plan.encoder);
    }
    let encoder = plan.encoder.clone();
    let what = format!("{}x{} ({})", options.width, options.height, plan.description);
    let reason = if code < 0 { ffmpeg::Error::from(code).to_string() } else { "it does not know an option".to_owned() };
    // An encoder on the CPU that calls its arguments wrong means the user's own, where there are some.
    let wrong = code == ffi::AVERROR(libc::EINVAL) || code == ffi::AVERROR_OPTION_NOT_FOUND;
    if complaint || wrong && !options.encode.extra.is_empty() && !is_hardware(codec) {
        return Err(MediaError::EncoderOptions { encoder, what, reason, log: lines });
    }
    Err(MediaError::Encoder { encoder, what, reason, log: lines })
}

/// Prepares an open encoder that has got no frame for being closed: from that SVT-AV1 (1.4 at least)
/// never returns. With a frame it does, within a second at 8K.
fn let_close(context: &mut ffmpeg::codec::Context, encoder: &str) {
    if encoder != "libsvtav1" {
        return;
    }
    // SAFETY: reads plain fields of an open encoder.
    let (format, width, height) = unsafe {
        let c = &*context.as_ptr();
        (c.pix_fmt as i32, c.width.max(0) as usize, c.height.max(0) as usize)
    };
    let Ok(mut frame) = crate::ffi::frame::alloc_raw(format, width, height) else { return };
    stamp(&mut frame, 0);
    // SAFETY: an open encoder and a frame as it expects them; then the end of its frames.
    unsafe {
        ffi::avcodec_send_frame(context.as_mut_ptr(), frame.as_ptr());
        ffi::avcodec_send_frame(context.as_mut_ptr(), ptr::null());
    }
}

fn is_hardware(codec: &ffmpeg::Codec) -> bool {
    // SAFETY: reads a field of a static description.
    unsafe { (*codec.as_ptr()).capabilities & ffi::AV_CODEC_CAP_HARDWARE as i32 != 0 }
}
