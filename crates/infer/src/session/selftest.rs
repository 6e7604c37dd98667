//! Tests whether an execution provider really loads and computes, with a tiny model.

use super::provider::{self, SessionOptions};
use super::runtime;
use super::tensorrt::TensorRtModel;
use crate::DeviceChoice;
use crate::error::ModelError;
use ort::value::Tensor;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// An ONNX file (IR version 8, operators of version 13) whose graph is `y = Add(x, x)` for f32 `[4]`.
const DOUBLE: &[u8] = b"\x08\x08:5\n\x0e\n\x01x\n\x01x\x12\x01y\"\x03Add\x12\x01gZ\x0f\n\x01x\x12\n\n\x08\x08\x01\
                        \x12\x04\n\x02\x08\x04b\x0f\n\x01y\x12\n\n\x08\x08\x01\x12\x04\n\x02\x08\x04B\x02\x10\r";

/// Result of a test of an execution provider.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProviderState {
    /// `cpu`, `cuda`, `tensorrt`, `openvino`.
    pub name: String,
    /// Whether it loaded and computed correctly.
    pub loads: bool,
    /// Version of the ONNX Runtime that was loaded, such as `1.31`; `None` where none loads.
    pub version: Option<String>,
    /// Where that library came from, as users see it.
    pub library: Option<String>,
    /// Why it doesn't load, and what to do.
    pub why: Option<String>,
}

/// Tests `device`, which users know as `name`, with the library that a job for it would load (`library` where the user
/// named one). A process can load only one ONNX Runtime, so each provider needs a process of its own.
pub fn provider(name: &str, device: DeviceChoice, library: Option<&Path>) -> ProviderState {
    let found = runtime::load(device, library);
    let (version, origin) = match &found {
        Ok(runtime) => (Some(runtime.version.clone()), Some(runtime.origin.clone())),
        Err(_) => (None, None),
    };
    let result = found.map_err(|e| e.to_string()).and_then(|_| compute(device, library));
    ProviderState { name: name.to_owned(), loads: result.is_ok(), version, library: origin, why: result.err() }
}

fn compute(device: DeviceChoice, library: Option<&Path>) -> Result<(), String> {
    let options = SessionOptions { device, ort_library: library.map(PathBuf::from), ..SessionOptions::cpu(1) };
    let opened = provider::open(DOUBLE, "self-test", &TensorRtModel::default(), &options).map_err(|e| match e {
        // The device's name stands before it already.
        ModelError::Device { why, .. } => why,
        other => other.to_string(),
    })?;
    let mut session = opened.session;
    let mut run = || -> ort::Result<Vec<f32>> {
        let x = Tensor::from_array(([4usize], vec![1.0f32, 2.0, 3.0, 4.0]))?;
        let outputs = session.run(ort::inputs!["x" => x])?;
        Ok(outputs["y"].try_extract_tensor::<f32>()?.1.to_vec())
    };
    match run() {
        Ok(y) if y == [2.0, 4.0, 6.0, 8.0] => Ok(()),
        Ok(y) => Err(format!("it loads, but computes wrong results: 2 * [1, 2, 3, 4] is {y:?}")),
        Err(e) => Err(format!("it loads, but does not compute: {e}")),
    }
}
