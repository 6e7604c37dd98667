//! Encoding one segment to a file of its own.

use super::file::{HashedFile, Head, MAGIC, write_packet};
use super::part::{SegmentPart, SegmentTimes};
use crate::error::{MediaError, Result};
use crate::ffi::frame::VideoFrame;
use crate::ffi::log;
use crate::ffi::parameters::Parameters;
use crate::read::template::SourceTemplate;
use crate::write::encoder::open::open_encoder;
use crate::write::encoder::video::VideoEncoder;
use crate::write::options::{OutputNotes, WriterOptions};
use ffmpeg_next as ffmpeg;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Encodes one segment of one output. Its file has a temporary name until [`SegmentWriter::finish`];
/// dropping the writer removes it.
pub struct SegmentWriter {
    encoder: VideoEncoder,
    out: HashedFile,
    /// Where it goes, and its name until then.
    path: PathBuf,
    temporary: PathBuf,
    /// The output that it is a part of, for the error texts.
    output: PathBuf,
    notes: OutputNotes,
    times: SegmentTimes,
    /// Packets' time stamps as they came.
    order: Vec<i64>,
    /// The first packet, to be tried.
    first: Option<ffmpeg::Packet>,
    done: bool,
}

impl Drop for SegmentWriter {
    fn drop(&mut self) {
        if !self.done {
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

impl SegmentWriter {
    /// Opens the encoder of the output that `options` describe and the segment's file `path`.
    ///
    /// # Errors
    /// Container and codec don't fit, the encoder refuses its options, the file can't be created.
    pub fn create(options: WriterOptions<'_>, template: &SourceTemplate, path: &Path) -> Result<Self> {
        log::init();
        let (encoder, notes) = open_encoder(&options, template)?;
        let head = Head {
            encoder: encoder.plan().encoder.clone(),
            codec: encoder.parameters()?.save(),
            time_base: (encoder.time_base().num, encoder.time_base().den),
            usual_duration: encoder.usual_duration(),
        };
        let mut name = path.file_name().unwrap_or_default().to_owned();
        // Two workers on one segment must not write into one file.
        name.push(format!(".{}.part", std::process::id()));
        let temporary = path.with_file_name(name);
        let file = File::create(&temporary).map_err(|e| MediaError::create(&temporary, &e))?;
        let out = HashedFile::new(file);
        let mut writer = SegmentWriter {
            encoder,
            out,
            path: path.to_path_buf(),
            temporary,
            output: options.path.to_path_buf(),
            notes,
            times: SegmentTimes::default(),
            order: Vec::new(),
            first: None,
            done: false,
        };
        let head = serde_json::to_vec(&head).map_err(|e| writer.failure(&e.into()))?;
        writer.put(|out| {
            out.write_all(MAGIC)?;
            out.write_all(&(head.len() as u64).to_le_bytes())?;
            out.write_all(&head)
        })?;
        Ok(writer)
    }

    /// FFmpeg's name of the encoder.
    pub fn encoder_name(&self) -> &str {
        &self.encoder.plan().encoder
    }

    /// The encoder and its settings.
    pub fn describe(&self) -> String {
        self.encoder.plan().description.clone()
    }

    /// Why the encoder isn't the one that was hoped for, and what becomes of the pictures.
    pub fn notes(&self) -> &OutputNotes {
        &self.notes
    }

    /// Bytes of its file so far.
    pub fn bytes(&self) -> u64 {
        self.out.bytes()
    }

    /// What the encoder says of itself.
    pub(crate) fn parameters(&self) -> Result<Parameters> {
        self.encoder.parameters()
    }

    fn failure(&self, error: &std::io::Error) -> MediaError {
        MediaError::create(&self.output, error)
    }

    fn put(&mut self, write: impl FnOnce(&mut HashedFile) -> std::io::Result<()>) -> Result<()> {
        write(&mut self.out).map_err(|e| self.failure(&e))
    }

    /// As [`crate::Writer::write_frame`].
    ///
    /// # Errors
    /// The frame isn't of the layout and size that was agreed, the encoder fails, the disk is full.
    pub fn write_frame(&mut self, frame: VideoFrame, pts: i64, duration: i64) -> Result<()> {
        self.times.pts.push(pts);
        self.times.last_duration = if duration > 0 { duration } else { self.encoder.usual_duration() };
        self.encoder.send(frame, pts, duration)?;
        self.drain()
    }

    fn drain(&mut self) -> Result<()> {
        while let Some(packet) = self.encoder.receive()? {
            self.order.push(packet.pts().unwrap_or(i64::MIN));
            self.put(|out| write_packet(out, &packet))?;
            self.first.get_or_insert(packet);
        }
        Ok(())
    }

    /// Ends the encoder, looks whether what it made is whole, flushes the file to the disk and gives it
    /// its name. Returns what was written and when its frames are shown.
    ///
    /// # Errors
    /// As for writing; packets are missing, or the first can't be decoded.
    pub fn finish(mut self) -> Result<(SegmentPart, SegmentTimes)> {
        self.encoder.send_eof()?;
        self.drain()?;
        self.verify()?;
        let reorder = reorder(&self.order, &self.times.pts);
        self.put(HashedFile::sync)?;
        std::fs::rename(&self.temporary, &self.path).map_err(|e| self.failure(&e))?;
        self.done = true;
        let part = SegmentPart {
            file: self.path.file_name().unwrap_or_default().into(),
            bytes: self.out.bytes(),
            sha256: self.out.take_hash(),
            reorder,
        };
        Ok((part, std::mem::take(&mut self.times)))
    }

    /// Every frame has its packet, and the first can be decoded by itself: nothing before is needed.
    fn verify(&self) -> Result<()> {
        let broken = |reason: String| MediaError::Encode {
            path: self.output.clone(),
            encoder: self.encoder.plan().encoder.clone(),
            reason,
            log: log::recent_log(),
        };
        let came: BTreeSet<_> = self.order.iter().copied().collect();
        if came.len() != self.order.len() || !came.iter().eq(&self.times.pts) {
            let (n, m) = (self.order.len(), self.times.pts.len());
            return Err(broken(format!("{n} packets came for {m} frames, or with other time stamps")));
        }
        let Some(first) = &self.first else { return Ok(()) };
        if !first.is_key() {
            return Err(broken("the first packet of a segment is no key frame".to_owned()));
        }
        let fail = |e: ffmpeg::Error| broken(format!("the first packet of a segment can't be decoded: {e}"));
        let parameters = self.encoder.parameters()?;
        let mut decoder = parameters.decoder().map_err(fail)?;
        decoder.send_packet(first).map_err(fail)?;
        // Decoders hold frames back until they know that no more will come.
        decoder.send_eof().map_err(fail)?;
        decoder.receive_frame(&mut ffmpeg::frame::Video::empty()).map_err(fail)
    }
}

/// How many places a packet is at most behind its frame's place in time.
pub(super) fn reorder(order: &[i64], times: &[i64]) -> usize {
    let late = |(i, t): (usize, &i64)| i.saturating_sub(times.partition_point(|x| x < t));
    order.iter().enumerate().map(late).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reordering_is_measured_in_packets() {
        assert_eq!(reorder(&[0, 1, 2, 3], &[0, 1, 2, 3]), 0);
        // I P B B P B B
        assert_eq!(reorder(&[0, 30, 10, 20, 60, 40, 50], &[0, 10, 20, 30, 40, 50, 60]), 1);
        // With a pyramid: I P B b b
        assert_eq!(reorder(&[0, 40, 20, 10, 30], &[0, 10, 20, 30, 40]), 2);
        assert_eq!(reorder(&[], &[]), 0);
    }
}
