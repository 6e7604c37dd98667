//! Small safe wrappers over FFmpeg's C structures that ffmpeg-next lacks.
#![allow(unsafe_code)]

use super::error::{MediaError, Result};
use ffmpeg_next::{self as ffmpeg, ffi};
use std::ffi::{CStr, CString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

/// Tags as FFmpeg keeps them: bytes, which need not be UTF-8.
pub(super) type Tags = Vec<(CString, CString)>;

/// The path as an FFmpeg URL. Without the scheme, `take:2.mp4` would be a protocol named `take`.
pub(super) fn file_url(path: &Path) -> Result<CString> {
    let mut url = b"file:".to_vec();
    url.extend_from_slice(path.as_os_str().as_bytes());
    CString::new(url)
        .map_err(|_| MediaError::Invalid { what: format!("{}: the name has a NUL byte in it", path.display()) })
}

/// Copies a dictionary out.
///
/// # Safety
/// `dict` is null or a valid dictionary.
pub(super) unsafe fn read_dict(dict: *const ffi::AVDictionary) -> Tags {
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
pub(super) unsafe fn write_dict<'a>(
    dict: *mut *mut ffi::AVDictionary,
    tags: impl IntoIterator<Item = &'a (CString, CString)>,
) {
    for (key, value) in tags {
        // SAFETY: the caller's; the strings are copied. Out of memory loses a tag, no more.
        unsafe { ffi::av_dict_set(dict, key.as_ptr(), value.as_ptr(), 0) };
    }
}

/// An owned option dictionary.
pub(super) struct Options(*mut ffi::AVDictionary);

impl Options {
    /// From pairs; the text must not contain NUL.
    pub(super) fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
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
    pub(super) fn as_mut_ptr(&mut self) -> *mut *mut ffi::AVDictionary {
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
pub(super) struct Params(ffmpeg::codec::Parameters);

// SAFETY: only `&self` access, and FFmpeg's readers of AVCodecParameters do not write to it.
unsafe impl Sync for Params {}

impl Params {
    /// A deep copy.
    pub(super) fn of(stream: &ffmpeg::Stream<'_>) -> Self {
        // `Clone` makes a deep copy that doesn't keep the file open.
        Params(stream.parameters().clone())
    }

    /// For `avcodec_parameters_copy` and for reading fields.
    pub(super) fn as_ptr(&self) -> *const ffi::AVCodecParameters {
        // SAFETY: only hands the pointer on.
        unsafe { self.0.as_ptr() }
    }

    /// What the stream carries.
    pub(super) fn kind(&self) -> ffmpeg::media::Type {
        self.0.medium()
    }

    /// Its codec.
    pub(super) fn codec(&self) -> ffi::AVCodecID {
        self.0.id().into()
    }

    /// The container's four-letter tag for it.
    pub(super) fn tag(&self) -> [u8; 4] {
        // SAFETY: reads a field of valid parameters.
        unsafe { (*self.0.as_ptr()).codec_tag }.to_le_bytes()
    }

    /// Its codec's name, as ffprobe prints it.
    pub(super) fn codec_name(&self) -> String {
        codec_name(self.codec())
    }
}

/// FFmpeg's name of a codec.
pub(super) fn codec_name(id: ffi::AVCodecID) -> String {
    // SAFETY: always returns a static string.
    unsafe { CStr::from_ptr(ffi::avcodec_get_name(id)) }.to_string_lossy().into_owned()
}

/// Seconds of `ticks` of a time base.
pub(super) fn seconds(ticks: i64, time_base: ffi::AVRational) -> f64 {
    ticks as f64 * f64::from(time_base.num) / f64::from(time_base.den)
}

/// `ticks` of one time base in another, rounded to nearest; AV_NOPTS_VALUE stays.
pub(super) fn rescale(ticks: i64, from: ffi::AVRational, to: ffi::AVRational) -> i64 {
    if ticks == ffi::AV_NOPTS_VALUE || (from.num == to.num && from.den == to.den) {
        return ticks;
    }
    // SAFETY: plain arithmetic; both denominators are positive in every stream FFmpeg hands out.
    unsafe { ffi::av_rescale_q(ticks, from, to) }
}

/// Microseconds, FFmpeg's common time base.
pub(super) const MICROSECONDS: ffi::AVRational = ffi::AVRational { num: 1, den: 1_000_000 };
