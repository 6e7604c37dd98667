//! Opening what a job writes: whole outputs, or their first segments.

use crate::error::Result;
use crate::events::{Event, Observer};
use crate::frame::{Border, Part};
use crate::plan::Plan;
use crate::spec::Job;
use crate::stages::{ByteCounter, Encode, SegmentSink, WholeSink};
use crossbeam_channel::{Sender, unbounded};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use vrseg_media::{
    CopiedPacket, EncodeOptions, OutputNotes, SegmentWriter, SourceTemplate, Writer, WriterOptions, segment,
};

/// A job's outputs, open.
pub(super) struct Outputs<'a> {
    /// Their last stages.
    pub(super) sinks: Vec<Encode<'a>>,
    /// Where copied packets go.
    pub(super) packets: Vec<Sender<Arc<CopiedPacket>>>,
    /// The messages about each.
    pub(super) notes: Vec<OutputNote>,
    /// Bytes of all outputs so far, with those of earlier runs.
    pub(super) bytes: Arc<AtomicU64>,
}

/// The messages about an output.
pub(super) struct OutputNote {
    pub(super) mode: &'static str,
    /// FFmpeg's name of its encoder.
    pub(super) encoder: String,
    /// Encoder and settings, for people.
    pub(super) described: String,
    /// What of the source isn't in it.
    pub(super) lost: Vec<String>,
}

impl<'a> Outputs<'a> {
    /// Opens all outputs, or in segments the first segment of each behind `begin`. `encodes` are the outputs' own
    /// options with threads filled in.
    ///
    /// # Errors
    /// One can't be written so.
    pub(super) fn open(
        job: &'a Job,
        plan: &'a Plan,
        encodes: &'a [EncodeOptions],
        template: &'a Arc<SourceTemplate>,
        part: Option<&'a Part<'a>>,
        begin: &Border,
        observer: &dyn Observer,
    ) -> Result<Self> {
        let bytes = Arc::new(AtomicU64::new(part.map_or(0, |p| p.bytes)));
        let mut outputs = Self { sinks: Vec::new(), packets: Vec::new(), notes: Vec::new(), bytes };
        for (i, output) in job.outputs.iter().enumerate() {
            let options = move || plan.writer_options(job, i, &encodes[i]);
            let (encoder, described, lost) = match part {
                None => outputs.open_whole(options(), template, &output.path, observer)?,
                Some(part) => {
                    let open = move |n| Ok(SegmentWriter::create(options(), template, &part.store.path(n, i))?);
                    let writer = open(begin.segment)?;
                    let notes = segment::dry_run(options(), template, &writer)?;
                    report_writer(&notes, &output.path, observer);
                    let names = (writer.encoder_name().to_owned(), writer.describe(), notes.lost);
                    let (segment, writer, open) = (begin.segment, Some(writer), Box::new(open));
                    let bytes = ByteCounter::new(&outputs.bytes);
                    let sink = SegmentSink { output: i, segment, writer, open, store: part.store, bytes };
                    outputs.sinks.push(Encode::Segments(Box::new(sink)));
                    names
                }
            };
            outputs.notes.push(OutputNote { mode: output.mode.name(), encoder, described, lost });
        }
        Ok(outputs)
    }

    /// Opens an output that is written as a whole; its encoder's name and description, and what it lacks of the source.
    fn open_whole(
        &mut self,
        options: WriterOptions<'_>,
        template: &Arc<SourceTemplate>,
        path: &Path,
        observer: &dyn Observer,
    ) -> Result<(String, String, Vec<String>)> {
        let writer = Writer::create(options, template)?;
        report_writer(writer.notes(), path, observer);
        let (sender, packets) = unbounded();
        self.packets.push(sender);
        let names = (writer.encoder_name().to_owned(), writer.describe(), writer.notes().lost.clone());
        let bytes = ByteCounter::new(&self.bytes);
        self.sinks.push(Encode::Whole(Box::new(WholeSink { writer, packets, bytes })));
        Ok(names)
    }
}

/// Reports what an output can't take over of its source.
pub(crate) fn report_writer(notes: &OutputNotes, path: &Path, observer: &dyn Observer) {
    for lost in &notes.lost {
        observer.event(Event::Warning { message: format!("{}: {lost}", path.display()) });
    }
    for note in &notes.hints {
        tracing::info!("{}: {note}", path.display());
    }
}
