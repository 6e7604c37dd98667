//! The machine on which a benchmark ran.

use serde::{Deserialize, Serialize};
use vrseg_hardware::Machine;

/// The machine, as far as it decides the figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MachineInfo {
    /// Name in the model.
    pub host: String,
    /// The operating system and its kernel.
    pub system: String,
    /// Name of the processor.
    pub cpu: String,
    /// Threads that the process might run at once.
    pub cores: usize,
    /// Bytes of main memory, under a control group's limit.
    pub memory: u64,
    /// Names of the GPUs.
    pub gpus: Vec<String>,
    /// Version of the GPUs' driver.
    pub driver: Option<String>,
}

impl MachineInfo {
    /// The figures of `machine`, and the system's name.
    pub fn of(machine: &Machine) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).map(|t| t.trim().to_owned()).unwrap_or_default();
        let release = read("/etc/os-release");
        let name = release.lines().find_map(|l| l.strip_prefix("PRETTY_NAME=")).unwrap_or("Linux").trim_matches('"');
        let memory = &machine.memory;
        Self {
            host: read("/proc/sys/kernel/hostname"),
            system: format!("{name}, kernel {}", read("/proc/sys/kernel/osrelease")),
            cpu: machine.cpu.model.clone(),
            cores: machine.cpu.usable,
            memory: memory.limit.unwrap_or(memory.total),
            gpus: machine.gpu.cards.iter().map(|c| c.name.clone()).collect(),
            driver: machine.gpu.driver.clone(),
        }
    }

    /// In one line: `host: AMD EPYC, 2 cores, 24 GiB, no NVIDIA GPU`.
    pub fn summary(&self) -> String {
        let gpus = if self.gpus.is_empty() { "no NVIDIA GPU".to_owned() } else { self.gpus.join(", ") };
        let gib = self.memory as f64 / f64::from(1 << 30);
        // Results that were made to be sent have no name.
        let host = if self.host.is_empty() { String::new() } else { format!("{}: ", self.host) };
        format!("{host}{}, {} cores, {gib:.0} GiB, {gpus}", self.cpu, self.cores)
    }
}
