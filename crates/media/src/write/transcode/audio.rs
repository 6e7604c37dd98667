//! Sound: decoded, resampled to what the encoder takes, encoded.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::convert::audio::{AudioFormat, Resampler, supported_format};
use crate::ffi::log;
use crate::ffi::parameters::Parameters;
use crate::ffi::time;
use crate::read::template::StreamTemplate;
use ffmpeg_next::{self as ffmpeg, ffi, packet::Mut as _};
use std::ptr;

/// Bits of a second that a channel gets: what FFmpeg's AAC encoder needs to sound like its source.
const BITS_PER_CHANNEL: i64 = 96_000;

pub(crate) struct AudioTranscoder {
    decoder: ffmpeg::decoder::Audio,
    encoder: ffmpeg::codec::Context,
    format: AudioFormat,
    source_time_base: ffi::AVRational,
    /// Made for the first frame, and again where the frames change.
    resampler: Option<Resampler>,
    name: String,
}

impl AudioTranscoder {
    pub(super) fn new(stream: &StreamTemplate, encoder: &ffmpeg::Codec, global_header: bool) -> Result<Self> {
        let name = encoder.name().to_owned();
        let fail =
            |reason: String, log| MediaError::Encoder { encoder: name.clone(), what: "sound".to_owned(), reason, log };
        let decoder = stream.params.audio_decoder(stream.time_base);
        let decoder = decoder.map_err(|e| fail(format!("its source can't be decoded: {e}"), Vec::new()))?;
        let format = supported_format(encoder, &stream.params).map_err(|e| fail(e, Vec::new()))?;
        let mut context = ffmpeg::codec::Context::new_with_codec(*encoder);
        // SAFETY: plain fields of a context that isn't open yet; the channel layout is copied.
        let (code, lines) = unsafe {
            let c = context.as_mut_ptr();
            format.write_to(c);
            (*c).time_base = ffi::AVRational { num: 1, den: format.rate() };
            (*c).bit_rate = BITS_PER_CHANNEL * i64::from(format.channels());
            if global_header {
                (*c).flags |= ffi::AV_CODEC_FLAG_GLOBAL_HEADER as i32;
            }
            log::capture(|| ffi::avcodec_open2(c, encoder.as_ptr(), ptr::null_mut()))
        };
        if code < 0 {
            return Err(fail(ffmpeg::Error::from(code).to_string(), lines));
        }
        Ok(Self { decoder, encoder: context, format, source_time_base: stream.time_base, resampler: None, name })
    }

    pub(super) fn parameters(&self) -> Result<Parameters> {
        Parameters::of_encoder(&self.encoder)
    }

    pub(super) fn time_base(&self) -> ffi::AVRational {
        ffi::AVRational { num: 1, den: self.format.rate() }
    }

    pub(super) fn convert(&mut self, packet: Option<&ffmpeg::Packet>) -> Result<Vec<ffmpeg::Packet>> {
        // What can't be decoded is omitted: the sound around it is worth keeping.
        let _ = match packet {
            Some(packet) => self.decoder.send_packet(packet),
            None => self.decoder.send_eof(),
        };
        let mut out = Vec::new();
        loop {
            let mut frame = ffmpeg::frame::Audio::empty();
            if self.decoder.receive_frame(&mut frame).is_err() {
                break;
            }
            self.resample(&frame)?;
            self.encode(false, &mut out)?;
        }
        if packet.is_none() {
            if let Some(resampler) = &mut self.resampler {
                resampler.end()?;
            }
            self.encode(true, &mut out)?;
        }
        Ok(out)
    }

    fn resample(&mut self, frame: &ffmpeg::frame::Audio) -> Result<()> {
        if !self.resampler.as_ref().is_some_and(|resampler| resampler.takes(frame)) {
            // SAFETY: reads a field of an open encoder.
            let frame_size = unsafe { (*self.encoder.as_ptr()).frame_size };
            self.resampler = Some(Resampler::new(frame, &self.format, frame_size)?);
        }
        let Some(resampler) = &mut self.resampler else { return Ok(()) };
        let rate = ffi::AVRational { num: 1, den: frame.rate() as i32 };
        let pts = frame.timestamp().map(|t| time::rescale(t, self.source_time_base, rate));
        resampler.put(frame, pts)
    }

    /// Passes what the resampler has ready to the encoder, and at the `end` empties that.
    fn encode(&mut self, end: bool, out: &mut Vec<ffmpeg::Packet>) -> Result<()> {
        while let Some(frame) = self.resampler.as_mut().and_then(Resampler::take) {
            self.send(Some(&frame))?;
            self.receive(out)?;
        }
        if end {
            self.send(None)?;
            self.receive(out)?;
        }
        Ok(())
    }

    fn send(&mut self, frame: Option<&ffmpeg::frame::Audio>) -> Result<()> {
        // SAFETY: an open encoder, and a valid frame in its format or none.
        let code = unsafe {
            let frame = frame.map_or(ptr::null(), |frame| frame.as_ptr());
            ffi::avcodec_send_frame(self.encoder.as_mut_ptr(), frame)
        };
        if code >= 0 { Ok(()) } else { Err(self.failure(code)) }
    }

    fn receive(&mut self, out: &mut Vec<ffmpeg::Packet>) -> Result<()> {
        loop {
            let mut packet = ffmpeg::Packet::empty();
            // SAFETY: an open encoder and an empty packet.
            let code = unsafe { ffi::avcodec_receive_packet(self.encoder.as_mut_ptr(), packet.as_mut_ptr()) };
            if code == ffi::AVERROR(libc::EAGAIN) || code == ffi::AVERROR_EOF {
                return Ok(());
            }
            if code < 0 {
                return Err(self.failure(code));
            }
            out.push(packet);
        }
    }

    fn failure(&self, code: i32) -> MediaError {
        MediaError::Encoder {
            encoder: self.name.clone(),
            what: "sound".to_owned(),
            reason: ffmpeg::Error::from(code).to_string(),
            log: log::recent_log(),
        }
    }
}
