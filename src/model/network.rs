//! A network that is loaded and ready: batches of views in, alphas out. What a device can't do is done in
//! smaller batches, or on the CPU.

use super::engine::{Engine, Fault, Loaded, OrtEngine};
use super::error::{ModelError, Result};
use super::manifest::{Kind, Manifest};
use super::provider::{Provider, SessionOptions};
use super::registry::Model;
use crate::pipeline::{DeviceChoice, Precision};
use crate::plane::Plane;
use ort::memory::AllocationDevice;
use ort::value::{DynValue, Tensor as OrtTensor, TensorValueType};

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
pub struct States(pub(super) Vec<DynValue>);

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
///
/// Where the device's memory does not suffice, the pictures of a batch go through it in halves, down to one
/// at a time; where that does not help, or the device fails otherwise, the CPU takes over. Either is
/// remembered for the batches that follow, and told by [`Network::take_notes`].
#[derive(Debug)]
pub struct Network {
    engine: Box<dyn Engine>,
    manifest: Manifest,
    refused: Vec<(Provider, String)>,
    runtime: String,
    /// Pictures that fit into the device's memory at once.
    most: usize,
    spare: Spare,
    notes: Vec<String>,
    /// A part of a batch that is too large.
    part: Batch,
}

/// What computes when the device fails.
#[derive(Debug)]
enum Spare {
    /// Nothing: its error is the network's.
    None,
    /// The CPU.
    Cpu(Box<(Model, SessionOptions)>),
    #[cfg(test)]
    Engine(Box<dyn Engine>),
}

impl Network {
    /// Checks the weights, loads them and checks that the graph has what the manifest names.
    ///
    /// # Errors
    /// Wrong checksum, no ONNX Runtime, a device that does not load, a graph that does not fit.
    pub fn load(model: &Model, options: &SessionOptions) -> Result<Self> {
        let Loaded { engine, refused, runtime } = OrtEngine::load(model, options)?;
        let spare = match engine.provider() {
            Provider::Cpu => Spare::None,
            _ if options.session.rigid => Spare::None,
            _ => Spare::Cpu(Box::new((model.clone(), options.clone()))),
        };
        let most = if options.session.rigid { 0 } else { usize::MAX };
        let manifest = model.manifest.clone();
        let engine = Box::new(engine);
        Ok(Self { engine, manifest, refused, runtime, most, spare, notes: Vec::new(), part: Batch::default() })
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What it runs on.
    pub fn provider(&self) -> Provider {
        self.engine.provider()
    }

    /// The ONNX Runtime that it runs on: version and origin.
    pub fn runtime(&self) -> &str {
        &self.runtime
    }

    /// Providers that `auto` tried in vain, with the reason.
    pub fn refused(&self) -> &[(Provider, String)] {
        &self.refused
    }

    /// What was done since the last call because the device failed, a sentence each.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// Runs a batch and makes `alphas` its `batch.n` alphas (0 background ..= 1 person); planes that
    /// are there already are used again. For a recurrent network picture `i` of this batch follows
    /// picture `i` of the batch before, and `states` is updated; other kinds leave it alone.
    ///
    /// # Errors
    /// What ONNX Runtime says, and outputs that are not numbers or have another shape, where nothing
    /// smaller and no other device helps. `states` are as before then.
    pub fn run(&mut self, batch: &Batch, states: &mut States, alphas: &mut Vec<Plane<f32>>) -> Result<()> {
        loop {
            let Err(fault) = self.run_in_parts(batch, states, alphas) else { return Ok(()) };
            if !self.halve(batch.n, &fault) && !self.fall_back(states, &fault)? {
                return Err(self.fail(fault));
            }
        }
    }

    /// Runs a batch in parts that fit.
    fn run_in_parts(
        &mut self,
        batch: &Batch,
        states: &mut States,
        alphas: &mut Vec<Plane<f32>>,
    ) -> std::result::Result<(), Fault> {
        if !self.can_be_parted(batch.n) {
            return self.engine.run(&self.manifest, batch, states, alphas);
        }
        let len = 3 * batch.width * batch.height;
        let part = &mut self.part;
        (part.width, part.height) = (batch.width, batch.height);
        alphas.clear();
        for pictures in batch.data[..batch.n * len].chunks(self.most * len) {
            part.n = pictures.len() / len;
            part.data.clear();
            part.data.extend_from_slice(pictures);
            let mut some = Vec::new();
            self.engine.run(&self.manifest, part, states, &mut some)?;
            alphas.append(&mut some);
        }
        Ok(())
    }

    /// Only pictures that know nothing of each other can be looked at one after the other.
    fn can_be_parted(&self, n: usize) -> bool {
        self.manifest.kind != Kind::Recurrent && (1..n).contains(&self.most)
    }

    /// Takes half as many pictures at once from here on, where that may help.
    fn halve(&mut self, n: usize, fault: &str) -> bool {
        let at_once = n.min(self.most);
        if self.manifest.kind == Kind::Recurrent || at_once < 2 || !is_short_of_memory(fault) {
            return false;
        }
        self.most = at_once.div_ceil(2);
        self.notes.push(format!(
            "{} has not enough memory for {at_once} pictures at once: {} from here on",
            self.engine.provider(),
            self.most
        ));
        tracing::debug!("{fault}");
        true
    }

    /// Goes on with the spare from here on, if there is one.
    fn fall_back(&mut self, states: &mut States, fault: &str) -> Result<bool> {
        let next: Box<dyn Engine> = match std::mem::replace(&mut self.spare, Spare::None) {
            Spare::None => return Ok(false),
            Spare::Cpu(loaded) => {
                let (model, mut options) = *loaded;
                (options.device, options.precision) = (DeviceChoice::Cpu, Precision::Auto);
                Box::new(OrtEngine::load(&model, &options)?.engine)
            }
            #[cfg(test)]
            Spare::Engine(engine) => engine,
        };
        let before = self.engine.provider();
        let mut note = format!(
            "{before} failed ({}): {} computes the rest, which takes longer",
            fault.lines().next().unwrap_or_default().trim(),
            next.provider()
        );
        // What is not a number now will not be one later.
        let healthy = |saved: &Vec<Tensor>| saved.iter().all(|t| t.data.iter().all(|v| v.is_finite()));
        let saved = self.save(states).ok().filter(healthy);
        // Neither a device that is lost nor what lies on it can be trusted to be given back.
        std::mem::forget(std::mem::take(states));
        match saved {
            Some(saved) => *states = self.restore(&saved)?,
            None => note += "; what the network remembered of the frames before is lost",
        }
        std::mem::forget(std::mem::replace(&mut self.engine, next));
        self.most = usize::MAX;
        self.notes.push(note);
        Ok(true)
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
}

/// Whether a fault says that memory did not suffice: ONNX Runtime's arenas, CUDA, cuDNN, TensorRT and the
/// C++ library each have their own words.
fn is_short_of_memory(fault: &str) -> bool {
    let fault = fault.to_ascii_lowercase();
    [
        "out of memory",
        "out_of_memory",
        "outofmemory",
        "failed to allocate",
        "alloc_failed",
        "bad_alloc",
        "available memory",
    ]
    .iter()
    .any(|words| fault.contains(words))
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::model::registry;
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    /// Fails on order; otherwise a picture's alpha is one pixel with the picture's first value.
    #[derive(Clone, Debug)]
    pub(crate) struct Moody {
        pub provider: Provider,
        /// Pictures that fit into its memory.
        pub fits: usize,
        /// How its next runs end; then all are well.
        pub orders: Arc<Mutex<VecDeque<Option<&'static str>>>>,
    }

    impl Moody {
        pub fn new(provider: Provider, fits: usize, orders: &[Option<&'static str>]) -> Self {
            Self { provider, fits, orders: Arc::new(Mutex::new(orders.iter().copied().collect())) }
        }
    }

    impl Engine for Moody {
        fn provider(&self) -> Provider {
            self.provider
        }

        fn run(
            &mut self,
            _: &Manifest,
            batch: &Batch,
            _: &mut States,
            alphas: &mut Vec<Plane<f32>>,
        ) -> std::result::Result<(), Fault> {
            let order = self.orders.lock().unwrap().pop_front().flatten();
            // Half of what a failed run leaves behind is wrong.
            alphas.clear();
            alphas.push(Plane::from_vec(vec![-1.0], 1, 1));
            if let Some(fault) = order {
                return Err(fault.to_owned());
            }
            if batch.n > self.fits {
                return Err("CUBLAS_STATUS_ALLOC_FAILED".to_owned());
            }
            let len = 3 * batch.width * batch.height;
            *alphas = (0..batch.n).map(|i| Plane::from_vec(vec![batch.data[i * len]], 1, 1)).collect();
            Ok(())
        }
    }

    /// A network of such engines.
    pub(crate) fn network(model: &str, first: Moody, then: Option<Moody>) -> Network {
        let manifest = registry::built_in().unwrap().into_iter().find(|m| m.name == model).unwrap();
        Network {
            engine: Box::new(first),
            manifest,
            refused: Vec::new(),
            runtime: "none".into(),
            most: usize::MAX,
            spare: then.map_or(Spare::None, |engine| Spare::Engine(Box::new(engine))),
            notes: Vec::new(),
            part: Batch::default(),
        }
    }

    fn batch(values: &[f32]) -> Batch {
        let data = values.iter().flat_map(|v| [*v, 0.0, 0.0]).collect();
        Batch { data, n: values.len(), width: 1, height: 1 }
    }

    fn values(network: &mut Network, batch: &Batch) -> Result<Vec<f32>> {
        let mut alphas = Vec::new();
        network.run(batch, &mut States::default(), &mut alphas)?;
        Ok(alphas.iter().map(|a| a.data()[0]).collect())
    }

    const NUMBERS: [f32; 7] = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7];

    #[test]
    fn what_does_not_fit_goes_through_in_halves_and_that_is_remembered() {
        for fits in 1..=7 {
            let gpu = Moody::new(Provider::Cuda(0), fits, &[]);
            let mut network = network("selfie", gpu, Some(Moody::new(Provider::Cpu, 0, &[])));
            assert_eq!(values(&mut network, &batch(&NUMBERS)).unwrap(), NUMBERS);
            assert_eq!(network.provider(), Provider::Cuda(0));
            let notes = network.take_notes();
            assert_eq!(notes.is_empty(), fits == 7, "{notes:?}");
            // No second try of what failed.
            assert_eq!(values(&mut network, &batch(&NUMBERS)).unwrap(), NUMBERS);
            assert_eq!(values(&mut network, &batch(&NUMBERS[..1])).unwrap(), NUMBERS[..1]);
            assert_eq!(network.take_notes(), Vec::<String>::new());
        }
    }

    #[test]
    fn what_fits_not_even_alone_goes_to_the_cpu() {
        let gpu = Moody::new(Provider::Cuda(0), 0, &[]);
        let mut network = network("selfie", gpu, Some(Moody::new(Provider::Cpu, 9, &[])));
        assert_eq!(values(&mut network, &batch(&NUMBERS)).unwrap(), NUMBERS);
        assert_eq!(network.provider(), Provider::Cpu);
        let notes = network.take_notes();
        assert_eq!(notes.len(), 4, "{notes:?}");
        assert!(notes[0].contains("7 pictures at once: 4"), "{notes:?}");
        assert!(notes[3].contains("cuda:0 failed (CUBLAS_STATUS_ALLOC_FAILED): cpu computes the rest"), "{notes:?}");
    }

    #[test]
    fn a_device_that_fails_is_left_and_the_same_pictures_are_looked_at_again() {
        for fault in ["CUDA error 719: unspecified launch failure", "its output is not a number somewhere"] {
            let gpu = Moody::new(Provider::Cuda(0), 9, &[None, Some(fault)]);
            let mut network = network("selfie", gpu, Some(Moody::new(Provider::Cpu, 9, &[])));
            for _ in 0..3 {
                assert_eq!(values(&mut network, &batch(&NUMBERS)).unwrap(), NUMBERS);
            }
            assert_eq!(network.take_notes().len(), 1);
            assert_eq!(network.provider(), Provider::Cpu);
        }
    }

    #[test]
    fn what_fails_on_the_cpu_is_an_error() {
        let cpu = Moody::new(Provider::Cpu, 9, &[Some("its output is not a number somewhere")]);
        let gpu = Moody::new(Provider::Cuda(0), 9, &[Some("lost")]);
        let mut two = network("selfie", gpu, Some(cpu.clone()));
        let error = values(&mut two, &batch(&NUMBERS)).unwrap_err().to_string();
        assert!(error.contains("not a number"), "{error}");
        let mut one = network("selfie", Moody::new(Provider::Cpu, 9, &[Some("broken")]), None);
        assert!(values(&mut one, &batch(&NUMBERS)).is_err());
        assert_eq!(values(&mut one, &batch(&NUMBERS)).unwrap(), NUMBERS, "a second try may be better");
    }

    #[test]
    fn a_frame_of_a_recurrent_network_is_not_parted() {
        let gpu = Moody::new(Provider::Cuda(0), 1, &[]);
        let mut network = network("rvm", gpu, Some(Moody::new(Provider::Cpu, 9, &[])));
        assert_eq!(values(&mut network, &batch(&NUMBERS[..2])).unwrap(), NUMBERS[..2]);
        assert_eq!(network.provider(), Provider::Cpu);
        assert_eq!(network.take_notes().len(), 1);
    }
}
