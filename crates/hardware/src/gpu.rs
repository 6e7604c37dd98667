//! NVIDIA's cards, through NVML, the library that comes with the driver.

use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::error::NvmlError;
use nvml_wrapper::{Device, Nvml};
use serde::{Serialize, Serializer};
use std::fmt;

/// What a card's processors can do, as CUDA counts it: 8.6 is a GeForce RTX 3090.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ComputeCapability {
    /// Generation.
    pub major: u32,
    /// Step.
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

/// A card.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Gpu {
    /// Number as NVML counts, by PCI address.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Compute capability.
    pub compute_capability: Option<ComputeCapability>,
    /// Bytes of memory.
    pub memory_total: Option<u64>,
    /// What it was doing when it was looked at.
    #[serde(flatten)]
    pub load: GpuLoad,
}

/// What a card is doing. Cards and drivers tell different parts of this: `None` is not told.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GpuLoad {
    /// Bytes of memory that are free.
    pub memory_free: Option<u64>,
    /// Bytes of memory that programs hold.
    pub memory_used: Option<u64>,
    /// Percent of time in which it computed.
    pub busy: Option<u32>,
    /// Percent of time in which its encoder (NVENC) worked.
    pub encoder: Option<u32>,
    /// Percent of time in which its decoder (NVDEC) worked.
    pub decoder: Option<u32>,
    /// Degrees Celsius.
    pub temperature: Option<u32>,
    /// Watts that it draws.
    pub power: Option<f64>,
    /// Watts that it may draw.
    pub power_limit: Option<f64>,
}

/// All cards of a machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Gpus {
    /// The driver's version.
    pub driver: Option<String>,
    /// The newest CUDA that the driver runs.
    pub cuda: Option<String>,
    /// Why there are no cards, or why some of them can't be used: a sentence.
    pub note: Option<String>,
    /// The cards.
    pub cards: Vec<Gpu>,
}

/// What is asked of NVML; apart, so that recorded machines can answer. Errors are sentences.
pub trait Driver {
    /// The driver's version and the newest CUDA that it runs.
    fn versions(&self) -> (Option<String>, Option<String>);
    /// How many cards there are.
    fn count(&self) -> Result<u32, String>;
    /// One of them.
    fn card(&self, index: u32) -> Result<Gpu, String>;
}

/// NVML itself.
pub struct NvmlDriver(Nvml);

impl NvmlDriver {
    /// Loads NVML.
    ///
    /// # Errors
    /// Why there is none, as a sentence.
    pub fn load() -> Result<Self, String> {
        Nvml::init().map(Self).map_err(|e| explain(&e))
    }

    /// What card `index` is doing; nothing is known of one that isn't there.
    pub fn doing(&self, index: u32) -> GpuLoad {
        self.0.device_by_index(index).map_or_else(|_| GpuLoad::default(), |device| load_of(&device))
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

    fn card(&self, index: u32) -> Result<Gpu, String> {
        let device = self.0.device_by_index(index).map_err(|e| explain(&e))?;
        let capability = device.cuda_compute_capability().ok();
        Ok(Gpu {
            index,
            name: device.name().unwrap_or_else(|_| "unnamed card".to_owned()),
            compute_capability: capability.and_then(|c| {
                Some(ComputeCapability { major: c.major.try_into().ok()?, minor: c.minor.try_into().ok()? })
            }),
            memory_total: device.memory_info().ok().map(|m| m.total),
            load: load_of(&device),
        })
    }
}

fn load_of(device: &Device<'_>) -> GpuLoad {
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
    }
}

/// NVML's errors in words that tell what to do.
fn explain(error: &NvmlError) -> String {
    let text = match error {
        NvmlError::LibloadingError(_) | NvmlError::LibraryNotFound => {
            "no NVIDIA driver is installed here (libnvidia-ml.so.1 is missing); in a container, start it with the \
             card (docker: --gpus all)"
        }
        NvmlError::DriverNotLoaded => {
            "NVIDIA's library is here, but its kernel module is not loaded; `sudo modprobe nvidia` loads it, and \
             `dmesg` tells why it may not"
        }
        NvmlError::LibRmVersionMismatch => {
            "NVIDIA's driver was updated while the old kernel module still runs; restart the machine"
        }
        NvmlError::NoPermission | NvmlError::OperatingSystem => {
            "this user or container may not use the card; its /dev/nvidia* must be readable and writable"
        }
        NvmlError::GpuLost => "the card has fallen off the bus; restart the machine, and look at its power and cooling",
        NvmlError::ResetRequired => "the card must be reset before it can be used again; restart the machine",
        NvmlError::InsufficientPower => "the card's power cables are not attached properly",
        NvmlError::IrqIssue => "the kernel has trouble with the card's interrupts; `dmesg` tells more",
        NvmlError::FunctionNotFound | NvmlError::FailedToLoadSymbol(_) => {
            "NVIDIA's driver is too old to be asked; install a newer one"
        }
        other => return format!("NVIDIA's driver answers: {other}"),
    };
    text.to_owned()
}

impl Gpus {
    /// This machine's cards.
    pub fn detect() -> Self {
        match NvmlDriver::load() {
            Ok(driver) => Self::ask(&driver),
            Err(why) => Self { note: Some(why), ..Self::default() },
        }
    }

    /// The cards that `driver` tells of.
    pub fn ask(driver: &impl Driver) -> Self {
        let (version, cuda) = driver.versions();
        let mut found = Self { driver: version, cuda, ..Self::default() };
        match driver.count() {
            Ok(0) => found.note = Some("NVIDIA's driver runs, but sees no card".to_owned()),
            Ok(n) => {
                let mut notes = Vec::new();
                for index in 0..n {
                    match driver.card(index) {
                        Ok(card) => found.cards.push(card),
                        Err(why) => notes.push(format!("card {index}: {why}")),
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

    struct Recorded {
        cards: Vec<Result<Gpu, String>>,
        count: Result<u32, String>,
    }

    impl Driver for Recorded {
        fn versions(&self) -> (Option<String>, Option<String>) {
            (Some("580.159".into()), Some("13.0".into()))
        }
        fn count(&self) -> Result<u32, String> {
            self.count.clone()
        }
        fn card(&self, index: u32) -> Result<Gpu, String> {
            self.cards[index as usize].clone()
        }
    }

    #[test]
    fn a_lost_card_does_not_hide_the_others() {
        let card = Gpu { name: "NVIDIA GeForce RTX 3090".into(), ..Gpu::default() };
        let lost = explain(&NvmlError::GpuLost);
        let found = Gpus::ask(&Recorded { count: Ok(2), cards: vec![Err(lost), Ok(card.clone())] });
        assert_eq!(found.cards, [card]);
        assert!(found.note.is_some_and(|n| n.starts_with("card 0: the card has fallen off the bus")));
    }

    #[test]
    fn trouble_is_told_in_sentences() {
        let mismatch = explain(&NvmlError::LibRmVersionMismatch);
        let found = Gpus::ask(&Recorded { count: Err(mismatch), cards: vec![] });
        assert_eq!(found.driver.as_deref(), Some("580.159"));
        assert!(found.note.is_some_and(|n| n.contains("restart the machine")));
        assert!(explain(&NvmlError::DriverNotLoaded).contains("modprobe"));
        assert!(Gpus::ask(&Recorded { count: Ok(0), cards: vec![] }).note.is_some());
    }

    #[test]
    fn capabilities_are_ordered() {
        let capability = |major, minor| ComputeCapability { major, minor };
        assert!(capability(10, 0) > capability(8, 9) && capability(7, 5) > capability(7, 0));
        assert_eq!(serde_json::to_value(capability(8, 6)).expect("JSON"), "8.6");
    }
}
