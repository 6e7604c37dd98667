//! Joining segments to the output that they are parts of.

use super::decoding_clock::DecodingClock;
use super::file::damaged;
use super::part::{SegmentPart, SegmentTimes};
use super::reader::SegmentReader;
use super::writer::SegmentWriter;
use crate::error::{MediaError, Result};
use crate::ffi::log;
use crate::ffi::parameters::Parameters;
use crate::ffi::time::{self, MICROSECONDS};
use crate::formats::container::Container;
use crate::read::reader::{CopiedPacket, Item, Reader};
use crate::read::template::SourceTemplate;
use crate::write::options::{OutputNotes, WriterOptions};
use crate::write::output::place::check_place;
use crate::write::output::{Output, Streams};
use crate::write::vr_tags::settle_tags;
use crate::write::writer::Finished;
use ffmpeg_next::ffi;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// One segment of an output that is joined.
#[derive(Clone, Copy, Debug)]
pub struct SegmentFile<'a> {
    /// The folder that its file is in.
    pub folder: &'a Path,
    /// Name, size and checksum of its file.
    pub part: &'a SegmentPart,
    /// When its frames are shown, in the source's ticks.
    pub times: &'a SegmentTimes,
}

/// An output whose header is written, and which waits for its packets.
struct OpenOutput {
    output: Output,
    streams: Streams,
    lost: Vec<String>,
    path: PathBuf,
}

impl OpenOutput {
    fn create(mut options: WriterOptions<'_>, template: &SourceTemplate, codec: &Parameters) -> Result<Self> {
        log::init();
        let path = check_place(&options, template)?;
        let container = Container::of(options.path)?;
        let mut lost = settle_tags(&mut options, &container, template);
        let mut output = Output::create(&path, &container, options.overwrite)?;
        let streams = output.add_streams(&options, template, codec)?;
        lost.splice(0..0, streams.lost.iter().cloned());
        lost.extend(output.lost_tags(template));
        output.write_header(template)?;
        Ok(Self { output, streams, lost, path })
    }
}

/// Writes the beginning of the file that the segments of `writer` will be joined to, and removes it
/// again: what can't be written is better known before the work than after it.
///
/// # Errors
/// Those of [`crate::Writer::create`].
pub fn dry_run(
    options: WriterOptions<'_>,
    template: &Arc<SourceTemplate>,
    writer: &SegmentWriter,
) -> Result<OutputNotes> {
    let open = OpenOutput::create(options, template, &writer.parameters()?)?;
    let mut notes = writer.notes().clone();
    notes.lost.splice(0..0, open.lost);
    Ok(notes)
}

/// Joins segments to a whole output; all that is copied comes from `source`, on which
/// [`Reader::without_video`] must have been called. Where they are not the `whole` video, the output is marked as
/// [`crate::ended_early`]. `progress` gets the number of frames that are done and stops the joining by returning false;
/// then the result is `None`. With the file comes what of the source isn't in it.
///
/// # Errors
/// A segment is damaged or of another encoder; as for writing.
pub fn join(
    options: WriterOptions<'_>,
    source: &mut Reader,
    pieces: &[SegmentFile<'_>],
    whole: bool,
    mut progress: impl FnMut(usize) -> bool,
) -> Result<Option<(Finished, Vec<String>)>> {
    let Some(first) = pieces.first() else {
        return Err(MediaError::Invalid { what: format!("{}: there is nothing to join", options.path.display()) });
    };
    let template = source.template();
    let open = |piece: &SegmentFile<'_>| SegmentReader::open(&piece.folder.join(&piece.part.file), piece.part);
    let head = open(first)?.head;
    let mut target = OpenOutput::create(options, &template, &Parameters::restore(&head.codec)?)?;
    let time_base = ffi::AVRational { num: head.time_base.0, den: head.time_base.1 };
    let mut clock = DecodingClock::new(pieces.iter().map(|p| (p.part, p.times)), head.usual_duration);
    let mut waiting: Option<CopiedPacket> = None;
    let mut frames = 0;
    for piece in pieces {
        let mut reader = open(piece)?;
        if reader.head != head {
            return Err(damaged(&reader.path, "it was made by another encoder than the previous segment"));
        }
        clock.begin(piece.times);
        while let Some(mut packet) = reader.next()? {
            let dts = clock.next();
            packet.set_dts(Some(dts));
            let now = time::rescale(dts, time_base, MICROSECONDS);
            copy_until(&mut target, source, &mut waiting, Some(now))?;
            target.output.write_video(packet, time_base, target.streams.video)?;
            frames += 1;
            if !progress(frames) {
                return Ok(None);
            }
        }
        reader.check(piece.part)?;
    }
    copy_until(&mut target, source, &mut waiting, None)?;
    let bytes = target.output.finish(&mut target.streams, whole)?;
    let finished = Finished { path: target.path.clone(), bytes };
    Ok(Some((finished, target.lost)))
}

/// Copies packets that come before `end` (microseconds), all of them where there is none.
fn copy_until(
    target: &mut OpenOutput,
    source: &mut Reader,
    waiting: &mut Option<CopiedPacket>,
    end: Option<i64>,
) -> Result<()> {
    loop {
        let packet = match waiting.take() {
            Some(packet) => packet,
            None => match source.next()? {
                Some(Item::Packet(packet)) => packet,
                Some(Item::Frame(_)) => continue,
                None => return Ok(()),
            },
        };
        if end.is_some_and(|end| source.time_of(&packet).is_some_and(|t| t > end)) {
            *waiting = Some(packet);
            return Ok(());
        }
        if let Some(stream) = target.streams.copied.get_mut(packet.stream()).and_then(Option::as_mut) {
            target.output.write_copied(packet.av(), stream)?;
        }
    }
}
