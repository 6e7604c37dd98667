//! Finds and loads ONNX Runtime's shared library, once per process.
//!
//! Order: the library that the user named, `ORT_DYLIB_PATH`, beside the binary, the data folder
//! that `vrseg models install` and `setup.sh` fill (the CUDA or OpenVINO build where the device needs it), and last the
//! CPU library inside the binary.

use super::{arena, shared_library, tensorrt};
use crate::DeviceChoice;
use crate::error::{ModelError, Result};
use crate::models::registry::data_dir;
use ort::environment::Environment;
use std::ffi::OsString;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock};

/// Environment variables, each with its value, that a program must set at the beginning of `main`, before it starts a
/// thread: setting one later is unsound, so this library can't do it.
///
/// `ORT_DISABLE_TELEMETRY`: builds of ONNX Runtime since 1.31 gather telemetry for Microsoft on Linux, too, unless it
/// is set. When they are loaded they write a device id and a database to `~/.cache/Microsoft`, before a program could
/// say through the API that it wants none. [`load`] warns where it is missing.
pub const ENVIRONMENT: &[(&str, &str)] = &[("ORT_DISABLE_TELEMETRY", "1")];

#[cfg(embedded_ort)]
const EMBEDDED: Option<&[u8]> = Some(include_bytes!(concat!(env!("OUT_DIR"), "/ort.zst")));
#[cfg(not(embedded_ort))]
const EMBEDDED: Option<&[u8]> = None;

const LIBRARY: &str = "libonnxruntime.so";

/// Libraries that the CUDA provider needs, each after those that it depends on. Loaded
/// from the folder of the CUDA build when they lie there, so that no `LD_LIBRARY_PATH` is needed.
const CUDA_LIBRARIES: &[&str] = &[
    "libcudart.so.13",
    "libcudart.so.12",
    "libnvJitLink.so.13",
    "libnvJitLink.so.12",
    "libcublasLt.so.13",
    "libcublasLt.so.12",
    "libcublas.so.13",
    "libcublas.so.12",
    "libnvrtc.so.13",
    "libnvrtc.so.12",
    "libcurand.so.10",
    "libcufft.so.12",
    "libcufft.so.11",
    "libcudnn_graph.so.9",
    "libcudnn_ops.so.9",
    "libcudnn_engines_precompiled.so.9",
    "libcudnn_engines_runtime_compiled.so.9",
    "libcudnn_heuristic.so.9",
    "libcudnn_cnn.so.9",
    "libcudnn_adv.so.9",
    "libcudnn.so.9",
];

/// ONNX Runtime, loaded.
#[derive(Debug)]
pub struct Runtime {
    /// The environment that every session is created in.
    pub environment: Environment,
    /// Where the library came from, as users see it: a path with the reason in parentheses, or `built in`.
    pub origin: String,
    /// Sessions on a CPU can share an arena.
    pub(super) shares_arena: bool,
    /// Its version, such as `1.31`; empty where the library does not report it.
    pub version: String,
}

/// Whether the NVIDIA driver's user-space library loads.
pub fn has_nvidia_driver() -> bool {
    ort::util::preload_dylib("libcuda.so.1").is_ok()
}

/// Whether the library that a job on OpenVINO would load has OpenVINO: `vrseg models install` has put it into the
/// data folder, and no other comes before it.
pub fn has_openvino(named: Option<&Path>) -> bool {
    let folder = data_dir().join("ort-openvino");
    let first = candidates(DeviceChoice::OpenVino, named).into_iter().next();
    matches!(first, Some(Candidate::File(path, _)) if path.starts_with(&folder))
}

/// Whether ONNX Runtime is inside of the program.
pub fn is_embedded() -> bool {
    EMBEDDED.is_some()
}

enum Candidate {
    /// A path, and why it is one.
    File(PathBuf, &'static str),
    Embedded(&'static [u8]),
}

fn candidates(device: DeviceChoice, named: Option<&Path>) -> Vec<Candidate> {
    if let Some(p) = named {
        return vec![Candidate::File(p.to_owned(), "--ort-lib")];
    }
    if let Some(p) = std::env::var_os("ORT_DYLIB_PATH").filter(|p| !p.is_empty()) {
        return vec![Candidate::File(p.into(), "ORT_DYLIB_PATH")];
    }
    let mut list = Vec::new();
    let mut add = |dir: PathBuf, why| {
        let file = dir.join(LIBRARY);
        if file.is_file() {
            list.push(Candidate::File(file, why));
        }
    };
    if let Some(dir) = std::env::current_exe().ok().and_then(|e| e.parent().map(Path::to_owned)) {
        add(dir, "beside the program");
    }
    let data = data_dir();
    match device {
        DeviceChoice::Cuda(_) | DeviceChoice::TensorRt(_) => add(data.join("ort-gpu"), "data folder"),
        DeviceChoice::OpenVino => add(data.join("ort-openvino"), "data folder"),
        DeviceChoice::Auto if has_nvidia_driver() => add(data.join("ort-gpu"), "data folder"),
        DeviceChoice::Auto | DeviceChoice::Cpu => {}
    }
    add(data.join("ort"), "data folder");
    list.extend(EMBEDDED.map(Candidate::Embedded));
    list
}

/// Loads the library that suits `device`, or returns the one that this process has loaded before:
/// there can be only one.
///
/// # Errors
/// No library, one that does not load, or one older than ONNX Runtime 1.23.
pub fn load(device: DeviceChoice, named: Option<&Path>) -> Result<&'static Runtime> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    static LOADING: Mutex<()> = Mutex::new(());
    let _guard = LOADING.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(r) = RUNTIME.get() {
        return Ok(r);
    }
    if let Some((name, value)) = missing_variable(|name| std::env::var_os(name)) {
        tracing::warn!("{name} is not {value}: ONNX Runtime may collect telemetry");
    }
    let list = candidates(device, named);
    if list.is_empty() {
        return Err(ModelError::Runtime(format!(
            "ONNX Runtime's library ({LIBRARY}) was not found: `vrseg models install onnxruntime` downloads it, \
             or name one with --ort-lib or ORT_DYLIB_PATH"
        )));
    }
    let mut reasons = Vec::new();
    for candidate in list {
        match try_load(&candidate) {
            Ok(runtime) => return Ok(RUNTIME.get_or_init(|| runtime)),
            Err(e) => reasons.push(e),
        }
    }
    Err(ModelError::Runtime(format!("ONNX Runtime can't be loaded: {}", reasons.join("; "))))
}

/// The first variable of [`ENVIRONMENT`] that does not have its value.
fn missing_variable(get: impl Fn(&str) -> Option<OsString>) -> Option<(&'static str, &'static str)> {
    ENVIRONMENT.iter().copied().find(|(name, value)| get(name).is_none_or(|found| found != *value))
}

fn try_load(candidate: &Candidate) -> std::result::Result<Runtime, String> {
    let (path, origin, _keep) = match candidate {
        Candidate::File(path, why) => {
            if !path.is_file() {
                return Err(format!("{} ({why}) is not a file", path.display()));
            }
            shared_library::check_whole(path).map_err(|e| format!("{} ({why}): {e}", path.display()))?;
            if let Some(dir) = path.parent() {
                for lib in CUDA_LIBRARIES.iter().chain(&tensorrt::LIBRARIES).map(|l| dir.join(l)).filter(|l| l.exists())
                {
                    if let Err(e) = shared_library::check_whole(&lib) {
                        tracing::warn!("{} is skipped: {e}", lib.display());
                    } else if let Err(e) = ort::util::preload_dylib(&lib) {
                        tracing::debug!("{} was not preloaded: {e}", lib.display());
                    }
                }
            }
            // ort tries a relative path beside the executable first; the user means the current folder.
            let path = std::path::absolute(path).map_err(|e| format!("{}: {e}", path.display()))?;
            let origin = format!("{} ({why})", path.display());
            (path, origin, None)
        }
        Candidate::Embedded(bytes) => {
            let file = unpack_to_memory(bytes).map_err(|e| format!("the library inside the binary: {e}"))?;
            (PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd())), "built in".to_owned(), Some(file))
        }
    };
    let environment = ort::init_from(&path)
        .map_err(|e| match e {
            ort::LoadDynamicError::Dlopen { error, path } => {
                let cause = std::error::Error::source(&error).map_or_else(|| error.to_string(), ToString::to_string);
                format!("{}: {cause}", path.display())
            }
            other => other.to_string(),
        })?
        .with_telemetry(false)
        .build()
        .map_err(|e| e.to_string())?;
    let version = ort::util::probe(&path).map(|minor| format!("1.{minor}")).unwrap_or_default();
    tracing::info!("ONNX Runtime {version}: {origin}");
    let shared = arena::share(&environment);
    if let Err(why) = &shared {
        tracing::debug!("every session has an arena of its own: {why}");
    }
    Ok(Runtime { environment, origin, shares_arena: shared.is_ok(), version })
}

#[cfg(embedded_ort)]
fn unpack_to_memory(compressed: &[u8]) -> std::io::Result<std::fs::File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    let mut file = std::fs::File::from(memfd_create(LIBRARY, MemfdFlags::CLOEXEC)?);
    zstd::stream::copy_decode(compressed, &mut file)?;
    Ok(file)
}

#[cfg(not(embedded_ort))]
fn unpack_to_memory(_: &[u8]) -> std::io::Result<std::fs::File> {
    Err(std::io::ErrorKind::NotFound.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_environment_variable_is_reported() {
        assert_eq!(missing_variable(|_| None), Some(("ORT_DISABLE_TELEMETRY", "1")));
        assert_eq!(missing_variable(|_| Some("0".into())), Some(("ORT_DISABLE_TELEMETRY", "1")));
        assert_eq!(missing_variable(|_| Some("1".into())), None);
    }

    #[cfg(embedded_ort)]
    #[test]
    fn embedded_library_is_complete() {
        let file = unpack_to_memory(EMBEDDED.unwrap()).unwrap();
        shared_library::check_whole(Path::new(&format!("/proc/self/fd/{}", file.as_raw_fd()))).unwrap();
    }
}
