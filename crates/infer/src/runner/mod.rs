//! A matting model that is loaded and ready to run: batches of pictures in, alphas out. What its device can't do is done
//! in smaller batches, or on the CPU.

mod downscale;
mod fit;
mod recovery;
mod session_pool;
mod states;

pub use session_pool::sessions;

use crate::DeviceChoice;
use crate::batch::{Batch, Pictures, States};
use crate::error::{ModelError, Result};
use crate::models::manifest::{Kind, Manifest};
use crate::models::weights::Model;
use crate::session::engine::{Engine, Loaded, OrtEngine};
use crate::session::fallback::{Fallback, Reload};
use crate::session::fault::Fault;
use crate::session::provider::{Provider, SessionOptions};
use fit::Fit;
use session_pool::SessionPool;
use vrseg_image::plane::Plane;

/// A loaded model. Runs from one thread at a time; its session brings its own thread pool.
///
/// Where the device's memory does not suffice, the model is first reloaded with a smaller arena; then batches are
/// split into halves, down to one picture at a time; then, where the user allows that, pictures are scaled to half
/// their size. Where that does not help, or the device fails otherwise, the CPU continues. All of it holds for the
/// batches that follow, too, and is reported by [`ModelRunner::take_notes`].
#[derive(Debug)]
pub struct ModelRunner {
    engine: Box<dyn Engine>,
    manifest: Manifest,
    refused: Vec<(Provider, String)>,
    runtime: String,
    /// Loads the engine again with a smaller arena: memory that it took from the device it frees only as a whole.
    reload: Option<Reload<dyn Engine>>,
    /// The engine was loaded by `reload`, see [`SessionOptions::frugal`].
    frugal: bool,
    /// The device ran out of memory before.
    ran_out_of_memory: bool,
    /// Pictures that fit into the device's memory at once; 0: batches are never split.
    max_pictures: usize,
    /// Pictures may be scaled down where not even one fits.
    may_shrink: bool,
    halvings: u32,
    fallback: Fallback<dyn Engine>,
    notes: Vec<String>,
    /// Why the fallback was taken.
    fallback_reason: Option<String>,
    /// Buffer for a batch at a smaller size.
    small_batch: Batch,
    /// Buffer for a batch at the only size that the graph takes.
    fitted_batch: Batch,
}

/// How a model computes: another provider or another picture size gives other mattes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ActiveBackend {
    /// The execution provider that it runs on.
    pub provider: Provider,
    /// How often the size of its pictures was halved for lack of memory.
    pub halvings: u32,
}

impl ModelRunner {
    /// Checks the weights, loads them and checks that the graph has what the manifest names.
    ///
    /// # Errors
    /// Wrong checksum, no ONNX Runtime, a device that does not load, a graph that does not fit.
    pub fn load(model: &Model, options: &SessionOptions) -> Result<Self> {
        let Loaded { engine, refused, runtime } = open(model, options)?;
        let load = |model: &Model, options: &SessionOptions| Ok(open(model, options)?.engine);
        let fallback = Fallback::cpu(model, options, engine.provider(), load);
        let max_pictures = if options.session.rigid { 0 } else { usize::MAX };
        let reload = (engine.provider().is_gpu() && !options.session.rigid).then(|| {
            let device = engine.provider().as_choice();
            let (model, options) = (model.clone(), SessionOptions { device, frugal: true, ..options.clone() });
            Reload::new(move || load(&model, &options))
        });
        let runner = Self::with_engine(engine, model.manifest.clone(), fallback);
        Ok(Self { refused, runtime, reload, max_pictures, may_shrink: options.session.smaller_input, ..runner })
    }

    pub(crate) fn with_engine(engine: Box<dyn Engine>, manifest: Manifest, fallback: Fallback<dyn Engine>) -> Self {
        Self {
            engine,
            manifest,
            refused: Vec::new(),
            runtime: String::new(),
            reload: None,
            frugal: false,
            ran_out_of_memory: false,
            max_pictures: usize::MAX,
            may_shrink: false,
            halvings: 0,
            fallback,
            notes: Vec::new(),
            fallback_reason: None,
            small_batch: Batch::default(),
            fitted_batch: Batch::default(),
        }
    }

    /// The manifest of the model that was loaded.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The execution provider that it runs on now.
    pub fn provider(&self) -> Provider {
        self.engine.provider()
    }

    /// Number of sessions among which the pictures of a batch are divided.
    pub fn sessions(&self) -> usize {
        self.engine.sessions()
    }

    /// How it computes now.
    pub fn active_backend(&self) -> ActiveBackend {
        ActiveBackend { provider: self.provider(), halvings: self.halvings }
    }

    /// Version and origin of the ONNX Runtime that it runs on.
    pub fn runtime(&self) -> &str {
        &self.runtime
    }

    /// Providers that failed to load before this one did, each with the reason.
    pub fn refused(&self) -> &[(Provider, String)] {
        &self.refused
    }

    /// What was changed since the last call because the device failed, a sentence each.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Why the model does not run any more on the device on which it was loaded; `None`: it does.
    pub fn fallback_reason(&self) -> Option<&str> {
        self.fallback_reason.as_deref()
    }

    /// Runs the model on a batch and replaces `alphas` by the `batch.n` alphas (0 background ..= 1 person), reusing
    /// their planes. For a recurrent model picture `i` of this batch follows picture `i` of the batch before, and
    /// `states` is updated; other kinds leave it alone.
    ///
    /// # Errors
    /// What ONNX Runtime reports, and outputs that are not finite or have another shape, where neither less memory
    /// nor the fallback helps. `states` are as before then.
    pub fn run(&mut self, batch: &Batch, states: &mut States, alphas: &mut Vec<Plane<f32>>) -> Result<()> {
        loop {
            let Err(mut fault) = self.run_at_size(batch, states, alphas) else { return Ok(()) };
            if self.reduce_memory(&fault, batch, states) {
                tracing::debug!("{fault}");
                match self.reload(states) {
                    Ok(()) => continue,
                    Err(e) => fault = e.to_string(),
                }
            }
            if !self.fall_back(states, &fault)? {
                return Err(self.fail(fault));
            }
        }
    }

    /// Runs a batch at the size that fits; the alphas have the size of the batch.
    fn run_at_size(
        &mut self,
        batch: &Batch,
        states: &mut States,
        alphas: &mut Vec<Plane<f32>>,
    ) -> std::result::Result<(), Fault> {
        let full = (batch.width, batch.height);
        let size = self.reduced_size(full);
        if size == full {
            return self.run_in_parts(batch, states, alphas);
        }
        let mut small = std::mem::take(&mut self.small_batch);
        downscale::shrink(batch, size, &mut small);
        let result = self.run_in_parts(&small, states, alphas);
        self.small_batch = small;
        result?;
        downscale::enlarge(alphas, full);
        Ok(())
    }

    /// The size at which pictures of size `full` go through the model.
    fn reduced_size(&self, full: (usize, usize)) -> (usize, usize) {
        (0..self.halvings).fold(full, |size, _| downscale::half_of(&self.manifest.input, size).unwrap_or(size))
    }

    /// Runs a batch in parts that fit.
    fn run_in_parts(
        &mut self,
        batch: &Batch,
        states: &mut States,
        alphas: &mut Vec<Plane<f32>>,
    ) -> std::result::Result<(), Fault> {
        if !self.must_be_split(batch.n) {
            return self.run_fitted(batch.pictures(), states, alphas);
        }
        alphas.clear();
        for from in (0..batch.n).step_by(self.max_pictures) {
            let part = batch.pictures().part(from..(from + self.max_pictures).min(batch.n));
            let mut part_alphas = Vec::new();
            self.run_fitted(part, states, &mut part_alphas)?;
            alphas.append(&mut part_alphas);
        }
        Ok(())
    }

    /// Runs pictures at the size that the graph takes.
    fn run_fitted(
        &mut self,
        pictures: Pictures<'_>,
        states: &mut States,
        alphas: &mut Vec<Plane<f32>>,
    ) -> std::result::Result<(), Fault> {
        let Some(fit) = Fit::of(&self.manifest.input, (pictures.width, pictures.height)) else {
            return self.engine.run(&self.manifest, pictures, states, alphas);
        };
        fit.place(pictures, &mut self.fitted_batch);
        self.engine.run(&self.manifest, self.fitted_batch.pictures(), states, alphas)?;
        fit.take(alphas);
        Ok(())
    }

    /// Whether `n` pictures are more than fit. A recurrent model's can't be split: its states hold all of them.
    fn must_be_split(&self, n: usize) -> bool {
        self.manifest.kind != Kind::Recurrent && (1..n).contains(&self.max_pictures)
    }

    fn fail(&self, what: impl Into<String>) -> ModelError {
        ModelError::Failed { name: self.manifest.name.clone(), what: what.into() }
    }
}

/// Loads an engine: on a CPU with as many sessions as divide its batches evenly.
fn open(model: &Model, options: &SessionOptions) -> Result<Loaded<Box<dyn Engine>>> {
    let sessions = session_pool::sessions(options.pictures, options.threads, model.bytes());
    let each = SessionOptions { threads: options.threads.div_ceil(sessions), ..options.clone() };
    // OpenVINO divides its threads by itself.
    let first = if options.wants_openvino() { options } else { &each };
    let Loaded { engine, refused, runtime } = OrtEngine::load(model, first)?;
    if model.manifest.kind == Kind::Recurrent && engine.fixed_batch() == Some(1) {
        // A pool runs one picture after the other, each with its own states.
        return Ok(Loaded { engine: SessionPool::alone(Box::new(engine)), refused, runtime });
    }
    let engine: Box<dyn Engine> = match engine.provider() {
        Provider::Cpu => {
            let another = SessionOptions { device: DeviceChoice::Cpu, ..each };
            let more = || -> Result<Box<dyn Engine>> { Ok(Box::new(OrtEngine::load(model, &another)?.engine)) };
            // In place of OpenVINO it has all threads.
            let engine = if options.wants_openvino() && sessions > 1 { more()? } else { Box::new(engine) };
            SessionPool::load(engine, sessions, more)?
        }
        Provider::OpenVino | Provider::Cuda(_) | Provider::TensorRt(_) => Box::new(engine),
    };
    Ok(Loaded { engine, refused, runtime })
}

#[cfg(test)]
mod format_tests;
#[cfg(test)]
mod tests;
