//! The views of both eyes in two layers of an HEVC video (MV-HEVC), as FFmpeg knows them since 7.1. Options and side data are
//! found by their names, so that the headers at hand need not know them.
#![allow(unsafe_code)]

use crate::ffi::numbers;
use ffmpeg_next::{self as ffmpeg, ffi};
use std::ffi::{CStr, c_void};
use std::ptr;
use std::sync::OnceLock;

/// The decoder's option that makes it deliver every view, as name and value.
pub(crate) const ALL_VIEWS: (&str, &str) = ("view_ids", "-1");

/// Which eye a view is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Eye {
    Left,
    Right,
    Unknown,
}

/// Whether this FFmpeg decodes more than one view, and says which one a frame is.
pub(crate) fn are_known() -> bool {
    view_id().is_some()
}

/// The views that an open decoder has found in the video's header, the base layer's first: number and eye. None where there
/// is one view, or where this FFmpeg knows of no others.
pub(crate) fn views(decoder: &ffmpeg::decoder::Video) -> Vec<(i32, Eye)> {
    let Some(ids) = list(decoder, c"view_ids_available") else { return Vec::new() };
    let eyes = list(decoder, c"view_pos_available").unwrap_or_default();
    // FFmpeg's AVStereo3DView.
    let eye = |i: usize| match eyes.get(i) {
        Some(1) => Eye::Left,
        Some(2) => Eye::Right,
        _ => Eye::Unknown,
    };
    ids.iter().enumerate().map(|(i, id)| (*id, eye(i))).collect()
}

/// An option that is a list of numbers; `None` where there is no such option.
fn list(decoder: &ffmpeg::decoder::Video, name: &CStr) -> Option<Vec<i32>> {
    let mut text: *mut u8 = ptr::null_mut();
    // SAFETY: an open decoder, which is only read; FFmpeg allocates the text, a NUL-terminated string, for us to free.
    unsafe {
        let context = decoder.as_ptr().cast_mut().cast::<c_void>();
        let code = ffi::av_opt_get(context, name.as_ptr(), ffi::AV_OPT_SEARCH_CHILDREN as _, &raw mut text);
        if code < 0 || text.is_null() {
            return None;
        }
        let numbers = CStr::from_ptr(text.cast()).to_string_lossy().into_owned();
        ffi::av_free(text.cast());
        numbers.split(',').map(|n| n.trim().parse().ok()).collect()
    }
}

/// The number of the view that a frame is; `None` where it doesn't say.
#[allow(clippy::unnecessary_cast)] // an int before FFmpeg 5
pub(crate) fn view_of(frame: &ffmpeg::frame::Video) -> Option<i32> {
    let kind = view_id()?;
    // SAFETY: walks the side data of a valid frame, of which each piece has the size that stands beside it.
    unsafe {
        let f = frame.as_ptr();
        let count = usize::try_from((*f).nb_side_data).ok()?;
        let all = (0..count).map(|i| *(*f).side_data.add(i));
        let found = all.into_iter().find(|piece| numbers::read(&raw const (**piece).type_).get() == kind)?;
        let enough = (*found).size as usize >= size_of::<i32>() && !(*found).data.is_null();
        enough.then(|| (*found).data.cast::<i32>().read_unaligned())
    }
}

/// Takes away that a frame is one of several views.
pub(crate) fn forget_view(frame: &mut ffmpeg::frame::Video) {
    let stereo = ffi::AVFrameSideDataType::AV_FRAME_DATA_STEREO3D as i32;
    for kind in view_id().into_iter().chain([stereo]) {
        // SAFETY: a valid frame that is ours; FFmpeg frees the side data, which isn't the samples' memory.
        unsafe { numbers::av_frame_remove_side_data(frame.as_mut_ptr(), kind) };
    }
}

/// Copies the marks of damage that a decoder has put on a frame.
#[allow(clippy::unnecessary_cast)] // of another type with other versions of FFmpeg
pub(crate) fn copy_damage(source: &ffmpeg::frame::Video, target: &mut ffmpeg::frame::Video) {
    // SAFETY: plain fields of valid frames.
    unsafe {
        let (source, target) = (source.as_ptr(), target.as_mut_ptr());
        (*target).decode_error_flags |= (*source).decode_error_flags;
        (*target).flags |= (*source).flags & ffi::AV_FRAME_FLAG_CORRUPT as i32;
    }
}

/// FFmpeg's number of the side data with a view's number; `None` where this FFmpeg has none.
fn view_id() -> Option<i32> {
    static FOUND: OnceLock<Option<i32>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        (0..128).find(|kind| {
            let name = numbers::av_frame_side_data_name(*kind);
            // SAFETY: null or a static string.
            !name.is_null() && unsafe { CStr::from_ptr(name) } == c"View ID"
        })
    })
}
