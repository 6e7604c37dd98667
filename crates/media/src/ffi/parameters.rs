//! Small safe wrappers over FFmpeg's C structures that ffmpeg-next lacks.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use ffmpeg_next::{self as ffmpeg, ffi};
use serde::{Deserialize, Serialize};
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

/// Tags as FFmpeg keeps them: bytes, which need not be UTF-8.
pub(crate) type Tags = Vec<(CString, CString)>;

/// The path as an FFmpeg URL. Without the scheme, `take:2.mp4` would be a protocol named `take`.
pub(crate) fn file_url(path: &Path) -> Result<CString> {
    let mut url = b"file:".to_vec();
    url.extend_from_slice(path.as_os_str().as_bytes());
    CString::new(url)
        .map_err(|_| MediaError::Invalid { what: format!("{}: the name has a NUL byte in it", path.display()) })
}

/// Copies a dictionary out.
///
/// # Safety
/// `dict` is null or a valid dictionary.
pub(crate) unsafe fn read_dict(dict: *const ffi::AVDictionary) -> Tags {
    let mut tags = Vec::new();
    let mut entry: *mut ffi::AVDictionaryEntry = ptr::null_mut();
    loop {
        // SAFETY: the caller's; `entry` comes from the previous call on the same dictionary.
        entry = unsafe { ffi::av_dict_get(dict, c"".as_ptr(), entry, ffi::AV_DICT_IGNORE_SUFFIX as _) };
        if entry.is_null() {
            return tags;
        }
        // SAFETY: an entry's key and value are NUL-terminated strings.
        unsafe { tags.push((CStr::from_ptr((*entry).key).to_owned(), CStr::from_ptr((*entry).value).to_owned())) };
    }
}

/// Adds tags to a dictionary.
///
/// # Safety
/// `dict` points to null or to a valid dictionary.
pub(crate) unsafe fn write_dict<'a>(
    dict: *mut *mut ffi::AVDictionary,
    tags: impl IntoIterator<Item = &'a (CString, CString)>,
) {
    for (key, value) in tags {
        // SAFETY: the caller's; the strings are copied. Out of memory loses a tag, no more.
        unsafe { ffi::av_dict_set(dict, key.as_ptr(), value.as_ptr(), 0) };
    }
}

/// An owned option dictionary.
pub(crate) struct Options(*mut ffi::AVDictionary);

impl Options {
    /// From pairs; the text must not contain NUL.
    pub(crate) fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut options = Options(ptr::null_mut());
        for (key, value) in pairs {
            let c = |s: &str| {
                CString::new(s)
                    .map_err(|_| MediaError::Invalid { what: format!("option {key}: has a NUL character in it") })
            };
            let (k, v) = (c(key)?, c(value)?);
            // SAFETY: the dictionary is ours; the strings are copied.
            unsafe { ffi::av_dict_set(&raw mut options.0, k.as_ptr(), v.as_ptr(), 0) };
        }
        Ok(options)
    }

    /// For FFmpeg functions that take what they know out of the dictionary.
    pub(crate) fn as_mut_ptr(&mut self) -> *mut *mut ffi::AVDictionary {
        &raw mut self.0
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: the dictionary is ours.
        unsafe { ffi::av_dict_free(&raw mut self.0) };
    }
}

/// Codec parameters of a stream, detached from its file and never changed again.
pub(crate) struct Params(ffmpeg::codec::Parameters);

// SAFETY: only `&self` access, and FFmpeg's readers of AVCodecParameters do not write to it.
unsafe impl Sync for Params {}

impl Params {
    /// A deep copy.
    pub(crate) fn of(stream: &ffmpeg::Stream<'_>) -> Self {
        // `Clone` makes a deep copy that doesn't keep the file open.
        Params(stream.parameters().clone())
    }

    /// Those of an open encoder.
    ///
    /// # Errors
    /// Memory is short.
    pub(crate) fn of_encoder(context: *const ffi::AVCodecContext) -> Result<Self> {
        let mut parameters = ffmpeg::codec::Parameters::new();
        // SAFETY: both are valid; FFmpeg copies what it needs.
        let code = unsafe { ffi::avcodec_parameters_from_context(parameters.as_mut_ptr(), context) };
        match code {
            0.. => Ok(Params(parameters)),
            _ => Err(MediaError::NoMemory { what: "codec parameters".to_owned() }),
        }
    }

    /// As numbers and bytes, for a file.
    pub(crate) fn save(&self) -> SavedParams {
        // SAFETY: reads fields of valid parameters; the extradata has the length that stands beside it.
        unsafe {
            let p = &*self.0.as_ptr();
            let extradata = if p.extradata.is_null() {
                Vec::new()
            } else {
                std::slice::from_raw_parts(p.extradata, p.extradata_size.max(0) as usize).to_vec()
            };
            SavedParams {
                codec: p.codec_id as i64,
                tag: p.codec_tag,
                format: p.format,
                bit_rate: p.bit_rate,
                bits: (p.bits_per_coded_sample, p.bits_per_raw_sample),
                profile: p.profile,
                level: p.level,
                size: (p.width, p.height),
                aspect: (p.sample_aspect_ratio.num, p.sample_aspect_ratio.den),
                field_order: p.field_order as u32,
                color: [
                    p.color_range as u32,
                    p.color_primaries as u32,
                    p.color_trc as u32,
                    p.color_space as u32,
                    p.chroma_location as u32,
                ],
                delay: p.video_delay,
                extradata,
            }
        }
    }

    /// The opposite of [`Params::save`].
    ///
    /// # Errors
    /// Memory is short, or a number is none of FFmpeg's.
    pub(crate) fn restore(saved: &SavedParams) -> Result<Self> {
        let mut parameters = ffmpeg::codec::Parameters::new();
        let no_memory = || MediaError::NoMemory { what: "codec parameters".to_owned() };
        let wrong = || MediaError::Invalid { what: "a segment's description of its codec makes no sense".to_owned() };
        let codec = codec_of(saved.codec).filter(|_| saved.extradata.len() < 1 << 24).ok_or_else(wrong)?;
        // SAFETY: parameters of our own. Numbers go into FFmpeg's enums as numbers, since Rust's must
        // never hold one that they don't have; the extradata gets FFmpeg's padding and is freed with
        // the parameters.
        unsafe {
            let p = &mut *parameters.as_mut_ptr();
            p.codec_type = ffi::AVMediaType::AVMEDIA_TYPE_VIDEO;
            p.codec_id = codec;
            (p.codec_tag, p.format, p.bit_rate) = (saved.tag, saved.format, saved.bit_rate);
            (p.bits_per_coded_sample, p.bits_per_raw_sample) = saved.bits;
            (p.profile, p.level) = (saved.profile, saved.level);
            (p.width, p.height) = saved.size;
            p.sample_aspect_ratio = ffi::AVRational { num: saved.aspect.0, den: saved.aspect.1 };
            (&raw mut p.field_order).cast::<u32>().write(saved.field_order);
            (&raw mut p.color_range).cast::<u32>().write(saved.color[0]);
            (&raw mut p.color_primaries).cast::<u32>().write(saved.color[1]);
            (&raw mut p.color_trc).cast::<u32>().write(saved.color[2]);
            (&raw mut p.color_space).cast::<u32>().write(saved.color[3]);
            (&raw mut p.chroma_location).cast::<u32>().write(saved.color[4]);
            p.video_delay = saved.delay;
            if !saved.extradata.is_empty() {
                let padded = saved.extradata.len() + ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize;
                p.extradata = ffi::av_mallocz(padded).cast::<u8>();
                if p.extradata.is_null() {
                    return Err(no_memory());
                }
                ptr::copy_nonoverlapping(saved.extradata.as_ptr(), p.extradata, saved.extradata.len());
                p.extradata_size = saved.extradata.len() as i32;
            }
        }
        Ok(Params(parameters))
    }

    /// For `avcodec_parameters_copy` and for reading fields.
    pub(crate) fn as_ptr(&self) -> *const ffi::AVCodecParameters {
        // SAFETY: only hands the pointer on.
        unsafe { self.0.as_ptr() }
    }

    /// An open decoder for them, on one thread.
    pub(crate) fn decoder(&self) -> std::result::Result<ffmpeg::decoder::Video, ffmpeg::Error> {
        let mut context = ffmpeg::codec::Context::from_parameters(self.0.clone())?;
        // SAFETY: a plain field of a context that isn't open yet.
        unsafe { (*context.as_mut_ptr()).thread_count = 1 };
        context.decoder().video()
    }

    /// What the stream carries.
    pub(crate) fn kind(&self) -> ffmpeg::media::Type {
        self.0.medium()
    }

    /// Its codec.
    pub(crate) fn codec(&self) -> ffi::AVCodecID {
        self.0.id().into()
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
pub(crate) struct SavedParams {
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

/// The codec of that number, if FFmpeg has one.
fn codec_of(number: i64) -> Option<ffi::AVCodecID> {
    let mut descriptor = ptr::null();
    loop {
        // SAFETY: walks FFmpeg's static list from its beginning to the null at its end.
        descriptor = unsafe { ffi::avcodec_descriptor_next(descriptor) };
        // SAFETY: null or a static description.
        let id = unsafe { descriptor.as_ref() }?.id;
        if id as i64 == number {
            return Some(id);
        }
    }
}

/// FFmpeg's name of a codec.
pub(crate) fn codec_name(id: ffi::AVCodecID) -> String {
    // SAFETY: always returns a static string.
    unsafe { CStr::from_ptr(ffi::avcodec_get_name(id)) }.to_string_lossy().into_owned()
}

/// Seconds of `ticks` of a time base.
pub(crate) fn seconds(ticks: i64, time_base: ffi::AVRational) -> f64 {
    ticks as f64 * f64::from(time_base.num) / f64::from(time_base.den)
}

/// `ticks` of one time base in another, rounded to nearest; AV_NOPTS_VALUE stays.
pub(crate) fn rescale(ticks: i64, from: ffi::AVRational, to: ffi::AVRational) -> i64 {
    if ticks == ffi::AV_NOPTS_VALUE || (from.num == to.num && from.den == to.den) {
        return ticks;
    }
    // SAFETY: plain arithmetic; both denominators are positive in every stream FFmpeg hands out.
    unsafe { ffi::av_rescale_q(ticks, from, to) }
}

/// Microseconds, FFmpeg's common time base.
pub(crate) const MICROSECONDS: ffi::AVRational = ffi::AVRational { num: 1, den: 1_000_000 };
