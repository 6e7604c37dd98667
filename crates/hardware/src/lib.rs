//! What this machine is and what it is doing: processor, memory, disks, graphics cards. What a
//! container may use counts, not what its host has. Nothing here fails: what can't be found out is
//! missing, with a sentence that says why where there is something to say.

pub mod cgroup;
pub mod cpu;
pub mod disk;
pub mod gpu;
pub mod json_path;
pub mod memory;
pub mod sampler;

pub use cpu::Cpu;
pub use disk::Disk;
pub use gpu::{ComputeCapability, Gpu, GpuLoad, Gpus};
pub use memory::Memory;
pub use sampler::{Sample, Sampler, Usage};

use serde::Serialize;
use std::path::Path;

/// A machine, as far as a job's settings depend on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Machine {
    /// Processor.
    pub cpu: Cpu,
    /// Main memory.
    pub memory: Memory,
    /// NVIDIA's cards.
    pub gpu: Gpus,
}

impl Machine {
    /// Looks at this machine. Takes some milliseconds, with an NVIDIA driver some tens.
    pub fn detect() -> Self {
        let limits = cgroup::Limits::detect();
        Self { cpu: Cpu::detect(&limits), memory: Memory::detect(&limits), gpu: Gpus::detect() }
    }
}

/// Cores that this process may use: affinity and cgroup limits count, not the host's size.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The disks that hold `folders`, each once.
pub fn disks(folders: &[&Path]) -> Vec<Disk> {
    disk::holding(folders)
}
