//! Keeps segments as they are finished: one is whole when all outputs have it.

use super::disk::DiskSpace;
use super::folder::{JobFolder, Maker, Next, Record};
use crate::error::Error;
use crate::events::{Event, Observer};
use crate::frame::{End, SegmentDone, SegmentStore};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Where a run's segments go.
pub(super) struct Ledger<'a> {
    folder: &'a JobFolder,
    outputs: usize,
    observer: &'a dyn Observer,
    host: String,
    state: Mutex<LedgerState>,
}

struct LedgerState {
    /// When the last segment was finished, or the work began.
    since: Instant,
    /// Segments that some outputs have.
    open: BTreeMap<usize, Vec<SegmentDone>>,
    finished: Vec<Record>,
    stopped: Option<Record>,
    space: DiskSpace,
}

/// What a run left behind.
pub(super) struct Closed {
    /// The segments that were finished, in order.
    pub finished: Vec<Record>,
    /// The one that was stopped in its middle.
    pub stopped: Option<Record>,
    /// It was told that the disk has too little space.
    pub warned_of_space: bool,
}

impl<'a> Ledger<'a> {
    /// An empty one for this many outputs. `space` is checked with every segment.
    pub(super) fn new(folder: &'a JobFolder, outputs: usize, space: DiskSpace, observer: &'a dyn Observer) -> Self {
        let state =
            LedgerState { since: Instant::now(), open: BTreeMap::new(), finished: Vec::new(), stopped: None, space };
        let host = sysinfo::System::host_name().unwrap_or_default();
        Self { folder, outputs, observer, host, state: Mutex::new(state) }
    }

    /// What is in it.
    pub(super) fn close(self) -> Closed {
        let LedgerState { finished, stopped, space, .. } =
            self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        Closed { finished, stopped, warned_of_space: space.warned }
    }
}

impl SegmentStore for Ledger<'_> {
    fn path(&self, segment: usize, output: usize) -> PathBuf {
        self.folder.segment(segment, output)
    }

    fn finished(&self, done: SegmentDone) -> Result<(), Error> {
        let segment = done.segment;
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = state.open.entry(segment).or_default();
        waiting.push(done);
        if waiting.len() < self.outputs {
            return Ok(());
        }
        let mut parts = state.open.remove(&segment).unwrap_or_default();
        parts.sort_by_key(|p| p.output);
        let Some(first) = parts.first() else { return Ok(()) };
        let (times, end) = (first.times.clone(), first.end.clone());
        let border = match &end {
            End::Border(border) => Some(border),
            End::Whole | End::Stopped => None,
        };
        let next = border.map(|b| Next { pts: b.pts, index: b.index, first_pts: b.first_pts, state: String::new() });
        let now = Instant::now();
        let seconds = (now - std::mem::replace(&mut state.since, now)).as_secs_f64();
        let maker = Some(Maker { host: self.host.clone(), seconds });
        let parts = parts.into_iter().map(|p| p.part).collect();
        let mut record = Record { segment, times, parts, next, maker };
        if matches!(end, End::Stopped) {
            state.stopped = Some(record);
            return Ok(());
        }
        self.folder.keep(&mut record, border.map(|b| &b.state))?;
        let (frames, bytes) = (record.times.pts.len() as u64, record.parts.iter().map(|p| p.bytes).sum());
        state.space.add(&record);
        state.space.check(self.folder.path(), None, self.observer);
        state.finished.push(record);
        drop(state);
        self.observer.event(Event::Segment { segment, frames, bytes });
        Ok(())
    }
}
