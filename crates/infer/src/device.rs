//! What a job requests of the device that runs its model: which one, which arithmetic, how it is set up.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Number format of the model's arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Precision {
    /// FP16 on a GPU that has it in hardware, FP32 elsewhere.
    #[default]
    Auto,
    /// 32-bit floats everywhere.
    Fp32,
    /// 16-bit floats (recurrent states stay FP32).
    Fp16,
    /// 8-bit integers. No model has weights for it yet: the settings reject it.
    Int8,
}

/// Which device runs the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum DeviceChoice {
    /// The best execution provider that really loads.
    #[default]
    Auto,
    /// ONNX Runtime's own kernels on the CPU.
    Cpu,
    /// CUDA on the GPU of this number, as CUDA counts.
    Cuda(u32),
    /// TensorRT on the GPU of this number, as CUDA counts.
    TensorRt(u32),
    /// OpenVINO on the CPU.
    OpenVino,
}

impl fmt::Display for DeviceChoice {
    /// As `--device` has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceChoice::Auto => f.write_str("auto"),
            DeviceChoice::Cpu => f.write_str("cpu"),
            DeviceChoice::Cuda(n) => write!(f, "cuda:{n}"),
            DeviceChoice::TensorRt(n) => write!(f, "tensorrt:{n}"),
            DeviceChoice::OpenVino => f.write_str("openvino"),
        }
    }
}

/// How the model's session is set up, beyond the device's choice.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct SessionChoice {
    /// Whether products of FP32 numbers are rounded to TF32's 10 bits, which NVIDIA GPUs from compute capability 8.0
    /// on compute several times as fast; `None`: unless the precision is FP32.
    pub tf32: Option<bool>,
    /// Whether only kernels are used that give the same bits in every run.
    pub deterministic: bool,
    /// Share of the GPU's memory (0 to 1) that CUDA's allocator may take; `None`: what it needs.
    pub memory_share: Option<f32>,
    /// Runs of the model on an empty picture before the first frame; `None`: by the device.
    pub warmup: Option<u32>,
    /// Whether pictures may be scaled to half their size where the device's memory doesn't hold a single one.
    #[serde(default)]
    pub smaller_input: bool,
    /// Whether a device that fails ends the job: neither smaller batches nor another device are tried.
    pub rigid: bool,
}
