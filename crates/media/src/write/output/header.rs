//! An output's header: tags, chapters, options of the muxer.
#![allow(unsafe_code)]

use super::Output;
use crate::error::{MediaError, Result};
use crate::ffi::dictionary::{Dictionary, write_dict};
use crate::ffi::log;
use crate::formats::container::Container;
use crate::formats::tags;
use crate::read::template::SourceTemplate;
use ffmpeg_next::{self as ffmpeg, ffi};
use std::ffi::CString;

impl Output {
    /// What of the source's tags and chapters the container has no place for, in words.
    pub(crate) fn lost_tags(&self, template: &SourceTemplate) -> Vec<String> {
        let name = self.container.name();
        let names = template.tags.iter().map(|(name, _)| name).filter(|name| !is_stale(name, false));
        let lost = tags::lost(&self.container, names);
        let mut losses = Vec::new();
        if !lost.is_empty() {
            losses.push(format!("{name} can't hold the tags {}; .mkv can", lost.join(", ")));
        }
        let chapters = template.chapters.len();
        if chapters > 0 && !tags::supports_chapters(&self.container) {
            losses.push(format!("{name} can't hold the {chapters} chapters; .mkv and .mp4 can"));
        }
        losses
    }

    /// Tags, chapters and the container's header.
    pub(crate) fn write_header(&mut self, template: &SourceTemplate) -> Result<()> {
        // The clock that the muxer gives the video track.
        let ticks = (0..14).map(|i| i64::from(template.video.time_base.den) << i).find(|t| *t >= 10_000);
        let ticks = ticks.unwrap_or(90_000).to_string();
        let mut pairs = Vec::new();
        let names = || template.tags.iter().map(|(name, _)| name).filter(|name| !is_stale(name, false));
        if self.container.is_mov() {
            // Playable from the first byte; the file is rewritten once at the end for that.
            let own_keys = tags::needs_own_keys(&self.container, names());
            pairs.push(("movflags", if own_keys { "+faststart+use_metadata_tags" } else { "+faststart" }));
            // Edit lists count in this clock; the default of 1 ms would put sound and picture out of
            // step by as much.
            pairs.push(("movie_timescale", ticks.as_str()));
        }
        let mut options = Dictionary::new(pairs)?;
        // SAFETY: an open output of ours.
        let (code, lines) = unsafe {
            let oc = self.context;
            write_dict(&raw mut (*oc).metadata, template.tags.iter().filter(|(k, _)| !is_stale(k, false)));
            (*oc).strict_std_compliance = self.compliance();
            if self.encodes_sound && matches!(self.container, Container::Matroska | Container::WebM) {
                // Opus begins before 0, which the muxer states as the codec's delay; it needn't move all streams for that.
                (*oc).avoid_negative_ts = 0;
            }
            if template.arbitrary_start {
                // MPEG-TS starts anywhere; as ffmpeg does, the output starts at 0.
                (*oc).output_ts_offset = -template.start;
            }
            add_chapters(oc, template)?;
            log::capture(|| ffi::avformat_write_header(oc, options.as_mut_ptr()))
        };
        self.check_header(code, lines)?;
        for (index, picture) in std::mem::take(&mut self.covers) {
            let mut packet = ffmpeg::Packet::copy(&picture);
            packet.set_stream(index);
            packet.set_pts(Some(0));
            packet.set_dts(Some(0));
            packet.set_flags(ffmpeg::packet::Flags::KEY);
            self.write(&mut packet)?;
        }
        Ok(())
    }

    /// The error for FFmpeg's code where it is the muxer that says no, rather than the disk.
    fn check_header(&self, code: i32, log: Vec<String>) -> Result<()> {
        let refusals = [ffi::AVERROR(libc::EINVAL), ffi::AVERROR(libc::ENOSYS)];
        let refused =
            refusals.contains(&code) || [ffi::AVERROR_PATCHWELCOME, ffi::AVERROR_EXPERIMENTAL].contains(&code);
        if refused { Err(self.refusal(code, log)) } else { self.check(code, log) }
    }
}

/// Tags that would be wrong in the output: who encoded it, how large it was, the brands of mp4.
pub(crate) fn is_stale(key: &CString, encoded: bool) -> bool {
    let key = key.to_string_lossy().to_ascii_uppercase();
    // Matroska's statistics may carry a language: `BPS-eng`.
    let key = key.split_once('-').map_or(key.as_str(), |(k, _)| k);
    let always = [
        "ENCODER",
        "MAJOR_BRAND",
        "MINOR_VERSION",
        "COMPATIBLE_BRANDS",
        "DURATION",
        "BPS",
        "NUMBER_OF_FRAMES",
        "NUMBER_OF_BYTES",
    ];
    always.contains(&key) || key.starts_with("_STATISTICS") || encoded && ["ALPHA_MODE", "ROTATE"].contains(&key)
}

/// Gives the output the source's chapters.
///
/// # Safety
/// `oc` is an output without chapters whose header isn't written.
unsafe fn add_chapters(oc: *mut ffi::AVFormatContext, template: &SourceTemplate) -> Result<()> {
    let count = template.chapters.len();
    if count == 0 {
        return Ok(());
    }
    let no_memory = || MediaError::NoMemory { what: "chapters".to_owned() };
    // SAFETY: the array and its entries come from FFmpeg's allocator, which frees them with the
    // context; `nb_chapters` counts only entries that are set.
    unsafe {
        let array = ffi::av_mallocz(count * size_of::<*mut ffi::AVChapter>()).cast::<*mut ffi::AVChapter>();
        if array.is_null() {
            return Err(no_memory());
        }
        (*oc).chapters = array;
        for (i, source) in template.chapters.iter().enumerate() {
            let chapter = ffi::av_mallocz(size_of::<ffi::AVChapter>()).cast::<ffi::AVChapter>();
            if chapter.is_null() {
                return Err(no_memory());
            }
            *array.add(i) = chapter;
            (*oc).nb_chapters = i as u32 + 1;
            (*chapter).id = source.id as _;
            (*chapter).time_base = source.time_base;
            (*chapter).start = source.start;
            (*chapter).end = source.end;
            write_dict(&raw mut (*chapter).metadata, &source.tags);
        }
    }
    Ok(())
}
