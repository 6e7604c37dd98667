//! Loading a job's models, and what the rules make of this machine: all that takes time before the first frame.

use super::device_check::{self, DeviceCheck};
use crate::error::Result;
use crate::people::PeopleLocator;
use crate::plan::{CropModel, PeoplePlan, Plan};
use crate::spec::Job;
use crate::stages::BatchLimits;
use crate::tune::cuda::CudaGpus;
use crate::tune::rules::{self, MemoryShares, ModelLoad, Processor, Threads};
use vrseg_hardware::{Cpu, Machine, sampler};
use vrseg_infer::cache::{self, CacheKeyContext};
use vrseg_infer::provider::{LargestInput, Provider, SessionOptions};
use vrseg_infer::{ActiveBackend, Batch, DeviceChoice, Kind, ModelError, ModelRunner, Precision, States, runtime};

/// A job whose models are loaded; building it is what takes time before the first frame.
pub struct LoadedJob {
    pub(super) plan: Plan,
    pub(super) runner: ModelRunner,
    /// Of the other models that are run on person crops.
    pub(super) more_runners: Vec<ModelRunner>,
    /// Who finds people.
    pub(super) locator: Option<PeopleLocator>,
    /// The user knows that the GPU which was to decode doesn't.
    pub(super) decode_refusal_told: bool,
    /// It computes in bfloat16.
    bf16: bool,
    /// How OpenVINO compares with the CPU's own kernels, where `auto` asked for it.
    check: Option<DeviceCheck>,
    pub(super) threads: Threads,
    /// Frames that go through the model at once.
    pub(super) batch: BatchLimits,
    /// What the rules make of an open `queue_bytes`.
    pub(super) queue_bytes: usize,
    /// What they make of an open `max_memory`.
    pub(super) max_memory: u64,
    /// NVML's number of the GPU that runs the model, where that is sure, and its name.
    pub(super) gpu: Option<(u32, String)>,
    /// What the cache keys of each model's mattes depend on.
    pub(super) cache_keys: Vec<CacheKeyInputs>,
}

/// What the keys of a model's mattes depend on.
pub(super) struct CacheKeyInputs {
    /// What computes the mattes.
    pub(super) context: CacheKeyContext,
    /// How it did so then. A device that fails changes it.
    pub(super) backend: ActiveBackend,
}

impl LoadedJob {
    /// Loads the model that the plan chose.
    ///
    /// # Errors
    /// Wrong checksum, no ONNX Runtime, a device that does not load.
    pub fn new(job: &Job, plan: Plan) -> Result<Self> {
        let machine = Machine::detect();
        let max_memory = rules::max_memory(&machine.memory, sampler::resident_memory()).value;
        let cores = if job.threads > 0 { job.threads } else { rules::threads(&machine.cpu).value };
        let share = |model_on_cpu| job.split.apply(Threads::share(cores, job.outputs.len(), model_on_cpu));
        let mut threads = share(true);
        if job.model.threads > 0 {
            threads.infer = job.model.threads;
        }
        let gpus = CudaGpus::from_environment(&machine.gpu.cards);
        let auto_gpu = gpus.auto().map_or(0, |c| c.value);
        let requested_gpu = match job.model.device {
            DeviceChoice::Cuda(n) => n,
            _ => auto_gpu,
        };
        let by_rule = openvino_rule(job, &plan, &machine.cpu);
        let check = by_rule.then(|| device_check::remembered(job, &plan, &machine.cpu)).flatten();
        let options = SessionOptions {
            device: job.model.device,
            auto_gpu,
            openvino: by_rule && check.is_none_or(|check| check.accepts()),
            bf16: machine.cpu.bf16(),
            precision: job.model.precision,
            threads: threads.infer,
            session: job.model.session,
            gpu_memory: gpus.gpu(requested_gpu).and_then(|c| c.memory_total),
            gpu: gpus
                .gpu(requested_gpu)
                .map(|gpu| format!("{}, driver {}", gpu.name, machine.gpu.driver.as_deref().unwrap_or("unknown"))),
            largest_input: Some(LargestInput {
                pictures: if plan.crop_plan().is_some() { MOST_CROPS } else { plan.pictures(job) },
                size: plan.model_input_size(),
            }),
            frugal: false,
            pictures: plan.pictures(job),
            cache_dir: cache::folder(),
            ort_library: job.model.ort_library.clone(),
        };
        let mut runner = ModelRunner::load(&plan.model, &options)?;
        warm_up(job, &plan, &mut runner, &machine.cpu)?;
        let provider = runner.provider();
        let one_by_one = plan.crop_plan().is_some_and(PeoplePlan::is_recurrent);
        let batch = match job.model.batch_size {
            // Whoever is recurrent wants frame after frame, and so all models get them; a frame that waits for others
            // is late.
            0 if one_by_one || job.low_latency || plan.frame_bytes() >= rules::LARGE_FRAME => BatchLimits::frames(1),
            0 => {
                let on = processor(provider, &machine.cpu);
                let frames = rules::batch(on, &load(&plan, &runner), runner.sessions()).value;
                BatchLimits { frames, pictures: rules::PICTURES_PER_SESSION * runner.sessions() }
            }
            n => BatchLimits::frames(n as usize),
        };
        if provider.is_gpu() {
            threads = share(false);
        }
        let gpu = match provider {
            Provider::Cuda(n) | Provider::TensorRt(n) => gpus.gpu(n).map(|c| (c.index, c.name.clone())),
            Provider::Cpu | Provider::OpenVino => None,
        };
        let bf16 = provider == Provider::OpenVino && options.computes_bf16();
        let video = &plan.input.video;
        let form = (video.layout, video.color);
        let locator = plan
            .people
            .as_ref()
            .map(|p| PeopleLocator::new(p, &options, &plan.views, plan.lens(), form))
            .transpose()?;
        let more_runners = plan.crop_plan().and_then(|people| people.crop_models.get(1..)).unwrap_or_default();
        let more_runners = more_runners.iter().map(|n| load_another(n, &options)).collect::<Result<Vec<_>>>()?;
        let queue_bytes = rules::queue(&machine.memory).value as usize;
        let gpu_name = gpu.as_ref().map(|(_, name)| name.as_str());
        let key_inputs = |runner: &ModelRunner| CacheKeyInputs {
            context: context(job, runner, &machine, gpu_name),
            backend: runner.active_backend(),
        };
        let cache_keys = std::iter::once(&runner).chain(&more_runners).map(key_inputs).collect();
        Ok(Self {
            plan,
            runner,
            more_runners,
            locator,
            decode_refusal_told: false,
            bf16,
            check,
            threads,
            batch,
            queue_bytes,
            max_memory,
            gpu,
            cache_keys,
        })
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What runs the model.
    pub fn provider(&self) -> Provider {
        self.runner.provider()
    }

    /// How each model computes just now; a device that fails changes it.
    pub(super) fn backends(&self) -> Vec<ActiveBackend> {
        std::iter::once(&self.runner).chain(&self.more_runners).map(ModelRunner::active_backend).collect()
    }

    /// How the threads are shared out.
    pub fn threads(&self) -> Threads {
        self.threads
    }

    /// Another number of workers that refine mattes and paint outputs.
    pub fn set_workers(&mut self, workers: usize) {
        self.threads.compose = workers;
    }

    /// The plan, all models, and who finds people.
    pub fn parts(&mut self) -> (&Plan, Vec<&mut ModelRunner>, Option<&mut PeopleLocator>) {
        let runners = std::iter::once(&mut self.runner).chain(&mut self.more_runners).collect();
        (&self.plan, runners, self.locator.as_mut())
    }

    /// The device in one line: what runs the model, and why nothing better does.
    pub fn device(&self) -> String {
        let refused: Vec<_> = self.runner.refused().iter().map(|(p, why)| format!("{p}: {why}")).collect();
        let provider = self.runner.provider();
        let threads = if provider.is_gpu() { String::new() } else { format!(", {} threads", self.threads.infer) };
        let why = if refused.is_empty() { String::new() } else { format!(" (not {})", refused.join("; ")) };
        let name = self.gpu.as_ref().map(|(_, name)| format!(" {name}")).unwrap_or_default();
        let bf16 = if self.bf16 { " in bfloat16" } else { "" };
        let others = self.more_runners.iter().filter(|other| other.provider() != provider);
        let others: String =
            others.map(|other| format!(", {} on {}", other.manifest().name, other.provider())).collect();
        let check = self.check.map_or(String::new(), |check| match check.accepts() {
            true => format!(" ({})", check.text()),
            false => format!(" (not openvino: {})", check.text()),
        });
        format!("{provider}{name}{bf16}{others}{threads}{check}{why}")
    }
}

/// Person crops that a recurrent model may get at once, of all people and both eyes.
const MOST_CROPS: usize = 64;

/// Loads a model that runs beside the first one: with `auto` on OpenVINO only if it gains by that itself.
fn load_another(crop: &CropModel, options: &SessionOptions) -> Result<ModelRunner> {
    let openvino = options.openvino && crop.model.manifest.bf16;
    let largest_input = Some(LargestInput { pictures: MOST_CROPS, size: (crop.size, crop.size) });
    let options = SessionOptions { openvino, largest_input, ..options.clone() };
    Ok(ModelRunner::load(&crop.model, &options)?)
}

/// Whether `--device auto` means OpenVINO for a job, unless a check has found otherwise.
pub(super) fn openvino_rule(job: &Job, plan: &Plan, cpu: &Cpu) -> bool {
    let installed = runtime::has_openvino(job.model.ort_library.as_deref());
    let exact = job.model.precision == Precision::Fp32;
    job.model.device == DeviceChoice::Auto
        && !runtime::has_nvidia_driver()
        && rules::openvino(cpu, installed, plan.model.manifest.bf16, exact).value
}

/// What frames between the stages and cached mattes may take of `max_memory`, beside what is held already and
/// what the model is going to need.
pub(super) fn memory_shares(batch_frames: usize, plan: &Plan, runner: &ModelRunner, max_memory: u64) -> MemoryShares {
    let on_gpu = runner.provider().is_gpu();
    let model = if on_gpu { 0 } else { batch_frames as u64 * load(plan, runner).frame_bytes() };
    rules::memory_shares(max_memory.saturating_sub(sampler::resident_memory()).saturating_sub(model))
}

/// The model's part of a frame.
fn load<'a>(plan: &Plan, runner: &'a ModelRunner) -> ModelLoad<'a> {
    let (width, height) = plan.model_input_size();
    let manifest = runner.manifest();
    ModelLoad {
        model: &manifest.name,
        recurrent: manifest.kind == Kind::Recurrent,
        views: plan.views.pictures(),
        pixels: width * height,
    }
}

/// What runs the model, for rules that don't ask which GPU it is.
fn processor(provider: Provider, cpu: &Cpu) -> Processor<'_> {
    match provider {
        Provider::Cpu => Processor::Cpu(cpu),
        Provider::OpenVino => Processor::OpenVino(cpu),
        Provider::Cuda(_) | Provider::TensorRt(_) => Processor::Cuda(None),
    }
}

/// What the mattes depend on beside the model's input. The number of threads is no part of it: where last
/// bits depend on it (on an AMD Zen 5, not on a Zen 3), the rounding of mattes leaves little of that.
fn context(job: &Job, runner: &ModelRunner, machine: &Machine, gpu: Option<&str>) -> CacheKeyContext {
    let (model, session) = (&job.model, &job.model.session);
    let arithmetic = format!("{:?} {:?} {}", model.precision, session.tf32, session.deterministic);
    let processor = match (runner.provider(), gpu) {
        (Provider::Cpu | Provider::OpenVino, _) | (_, None) => {
            format!("{} {} {:?}", runner.provider(), machine.cpu.model, machine.cpu.features)
        }
        (Provider::Cuda(_), Some(name)) => format!("cuda {name}"),
        // 2: recurrent models are in FP32 unless FP16 is requested.
        (Provider::TensorRt(_), Some(name)) => format!("tensorrt 2 {name}"),
    };
    CacheKeyContext::new(runner.manifest(), runner.runtime(), &arithmetic, &processor)
}

/// Runs the model on gray pictures, so that what only its first run does is done: loading
/// kernels, compiling, finding out that memory does not suffice. Nothing was created by then.
fn warm_up(job: &Job, plan: &Plan, runner: &mut ModelRunner, cpu: &Cpu) -> Result<()> {
    let by_rule = rules::warmup(processor(runner.provider(), cpu)).value;
    let (width, height) = plan.model_input_size();
    let n = plan.pictures(job);
    let mut states = States::default();
    let device = runner.provider();
    for _ in 0..job.model.session.warmup.unwrap_or(by_rule) {
        let batch = Batch { data: vec![0.5; n * 3 * width * height], n, width, height };
        runner.run(&batch, &mut states, &mut Vec::new())?;
    }
    if runner.provider() != device && job.model.device != DeviceChoice::Auto {
        // Later the work that is done would be lost; now whoever named it can choose.
        let why = runner.fallback_reason().unwrap_or("it failed").to_owned();
        return Err(ModelError::Device { device: device.to_string(), why }.into());
    }
    Ok(())
}
