//! The muxer: an output file under its temporary name.
#![allow(unsafe_code)]

mod ended_early;
mod header;
pub(crate) mod part_file;
pub(crate) mod place;
mod streams;

use crate::error::{MediaError, Result};
use crate::ffi::input::file_url;
use crate::ffi::log;
use crate::ffi::time::{self, MICROSECONDS};
use crate::formats::container::Container;
use crate::formats::mp4_boxes::{self, Insertion};
use crate::write::transcode::Transcoder;
use ffmpeg_next::{self as ffmpeg, ffi, packet::Mut as _, packet::Ref as _};
use part_file::PartFile;
use place::is_stdout;

pub use ended_early::ended_early;

use std::path::{Path, PathBuf};
use std::ptr;

/// Sound before this many microseconds ahead of the start isn't needed to decode what is heard: an
/// AAC frame lasts 23 ms, Opus wants 80 ms.
const PREROLL: i64 = 100_000;

/// A stream of the source on its way into the output.
pub(crate) struct CopiedStream {
    index: usize,
    time_base: ffi::AVRational,
    last_dts: Option<i64>,
    /// Where the container can't hold its codec.
    transcoder: Option<Transcoder>,
}

/// What became of the source's streams.
pub(crate) struct Streams {
    /// Those that are copied, by their number in the source.
    pub copied: Vec<Option<CopiedStream>>,
    /// The video's number in the output.
    pub video: usize,
    /// Those that are not in the output, or not as they were, each in words with the reason.
    pub lost: Vec<String>,
}

/// Where the bytes go.
enum OutputFile {
    Part(PartFile),
    /// Standard output, by the name that it has among outputs.
    Stdout(PathBuf),
}

impl OutputFile {
    /// The final name.
    fn path(&self) -> &Path {
        match self {
            OutputFile::Part(file) => file.path(),
            OutputFile::Stdout(path) => path,
        }
    }
}

/// An open output. Dropped before [`Output::finish`] it removes its file.
pub(crate) struct Output {
    context: *mut ffi::AVFormatContext,
    container: Container,
    file: OutputFile,
    /// Streams to be written whole after the header: number and bytes of a cover picture.
    covers: Vec<(usize, Vec<u8>)>,
    /// Sound is converted.
    encodes_sound: bool,
    /// What FFmpeg's muxer doesn't write: of ambisonic sound, and of Apple's boxes.
    boxes: Vec<Insertion>,
    /// When the last packet of the video is decoded, where the container counts frames.
    last_frame: Option<i64>,
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
    }
}

impl Output {
    /// Creates the temporary file and the muxer.
    ///
    /// # Errors
    /// It can't be created, or another run is writing it at this moment.
    pub(crate) fn create(path: &Path, container: &Container, overwrite: bool) -> Result<Self> {
        let stdout = is_stdout(path);
        if stdout && container.is_mov() {
            let name = container.name();
            let what = format!(
                "{name} can't be written to standard output: its index comes last; use --format matroska, \
                 nut or mpegts"
            );
            return Err(MediaError::Invalid { what });
        }
        let file = match stdout {
            true => OutputFile::Stdout(path.to_owned()),
            false => OutputFile::Part(PartFile::create(path, overwrite)?),
        };
        let url = match &file {
            OutputFile::Part(file) => file_url(file.temporary())?,
            OutputFile::Stdout(_) => c"pipe:1".to_owned(),
        };
        let mut output = Output {
            context: ptr::null_mut(),
            container: container.clone(),
            file,
            covers: Vec::new(),
            encodes_sound: false,
            boxes: Vec::new(),
            last_frame: None,
        };
        let muxer = container.muxer();
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
        if code == ffi::AVERROR(libc::EPERM) {
            // No file that is open gives it: the muxer looks into the video and says no.
            return Err(self.refusal(code, log));
        }
        Err(MediaError::write(self.file.path(), self.container.name(), ffmpeg::Error::from(code), log))
    }

    /// The error for FFmpeg's code where the muxer says no.
    fn refusal(&self, code: i32, log: Vec<String>) -> MediaError {
        let (path, container) = (self.file.path().to_path_buf(), self.container.name().to_owned());
        MediaError::Header { path, container, reason: ffmpeg::Error::from(code).to_string(), log }
    }

    fn stream_time_base(&self, index: usize) -> ffi::AVRational {
        // SAFETY: a stream that was added; the header may have changed its time base.
        unsafe { (**(*self.context).streams.add(index)).time_base }
    }

    /// Writes an encoded packet, whose time stamps are in the time base `from`, to stream `index`.
    pub(crate) fn write_video(
        &mut self,
        mut packet: ffmpeg::Packet,
        from: ffi::AVRational,
        index: usize,
    ) -> Result<()> {
        packet.set_stream(index);
        packet.rescale_ts(from, self.stream_time_base(index));
        packet.set_position(-1);
        if self.container.counts_frames()
            && let Some(dts) = packet.dts()
        {
            // Where two fall on one tick, the second comes a tick later; the next gap makes up for it.
            let dts = self.last_frame.map_or(dts, |last| dts.max(last + 1));
            self.last_frame = Some(dts);
            packet.set_dts(Some(dts));
            packet.set_pts(packet.pts().map(|pts| pts.max(dts)));
        }
        self.write(&mut packet)
    }

    /// Writes a reference to a copied packet.
    pub(crate) fn write_copied(&mut self, source: &ffmpeg::Packet, stream: &mut CopiedStream) -> Result<()> {
        if !self.container.is_mov() && is_preroll(source, stream.time_base) {
            return Ok(());
        }
        if stream.transcoder.is_some() {
            return self.write_converted(Some(source), stream);
        }
        let mut packet = ffmpeg::Packet::empty();
        // SAFETY: both are valid packets; the payload is shared, not copied.
        let code = unsafe { ffi::av_packet_ref(packet.as_mut_ptr(), source.as_ptr()) };
        self.check(code, Vec::new())?;
        self.write_in_order(packet, stream.time_base, stream)
    }

    /// Converts a packet, or with `None` what is still in the encoder, and writes what comes of it.
    fn write_converted(&mut self, source: Option<&ffmpeg::Packet>, stream: &mut CopiedStream) -> Result<()> {
        let Some(transcoder) = &mut stream.transcoder else { return Ok(()) };
        let (packets, time_base) = (transcoder.convert(source)?, transcoder.time_base());
        packets.into_iter().try_for_each(|packet| self.write_in_order(packet, time_base, stream))
    }

    fn write_in_order(
        &mut self,
        mut packet: ffmpeg::Packet,
        time_base: ffi::AVRational,
        stream: &mut CopiedStream,
    ) -> Result<()> {
        packet.set_stream(stream.index);
        packet.rescale_ts(time_base, self.stream_time_base(stream.index));
        packet.set_position(-1);
        self.fix_dts(&mut packet, stream);
        self.write(&mut packet)
    }

    /// Muxers refuse time stamps that don't rise; damaged sources have such. As ffmpeg does, they
    /// are moved up.
    fn fix_dts(&self, packet: &mut ffmpeg::Packet, stream: &mut CopiedStream) {
        let Some(mut dts) = packet.dts().or(packet.pts()) else { return };
        let strict = !self.container.has_flag(ffi::AVFMT_TS_NONSTRICT);
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

    /// What is left of `streams`, trailer, flush to the disk, final name; where it is not `whole`, the mark that says so.
    /// Returns the size.
    pub(crate) fn finish(&mut self, streams: &mut Streams, whole: bool) -> Result<u64> {
        streams.copied.iter_mut().flatten().try_for_each(|stream| self.write_converted(None, stream))?;
        // SAFETY: an open output with its header written.
        let (code, lines) = log::capture(|| unsafe { ffi::av_write_trailer(self.context) });
        self.check(code, lines)?;
        // SAFETY: as above: asks for the place in it; then the descriptor is closed and its pointer set to null.
        let (written, code) = unsafe {
            let pb = (*self.context).pb;
            (ffi::avio_seek(pb, 0, libc::SEEK_CUR), ffi::avio_closep(&raw mut (*self.context).pb))
        };
        self.check(code, Vec::new())?;
        let OutputFile::Part(file) = &mut self.file else { return Ok(written.max(0) as u64) };
        if !self.boxes.is_empty() {
            let placed = mp4_boxes::insert(file.temporary(), &self.boxes);
            placed.map_err(|e| MediaError::create(file.path(), &e))?;
        }
        if !whole {
            file.mark_ended_early(&self.container)?;
        }
        file.finish()
    }
}

/// Whether a packet lies so far before the start of the source's edit list that only a container
/// with such a list can make players leave it out; in all others it would be heard.
fn is_preroll(packet: &ffmpeg::Packet, time_base: ffi::AVRational) -> bool {
    // ffmpeg-next's flags leave this one out.
    // SAFETY: reads a field of a valid packet.
    let hidden = unsafe { (*packet.as_ptr()).flags } & ffi::AV_PKT_FLAG_DISCARD != 0;
    let end = packet.pts().map(|pts| time::rescale(pts + packet.duration(), time_base, MICROSECONDS));
    hidden && end.is_some_and(|end| end <= -PREROLL)
}
