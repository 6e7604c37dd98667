//! What this process and the machine are doing while a job runs: a thread of its own takes a sample at a fixed interval.
//! `benches/sampler.rs` measures what a sample costs.

use super::gpu::{GpuLoad, NvmlDriver, Throttle};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// Default time between two samples.
pub const INTERVAL: Duration = Duration::from_millis(500);

/// What was continuing at one time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    /// Bytes of main memory that this process holds (its resident set).
    pub memory: u64,
    /// Processor time that this process used since the sample before, in cores: 1.0 is one whole core.
    pub cores: f64,
    /// What the GPU of [`Sampler::start`] is doing.
    pub gpu: Option<GpuLoad>,
}

/// What was used while a sampler ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// The most main memory that this process held, in bytes.
    pub peak_memory: u64,
    /// Processor time that this process used, in cores on average.
    pub mean_cores: f64,
    /// Percent of time in which some process of the machine waited for a disk, 0 to 100; `None` where the kernel doesn't
    /// report it.
    pub disk_wait: Option<f64>,
    /// Percent of time in which the GPU computed, on average; `None` without a GPU that reports it.
    pub gpu_busy: Option<f64>,
    /// The most memory that was in use on the GPU, by all processes, in bytes.
    pub gpu_peak_memory: Option<u64>,
    /// Percent of time in which the GPU's encoder (NVENC) worked, on average.
    #[serde(default)]
    pub gpu_encoder: Option<f64>,
    /// Percent of time in which the GPU's decoder (NVDEC) worked, on average.
    #[serde(default)]
    pub gpu_decoder: Option<f64>,
    /// Percent of what the GPU's PCIe link can carry, on average of the direction with more.
    #[serde(default)]
    pub gpu_pcie: Option<f64>,
    /// The GPU's power draw in watts, on average.
    #[serde(default)]
    pub gpu_power: Option<f64>,
    /// Percent of time in which the GPU's clock was held down.
    #[serde(default)]
    pub gpu_throttled: Option<f64>,
    /// What held it down for the longest time.
    #[serde(default)]
    pub gpu_throttle: Option<Throttle>,
}

/// A sum of samples, and their number.
#[derive(Debug, Default)]
struct Mean(f64, u32);

impl Mean {
    fn add(&mut self, value: Option<f64>) {
        if let Some(value) = value {
            (self.0, self.1) = (self.0 + value, self.1 + 1);
        }
    }

    /// `None` without any sample.
    fn get(&self) -> Option<f64> {
        (self.1 > 0).then(|| self.0 / f64::from(self.1))
    }
}

/// What the GPU did, sample after sample.
#[derive(Debug, Default)]
struct GpuUsage {
    busy: Mean,
    encoder: Mean,
    decoder: Mean,
    pcie: Mean,
    power: Mean,
    throttled: Mean,
    /// Samples of each cause.
    causes: BTreeMap<Throttle, u32>,
    peak_memory: Option<u64>,
}

impl GpuUsage {
    fn add(&mut self, load: &GpuLoad) {
        let percent = |value: Option<u32>| value.map(f64::from);
        self.busy.add(percent(load.busy));
        self.encoder.add(percent(load.encoder));
        self.decoder.add(percent(load.decoder));
        self.pcie.add(load.pcie);
        self.power.add(load.power);
        self.throttled.add(load.throttle.map(|cause| if cause == Throttle::None { 0.0 } else { 100.0 }));
        if let Some(cause) = load.throttle.filter(|cause| *cause != Throttle::None) {
            *self.causes.entry(cause).or_default() += 1;
        }
        self.peak_memory = self.peak_memory.max(load.memory_used);
    }
}

/// Takes samples until it is dropped.
#[derive(Debug)]
pub struct Sampler {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// A handle to a sampler's last sample.
#[derive(Clone, Debug, Default)]
pub struct Latest(Arc<Shared>);

impl Latest {
    /// The last sample; before the first one all figures are 0.
    pub fn get(&self) -> Sample {
        self.0.lock().latest.clone()
    }

    /// Changes the memory of the last sample to `bytes`.
    #[cfg(any(test, feature = "testing"))]
    pub fn set_memory(&self, bytes: u64) {
        self.0.lock().latest.memory = bytes;
    }
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Debug, Default)]
struct State {
    stop: bool,
    latest: Sample,
    peak_memory: u64,
    /// Seconds of processor time, and seconds.
    cores: (f64, f64),
    gpu: GpuUsage,
    /// First and last sample of the time that was waited for a disk, each with its own time.
    disk: Option<[(Instant, Duration); 2]>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sampler {
    /// Starts taking a sample every `interval`, the first one at once. `gpu`, by NVML's number, is the one that
    /// [`Usage`] reports. Where no thread can be started, all figures stay 0.
    pub fn start(interval: Duration, gpu: Option<u32>) -> Self {
        let shared = Arc::new(Shared::default());
        let for_thread = Arc::clone(&shared);
        let body = move || {
            let shared = for_thread;
            let mut probe = Probe::open(gpu);
            loop {
                let reading = probe.read();
                let mut state = shared.lock();
                state.add(reading);
                let wait = shared.wake.wait_timeout_while(state, interval, |s| !s.stop);
                let (state, _) = wait.unwrap_or_else(PoisonError::into_inner);
                if state.stop {
                    drop(state);
                    let reading = probe.read();
                    shared.lock().add(reading);
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("vrseg-sampler".to_owned()).spawn(body).ok();
        Self { shared, thread }
    }

    /// A handle to the last sample, which stays readable after the sampler's end.
    pub fn latest(&self) -> Latest {
        Latest(Arc::clone(&self.shared))
    }

    /// Stops after one last sample, and returns what was used.
    pub fn finish(mut self) -> Usage {
        self.stop();
        self.shared.lock().usage()
    }

    fn stop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic in there is no reason to lose the job.
            let _ = thread.join();
        }
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        self.stop();
    }
}

impl State {
    fn add(&mut self, Reading { sample, time, peak_memory, disk }: Reading) {
        self.peak_memory = self.peak_memory.max(peak_memory);
        self.cores.0 += sample.cores * time;
        self.cores.1 += time;
        if let Some(gpu) = &sample.gpu {
            self.gpu.add(gpu);
        }
        if let Some(waited) = disk {
            let now = (Instant::now(), waited);
            self.disk = Some([self.disk.map_or(now, |[first, _]| first), now]);
        }
        self.latest = sample;
    }

    fn usage(&self) -> Usage {
        Usage {
            peak_memory: self.peak_memory,
            mean_cores: if self.cores.1 > 0.0 { self.cores.0 / self.cores.1 } else { 0.0 },
            disk_wait: self.disk.and_then(|[(start, before), (end, after)]| {
                let waited = after.saturating_sub(before).as_secs_f64();
                let time = (end - start).as_secs_f64();
                (time > 0.0).then(|| (waited / time * 100.0).min(100.0))
            }),
            gpu_busy: self.gpu.busy.get(),
            gpu_peak_memory: self.gpu.peak_memory,
            gpu_encoder: self.gpu.encoder.get(),
            gpu_decoder: self.gpu.decoder.get(),
            gpu_pcie: self.gpu.pcie.get(),
            gpu_power: self.gpu.power.get(),
            gpu_throttled: self.gpu.throttled.get(),
            gpu_throttle: self.gpu.causes.iter().max_by_key(|(_, n)| **n).map(|(cause, _)| *cause),
        }
    }
}

/// A sample, and what only [`Usage`] shows.
#[derive(Default)]
struct Reading {
    sample: Sample,
    /// Seconds since the sample before; 0 at first.
    time: f64,
    /// The most memory that the process has held, as far as it is known.
    peak_memory: u64,
    /// See [`disk_wait`].
    disk: Option<Duration>,
}

/// How long some process of the machine has waited for a disk since it was started. (Kernel
/// documentation: accounting/psi.rst.)
fn disk_wait() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/pressure/io").ok()?;
    let total = text.lines().find(|l| l.starts_with("some "))?.split_once("total=")?.1;
    total.trim().parse().ok().map(Duration::from_micros)
}

/// The most memory that this process ever held, in bytes.
fn high_water() -> u64 {
    memory_status("VmHWM:")
}

/// Bytes of main memory that this process holds now (its resident set); 0 where the system doesn't report them.
pub fn resident_memory() -> u64 {
    memory_status("VmRSS:")
}

/// A line of `/proc/self/status` (proc(5)) about memory, in bytes; 0 where it is missing.
fn memory_status(name: &str) -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix(name));
    line.and_then(|l| l.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).map_or(0, |kib| kib << 10)
}

/// What the thread takes samples with.
struct Probe {
    system: Option<System>,
    pid: Option<Pid>,
    /// NVML, and the GPU's number there.
    gpu: Option<(NvmlDriver, u32)>,
    /// Time and accumulated processor time of the sample before.
    before: Option<(Instant, u64)>,
    /// The process's high-water mark at the beginning: an earlier job may have set it.
    initial_high_water: u64,
}

impl Probe {
    fn open(gpu: Option<u32>) -> Self {
        Self {
            system: System::new().ok(),
            pid: sysinfo::get_current_pid().ok(),
            gpu: gpu.and_then(|index| Some((NvmlDriver::load().ok()?, index))),
            before: None,
            initial_high_water: high_water(),
        }
    }

    fn read(&mut self) -> Reading {
        let mut sample = Sample::default();
        let mut seconds = 0.0;
        if let (Some(system), Some(pid)) = (&mut self.system, self.pid) {
            let what = ProcessRefreshKind::nothing().with_cpu().with_memory().without_tasks();
            system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), false, what);
            if let Some(process) = system.process(pid) {
                sample.memory = process.memory();
                let now = (Instant::now(), process.accumulated_cpu_time());
                if let Some((then, before)) = self.before.replace(now) {
                    seconds = (now.0 - then).as_secs_f64();
                    sample.cores = now.1.saturating_sub(before) as f64 / 1e3 / seconds.max(1e-3);
                }
            }
        }
        sample.gpu = self.gpu.as_ref().map(|(driver, index)| driver.load_of(*index));
        // A peak between two samples is only seen where it was higher than ever before.
        let peak = high_water();
        let peak_memory = if peak > self.initial_high_water { peak } else { sample.memory };
        Reading { sample, time: seconds, peak_memory, disk: disk_wait() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sampler_measures_this_process() {
        let sampler = Sampler::start(Duration::from_millis(20), None);
        let start = Instant::now();
        let mut x = 0u64;
        while start.elapsed() < Duration::from_millis(300) {
            x = std::hint::black_box(x.wrapping_mul(31).wrapping_add(1));
        }
        assert!(sampler.latest().get().memory > 1 << 20);
        let usage = sampler.finish();
        assert!(usage.peak_memory > 1 << 20, "{usage:?}");
        // Other tests run beside it in this process: only the lower end says something.
        assert!(usage.mean_cores > 0.05, "{usage:?}");
        assert_eq!((usage.gpu_busy, usage.gpu_peak_memory), (None, None));
    }

    #[test]
    fn gpu_and_disk_samples_are_averaged() {
        let mut state = State::default();
        let gpu = |busy, used| GpuLoad { busy, memory_used: Some(used), ..GpuLoad::default() };
        let reading = |g, time| Reading {
            sample: Sample { cores: 2.0, gpu: Some(g), ..Sample::default() },
            time,
            peak_memory: 5,
            disk: None,
        };
        state.add(reading(gpu(Some(40), 100), 1.0));
        state.add(reading(gpu(None, 300), 3.0));
        state.add(reading(gpu(Some(80), 200), 0.0));
        let usage = state.usage();
        assert_eq!((usage.gpu_busy, usage.gpu_peak_memory, usage.mean_cores), (Some(60.0), Some(300), 2.0));
        // Encoder, decoder, watts, what holds the clock down.
        state = State::default();
        let nvenc =
            [(98, 41, 211.5, Throttle::None), (99, 40, 260.5, Throttle::Power), (97, 42, 248.0, Throttle::Power)];
        for (encoder, decoder, power, throttle) in nvenc {
            let load =
                GpuLoad { encoder: Some(encoder), decoder: Some(decoder), power: Some(power), ..GpuLoad::default() };
            state.add(reading(GpuLoad { throttle: Some(throttle), ..load }, 1.0));
        }
        let usage = state.usage();
        assert_eq!((usage.gpu_encoder, usage.gpu_decoder, usage.gpu_power), (Some(98.0), Some(41.0), Some(240.0)));
        assert_eq!((usage.gpu_throttled.map(f64::round), usage.gpu_throttle), (Some(67.0), Some(Throttle::Power)));
        assert_eq!((usage.gpu_busy, usage.gpu_pcie), (None, None), "what isn't reported is not 0");
        // The time waited for a disk needs two samples.
        let waited = |ms| Reading { disk: Some(Duration::from_millis(ms)), ..Reading::default() };
        state = State::default();
        state.add(waited(100));
        assert_eq!(state.usage().disk_wait, None);
        std::thread::sleep(Duration::from_millis(5));
        state.add(waited(101));
        let wait = state.usage().disk_wait.expect("two samples");
        assert!(wait > 0.0 && wait <= 20.0, "{wait}");
        // A GPU that doesn't exist reports nothing.
        state = State::default();
        state.add(Reading::default());
        assert_eq!(state.usage().gpu_busy, None);
    }

    #[test]
    fn sampler_stops_at_once() {
        let sampler = Sampler::start(Duration::from_secs(3600), None);
        let start = Instant::now();
        drop(sampler);
        assert!(start.elapsed() < Duration::from_secs(60));
    }
}
