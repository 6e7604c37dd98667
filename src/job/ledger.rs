//! Keeps segments as they are finished: one is whole when all outputs have it.

use super::folder::{JobFolder, Next, Record};
use crate::pipeline::{End, Error, Event, Observer, SegmentDone, SegmentStore};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// Where a run's segments go.
pub struct Ledger<'a> {
    folder: &'a JobFolder,
    outputs: usize,
    observer: &'a dyn Observer,
    books: Mutex<Books>,
}

#[derive(Default)]
struct Books {
    /// Segments that some outputs have.
    open: BTreeMap<usize, Vec<SegmentDone>>,
    finished: Vec<Record>,
    stopped: Option<Record>,
}

impl<'a> Ledger<'a> {
    /// An empty one for so many outputs.
    pub fn new(folder: &'a JobFolder, outputs: usize, observer: &'a dyn Observer) -> Self {
        Self { folder, outputs, observer, books: Mutex::default() }
    }

    /// The segments that were finished, in order, and the one that was stopped in its middle.
    pub fn close(self) -> (Vec<Record>, Option<Record>) {
        let books = self.books.into_inner().unwrap_or_else(PoisonError::into_inner);
        (books.finished, books.stopped)
    }
}

impl SegmentStore for Ledger<'_> {
    fn path(&self, segment: usize, output: usize) -> PathBuf {
        self.folder.segment(segment, output)
    }

    fn finished(&self, done: SegmentDone) -> Result<(), Error> {
        let segment = done.segment;
        let mut books = self.books.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = books.open.entry(segment).or_default();
        waiting.push(done);
        if waiting.len() < self.outputs {
            return Ok(());
        }
        let mut parts = books.open.remove(&segment).unwrap_or_default();
        parts.sort_by_key(|p| p.output);
        let Some(first) = parts.first() else { return Ok(()) };
        let (times, end) = (first.times.clone(), first.end.clone());
        let border = match &end {
            End::Border(border) => Some(border),
            End::Whole | End::Stopped => None,
        };
        let next = border.map(|b| Next { pts: b.pts, index: b.index, first_pts: b.first_pts, state: String::new() });
        let mut record = Record { segment, times, parts: parts.into_iter().map(|p| p.part).collect(), next };
        if matches!(end, End::Stopped) {
            books.stopped = Some(record);
            return Ok(());
        }
        self.folder.keep(&mut record, border.map(|b| &b.state))?;
        let (frames, bytes) = (record.times.pts.len() as u64, record.parts.iter().map(|p| p.bytes).sum());
        books.finished.push(record);
        drop(books);
        self.observer.event(Event::Segment { segment, frames, bytes });
        Ok(())
    }
}
