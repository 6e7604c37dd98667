//! A network that is loaded and ready: batches of views in, alphas out. What a device can't do is done in
//! smaller batches, or on the CPU.

use super::engine::{Engine, Gone, Loaded, OrtEngine};
use super::error::{ModelError, Result};
use super::fault::{self, Fault};
use super::manifest::{Kind, Manifest};
use super::provider::{Provider, SessionOptions};
use super::registry::Model;
use super::smaller;
use super::spare::{self, Again, Spare};
use super::team::{self, Team};
use crate::DeviceChoice;
use ort::memory::AllocationDevice;
use ort::value::{DynValue, Tensor as OrtTensor, TensorValueType};
use std::ops::Range;
use vrseg_image::plane::Plane;

/// Input of one run: `n` pictures as f32 `[n, 3, height, width]`, normalized as the manifest says.
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

impl Batch {
    /// All of them.
    pub fn pictures(&self) -> Pictures<'_> {
        Pictures { data: &self.data, n: self.n, width: self.width, height: self.height }
    }
}

/// Some pictures of a [`Batch`].
#[derive(Clone, Copy, Debug)]
pub struct Pictures<'a> {
    /// `n * 3 * height * width` values.
    pub data: &'a [f32],
    /// Pictures.
    pub n: usize,
    /// Width of each.
    pub width: usize,
    /// Height of each.
    pub height: usize,
}

impl<'a> Pictures<'a> {
    /// Some of these.
    ///
    /// # Panics
    /// When there are not so many.
    pub fn part(self, range: Range<usize>) -> Pictures<'a> {
        let len = 3 * self.width * self.height;
        Pictures { data: &self.data[range.start * len..range.end * len], n: range.len(), ..self }
    }
}

/// What a recurrent network remembers of the frames before, for all pictures of a batch. Empty
/// (the default) at the start and after a scene cut. Kept in FP32: in FP16 the states drift. One session's hold all
/// pictures; a team's lie one picture behind the other, which [`Network::save`] puts together.
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
/// Where the device's memory does not suffice, the network is loaded anew, frugal with memory; then the pictures
/// of a batch go through it in halves, down to one at a time; then, where the user allows that, at half their
/// size; where that does not help, or the device fails otherwise, the CPU takes over. All of it is remembered
/// for the batches that follow, and told by [`Network::take_notes`].
#[derive(Debug)]
pub struct Network {
    engine: Box<dyn Engine>,
    manifest: Manifest,
    refused: Vec<(Provider, String)>,
    runtime: String,
    /// Loads the engine anew, frugal with memory: what it has taken of the device's it gives back only as a whole.
    again: Option<Again<dyn Engine>>,
    /// The engine is frugal with memory.
    frugal: bool,
    /// Its memory did not suffice before.
    was_short: bool,
    /// Pictures that fit into the device's memory at once.
    most: usize,
    /// Pictures may be made smaller where not even one fits.
    may_shrink: bool,
    /// How often their size was halved.
    halvings: u32,
    spare: Spare<dyn Engine>,
    notes: Vec<String>,
    /// Why the device was left for the spare.
    left: Option<String>,
    /// A batch at a smaller size.
    small: Batch,
}

/// How a network computes: mattes that came another way are not the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// What it runs on.
    pub provider: Provider,
    /// How often the size of its pictures was halved for want of memory.
    pub halvings: u32,
}

impl Network {
    /// Checks the weights, loads them and checks that the graph has what the manifest names.
    ///
    /// # Errors
    /// Wrong checksum, no ONNX Runtime, a device that does not load, a graph that does not fit.
    pub fn load(model: &Model, options: &SessionOptions) -> Result<Self> {
        let Loaded { engine, refused, runtime } = open(model, options)?;
        let load = |model: &Model, options: &SessionOptions| Ok(open(model, options)?.engine);
        let spare = Spare::cpu(model, options, engine.provider(), load);
        let most = if options.session.rigid { 0 } else { usize::MAX };
        let again = (engine.provider().is_gpu() && !options.session.rigid).then(|| {
            let device = engine.provider().as_choice();
            let (model, options) = (model.clone(), SessionOptions { device, frugal: true, ..options.clone() });
            Again::new(move || load(&model, &options))
        });
        let network = Self::of(engine, model.manifest.clone(), spare);
        Ok(Self { refused, runtime, again, most, may_shrink: options.session.smaller_input, ..network })
    }

    pub(crate) fn of(engine: Box<dyn Engine>, manifest: Manifest, spare: Spare<dyn Engine>) -> Self {
        Self {
            engine,
            manifest,
            refused: Vec::new(),
            runtime: String::new(),
            again: None,
            frugal: false,
            was_short: false,
            most: usize::MAX,
            may_shrink: false,
            halvings: 0,
            spare,
            notes: Vec::new(),
            left: None,
            small: Batch::default(),
        }
    }

    /// The manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What it runs on.
    pub fn provider(&self) -> Provider {
        self.engine.provider()
    }

    /// Sessions that share out the pictures of a batch.
    pub fn sessions(&self) -> usize {
        self.engine.sessions()
    }

    /// How it computes.
    pub fn way(&self) -> Way {
        Way { provider: self.provider(), halvings: self.halvings }
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

    /// Why the device on which it began was left, if it was.
    pub fn left_because(&self) -> Option<&str> {
        self.left.as_deref()
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
            let Err(mut fault) = self.run_at_size(batch, states, alphas) else { return Ok(()) };
            if self.ask_for_less(&fault, batch, states) {
                tracing::debug!("{fault}");
                match self.renew(states) {
                    Ok(()) => continue,
                    Err(e) => fault = e.to_string(),
                }
            }
            if !self.fall_back(states, &fault)? {
                return Err(self.fail(fault));
            }
        }
    }

    /// Asks less of the device from here on, where a fault may be for want of memory and that may help. A fault
    /// without a reason is worth loading the network anew; more only after one that was for want of memory.
    fn ask_for_less(&mut self, fault: &str, batch: &Batch, states: &mut States) -> bool {
        let is_short = fault::is_short_of_memory(fault);
        self.was_short |= is_short;
        if !is_short && !fault::is_without_reason(fault) {
            return false;
        }
        self.save_memory() || (self.was_short && (self.halve(batch.n) || self.shrink(batch, states)))
    }

    /// Is frugal with memory from here on, if it wasn't.
    fn save_memory(&mut self) -> bool {
        self.again.is_some() && !std::mem::replace(&mut self.frugal, true)
    }

    /// Gives back all of the device's memory and loads the network anew. What it remembers goes along.
    fn renew(&mut self, states: &mut States) -> Result<()> {
        let Some(again) = &self.again else { return Ok(()) };
        // On the device they hold memory, too.
        *states = self.restore(&self.save(states)?)?;
        self.engine = Box::new(Gone(self.engine.provider()));
        self.engine = again.load()?;
        Ok(())
    }

    /// Runs a batch at the size that fits; the alphas have that of the batch.
    fn run_at_size(
        &mut self,
        batch: &Batch,
        states: &mut States,
        alphas: &mut Vec<Plane<f32>>,
    ) -> std::result::Result<(), Fault> {
        let full = (batch.width, batch.height);
        let size = self.size_of(full);
        if size == full {
            return self.run_in_parts(batch, states, alphas);
        }
        let mut small = std::mem::take(&mut self.small);
        smaller::shrink(batch, size, &mut small);
        let result = self.run_in_parts(&small, states, alphas);
        self.small = small;
        result?;
        smaller::enlarge(alphas, full);
        Ok(())
    }

    /// The size at which pictures of a size are looked at.
    fn size_of(&self, full: (usize, usize)) -> (usize, usize) {
        (0..self.halvings).fold(full, |size, _| smaller::half_of(&self.manifest.input, size).unwrap_or(size))
    }

    /// Runs a batch in parts that fit.
    fn run_in_parts(
        &mut self,
        batch: &Batch,
        states: &mut States,
        alphas: &mut Vec<Plane<f32>>,
    ) -> std::result::Result<(), Fault> {
        if !self.can_be_parted(batch.n) {
            return self.engine.run(&self.manifest, batch.pictures(), states, alphas);
        }
        alphas.clear();
        for from in (0..batch.n).step_by(self.most) {
            let part = batch.pictures().part(from..(from + self.most).min(batch.n));
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
    fn halve(&mut self, n: usize) -> bool {
        let at_once = n.min(self.most);
        if self.manifest.kind == Kind::Recurrent || at_once < 2 {
            return false;
        }
        self.most = at_once.div_ceil(2);
        self.notes.push(format!(
            "{} has not enough memory for {at_once} pictures at once: {} from here on",
            self.engine.provider(),
            self.most
        ));
        true
    }

    /// Looks at pictures of half the size from here on, where that is allowed and may help.
    fn shrink(&mut self, batch: &Batch, states: &mut States) -> bool {
        if !self.may_shrink {
            return false;
        }
        let size = self.size_of((batch.width, batch.height));
        let Some(half) = smaller::half_of(&self.manifest.input, size) else { return false };
        self.halvings += 1;
        let mut note = format!(
            "{} has not enough memory for a picture of {}x{}: they are looked at in {}x{} from here on, and small \
             people may be missed",
            self.engine.provider(),
            size.0,
            size.1,
            half.0,
            half.1
        );
        if !states.is_empty() {
            states.reset();
            note += "; what the network remembered of the frames before is lost";
        }
        self.notes.push(note);
        true
    }

    /// Goes on with the spare from here on, at the full size, if there is one.
    fn fall_back(&mut self, states: &mut States, fault: &str) -> Result<bool> {
        let Some(next) = self.spare.take()? else { return Ok(false) };
        let reason = spare::reason(self.engine.provider(), fault);
        let mut note = spare::note(&reason, next.provider());
        if fault::is_short_of_memory(fault) && !self.may_shrink && !self.manifest.input.fixed {
            note += "; a smaller --input-size needs less memory, and device.smaller_input: true takes it by itself";
        }
        self.left = Some(reason);
        // What is not a number now will not be one later.
        let healthy = |saved: &Vec<Tensor>| saved.iter().all(|t| t.data.iter().all(|v| v.is_finite()));
        let saved = self.save(states).ok().filter(healthy).filter(|_| self.halvings == 0);
        // Neither a device that is lost nor what lies on it can be trusted to be given back.
        std::mem::forget(std::mem::take(states));
        match saved {
            Some(saved) => *states = self.restore(&saved)?,
            None => note += "; what the network remembered of the frames before is lost",
        }
        std::mem::forget(std::mem::replace(&mut self.engine, next));
        (self.most, self.halvings, self.again, self.frugal, self.was_short) = (usize::MAX, 0, None, false, false);
        self.notes.push(note);
        Ok(true)
    }

    /// The states as numbers.
    ///
    /// # Errors
    /// What ONNX Runtime says when it brings them from the device.
    pub fn save(&self, states: &States) -> Result<Vec<Tensor>> {
        let saved = states.0.iter().map(|value| save(value).map_err(|e| self.fail(e.to_string())));
        Ok(team::join(saved.collect::<Result<_>>()?, self.manifest.states.len()))
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

/// Opens a network: on a CPU in as many sessions as are good for its batches.
fn open(model: &Model, options: &SessionOptions) -> Result<Loaded<Box<dyn Engine>>> {
    let sessions = team::sessions(options.pictures, options.threads, model.bytes());
    let each = SessionOptions { threads: options.threads.div_ceil(sessions), ..options.clone() };
    let Loaded { engine, refused, runtime } = OrtEngine::load(model, &each)?;
    let engine: Box<dyn Engine> = match engine.provider() {
        Provider::Cpu => {
            let another = SessionOptions { device: DeviceChoice::Cpu, ..each };
            Team::of(Box::new(engine), sessions, || Ok(Box::new(OrtEngine::load(model, &another)?.engine)))?
        }
        // It shares its threads out by itself.
        Provider::OpenVino if sessions > 1 => Box::new(OrtEngine::load(model, options)?.engine),
        Provider::OpenVino | Provider::Cuda(_) | Provider::TensorRt(_) => Box::new(engine),
    };
    Ok(Loaded { engine, refused, runtime })
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
mod tests {
    use super::*;
    use crate::testing::{Moody, network};
    use std::sync::{Arc, Mutex};

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
        assert!(
            notes[3].contains("cuda:0 has not enough memory (CUBLAS_STATUS_ALLOC_FAILED): cpu computes"),
            "{notes:?}"
        );
        assert_eq!(network.left_because(), Some("cuda:0 has not enough memory (CUBLAS_STATUS_ALLOC_FAILED)"));
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
    fn where_not_even_one_fits_it_is_made_smaller_if_that_is_allowed() {
        let flat = |values: &[f32], width: usize, height: usize| Batch {
            data: values.iter().flat_map(|v| vec![*v; 3 * width * height]).collect(),
            n: values.len(),
            width,
            height,
        };
        let near = |got: &[f32]| got.iter().zip(NUMBERS).all(|(a, b)| (a - b).abs() < 1e-5);
        for model in ["selfie", "rvm"] {
            let gpu = Moody { pixels: 128 * 128, ..Moody::new(Provider::Cuda(0), 2, &[]) };
            let mut network = network(model, gpu.clone(), Some(Moody::new(Provider::Cpu, 9, &[])));
            network.may_shrink = true;
            let two = flat(&NUMBERS[..2], 512, 448);
            let mut alphas = Vec::new();
            for _ in 0..2 {
                network.run(&two, &mut States::default(), &mut alphas).unwrap();
                assert!(near(&alphas.iter().map(|a| a.data()[0]).collect::<Vec<_>>()));
                assert!(alphas.iter().all(|a| (a.width(), a.height()) == (512, 448)));
            }
            assert_eq!(network.way(), Way { provider: Provider::Cuda(0), halvings: 2 });
            let notes = network.take_notes();
            assert!(notes.last().unwrap().contains("looked at in 128x"), "{notes:?}");
            // What fits into nothing goes to the CPU, at its full size.
            let mut none = self::network(
                model,
                Moody { pixels: 1, ..gpu },
                Some(Moody { pixels: 512 * 448, ..Moody::new(Provider::Cpu, 9, &[]) }),
            );
            none.may_shrink = true;
            none.run(&two, &mut States::default(), &mut alphas).unwrap();
            assert_eq!(none.way(), Way { provider: Provider::Cpu, halvings: 0 });
        }
        // Unless it is allowed, pictures keep their size.
        let gpu = Moody { pixels: 1, ..Moody::new(Provider::Cuda(0), 9, &[]) };
        let mut strict = network("selfie", gpu, Some(Moody::new(Provider::Cpu, 9, &[])));
        strict.run(&flat(&NUMBERS, 512, 448), &mut States::default(), &mut Vec::new()).unwrap();
        assert_eq!(strict.provider(), Provider::Cpu);
    }

    #[test]
    fn memory_that_the_network_holds_in_vain_is_given_back_first() {
        // Two fit at first, four with a frugal network.
        let gpu = Moody::new(Provider::Cuda(0), 2, &[]);
        let mut one = network("selfie", gpu.clone(), Some(Moody::new(Provider::Cpu, 9, &[])));
        let loads = Arc::new(Mutex::new(0));
        let again = |moody: Moody| -> Option<Again<dyn Engine>> {
            let loads = Arc::clone(&loads);
            Some(Again::new(move || {
                *loads.lock().unwrap() += 1;
                Ok(Box::new(moody.clone()) as Box<dyn Engine>)
            }))
        };
        one.again = again(Moody { fits: 4, ..gpu.clone() });
        assert_eq!(values(&mut one, &batch(&NUMBERS[..4])).unwrap(), NUMBERS[..4]);
        assert_eq!((one.take_notes(), *loads.lock().unwrap()), (Vec::new(), 1));
        // Halves begin with nothing that the larger ones have left behind.
        assert_eq!(values(&mut one, &batch(&NUMBERS)).unwrap(), NUMBERS);
        assert_eq!((one.take_notes().len(), *loads.lock().unwrap()), (1, 2));
        assert_eq!(one.provider(), Provider::Cuda(0));

        // cuDNN's fault without a reason is taken for want of memory only after one that was.
        let vague = "CUDNN_FE failure 11: CUDNN_BACKEND_API_FAILED";
        let mut two = network("rvm", Moody::new(Provider::Cuda(0), 9, &[Some("out of memory")]), None);
        two.may_shrink = true;
        two.again = again(Moody::new(Provider::Cuda(0), 9, &[Some(vague)]));
        let large = Batch { data: vec![0.5; 3 * 512 * 512], n: 1, width: 512, height: 512 };
        two.run(&large, &mut States::default(), &mut Vec::new()).unwrap();
        assert_eq!(two.way(), Way { provider: Provider::Cuda(0), halvings: 1 });
        let vague_at_first = || network("rvm", Moody::new(Provider::Cuda(0), 9, &[Some(vague)]), None);
        let mut three = vague_at_first();
        (three.may_shrink, three.again) = (true, again(Moody::new(Provider::Cuda(0), 9, &[Some(vague)])));
        assert!(three.run(&large, &mut States::default(), &mut Vec::new()).unwrap_err().to_string().contains(vague));
        assert_eq!(three.way().halvings, 0);
        // Loaded anew and frugal it may work, though.
        let mut frugal = vague_at_first();
        frugal.again = again(Moody::new(Provider::Cuda(0), 9, &[]));
        assert_eq!(values(&mut frugal, &batch(&NUMBERS[..1])).unwrap(), NUMBERS[..1]);

        // Somebody else has taken the memory meanwhile.
        let mut four = network("selfie", gpu, Some(Moody::new(Provider::Cpu, 9, &[])));
        let taken = || ModelError::Device { device: "cuda:0".into(), why: "out of memory".into() };
        four.again = Some(Again::new(move || Err(taken())));
        assert_eq!(values(&mut four, &batch(&NUMBERS)).unwrap(), NUMBERS);
        assert_eq!(four.provider(), Provider::Cpu);
        assert!(four.take_notes()[0].contains("out of memory"), "the reason is told");
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
