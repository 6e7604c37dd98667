//! Last stage: encodes the frames of one output and writes them: into the output itself together with the copied
//! packets, or into segments.

use crate::error::Result;
use crate::frame::{End, PaintedFrame, SegmentDone, SegmentStore};
use crate::graph::Sink;
use crossbeam_channel::Receiver;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use vrseg_media::{CopiedPacket, Finished, SegmentWriter, Writer};

/// Where an output's frames go.
pub enum Encode<'a> {
    /// Into the output itself.
    Whole(Box<WholeSink>),
    /// Into segments, which somebody joins later.
    Segments(Box<SegmentSink<'a>>),
}

/// Adds what a writer has written to a sum over all outputs.
#[derive(Debug, Default)]
pub struct ByteCounter {
    sum: Arc<AtomicU64>,
    /// What of the current file is in the sum.
    counted: u64,
}

impl ByteCounter {
    /// Adds to that sum.
    pub fn new(sum: &Arc<AtomicU64>) -> Self {
        Self { sum: Arc::clone(sum), counted: 0 }
    }

    /// The current file has this many bytes now.
    fn set(&mut self, bytes: u64) {
        self.sum.fetch_add(bytes.saturating_sub(self.counted), Ordering::Relaxed);
        self.counted = bytes;
    }
}

/// Writes an output with the packets that are copied into it.
pub struct WholeSink {
    /// The output.
    pub writer: Writer,
    /// The packets.
    pub packets: Receiver<Arc<CopiedPacket>>,
    /// Counts what is written.
    pub bytes: ByteCounter,
}

/// Writes an output's segments, one after the other, each with an encoder of its own.
pub struct SegmentSink<'a> {
    /// Number of the output.
    pub output: usize,
    /// Number of the segment in flight.
    pub segment: usize,
    /// Its encoder.
    pub writer: Option<SegmentWriter>,
    /// Begins the segment of that number.
    pub open: Box<dyn Fn(usize) -> Result<SegmentWriter> + Send + 'a>,
    /// Keeps what is finished.
    pub store: &'a dyn SegmentStore,
    /// Counts what is written.
    pub bytes: ByteCounter,
}

impl WholeSink {
    fn write(&mut self, painted: PaintedFrame) -> Result<()> {
        for packet in self.packets.try_iter() {
            self.writer.write_packet(&packet)?;
        }
        // The picture's memory goes back to its pool when the encoder lets go of it.
        self.writer.write_frame(painted.picture, painted.pts, painted.duration)?;
        self.bytes.set(self.writer.bytes());
        Ok(())
    }

    fn finish(mut self, whole: bool) -> Result<Finished> {
        for packet in self.packets.iter() {
            self.writer.write_packet(&packet)?;
        }
        Ok(if whole { self.writer.finish()? } else { self.writer.finish_early()? })
    }
}

impl SegmentSink<'_> {
    fn write(&mut self, painted: PaintedFrame) -> Result<()> {
        if let Some(border) = painted.border {
            let (next, stop) = (border.segment, border.stop);
            // One encoder after the other: each holds many frames.
            self.close(End::Border(border))?;
            self.segment = next;
            self.writer = if stop { None } else { Some((self.open)(next)?) };
        }
        if let Some(writer) = &mut self.writer {
            writer.write_frame(painted.picture, painted.pts, painted.duration)?;
            self.bytes.set(writer.bytes());
        }
        Ok(())
    }

    fn close(&mut self, end: End) -> Result<()> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let (part, times) = writer.finish()?;
        self.bytes.set(part.bytes);
        self.bytes.counted = 0;
        self.store.finished(SegmentDone { segment: self.segment, output: self.output, part, times, end })
    }
}

impl Sink for Encode<'_> {
    type Input = PaintedFrame;
    /// The file, where a whole output was written.
    type Output = Option<Finished>;

    fn write(&mut self, painted: PaintedFrame) -> Result<()> {
        match self {
            Encode::Whole(sink) => sink.write(painted),
            Encode::Segments(sink) => sink.write(painted),
        }
    }

    fn finish(self, whole: bool) -> Result<Option<Finished>> {
        match self {
            Encode::Whole(sink) => sink.finish(whole).map(Some),
            Encode::Segments(mut sink) => {
                sink.close(if whole { End::Whole } else { End::Stopped })?;
                Ok(None)
            }
        }
    }
}
