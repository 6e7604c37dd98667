//! A network that is loaded and ready: batches of views in, alphas out.

use super::error::{ModelError, Result};
use super::manifest::{Kind, Manifest};
use super::provider::{self, Provider, SessionOptions};
use super::registry::Model;
use crate::plane::Plane;
use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};
use ort::session::IoBinding;
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Tensor as OrtTensor, TensorRef, TensorValueType};
use std::borrow::Cow;

/// Input of one run: `n` pictures as f32 `[n, 3, height, width]`, normalised as the manifest says.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// `n * 3 * height * width` values.
    pub data: Vec<f32>,
    /// Pictures.
    pub n: usize,
    /// Width of each.
    pub width: usize,
    /// Height of each.
    pub height: usize,
}

/// What a recurrent network remembers of the frames before, for all pictures of a batch. Empty
/// (the default) at the start and after a scene cut. Kept in FP32: in FP16 the states drift.
#[derive(Debug, Default)]
pub struct States(Vec<DynValue>);

impl States {
    /// Forgets everything.
    pub fn reset(&mut self) {
        self.0.clear();
    }

    /// Nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A tensor in memory: what [`Network::save`] makes of a state.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Its dimensions.
    pub shape: Vec<usize>,
    /// As many values as their product.
    pub data: Vec<f32>,
}

/// A loaded network. Runs from one thread at a time; its session brings its own thread pool.
#[derive(Debug)]
pub struct Network {
    session: Session,
    manifest: Manifest,
    provider: Provider,
    refused: Vec<(Provider, String)>,
    runtime: String,
    /// On a GPU recurrent states stay there from frame to frame.
    device: Option<DeviceIo>,
}

/// Inputs and outputs that are bound to a GPU's memory.
#[derive(Debug)]
struct DeviceIo {
    binding: IoBinding,
    /// The GPU's memory.
    memory: MemoryInfo<'static>,
    /// The input, in a tensor of its own because ort (2.0.0-rc.15) never returns from binding one
    /// that borrows its data: it clones it through a binding of its own, which does the same while
    /// holding a lock. (Page-locked memory would upload faster, but ort refuses to write to it.)
    input: Option<OrtTensor<f32>>,
}

impl DeviceIo {
    fn new(session: &Session, device: u32) -> ort::Result<Self> {
        let memory =
            MemoryInfo::new(AllocationDevice::CUDA, device as i32, AllocatorType::Device, MemoryType::Default)?;
        Ok(Self { binding: session.create_binding()?, memory, input: None })
    }

    /// Copies `batch` into the bound input tensor, making it where the shape is new.
    fn fill(&mut self, batch: &Batch) -> ort::Result<()> {
        let shape = [batch.n, 3, batch.height, batch.width];
        let fits = |t: &OrtTensor<f32>| t.shape().iter().map(|d| *d as usize).eq(shape);
        let mut tensor = match self.input.take().filter(fits) {
            Some(t) => t,
            None => OrtTensor::from_array((shape, vec![0f32; batch.data.len()]))?,
        };
        tensor.extract_tensor_mut().1.copy_from_slice(&batch.data);
        self.input = Some(tensor);
        Ok(())
    }
}

impl Network {
    /// Checks the weights, loads them and checks that the graph has what the manifest names.
    ///
    /// # Errors
    /// Wrong checksum, no ONNX Runtime, a device that does not load, a graph that does not fit.
    pub fn load(model: &Model, options: &SessionOptions) -> Result<Self> {
        let manifest = model.manifest.clone();
        let bytes = model.load()?;
        let opened = provider::open(&bytes, &manifest.name, options)?;
        let session = opened.session;
        let have_in: Vec<_> = session.inputs().iter().map(|i| i.name()).collect();
        let have_out: Vec<_> = session.outputs().iter().map(|o| o.name()).collect();
        let missing = std::iter::once((&manifest.input.name, &have_in, "input.name"))
            .chain([(&manifest.output.name, &have_out, "output.name")])
            .chain(manifest.states.iter().map(|s| (&s.input, &have_in, "states.input")))
            .chain(manifest.states.iter().map(|s| (&s.output, &have_out, "states.output")))
            .find(|(name, have, _)| !have.contains(&name.as_str()));
        if let Some((name, have, field)) = missing {
            let what = format!("its manifest says {field}: {name}, but the ONNX graph has only {}", have.join(", "));
            return Err(ModelError::Network { name: manifest.name, what });
        }
        let device = match opened.provider {
            Provider::Cuda(n) | Provider::TensorRt(n) if manifest.kind == Kind::Recurrent => {
                let fail = |e: ort::Error| ModelError::Network { name: manifest.name.clone(), what: e.to_string() };
                Some(DeviceIo::new(&session, n).map_err(fail)?)
            }
            _ => None,
        };
        let (provider, refused, runtime) = (opened.provider, opened.refused, opened.runtime);
        Ok(Self { session, manifest, provider, refused, runtime, device })
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What it runs on.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// The ONNX Runtime that it runs on: version and origin.
    pub fn runtime(&self) -> &str {
        &self.runtime
    }

    /// Providers that `auto` tried in vain, with the reason.
    pub fn refused(&self) -> &[(Provider, String)] {
        &self.refused
    }

    /// Runs a batch and makes `alphas` its `batch.n` alphas (0 background ..= 1 person); planes that
    /// are there already are used again. For a recurrent network picture `i` of this batch follows
    /// picture `i` of the batch before, and `states` is updated; other kinds leave it alone.
    ///
    /// # Errors
    /// What ONNX Runtime says, and outputs that are not numbers or have another shape.
    pub fn run(&mut self, batch: &Batch, states: &mut States, alphas: &mut Vec<Plane<f32>>) -> Result<()> {
        let read = match self.try_run(batch, states, alphas) {
            Ok(read) => read,
            Err(e) => return Err(self.fail(e.to_string())),
        };
        read.map_err(|what| self.fail(what))
    }

    /// The states as numbers.
    ///
    /// # Errors
    /// What ONNX Runtime says when it brings them from the device.
    pub fn save(&self, states: &States) -> Result<Vec<Tensor>> {
        states.0.iter().map(|value| save(value).map_err(|e| self.fail(e.to_string()))).collect()
    }

    /// The states that [`Network::save`] told.
    ///
    /// # Errors
    /// They are not this network's.
    pub fn restore(&self, saved: &[Tensor]) -> Result<States> {
        if !saved.is_empty() && saved.len() != self.manifest.states.len() {
            return Err(self.fail(format!("{} states were kept, it has {}", saved.len(), self.manifest.states.len())));
        }
        let value = |t: &Tensor| Ok(OrtTensor::from_array((t.shape.clone(), t.data.clone()))?.into_dyn());
        saved.iter().map(value).collect::<ort::Result<_>>().map(States).map_err(|e| self.fail(e.to_string()))
    }

    fn fail(&self, what: impl Into<String>) -> ModelError {
        ModelError::Network { name: self.manifest.name.clone(), what: what.into() }
    }

    /// The outer result is ONNX Runtime's; the inner one tells whether the output can be used.
    fn try_run(
        &mut self,
        batch: &Batch,
        states: &mut States,
        alphas: &mut Vec<Plane<f32>>,
    ) -> ort::Result<std::result::Result<(), String>> {
        let m = &self.manifest;
        if m.kind == Kind::Recurrent && states.is_empty() {
            // RVM's own convention: a single zero stands for an empty state of any size.
            for _ in &m.states {
                states.0.push(OrtTensor::from_array(([1usize, 1, 1, 1], vec![0f32]))?.into_dyn());
            }
        }
        if let Some(device) = &mut self.device {
            let host = MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Device, MemoryType::CPUOutput)?;
            device.fill(batch)?;
            let DeviceIo { binding, memory, input } = device;
            if let Some(input) = input {
                binding.bind_input(&m.input.name, input)?;
            }
            // Outputs are bound anew each time: a binding re-uses the buffers of its last run, and
            // those are this run's inputs.
            binding.bind_output_to_device(&m.output.name, &host)?;
            for (state, value) in m.states.iter().zip(&states.0) {
                binding.bind_input(&state.input, value)?;
                binding.bind_output_to_device(&state.output, memory)?;
            }
            let mut outputs = self.session.run_binding(binding)?;
            let next: Vec<_> = m.states.iter().filter_map(|s| outputs.remove(&s.output)).collect();
            let (shape, data) = outputs[m.output.name.as_str()].try_extract_tensor::<f32>()?;
            let read = m.output.read(shape, data, batch.n, alphas);
            states.0 = next;
            return Ok(read);
        }
        let source = TensorRef::from_array_view(([batch.n, 3, batch.height, batch.width], batch.data.as_slice()))?;
        let mut inputs: Vec<(Cow<'_, str>, SessionInputValue<'_>)> =
            vec![(m.input.name.as_str().into(), source.into())];
        for (state, value) in m.states.iter().zip(&states.0) {
            inputs.push((state.input.as_str().into(), value.into()));
        }
        let mut outputs = self.session.run(inputs)?;
        let next: Vec<_> = m.states.iter().filter_map(|s| outputs.remove(&s.output)).collect();
        let (shape, data) = outputs[m.output.name.as_str()].try_extract_tensor::<f32>()?;
        let read = m.output.read(shape, data, batch.n, alphas);
        states.0 = next;
        Ok(read)
    }
}

fn save(value: &DynValue) -> ort::Result<Tensor> {
    let read = |tensor: &OrtTensor<f32>| {
        let (shape, data) = tensor.extract_tensor();
        Tensor { shape: shape.iter().map(|d| *d as usize).collect(), data: data.to_vec() }
    };
    let value = value.view().downcast::<TensorValueType<f32>>()?;
    if value.memory_info().is_cpu_accessible() {
        return Ok(read(&value));
    }
    Ok(read(&value.to(AllocationDevice::CPU, 0)?))
}
