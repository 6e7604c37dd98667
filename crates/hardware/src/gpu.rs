//! NVIDIA GPUs, through NVML, the library that comes with the driver.

use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{PcieUtilCounter, TemperatureSensor};
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// CUDA's version number of a GPU's features: 8.6 is a GeForce RTX 3090.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ComputeCapability {
    /// Generation of the architecture.
    pub major: u32,
    /// Revision within the generation.
    pub minor: u32,
}

impl fmt::Display for ComputeCapability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl Serialize for ComputeCapability {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

/// A GPU.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Gpu {
    /// Number as NVML counts, by PCI address.
    pub index: u32,
    /// Its product name.
    pub name: String,
    /// CUDA's version number of its features; `None` where the driver does not report it.
    pub compute_capability: Option<ComputeCapability>,
    /// Bytes of memory in all; `None` where the driver does not report them.
    pub memory_total: Option<u64>,
    /// What it was doing when it was detected.
    #[serde(flatten)]
    pub load: GpuLoad,
}

/// What a GPU is doing. GPUs and drivers report different parts of this: `None` is not reported.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GpuLoad {
    /// Bytes of memory that are free.
    pub memory_free: Option<u64>,
    /// Bytes of memory that programs hold.
    pub memory_used: Option<u64>,
    /// Percent of time in which it computed, 0 to 100.
    pub busy: Option<u32>,
    /// Percent of time in which its encoder (NVENC) worked, 0 to 100.
    pub encoder: Option<u32>,
    /// Percent of time in which its decoder (NVDEC) worked, 0 to 100.
    pub decoder: Option<u32>,
    /// Temperature in degrees Celsius.
    pub temperature: Option<u32>,
    /// Power draw in watts.
    pub power: Option<f64>,
    /// Highest power draw that the driver allows, in watts.
    pub power_limit: Option<f64>,
    /// Whether its clock is held down, and by what.
    pub throttle: Option<Throttle>,
    /// Percent of what its PCIe link can carry in one direction, of the direction with more, 0 to 100; measured by samplers
    /// only.
    pub pcie: Option<f64>,
}

/// What holds a GPU's clock down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Throttle {
    /// Nothing.
    None,
    /// It would draw more power than the driver allows.
    Power,
    /// It is too hot.
    Heat,
    /// Its own protection: too much power, or a signal of the power supply.
    Hardware,
}

impl Throttle {
    /// What holds the clock down, in words; `None`: nothing does.
    pub fn cause(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Power => Some("its power limit"),
            Self::Heat => Some("heat"),
            Self::Hardware => Some("its own protection"),
        }
    }

    /// Reads NVML's reasons. An idle GPU, and clocks that somebody has set, are nothing to worry about.
    fn of(reasons: ThrottleReasons) -> Self {
        let heat = ThrottleReasons::SW_THERMAL_SLOWDOWN | ThrottleReasons::HW_THERMAL_SLOWDOWN;
        let hardware = ThrottleReasons::HW_SLOWDOWN | ThrottleReasons::HW_POWER_BRAKE_SLOWDOWN;
        if reasons.intersects(heat) {
            Self::Heat
        } else if reasons.intersects(hardware) {
            Self::Hardware
        } else if reasons.contains(ThrottleReasons::SW_POWER_CAP) {
            Self::Power
        } else {
            Self::None
        }
    }
}

/// Gigabytes per second and lane that a PCIe link of a generation, from 1 on, carries in one direction. (PCI-SIG: 2.5, 5, 8,
/// 16, 32 and 64 gigatransfers per second, with 8 of 10 bits, then 128 of 130, then 242 of 256 being data.)
const PCIE_LANE: [f64; 6] = [0.25, 0.5, 0.985, 1.969, 3.938, 7.563];

/// Percent of a link's capacity that `kilobytes` per second are.
fn pcie_percent(kilobytes: u32, generation: u32, lanes: u32) -> Option<f64> {
    let lane = PCIE_LANE.get(generation.checked_sub(1)? as usize)?;
    let capacity = lane * f64::from(lanes) * 1e6;
    (capacity > 0.0).then(|| (f64::from(kilobytes) / capacity * 100.0).min(100.0))
}

/// All NVIDIA GPUs of a machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Gpus {
    /// Version of the driver, such as `580.159`.
    pub driver: Option<String>,
    /// Newest version of CUDA that the driver supports, such as `13.0`.
    pub cuda: Option<String>,
    /// Why there are no GPUs, or why some of them can't be used: a sentence.
    pub note: Option<String>,
    /// The GPUs that can be used, as NVML counts.
    pub cards: Vec<Gpu>,
}

/// What is queried of NVML, so that tests can replace it. Errors are sentences.
trait Driver {
    /// The driver's version, and the newest version of CUDA that it supports.
    fn versions(&self) -> (Option<String>, Option<String>);
    /// Number of GPUs.
    fn count(&self) -> Result<u32, String>;
    fn gpu(&self, index: u32) -> Result<Gpu, String>;
}

pub(crate) struct NvmlDriver(Nvml);

impl NvmlDriver {
    /// # Errors
    /// Why NVML does not load, as a sentence.
    pub(crate) fn load() -> Result<Self, String> {
        Nvml::init().map(Self).map_err(|e| explain(&e))
    }

    /// What GPU `index` is doing, its link among it; nothing is known of one that doesn't exist.
    pub(crate) fn load_of(&self, index: u32) -> GpuLoad {
        let device = self.0.device_by_index(index);
        device.map_or_else(|_| GpuLoad::default(), |d| GpuLoad { pcie: device_pcie(&d), ..device_load(&d) })
    }
}

impl Driver for NvmlDriver {
    fn versions(&self) -> (Option<String>, Option<String>) {
        let cuda = self.0.sys_cuda_driver_version().ok().map(|v| format!("{}.{}", v / 1000, v % 1000 / 10));
        (self.0.sys_driver_version().ok(), cuda)
    }

    fn count(&self) -> Result<u32, String> {
        self.0.device_count().map_err(|e| explain(&e))
    }

    fn gpu(&self, index: u32) -> Result<Gpu, String> {
        let device = self.0.device_by_index(index).map_err(|e| explain(&e))?;
        let capability = device.cuda_compute_capability().ok();
        Ok(Gpu {
            index,
            name: device.name().unwrap_or_else(|_| "unnamed GPU".to_owned()),
            compute_capability: capability.and_then(|c| {
                Some(ComputeCapability { major: c.major.try_into().ok()?, minor: c.minor.try_into().ok()? })
            }),
            memory_total: device.memory_info().ok().map(|m| m.total),
            load: device_load(&device),
        })
    }
}

fn device_load(device: &Device<'_>) -> GpuLoad {
    let watts = |milli: Result<u32, NvmlError>| milli.ok().map(|mw| f64::from(mw) / 1000.0);
    let memory = device.memory_info().ok();
    GpuLoad {
        memory_free: memory.as_ref().map(|m| m.free),
        memory_used: memory.as_ref().map(|m| m.used),
        busy: device.utilization_rates().ok().map(|u| u.gpu),
        encoder: device.encoder_utilization().ok().map(|u| u.utilization),
        decoder: device.decoder_utilization().ok().map(|u| u.utilization),
        temperature: device.temperature(TemperatureSensor::Gpu).ok(),
        power: watts(device.power_usage()),
        power_limit: watts(device.enforced_power_limit()),
        throttle: device.current_throttle_reasons().ok().map(Throttle::of),
        pcie: None,
    }
}

/// See [`GpuLoad::pcie`]. NVML measures each direction for 20 ms, which is too long for whoever only looks for GPUs.
fn device_pcie(device: &Device<'_>) -> Option<f64> {
    let (generation, lanes) = (device.current_pcie_link_gen().ok()?, device.current_pcie_link_width().ok()?);
    let throughput = |direction| device.pcie_throughput(direction).ok();
    let most = throughput(PcieUtilCounter::Send)?.max(throughput(PcieUtilCounter::Receive)?);
    pcie_percent(most, generation, lanes)
}

/// An error of NVML as a sentence that says what to do.
fn explain(error: &NvmlError) -> String {
    let text = match error {
        NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound => {
            "no NVIDIA driver is installed here (libnvidia-ml.so.1 is missing); start a container with the GPU \
             (docker: --gpus all)"
        }
        NvmlError::DriverNotLoaded => {
            "NVIDIA's library is here, but its kernel module is not loaded; load it with `sudo modprobe nvidia`; \
             `dmesg` shows errors"
        }
        NvmlError::LibRmVersionMismatch => {
            "NVIDIA's driver was updated while the old kernel module still runs; restart the machine"
        }
        NvmlError::NoPermission | NvmlError::OperatingSystem => {
            "this user or container has no access to the GPU; make /dev/nvidia* readable and writable"
        }
        NvmlError::GpuLost => "the GPU has fallen off the bus; restart the machine, and check its power and cooling",
        NvmlError::ResetRequired => "the GPU must be reset; restart the machine",
        NvmlError::InsufficientPower => "the GPU's power cables are not attached properly",
        NvmlError::IrqIssue => "the kernel can't handle the GPU's interrupts; see `dmesg`",
        NvmlError::FunctionNotFound | NvmlError::FailedToLoadSymbol(_) => {
            "NVIDIA's driver is too old; install a newer one"
        }
        other => return format!("NVIDIA's driver answers: {other}"),
    };
    text.to_owned()
}

impl Gpus {
    /// This machine's GPUs.
    pub fn detect() -> Self {
        match NvmlDriver::load() {
            Ok(driver) => Self::query(&driver),
            Err(why) => Self { note: Some(why), ..Self::default() },
        }
    }

    fn query(driver: &impl Driver) -> Self {
        let (version, cuda) = driver.versions();
        let mut found = Self { driver: version, cuda, ..Self::default() };
        match driver.count() {
            Ok(0) => found.note = Some("NVIDIA's driver runs, but finds no GPU".to_owned()),
            Ok(n) => {
                let mut notes = Vec::new();
                for index in 0..n {
                    match driver.gpu(index) {
                        Ok(gpu) => found.cards.push(gpu),
                        Err(why) => notes.push(format!("GPU {index}: {why}")),
                    }
                }
                found.note = (!notes.is_empty()).then(|| notes.join("; "));
            }
            Err(why) => found.note = Some(why),
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct FakeDriver {
        gpus: Vec<Result<Gpu, String>>,
        count: Result<u32, String>,
    }

    impl Driver for FakeDriver {
        fn versions(&self) -> (Option<String>, Option<String>) {
            (Some("580.159".into()), Some("13.0".into()))
        }
        fn count(&self) -> Result<u32, String> {
            self.count.clone()
        }
        fn gpu(&self, index: u32) -> Result<Gpu, String> {
            self.gpus[index as usize].clone()
        }
    }

    #[test]
    fn lost_gpu_does_not_hide_the_others() {
        let gpu = Gpu { name: "NVIDIA GeForce RTX 3090".into(), ..Gpu::default() };
        let lost = explain(&NvmlError::GpuLost);
        let found = Gpus::query(&FakeDriver { count: Ok(2), gpus: vec![Err(lost), Ok(gpu.clone())] });
        assert_eq!(found.cards, [gpu]);
        assert!(found.note.is_some_and(|n| n.starts_with("GPU 0: the GPU has fallen off the bus")));
    }

    #[test]
    fn errors_are_sentences_that_suggest_a_fix() {
        let mismatch = explain(&NvmlError::LibRmVersionMismatch);
        let found = Gpus::query(&FakeDriver { count: Err(mismatch), gpus: vec![] });
        assert_eq!(found.driver.as_deref(), Some("580.159"));
        assert!(found.note.is_some_and(|n| n.contains("restart the machine")));
        assert!(explain(&NvmlError::DriverNotLoaded).contains("modprobe"));
        assert!(Gpus::query(&FakeDriver { count: Ok(0), gpus: vec![] }).note.is_some());
    }

    #[test]
    fn reasons_of_a_low_clock_are_told_apart() {
        // Bits of nvml.h: none, idle, power limit, power limit and heat, slowdown by a power brake.
        let of = |bits: u64| Throttle::of(ThrottleReasons::from_bits_truncate(bits));
        assert_eq!([of(0x0), of(0x1), of(0x4), of(0x24), of(0x88)], {
            use Throttle::{Hardware, Heat, None, Power};
            [None, None, Power, Heat, Hardware]
        });
        assert_eq!(of(0x2), Throttle::None, "clocks that somebody has set");
    }

    #[test]
    fn pcie_load_is_a_share_of_the_link() {
        // 8K frames of 44 MB at 30 fps are 1.3 GB/s: little for sixteen lanes of generation 3, much for two.
        assert_eq!(pcie_percent(1_300_000, 3, 16).map(f64::round), Some(8.0));
        assert_eq!(pcie_percent(1_300_000, 3, 2).map(f64::round), Some(66.0));
        assert_eq!(pcie_percent(90_000_000, 4, 16), Some(100.0), "a measurement above the link's rate");
        assert_eq!((pcie_percent(1, 0, 16), pcie_percent(1, 9, 16), pcie_percent(1, 3, 0)), (None, None, None));
    }

    #[test]
    fn compute_capabilities_are_ordered() {
        let capability = |major, minor| ComputeCapability { major, minor };
        assert!(capability(10, 0) > capability(8, 9) && capability(7, 5) > capability(7, 0));
        assert_eq!(serde_json::to_value(capability(8, 6)).expect("JSON"), "8.6");
    }
}
