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
    let mut formats = Vec::new();
    // SAFETY: a static description, whose list, where there is one, ends with a negative number.
    unsafe {
        let mut next = (*codec.as_ptr()).pix_fmts;
        while !next.is_null() {
            let format = numbers::read(next);
            if format.get() < 0 {
                break;
            }
            formats.push(format);
            next = next.add(1);
        }
    }
    formats
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
