//! What this machine is and what it is doing: processor, memory, disks, GPUs. What a container may use counts, not what
//! its host has. Nothing here fails: what can't be detected is missing, with a sentence that says why where a user can
//! do something about it.
//!
//! `cgroup` and `json_path` import nothing from this crate; `cpu`, `memory`, `disk` and `gpu` import from these two,
//! `sampler` from `gpu`.

pub mod cgroup;
pub mod cpu;
pub mod disk;
pub mod file_name;
pub mod gpu;
pub mod json_path;
pub mod memory;
pub mod nearest;
pub mod sampler;
pub mod units;

pub use cpu::{Cpu, cores};
pub use disk::Disk;
pub use gpu::{ComputeCapability, Gpu, GpuLoad, Gpus, Throttle};
pub use memory::Memory;
pub use sampler::{Sample, Sampler, Usage};

use serde::Serialize;
use std::path::Path;

/// A machine, as far as a job's settings depend on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Machine {
    /// The processor, and what of it this process may use.
    pub cpu: Cpu,
    /// Main memory, and what of it this process may use.
    pub memory: Memory,
    /// NVIDIA GPUs.
    pub gpu: Gpus,
}

impl Machine {
    /// This machine. Takes some milliseconds, with an NVIDIA driver some tens.
    pub fn detect() -> Self {
        let limits = cgroup::Limits::detect();
        Self { cpu: Cpu::detect(&limits), memory: Memory::detect(&limits), gpu: Gpus::detect() }
    }
}

/// The file systems that hold `folders`, as [`disk::holding`].
pub fn disks(folders: &[&Path]) -> Vec<Disk> {
    disk::holding(folders)
}
