//! Pictures of standard dynamic range (SDR) made of such of high (HDR), and the reverse, by FFmpeg's filters.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::frame::{VideoFrame, remove_hdr_metadata};
use crate::ffi::pixel_format::{format_for, format_name};
use ffmpeg_next::filter::{self, Graph};
use ffmpeg_next::{self as ffmpeg};
use vrseg_image::plane::{Matrix, YuvColor, YuvLayout};

/// Luminance of white paper in HDR, in cd/m2: ITU-R BT.2408, "Guidance for operational practices in HDR television
/// production", clause 2.1.
const REFERENCE_WHITE: u32 = 203;

/// How bright a picture can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DynamicRange {
    /// Up to the white of a screen, by a gamma curve.
    #[default]
    Standard,
    /// Absolute luminances up to 10 000 cd/m2 (SMPTE ST 2084; HDR10).
    Pq,
    /// Hybrid log-gamma (ARIB STD-B67).
    Hlg,
}

impl DynamicRange {
    /// Whether it is high.
    pub fn is_high(self) -> bool {
        self != DynamicRange::Standard
    }
}

/// How the samples of a picture are stored and what they mean.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Meaning {
    pub layout: YuvLayout,
    pub color: YuvColor,
    pub dynamic: DynamicRange,
}

impl Meaning {
    /// zscale's words for transfer, primaries, matrix and range; `side` is `in` or empty.
    fn words(&self, side: &str) -> String {
        let (transfer, primaries, matrix) = match self.dynamic {
            DynamicRange::Pq => ("smpte2084", "2020", "2020_ncl"),
            DynamicRange::Hlg => ("arib-std-b67", "2020", "2020_ncl"),
            DynamicRange::Standard => match self.color.matrix {
                Matrix::Bt2020 => ("2020_10", "2020", "2020_ncl"),
                Matrix::Bt709 => ("709", "709", "709"),
                Matrix::Bt601 => ("601", "170m", "170m"),
            },
        };
        let range = if self.color.full_range { "full" } else { "limited" };
        format!("transfer{side}={transfer}:primaries{side}={primaries}:matrix{side}={matrix}:range{side}={range}")
    }
}

/// Converts frames from one dynamic range to another.
pub(crate) struct DynamicConverter {
    graph: Graph,
    source: (YuvLayout, usize, usize),
}

// SAFETY: a graph may move between threads; it only mustn't be used by two at once, which `&mut self` sees to.
unsafe impl Send for DynamicConverter {}

fn failed(what: &str) -> impl Fn(ffmpeg::Error) -> MediaError + '_ {
    move |error| MediaError::Unsupported {
        what: format!("this FFmpeg can't convert {what}: {error} (its filters zscale and tonemap do so)"),
    }
}

impl DynamicConverter {
    /// For frames of that size.
    ///
    /// # Errors
    /// FFmpeg has no zscale or tonemap.
    pub(crate) fn new(from: Meaning, to: Meaning, (width, height): (usize, usize)) -> Result<Self> {
        let what = if to.dynamic == DynamicRange::Standard { "HDR to SDR" } else { "SDR to HDR" };
        let format = |layout: YuvLayout| {
            let format = format_for(layout).map(format_name);
            format.ok_or_else(|| MediaError::Unsupported { what: format!("no pixel format has the layout {layout:?}") })
        };
        let (source, target) = (format(from.layout)?, format(to.layout)?);
        let input = format!("video_size={width}x{height}:pix_fmt={source}:time_base=1/1000000:pixel_aspect=1/1");
        // Hable's curve keeps what is brighter than white paper apart; primaries are converted in linear light.
        let tone = if to.dynamic == DynamicRange::Standard { "tonemap=tonemap=hable:desat=0," } else { "" };
        let primaries = if to.dynamic == DynamicRange::Standard { "bt709" } else { "bt2020" };
        let chain = format!(
            "zscale={}:transfer=linear:primaries={primaries}:matrix=gbr:npl={REFERENCE_WHITE},format=gbrpf32le,{tone}\
             zscale=transferin=linear:primariesin={primaries}:matrixin=gbr:{}:npl={REFERENCE_WHITE}:dither=none,\
             format={target}",
            from.words("in"),
            to.words("")
        );
        let mut graph = Graph::new();
        let find = |name: &str| filter::find(name).ok_or(ffmpeg::Error::FilterNotFound);
        let mut build = || {
            graph.add(&find("buffer")?, "in", &input)?;
            graph.add(&find("buffersink")?, "out", "")?;
            graph.output("in", 0)?.input("out", 0)?.parse(&chain)?;
            graph.validate()
        };
        build().map_err(failed(what))?;
        Ok(Self { graph, source: (from.layout, width, height) })
    }

    /// Whether it is for frames like that one.
    pub(crate) fn takes(&self, frame: &VideoFrame) -> bool {
        (frame.plain_layout(), frame.width(), frame.height()) == self.source
    }

    /// The same picture in the other range, without the metadata of HDR.
    ///
    /// # Errors
    /// Memory is short.
    pub(crate) fn run(&mut self, frame: &VideoFrame) -> Result<VideoFrame> {
        let nothing = || MediaError::Unsupported { what: "FFmpeg's filters gave no picture back".to_owned() };
        let mut source = self.graph.get("in").ok_or_else(nothing)?;
        let pts = frame.pts();
        source.source().add(frame.av()).map_err(failed("a frame"))?;
        let mut out = ffmpeg::frame::Video::empty();
        let mut sink = self.graph.get("out").ok_or_else(nothing)?;
        sink.sink().frame(&mut out).map_err(failed("a frame"))?;
        out.set_pts(pts);
        remove_hdr_metadata(&mut out);
        VideoFrame::from_av(out).map_err(|_| nothing())
    }
}
