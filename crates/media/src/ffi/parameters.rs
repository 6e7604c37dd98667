//! Codec parameters: what a stream's container says of its codec.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::codec::{codec_name, codec_of, find_decoder};
use crate::ffi::numbers::{self, CodecId, MediaKind, Number};
use ffmpeg_next::{self as ffmpeg, ffi};
use serde::{Deserialize, Serialize};
use std::ptr;

/// Codec parameters of a stream, detached from its file and never changed again.
pub(crate) struct Parameters(ffmpeg::codec::Parameters);

// SAFETY: only `&self` access, and FFmpeg's readers of AVCodecParameters do not write to it.
unsafe impl Sync for Parameters {}

impl Parameters {
    /// A deep copy.
    pub(crate) fn of(stream: &ffmpeg::Stream<'_>) -> Self {
        // `Clone` makes a deep copy that doesn't keep the file open.
        Parameters(stream.parameters().clone())
    }

    /// Those of an open encoder.
    ///
    /// # Errors
    /// Memory is short.
    pub(crate) fn of_encoder(context: &ffmpeg::codec::Context) -> Result<Self> {
        let mut parameters = ffmpeg::codec::Parameters::new();
        // SAFETY: both are valid; FFmpeg copies what it needs.
        let code = unsafe { ffi::avcodec_parameters_from_context(parameters.as_mut_ptr(), context.as_ptr()) };
        match code {
            0.. => Ok(Parameters(parameters)),
            _ => Err(MediaError::NoMemory { what: "codec parameters".to_owned() }),
        }
    }

    /// As numbers and bytes, for a file.
    pub(crate) fn save(&self) -> SavedParameters {
        let p = self.as_ptr();
        // SAFETY: reads fields of valid parameters; the extradata has the length that stands beside it.
        unsafe {
            let extradata = if (*p).extradata.is_null() {
                Vec::new()
            } else {
                std::slice::from_raw_parts((*p).extradata, (*p).extradata_size.max(0) as usize).to_vec()
            };
            SavedParameters {
                codec: i64::from(numbers::read(&raw const (*p).codec_id).get()),
                tag: (*p).codec_tag,
                format: (*p).format,
                bit_rate: (*p).bit_rate,
                bits: ((*p).bits_per_coded_sample, (*p).bits_per_raw_sample),
                profile: (*p).profile,
                level: (*p).level,
                size: ((*p).width, (*p).height),
                aspect: ((*p).sample_aspect_ratio.num, (*p).sample_aspect_ratio.den),
                field_order: numbers::read(&raw const (*p).field_order).get() as u32,
                color: [
                    numbers::read(&raw const (*p).color_range).get() as u32,
                    numbers::read(&raw const (*p).color_primaries).get() as u32,
                    numbers::read(&raw const (*p).color_trc).get() as u32,
                    numbers::read(&raw const (*p).color_space).get() as u32,
                    numbers::read(&raw const (*p).chroma_location).get() as u32,
                ],
                delay: (*p).video_delay,
                extradata,
            }
        }
    }

    /// The opposite of [`Parameters::save`].
    ///
    /// # Errors
    /// Memory is short, or a number is none of FFmpeg's.
    pub(crate) fn restore(saved: &SavedParameters) -> Result<Self> {
        let mut parameters = ffmpeg::codec::Parameters::new();
        let no_memory = || MediaError::NoMemory { what: "codec parameters".to_owned() };
        let wrong = || MediaError::Invalid { what: "a segment's codec description is invalid".to_owned() };
        let codec = codec_of(saved.codec).filter(|_| saved.extradata.len() < 1 << 24).ok_or_else(wrong)?;
        // SAFETY: parameters of our own; the extradata gets FFmpeg's padding and is freed with them.
        unsafe {
            let p = parameters.as_mut_ptr();
            (*p).codec_type = ffi::AVMediaType::AVMEDIA_TYPE_VIDEO;
            numbers::write(&raw mut (*p).codec_id, codec);
            ((*p).codec_tag, (*p).format, (*p).bit_rate) = (saved.tag, saved.format, saved.bit_rate);
            ((*p).bits_per_coded_sample, (*p).bits_per_raw_sample) = saved.bits;
            ((*p).profile, (*p).level) = (saved.profile, saved.level);
            ((*p).width, (*p).height) = saved.size;
            (*p).sample_aspect_ratio = ffi::AVRational { num: saved.aspect.0, den: saved.aspect.1 };
            let [range, primaries, transfer, space, chroma_location] = saved.color;
            numbers::write(&raw mut (*p).field_order, Number::new(saved.field_order as i32));
            numbers::write(&raw mut (*p).color_range, Number::new(range as i32));
            numbers::write(&raw mut (*p).color_primaries, Number::new(primaries as i32));
            numbers::write(&raw mut (*p).color_trc, Number::new(transfer as i32));
            numbers::write(&raw mut (*p).color_space, Number::new(space as i32));
            numbers::write(&raw mut (*p).chroma_location, Number::new(chroma_location as i32));
            (*p).video_delay = saved.delay;
            if !saved.extradata.is_empty() {
                let padded = saved.extradata.len() + ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize;
                (*p).extradata = ffi::av_mallocz(padded).cast::<u8>();
                if (*p).extradata.is_null() {
                    return Err(no_memory());
                }
                ptr::copy_nonoverlapping(saved.extradata.as_ptr(), (*p).extradata, saved.extradata.len());
                (*p).extradata_size = saved.extradata.len() as i32;
            }
        }
        Ok(Parameters(parameters))
    }

    /// For `avcodec_parameters_copy` and for reading fields.
    pub(crate) fn as_ptr(&self) -> *const ffi::AVCodecParameters {
        // SAFETY: only passes the pointer on.
        unsafe { self.0.as_ptr() }
    }

    /// An open decoder for them, on one thread.
    pub(crate) fn decoder(&self) -> std::result::Result<ffmpeg::decoder::Video, ffmpeg::Error> {
        let mut context = ffmpeg::codec::Context::from_parameters(self.0.clone())?;
        // SAFETY: a plain field of a context that isn't open yet.
        unsafe { (*context.as_mut_ptr()).thread_count = 1 };
        open_decoder(context, self.codec(), &[])
    }

    /// A context with them that isn't open yet.
    pub(crate) fn context(&self) -> std::result::Result<ffmpeg::codec::Context, ffmpeg::Error> {
        ffmpeg::codec::Context::from_parameters(self.0.clone())
    }

    /// An open decoder of sound for them, whose packets count in `time_base`.
    pub(crate) fn audio_decoder(
        &self,
        time_base: ffi::AVRational,
    ) -> std::result::Result<ffmpeg::decoder::Audio, ffmpeg::Error> {
        let decoder = find_decoder(self.codec()).ok_or(ffmpeg::Error::DecoderNotFound)?;
        let mut context = self.context()?;
        // SAFETY: a plain field of a context that isn't open yet.
        unsafe { (*context.as_mut_ptr()).pkt_timebase = time_base };
        context.decoder().open_as(decoder)?.audio()
    }

    /// What the stream carries.
    pub(crate) fn kind(&self) -> MediaKind {
        // SAFETY: reads a field of valid parameters.
        unsafe { numbers::read(&raw const (*self.as_ptr()).codec_type) }
    }

    /// Width and height of a video.
    pub(crate) fn size(&self) -> (i32, i32) {
        // SAFETY: reads fields of valid parameters.
        unsafe { ((*self.as_ptr()).width, (*self.as_ptr()).height) }
    }

    /// Whether the container says what the decoder must know beforehand.
    pub(crate) fn has_extradata(&self) -> bool {
        // SAFETY: reads a field of valid parameters.
        unsafe { (*self.as_ptr()).extradata_size > 0 }
    }

    pub(crate) fn codec(&self) -> CodecId {
        // SAFETY: reads a field of valid parameters.
        unsafe { numbers::read(&raw const (*self.as_ptr()).codec_id) }
    }

    /// The container's four-letter tag for it.
    pub(crate) fn tag(&self) -> [u8; 4] {
        // SAFETY: reads a field of valid parameters.
        unsafe { (*self.0.as_ptr()).codec_tag }.to_le_bytes()
    }

    /// Its codec's name, as ffprobe prints it.
    pub(crate) fn codec_name(&self) -> String {
        codec_name(self.codec())
    }
}

/// Codec parameters of a video as a segment's file keeps them, in FFmpeg's numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedParameters {
    codec: i64,
    tag: u32,
    format: i32,
    bit_rate: i64,
    bits: (i32, i32),
    profile: i32,
    level: i32,
    size: (i32, i32),
    aspect: (i32, i32),
    field_order: u32,
    color: [u32; 5],
    delay: i32,
    extradata: Vec<u8>,
}

/// Opens a decoder of video, of which `context` has the parameters, with these private options.
///
/// # Errors
/// FFmpeg has no decoder for the codec, or it doesn't start.
pub(crate) fn open_decoder(
    context: ffmpeg::codec::Context,
    codec: CodecId,
    options: &[(&str, &str)],
) -> std::result::Result<ffmpeg::decoder::Video, ffmpeg::Error> {
    let decoder = find_decoder(codec).ok_or(ffmpeg::Error::DecoderNotFound)?;
    context.decoder().open_as_with(decoder, options.iter().copied().collect())?.video()
}
