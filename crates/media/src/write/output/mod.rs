//! The muxer: an output file under its temporary name.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::log;
use crate::ffi::parameters::{self as raw, Options, Params, Tags};
use crate::formats::container::Container;
use crate::formats::sidedata;
use crate::read::template::{SourceTemplate, StreamTemplate};
use crate::write::writer::{Purpose, VrTags, WriterOptions};
use ffmpeg_next::{self as ffmpeg, ffi, media::Type, packet::Mut as _, packet::Ref as _};
use std::ffi::{CString, OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::ptr;

/// A stream that is copied.
#[derive(Clone, Debug)]
pub(crate) struct CopiedStream {
    index: usize,
    time_base: ffi::AVRational,
    last_dts: Option<i64>,
}

/// Where each stream of the source went, the video's number, and the streams left out.
type Streams = (Vec<Option<CopiedStream>>, usize, Vec<String>);

/// An open output. Dropped before [`Output::finish`] it removes its file.
pub(crate) struct Output {
    context: *mut ffi::AVFormatContext,
    container: Container,
    path: PathBuf,
    temporary: PathBuf,
    /// Holds the lock on the temporary file, which tells other runs that it is in use.
    lock: std::fs::File,
    overwrite: bool,
    /// Streams to be written whole after the header: number and bytes of a cover picture.
    covers: Vec<(usize, Vec<u8>)>,
    done: bool,
}

// SAFETY: the context is ours alone and FFmpeg's muxers keep nothing per thread.
unsafe impl Send for Output {}

impl Drop for Output {
    fn drop(&mut self) {
        // SAFETY: a context that `create` made; closing tolerates a null `pb`.
        unsafe {
            if !self.context.is_null() {
                ffi::avio_closep(&raw mut (*self.context).pb);
                ffi::avformat_free_context(self.context);
            }
        }
        if !self.done {
            // It may never have been created; nothing can be done about other failures here.
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

impl Output {
    /// Creates the temporary file `.NAME.part` beside the final one, so that renaming stays on one
    /// file system.
    ///
    /// # Errors
    /// It can't be created, or another run is writing it at this moment.
    pub(crate) fn create(path: &Path, container: &Container, overwrite: bool) -> Result<Self> {
        let temporary = path.with_file_name(temporary_name(path.file_name().unwrap_or_default()));
        // The system's own words for what is wrong with the directory.
        let lock = lock_file(&temporary).map_err(|e| MediaError::create(path, &e))?.ok_or_else(|| {
            let reason = "another vrseg is writing it at this moment".to_owned();
            MediaError::NotWritable { path: path.to_path_buf(), reason }
        })?;
        let mut output = Output {
            context: ptr::null_mut(),
            container: container.clone(),
            path: path.to_path_buf(),
            temporary,
            lock,
            overwrite,
            covers: Vec::new(),
            done: false,
        };
        let url = raw::file_url(&output.temporary)?;
        let muxer = container.muxer().map_or(ptr::null(), ptr::from_ref);
        // SAFETY: allocates a context for a static muxer description; null is checked for. The file is
        // opened for writing into the context's `pb`.
        let code = unsafe {
            let code = ffi::avformat_alloc_output_context2(&raw mut output.context, muxer, ptr::null(), url.as_ptr());
            if code < 0 {
                code
            } else {
                ffi::avio_open(&raw mut (*output.context).pb, url.as_ptr(), ffi::AVIO_FLAG_WRITE)
            }
        };
        output.check(code, Vec::new())?;
        Ok(output)
    }

    /// The error for FFmpeg's code, in words.
    fn check(&self, code: i32, log: Vec<String>) -> Result<()> {
        if code >= 0 {
            return Ok(());
        }
        Err(MediaError::write(&self.path, self.container.name(), ffmpeg::Error::from(code), log))
    }

    /// Adds the video, encoded as `encoder` says, and, in the source's order, all streams that can be copied.
    pub(crate) fn add_streams(
        &mut self,
        options: &WriterOptions<'_>,
        template: &SourceTemplate,
        encoder: &Params,
    ) -> Result<Streams> {
        let mut copied: Vec<Option<CopiedStream>> = vec![None; template.streams.len()];
        let mut video = 0;
        let mut dropped = Vec::new();
        for (i, stream) in template.streams.iter().enumerate() {
            if i == template.video.index {
                video = self.add_video(options, template, encoder)?;
            } else if options.copy_streams {
                match self.fate(stream, template) {
                    Fate::Copy => copied[i] = Some(self.add_copy(stream)?),
                    Fate::Cover => self.add_cover(stream)?,
                    Fate::Silent => {}
                    Fate::Drop(why) => {
                        let kind = match stream.disposition & ffi::AV_DISPOSITION_ATTACHED_PIC {
                            0 => format!("{:?}", stream.params.kind()).to_lowercase(),
                            _ => "cover picture".to_owned(),
                        };
                        dropped.push(format!("stream {i} ({kind}, {}): {why}", stream.params.codec_name()));
                    }
                }
            }
        }
        Ok((copied, video, dropped))
    }

    /// What becomes of a stream that isn't the video.
    fn fate(&self, stream: &StreamTemplate, template: &SourceTemplate) -> Fate {
        let codec = stream.params.codec();
        let cannot = || Fate::Drop(format!("{} cannot hold it", self.container.name()));
        let tag = stream.params.tag();
        match stream.params.kind() {
            Type::Video if stream.disposition & ffi::AV_DISPOSITION_ATTACHED_PIC != 0 => {
                match (&self.container, &stream.picture) {
                    // FFmpeg takes one for mov, too, and leaves it out without a word.
                    (Container::Mp4 | Container::Matroska, Some(_)) => Fate::Cover,
                    _ => cannot(),
                }
            }
            Type::Video => Fate::Drop("only one video stream is worked on".to_owned()),
            Type::Audio | Type::Subtitle => {
                if !self.container.holds(codec) {
                    cannot()
                } else if let Err(why) = self.try_header(stream) {
                    Fate::Drop(format!("{} cannot hold it: {why}", self.container.name()))
                } else {
                    Fate::Copy
                }
            }
            Type::Attachment if self.container == Container::Matroska => Fate::Copy,
            // Chapter and time-code tracks are made anew by the muxer from chapters and tags.
            Type::Data if tag == *b"text" && !template.chapters.is_empty() || tag == *b"tmcd" => Fate::Silent,
            Type::Data if codec != ffi::AVCodecID::AV_CODEC_ID_NONE && self.container.surely_holds(codec) => Fate::Copy,
            _ => cannot(),
        }
    }

    /// Whether the muxer takes a stream, tried in memory: better to leave one out than to fail at
    /// the header of the whole file.
    fn try_header(&self, source: &StreamTemplate) -> std::result::Result<(), String> {
        let muxer = self.container.muxer().map_or(ptr::null(), ptr::from_ref);
        let mut oc: *mut ffi::AVFormatContext = ptr::null_mut();
        // SAFETY: a context of our own with one stream, writing to a growing buffer; both are freed.
        unsafe {
            if ffi::avformat_alloc_output_context2(&raw mut oc, muxer, ptr::null(), ptr::null()) < 0 {
                return Err("out of memory".to_owned());
            }
            let stream = ffi::avformat_new_stream(oc, ptr::null());
            let (mut code, mut lines) = (ffi::AVERROR(libc::ENOMEM), Vec::new());
            if !stream.is_null() && ffi::avio_open_dyn_buf(&raw mut (*oc).pb) >= 0 {
                ffi::avcodec_parameters_copy((*stream).codecpar, source.params.as_ptr());
                (*(*stream).codecpar).codec_tag = 0;
                (*stream).time_base = source.time_base;
                (*oc).strict_std_compliance = self.compliance();
                (code, lines) = log::capture(|| ffi::avformat_write_header(oc, ptr::null_mut()));
                let mut buffer = ptr::null_mut();
                ffi::avio_close_dyn_buf((*oc).pb, &raw mut buffer);
                ffi::av_free(buffer.cast());
                (*oc).pb = ptr::null_mut();
            }
            ffi::avformat_free_context(oc);
            match code {
                0.. => Ok(()),
                _ => Err(lines.pop().unwrap_or_else(|| ffmpeg::Error::from(code).to_string())),
            }
        }
    }

    /// How strictly the muxer follows its standard. Above "unofficial" mp4 loses the stereo and
    /// spherical boxes silently; "experimental" lets TrueHD and the like into mp4 as well.
    fn compliance(&self) -> i32 {
        if self.container.is_mov() { ffi::FF_COMPLIANCE_EXPERIMENTAL } else { ffi::FF_COMPLIANCE_NORMAL }
    }

    fn new_stream(&mut self) -> Result<(*mut ffi::AVStream, usize)> {
        // SAFETY: an open output whose header isn't written; null is checked for.
        unsafe {
            let stream = ffi::avformat_new_stream(self.context, ptr::null());
            if stream.is_null() {
                return Err(MediaError::NoMemory { what: "an output stream".to_owned() });
            }
            Ok((stream, (*stream).index as usize))
        }
    }

    fn add_video(&mut self, options: &WriterOptions<'_>, template: &SourceTemplate, encoder: &Params) -> Result<usize> {
        let (stream, index) = self.new_stream()?;
        let source = &template.streams[template.video.index];
        let video = &template.video;
        // SAFETY: a new stream of ours; FFmpeg copies the parameters.
        let code = unsafe {
            let code = ffi::avcodec_parameters_copy((*stream).codecpar, encoder.as_ptr());
            (*(*stream).codecpar).chroma_location = video.chroma_location;
            // The muxer takes its clock from here: mov and mp4 keep these ticks (or an exact multiple).
            (*stream).time_base = video.time_base;
            if self.container == Container::Other("avi".to_owned()) && video.frame_rate.num > 0 {
                // AVI has no time stamps: a tick is a frame.
                (*stream).time_base = ffi::AVRational { num: video.frame_rate.den, den: video.frame_rate.num };
            }
            (*stream).avg_frame_rate = source.frame_rate;
            (*stream).r_frame_rate = source.real_frame_rate;
            (*stream).sample_aspect_ratio = options.aspect(video);
            (*stream).disposition = source.disposition;
            let made = match options.tags {
                VrTags::Source => None,
                VrTags::Made(tags) => Some(sidedata::side_data(&tags)),
            };
            // Matroska's muxer goes by the tag before it goes by the side data.
            let retagged = |k: &CString| made.is_some() && k.as_bytes().eq_ignore_ascii_case(b"stereo_mode");
            let tags = source.tags.iter().filter(|(k, _)| !is_stale(k, true) && !retagged(k));
            raw::write_dict(&raw mut (*stream).metadata, tags);
            if options.purpose == Purpose::Alpha && (*(*stream).codecpar).codec_id == ffi::AVCodecID::AV_CODEC_ID_VP9 {
                // What tells a player that the blocks' additions are the alpha plane.
                ffi::av_dict_set(&raw mut (*stream).metadata, c"alpha_mode".as_ptr(), c"1".as_ptr(), 0);
            }
            let kept = source
                .side_data
                .iter()
                .filter(|d| !(options.reshaped && sidedata::is_shape(d.kind)))
                .filter(|d| sidedata::survives_encoding(d.kind) && !(made.is_some() && sidedata::is_vr(d.kind)));
            for data in kept.chain(&video.hdr.raw).chain(made.iter().flatten()) {
                sidedata::write(stream, data);
            }
            code
        };
        self.check(code, Vec::new())?;
        Ok(index)
    }

    fn add_copy(&mut self, source: &StreamTemplate) -> Result<CopiedStream> {
        let (stream, index) = self.new_stream()?;
        // SAFETY: a new stream of ours.
        let code = unsafe {
            let code = ffi::avcodec_parameters_copy((*stream).codecpar, source.params.as_ptr());
            // Each container has its own tags for codecs.
            (*(*stream).codecpar).codec_tag = 0;
            (*stream).time_base = source.time_base;
            (*stream).avg_frame_rate = source.frame_rate;
            (*stream).disposition = source.disposition;
            raw::write_dict(&raw mut (*stream).metadata, source.tags.iter().filter(|(k, _)| !is_stale(k, false)));
            for data in &source.side_data {
                sidedata::write(stream, data);
            }
            code
        };
        self.check(code, Vec::new())?;
        Ok(CopiedStream { index, time_base: source.time_base, last_dts: None })
    }

    /// A cover picture: one packet in mp4, an attachment in Matroska.
    fn add_cover(&mut self, source: &StreamTemplate) -> Result<()> {
        let Some(picture) = &source.picture else { return Ok(()) };
        let copied = self.add_copy(source)?;
        if self.container != Container::Matroska {
            self.covers.push((copied.index, picture.clone()));
            return Ok(());
        }
        let mime = match source.params.codec() {
            ffi::AVCodecID::AV_CODEC_ID_PNG => ("image/png", "cover.png"),
            ffi::AVCodecID::AV_CODEC_ID_BMP => ("image/bmp", "cover.bmp"),
            _ => ("image/jpeg", "cover.jpg"),
        };
        // SAFETY: a stream of ours; the extradata gets FFmpeg's padding and is freed with the stream.
        unsafe {
            let stream = *(*self.context).streams.add(copied.index);
            let parameters = (*stream).codecpar;
            (*parameters).codec_type = ffi::AVMediaType::AVMEDIA_TYPE_ATTACHMENT;
            let padded = picture.len() + ffi::AV_INPUT_BUFFER_PADDING_SIZE as usize;
            let memory = ffi::av_mallocz(padded).cast::<u8>();
            if memory.is_null() {
                return Err(MediaError::NoMemory { what: "a cover picture".to_owned() });
            }
            ptr::copy_nonoverlapping(picture.as_ptr(), memory, picture.len());
            ffi::av_freep((&raw mut (*parameters).extradata).cast());
            (*parameters).extradata = memory;
            (*parameters).extradata_size = picture.len() as i32;
            (*stream).disposition = 0;
            for (key, value) in [("mimetype", mime.0), ("filename", mime.1)] {
                let (k, v) = (CString::new(key).unwrap_or_default(), CString::new(value).unwrap_or_default());
                let keep = ffi::AV_DICT_DONT_OVERWRITE;
                ffi::av_dict_set(&raw mut (*stream).metadata, k.as_ptr(), v.as_ptr(), keep);
            }
        }
        Ok(())
    }

    /// Tags, chapters and the container's header.
    pub(crate) fn write_header(&mut self, template: &SourceTemplate) -> Result<()> {
        // The clock that the muxer gives the video track.
        let ticks = (0..14).map(|i| i64::from(template.video.time_base.den) << i).find(|t| *t >= 10_000);
        let ticks = ticks.unwrap_or(90_000).to_string();
        let mut pairs = Vec::new();
        if self.container.is_mov() {
            // Playable from the first byte; the file is rewritten once at the end for that.
            pairs.push(("movflags", "+faststart"));
            // Edit lists count in this clock; the default of 1 ms would put sound and picture out of
            // step by as much.
            pairs.push(("movie_timescale", ticks.as_str()));
        }
        let mut options = Options::new(pairs)?;
        // SAFETY: an open output of ours.
        let (code, lines) = unsafe {
            let oc = self.context;
            raw::write_dict(&raw mut (*oc).metadata, template.tags.iter().filter(|(k, _)| !is_stale(k, false)));
            (*oc).strict_std_compliance = self.compliance();
            if template.arbitrary_start {
                // MPEG-TS starts anywhere; as ffmpeg does, the output starts at 0.
                (*oc).output_ts_offset = -template.start;
            }
            add_chapters(oc, template)?;
            log::capture(|| ffi::avformat_write_header(oc, options.as_mut_ptr()))
        };
        self.check(code, lines)?;
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

    fn stream_time_base(&self, index: usize) -> ffi::AVRational {
        // SAFETY: a stream that was added; the header may have changed its time base.
        unsafe { (**(*self.context).streams.add(index)).time_base }
    }

    /// Writes an encoded packet.
    pub(crate) fn write_video(
        &mut self,
        mut packet: ffmpeg::Packet,
        from: ffi::AVRational,
        index: usize,
    ) -> Result<()> {
        packet.set_stream(index);
        packet.rescale_ts(from, self.stream_time_base(index));
        packet.set_position(-1);
        self.write(&mut packet)
    }

    /// Writes a reference to a copied packet.
    pub(crate) fn write_copied(&mut self, source: &ffmpeg::Packet, stream: &mut CopiedStream) -> Result<()> {
        if !self.container.is_mov() && is_preroll(source, stream.time_base) {
            return Ok(());
        }
        let mut packet = ffmpeg::Packet::empty();
        // SAFETY: both are valid packets; the payload is shared, not copied.
        let code = unsafe { ffi::av_packet_ref(packet.as_mut_ptr(), source.as_ptr()) };
        self.check(code, Vec::new())?;
        packet.set_stream(stream.index);
        packet.rescale_ts(stream.time_base, self.stream_time_base(stream.index));
        packet.set_position(-1);
        self.mend_dts(&mut packet, stream);
        self.write(&mut packet)
    }

    /// Muxers refuse time stamps that don't rise; damaged sources have such. As ffmpeg does, they
    /// are moved up.
    fn mend_dts(&self, packet: &mut ffmpeg::Packet, stream: &mut CopiedStream) {
        let Some(mut dts) = packet.dts().or(packet.pts()) else { return };
        let strict = self.container.muxer().is_none_or(|m| m.flags & ffi::AVFMT_TS_NONSTRICT == 0);
        if let Some(last) = stream.last_dts {
            dts = dts.max(last + i64::from(strict));
        }
        stream.last_dts = Some(dts);
        packet.set_dts(Some(dts));
        packet.set_pts(Some(packet.pts().map_or(dts, |pts| pts.max(dts))));
    }

    fn write(&mut self, packet: &mut ffmpeg::Packet) -> Result<()> {
        // SAFETY: an open output with its header written; the packet is blank afterwards.
        let (code, lines) =
            log::capture(|| unsafe { ffi::av_interleaved_write_frame(self.context, packet.as_mut_ptr()) });
        self.check(code, lines)
    }

    /// Trailer, flush to the disk, final name. Returns the size.
    pub(crate) fn finish(&mut self) -> Result<u64> {
        // SAFETY: an open output with its header written.
        let (code, lines) = log::capture(|| unsafe { ffi::av_write_trailer(self.context) });
        self.check(code, lines)?;
        // SAFETY: as above; the descriptor is closed and its pointer set to null.
        let code = unsafe { ffi::avio_closep(&raw mut (*self.context).pb) };
        self.check(code, Vec::new())?;
        let fail = |e: std::io::Error| MediaError::create(&self.path, &e);
        self.lock.sync_all().map_err(fail)?;
        let bytes = self.lock.metadata().map_err(fail)?.len();
        if self.overwrite {
            std::fs::rename(&self.temporary, &self.path).map_err(fail)?;
        } else {
            self.rename_to_a_free_name()?;
        }
        self.done = true;
        Ok(bytes)
    }

    /// Renames only if nothing has the final name by now: a hard link, unlike a rename, refuses.
    fn rename_to_a_free_name(&self) -> Result<()> {
        let fail = |e: std::io::Error| MediaError::create(&self.path, &e);
        match std::fs::hard_link(&self.temporary, &self.path) {
            Ok(()) => std::fs::remove_file(&self.temporary).map_err(fail),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(MediaError::OutputExists { path: self.path.clone() })
            }
            // A file system without hard links: the look and the rename are two steps there.
            Err(_) if self.path.symlink_metadata().is_ok() => Err(MediaError::OutputExists { path: self.path.clone() }),
            Err(_) => std::fs::rename(&self.temporary, &self.path).map_err(fail),
        }
    }
}

/// `.NAME.part`, NAME being cut where Linux would find the whole too long.
fn temporary_name(name: &OsStr) -> OsString {
    const LONGEST: usize = 255;
    let (before, after) = (&b"."[..], &b".part"[..]);
    let name = name.as_bytes();
    let kept = &name[..name.len().min(LONGEST - before.len() - after.len())];
    OsString::from_vec([before, kept, after].concat())
}

/// Opens or creates `path` and locks it; `None` where another process holds the lock. What a killed
/// run left behind is not locked any more and is taken over.
fn lock_file(path: &Path) -> std::io::Result<Option<std::fs::File>> {
    loop {
        let file = std::fs::File::options().create(true).truncate(false).write(true).open(path)?;
        // A file system without locks gives another error, and then there is no protection.
        if let Err(std::fs::TryLockError::WouldBlock) = file.try_lock() {
            return Ok(None);
        }
        // The run that held it may have renamed or removed it between our open and our lock: then
        // the lock is on a file that has this name no more.
        if is_still(path, &file)? {
            return Ok(Some(file));
        }
    }
}

/// Whether `path` is (still, and itself) the open `file`.
fn is_still(path: &Path, file: &std::fs::File) -> std::io::Result<bool> {
    let held = file.metadata()?;
    match std::fs::symlink_metadata(path) {
        Ok(named) => Ok((named.dev(), named.ino()) == (held.dev(), held.ino())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(e) => Err(e),
    }
}

enum Fate {
    Copy,
    Cover,
    /// Left out without a word: the muxer makes it anew.
    Silent,
    Drop(String),
}

/// Sound before this many microseconds ahead of the start isn't needed to decode what is heard: an
/// AAC frame lasts 23 ms, Opus wants 80 ms.
const PREROLL: i64 = 100_000;

/// Whether a packet lies so far before the start of the source's edit list that only a container
/// with such a list can make players leave it out; in all others it would be heard.
fn is_preroll(packet: &ffmpeg::Packet, time_base: ffi::AVRational) -> bool {
    // ffmpeg-next's flags leave this one out.
    // SAFETY: reads a field of a valid packet.
    let hidden = unsafe { (*packet.as_ptr()).flags } & ffi::AV_PKT_FLAG_DISCARD != 0;
    let end = packet.pts().map(|pts| raw::rescale(pts + packet.duration(), time_base, raw::MICROSECONDS));
    hidden && end.is_some_and(|end| end <= -PREROLL)
}

/// Tags that would be wrong in the output: who encoded it, how large it was, the brands of mp4.
fn is_stale(key: &CString, encoded: bool) -> bool {
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
            let tags: &Tags = &source.tags;
            raw::write_dict(&raw mut (*chapter).metadata, tags);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_name_has_a_temporary_one() {
        assert_eq!(temporary_name(OsStr::new("out.mp4")), ".out.mp4.part");
        let longest = format!("{}.mp4", "ä".repeat(125) + "a");
        assert_eq!(longest.len(), 255);
        let dir = tempfile::tempdir().unwrap();
        let temporary = dir.path().join(temporary_name(OsStr::new(&longest)));
        std::fs::write(&temporary, b"x").unwrap();
        std::fs::rename(temporary, dir.path().join(longest)).unwrap();
    }

    #[test]
    fn a_lock_is_on_the_file_that_has_the_name() {
        let dir = tempfile::tempdir().unwrap();
        let (path, moved) = (dir.path().join(".out.mp4.part"), dir.path().join("out.mp4"));
        std::fs::write(&path, b"left behind").unwrap();
        let first = lock_file(&path).unwrap().unwrap();
        assert!(lock_file(&path).unwrap().is_none());
        // The first run renames its file when it is done; another may have opened it just before.
        let late = std::fs::File::options().write(true).open(&path).unwrap();
        std::fs::rename(&path, &moved).unwrap();
        drop(first);
        assert!(!is_still(&path, &late).unwrap());
        std::fs::write(&path, b"a third one's").unwrap();
        assert!(!is_still(&path, &late).unwrap());
        assert!(is_still(&path, &lock_file(&path).unwrap().unwrap()).unwrap());
    }
}
