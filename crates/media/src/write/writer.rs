//! Writing a file: encoded frames, copied packets, and all that the source says about itself.

use crate::error::Result;
use crate::ffi::frame::VideoFrame;
use crate::ffi::log;
use crate::formats::container::Container;
use crate::read::reader::CopiedPacket;
use crate::read::template::SourceTemplate;
use crate::write::encoder::open::open_encoder;
use crate::write::encoder::video::VideoEncoder;
use crate::write::options::{OutputNotes, WriterOptions};
use crate::write::output::place::check_place;
use crate::write::output::{Output, Streams};
use crate::write::pictures::PictureFiles;
use crate::write::vr_tags::settle_tags;
use std::path::PathBuf;
use std::sync::Arc;

/// A finished output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    /// Its final name, links followed.
    pub path: PathBuf,
    /// Bytes of the file.
    pub bytes: u64,
}

/// Where packets go.
enum Target {
    /// One file with all streams.
    File(Box<Output>, Streams),
    /// A file for each picture.
    Pictures(PictureFiles),
}

/// Writes one output. Everything goes to a hidden temporary file beside the final one, which
/// [`Writer::finish`] renames; dropping the writer removes it.
pub struct Writer {
    encoder: VideoEncoder,
    target: Target,
    notes: OutputNotes,
    path: PathBuf,
    /// Bytes of the packets so far.
    bytes: u64,
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
        notes.lost.extend(settle_tags(&mut options, &container, template));
        if let Container::Pictures(_) = container {
            if options.copy_streams && template.info.audio_streams > 0 {
                notes.lost.push("pictures have no sound".to_owned());
            }
            if template.info.video.dynamic.is_high() {
                notes.lost.push("pictures have no HDR tags and look pale; --sdr tone-maps them".to_owned());
            }
            let files = PictureFiles::create(&path, template.first_number, options.overwrite)?;
            return Ok(Writer { encoder, target: Target::Pictures(files), notes, path, bytes: 0 });
        }
        let mut output = Output::create(&path, &container, options.overwrite)?;
        let streams = output.add_streams(&options, template, &encoder.parameters()?)?;
        notes.lost.splice(0..0, streams.lost.iter().cloned());
        notes.lost.extend(output.lost_tags(template));
        output.write_header(template)?;
        Ok(Writer { encoder, target: Target::File(Box::new(output), streams), notes, path, bytes: 0 })
    }

    /// FFmpeg's name of the encoder.
    pub fn encoder_name(&self) -> &str {
        &self.encoder.plan().encoder
    }

    /// The encoder and its settings, such as `libx264 crf 18 preset veryfast yuv420p`.
    pub fn describe(&self) -> String {
        self.encoder.plan().description.clone()
    }

    /// What of the source isn't in the output, and what else the user may want to know.
    pub fn notes(&self) -> &OutputNotes {
        &self.notes
    }

    /// Bytes of all packets that were written so far; the file is larger by its header and index.
    pub fn bytes(&self) -> u64 {
        self.bytes
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
        let Target::File(output, streams) = &mut self.target else { return Ok(()) };
        match streams.copied.get_mut(packet.stream()).and_then(Option::as_mut) {
            Some(stream) => {
                self.bytes += packet.av().size() as u64;
                output.write_copied(packet.av(), stream)
            }
            None => Ok(()),
        }
    }

    /// Ends the encoder, completes the file, flushes it to the disk and gives it its final name.
    ///
    /// # Errors
    /// As for writing; the final name can't be taken.
    pub fn finish(self) -> Result<Finished> {
        self.complete(true)
    }

    /// The same for a file that ends before its source: it is marked as [`crate::ended_early`].
    ///
    /// # Errors
    /// As [`Writer::finish`].
    pub fn finish_early(self) -> Result<Finished> {
        self.complete(false)
    }

    fn complete(mut self, whole: bool) -> Result<Finished> {
        self.encoder.send_eof()?;
        self.drain()?;
        let bytes = match &mut self.target {
            Target::File(output, streams) => output.finish(streams, whole)?,
            Target::Pictures(files) => files.finish(whole)?,
        };
        Ok(Finished { path: self.path.clone(), bytes })
    }

    fn drain(&mut self) -> Result<()> {
        while let Some(packet) = self.encoder.receive()? {
            self.bytes += packet.size() as u64;
            match &mut self.target {
                Target::File(output, streams) => {
                    output.write_video(packet, self.encoder.time_base(), streams.video)?;
                }
                Target::Pictures(files) => files.write(packet.data().unwrap_or_default())?,
            }
        }
        Ok(())
    }
}
