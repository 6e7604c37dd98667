//! The GPUs as CUDA counts them in this process.

use super::rules::{self, Choice};
use vrseg_hardware::Gpu;

/// The machine's GPUs, and what the environment says of CUDA's numbers.
#[derive(Clone, Debug)]
pub struct CudaGpus<'a> {
    gpus: &'a [Gpu],
    /// `CUDA_VISIBLE_DEVICES`.
    visible: Option<String>,
    /// `CUDA_DEVICE_ORDER` asks for NVML's order.
    by_bus: bool,
}

impl<'a> CudaGpus<'a> {
    /// `gpus` in NVML's order, under this process's environment.
    pub fn from_environment(gpus: &'a [Gpu]) -> Self {
        Self {
            gpus,
            visible: std::env::var("CUDA_VISIBLE_DEVICES").ok(),
            by_bus: std::env::var("CUDA_DEVICE_ORDER").is_ok_and(|o| o == "PCI_BUS_ID"),
        }
    }

    /// The number of the GPU that `device: auto` means; see [`rules::auto_gpu`].
    pub fn auto(&self) -> Option<Choice<u32>> {
        rules::auto_gpu(self.gpus, self.visible.as_deref())
    }

    /// The GPU that CUDA calls `cuda`; see [`rules::nvml_index`].
    pub fn gpu(&self, cuda: u32) -> Option<&'a Gpu> {
        let index = rules::nvml_index(self.gpus, cuda, self.visible.as_deref(), self.by_bus)?;
        self.gpus.iter().find(|c| c.index == index)
    }
}
