//! A network that is loaded and ready: batches of views in, alphas out.

use super::error::{ModelError, Result};
use super::manifest::{Activation, Kind, Manifest};
use super::provider::{self, Provider, SessionOptions};
use super::registry::{Model, Weights};
use crate::plane::Plane;
use ndarray::{ArrayD, ArrayView3, Axis, Ix4};
use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};
use ort::session::IoBinding;
use ort::session::{Session, SessionInputValue};
use ort::value::{DynValue, Tensor, TensorRef};
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

/// A loaded network. Runs from one thread at a time; its session brings its own thread pool.
#[derive(Debug)]
pub struct Network {
    session: Session,
    manifest: Manifest,
    provider: Provider,
    refused: Vec<(Provider, String)>,
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
    input: Option<Tensor<f32>>,
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
        let fits = |t: &Tensor<f32>| t.shape().iter().map(|d| *d as usize).eq(shape);
        let mut tensor = match self.input.take().filter(fits) {
            Some(t) => t,
            None => Tensor::from_array((shape, vec![0f32; batch.data.len()]))?,
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
        model.verify()?;
        let manifest = model.manifest.clone();
        let bytes: Cow<'_, [u8]> = match &model.weights {
            Weights::Embedded(b) => Cow::Borrowed(b),
            Weights::File(path) => {
                Cow::Owned(std::fs::read(path).map_err(|source| ModelError::Read { path: path.clone(), source })?)
            }
        };
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
        Ok(Self { session, manifest, provider: opened.provider, refused: opened.refused, device })
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What it runs on.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// Providers that `auto` tried in vain, with the reason.
    pub fn refused(&self) -> &[(Provider, String)] {
        &self.refused
    }

    /// Runs a batch. Returns `batch.n` alphas (0 background ..= 1 person). For a recurrent network
    /// picture `i` of this batch follows picture `i` of the batch before, and `states` is updated;
    /// other kinds leave it alone.
    ///
    /// # Errors
    /// What ONNX Runtime says, and outputs that are not numbers or have another shape.
    pub fn run(&mut self, batch: &Batch, states: &mut States) -> Result<Vec<Plane<f32>>> {
        match self.try_run(batch, states) {
            Ok(raw) => self.alphas(batch, raw),
            Err(e) => Err(self.fail(e.to_string())),
        }
    }

    fn fail(&self, what: impl Into<String>) -> ModelError {
        ModelError::Network { name: self.manifest.name.clone(), what: what.into() }
    }

    fn try_run(&mut self, batch: &Batch, states: &mut States) -> ort::Result<ArrayD<f32>> {
        let m = &self.manifest;
        if m.kind == Kind::Recurrent && states.is_empty() {
            // RVM's own convention: a single zero stands for an empty state of any size.
            for _ in &m.states {
                states.0.push(Tensor::from_array(([1usize, 1, 1, 1], vec![0f32]))?.into_dyn());
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
            let result = outputs[m.output.name.as_str()].try_extract_array::<f32>()?.to_owned();
            states.0 = next;
            return Ok(result);
        }
        let source = TensorRef::from_array_view(([batch.n, 3, batch.height, batch.width], batch.data.as_slice()))?;
        let mut inputs: Vec<(Cow<'_, str>, SessionInputValue<'_>)> =
            vec![(m.input.name.as_str().into(), source.into())];
        for (state, value) in m.states.iter().zip(&states.0) {
            inputs.push((state.input.as_str().into(), value.into()));
        }
        let mut outputs = self.session.run(inputs)?;
        let next: Vec<_> = m.states.iter().filter_map(|s| outputs.remove(&s.output)).collect();
        let result = outputs[m.output.name.as_str()].try_extract_array::<f32>()?.to_owned();
        drop(outputs);
        states.0 = next;
        Ok(result)
    }

    /// Turns the raw output into alphas.
    fn alphas(&self, batch: &Batch, raw: ArrayD<f32>) -> Result<Vec<Plane<f32>>> {
        let o = &self.manifest.output;
        let shape = raw.shape().to_vec();
        let unfit = || self.fail(format!("output {} has shape {shape:?} for a batch of {}", o.name, batch.n));
        // Some graphs leave the channel out where there is only one.
        let raw = if raw.ndim() == 3 { raw.insert_axis(Axis(1)) } else { raw };
        let raw = raw.into_dimensionality::<Ix4>().map_err(|_| unfit())?;
        let (n, channels, height, width) = raw.dim();
        if n != batch.n || channels * height * width == 0 {
            return Err(unfit());
        }
        if o.class.is_some_and(|k| k >= channels) {
            return Err(self.fail(format!("output.class is beyond the {channels} channels of {}", o.name)));
        }
        raw.outer_iter()
            .map(|picture| {
                let mut alpha: Vec<f32> = match o.class {
                    Some(k) => softmax_channel(picture, k),
                    None => picture.index_axis(Axis(0), 0).iter().copied().collect(),
                };
                // min and max skip NaN, so a sum finds it.
                if !alpha.iter().sum::<f32>().is_finite() {
                    return Err(self.fail("its output is not a number somewhere"));
                }
                if o.activation == Activation::Sigmoid {
                    alpha.iter_mut().for_each(|v| *v = 1.0 / (1.0 + (-*v).exp()));
                }
                if o.stretch {
                    stretch(&mut alpha);
                }
                alpha.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
                Ok(Plane::from_vec(alpha, width, height))
            })
            .collect()
    }
}

/// The probability of channel `person` at every pixel of `[C, H, W]` scores.
fn softmax_channel(scores: ArrayView3<'_, f32>, person: usize) -> Vec<f32> {
    scores
        .lanes(Axis(0))
        .into_iter()
        .map(|score| {
            let max = score.fold(f32::NEG_INFINITY, |a, b| a.max(*b));
            let sum: f32 = score.iter().map(|v| (v - max).exp()).sum();
            (score[person] - max).exp() / sum
        })
        .collect()
}

fn stretch(alpha: &mut [f32]) {
    let (lo, hi) = alpha.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(lo, hi), v| (lo.min(*v), hi.max(*v)));
    let span = (hi - lo).max(1e-6);
    alpha.iter_mut().for_each(|v| *v = (*v - lo) / span);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_takes_the_person() {
        let scores = [0.0, 10.0, 0.0, -10.0];
        let a = softmax_channel(ArrayView3::from_shape((2, 1, 2), &scores).unwrap(), 1);
        assert!((a[0] - 0.5).abs() < 1e-6 && a[1] < 1e-6, "{a:?}");
    }

    #[test]
    fn stretching_a_flat_output_is_harmless() {
        let mut a = [0.3; 4];
        stretch(&mut a);
        assert!(a.iter().all(|v| v.abs() < 1e-6));
    }
}
