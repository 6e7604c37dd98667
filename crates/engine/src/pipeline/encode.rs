//! Last stage: puts the frames of one output back in order, encodes them, and writes them: into the
//! output itself together with the copied packets, or into segments.

use super::cancel::Cancel;
use super::clock::Worker;
use super::error::{Error, Result};
use super::frame::{Painted, Total};
use super::segments::{End, SegmentDone, SegmentStore};
use crossbeam_channel::Receiver;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use vrseg_media::{CopiedPacket, Finished, SegmentWriter, Writer};

/// Where an output's frames go.
pub enum Sink<'a> {
    /// Into the output itself, with the packets that are copied into it.
    Whole(Box<Writer>, Receiver<Arc<CopiedPacket>>),
    /// Into segments, which somebody joins later.
    Segments(Box<SegmentSink<'a>>),
}

/// Writes an output's segments, one after the other, each with an encoder of its own.
pub struct SegmentSink<'a> {
    /// Number of the output.
    pub output: usize,
    /// Number of the segment under way.
    pub segment: usize,
    /// Its encoder.
    pub writer: Option<SegmentWriter>,
    /// Begins the segment of that number.
    pub open: Box<dyn Fn(usize) -> Result<SegmentWriter> + Send + 'a>,
    /// Keeps what is finished.
    pub store: &'a dyn SegmentStore,
}

impl SegmentSink<'_> {
    fn write(&mut self, painted: Painted) -> Result<()> {
        if let Some(border) = painted.border {
            let (next, stop) = (border.segment, border.stop);
            // One encoder after the other: each holds many frames.
            self.close(End::Border(border))?;
            self.segment = next;
            self.writer = if stop { None } else { Some((self.open)(next)?) };
        }
        if let Some(writer) = &mut self.writer {
            writer.write_frame(painted.picture, painted.pts, painted.duration)?;
        }
        Ok(())
    }

    fn close(&mut self, end: End) -> Result<()> {
        let Some(writer) = self.writer.take() else { return Ok(()) };
        let (part, times) = writer.finish()?;
        self.store.finished(SegmentDone { segment: self.segment, output: self.output, part, times, end })
    }
}

impl Sink<'_> {
    fn write(self, painted: Painted) -> Result<Self> {
        match self {
            Sink::Segments(mut sink) => {
                sink.write(painted)?;
                Ok(Sink::Segments(sink))
            }
            Sink::Whole(mut writer, packets) => {
                for packet in packets.try_iter() {
                    writer.write_packet(&packet)?;
                }
                // The picture's memory goes back to its pool when the encoder lets go of it.
                writer.write_frame(painted.picture, painted.pts, painted.duration)?;
                Ok(Sink::Whole(writer, packets))
            }
        }
    }

    fn finish(self, whole: bool) -> Result<Option<Finished>> {
        match self {
            Sink::Segments(mut sink) => {
                sink.close(if whole { End::Whole } else { End::Stopped })?;
                Ok(None)
            }
            Sink::Whole(mut writer, packets) => {
                for packet in packets.iter() {
                    writer.write_packet(&packet)?;
                }
                Ok(Some(writer.finish()?))
            }
        }
    }
}

/// Encodes until the frames end, then closes what is open. `wrote` is called after every frame with
/// the number of frames written and when the decoder was asked for this one. The file is told where the sink wrote a whole output.
pub fn run(
    sink: Sink<'_>,
    frames: Receiver<Painted>,
    total: &Total,
    cancel: &Cancel,
    mut clock: Worker<'_>,
    wrote: &(dyn Fn(u64, Instant) + Sync),
) -> Result<Option<Finished>> {
    let mut sink = sink;
    let mut early = BTreeMap::new();
    let mut next = 0;
    while let Ok(painted) = clock.waiting(|| frames.recv()) {
        if cancel.is_aborted() {
            return Err(Error::Interrupted);
        }
        // Several workers paint: a frame may overtake another by as many as there are workers.
        clock.take(painted.index, 1);
        early.insert(painted.index, painted);
        while let Some(p) = early.remove(&next) {
            let since = p.since;
            sink = clock.busy(|| sink.write(p))?;
            next += 1;
            clock.done(1);
            wrote(next, since);
        }
    }
    // Stopped before the first frame: an empty file would be no result.
    let nothing = next == 0 && cancel.is_requested();
    if cancel.is_aborted() || nothing || !total.is(next) {
        return Err(Error::Interrupted);
    }
    clock.busy(|| sink.finish(total.is_whole()))
}
