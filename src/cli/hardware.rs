//! `vrseg hardware`: what this machine is, and which encoders and execution providers really work.
//! Never a failure: what doesn't work is what one wants to read here.

use super::args::HardwareArgs;
use super::exit::Exit;
use crate::hardware::{Disk, Gpu, Machine, disks};
use crate::media::opens;
use crate::model::registry;
use crate::model::selftest::{self, ProviderState};
use crate::pipeline::DeviceChoice;
use crate::ui::format::bytes;
use serde::Serialize;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The execution providers, the best first, and what loads them.
const PROVIDERS: &[(&str, DeviceChoice)] = &[
    ("tensorrt", DeviceChoice::TensorRt(0)),
    ("cuda", DeviceChoice::Cuda(0)),
    ("openvino", DeviceChoice::OpenVino),
    ("cpu", DeviceChoice::Cpu),
];

/// A provider that takes longer than that hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// All that is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Processor, memory, cards.
    #[serde(flatten)]
    pub machine: Machine,
    /// The disks of the working folder, of temporary files and of vrseg's data.
    pub disks: Vec<Disk>,
    /// FFmpeg.
    pub ffmpeg: Ffmpeg,
    /// ONNX Runtime's execution providers.
    pub providers: Vec<ProviderState>,
}

/// FFmpeg and the encoders that vrseg chooses from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ffmpeg {
    /// Its version.
    pub version: String,
    /// Its encoders.
    pub encoders: Vec<Encoder>,
}

/// An encoder.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Encoder {
    /// FFmpeg's name of it.
    pub name: &'static str,
    /// The codec that it writes.
    pub codec: &'static str,
    /// It really opened.
    pub opens: bool,
    /// Why it doesn't.
    pub why: Option<String>,
}

/// Prints the report; with `--provider` (for ourselves) the state of that one alone.
///
/// # Errors
/// Only where standard output can't be written.
pub fn run(args: &HardwareArgs, print: impl Fn(&str) -> anyhow::Result<()>) -> anyhow::Result<Exit> {
    if let Some(name) = &args.provider {
        if let Some((name, device)) = PROVIDERS.iter().find(|(n, _)| n == name) {
            print(&(serde_json::to_string(&selftest::provider(name, *device, args.ort_lib.as_deref()))? + "\n"))?;
        }
        return Ok(Exit::Done);
    }
    print(&show(args.ort_lib.as_deref(), args.json)?)?;
    Ok(Exit::Done)
}

/// The report as text or JSON. `ort_lib`: ONNX Runtime's library, where the user names one.
///
/// # Errors
/// None in practice.
pub fn show(ort_lib: Option<&Path>, json: bool) -> anyhow::Result<String> {
    let report = report(ort_lib);
    Ok(if json { serde_json::to_string_pretty(&report)? + "\n" } else { text(&report) })
}

fn report(ort_lib: Option<&Path>) -> Report {
    // They load libraries of hundreds of megabytes: all at once, while the rest is looked at.
    let trials: Vec<_> = PROVIDERS.iter().map(|(name, _)| Trial::start(name, ort_lib)).collect();
    let encoders = opens::ENCODERS
        .iter()
        .map(|(name, codec)| {
            let why = opens::encoder_opens(name).err();
            Encoder { name, codec, opens: why.is_none(), why }
        })
        .collect();
    Report {
        machine: Machine::detect(),
        disks: disks(&[
            &std::env::current_dir().unwrap_or_else(|_| "/".into()),
            &std::env::temp_dir(),
            &registry::data_dir(),
        ]),
        ffmpeg: Ffmpeg { version: opens::ffmpeg_version(), encoders },
        providers: trials.into_iter().map(Trial::finish).collect(),
    }
}

/// This program once more, trying one provider: a library that crashes takes only itself along.
struct Trial {
    name: &'static str,
    child: std::io::Result<Child>,
    started: Instant,
}

impl Trial {
    fn start(name: &'static str, ort_lib: Option<&Path>) -> Self {
        let child = std::env::current_exe().and_then(|program| {
            let mut words: Vec<OsString> = vec!["hardware".into(), "--provider".into(), name.into()];
            words.extend(ort_lib.into_iter().flat_map(|path| ["--ort-lib".into(), path.into()]));
            Command::new(program).args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
        });
        Self { name, child, started: Instant::now() }
    }

    fn finish(self) -> ProviderState {
        let name = self.name;
        self.wait().unwrap_or_else(|why| ProviderState {
            name: name.to_owned(),
            loads: false,
            version: None,
            library: None,
            why: Some(why),
        })
    }

    fn wait(self) -> Result<ProviderState, String> {
        let mut child = self.child.map_err(|e| format!("it could not be tried: {e}"))?;
        let status = loop {
            match child.try_wait() {
                Ok(Some(status)) => break status,
                Ok(None) if self.started.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(20)),
                Ok(None) => {
                    // Our own child, and nothing of it is wanted any more.
                    let _ = child.kill().and_then(|()| child.wait());
                    return Err(format!("it hangs: no answer within {} s", PATIENCE.as_secs()));
                }
                Err(e) => return Err(format!("it could not be tried: {e}")),
            }
        };
        let mut answer = String::new();
        if let Some(mut out) = child.stdout.take() {
            out.read_to_string(&mut answer).map_err(|e| format!("it could not be tried: {e}"))?;
        }
        serde_json::from_str(&answer).map_err(|_| format!("it crashes ({status})"))
    }
}

/// The report for people.
fn text(r: &Report) -> String {
    let mut text = String::new();
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(text, "{label:<11} {value}");
    };
    let cpu = &r.machine.cpu;
    let limited = cpu.limited_by.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
    line("cpu", &cpu.model);
    line("", &format!("{} cores, {} threads, {} for this process{limited}", cpu.physical, cpu.logical, cpu.usable));
    if !cpu.features.is_empty() {
        line("", &cpu.features.join(", "));
    }
    let memory = &r.machine.memory;
    let limit = memory.limit.map(|l| format!(", a cgroup's limit of {}", bytes(l))).unwrap_or_default();
    line("memory", &format!("{}, {} available{limit}", bytes(memory.total), bytes(memory.available)));
    for (i, d) in r.disks.iter().enumerate() {
        let kind = d.kind.map(|k| format!(", {k}")).unwrap_or_default();
        let locked = if d.read_only { ", read only" } else { "" };
        let (mount, free, total) = (d.mount.display(), bytes(d.available), bytes(d.total));
        line(
            if i == 0 { "disks" } else { "" },
            &format!("{mount} ({}{kind}{locked}): {free} free of {total}", d.file_system),
        );
    }
    let gpu = &r.machine.gpu;
    for (i, card) in gpu.cards.iter().enumerate() {
        line(if i == 0 { "gpu" } else { "" }, &about(card));
        line("", &doing(card));
    }
    if let Some(driver) = &gpu.driver {
        let cuda = gpu.cuda.as_ref().map(|c| format!(", CUDA up to {c}")).unwrap_or_default();
        line("", &format!("driver {driver}{cuda}"));
    }
    if let Some(note) = &gpu.note {
        line(if gpu.cards.is_empty() { "gpu" } else { "" }, note);
    }
    line("ffmpeg", &r.ffmpeg.version);
    let open: Vec<_> = r.ffmpeg.encoders.iter().filter(|e| e.opens).map(|e| e.name).collect();
    line("", &format!("encoders: {}", open.join(", ")));
    for e in r.ffmpeg.encoders.iter().filter(|e| !e.opens) {
        line("", &format!("not {}: {}", e.name, e.why.as_deref().unwrap_or("unknown")));
    }
    for (i, p) in r.providers.iter().enumerate() {
        let version = p.version.as_ref().map(|v| format!(", ONNX Runtime {v}")).unwrap_or_default();
        let library = p.library.as_ref().map(|l| format!(", {l}")).unwrap_or_default();
        let value = match &p.why {
            None => format!("{}{version}{library}", p.name),
            Some(why) => format!("not {}: {why}", p.name),
        };
        line(if i == 0 { "devices" } else { "" }, &value);
    }
    text
}

fn about(card: &Gpu) -> String {
    let mut text = format!("{}: {}", card.index, card.name);
    if let Some(capability) = card.compute_capability {
        let _ = write!(text, ", compute capability {capability}");
    }
    if let Some(total) = card.memory_total {
        let _ = write!(text, ", {}", bytes(total));
    }
    if let Some(free) = card.load.memory_free {
        let _ = write!(text, " ({} free)", bytes(free));
    }
    text
}

fn doing(card: &Gpu) -> String {
    let l = &card.load;
    let percent = |label: &str, value: Option<u32>| value.map(|v| format!("{label} {v} %"));
    let power = l.power.map(|w| match l.power_limit {
        Some(limit) => format!("{w:.0} of {limit:.0} W"),
        None => format!("{w:.0} W"),
    });
    let parts = [
        percent("busy", l.busy),
        percent("encoder", l.encoder),
        percent("decoder", l.decoder),
        l.temperature.map(|t| format!("{t} °C")),
        power,
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "it tells nothing of what it is doing".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hardware::{ComputeCapability, Cpu, GpuLoad, Memory};

    fn provider(name: &str, why: Option<&str>) -> ProviderState {
        ProviderState {
            name: name.into(),
            loads: why.is_none(),
            version: Some("1.31".into()),
            library: Some("built in".into()),
            why: why.map(Into::into),
        }
    }

    fn recorded() -> Report {
        let encoder =
            |name, codec, why: Option<&str>| Encoder { name, codec, opens: why.is_none(), why: why.map(Into::into) };
        let mut machine = Machine {
            cpu: Cpu {
                model: "AMD Ryzen Threadripper 3970X 32-Core Processor".into(),
                physical: 32,
                logical: 64,
                usable: 16,
                limited_by: Some("a cgroup quota of 16 cores".into()),
                features: vec!["AVX2", "FMA"],
            },
            memory: Memory { total: 128 << 30, available: 50 << 30, limit: Some(64 << 30), swap: 0 },
            ..Machine::default()
        };
        machine.gpu.driver = Some("580.159".into());
        machine.gpu.cuda = Some("13.0".into());
        machine.gpu.cards = vec![
            Gpu {
                index: 0,
                name: "NVIDIA GeForce RTX 3090".into(),
                compute_capability: Some(ComputeCapability { major: 8, minor: 6 }),
                memory_total: Some(24 << 30),
                load: GpuLoad {
                    memory_free: Some(23 << 30),
                    memory_used: Some(1 << 30),
                    busy: Some(3),
                    encoder: Some(0),
                    decoder: Some(0),
                    temperature: Some(41),
                    power: Some(32.7),
                    power_limit: Some(350.0),
                },
            },
            Gpu { index: 1, name: "NVIDIA T4G".into(), ..Gpu::default() },
        ];
        Report {
            machine,
            disks: vec![Disk {
                mount: "/".into(),
                file_system: "ext4".into(),
                kind: Some("ssd"),
                total: 2_000_000_000_000,
                available: 1_200_000_000_000,
                read_only: false,
            }],
            ffmpeg: Ffmpeg {
                version: "5.1.9-0+deb12u1".into(),
                encoders: vec![
                    encoder("libx264", "h264", None),
                    encoder("h264_nvenc", "h264", None),
                    encoder("av1_nvenc", "av1", Some("this FFmpeg is built without av1_nvenc")),
                ],
            },
            providers: vec![
                provider("tensorrt", Some("libnvinfer.so.10: cannot open shared object file; install TensorRT 10")),
                provider("cuda", None),
                provider("cpu", None),
            ],
        }
    }

    #[test]
    fn for_people() {
        insta::assert_snapshot!(text(&recorded()));
    }

    #[test]
    fn without_a_card() {
        let mut report = recorded();
        report.machine.gpu =
            crate::hardware::Gpus { note: Some("no NVIDIA driver is installed".into()), ..Default::default() };
        report.machine.cpu.limited_by = None;
        report.machine.memory.limit = None;
        let text = text(&report);
        assert!(text.contains("\ngpu         no NVIDIA driver is installed\nffmpeg "), "{text}");
    }

    #[test]
    fn for_programs() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&recorded()).expect("JSON"));
    }
}
