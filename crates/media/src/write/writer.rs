//! Writing a file: encoded frames, copied packets, and all that the source says about itself.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::frame::VideoFrame;
use crate::ffi::log;
pub(crate) use crate::formats::container::Container;
use crate::read::reader::CopiedPacket;
use crate::read::template::{SourceTemplate, VideoTemplate};
use crate::write::encoder::plan::plan_encoder;
use crate::write::encoder::video::VideoEncoder;
use crate::write::options::EncodeOptions;
use crate::write::output::{CopiedStream, Output};
use ffmpeg_next::ffi;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use vrseg_image::plane::{YuvColor, YuvLayout};
use vrseg_image::vr::ContainerTags;

/// What an output's pictures are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Pictures to look at (green screen, blur, ...).
    Picture,
    /// A gray matte.
    Matte,
    /// Pictures with a real alpha channel.
    Alpha,
}

/// What an output says about stereo and the sphere in its container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VrTags {
    /// What the source says: for pictures whose views lie as the source's do.
    Source,
    /// These tags and none of the source's.
    Made(ContainerTags),
}

/// How an output is made.
#[derive(Clone, Copy, Debug)]
pub struct WriterOptions<'a> {
    /// Its final name; the extension chooses the container.
    pub path: &'a Path,
    /// Codec, quality and so on.
    pub encode: &'a EncodeOptions,
    /// Layout of the frames that will come (with alpha for [`Purpose::Alpha`]).
    pub layout: YuvLayout,
    /// Meaning of their samples.
    pub color: YuvColor,
    /// Their width.
    pub width: usize,
    /// Their height.
    pub height: usize,
    /// The frames show something else than the source's do in another shape: what the source says
    /// about the shape of its pixels and their rotation doesn't hold.
    pub reshaped: bool,
    /// Replace a file that exists.
    pub overwrite: bool,
    /// What the pictures are for.
    pub purpose: Purpose,
    /// Take over sound, subtitles, attachments and data.
    pub copy_streams: bool,
    /// Stereo packing and projection that the container states.
    pub tags: VrTags,
}

impl WriterOptions<'_> {
    /// Width to height of the frames' pixels.
    pub(crate) fn aspect(&self, video: &VideoTemplate) -> ffi::AVRational {
        if self.reshaped { ffi::AVRational { num: 1, den: 1 } } else { video.aspect }
    }
}

/// A finished output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its path.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
}

/// Writes one output. Everything goes to a hidden temporary file beside the final one, which
/// [`Writer::finish`] renames; dropping the writer removes it.
pub struct Writer {
    encoder: VideoEncoder,
    output: Output,
    /// Where streams of the source went, by their number there.
    copied: Vec<Option<CopiedStream>>,
    video_stream: usize,
    dropped: Vec<String>,
    notes: Vec<String>,
    path: PathBuf,
}

impl Writer {
    /// Opens encoder and file and writes the container's header.
    ///
    /// # Errors
    /// The output exists or is the input, its directory is missing or not writable, container and
    /// codec don't fit, the encoder refuses its options, the disk is full.
    pub fn create(options: WriterOptions<'_>, template: &Arc<SourceTemplate>) -> Result<Writer> {
        log::init();
        let mut options = options;
        let path = check_place(&options, template)?;
        let (encoder, mut notes) = open_encoder(&options, template)?;
        let container = encoder.plan().container.clone();
        notes.extend(settle_tags(&mut options, &container, template));
        let mut output = Output::create(&path, &container, options.overwrite)?;
        let (copied, video_stream, dropped) = output.add_streams(&options, template, &encoder.parameters()?)?;
        output.write_header(template)?;
        Ok(Writer { encoder, output, copied, video_stream, dropped, notes, path })
    }

    /// FFmpeg's name of the encoder.
    pub fn encoder_name(&self) -> &str {
        &self.encoder.plan().encoder
    }

    /// The encoder and its settings, such as `libx264 crf 18 preset veryfast yuv420p`.
    pub fn describe(&self) -> String {
        self.encoder.plan().description.clone()
    }

    /// Streams of the source that the container cannot hold, each in words with the reason.
    pub fn dropped_streams(&self) -> &[String] {
        &self.dropped
    }

    /// What else the user may want to know, in sentences: why NVENC isn't used, what metadata the
    /// container loses.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Encodes a frame that is shown at `pts` for `duration` (0: unknown), both in the source
    /// video's ticks; `pts` must rise. Returns the frame if it may be written again at once.
    ///
    /// # Errors
    /// The frame isn't of the layout and size that was agreed, the encoder fails, the disk is full.
    pub fn write_frame(&mut self, frame: VideoFrame, pts: i64, duration: i64) -> Result<Option<VideoFrame>> {
        let frame = self.encoder.send(frame, pts, duration)?;
        self.drain()?;
        Ok(frame.is_writable().then_some(frame))
    }

    /// Writes a packet of another stream; nothing happens where that stream isn't in the output.
    ///
    /// # Errors
    /// The container refuses it, the disk is full.
    pub fn write_packet(&mut self, packet: &CopiedPacket) -> Result<()> {
        match self.copied.get_mut(packet.stream()).and_then(Option::as_mut) {
            Some(stream) => self.output.write_copied(packet.av(), stream),
            None => Ok(()),
        }
    }

    /// Ends the encoder, completes the file, flushes it to the disk and gives it its final name.
    ///
    /// # Errors
    /// As for writing; the final name can't be taken.
    pub fn finish(mut self) -> Result<Finished> {
        self.encoder.send_eof()?;
        self.drain()?;
        let bytes = self.output.finish()?;
        Ok(Finished { path: self.path.clone(), bytes })
    }

    fn drain(&mut self) -> Result<()> {
        while let Some(packet) = self.encoder.receive()? {
            self.output.write_video(packet, self.encoder.time_base(), self.video_stream)?;
        }
        Ok(())
    }
}

/// The file that is really written, if it may be.
///
/// # Errors
/// The output exists or is the input, its directory is missing or not writable.
pub(crate) fn check_place(options: &WriterOptions<'_>, template: &SourceTemplate) -> Result<PathBuf> {
    let path = check_target(options.path, options.overwrite)?;
    if same_file(&path, &template.info.path) {
        return Err(MediaError::OutputIsInput { path: options.path.to_path_buf() });
    }
    Ok(path)
}

/// Opens an output's encoder, and says why it isn't NVENC where that was allowed.
///
/// # Errors
/// Container and codec don't fit, the encoder refuses its options.
pub(crate) fn open_encoder(
    options: &WriterOptions<'_>,
    template: &SourceTemplate,
) -> Result<(VideoEncoder, Vec<String>)> {
    let plan = plan_encoder(options)?;
    let mut notes: Vec<String> = plan.no_hardware.iter().map(|why| format!("NVENC is not used: {why}")).collect();
    let global_header = plan.container.muxer().is_some_and(|m| m.flags & ffi::AVFMT_GLOBALHEADER != 0);
    let chosen_hardware = plan.encoder.ends_with("_nvenc") && options.encode.encoder.is_none();
    let encoder = match VideoEncoder::open(plan, options, &template.video, global_header) {
        // A card may run out of sessions or memory: then the CPU does it.
        Err(error) if chosen_hardware => {
            notes.push(format!("NVENC is not used: {error}"));
            let software = EncodeOptions { hardware: false, ..options.encode.clone() };
            let options = WriterOptions { encode: &software, ..*options };
            VideoEncoder::open(plan_encoder(&options)?, &options, &template.video, global_header)?
        }
        other => other?,
    };
    Ok((encoder, notes))
}

/// Leaves out tags that the container can't hold, and says what is lost.
pub(crate) fn settle_tags(
    options: &mut WriterOptions<'_>,
    container: &Container,
    template: &SourceTemplate,
) -> Vec<String> {
    let mut notes = Vec::new();
    let tags = match options.tags {
        VrTags::Source => template.info.video.tags,
        VrTags::Made(tags) => tags,
    };
    if *container == Container::Mp4 && tags.right_first {
        // FFmpeg writes no st3d for it, and sv3d alone would say that there is one view.
        options.tags = VrTags::Made(ContainerTags::default());
        notes.push(
            "mp4 gets no stereo and spherical metadata for a video whose right eye comes first; players must go by \
             the file name, or use .mkv"
                .to_owned(),
        );
    }
    if *container == Container::Mov && !mov_keeps_vr() && !tags.is_empty() {
        notes.push(
            "this FFmpeg writes no stereo and spherical metadata into .mov; players must go by the file name, \
             or use .mp4 or .mkv"
                .to_owned(),
        );
    }
    notes
}

/// Whether FFmpeg's mov muxer writes stereo and spherical boxes (Apple's `vexu`): from 7.1 on.
fn mov_keeps_vr() -> bool {
    // SAFETY: returns a number.
    let version = unsafe { ffi::avformat_version() };
    version >= (61 << 16 | 7 << 8)
}

/// Whether two names are one file (through links, too). False where one of them doesn't exist.
pub fn same_file(a: &Path, b: &Path) -> bool {
    match (std::fs::metadata(a), std::fs::metadata(b)) {
        (Ok(a), Ok(b)) => (a.dev(), a.ino()) == (b.dev(), b.ino()),
        _ => false,
    }
}

/// The file that is really written (a link is followed), if it may be.
fn check_target(path: &Path, overwrite: bool) -> Result<PathBuf> {
    let not_writable = |reason: &str| MediaError::NotWritable { path: path.to_path_buf(), reason: reason.to_owned() };
    if path.file_name().is_none() {
        return Err(not_writable("it names no file"));
    }
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => return Err(not_writable("it is a directory")),
        Ok(meta) if !meta.is_file() => return Err(not_writable("it is not a regular file")),
        Ok(_) if !overwrite => return Err(MediaError::OutputExists { path: path.to_path_buf() }),
        Ok(_) => {}
        // A link that leads nowhere is somebody's, too.
        Err(_) if !overwrite && path.symlink_metadata().is_ok() => {
            return Err(MediaError::OutputExists { path: path.to_path_buf() });
        }
        Err(_) => {
            let directory = match path.parent() {
                Some(d) if !d.as_os_str().is_empty() => d,
                _ => Path::new("."),
            };
            return match std::fs::metadata(directory) {
                Ok(meta) if meta.is_dir() => Ok(path.to_path_buf()),
                Ok(_) => Err(not_writable(&format!("{} is not a directory", directory.display()))),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                    Err(MediaError::NoDirectory { path: path.to_path_buf(), directory: directory.to_path_buf() })
                }
                Err(e) => Err(MediaError::create(path, &e)),
            };
        }
    }
    // An existing file is replaced where it really lies.
    std::fs::canonicalize(path).map_err(|e| MediaError::create(path, &e))
}
