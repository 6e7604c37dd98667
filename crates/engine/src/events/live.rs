//! A job while it runs: figures that can be read at any time, and a preview_frame of what it sees.

use crate::graph::{Clocks, Trace};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use vrseg_hardware::sampler::{Latest, Sample};
use vrseg_image::matte::SmallYuv;
use vrseg_image::plane::{Matrix, Plane};
use vrseg_infer::cache::CacheStats;

/// What can be read of a running job. It outlives the job, with its last figures.
#[derive(Debug)]
pub struct Live {
    /// Time and queues of the stages.
    pub clocks: Clocks,
    /// What the job sees.
    pub preview: Preview,
    /// The source.
    pub input: PathBuf,
    sampler: Latest,
    mattes: Mutex<CacheStats>,
}

impl Live {
    /// Of a job that is about to start.
    pub(crate) fn new(input: &Path, sampler: Latest) -> Arc<Self> {
        let input = input.to_owned();
        let (clocks, preview, mattes) = (Clocks::default(), Preview::default(), Mutex::default());
        Arc::new(Self { clocks, preview, input, sampler, mattes })
    }

    /// What the job takes of the machine just now.
    pub fn sample(&self) -> Sample {
        self.sampler.get()
    }

    /// Where the mattes came from so far, in frames.
    pub fn mattes(&self) -> CacheStats {
        *self.mattes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn count_mattes(&self, so_far: CacheStats) {
        *self.mattes.lock().unwrap_or_else(PoisonError::into_inner) = so_far;
    }

    /// Writes a timeline of the stages; only before they start.
    pub fn trace(&self, trace: &Arc<Trace>) {
        self.clocks.trace(trace, &self.input.to_string_lossy());
    }
}

/// A frame at the model's size with its matte.
#[derive(Clone, Debug)]
pub struct PreviewFrame {
    /// Number of the frame, from 0.
    pub frame: u64,
    /// Its time in seconds from the job's first frame.
    pub seconds: f64,
    /// How its colors are coded.
    pub matrix: Matrix,
    /// Picture and matte of every view, left or upper eye first, as they lie in the frame.
    pub views: Vec<(SmallYuv, Plane<f32>)>,
}

/// Returns a preview frame when one was requested. Otherwise it costs one check of a flag per frame.
#[derive(Debug, Default)]
pub struct Preview {
    requested: AtomicBool,
    preview_frame: Mutex<Option<PreviewFrame>>,
}

impl Preview {
    /// The next frame is to be kept.
    pub fn request(&self) {
        self.requested.store(true, Ordering::Relaxed);
    }

    /// What was kept since the last call.
    pub fn take(&self) -> Option<PreviewFrame> {
        self.preview_frame.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Keeps what `make` makes, where somebody requested it.
    pub(crate) fn offer(&self, make: impl FnOnce() -> PreviewFrame) {
        if self.requested.load(Ordering::Relaxed) && self.requested.swap(false, Ordering::Relaxed) {
            let preview_frame = make();
            *self.preview_frame.lock().unwrap_or_else(PoisonError::into_inner) = Some(preview_frame);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preview_is_made_once_per_request() {
        let preview = Preview::default();
        let mut made = 0;
        let mut offer = |frame| {
            preview.offer(|| {
                made += 1;
                PreviewFrame { frame, seconds: 0.0, matrix: Matrix::Bt709, views: Vec::new() }
            });
        };
        offer(0);
        preview.request();
        offer(1);
        offer(2);
        assert_eq!(made, 1);
        assert_eq!(preview.take().map(|g| g.frame), Some(1));
        assert!(preview.take().is_none());
    }
}
