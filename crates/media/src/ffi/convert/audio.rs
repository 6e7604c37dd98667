//! Samples of sound: the formats that encoders take, and bringing frames into them.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::codec::{Supported, supported};
use crate::ffi::numbers;
use crate::ffi::parameters::Parameters;
use ffmpeg_next::filter::{self, Graph};
use ffmpeg_next::{self as ffmpeg, ffi};
use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;

/// Rate, sample format and channels of sound.
pub(crate) struct AudioFormat {
    rate: i32,
    /// A number of AVSampleFormat.
    sample: i32,
    layout: Layout,
}

/// An owned channel layout.
struct Layout(ffi::AVChannelLayout);

impl Drop for Layout {
    fn drop(&mut self) {
        // SAFETY: a valid layout of ours.
        unsafe { ffi::av_channel_layout_uninit(&raw mut self.0) };
    }
}

// SAFETY: a layout is numbers, and at most memory of its own that is only read.
unsafe impl Send for Layout {}

impl Layout {
    /// The usual one of that number of channels.
    fn usual(channels: i32) -> Self {
        let mut layout = MaybeUninit::zeroed();
        // SAFETY: the function fills a layout of zeros, which is a valid one.
        unsafe {
            ffi::av_channel_layout_default(layout.as_mut_ptr(), channels);
            Self(layout.assume_init())
        }
    }

    /// FFmpeg's description, such as `stereo`.
    ///
    /// # Safety
    /// A valid layout.
    unsafe fn describe(layout: *const ffi::AVChannelLayout) -> String {
        let mut text = [0 as c_char; 256];
        // SAFETY: the caller's; the buffer's size is passed, and what comes ends with NUL.
        unsafe {
            if ffi::av_channel_layout_describe(layout, text.as_mut_ptr(), text.len()) < 0 {
                return String::new();
            }
            CStr::from_ptr(text.as_ptr()).to_string_lossy().into_owned()
        }
    }
}

impl AudioFormat {
    /// Samples of a second.
    pub(crate) fn rate(&self) -> i32 {
        self.rate
    }

    pub(crate) fn channels(&self) -> i32 {
        self.layout.0.nb_channels
    }

    /// Sets it for an encoder.
    ///
    /// # Safety
    /// `context` is a valid context that isn't open yet.
    pub(crate) unsafe fn write_to(&self, context: *mut ffi::AVCodecContext) {
        // SAFETY: the caller's; the number is one of the encoder's own list.
        unsafe {
            (*context).sample_rate = self.rate;
            (&raw mut (*context).sample_fmt).cast::<i32>().write(self.sample);
            ffi::av_channel_layout_copy(&raw mut (*context).ch_layout, &raw const self.layout.0);
        }
    }
}

/// What an encoder takes that is nearest to a stream's sound.
///
/// # Errors
/// It says so of no format; the stream has no channels. In words.
pub(crate) fn supported_format(
    encoder: &ffmpeg::Codec,
    source: &Parameters,
) -> std::result::Result<AudioFormat, String> {
    // SAFETY: reads fields of valid parameters.
    unsafe {
        let p = source.as_ptr();
        let (rate, channels) = ((*p).sample_rate, (*p).ch_layout.nb_channels);
        if rate <= 0 || channels <= 0 {
            return Err("the source has no sample rate or channels".to_owned());
        }
        let rates = supported(encoder, Supported::SampleRates);
        let Some(sample) = supported(encoder, Supported::SampleFormats).first().copied() else {
            return Err("it names no format of samples".to_owned());
        };
        let higher = rates.iter().copied().filter(|r| *r >= rate).min();
        let near = if rates.is_empty() { rate } else { higher.or(rates.iter().copied().max()).unwrap_or(rate) };
        let known = is_native(&raw const (*p).ch_layout);
        let layout = if known {
            let mut copy = MaybeUninit::zeroed();
            ffi::av_channel_layout_copy(copy.as_mut_ptr(), &raw const (*p).ch_layout);
            Layout(copy.assume_init())
        } else {
            Layout::usual(channels)
        };
        Ok(AudioFormat { rate: near, sample, layout })
    }
}

/// Brings frames of sound into a format and to the number of samples that an encoder takes at once.
pub(crate) struct Resampler {
    graph: Graph,
    /// Rate, sample format and channels that it takes.
    source: (u32, i32, i32),
}

// SAFETY: a graph may move between threads; it only mustn't be used by two at once, which `&mut self` sees to.
unsafe impl Send for Resampler {}

fn shape(frame: &ffmpeg::frame::Audio) -> (u32, i32, i32) {
    // SAFETY: reads fields of a valid frame.
    unsafe { (frame.rate(), (*frame.as_ptr()).format, (*frame.as_ptr()).ch_layout.nb_channels) }
}

fn failed(error: ffmpeg::Error) -> MediaError {
    MediaError::Unsupported { what: format!("FFmpeg can't resample the sound: {error}") }
}

impl Resampler {
    /// For frames like that one. `frame_size` is the encoder's number of samples at once; 0: any.
    ///
    /// # Errors
    /// FFmpeg has no way from one to the other.
    pub(crate) fn new(frame: &ffmpeg::frame::Audio, target: &AudioFormat, frame_size: i32) -> Result<Self> {
        let (rate, format, channels) = shape(frame);
        // SAFETY: a valid frame's layout.
        let (layout, sample, target_sample) = unsafe {
            let own = &raw const (*frame.as_ptr()).ch_layout;
            let usual = Layout::usual(channels);
            let layout = Layout::describe(if is_native(own) { own } else { &raw const usual.0 });
            (layout, sample_name(format), sample_name(target.sample))
        };
        let mut graph = Graph::new();
        let find = |name: &str| filter::find(name).ok_or(ffmpeg::Error::FilterNotFound);
        let source = format!("time_base=1/{rate}:sample_rate={rate}:sample_fmt={sample}:channel_layout={layout}");
        let samples = if frame_size > 0 { format!(",asetnsamples=n={frame_size}:p=0") } else { String::new() };
        // SAFETY: a valid layout.
        let target_layout = unsafe { Layout::describe(&raw const target.layout.0) };
        let target_rate = target.rate;
        let chain = format!(
            "aresample={target_rate},aformat=sample_fmts={target_sample}:sample_rates={target_rate}:\
             channel_layouts={target_layout}{samples}"
        );
        let mut build = || {
            graph.add(&find("abuffer")?, "in", &source)?;
            graph.add(&find("abuffersink")?, "out", "")?;
            graph.output("in", 0)?.input("out", 0)?.parse(&chain)?;
            graph.validate()
        };
        build().map_err(failed)?;
        Ok(Self { graph, source: (rate, format, channels) })
    }

    /// Whether a frame is like the one that it was made for.
    pub(crate) fn takes(&self, frame: &ffmpeg::frame::Audio) -> bool {
        shape(frame) == self.source
    }

    /// Takes a frame that is heard at `pts`, in samples of its own rate.
    pub(crate) fn put(&mut self, frame: &ffmpeg::frame::Audio, pts: Option<i64>) -> Result<()> {
        // SAFETY: a new reference to a valid frame, null checked for, whose layout gets the usual order where it states
        // none. (ffmpeg-next's own clone loses sound that states none.)
        let mut frame = unsafe {
            let f = ffi::av_frame_clone(frame.as_ptr());
            if f.is_null() {
                return Err(MediaError::NoMemory { what: "a frame of sound".to_owned() });
            }
            if !is_native(&raw const (*f).ch_layout) {
                let usual = Layout::usual((*f).ch_layout.nb_channels);
                ffi::av_channel_layout_copy(&raw mut (*f).ch_layout, &raw const usual.0);
            }
            ffmpeg::frame::Audio::wrap(f)
        };
        frame.set_pts(pts);
        let mut source = self.graph.get("in").ok_or(ffmpeg::Error::FilterNotFound).map_err(failed)?;
        source.source().add(&frame).map_err(failed)
    }

    /// No more frames come.
    pub(crate) fn end(&mut self) -> Result<()> {
        let mut source = self.graph.get("in").ok_or(ffmpeg::Error::FilterNotFound).map_err(failed)?;
        source.source().flush().map_err(failed)
    }

    /// A frame in the target's format, if one is ready.
    pub(crate) fn take(&mut self) -> Option<ffmpeg::frame::Audio> {
        let mut frame = ffmpeg::frame::Audio::empty();
        self.graph.get("out")?.sink().frame(&mut frame).ok()?;
        Some(frame)
    }
}

/// Whether a layout says which channel is which, in FFmpeg's own order.
///
/// # Safety
/// A valid layout.
unsafe fn is_native(layout: *const ffi::AVChannelLayout) -> bool {
    // SAFETY: the caller's.
    unsafe { numbers::read(&raw const (*layout).order) == ffi::AVChannelOrder::AV_CHANNEL_ORDER_NATIVE }
}

/// FFmpeg's name of a sample format; empty for a number that is none.
fn sample_name(format: i32) -> String {
    let name = numbers::av_get_sample_fmt_name(format);
    // SAFETY: a static string.
    if name.is_null() { String::new() } else { unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned() }
}
