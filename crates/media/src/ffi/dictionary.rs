//! FFmpeg's dictionaries: tags of files and streams, and options of its functions.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use ffmpeg_next::ffi;
use std::ffi::{CStr, CString};
use std::ptr;

/// Tags as FFmpeg keeps them: bytes, which need not be UTF-8.
pub(crate) type Tags = Vec<(CString, CString)>;

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
pub(crate) struct Dictionary(*mut ffi::AVDictionary);

impl Dictionary {
    /// From pairs; the text must not contain NUL.
    pub(crate) fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Self> {
        let mut dictionary = Dictionary(ptr::null_mut());
        for (key, value) in pairs {
            let c = |s: &str| {
                CString::new(s)
                    .map_err(|_| MediaError::Invalid { what: format!("option {key}: has a NUL character in it") })
            };
            let (k, v) = (c(key)?, c(value)?);
            // SAFETY: the dictionary is ours; the strings are copied.
            unsafe { ffi::av_dict_set(&raw mut dictionary.0, k.as_ptr(), v.as_ptr(), 0) };
        }
        Ok(dictionary)
    }

    /// For FFmpeg functions that take what they know out of the dictionary.
    pub(crate) fn as_mut_ptr(&mut self) -> *mut *mut ffi::AVDictionary {
        &raw mut self.0
    }
}

impl Drop for Dictionary {
    fn drop(&mut self) {
        // SAFETY: the dictionary is ours.
        unsafe { ffi::av_dict_free(&raw mut self.0) };
    }
}
