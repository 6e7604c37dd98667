//! Between the pipeline and the network: asks the caches first.

use super::matte;
use super::record::{Mattes, Run};
use super::{Cache, Context, Key, Tier};
use crate::{Batch, Kind, ModelError, Network, States, Tensor};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use vrseg_image::plane::Plane;

/// A run has at most so many frames: what a killed process loses of its work.
const LONGEST_RUN: usize = 512;

/// ... or so many bytes of packed mattes.
const LARGEST_RUN: usize = 32 << 20;

/// After so many frames in a row that were kept for nothing, frames of a cheap network are not known by a hash any more:
/// more than the memory for mattes holds at 4K, so what comes round in a loop is found before.
const PATIENCE: usize = 256;

/// Of a frame's numbers every so many are added up to see whether it may be the one before.
const GLIMPSE: usize = 509;

/// Why there are no mattes.
#[derive(Debug, thiserror::Error)]
pub enum RecallError {
    /// The network's.
    #[error(transparent)]
    Network(#[from] ModelError),
    /// Kept mattes were used, and then came a frame that is not among them, in the middle of a kept run,
    /// so that the states before it are not known. The work must be done again without looking
    /// anything up ([`super::CacheChoice::read`]).
    #[error("the kept mattes end in the middle of a run; they can't be gone on from")]
    Broken,
}

type Result<T> = std::result::Result<T, RecallError>;

/// Where the mattes came from, in frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// From memory: frames that repeat.
    pub memory: u64,
    /// From disk: of an earlier run.
    pub disk: u64,
    /// The network computed them.
    pub computed: u64,
    /// They were carried along from the frame before.
    pub carried: u64,
}

impl std::ops::AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.memory += more.memory;
        self.disk += more.disk;
        self.computed += more.computed;
        self.carried += more.carried;
    }
}

impl Tally {
    /// Share of the frames that the network did not have to see, 0..=1.
    pub fn hit_rate(&self) -> f64 {
        let hits = self.memory + self.disk;
        hits as f64 / (hits + self.computed).max(1) as f64
    }

    fn count(&mut self, tier: Tier) {
        match tier {
            Tier::Memory => self.memory += 1,
            Tier::Disk => self.disk += 1,
        }
    }
}

/// What a recurrent network knows of the frames before, for work that goes on in another process.
/// Empty at the start and for other networks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// Its states; not where [`Chain::within`] stands for them.
    pub states: Vec<Tensor>,
    /// How its frames are known to the caches; `None`: they were not asked.
    pub chain: Option<Chain>,
}

/// A chain of frames since the last reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Key of the start: what computes.
    start: Key,
    /// Key of the last frame.
    last: Key,
    /// The states are not known, since kept mattes were used: the key of the first frame of the kept run
    /// that they are in, and how many of its frames were used.
    within: Option<(Key, usize)>,
}

impl Past {
    /// It can only be gone on from with mattes that are kept somewhere else.
    pub fn needs_kept(&self) -> bool {
        self.chain.is_some_and(|c| c.within.is_some())
    }
}

/// A network with its recurrent states and what is kept of its mattes.
#[derive(Debug)]
pub struct Recall<'n> {
    network: &'n mut Network,
    states: States,
    /// The states before the next frame are neither here nor where they should be kept.
    lost: bool,
    kept: Option<Kept>,
    tally: Tally,
    spare: Batch,
}

#[derive(Debug)]
struct Kept {
    cache: Arc<Cache>,
    context: Context,
    /// Key of the last frame of a recurrent network.
    last: Key,
    /// Where the states before the next frame are.
    place: Place,
    /// Frames that were computed since the last run was kept.
    recording: Run,
    /// Bytes of the states; 0 before they were first saved.
    state_bytes: usize,
    /// The least seconds that the network took for a picture: other work on the machine only adds to it.
    seconds: f64,
    /// Frames since the last one that was found, or might have been if those before had been kept.
    vain: usize,
    /// A sum of some of the last frame's numbers, see [`GLIMPSE`].
    glimpse: u64,
}

#[derive(Debug)]
enum Place {
    /// In [`Recall::states`].
    States,
    /// Behind the last frame of a kept run.
    Behind(Arc<Run>),
    /// Nowhere: within a kept run, of which so many frames were used, found there.
    Within(Arc<Run>, usize, Tier),
}

impl<'n> Recall<'n> {
    /// A network that goes on from `past`.
    ///
    /// # Errors
    /// The states are not the network's.
    pub fn new(network: &'n mut Network, past: &Past, cache: Option<(Arc<Cache>, Context)>) -> Result<Self> {
        let states = network.restore(&past.states)?;
        let kept = cache.map(|(cache, context)| Kept::new(past, cache, context));
        let found = kept.as_ref().is_some_and(|k| !matches!(k.place, Place::States));
        let lost = past.needs_kept() && !found;
        Ok(Self { network, states, lost, kept, tally: Tally::default(), spare: Batch::default() })
    }

    /// Where the mattes came from so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// What was done since the last call because the device failed, a sentence each.
    pub fn take_notes(&mut self) -> Vec<String> {
        self.network.take_notes()
    }

    /// Forgets the frames before: a scene begins.
    pub fn reset(&mut self) {
        self.states.reset();
        self.lost = false;
        if let Some(kept) = &mut self.kept {
            // The states behind the scene's last frame are of no use.
            kept.keep(None);
            kept.last = kept.context.start();
            kept.place = Place::States;
        }
    }

    /// What is known before the next frame.
    ///
    /// # Errors
    /// As [`Recall::run`].
    pub fn past(&mut self) -> Result<Past> {
        if self.network.manifest().kind != Kind::Recurrent {
            return Ok(Past::default());
        }
        if self.lost {
            return Err(RecallError::Broken);
        }
        let Some(kept) = &mut self.kept else {
            return Ok(Past { states: self.network.save(&self.states)?, chain: None });
        };
        let (states, within) = match &kept.place {
            Place::States => (self.network.save(&self.states)?, None),
            Place::Behind(run) => match run.end() {
                Some(states) => (states.to_vec(), None),
                // A cut followed there, and does so here most likely.
                None => (Vec::new(), run.key(0).map(|first| (*first, run.len()))),
            },
            Place::Within(run, at, _) => (Vec::new(), run.key(0).map(|first| (*first, *at))),
        };
        if within.is_none() {
            // The states cost most of what keeping a run costs.
            kept.keep(Some(&states));
        }
        Ok(Past { states, chain: Some(Chain { start: kept.context.start(), last: kept.last, within }) })
    }

    /// Keeps what was computed since, so that another run can go on here.
    ///
    /// # Errors
    /// The states can't be brought from the device.
    pub fn finish(&mut self) -> Result<()> {
        if self.kept.as_ref().is_some_and(|k| !k.recording.is_empty()) {
            self.past()?;
        }
        Ok(())
    }

    /// As [`Network::run`], for a batch of `frames` frames of as many pictures each (one frame where the
    /// network is recurrent).
    ///
    /// # Errors
    /// The network's; [`RecallError::Broken`].
    pub fn run(&mut self, batch: &Batch, frames: usize, alphas: &mut Vec<Plane<f32>>) -> Result<()> {
        if self.network.manifest().kind == Kind::Recurrent {
            self.run_recurrent(batch, alphas)
        } else {
            self.run_frames(batch, frames, alphas)
        }
    }

    fn run_recurrent(&mut self, batch: &Batch, alphas: &mut Vec<Plane<f32>>) -> Result<()> {
        if self.lost {
            return Err(RecallError::Broken);
        }
        let Some(kept) = &mut self.kept else {
            self.network.run(batch, &mut self.states, alphas)?;
            round(alphas);
            self.tally.computed += 1;
            return Ok(());
        };
        let key = Context::frame(&kept.last, batch, 0, batch.n);
        kept.last = key;
        if !matches!(kept.place, Place::Within(..))
            && let Some((run, tier)) = kept.cache.run(&key)
        {
            // Computed frames end where kept ones begin.
            if let (Place::States, false) = (&kept.place, kept.recording.is_empty()) {
                let states = self.network.save(&self.states)?;
                kept.keep(Some(&states));
            }
            kept.place = Place::Within(run, 0, tier);
        }
        if let Place::Within(run, at, tier) = &mut kept.place {
            let mattes =
                run.key(*at).filter(|k| **k == key).and_then(|_| run.mattes(*at)).ok_or(RecallError::Broken)?;
            alphas.resize_with(batch.n, Plane::default);
            if !mattes.fill(alphas) {
                return Err(RecallError::Broken);
            }
            self.tally.count(*tier);
            *at += 1;
            if *at == run.len() {
                let run = Arc::clone(run);
                kept.place = Place::Behind(run);
            }
            return Ok(());
        }
        if let Place::Behind(run) = &kept.place {
            self.states = self.network.restore(run.end().ok_or(RecallError::Broken)?)?;
            kept.place = Place::States;
        }
        let (began, way) = (Instant::now(), self.network.way());
        self.network.run(batch, &mut self.states, alphas)?;
        self.tally.computed += 1;
        if self.network.way() != way {
            // The keys say that it computes as before.
            round(alphas);
            self.kept = None;
            return Ok(());
        }
        kept.seconds = kept.seconds.min(began.elapsed().as_secs_f64() / batch.n.max(1) as f64);
        kept.recording.push(key, &Mattes::round(alphas));
        if kept.is_long() {
            let states = self.network.save(&self.states)?;
            kept.keep(Some(&states));
        }
        Ok(())
    }

    fn run_frames(&mut self, batch: &Batch, frames: usize, alphas: &mut Vec<Plane<f32>>) -> Result<()> {
        let way = self.network.way();
        let rests = self.kept.as_mut().is_some_and(|kept| kept.rests(batch, frames));
        let Some(kept) = self.kept.as_mut().filter(|_| !rests) else {
            self.network.run(batch, &mut self.states, alphas)?;
            round(alphas);
            self.tally.computed += frames as u64;
            if self.network.way() != way {
                self.kept = None;
            }
            return Ok(());
        };
        let each = batch.n / frames.max(1);
        let start = kept.context.start();
        let keys: Vec<_> = (0..frames).map(|i| Context::frame(&start, batch, i * each, each)).collect();
        alphas.resize_with(batch.n, Plane::default);
        // Frames that must be computed, and those that are the same as one of them.
        let (mut missing, mut same) = (Vec::new(), Vec::new());
        let mut seen = HashMap::new();
        for (i, key) in keys.iter().enumerate() {
            let own = &mut alphas[i * each..][..each];
            match kept.cache.mattes(key) {
                Some((mattes, tier)) if mattes.fill(own) => self.tally.count(tier),
                _ if seen.contains_key(key) => same.push((i, seen[key])),
                _ => {
                    seen.insert(*key, i);
                    missing.push(i);
                }
            }
        }
        kept.vain = if missing.len() == frames { kept.vain + frames } else { 0 };
        if missing.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let mut computed = Vec::new();
        if missing.len() == frames {
            self.network.run(batch, &mut self.states, alphas)?;
        } else {
            let len = each * 3 * batch.width * batch.height;
            let part = &mut self.spare;
            (part.n, part.width, part.height) = (missing.len() * each, batch.width, batch.height);
            part.data.clear();
            missing.iter().for_each(|i| part.data.extend_from_slice(&batch.data[i * len..][..len]));
            self.network.run(part, &mut self.states, &mut computed)?;
            for (from, i) in computed.chunks_exact_mut(each).zip(&missing) {
                from.iter_mut().zip(&mut alphas[i * each..][..each]).for_each(|(a, b)| std::mem::swap(a, b));
            }
        }
        let seconds = began.elapsed().as_secs_f64() / (missing.len() * each).max(1) as f64;
        kept.seconds = kept.seconds.min(seconds);
        self.tally.computed += missing.len() as u64;
        let same_way = self.network.way() == way;
        for i in missing {
            let mattes = Mattes::round(&mut alphas[i * each..][..each]);
            if same_way {
                kept.cache.put_mattes(keys[i], mattes, kept.seconds);
            }
        }
        if !same_way {
            // The keys say that it computes as before.
            self.kept = None;
        }
        for (i, of) in same {
            for k in 0..each {
                alphas[i * each + k] = alphas[of * each + k].clone();
            }
            self.tally.memory += 1;
        }
        Ok(())
    }
}

/// As mattes that are kept: whether they are must make no difference.
fn round(alphas: &mut [Plane<f32>]) {
    alphas.iter_mut().for_each(|alpha| matte::round(alpha.data_mut()));
}

impl Kept {
    fn new(past: &Past, cache: Arc<Cache>, context: Context) -> Self {
        // Of another processor's chain only the states are of use.
        let chain = past.chain.filter(|chain| chain.start == context.start());
        let place = chain.and_then(|c| c.within).and_then(|(first, at)| {
            let (run, tier) = cache.run(&first)?;
            Some(if at < run.len() { Place::Within(run, at, tier) } else { Place::Behind(run) })
        });
        let last = match chain {
            Some(chain) => chain.last,
            None if past.states.is_empty() => context.start(),
            None => context.resumed(&past.states),
        };
        Self {
            cache,
            context,
            last,
            place: place.unwrap_or(Place::States),
            recording: Run::default(),
            state_bytes: 0,
            seconds: f64::INFINITY,
            vain: 0,
            glimpse: 0,
        }
    }

    /// Whether the hashes of a batch's frames are not worth their time: a frame-independent network is cheap, and no
    /// frame repeated for long. One that may be the same as the one before ends that, and is looked up.
    fn rests(&mut self, batch: &Batch, frames: usize) -> bool {
        for frame in batch.data.chunks_exact((batch.data.len() / frames.max(1)).max(1)) {
            let sum = frame.iter().step_by(GLIMPSE).fold(0u64, |sum, v| sum.wrapping_add(u64::from(v.to_bits())));
            if std::mem::replace(&mut self.glimpse, sum) == sum {
                self.vain = 0;
            }
        }
        self.vain >= PATIENCE && self.cache.disk_for(self.seconds).is_none()
    }

    /// The states, however large they are, are a third of the run at most; and a run has an end.
    fn is_long(&self) -> bool {
        let (n, bytes) = (self.recording.len(), self.recording.packed());
        let pays = self.state_bytes > 0 && n >= 32 && bytes >= 2 * self.state_bytes;
        pays || n >= LONGEST_RUN || bytes >= LARGEST_RUN
    }

    /// Hands the recorded frames to the caches.
    fn keep(&mut self, end: Option<&[Tensor]>) {
        if let Some(states) = end {
            self.state_bytes = states.iter().map(|t| 4 * t.data.len()).sum();
        }
        let mut run = std::mem::take(&mut self.recording);
        if let Some(key) = run.key(0).copied() {
            run.end_with(end.map(<[_]>::to_vec));
            self.cache.put_run(key, run, self.seconds);
        }
    }
}
