//! Between the pipeline and the model: looks mattes up before the model computes them.

use super::cursor::{CacheCursor, StatesAt};
use super::key::CacheKeyContext;
use super::matte;
use super::record::Mattes;
use super::state::{Chain, InferenceState};
use super::stats::CacheStats;
use super::tiers::Cache;
use crate::batch::{Batch, States};
use crate::error::ModelError;
use crate::models::manifest::Kind;
use crate::runner::ModelRunner;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use vrseg_image::plane::Plane;

/// Why there are no mattes.
#[derive(Debug, thiserror::Error)]
pub enum CachedInferenceError {
    /// The model fails.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Cached mattes were used, and then came a frame that is not among them, in the middle of a cached run, so that
    /// the states before it are not known. The job must be repeated without looking anything up
    /// ([`super::CacheChoice::read`]).
    #[error("cached mattes end mid-sequence; cannot resume from them")]
    Broken,
}

type Result<T> = std::result::Result<T, CachedInferenceError>;

/// A model with its recurrent states and its cached mattes.
#[derive(Debug)]
pub struct CachedInference<'n> {
    runner: &'n mut ModelRunner,
    states: States,
    /// What each picture of the frame before showed; empty where all frames have the same pictures.
    slots: Vec<u64>,
    /// The states before the next frame are neither here nor in the caches, which should have them.
    states_lost: bool,
    /// `None`: without caches, or the model does not compute any more as the keys say.
    cursor: Option<CacheCursor>,
    stats: CacheStats,
    /// Buffer for the frames of a batch that are not cached.
    missing_batch: Batch,
}

impl<'n> CachedInference<'n> {
    /// A model that resumes from `past`, with caches or without.
    ///
    /// # Errors
    /// The states are those of another model.
    pub fn new(
        runner: &'n mut ModelRunner,
        past: &InferenceState,
        cache: Option<(Arc<Cache>, CacheKeyContext)>,
    ) -> Result<Self> {
        let states = runner.restore(&past.states)?;
        let cursor = cache.map(|(cache, context)| CacheCursor::new(past, cache, context));
        let found = cursor.as_ref().is_some_and(|c| !matches!(c.states, StatesAt::Session));
        let states_lost = past.needs_cache() && !found;
        let (stats, missing_batch) = (CacheStats::default(), Batch::default());
        Ok(Self { runner, states, slots: past.slots.clone(), states_lost, cursor, stats, missing_batch })
    }

    /// Where the mattes came from so far.
    pub fn stats(&self) -> CacheStats {
        self.stats
    }

    /// What was changed since the last call because the device failed, a sentence each.
    pub fn take_notes(&mut self) -> Vec<String> {
        self.runner.take_notes()
    }

    /// Forgets the frames before, as a scene begins.
    pub fn reset(&mut self) {
        self.states.reset();
        self.slots.clear();
        self.states_lost = false;
        if let Some(cursor) = &mut self.cursor {
            // The states behind the scene's last frame are of no use.
            cursor.store_run(None);
            cursor.last = cursor.context.start();
            cursor.states = StatesAt::Session;
        }
    }

    /// What is known before the next frame, for a job that resumes there.
    ///
    /// # Errors
    /// As [`CachedInference::run`].
    pub fn state(&mut self) -> Result<InferenceState> {
        if self.runner.manifest().kind != Kind::Recurrent {
            return Ok(InferenceState::default());
        }
        if self.states_lost {
            return Err(CachedInferenceError::Broken);
        }
        let Some(cursor) = &mut self.cursor else {
            let states = self.runner.save(&self.states)?;
            return Ok(InferenceState { states, slots: self.slots.clone(), chain: None });
        };
        let (states, within) = match &cursor.states {
            StatesAt::Session => (self.runner.save(&self.states)?, None),
            StatesAt::EndOf(run) => match run.end() {
                Some(states) => (states.to_vec(), None),
                // A cut followed there, and most likely does here.
                None => (Vec::new(), run.key(0).map(|first| (*first, run.len()))),
            },
            StatesAt::Inside(run, at, _) => (Vec::new(), run.key(0).map(|first| (*first, *at))),
        };
        if within.is_none() {
            // The states are most of what storing a run costs.
            cursor.store_run(Some(&states));
        }
        let chain = Some(Chain { start: cursor.context.start(), last: cursor.last, within });
        Ok(InferenceState { states, slots: self.slots.clone(), chain })
    }

    /// Stores what was computed since the last run was stored, so that another job can resume here.
    ///
    /// # Errors
    /// The states can't be copied from the device.
    pub fn finish(&mut self) -> Result<()> {
        if self.cursor.as_ref().is_some_and(|c| !c.recording.is_empty()) {
            self.state()?;
        }
        Ok(())
    }

    /// As [`ModelRunner::run`], for a batch of `frames` frames with the same number of pictures each; a recurrent model
    /// gets one frame.
    ///
    /// # Errors
    /// The model's, and [`CachedInferenceError::Broken`].
    pub fn run(&mut self, batch: &Batch, frames: usize, alphas: &mut Vec<Plane<f32>>) -> Result<()> {
        if self.runner.manifest().kind == Kind::Recurrent {
            self.run_recurrent(batch, None, alphas)
        } else {
            self.run_frames(batch, frames, alphas)
        }
    }

    /// As [`CachedInference::run`], for a batch whose pictures come and go: `slots` says what each shows. Each picture is
    /// kept by itself; a recurrent model gets all pictures of one frame, and continues where it saw the same slot in the
    /// frame before.
    ///
    /// # Errors
    /// As [`CachedInference::run`].
    pub fn run_slots(&mut self, batch: &Batch, slots: &[u64], alphas: &mut Vec<Plane<f32>>) -> Result<()> {
        if batch.n == 0 {
            alphas.clear();
            if self.runner.manifest().kind == Kind::Recurrent {
                self.reset();
            }
            return Ok(());
        }
        if self.runner.manifest().kind != Kind::Recurrent {
            return self.run_frames(batch, batch.n, alphas);
        }
        let follows: Vec<_> = slots.iter().map(|slot| self.slots.iter().position(|before| before == slot)).collect();
        let as_before = self.slots.len() == slots.len() && follows.iter().enumerate().all(|(i, f)| *f == Some(i));
        let relinked = (!as_before).then_some(follows.as_slice());
        self.run_recurrent(batch, relinked, alphas)?;
        self.slots = slots.to_vec();
        Ok(())
    }

    /// Makes the states those of pictures that follow others than the ones at their own places.
    fn relink(&mut self, follows: Option<&[Option<usize>]>) -> Result<()> {
        let Some(follows) = follows.filter(|_| !self.states.is_empty()) else { return Ok(()) };
        if follows.iter().all(Option::is_none) {
            self.states.reset();
            return Ok(());
        }
        let before = self.runner.save(&self.states)?;
        let after: Vec<_> = before.iter().map(|tensor| tensor.rows(follows)).collect();
        self.states = self.runner.restore(&after)?;
        Ok(())
    }

    /// `follows`: which picture of the frame before each picture follows, `None` where each follows the one at its own
    /// place.
    fn run_recurrent(
        &mut self,
        batch: &Batch,
        follows: Option<&[Option<usize>]>,
        alphas: &mut Vec<Plane<f32>>,
    ) -> Result<()> {
        if self.states_lost {
            return Err(CachedInferenceError::Broken);
        }
        if self.cursor.is_none() {
            self.relink(follows)?;
        }
        let Some(cursor) = &mut self.cursor else {
            self.runner.run(batch, &mut self.states, alphas)?;
            round(alphas);
            self.stats.computed += 1;
            return Ok(());
        };
        let key = CacheKeyContext::frame(&cursor.last, batch, 0, batch.n);
        let key = follows.map_or(key, |follows| CacheKeyContext::relinked(&key, follows));
        cursor.last = key;
        if !matches!(cursor.states, StatesAt::Inside(..))
            && let Some((run, tier)) = cursor.cache.run(&key)
        {
            // Computed frames end where cached ones begin.
            if let (StatesAt::Session, false) = (&cursor.states, cursor.recording.is_empty()) {
                let states = self.runner.save(&self.states)?;
                cursor.store_run(Some(&states));
            }
            cursor.states = StatesAt::Inside(run, 0, tier);
        }
        if let StatesAt::Inside(run, at, tier) = &mut cursor.states {
            let mattes = run
                .key(*at)
                .filter(|k| **k == key)
                .and_then(|_| run.mattes(*at))
                .ok_or(CachedInferenceError::Broken)?;
            alphas.resize_with(batch.n, Plane::default);
            if !mattes.fill(alphas) {
                return Err(CachedInferenceError::Broken);
            }
            self.stats.add_hit(*tier);
            *at += 1;
            if *at == run.len() {
                let run = Arc::clone(run);
                cursor.states = StatesAt::EndOf(run);
            }
            return Ok(());
        }
        if let StatesAt::EndOf(run) = &cursor.states {
            self.states = self.runner.restore(run.end().ok_or(CachedInferenceError::Broken)?)?;
            cursor.states = StatesAt::Session;
        }
        self.relink(follows)?;
        let (began, backend) = (Instant::now(), self.runner.active_backend());
        self.runner.run(batch, &mut self.states, alphas)?;
        self.stats.computed += 1;
        let Some(cursor) = &mut self.cursor else { return Ok(()) };
        if self.runner.active_backend() != backend {
            // The keys are those of the backend before.
            round(alphas);
            self.cursor = None;
            return Ok(());
        }
        cursor.seconds = cursor.seconds.min(began.elapsed().as_secs_f64() / batch.n.max(1) as f64);
        cursor.recording.push(key, &Mattes::round(alphas));
        if cursor.is_run_complete() {
            let states = self.runner.save(&self.states)?;
            cursor.store_run(Some(&states));
        }
        Ok(())
    }

    fn run_frames(&mut self, batch: &Batch, frames: usize, alphas: &mut Vec<Plane<f32>>) -> Result<()> {
        let backend = self.runner.active_backend();
        let skips_lookup = self.cursor.as_mut().is_some_and(|cursor| cursor.skips_lookup(batch, frames));
        let Some(cursor) = self.cursor.as_mut().filter(|_| !skips_lookup) else {
            self.runner.run(batch, &mut self.states, alphas)?;
            round(alphas);
            self.stats.computed += frames as u64;
            if self.runner.active_backend() != backend {
                self.cursor = None;
            }
            return Ok(());
        };
        let each = batch.n / frames.max(1);
        let start = cursor.context.start();
        let keys: Vec<_> = (0..frames).map(|i| CacheKeyContext::frame(&start, batch, i * each, each)).collect();
        alphas.resize_with(batch.n, Plane::default);
        // Frames that must be computed, and those that are the same as one of them.
        let (mut missing, mut same) = (Vec::new(), Vec::new());
        let mut seen = HashMap::new();
        for (i, key) in keys.iter().enumerate() {
            let own = &mut alphas[i * each..][..each];
            match cursor.cache.mattes(key) {
                Some((mattes, tier)) if mattes.fill(own) => self.stats.add_hit(tier),
                _ if seen.contains_key(key) => same.push((i, seen[key])),
                _ => {
                    seen.insert(*key, i);
                    missing.push(i);
                }
            }
        }
        cursor.frames_without_hit = if missing.len() == frames { cursor.frames_without_hit + frames } else { 0 };
        if missing.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let mut computed = Vec::new();
        if missing.len() == frames {
            self.runner.run(batch, &mut self.states, alphas)?;
        } else {
            let len = each * 3 * batch.width * batch.height;
            let part = &mut self.missing_batch;
            (part.n, part.width, part.height) = (missing.len() * each, batch.width, batch.height);
            part.data.clear();
            missing.iter().for_each(|i| part.data.extend_from_slice(&batch.data[i * len..][..len]));
            self.runner.run(part, &mut self.states, &mut computed)?;
            for (from, i) in computed.chunks_exact_mut(each).zip(&missing) {
                from.iter_mut().zip(&mut alphas[i * each..][..each]).for_each(|(a, b)| std::mem::swap(a, b));
            }
        }
        let seconds = began.elapsed().as_secs_f64() / (missing.len() * each).max(1) as f64;
        cursor.seconds = cursor.seconds.min(seconds);
        self.stats.computed += missing.len() as u64;
        let same_backend = self.runner.active_backend() == backend;
        for i in missing {
            let mattes = Mattes::round(&mut alphas[i * each..][..each]);
            if same_backend {
                cursor.cache.put_mattes(keys[i], mattes, cursor.seconds);
            }
        }
        if !same_backend {
            // The keys are those of the backend before.
            self.cursor = None;
        }
        for (i, of) in same {
            for k in 0..each {
                alphas[i * each + k] = alphas[of * each + k].clone();
            }
            self.stats.memory += 1;
        }
        Ok(())
    }
}

/// Rounds as for the caches: whether mattes are cached must make no difference.
fn round(alphas: &mut [Plane<f32>]) {
    alphas.iter_mut().for_each(|alpha| matte::round(alpha.data_mut()));
}
