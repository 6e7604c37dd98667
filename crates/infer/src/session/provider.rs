//! Opens sessions on the best execution provider that really loads, and says why the others were not used.

use super::runtime::{self, Runtime};
use super::tensorrt::{self, TensorRtModel};
use crate::error::{ModelError, Result};
use crate::{DeviceChoice, Precision, SessionChoice};
use ort::ep::{self, ArbitrarilyConfigurableExecutionProvider, ExecutionProviderDispatch};
use ort::session::Session;
use ort::session::builder::GraphOptimizationLevel;
use std::fmt;
use std::path::{Path, PathBuf};

/// The execution provider that a session runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// ONNX Runtime's own CPU kernels.
    Cpu,
    /// CUDA on the GPU of this number, as CUDA counts.
    Cuda(u32),
    /// TensorRT on the GPU of this number, as CUDA counts.
    TensorRt(u32),
    /// OpenVINO on the CPU.
    OpenVino,
}

impl Provider {
    /// Whether it runs on an NVIDIA GPU.
    pub fn is_gpu(self) -> bool {
        matches!(self, Provider::Cuda(_) | Provider::TensorRt(_))
    }

    /// The device choice that allows only this provider.
    pub(crate) fn as_choice(self) -> DeviceChoice {
        match self {
            Provider::Cpu => DeviceChoice::Cpu,
            Provider::Cuda(n) => DeviceChoice::Cuda(n),
            Provider::TensorRt(n) => DeviceChoice::TensorRt(n),
            Provider::OpenVino => DeviceChoice::OpenVino,
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Provider::Cpu => f.write_str("cpu"),
            Provider::Cuda(n) => write!(f, "cuda:{n}"),
            Provider::TensorRt(n) => write!(f, "tensorrt:{n}"),
            Provider::OpenVino => f.write_str("openvino"),
        }
    }
}

/// How a session is to be opened.
#[derive(Clone, Debug)]
pub struct SessionOptions {
    /// The requested device.
    pub device: DeviceChoice,
    /// Number of the GPU that `Auto` means, as CUDA counts.
    pub auto_gpu: u32,
    /// Whether `Auto` means OpenVINO where there is no GPU, see `Auto` in the rules of the engine.
    pub openvino: bool,
    /// Whether the CPU supports bfloat16.
    pub bf16: bool,
    /// Number format of the arithmetic.
    pub precision: Precision,
    /// Threads on a CPU; at least 1.
    pub threads: usize,
    /// The job's options for arithmetic and memory.
    pub session: SessionChoice,
    /// Bytes of memory of the GPU, where they were detected; needed for a share of them.
    pub gpu_memory: Option<u64>,
    /// The GPU's name and its driver's version, for which TensorRT's engines are; `None`: unknown.
    pub gpu: Option<String>,
    /// The largest input that it will get, where that is known when the model is loaded.
    pub largest_input: Option<LargestInput>,
    /// Whether CUDA takes only as much memory as it needs at once: slower at first, but more fits.
    pub frugal: bool,
    /// Pictures in each batch: on a CPU they may be divided among several sessions. 1: one session has all threads.
    pub pictures: usize,
    /// Folder below which TensorRT's engines are cached.
    pub cache_dir: PathBuf,
    /// ONNX Runtime's library, where the user named one.
    pub ort_library: Option<PathBuf>,
}

/// The largest input of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LargestInput {
    /// Pictures at once.
    pub pictures: usize,
    /// Their width and height.
    pub size: (usize, usize),
}

/// A session, what it runs on, and why no better provider was used.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) session: Session,
    pub(crate) provider: Provider,
    /// Providers that failed to load, each with its reason in one line.
    pub(crate) refused: Vec<(Provider, String)>,
    /// ONNX Runtime's version and origin.
    pub(crate) runtime: String,
}

/// Opens a session for the ONNX graph in `model`; `name` is the model's name for messages.
///
/// # Errors
/// The named device does not load; with `Auto`, only when not even the CPU does.
pub(crate) fn open(model: &[u8], name: &str, tensorrt: &TensorRtModel, options: &SessionOptions) -> Result<Opened> {
    let library = if options.wants_openvino() { DeviceChoice::OpenVino } else { options.device };
    let runtime = runtime::load(library, options.ort_library.as_deref())?;
    let providers = match options.device {
        DeviceChoice::Cpu => vec![Provider::Cpu],
        DeviceChoice::Cuda(n) => vec![Provider::Cuda(n)],
        DeviceChoice::TensorRt(n) => vec![Provider::TensorRt(n)],
        DeviceChoice::OpenVino => vec![Provider::OpenVino],
        // TensorRT only on request: its first build of an engine takes minutes.
        DeviceChoice::Auto if runtime::has_nvidia_driver() => vec![Provider::Cuda(options.auto_gpu), Provider::Cpu],
        DeviceChoice::Auto if options.openvino => vec![Provider::OpenVino, Provider::Cpu],
        DeviceChoice::Auto => vec![Provider::Cpu],
    };
    if options.precision == Precision::Int8 {
        let why = "no model has checked INT8 weights; use --precision auto, or your own INT8 model";
        return Err(ModelError::Device { device: "int8".into(), why: why.into() });
    }
    let mut refused = Vec::new();
    for provider in providers {
        if options.precision == Precision::Fp16 && !matches!(provider, Provider::TensorRt(_)) {
            return Err(ModelError::Precision { device: provider.to_string() });
        }
        let opened = memory_limit(provider, options).and_then(|limit| {
            session(runtime, (model, tensorrt), provider, options, limit).map_err(|e| explain(provider, &e.to_string()))
        });
        match opened {
            Ok(session) => {
                let runtime = format!("{} {}", runtime.version, runtime.origin);
                return Ok(Opened { session, provider, refused, runtime });
            }
            Err(why) => {
                if provider == Provider::Cpu {
                    return Err(ModelError::Failed { name: name.to_owned(), what: why });
                }
                if options.device != DeviceChoice::Auto {
                    return Err(ModelError::Device { device: provider.to_string(), why });
                }
                refused.push((provider, why));
            }
        }
    }
    Err(ModelError::Device { device: "auto".into(), why: "no execution provider loads".into() })
}

/// Bytes that CUDA's allocator may take, where a share of the GPU's memory was requested.
fn memory_limit(provider: Provider, o: &SessionOptions) -> std::result::Result<Option<usize>, String> {
    match (provider, o.session.memory_share, o.gpu_memory) {
        (Provider::Cuda(_), Some(share), Some(bytes)) => Ok(Some((f64::from(share) * bytes as f64) as usize)),
        (Provider::Cuda(_), Some(_), None) => {
            Err("NVML doesn't report this GPU's memory, so device.memory_share has no effect".to_owned())
        }
        _ => Ok(None),
    }
}

fn session(
    runtime: &Runtime,
    (model, tensorrt): (&[u8], &TensorRtModel),
    provider: Provider,
    o: &SessionOptions,
    memory_limit: Option<usize>,
) -> ort::Result<Session> {
    let mut builder = Session::builder(&runtime.environment)?
        .with_optimization_level(GraphOptimizationLevel::All)?
        .with_intra_threads(o.threads.max(1))?
        // Spinning threads would take the encoder's and decoder's cores.
        .with_intra_op_spinning(false)?
        .with_deterministic_compute(o.session.deterministic)?;
    if provider == Provider::Cpu && runtime.shares_arena {
        builder = builder.with_env_allocators()?;
    }
    if provider == Provider::OpenVino {
        // With an option that it does not understand it silently leaves the graph to the CPU's kernels; with this
        // that is an error.
        builder = builder.with_config_entry("session.disable_cpu_ep_fallback", "1")?;
    }
    let engines = tensorrt::engines(&o.cache_dir, &short_hash(model), &runtime.version, o.gpu.as_deref());
    if matches!(provider, Provider::TensorRt(_)) {
        // TensorRT creates no parents of a folder; one that can't be created it reports itself.
        let _ = std::fs::create_dir_all(&engines);
    }
    if let Some(ep) = execution_provider((provider, tensorrt), o, memory_limit, &engines) {
        builder = builder.with_execution_providers([ep.error_on_failure()])?;
    }
    builder.commit_from_memory(model)
}

/// A folder name for a model's weights.
fn short_hash(model: &[u8]) -> String {
    blake3::hash(model).to_hex()[..16].to_owned()
}

fn execution_provider(
    (provider, tensorrt): (Provider, &TensorRtModel),
    o: &SessionOptions,
    memory_limit: Option<usize>,
    engines: &Path,
) -> Option<ExecutionProviderDispatch> {
    match provider {
        Provider::Cpu => None,
        Provider::Cuda(n) => {
            let cuda = ep::CUDA::default()
                .with_device_id(n as i32)
                .with_tf32(o.session.tf32.unwrap_or(o.precision != Precision::Fp32))
                .with_conv_algorithm_search(ep::cuda::ConvAlgorithmSearch::Heuristic);
            let cuda = match memory_limit {
                Some(bytes) => cuda.with_memory_limit(bytes),
                None => cuda,
            };
            // The default strategy doubles its arena and would meet a limit at half of it.
            Some(match memory_limit.is_some() || o.frugal {
                true => cuda.with_arena_extend_strategy(ep::ArenaExtendStrategy::SameAsRequested).build(),
                false => cuda.build(),
            })
        }
        Provider::TensorRt(n) => Some(tensorrt.provider(n, engines).build()),
        Provider::OpenVino => Some(
            ep::OpenVINO::default()
                .with_device_type("CPU")
                .with_arbitrary_config("load_config", openvino_config(o))
                .build(),
        ),
    }
}

/// OpenVINO's own options, as JSON: the only way to request bfloat16. By default it uses bfloat16 where the CPU has it,
/// even where FP32 was requested.
fn openvino_config(o: &SessionOptions) -> String {
    let hint = if o.computes_bf16() { "bf16" } else { "f32" };
    let threads = o.threads.max(1).to_string();
    let cpu = serde_json::json!({
        "INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": "1"
    });
    serde_json::json!({"CPU": cpu}).to_string()
}

impl SessionOptions {
    /// The same, for a model that is run seldom and on one picture at a time, such as the detector: it keeps no memory
    /// between runs, and never runs with OpenVINO, which compiles a graph for longer than it saves then.
    #[must_use]
    pub fn for_helper(&self) -> Self {
        let device = if self.wants_openvino() { DeviceChoice::Cpu } else { self.device };
        Self { device, pictures: 1, largest_input: None, ..self.clone() }
    }

    /// Whether OpenVINO is the first device that is tried.
    pub(crate) fn wants_openvino(&self) -> bool {
        self.device == DeviceChoice::OpenVino || (self.device == DeviceChoice::Auto && self.openvino)
    }

    /// The CPU with `threads` and nothing special, for one picture at a time.
    pub fn cpu(threads: usize) -> Self {
        Self {
            device: DeviceChoice::Cpu,
            auto_gpu: 0,
            openvino: false,
            bf16: false,
            precision: Precision::Auto,
            threads,
            session: SessionChoice::default(),
            gpu_memory: None,
            gpu: None,
            largest_input: None,
            frugal: false,
            pictures: 1,
            cache_dir: std::env::temp_dir(),
            ort_library: None,
        }
    }

    /// Whether OpenVINO is to compute in bfloat16.
    pub fn computes_bf16(&self) -> bool {
        self.bf16 && self.precision != Precision::Fp32
    }
}

/// What to say of a graph whose operators are newer than ONNX Runtime.
fn too_new(text: &str) -> Option<String> {
    let number = |behind: &str| {
        let digits: String = text.split(behind).nth(1)?.trim_start().chars().take_while(char::is_ascii_digit).collect();
        Some(digits).filter(|d| !d.is_empty())
    };
    let needed = number("Opset ").filter(|_| text.contains("under development"))?;
    let known = number("is till opset ").map(|n| format!(" and it knows up to {n}")).unwrap_or_default();
    Some(format!(
        "it needs version {needed} of ONNX's operators (its opset), which ONNX Runtime doesn't have{known}; export it \
         with a lower \
         one (opset_version=17)"
    ))
}

/// ONNX Runtime's text, shortened to what matters, and how to fix it.
fn explain(provider: Provider, text: &str) -> String {
    if let Some(why) = too_new(text) {
        return why;
    }
    let first = text.lines().next().unwrap_or(text).trim();
    let short = first.rsplit_once("with error: ").map_or(first, |(_, e)| e);
    let short = short.find("Invalid device ID").map_or(short, |at| &short[at..]).trim_end_matches('.');
    let fix = match provider {
        _ if text.contains("not enabled in this build") || text.contains("not supported in this build") => {
            match provider {
                Provider::OpenVino => {
                    "; this ONNX Runtime has no OpenVINO: run `vrseg models install onnxruntime-openvino`"
                }
                _ => "; this ONNX Runtime is the CPU build: run `vrseg models install onnxruntime-gpu`",
            }
        }
        _ if text.contains("libnvinfer") || text.contains("libnvonnxparser") => tensorrt::MISSING,
        _ if text.contains("libcu") || text.contains("libnv") => {
            "; CUDA's libraries are missing: run `vrseg models install onnxruntime-gpu`"
        }
        _ => "",
    };
    format!("{short}{fix}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn provider_errors_are_short_and_suggest_a_fix() {
        let text = "provider_bridge_ort.cc:2043 Ort::Status FAIL : Failed to load library \
                    /x/libonnxruntime_providers_cuda.so with error: libcublasLt.so.13: cannot open shared object file: \
                    No such file or directory";
        let e = explain(Provider::Cuda(0), text);
        assert!(
            e.starts_with("libcublasLt.so.13: cannot open") && e.ends_with("`vrseg models install onnxruntime-gpu`"),
            "{e}"
        );
        let e = explain(
            Provider::TensorRt(0),
            "FAIL : x.so with error: libnvonnxparser.so.10: cannot open shared object file",
        );
        assert!(e.starts_with("libnvonnxparser.so.10: cannot open") && e.ends_with(tensorrt::MISSING), "{e}");
        let text = "cuda_execution_provider_info.cc:63 FAIL : Failed to parse provider option \"device_id\": \
                    operator() Invalid device ID: 7, must be between 0 (inclusive) and 1 (exclusive).";
        assert!(explain(Provider::Cuda(7), text).starts_with("Invalid device ID: 7, must"));
        let text = "ValidateOpsetForDomain ONNX Runtime only *guarantees* support for models stamped with official released \
                    onnx opset versions. Opset 99 is under development and support for this is limited. Current official \
                    support for domain ai.onnx is till opset 26.";
        let e = explain(Provider::Cpu, text);
        assert!(e.contains("version 99") && e.contains("up to 26") && e.contains("opset_version"), "{e}");
        let e = explain(Provider::Cuda(0), "CUDA execution provider is not enabled in this build.");
        assert!(
            e.starts_with("CUDA execution provider is not enabled in this build; this ONNX Runtime is the CPU"),
            "{e}"
        );
    }
}
