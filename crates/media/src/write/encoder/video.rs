//! The video encoder: frames in, packets with the source's time stamps out.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::codec::find_encoder;
use crate::ffi::convert::scale::{Side, ViewScaler};
use crate::ffi::frame::{VideoFrame, alloc_raw, copy_props};
use crate::ffi::log;
use crate::ffi::numbers::PixelFormat;
use crate::ffi::parameters::Parameters;
use crate::ffi::pixel_format::{format_for, format_name, format_named, layout_of};
use crate::ffi::pool::FramePool;
use crate::ffi::time;
use crate::read::template::VideoTemplate;
use crate::write::encoder::context::{Timing, make_closable, open_context};
use crate::write::encoder::plan::EncoderPlan;
use crate::write::options::WriterOptions;
use ffmpeg_next::{self as ffmpeg, ffi, packet::Mut as _, picture};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::ptr;
use vrseg_image::plane::{Matrix, Rect, YuvColor};

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

pub(crate) struct VideoEncoder {
    context: ffmpeg::codec::Context,
    plan: EncoderPlan,
    source: Side,
    /// See [`Resize::views`](crate::Resize::views).
    views: Vec<Rect>,
    /// The steps from the frames' format to the encoder's; made for the first frame.
    steps: Vec<(ViewScaler, ConvertedFrames)>,
    clock: Clock,
    /// Ticks between key frames at most, where frames don't come evenly: counting them isn't enough then.
    key_every: Option<i64>,
    last_key: Option<i64>,
    /// See [`WriterOptions::reshaped`].
    reshaped: bool,
    time_base: ffi::AVRational,
    sent: i64,
    /// Frames on their way: encoder's pts -> (pts, duration) of the source.
    in_encoder: BTreeMap<i64, (i64, i64)>,
    usual_duration: i64,
    path: PathBuf,
}

/// Where the memory of converted frames comes from.
enum ConvertedFrames {
    Pool(FramePool),
    /// A format that isn't planar YUV (nv12, p010, gray): frames of FFmpeg's own.
    Allocated,
}

impl Drop for VideoEncoder {
    fn drop(&mut self) {
        if self.sent == 0 {
            make_closable(&mut self.context, &self.plan.encoder);
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
        let codec =
            find_encoder(&plan.encoder).ok_or_else(|| MediaError::NoEncoder { encoder: plan.encoder.clone() })?;
        let (rate, constant) = frame_rate(video);
        let clock = match plan.encoder.as_str() {
            "libx264" | "libx264rgb" | "libx265" if !constant => Clock::Source,
            _ => Clock::Count,
        };
        let frame_time = ffi::AVRational { num: rate.den, den: rate.num };
        let time_base = if clock == Clock::Source { video.time_base } else { frame_time };
        let context = open_context(&codec, &plan, options, video, &Timing { time_base, rate }, global_header)?;
        let source = Side {
            format: format_for(options.layout).unwrap_or(PixelFormat::new(-1)),
            width: options.width,
            height: options.height,
            color: options.color,
        };
        let usual_duration = time::rescale(1, frame_time, video.time_base).max(1);
        let key_ticks = (options.encode.key_frame_seconds() / time::tick(video.time_base)).floor().max(1.0) as i64;
        Ok(VideoEncoder {
            key_every: (clock == Clock::Source).then_some(key_ticks),
            last_key: None,
            context,
            plan,
            source,
            views: options.resize.views.to_vec(),
            steps: Vec::new(),
            clock,
            reshaped: options.reshaped,
            time_base: video.time_base,
            sent: 0,
            in_encoder: BTreeMap::new(),
            usual_duration,
            path: options.path.to_path_buf(),
        })
    }

    pub(crate) fn plan(&self) -> &EncoderPlan {
        &self.plan
    }

    /// What the muxer's stream says of the codec.
    pub(crate) fn parameters(&self) -> Result<Parameters> {
        Parameters::of_encoder(&self.context)
    }

    /// How long a frame is shown, in the source's ticks, where it doesn't say.
    pub(crate) fn usual_duration(&self) -> i64 {
        self.usual_duration
    }

    /// The time base of [`VideoEncoder::receive`]'s packets: the source's.
    pub(crate) fn time_base(&self) -> ffi::AVRational {
        self.time_base
    }

    /// Passes a frame to the encoder and returns it; it may be written again once it
    /// [is writable](VideoFrame::is_writable).
    ///
    /// # Errors
    /// The frame isn't as agreed, or the encoder fails.
    pub(crate) fn send(&mut self, mut frame: VideoFrame, pts: i64, duration: i64) -> Result<VideoFrame> {
        let came = (frame.format(), frame.width(), frame.height());
        let expected = (self.source.format, self.source.width, self.source.height);
        if came != expected {
            return Err(MediaError::FrameMismatch {
                got: frame.describe(),
                expected: format!("{}x{} {}", expected.1, expected.2, format_name(expected.0)),
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
        self.in_encoder.insert(number, (pts, duration));
        let kind = self.frame_type(pts, duration);
        if came == (self.plan.pixel, self.plan.size.0, self.plan.size.1) {
            stamp(frame.av_mut(), number, kind);
            self.send_av(frame.av())?;
        } else {
            let mut converted = self.convert(&frame)?;
            stamp(&mut converted, number, kind);
            self.send_av(&converted)?;
        }
        Ok(frame)
    }

    /// Whether a frame must be a key frame, lest the next one come too late to be.
    fn frame_type(&mut self, pts: i64, duration: i64) -> picture::Type {
        let Some(every) = self.key_every else { return picture::Type::None };
        let late = self.last_key.is_none_or(|last| pts.saturating_add(duration) - last > every);
        if !late {
            return picture::Type::None;
        }
        self.last_key = Some(pts);
        picture::Type::I
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
        let (pts, duration) = self.in_encoder.get(&number).copied().unwrap_or((number, self.usual_duration));
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
        self.in_encoder = self.in_encoder.split_off(&dts);
        Ok(Some(packet))
    }

    /// The source's time of a frame number; before the first frame it continues backwards.
    fn time_of(&self, number: i64) -> i64 {
        if let Some((pts, _)) = self.in_encoder.get(&number) {
            return *pts;
        }
        match self.in_encoder.first_key_value() {
            Some((first, (pts, _))) => pts + (number - first) * self.usual_duration,
            None => number * self.usual_duration,
        }
    }

    /// Brings a frame into the encoder's pixel format.
    fn convert(&mut self, frame: &VideoFrame) -> Result<ffmpeg::frame::Video> {
        if self.steps.is_empty() {
            self.steps = self.conversion()?;
        }
        let mut done: Option<ffmpeg::frame::Video> = None;
        for (scaler, to) in &mut self.steps {
            let target = scaler.target();
            let mut out = match to {
                ConvertedFrames::Pool(pool) => pool.get()?.into_av(),
                ConvertedFrames::Allocated => alloc_raw(target.format, target.width, target.height)?,
            };
            let from = done.as_ref().unwrap_or(frame.av());
            scaler.run(from, &mut out)?;
            copy_props(from, &mut out);
            done = Some(out);
        }
        done.ok_or_else(|| MediaError::Unsupported { what: "no conversion".to_owned() })
    }

    /// From the frames' format and size to the encoder's.
    fn conversion(&self) -> Result<Vec<(ViewScaler, ConvertedFrames)>> {
        let (width, height) = self.plan.size;
        let target = |format, color| Side { format, width, height, color };
        let sides = match (self.plan.encoder.as_str(), format_named("rgb24")) {
            // swscale keeps the matrix from YUV to YUV, but JPEG's is always BT.601: by way of RGB it becomes that.
            ("mjpeg", Some(rgb)) => {
                let jpeg = YuvColor { matrix: Matrix::Bt601, full_range: true };
                vec![self.source, target(rgb, self.source.color), target(self.plan.pixel, jpeg)]
            }
            _ => vec![self.source, target(self.plan.pixel, self.source.color)],
        };
        let step = |pair: &[Side]| {
            let to = match layout_of(pair[1].format).filter(|layout| format_for(*layout) == Some(pair[1].format)) {
                Some(layout) => ConvertedFrames::Pool(FramePool::new(layout, width, height)?),
                None => ConvertedFrames::Allocated,
            };
            Ok((ViewScaler::new(pair[0], pair[1], &self.views)?, to))
        };
        sides.windows(2).map(step).collect()
    }
}

/// Sets what the encoder goes by.
fn stamp(frame: &mut ffmpeg::frame::Video, pts: i64, kind: picture::Type) {
    frame.set_pts(Some(pts));
    // Else x264 would copy the source's I/P/B decisions.
    frame.set_kind(kind);
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
