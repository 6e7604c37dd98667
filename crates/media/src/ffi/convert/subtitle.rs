//! Decoding and encoding text subtitles.
#![allow(unsafe_code)]

use crate::ffi::codec::find_decoder;
use crate::ffi::parameters::Parameters;
use ffmpeg_next::{self as ffmpeg, ffi, packet::Ref as _};
use std::mem::MaybeUninit;
use std::ptr;

/// Bytes of the longest text that is encoded.
const LONGEST: usize = 1 << 16;

/// A decoded text.
pub(crate) struct Subtitle(ffi::AVSubtitle);

impl Drop for Subtitle {
    fn drop(&mut self) {
        // SAFETY: a subtitle that FFmpeg has filled.
        unsafe { ffi::avsubtitle_free(&raw mut self.0) };
    }
}

impl Subtitle {
    /// How long it is shown, where it says so itself.
    pub(crate) fn milliseconds(&self) -> i64 {
        i64::from(self.0.end_display_time.saturating_sub(self.0.start_display_time))
    }

    /// Milliseconds from its packet's time to when it is shown.
    pub(crate) fn delay(&self) -> i64 {
        i64::from(self.0.start_display_time)
    }
}

/// An open decoder.
pub(crate) struct SubtitleDecoder(ffmpeg::codec::Context);

impl SubtitleDecoder {
    /// # Errors
    /// FFmpeg has none, or it doesn't start.
    pub(crate) fn open(
        parameters: &Parameters,
        time_base: ffi::AVRational,
    ) -> std::result::Result<Self, ffmpeg::Error> {
        let decoder = find_decoder(parameters.codec()).ok_or(ffmpeg::Error::DecoderNotFound)?;
        let mut context = parameters.context()?;
        // SAFETY: a plain field of a context that isn't open yet; then it is opened.
        let code = unsafe {
            (*context.as_mut_ptr()).pkt_timebase = time_base;
            ffi::avcodec_open2(context.as_mut_ptr(), decoder.as_ptr(), ptr::null_mut())
        };
        if code < 0 { Err(code.into()) } else { Ok(Self(context)) }
    }

    /// The text in a packet; `None` where there is none, or it is damaged.
    pub(crate) fn decode(&mut self, packet: &ffmpeg::Packet) -> Option<Subtitle> {
        let mut subtitle = MaybeUninit::<ffi::AVSubtitle>::zeroed();
        let mut got = 0;
        // SAFETY: an open decoder and a valid packet, which is only read; the subtitle is filled where `got` says so.
        unsafe {
            let packet = packet.as_ptr().cast_mut();
            let code = ffi::avcodec_decode_subtitle2(self.0.as_mut_ptr(), subtitle.as_mut_ptr(), &raw mut got, packet);
            if code < 0 || got == 0 {
                return None;
            }
            let subtitle = Subtitle(subtitle.assume_init());
            (subtitle.0.num_rects > 0).then_some(subtitle)
        }
    }
}

/// An open encoder.
pub(crate) struct SubtitleEncoder(ffmpeg::codec::Context);

impl SubtitleEncoder {
    /// For texts of that decoder, whose styles it takes over.
    ///
    /// # Errors
    /// It doesn't start.
    pub(crate) fn open(encoder: &ffmpeg::Codec, decoder: &SubtitleDecoder) -> std::result::Result<Self, ffmpeg::Error> {
        let mut context = ffmpeg::codec::Context::new_with_codec(*encoder);
        // SAFETY: fields of a context that isn't open yet; the header is copied into memory of FFmpeg's, one byte longer and
        // so ended by NUL, which is freed with the context.
        let code = unsafe {
            let (from, to) = (decoder.0.as_ptr(), context.as_mut_ptr());
            (*to).time_base = ffi::AVRational { num: 1, den: 1_000_000 };
            let size = (*from).subtitle_header_size.max(0) as usize;
            if size > 0 && !(*from).subtitle_header.is_null() {
                let memory = ffi::av_mallocz(size + 1).cast::<u8>();
                if memory.is_null() {
                    return Err(ffmpeg::Error::Other { errno: libc::ENOMEM });
                }
                ptr::copy_nonoverlapping((*from).subtitle_header, memory, size);
                (*to).subtitle_header = memory;
                (*to).subtitle_header_size = size as i32;
            }
            ffi::avcodec_open2(to, encoder.as_ptr(), ptr::null_mut())
        };
        if code < 0 { Err(code.into()) } else { Ok(Self(context)) }
    }

    pub(crate) fn context(&self) -> &ffmpeg::codec::Context {
        &self.0
    }

    /// The bytes of a packet; `None` where it can't be said in this format.
    pub(crate) fn encode(&mut self, subtitle: &Subtitle) -> Option<Vec<u8>> {
        let mut bytes = vec![0u8; LONGEST];
        // SAFETY: an open encoder and a filled subtitle, which is only read; the buffer's size is passed.
        let written = unsafe {
            ffi::avcodec_encode_subtitle(self.0.as_mut_ptr(), bytes.as_mut_ptr(), LONGEST as i32, &raw const subtitle.0)
        };
        let written = usize::try_from(written).ok().filter(|n| *n > 0)?;
        bytes.truncate(written);
        Some(bytes)
    }
}
