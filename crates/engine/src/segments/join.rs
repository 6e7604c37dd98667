//! From finished segments to outputs.

use super::folder::{JobFolder, Record};
use crate::error::Error;
use crate::events::{Observer, OutputReport};
use crate::graph::Cancel;
use crate::plan::Plan;
use crate::run::report_writer;
use crate::spec::Job;
use vrseg_media::segment::{self, SegmentFile};
use vrseg_media::{DecodeOptions, MediaError, OutputNotes, Reader};

/// Joins `records` to the outputs of `job`. `whole`: there is nothing behind them.
///
/// # Errors
/// A segment is damaged, which is forgotten then; the disk is full; stopped at once by the user.
pub(super) fn join(
    job: &Job,
    plan: &Plan,
    folder: &JobFolder,
    records: &[Record],
    whole: bool,
    cancel: &Cancel,
    observer: &dyn Observer,
) -> Result<Vec<OutputReport>, Error> {
    let frames: u64 = records.iter().map(|r| r.times.pts.len() as u64).sum();
    // Sound ends with the picture where somebody wanted so.
    let cut = !whole || job.range.frames.is_some_and(|n| n <= frames);
    let end = records.last().map(|r| r.times.end()).filter(|_| cut);
    let mut reports = Vec::new();
    for (i, output) in job.outputs.iter().enumerate() {
        let options = DecodeOptions {
            choice: job.choice,
            range: job.range,
            threads: 1,
            alpha: job.wants_alpha(),
            ..DecodeOptions::default()
        };
        let mut source = Reader::open(&job.input, &options)?;
        source.without_video(end);
        let pieces: Option<Vec<_>> = records
            .iter()
            .map(|r| Some(SegmentFile { folder: folder.path(), part: r.parts.get(i)?, times: &r.times }))
            .collect();
        let pieces = pieces.ok_or_else(|| Error::Unfinished("a segment lacks outputs".to_owned()))?;
        let writer = plan.writer_options(job, i, &output.encode);
        let joined = segment::join(writer, &mut source, &pieces, whole, |_| !cancel.is_aborted());
        let joined = joined.map_err(|e| forget_damaged(e, folder, records))?;
        let Some((finished, lost)) = joined else { return Err(Error::Interrupted) };
        // Where the work resumed, this was reported at its beginning.
        if cancel.is_requested() {
            let notes = OutputNotes { lost: lost.clone(), hints: Vec::new() };
            report_writer(&notes, &output.path, observer);
        }
        reports.push(OutputReport {
            path: finished.path,
            mode: output.mode.name(),
            encoder: plan.encoders[i].encoder.clone(),
            bytes: finished.bytes,
            lost,
        });
        // After each, so that a run that is killed between two doesn't take its own for somebody's.
        let paths: Vec<_> = reports.iter().map(|r| r.path.clone()).collect();
        folder.made(&paths)?;
    }
    Ok(reports)
}

/// A damaged segment has to be made again; says so.
fn forget_damaged(error: MediaError, folder: &JobFolder, records: &[Record]) -> Error {
    let MediaError::Segment { path, .. } = &error else { return error.into() };
    let of = |r: &&Record| r.parts.iter().any(|p| path.file_name().is_some_and(|n| n == p.file));
    let Some(record) = records.iter().find(of) else { return error.into() };
    folder.forget(record.segment);
    let planned = folder.plan().is_some_and(|p| p.segments.is_some());
    let fix = if planned {
        format!("make it again with: vrseg work {} --index {}", folder.path().display(), record.segment)
    } else {
        "run the same command again to make it and the following ones again".to_owned()
    };
    Error::Unfinished(format!("{error} (segment {}); {fix}", record.segment))
}
