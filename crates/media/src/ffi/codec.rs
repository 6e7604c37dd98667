//! Codecs, and the encoders and decoders that FFmpeg has for them.
#![allow(unsafe_code)]

use crate::ffi::numbers::{self, CodecId, MediaKind, PixelFormat};
use ffmpeg_next::{self as ffmpeg, ffi};
use std::ffi::{CStr, CString};
use std::ptr;

/// FFmpeg's name of a codec, as ffprobe prints it.
pub(crate) fn codec_name(id: CodecId) -> String {
    // SAFETY: always returns a static string.
    unsafe { CStr::from_ptr(numbers::avcodec_get_name(id.get())) }.to_string_lossy().into_owned()
}

/// The codec of that number, if FFmpeg has one.
pub(crate) fn codec_of(number: i64) -> Option<CodecId> {
    let mut descriptor = ptr::null();
    loop {
        // SAFETY: walks FFmpeg's static list from its beginning to the null at its end.
        descriptor = unsafe { ffi::avcodec_descriptor_next(descriptor) };
        if descriptor.is_null() {
            return None;
        }
        // SAFETY: a static description.
        let id = unsafe { numbers::read(&raw const (*descriptor).id) };
        if i64::from(id.get()) == number {
            return Some(id);
        }
    }
}

/// Whether subtitles of a codec are texts, rather than pictures.
pub(crate) fn is_text_subtitle(id: CodecId) -> bool {
    let descriptor = numbers::avcodec_descriptor_get(id.get());
    // SAFETY: null or a static description.
    !descriptor.is_null() && unsafe { (*descriptor).props } & ffi::AV_CODEC_PROP_TEXT_SUB != 0
}

/// FFmpeg's name of a codec's profile.
pub(crate) fn profile_name(id: CodecId, profile: i32) -> Option<String> {
    let name = numbers::avcodec_profile_name(id.get(), profile);
    // SAFETY: null or a static string.
    (!name.is_null()).then(|| unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned())
}

/// FFmpeg's word for video, audio and so on.
pub(crate) fn media_kind_name(kind: MediaKind) -> String {
    let name = numbers::av_get_media_type_string(kind.get());
    if name.is_null() {
        return "unknown".to_owned();
    }
    // SAFETY: a static string.
    unsafe { CStr::from_ptr(name) }.to_string_lossy().into_owned()
}

/// FFmpeg's decoder for a codec.
pub(crate) fn find_decoder(id: CodecId) -> Option<ffmpeg::Codec> {
    let codec = numbers::avcodec_find_decoder(id.get());
    // SAFETY: a static description.
    (!codec.is_null()).then(|| unsafe { ffmpeg::Codec::wrap(codec) })
}

/// FFmpeg's encoder of that name.
pub(crate) fn find_encoder(name: &str) -> Option<ffmpeg::Codec> {
    let name = CString::new(name).ok()?;
    // SAFETY: the name is a valid string.
    let codec = unsafe { ffi::avcodec_find_encoder_by_name(name.as_ptr()) };
    // SAFETY: a static description.
    (!codec.is_null()).then(|| unsafe { ffmpeg::Codec::wrap(codec) })
}

/// What an encoder or decoder is for.
pub(crate) fn id_of(codec: &ffmpeg::Codec) -> CodecId {
    // SAFETY: reads a field of a static description.
    unsafe { numbers::read(&raw const (*codec.as_ptr()).id) }
}

/// Whether it encodes or decodes video.
pub(crate) fn is_video(codec: &ffmpeg::Codec) -> bool {
    // SAFETY: reads a field of a static description.
    unsafe { numbers::read(&raw const (*codec.as_ptr()).type_) == ffi::AVMediaType::AVMEDIA_TYPE_VIDEO }
}

/// Whether a device other than the CPU does the work.
pub(crate) fn is_hardware(codec: &ffmpeg::Codec) -> bool {
    // SAFETY: reads a field of a static description.
    unsafe { (*codec.as_ptr()).capabilities & ffi::AV_CODEC_CAP_HARDWARE as i32 != 0 }
}

/// The pixel formats that a video encoder accepts, its favorite first; none where it doesn't say.
pub(crate) fn pixel_formats(codec: &ffmpeg::Codec) -> Vec<PixelFormat> {
    if !is_video(codec) {
        return Vec::new();
    }
    supported(codec, Supported::PixelFormats).into_iter().map(PixelFormat::new).collect()
}

/// A list that a codec may have of what it accepts.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Supported {
    PixelFormats,
    SampleRates,
    SampleFormats,
}

/// What a codec accepts, its favorite first, as FFmpeg's numbers; none where it doesn't say.
pub(crate) fn supported(codec: &ffmpeg::Codec, what: Supported) -> Vec<i32> {
    let is_end = |value: i32| value < 0 || what == Supported::SampleRates && value == 0;
    let mut values = Vec::new();
    // SAFETY: a codec is static, and so is its list, which ends with -1, that of rates with 0.
    unsafe {
        let mut next = list(codec.as_ptr(), what);
        while !next.is_null() && !is_end(*next) {
            values.push(*next);
            next = next.add(1);
        }
    }
    values
}

/// # Safety
/// `codec` is one of FFmpeg's.
#[cfg(not(ffmpeg_9))]
unsafe fn list(codec: *const ffi::AVCodec, what: Supported) -> *const i32 {
    // SAFETY: reads fields of a static description; enums are as large as an i32.
    unsafe {
        match what {
            Supported::PixelFormats => (*codec).pix_fmts.cast(),
            Supported::SampleRates => (*codec).supported_samplerates,
            Supported::SampleFormats => (*codec).sample_fmts.cast(),
        }
    }
}

/// FFmpeg 9 has a function in place of the fields.
///
/// # Safety
/// `codec` is one of FFmpeg's.
#[cfg(ffmpeg_9)]
unsafe fn list(codec: *const ffi::AVCodec, what: Supported) -> *const i32 {
    let config = match what {
        Supported::PixelFormats => ffi::AVCodecConfig::AV_CODEC_CONFIG_PIX_FORMAT,
        Supported::SampleRates => ffi::AVCodecConfig::AV_CODEC_CONFIG_SAMPLE_RATE,
        Supported::SampleFormats => ffi::AVCodecConfig::AV_CODEC_CONFIG_SAMPLE_FORMAT,
    };
    let mut list: *const i32 = ptr::null();
    // SAFETY: the codec is valid, no context is needed, and of the results only the list is asked for, which stays null
    // where the function fails.
    unsafe {
        let out = (&raw mut list).cast();
        ffi::avcodec_get_supported_config(ptr::null(), codec, config, 0, out, ptr::null_mut());
    }
    list
}

/// Whether an encoder has a private option of that name.
pub(crate) fn has_option(codec: &ffmpeg::Codec, key: &str) -> bool {
    let Ok(key) = CString::new(key) else { return false };
    // SAFETY: a codec is static; av_opt_find with a "fake object" wants the address of a class pointer.
    unsafe {
        let class = &raw const (*codec.as_ptr()).priv_class;
        !(*class).is_null()
            && !ffi::av_opt_find(class as *mut _, key.as_ptr(), ptr::null(), 0, ffi::AV_OPT_SEARCH_FAKE_OBJ as _)
                .is_null()
    }
}
