//! Fourth stage: runs the models.

use super::Spare;
use crate::error::Result;
use crate::frame::{InferenceBatch, PreparedFrame};
use crate::graph::Stage;
use vrseg_image::plane::Plane;
use vrseg_infer::Batch;
use vrseg_infer::cache::{CacheStats, CachedInference};

/// Called after each batch with where the mattes came from so far, and what was done because the device failed.
pub(super) type InferenceReport<'a> = &'a (dyn Fn(CacheStats, Vec<String>) + Sync);

/// Runs the models on batches.
pub struct Infer<'a> {
    /// One for each model.
    inferences: Vec<CachedInference<'a>>,
    /// The models are run on person crops, rather than on whole views.
    on_crops: bool,
    /// What mattes of whole views are made of.
    planes: Spare<Plane<f32>>,
    /// Takes inputs back.
    inputs: Spare<Batch>,
    report: InferenceReport<'a>,
    alphas: Vec<Plane<f32>>,
    /// Frames whose mattes are propagated.
    propagated: u64,
}

impl<'a> Infer<'a> {
    /// One model on whole views, or some on person crops.
    pub fn new(
        inferences: Vec<CachedInference<'a>>,
        on_crops: bool,
        planes: Spare<Plane<f32>>,
        inputs: Spare<Batch>,
        report: InferenceReport<'a>,
    ) -> Self {
        Self { inferences, on_crops, planes, inputs, report, alphas: Vec::new(), propagated: 0 }
    }

    /// Runs the model on whole views.
    fn run_on_views(&mut self, frames: &mut [PreparedFrame], batches: &[Batch]) -> Result<()> {
        let shown = frames.iter().filter(|f| !f.is_propagated()).count();
        let (Some(inference), Some(batch)) = (self.inferences.first_mut(), batches.first()) else { return Ok(()) };
        if shown == 0 {
            return Ok(());
        }
        inference.run(batch, shown, &mut self.alphas)?;
        let shown = frames.iter_mut().filter(|f| !f.is_propagated());
        let windows = shown.flat_map(|f| &mut f.views).flat_map(|v| &mut v.mattes);
        for (matte, alpha) in windows.zip(&mut self.alphas) {
            *matte = std::mem::replace(alpha, self.planes.take());
        }
        Ok(())
    }

    /// Runs each model on its person crops.
    fn run_on_crops(&mut self, frames: &mut [PreparedFrame], batches: &[Batch]) -> Result<()> {
        let shown = || frames.iter().filter(|f| !f.is_propagated());
        if shown().count() == 0 {
            return Ok(());
        }
        // A track's number is counted from 0, and there are two eyes at the most.
        let slots: Vec<_> = shown().flat_map(|f| &f.people).map(|p| 2 * p.track + p.eye as u64).collect();
        for (n, (inference, batch)) in self.inferences.iter_mut().zip(batches).enumerate() {
            inference.run_slots(batch, &slots, &mut self.alphas)?;
            let shown = frames.iter_mut().filter(|f| !f.is_propagated());
            let mattes = shown.flat_map(|f| {
                f.mattes.resize_with(batches.len(), Vec::new);
                f.mattes[n].resize_with(f.people.len(), Plane::default);
                &mut f.mattes[n]
            });
            for (matte, alpha) in mattes.zip(&mut self.alphas) {
                *matte = std::mem::take(alpha);
            }
        }
        Ok(())
    }
}

impl Stage for Infer<'_> {
    type Input = InferenceBatch;
    type Output = Vec<PreparedFrame>;

    fn process(&mut self, InferenceBatch { mut frames, batches }: InferenceBatch) -> Result<Vec<PreparedFrame>> {
        // A recurrent model gets one frame at a time, so what is known is what is before that frame.
        for state in frames.iter_mut().filter_map(|f| f.decoded.place.state()) {
            state.inference =
                self.inferences.iter_mut().map(CachedInference::state).collect::<std::result::Result<_, _>>()?;
        }
        // For the same reason a cut is always the batch's first.
        if frames.first().is_some_and(|f| f.cut) {
            self.inferences.iter_mut().for_each(CachedInference::reset);
        }
        self.propagated += frames.iter().filter(|f| f.is_propagated()).count() as u64;
        let done = match self.on_crops {
            true => self.run_on_crops(&mut frames, &batches),
            false => self.run_on_views(&mut frames, &batches),
        };
        let mut stats = CacheStats { propagated: self.propagated, ..CacheStats::default() };
        self.inferences.iter().for_each(|inference| stats += inference.stats());
        (self.report)(stats, self.inferences.iter_mut().flat_map(CachedInference::take_notes).collect());
        done?;
        for batch in batches {
            self.inputs.put(batch);
        }
        Ok(frames)
    }

    fn finish(&mut self) -> Result<Option<Vec<PreparedFrame>>> {
        for inference in &mut self.inferences {
            inference.finish()?;
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{DecodedFrame, Place};
    use crate::graph::{Item, Permits};
    use crate::plan::SmallView;
    use std::sync::Mutex;
    use std::time::Instant;
    use vrseg_image::plane::YuvLayout;
    use vrseg_infer::provider::Provider;
    use vrseg_infer::testing::{FaultyEngine, runner};
    use vrseg_media::{FramePool, SourceFrame};

    /// Sends `n` frames in batches through a model that fails on order; returns the numbers of the
    /// frames that came out, their mattes, and the messages.
    fn sent(
        n: usize,
        at_once: usize,
        first: FaultyEngine,
        then: Option<FaultyEngine>,
    ) -> (Vec<u64>, Vec<f32>, Vec<String>, bool) {
        let layout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };
        let pool = FramePool::new(layout, 16, 16).unwrap();
        let mut permits = Permits::new(n);
        let mut runner = runner("selfie", first, then);
        let messages = Mutex::new(Vec::new());
        let report = |_, notes| messages.lock().unwrap().extend::<Vec<String>>(notes);
        let inference = CachedInference::new(&mut runner, &Default::default(), None).unwrap();
        let mut infer = Infer::new(vec![inference], false, Spare::new(1), Spare::new(1), &report);
        let (mut indices, mut values, mut ok) = (Vec::new(), Vec::new(), true);
        let numbers: Vec<_> = (0..n).collect();
        for some in numbers.chunks(at_once) {
            let frame = |i: &usize| {
                let frame = pool.get().unwrap();
                let index = *i as u64;
                let source = SourceFrame { frame, pts: *i as i64, duration: 1, index, key: false, seekable: true };
                let permit = permits.acquire(|| false).unwrap();
                let decoded = DecodedFrame { source, since: Instant::now(), permit, place: Place::Inside };
                let view = SmallView { mattes: vec![Plane::default()], ..SmallView::default() };
                PreparedFrame::new(decoded, vec![view])
            };
            let data = some.iter().flat_map(|i| [*i as f32 / 100.0, 0.0, 0.0]).collect();
            let batch = Batch { data, n: some.len(), width: 1, height: 1 };
            let Ok(out) =
                infer.process(InferenceBatch { frames: some.iter().map(frame).collect(), batches: vec![batch] })
            else {
                ok = false;
                break;
            };
            indices.extend(out.iter().map(Item::frame));
            values.extend(out.iter().map(|p| p.views[0].mattes[0].data()[0]));
        }
        ok &= infer.finish().is_ok();
        drop(infer);
        (indices, values, messages.into_inner().unwrap(), ok)
    }

    #[test]
    fn failing_devices_lose_double_or_reorder_no_frame() {
        const MEMORY: Option<&str> = Some("CUDA failure 2: out of memory");
        const LOST: Option<&str> = Some("CUDA failure 719: unspecified launch failure");
        let healthy = sent(40, 8, FaultyEngine::new(Provider::Cpu, 99, &[]), None);
        assert!(healthy.3 && healthy.2.is_empty());
        assert_eq!(healthy.0, (0..40).collect::<Vec<u64>>());
        let orders: &[&[Option<&'static str>]] = &[
            &[LOST],
            &[MEMORY],
            &[None, MEMORY, None, LOST],
            &[MEMORY, None, MEMORY, None, MEMORY, None, MEMORY],
            &[None, None, Some("its output is not a number somewhere")],
        ];
        for order in orders {
            for fits in [0, 1, 3, 8, 99] {
                let cpu = FaultyEngine::new(Provider::Cpu, 99, &[]);
                let (numbers, values, messages, ok) =
                    sent(40, 8, FaultyEngine::new(Provider::Cuda(0), fits, order), Some(cpu));
                assert!(ok, "{order:?}, {fits} fit");
                assert_eq!((numbers, values), (healthy.0.clone(), healthy.1.clone()), "{order:?}, {fits} fit");
                assert!((1..=5).contains(&messages.len()), "each is said once: {messages:?}");
            }
        }
        // What can't be repaired ends the job behind the frames that were whole.
        let (numbers, _, _, ok) = sent(40, 8, FaultyEngine::new(Provider::Cpu, 99, &[None, LOST]), None);
        assert_eq!((numbers.len(), ok), (8, false));
    }
}
