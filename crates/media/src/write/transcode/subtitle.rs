//! Text subtitles in another format.

use crate::error::{MediaError, Result};
use crate::ffi::convert::subtitle::{SubtitleDecoder, SubtitleEncoder};
use crate::ffi::parameters::Parameters;
use crate::ffi::time::{self, MICROSECONDS};
use crate::read::template::StreamTemplate;
use ffmpeg_next::{self as ffmpeg, ffi};

pub(crate) struct SubtitleTranscoder {
    decoder: SubtitleDecoder,
    encoder: SubtitleEncoder,
    source_time_base: ffi::AVRational,
}

impl SubtitleTranscoder {
    pub(super) fn new(stream: &StreamTemplate, encoder: &ffmpeg::Codec) -> Result<Self> {
        let fail = |e: ffmpeg::Error| MediaError::Encoder {
            encoder: encoder.name().to_owned(),
            what: "subtitles".to_owned(),
            reason: e.to_string(),
            log: Vec::new(),
        };
        let decoder = SubtitleDecoder::open(&stream.params, stream.time_base).map_err(fail)?;
        let encoder = SubtitleEncoder::open(encoder, &decoder).map_err(fail)?;
        Ok(Self { decoder, encoder, source_time_base: stream.time_base })
    }

    pub(super) fn parameters(&self) -> Result<Parameters> {
        Parameters::of_encoder(self.encoder.context())
    }

    pub(super) fn time_base(&self) -> ffi::AVRational {
        MICROSECONDS
    }

    /// A text, at its time; nothing for what isn't one.
    pub(super) fn convert(&mut self, packet: &ffmpeg::Packet) -> Result<Vec<ffmpeg::Packet>> {
        let Some(at) = packet.pts().or(packet.dts()) else { return Ok(Vec::new()) };
        let Some(shown) = self.decoder.decode(packet) else { return Ok(Vec::new()) };
        let Some(bytes) = self.encoder.encode(&shown) else { return Ok(Vec::new()) };
        // FFmpeg's mov muxer ends a text early where the ticks are longer than those of other streams.
        let micros = |t: i64| time::rescale(t, self.source_time_base, MICROSECONDS);
        let length = match micros(packet.duration()) {
            0 => shown.milliseconds() * 1000,
            length => length,
        };
        let mut out = ffmpeg::Packet::copy(&bytes);
        let start = micros(at) + shown.delay() * 1000;
        out.set_pts(Some(start));
        out.set_dts(Some(start));
        out.set_duration(length);
        Ok(vec![out])
    }
}
