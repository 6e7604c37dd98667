//! What a job asks of the device that runs its model: which one, which arithmetic, how it is set up.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Number format of the network's arithmetic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Precision {
    /// FP16 on a GPU that has it in hardware, FP32 elsewhere.
    #[default]
    Auto,
    /// 32-bit floats.
    Fp32,
    /// 16-bit floats (recurrent states stay FP32).
    Fp16,
    /// 8-bit integers. No model has weights for it yet: the configuration refuses it and says why.
    Int8,
}

/// Which processor runs the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum DeviceChoice {
    /// The best execution provider that really loads.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// CUDA, by device number.
    Cuda(u32),
    /// TensorRT, by device number.
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

/// How the network's session is set up, beyond the device's choice.
#[derive(Clone, Copy, Debug, PartialEq, Default, Serialize, Deserialize)]
pub struct SessionChoice {
    /// Products of FP32 numbers rounded to TF32's 10 bits, which NVIDIA's cards from compute
    /// capability 8.0 on compute several times as fast; `None`: unless the precision is FP32.
    pub tf32: Option<bool>,
    /// Only kernels that give the same bits in every run.
    pub deterministic: bool,
    /// Share of the GPU's memory (0 to 1) that CUDA's allocator may take; `None`: what it needs.
    pub memory_share: Option<f32>,
    /// Runs of the network on an empty picture before the first frame; `None`: by the device.
    pub warmup: Option<u32>,
    /// Where a device's memory doesn't hold a single picture, it may see it at half the size.
    #[serde(default)]
    pub smaller_input: bool,
    /// A device that fails ends the job: neither smaller batches nor another device are tried.
    pub rigid: bool,
}
