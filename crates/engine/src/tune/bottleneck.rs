//! What held a job up, from what was seen of it: pure functions, each finding with what helps.

use crate::graph::StageReport;
use serde::Serialize;
use std::fmt;
use vrseg_hardware::{Machine, Throttle, Usage};

/// How a stage spent its time, summed over its threads.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StageTime<'a> {
    /// Its name.
    pub stage: &'a str,
    /// Seconds at work.
    pub busy: f64,
    /// Seconds waiting for the stages before and after it.
    pub waiting: f64,
    /// Its threads.
    pub threads: u64,
}

impl<'a> From<&'a StageReport> for StageTime<'a> {
    fn from(report: &'a StageReport) -> Self {
        Self { stage: report.stage, busy: report.busy, waiting: report.waiting, threads: report.threads }
    }
}

/// What was seen of a job.
#[derive(Clone, Copy, Debug)]
pub struct BottleneckInput<'a> {
    /// Each stage's time.
    pub stages: &'a [StageTime<'a>],
    /// What it took of the machine.
    pub usage: &'a Usage,
    /// Threads that the process may run at once.
    pub cores: usize,
    /// Bytes of main memory that the process may have.
    pub memory: u64,
    /// Bytes of the GPU's memory, where a GPU ran the model.
    pub gpu_memory: Option<u64>,
}

impl<'a> BottleneckInput<'a> {
    /// What was seen of a job on `machine`.
    pub fn new(stages: &'a [StageTime<'a>], usage: &'a Usage, machine: &Machine) -> Self {
        Self {
            stages,
            usage,
            cores: machine.cpu.usable,
            memory: machine.memory.usable(),
            gpu_memory: machine.gpu.cards.first().and_then(|card| card.memory_total),
        }
    }
}

/// What kind of limit was met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Limit {
    /// The GPU's encoder (NVENC) works all the time.
    Nvenc,
    /// The GPU's decoder (NVDEC) works all the time.
    Nvdec,
    /// The GPU computes all the time.
    Gpu,
    /// The GPU's PCIe link carries nearly what it can.
    Pcie,
    /// The GPU's clock was held down.
    Throttled,
    /// The GPU waited for the CPU's stages.
    StarvedGpu,
    /// The GPU's memory is nearly full: a larger frame would not fit.
    GpuMemory,
    /// All cores are at work.
    Cpu,
    /// Main memory is nearly full.
    Memory,
    /// Somebody waits for a disk.
    Disk,
    /// One stage works all the time, although this process does not take all cores: they wait for
    /// each other, or others use the machine.
    Stage,
}

/// A limit that a job met.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Its kind.
    pub limit: Limit,
    /// A sentence with the figures.
    pub what: String,
    /// What helps.
    pub help: &'static str,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; what helps: {}", self.what, self.help)
    }
}

/// Below this the GPU is starved, in percent of the time.
const STARVED: f64 = 50.0;
/// Above this a unit of the GPU holds a job up, in percent of the time.
const BUSY_UNIT: f64 = 90.0;
/// Above this the PCIe link holds a job up, in percent of what it can carry: headers of packets are not counted.
const BUSY_LINK: f64 = 70.0;
/// Above this a low clock is worth a word, in percent of the time.
const THROTTLED: f64 = 20.0;
/// Above this the cores are all taken, as a share of them.
const BUSY_CORES: f64 = 0.9;
/// Above this a memory is in danger, as a share of it.
const FULL: f64 = 0.95;
/// Above this a disk holds the machine up, in percent of the time in which somebody waits for it.
const DISK: f64 = 25.0;
/// Above this a stage is the one that the others wait for, as the share of time at work.
const BUSY_STAGE: f64 = 0.9;

/// All limits that were met, the one that costs most speed first, dangers last.
pub fn findings(seen: &BottleneckInput<'_>) -> Vec<Finding> {
    let mut found = Vec::new();
    gpu_units(seen.usage, &mut found);
    let slowest = slowest(seen.stages);
    if let (Some(busy), Some((stage, _))) = (seen.usage.gpu_busy.filter(|b| *b < STARVED), slowest)
        && stage != "infer"
        && found.is_empty()
    {
        let what = format!("the GPU was busy {busy:.0} % of the time: it waits for {stage}");
        found.push(Finding { limit: Limit::StarvedGpu, what, help: help(stage) });
    }
    let cores = seen.cores.max(1) as f64;
    if seen.usage.mean_cores > BUSY_CORES * cores {
        let (stage, _) = slowest.unwrap_or(("infer", 0.0));
        let what =
            format!("{:.1} of {} cores were busy; most stages waited for {stage}", seen.usage.mean_cores, seen.cores);
        found.push(Finding { limit: Limit::Cpu, what, help: help(stage) });
    } else if let (Some((stage, share)), true) = (slowest, found.is_empty())
        && share > BUSY_STAGE
    {
        let (took, cores) = (seen.usage.mean_cores, seen.cores);
        let what =
            format!("{stage} was busy {:.0} % of the time, with {took:.1} of {cores} cores in use", share * 100.0);
        found.push(Finding { limit: Limit::Stage, what, help: help(stage) });
    }
    if let Some(wait) = seen.usage.disk_wait.filter(|w| *w > DISK) {
        let what = format!("some process waited for a disk {wait:.0} % of the time");
        let help = "the source and the outputs on a faster disk, or on two; vrseg hardware lists the disks";
        found.push(Finding { limit: Limit::Disk, what, help });
    }
    if let (Some(used), Some(total)) = (seen.usage.gpu_peak_memory, seen.gpu_memory)
        && used as f64 > FULL * total as f64
    {
        let what = format!("{:.0} % of the GPU's memory was in use", used as f64 / total as f64 * 100.0);
        let help = "a smaller --batch-size or --input-size; device.memory_share reserves memory for other programs";
        found.push(Finding { limit: Limit::GpuMemory, what, help });
    }
    if seen.memory > 0 && seen.usage.peak_memory as f64 > FULL * seen.memory as f64 {
        let share = seen.usage.peak_memory as f64 / seen.memory as f64 * 100.0;
        let what = format!("{share:.0} % of the memory that this process may use was in use");
        found.push(Finding {
            limit: Limit::Memory,
            what,
            help: "a smaller processing.queue_mb, fewer outputs at once",
        });
    }
    found
}

/// The parts of a GPU that work all the time, or can't as fast as they could.
fn gpu_units(usage: &Usage, found: &mut Vec<Finding>) {
    let units = [
        (
            Limit::Nvenc,
            usage.gpu_encoder,
            "the GPU's encoder (NVENC) was busy",
            "a faster --preset (p1), H.264 instead of HEVC, \
          a smaller --scale, or --no-hwenc where cores are idle",
        ),
        (
            Limit::Nvdec,
            usage.gpu_decoder,
            "the GPU's decoder (NVDEC) was busy",
            "decode.hardware: off where cores are idle",
        ),
        (Limit::Gpu, usage.gpu_busy, "the GPU computed", "--profile fast, or a smaller --input-size"),
    ];
    for (limit, percent, what, help) in units {
        if let Some(percent) = percent.filter(|p| *p > BUSY_UNIT) {
            found.push(Finding { limit, what: format!("{what} {percent:.0} % of the time"), help });
        }
    }
    if let Some(percent) = usage.gpu_pcie.filter(|p| *p > BUSY_LINK) {
        let what = format!("the GPU's PCIe link carried {percent:.0} % of what it can");
        let help = "a slot with more lanes, or of a newer generation (`nvidia-smi -q` shows Link Width and Gen)";
        found.push(Finding { limit: Limit::Pcie, what, help });
    }
    let throttle = usage.gpu_throttle.and_then(|throttle| Some((throttle, throttle.cause()?)));
    if let (Some(percent), Some((throttle, cause))) = (usage.gpu_throttled.filter(|p| *p > THROTTLED), throttle) {
        let help = match throttle {
            Throttle::Heat => "better cooling: clean filters, a faster fan, more space around the GPU",
            Throttle::Power => "a higher limit: `nvidia-smi -pl WATTS`, as root",
            Throttle::Hardware | Throttle::None => "the GPU's power cables, and a stronger power supply",
        };
        let what = format!("the GPU's clock was held down by {cause} {percent:.0} % of the time");
        found.push(Finding { limit: Limit::Throttled, what, help });
    }
}

/// The stage whose threads worked longest, and the share of their time that they were at work. One that was over at
/// once waited for nobody and is not the slowest for that.
pub fn slowest<'a>(stages: &[StageTime<'a>]) -> Option<(&'a str, f64)> {
    let load = |s: &StageTime<'_>| s.busy / s.threads.max(1) as f64;
    stages
        .iter()
        .filter(|s| s.busy > 0.0)
        .max_by(|a, b| load(a).total_cmp(&load(b)))
        .map(|s| (s.stage, s.busy / (s.busy + s.waiting)))
}

/// What speeds a stage up.
fn help(stage: &str) -> &'static str {
    match stage {
        "decode" => "a copy of the source in H.264 or at a lower resolution",
        "infer" => "--profile fast, a smaller --input-size, or a GPU",
        "encode" => "a faster --preset, another --codec, or NVENC",
        "compose" => "fewer outputs; no --feather and --grow",
        "prepare" => "fewer detection passes (people.every), or --crops off",
        _ => "a smaller --input-size",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    fn limits(usage: Usage, slow: &str, cores: usize) -> Vec<Limit> {
        let stage = |name| {
            let busy = if name == slow { 9.9 } else { 4.0 };
            StageTime { stage: name, busy, waiting: 10.0 - busy, threads: 1 }
        };
        let stages = ["decode", "infer", "encode"].map(stage);
        let seen =
            BottleneckInput { stages: &stages, usage: &usage, cores, memory: 8 * GIB, gpu_memory: Some(8 * GIB) };
        findings(&seen).iter().map(|f| f.limit).collect()
    }

    fn usage(mean_cores: f64, gpu_busy: Option<f64>) -> Usage {
        Usage { peak_memory: GIB, mean_cores, gpu_busy, gpu_peak_memory: gpu_busy.map(|_| GIB), ..Usage::default() }
    }

    #[test]
    fn each_limit_is_found() {
        assert_eq!(limits(usage(1.9, None), "infer", 2), [Limit::Cpu]);
        assert_eq!(limits(usage(6.0, Some(31.0)), "encode", 16), [Limit::StarvedGpu]);
        assert_eq!(limits(usage(15.5, Some(31.0)), "encode", 16), [Limit::StarvedGpu, Limit::Cpu]);
        assert_eq!(limits(usage(6.0, Some(97.0)), "infer", 16), [Limit::Gpu]);
        let full = Usage { peak_memory: 8 * GIB, gpu_peak_memory: Some(8 * GIB), ..usage(6.0, Some(80.0)) };
        assert_eq!(limits(full, "none", 16), [Limit::GpuMemory, Limit::Memory]);
        assert_eq!(limits(usage(6.0, None), "none", 16), []);
        let slow_disk = Usage { disk_wait: Some(60.0), ..usage(6.0, None) };
        assert_eq!(limits(slow_disk, "none", 16), [Limit::Disk]);
    }

    #[test]
    fn parts_of_a_gpu_are_told_apart() {
        let on_gpu = usage(6.0, Some(38.0));
        let nvenc = Usage { gpu_encoder: Some(98.0), gpu_decoder: Some(41.0), ..on_gpu.clone() };
        assert_eq!(limits(nvenc.clone(), "encode", 16), [Limit::Nvenc], "and not that the GPU waits for encode");
        let nvdec = Usage { gpu_encoder: Some(60.0), gpu_decoder: Some(97.0), ..on_gpu.clone() };
        assert_eq!(limits(nvdec, "decode", 16), [Limit::Nvdec]);
        let pcie = Usage { gpu_pcie: Some(84.0), ..on_gpu.clone() };
        assert_eq!(limits(pcie, "compose", 16), [Limit::Pcie]);
        assert_eq!(limits(nvenc, "encode", 6), [Limit::Nvenc, Limit::Cpu]);
        for cause in [Throttle::Heat, Throttle::Power, Throttle::Hardware] {
            let hot = Usage { gpu_throttled: Some(67.0), gpu_throttle: Some(cause), ..usage(6.0, Some(95.0)) };
            assert_eq!(limits(hot, "infer", 16), [Limit::Gpu, Limit::Throttled]);
        }
        let briefly = Usage { gpu_throttled: Some(5.0), gpu_throttle: Some(Throttle::Power), ..on_gpu };
        assert_eq!(limits(briefly, "none", 16), [Limit::StarvedGpu]);
    }

    #[test]
    fn stage_that_ends_at_once_is_not_the_slowest() {
        let stage = |stage, busy, waiting, threads| StageTime { stage, busy, waiting, threads };
        // Three frames: the decoder had them all before anybody could make it wait.
        let stages = [stage("decode", 0.01, 0.0, 1), stage("infer", 0.4, 0.2, 1), stage("compose", 0.6, 1.8, 4)];
        assert_eq!(slowest(&stages).map(|s| s.0), Some("infer"));
    }

    #[test]
    fn sentences_have_the_figures() {
        let stage = |stage, busy, waiting| StageTime { stage, busy, waiting, threads: 1 };
        let stages = [stage("infer", 1.0, 9.0), stage("encode", 9.5, 0.5)];
        let usage = usage(3.0, Some(12.0));
        let seen = BottleneckInput { stages: &stages, usage: &usage, cores: 16, memory: 0, gpu_memory: None };
        let found = findings(&seen);
        assert_eq!(found[0].what, "the GPU was busy 12 % of the time: it waits for encode");
        assert!(found[0].help.contains("--preset"));
    }
}
