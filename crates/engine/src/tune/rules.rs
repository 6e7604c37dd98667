//! What follows from the hardware: pure functions of its description, each with a reason in words.
//!
//! They give values to start from. Where measuring has spoken against what is generally said (many
//! frames at once, FP16 weights: see `docs/gpu.md`), they follow what was measured.

use std::fmt;
use vrseg_hardware::{ComputeCapability, Cpu, Gpu, Memory};

/// A value and why it is that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice<T> {
    /// The value.
    pub value: T,
    /// A part of a sentence.
    pub why: String,
}

impl<T> Choice<T> {
    fn new(value: T, why: impl Into<String>) -> Self {
        Self { value, why: why.into() }
    }
}

/// What runs a model, with the GPU where there is one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Processor<'a> {
    /// ONNX Runtime's own kernels.
    Cpu(&'a Cpu),
    /// OpenVINO on a CPU.
    OpenVino(&'a Cpu),
    /// CUDA. `None`: nothing is known of the GPU.
    Cuda(Option<&'a Gpu>),
    /// TensorRT. `None`: nothing is known of the GPU.
    TensorRt(Option<&'a Gpu>),
}

impl Processor<'_> {
    /// It is a GPU.
    pub fn is_gpu(self) -> bool {
        matches!(self, Processor::Cuda(_) | Processor::TensorRt(_))
    }
}

/// Arithmetic of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// 32-bit floats.
    Fp32,
    /// FP32 with products rounded to 10 bits.
    Tf32,
    /// 16-bit floats.
    Fp16,
    /// bfloat16: FP32's range with 7 bits.
    Bf16,
    /// 8-bit integers.
    Int8,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Format::Fp32 => "fp32",
            Format::Tf32 => "tf32",
            Format::Fp16 => "fp16",
            Format::Bf16 => "bf16",
            Format::Int8 => "int8",
        })
    }
}

/// Volta: the first GPUs that compute FP16 several times as fast as FP32.
const FAST_FP16: ComputeCapability = ComputeCapability { major: 7, minor: 0 };
/// Ampere: the first GPUs with TF32.
const HAS_TF32: ComputeCapability = ComputeCapability { major: 8, minor: 0 };

/// The arithmetic that `precision: auto` means. `int8_twin`: the model has INT8 weights whose
/// matte was found to be as good as FP32's. `recurrent`: it has states.
pub fn precision(on: Processor<'_>, int8_twin: bool, recurrent: bool) -> Choice<Format> {
    let capability = |gpu: Option<&Gpu>| gpu.and_then(|c| c.compute_capability);
    match on {
        Processor::TensorRt(_) if recurrent => {
            Choice::new(Format::Fp32, "a recurrent model drifts in FP16; --precision fp16 tries it")
        }
        Processor::TensorRt(gpu) => match capability(gpu) {
            Some(c) if c < FAST_FP16 => {
                Choice::new(Format::Fp32, format!("compute capability {c}: FP16 is fast only from {FAST_FP16}"))
            }
            Some(c) => Choice::new(Format::Fp16, format!("compute capability {c} computes FP16 fast")),
            None => Choice::new(Format::Fp16, "TensorRT"),
        },
        Processor::Cuda(gpu) => match capability(gpu) {
            Some(c) if c < HAS_TF32 => {
                Choice::new(Format::Fp32, format!("compute capability {c}: TF32 requires {HAS_TF32}"))
            }
            // Measured on an H100: rvm 512 6.6 ms with TF32, 7.0 with FP16 weights; rvm 1024 22 and 47.
            _ => Choice::new(Format::Tf32, "as fast as FP16 weights when measured, and closer to FP32"),
        },
        Processor::Cpu(cpu) if int8_twin && cpu.int8() => {
            Choice::new(Format::Int8, "the CPU has VNNI and the model has INT8 weights that were checked")
        }
        Processor::OpenVino(cpu) if cpu.bf16() => Choice::new(Format::Bf16, "the CPU supports bfloat16"),
        Processor::OpenVino(cpu) if int8_twin && cpu.int8() => {
            Choice::new(Format::Int8, "the CPU has VNNI and the model has INT8 weights that were checked")
        }
        Processor::Cpu(_) | Processor::OpenVino(_) => Choice::new(Format::Fp32, "native format of a CPU"),
    }
}

/// The model's part of a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ModelLoad<'a> {
    /// The model's name.
    pub model: &'a str,
    /// Each frame needs the result of the one before.
    pub recurrent: bool,
    /// Pictures a frame: one for each view.
    pub views: usize,
    /// Pixels of a picture.
    pub pixels: usize,
}

impl ModelLoad<'_> {
    /// Bytes that a frame takes while it is in the model. Measured: peak minus loaded memory of
    /// ONNX Runtime 1.31 on a CPU, the same for an input pixel at 256 to 1024 and 1 to 16 pictures
    /// within a fifth. An unknown model is taken for the hungriest.
    pub fn frame_bytes(&self) -> u64 {
        let per_pixel = match self.model {
            "selfie" | "selfie-landscape" => 90,
            "blazepose" => 100,
            "rvm" => 570,
            "u2net" => 1550,
            _ => 2100,
        };
        (self.views * self.pixels) as u64 * per_pixel
    }
}

/// Memory that a GPU needs before the first picture: CUDA's context, cuDNN, cuBLAS, weights. An
/// allowance that was not measured.
const CONTEXT_BYTES: u64 = 600 << 20;

/// Most frames at once that the setting takes.
const LARGEST_BATCH: u64 = 256;

/// The most frames at once that keep the GPU's memory below 90 %; at least 1 where nothing is
/// known of the GPU. As long as a frame takes less than a tenth of the memory, this many use 80 to
/// 90 % of it.
pub fn largest_batch(gpu: Option<&Gpu>, load: &ModelLoad<'_>) -> usize {
    let Some(free) = gpu.and_then(|c| c.load.memory_free.or(c.memory_total)) else { return 1 };
    let total = gpu.and_then(|c| c.memory_total).unwrap_or(free);
    // What others hold counts too.
    let available = (total / 10 * 9).saturating_sub(total.saturating_sub(free)).saturating_sub(CONTEXT_BYTES);
    (available / load.frame_bytes().max(1)).clamp(1, LARGEST_BATCH) as usize
}

/// Bytes of a decoded frame from which on frames are so few that none waits without need: at 8K `batch_size: auto` means one
/// frame, since a second one in the model costs 55 MB of memory (1557 and 1493 at 7680x3840 with `fast`) and gained nothing
/// (60 frames in 8.91 and 8.94 s, means of six runs).
pub const LARGE_FRAME: usize = 32 << 20;

/// Painted frames that wait for each encoder. At 7680x3840 the one that otherwise waits costs 37 MB and gained nothing (60
/// frames in 7.93 and 7.87 s, means of three runs); at 3840x1920 it gains 3 %. With several `outputs` it also keeps a slow
/// encoder from holding up the others, and where frames are seen through another lens (`remapped`) painting is slow: without
/// it 40 frames of 8K passthrough were 2 % slower, with it they aren't.
pub fn painted_queue(frame_bytes: usize, outputs: usize, remapped: bool) -> usize {
    usize::from(frame_bytes < LARGE_FRAME || outputs > 1 || remapped)
}

/// Pictures for each of a CPU's sessions with which a batch is complete, whatever the number of its frames: the sessions
/// wait for each other rarely enough then. With six person crops a frame on two sessions, 1920x960, one frame and two at
/// once took 7.92 and 7.89 s, and 430 and 483 MB (150 frames, means of six runs).
pub const PICTURES_PER_SESSION: usize = 2;

/// Frames at once that `batch_size: auto` means, where this many `sessions` of the model share out a frame's
/// pictures.
pub fn batch(on: Processor<'_>, load: &ModelLoad<'_>, sessions: usize) -> Choice<usize> {
    if load.recurrent {
        return Choice::new(1, format!("{} is recurrent: one frame after the other", load.model));
    }
    match on {
        // selfie at 512 on an H100, pictures a run and milliseconds: 2: 4.8, 16: 43, 32: 75.
        Processor::Cuda(gpu) | Processor::TensorRt(gpu) => {
            let most = largest_batch(gpu, load);
            Choice::new(1, format!("more were slower when measured; memory would fit {most}"))
        }
        // Frames per second on 2 cores, 1080p side by side: 23.8 with one, 26.1 with two, 27.1 with four; 4K 16.6 and
        // 17.2 with one and two; with one view, and at 8K, the same.
        Processor::Cpu(_) if sessions > 1 => {
            Choice::new(2, "the cores share the eyes and wait for each other half as often")
        }
        Processor::Cpu(_) | Processor::OpenVino(_) => Choice::new(1, "more gained nothing on a CPU when measured"),
    }
}

/// The GPU that `device: auto` means, as CUDA counts: of several of a kind the one with the most
/// free memory, since others work on the machine too. `None`: no GPU. CUDA counts differently
/// from NVML where GPUs differ or `visible` (`CUDA_VISIBLE_DEVICES`) chooses, so then its first.
pub fn auto_gpu(gpus: &[Gpu], visible: Option<&str>) -> Option<Choice<u32>> {
    let first = gpus.first()?;
    if visible.is_some() {
        return Some(Choice::new(0, "the first of CUDA_VISIBLE_DEVICES"));
    }
    if gpus.len() == 1 {
        return Some(Choice::new(0, first.name.clone()));
    }
    if gpus.iter().any(|c| c.name != first.name) {
        return Some(Choice::new(0, "the fastest of different GPUs"));
    }
    // A tenth is noise: an idle GPU holds some megabytes.
    let free = |gpu: &Gpu| gpu.load.memory_free.unwrap_or(0);
    let best = gpus.iter().rev().max_by_key(|c| free(c)).filter(|c| free(c) / 10 * 9 > free(first)).unwrap_or(first);
    Some(Choice::new(best.index, format!("of {} {} GPUs the one with the most free memory", gpus.len(), first.name)))
}

/// NVML's number of the GPU that CUDA calls `cuda`; `None` where that can't be told, see [`auto_gpu`].
pub fn nvml_index(gpus: &[Gpu], cuda: u32, visible: Option<&str>, by_bus: bool) -> Option<u32> {
    let alike = gpus.windows(2).all(|pair| pair[0].name == pair[1].name);
    if gpus.len() > 1 && !alike && !by_bus {
        return None;
    }
    let index = match visible {
        Some(list) => list.split(',').nth(cuda as usize)?.trim().parse().ok()?,
        None => cuda,
    };
    gpus.iter().any(|c| c.index == index).then_some(index)
}

/// Threads of each part of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threads {
    /// FFmpeg's decoder.
    pub decode: usize,
    /// ONNX Runtime on a CPU.
    pub infer: usize,
    /// Workers that make the model's input.
    pub prepare: usize,
    /// Workers that refine mattes and paint outputs.
    pub compose: usize,
    /// Each output's encoder.
    pub encode: usize,
}

impl Threads {
    /// Shares out `cores` for a job of `outputs` outputs. The parts wait for each other, so their
    /// sum is somewhat above `cores`: with the exact sum a core falls idle whenever one part waits
    /// (measured with 2 cores: 2+2+2 beats every smaller split), while `cores` for each of them
    /// only costs memory and context switches on larger machines. A quarter paints, up to eight. One prepares
    /// what a model on a CPU takes; beside an H100 with 16 cores one was the slowest stage of all: on 4K it
    /// worked 13 ms on a frame for rvm at 512 and 36 ms at 1024, the GPU 7 and 21 ms.
    pub fn share(cores: usize, outputs: usize, model_on_cpu: bool) -> Self {
        let cores = cores.max(1);
        let part = |percent: usize| (cores * percent).div_ceil(100).max(cores.min(2));
        Self {
            decode: part(35).min(16),
            infer: if model_on_cpu { part(60) } else { 1 },
            prepare: (cores / if model_on_cpu { 16 } else { 6 }).clamp(1, 4),
            compose: (cores / 4).clamp(1, 8),
            encode: part(if outputs > 1 { 50 } else { 70 }).min(32),
        }
    }
}

/// Numbers of workers that are worth a trial, the rules' first. Decoder, models and encoders keep their threads: an
/// encoder's bits depend on them, and on some processors a model's do. Two cores leave nothing to share out: the rules'
/// was the best in all six trials there (160 lines to 4K, one model and three).
pub fn workers_to_try(cores: usize, rule: usize, model_on_cpu: bool) -> Vec<usize> {
    let mut numbers = vec![rule];
    if model_on_cpu && cores <= 2 {
        return numbers;
    }
    for number in [2 * rule, rule / 2].map(|n| n.clamp(1, cores.max(1))) {
        if !numbers.contains(&number) {
            numbers.push(number);
        }
    }
    numbers
}

/// Threads of the whole job that `threads: auto` means.
pub fn threads(cpu: &Cpu) -> Choice<usize> {
    Choice::new(cpu.usable, cpu.limited_by.clone().unwrap_or_else(|| "all cores".to_owned()))
}

/// Bytes of source frames in flight: eight frames of 4K, enough for every stage to have one at work
/// and one waiting. Twice as much gained no speed and cost the page faults of as many fresh frames
/// (2 CPU ms a frame in a job of 200).
const QUEUE_BYTES: u64 = 96 << 20;

/// Bytes of frames between the stages that `queue_mb: auto` means. Never more than a sixteenth of
/// what is available: decoder and encoders hold several times the queue in frames of their own.
pub fn queue(memory: &Memory) -> Choice<u64> {
    let part = memory.available / 16;
    if memory.available > 0 && part < QUEUE_BYTES {
        let why = format!("a sixteenth of the {} MiB available", memory.available >> 20);
        return Choice::new(part.max(1 << 20), why);
    }
    Choice::new(QUEUE_BYTES, "eight frames of 4K; more gained nothing when measured")
}

/// Bytes that the process may hold, which uses `used` now: what `max_memory: auto` means. A tenth of what is
/// available stays for what grows beside it.
pub fn max_memory(memory: &Memory, used: u64) -> Choice<u64> {
    if memory.available == 0 {
        return Choice::new(u64::MAX, "the system does not report available memory");
    }
    let why = match memory.limit {
        Some(limit) => format!("90 % of what is left of the cgroup's {} MiB", limit >> 20),
        None => "90 % of the available memory".to_owned(),
    };
    Choice::new(used + memory.available / 10 * 9, why)
}

/// The most that frames between the stages and cached mattes may take where this many bytes are left for all
/// that grows with a job. Decoder and encoders hold several times the queue in frames of their own.
pub fn memory_shares(available: u64) -> MemoryShares {
    MemoryShares { queue: available / 8, cached_mattes: available / 8 }
}

/// Bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryShares {
    /// Of frames between the stages.
    pub queue: u64,
    /// Of cached mattes.
    pub cached_mattes: u64,
}

/// Whether `device: auto` means OpenVINO on a machine without a GPU. `gains`: the model was measured
/// to be faster in bfloat16; `exact`: FP32 was requested, which OpenVINO computes hardly faster than ONNX
/// Runtime itself (1.02 to 1.19 times as fast on a Zen 5).
pub fn openvino(cpu: &Cpu, installed: bool, gains: bool, exact: bool) -> Choice<bool> {
    if !installed {
        Choice::new(false, "OpenVINO is not installed: `vrseg models install onnxruntime-openvino`")
    } else if !cpu.bf16() {
        Choice::new(false, "the CPU has no bfloat16, without which OpenVINO gains little")
    } else if !gains {
        Choice::new(false, "the model is hardly faster with OpenVINO")
    } else if exact {
        Choice::new(false, "OpenVINO needs bfloat16 to be faster, and FP32 was requested")
    } else {
        Choice::new(true, "OpenVINO is installed, and the model is faster in the CPU's bfloat16")
    }
}

/// Runs of the model before the first frame that `warmup: auto` means.
pub fn warmup(on: Processor<'_>) -> Choice<u32> {
    match on {
        Processor::Cuda(_) | Processor::TensorRt(_) => {
            Choice::new(1, "the first run on a GPU loads its kernels; it happens before outputs are created")
        }
        // The states of a recurrent model get their shape in the first run.
        Processor::OpenVino(_) => Choice::new(2, "OpenVINO compiles the model for each new input size"),
        Processor::Cpu(_) => Choice::new(0, "a CPU's first run is as fast as the others"),
    }
}
