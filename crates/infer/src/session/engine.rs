//! What computes alphas: ONNX Runtime's session on one execution provider.

use super::fault::Fault;
use super::feed::Feed;
use super::output::{self, Raw};
use super::provider::{self, Opened, Provider, SessionOptions};
use super::tensorrt::TensorRtModel;
use crate::batch::{Pictures, States};
use crate::error::{ModelError, Result};
use crate::models::manifest::{Kind, Manifest};
use crate::models::weights::Model;
use ort::memory::{AllocationDevice, Allocator, AllocatorType, MemoryInfo, MemoryType};
use ort::session::{IoBinding, Session, SessionInputValue, SessionOutputs};
use ort::value::Tensor;
use std::borrow::Cow;
use std::fmt::Debug;
use vrseg_image::plane::Plane;

/// Computes the alphas of a batch.
pub(crate) trait Engine: Debug + Send {
    fn provider(&self) -> Provider;

    /// Number of sessions among which the pictures of a batch are divided.
    fn sessions(&self) -> usize {
        1
    }

    /// Pictures in every run, where the graph takes no other number.
    fn fixed_batch(&self) -> Option<usize> {
        None
    }

    /// As [`crate::ModelRunner::run`]. Where it fails, `states` are as before.
    ///
    /// # Errors
    /// What ONNX Runtime reports, and outputs that are not finite or have another shape.
    fn run(
        &mut self,
        manifest: &Manifest,
        batch: Pictures<'_>,
        states: &mut States,
        alphas: &mut Vec<Plane<f32>>,
    ) -> std::result::Result<(), Fault>;
}

/// Stands in an engine's place while another one is loaded, which needs the memory that the first one held.
#[derive(Debug)]
pub(crate) struct UnloadedEngine(pub(crate) Provider);

impl Engine for UnloadedEngine {
    fn provider(&self) -> Provider {
        self.0
    }

    fn run(
        &mut self,
        _: &Manifest,
        _: Pictures<'_>,
        _: &mut States,
        _: &mut Vec<Plane<f32>>,
    ) -> std::result::Result<(), Fault> {
        Err(format!("nothing is loaded on {}", self.0))
    }
}

#[derive(Debug)]
pub(crate) struct OrtEngine {
    session: Session,
    provider: Provider,
    feed: Feed,
    /// `None` on a CPU.
    gpu: Option<GpuIo>,
}

/// A GPU's inputs and outputs. Pictures and mattes lie in page-locked memory, which the GPU copies by itself;
/// recurrent states stay in its own from frame to frame.
#[derive(Debug)]
struct GpuIo {
    binding: IoBinding,
    /// The GPU's memory, for states.
    memory: MemoryInfo<'static>,
    /// Page-locked memory, for mattes.
    output: MemoryInfo<'static>,
    /// Of page-locked memory, for inputs.
    allocator: Allocator,
    /// The input, in a tensor of its own: ort would copy one that borrows its data (`IoBinding::bind_input`).
    input: Option<Tensor<f32>>,
}

impl GpuIo {
    fn new(session: &Session, device: u32) -> ort::Result<Self> {
        let on = |what, memory| MemoryInfo::new(what, device as i32, AllocatorType::Device, memory);
        let input = on(AllocationDevice::CUDA_PINNED, MemoryType::CPUInput)?;
        Ok(Self {
            binding: session.create_binding()?,
            memory: on(AllocationDevice::CUDA, MemoryType::Default)?,
            output: on(AllocationDevice::CUDA_PINNED, MemoryType::CPUOutput)?,
            allocator: Allocator::new(session, input)?,
            input: None,
        })
    }

    /// Copies `batch` into the input tensor, a new one where the shape is new.
    fn fill(&mut self, batch: Pictures<'_>) -> ort::Result<()> {
        let shape = [batch.n, 3, batch.height, batch.width];
        let fits = |t: &Tensor<f32>| t.shape().iter().map(|d| *d as usize).eq(shape);
        let mut tensor = match self.input.take().filter(fits) {
            Some(t) => t,
            None => Tensor::new(&self.allocator, shape)?,
        };
        tensor.try_extract_tensor_mut()?.1.copy_from_slice(batch.data);
        self.input = Some(tensor);
        Ok(())
    }
}

/// An engine, and how it was loaded; see [`Opened`].
#[derive(Debug)]
pub(crate) struct Loaded<E = OrtEngine> {
    pub(crate) engine: E,
    pub(crate) refused: Vec<(Provider, String)>,
    pub(crate) runtime: String,
}

impl OrtEngine {
    /// Checks the weights, loads them and checks that the graph has what the manifest names.
    ///
    /// # Errors
    /// Wrong checksum, no ONNX Runtime, a device that does not load, a graph that does not fit.
    pub(crate) fn load(model: &Model, options: &SessionOptions) -> Result<Loaded> {
        let manifest = &model.manifest;
        let bytes = model.load()?;
        let tensorrt = TensorRtModel::new(manifest, options);
        let opened = provider::open(&bytes, &manifest.name, &tensorrt, options)?;
        let Opened { session, provider, refused, runtime } = opened;
        let fail = |what: String| ModelError::Failed { name: manifest.name.clone(), what };
        let feed = Feed::new(&session, manifest).map_err(fail)?;
        let gpu = match provider {
            Provider::Cuda(n) | Provider::TensorRt(n) => {
                Some(GpuIo::new(&session, n).map_err(|e| fail(e.to_string()))?)
            }
            Provider::Cpu | Provider::OpenVino => None,
        };
        Ok(Loaded { engine: Self { session, provider, feed, gpu }, refused, runtime })
    }

    /// The outer result is ONNX Runtime's; the inner one says whether the output can be used.
    fn try_run(
        &mut self,
        manifest: &Manifest,
        batch: Pictures<'_>,
        states: &mut States,
        alphas: &mut Vec<Plane<f32>>,
    ) -> ort::Result<std::result::Result<(), String>> {
        let size = (batch.width, batch.height);
        self.feed.complete(manifest, states, batch.n, size)?;
        let constants = self.feed.constants(size)?;
        if let Some(gpu) = &mut self.gpu {
            if self.feed.is_plain() {
                gpu.fill(batch)?;
            }
            let GpuIo { binding, memory, output, input, .. } = gpu;
            match input {
                Some(input) if self.feed.is_plain() => binding.bind_input(&manifest.input.name, input)?,
                _ => binding.bind_input(&manifest.input.name, &*self.feed.pictures(batch)?)?,
            }
            for (name, value) in &constants {
                binding.bind_input(*name, value)?;
            }
            // Outputs are bound for each run: a binding reuses the buffers of its last run, and those are this
            // run's inputs.
            binding.bind_output_to_device(&manifest.output.name, output)?;
            if let Some(instances) = &manifest.output.instances {
                binding.bind_output_to_device(&instances.prototypes, output)?;
            }
            for (state, value) in manifest.states.iter().zip(&states.0) {
                binding.bind_input(&state.input, value)?;
                binding.bind_output_to_device(&state.output, memory)?;
            }
            return read_outputs(manifest, batch, self.session.run_binding(binding)?, states, alphas);
        }
        let mut inputs: Vec<(Cow<'_, str>, SessionInputValue<'_>)> =
            vec![(manifest.input.name.as_str().into(), self.feed.pictures(batch)?)];
        for (state, value) in manifest.states.iter().zip(&states.0) {
            inputs.push((state.input.as_str().into(), value.into()));
        }
        for (name, value) in constants {
            inputs.push((name.into(), value.into()));
        }
        read_outputs(manifest, batch, self.session.run(inputs)?, states, alphas)
    }

    /// Runs a batch in parts of the only number of pictures that the graph takes, the last one filled with zeros.
    fn run_in_parts_of(
        &mut self,
        n: usize,
        manifest: &Manifest,
        batch: Pictures<'_>,
        alphas: &mut Vec<Plane<f32>>,
    ) -> std::result::Result<(), Fault> {
        if manifest.kind == Kind::Recurrent {
            return Err(format!("its graph accepts batches of {n}, not of {}", batch.n));
        }
        let mut all = Vec::with_capacity(batch.n);
        for from in (0..batch.n).step_by(n) {
            let part = batch.part(from..(from + n).min(batch.n));
            let mut data = part.data.to_vec();
            data.resize(n * 3 * part.width * part.height, 0.0);
            let whole = Pictures { data: &data, n, ..part };
            let mut some = Vec::new();
            let none = &mut States::default();
            self.try_run(manifest, whole, none, &mut some).unwrap_or_else(|e| Err(e.to_string()))?;
            all.extend(some.into_iter().take(part.n));
        }
        *alphas = all;
        Ok(())
    }
}

/// Reads the alphas of `batch` from a model's outputs; `states` are replaced only if the alphas can be used.
fn read_outputs(
    manifest: &Manifest,
    batch: Pictures<'_>,
    mut outputs: SessionOutputs<'_>,
    states: &mut States,
    alphas: &mut Vec<Plane<f32>>,
) -> ort::Result<std::result::Result<(), String>> {
    let next: Vec<_> = manifest.states.iter().filter_map(|s| outputs.remove(&s.output)).collect();
    let raw = Raw::of(&outputs[manifest.output.name.as_str()])?;
    let prototypes = match &manifest.output.instances {
        Some(instances) => Some(Raw::of(&outputs[instances.prototypes.as_str()])?),
        None => None,
    };
    let read = output::read(&manifest.output, &raw, prototypes.as_ref(), batch, alphas);
    if read.is_ok() {
        states.0 = next;
    }
    Ok(read)
}

impl Engine for OrtEngine {
    fn provider(&self) -> Provider {
        self.provider
    }

    fn fixed_batch(&self) -> Option<usize> {
        self.feed.batch
    }

    fn run(
        &mut self,
        manifest: &Manifest,
        batch: Pictures<'_>,
        states: &mut States,
        alphas: &mut Vec<Plane<f32>>,
    ) -> std::result::Result<(), Fault> {
        match self.feed.batch.filter(|n| *n != batch.n) {
            Some(n) => self.run_in_parts_of(n, manifest, batch, alphas),
            None => self.try_run(manifest, batch, states, alphas).unwrap_or_else(|e| Err(e.to_string())),
        }
    }
}
