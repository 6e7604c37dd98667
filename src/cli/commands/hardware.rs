//! `vrseg hardware`: what this machine is, and which encoders and execution providers really work.
//! Never a failure: this is where one reads what doesn't work.

use crate::cli::args::HardwareArgs;
use crate::cli::child;
use crate::cli::exit::Exit;
use crate::ui::format::bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use vrseg_hardware::{Disk, Gpu, Machine, Throttle, disks};
use vrseg_infer::DeviceChoice;
use vrseg_infer::registry;
use vrseg_infer::selftest::{self, ProviderState};
use vrseg_media::opens;

/// The execution providers, the best first, and what loads them.
const PROVIDERS: &[(&str, DeviceChoice)] = &[
    ("tensorrt", DeviceChoice::TensorRt(0)),
    ("cuda", DeviceChoice::Cuda(0)),
    ("openvino", DeviceChoice::OpenVino),
    ("cpu", DeviceChoice::Cpu),
];

/// A provider that takes longer than this hangs.
const TRIAL_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    pub machine: Machine,
    /// The disks of the working folder, of temporary files and of vrseg's data.
    pub disks: Vec<Disk>,
    pub ffmpeg: Ffmpeg,
    pub providers: Vec<ProviderState>,
}

/// FFmpeg and the encoders that vrseg chooses from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Ffmpeg {
    pub version: String,
    pub encoders: Vec<Encoder>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Encoder {
    /// FFmpeg's name of it.
    pub name: &'static str,
    /// The codec that it writes.
    pub codec: &'static str,
    pub opens: bool,
    pub why: Option<String>,
}

/// Prints the report; with `--only` (for ourselves) the state of that one provider or encoder.
///
/// # Errors
/// Only where standard output can't be written.
pub(crate) fn run(args: &HardwareArgs, print: impl Fn(&str) -> anyhow::Result<()>) -> anyhow::Result<Exit> {
    if let Some(name) = &args.only {
        let answer = match PROVIDERS.iter().find(|(n, _)| n == name) {
            Some((name, device)) => serde_json::to_string(&selftest::provider(name, *device, args.ort_lib.as_deref()))?,
            None => serde_json::to_string(&opens::encoder_opens(name).err())?,
        };
        print(&(answer + "\n"))?;
        return Ok(Exit::Done);
    }
    print(&show(args.ort_lib.as_deref(), args.json)?)?;
    Ok(Exit::Done)
}

/// The report as text or JSON. `ort_lib`: ONNX Runtime's library, where the user names one.
///
/// # Errors
/// None in practice.
pub(crate) fn show(ort_lib: Option<&Path>, json: bool) -> anyhow::Result<String> {
    let report = report(ort_lib);
    Ok(if json { serde_json::to_string_pretty(&report)? + "\n" } else { text(&report) })
}

pub(super) fn report(ort_lib: Option<&Path>) -> Report {
    // Loading libraries of hundreds of megabytes takes its time: all at once, while the rest is examined.
    let providers: Vec<_> = PROVIDERS.iter().map(|(name, _)| ProbeProcess::start(name, ort_lib)).collect();
    let encoders: Vec<_> = opens::encoders().map(|(name, _)| ProbeProcess::start(name, None)).collect();
    let machine = Machine::detect();
    let encoders = opens::encoders()
        .zip(encoders)
        .map(|((name, codec), trial)| {
            let why = trial.finish::<Option<String>>().unwrap_or_else(Some);
            Encoder { name, codec: codec.name(), opens: why.is_none(), why }
        })
        .collect();
    let providers = PROVIDERS
        .iter()
        .zip(providers)
        .map(|((name, _), trial)| {
            let name = (*name).to_owned();
            let failed = |why| ProviderState { name, loads: false, version: None, library: None, why: Some(why) };
            trial.finish().unwrap_or_else(failed)
        })
        .collect();
    Report {
        machine,
        disks: disks(&[
            &std::env::current_dir().unwrap_or_else(|_| "/".into()),
            &std::env::temp_dir(),
            &registry::data_dir(),
        ]),
        ffmpeg: Ffmpeg { version: opens::ffmpeg_version(), encoders },
        providers,
    }
}

/// This program once more, trying one provider or encoder: a library that crashes or hangs takes
/// only itself along.
struct ProbeProcess {
    child: std::io::Result<Child>,
    started: Instant,
}

impl ProbeProcess {
    fn start(name: &str, ort_lib: Option<&Path>) -> Self {
        let child = std::env::current_exe().and_then(|program| {
            let mut words: Vec<OsString> = vec!["hardware".into(), "--only".into(), name.into()];
            words.extend(ort_lib.into_iter().flat_map(|path| ["--ort-lib".into(), path.into()]));
            Command::new(program).args(words).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn()
        });
        Self { child, started: Instant::now() }
    }

    /// Its answer, or why there is none.
    fn finish<T: DeserializeOwned>(self) -> Result<T, String> {
        let untried = |e| format!("it could not be tried: {e}");
        let mut child = self.child.map_err(untried)?;
        let status = child::wait(&mut child, || self.started.elapsed() >= TRIAL_TIMEOUT).map_err(untried)?;
        let mut answer = String::new();
        if let Some(mut out) = child.stdout.take() {
            out.read_to_string(&mut answer).map_err(untried)?;
        }
        // It may have answered and then crashed or hung on its way out.
        serde_json::from_str(&answer).map_err(|_| match status {
            Some(status) => format!("it crashes ({status})"),
            None => format!("timeout: no answer within {} s", TRIAL_TIMEOUT.as_secs()),
        })
    }
}

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
    let limit = memory.limit.map(|l| format!(", a cgroup's limit of {}", gib(l))).unwrap_or_default();
    line("memory", &format!("{}, {} available{limit}", gib(memory.total), gib(memory.available)));
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
    for (i, device) in gpu.cards.iter().enumerate() {
        line(if i == 0 { "gpu" } else { "" }, &describe_gpu(device));
        line("", &describe_load(device));
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

/// Memory is sold in powers of two: `24.0 GiB`.
fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

fn describe_gpu(gpu: &Gpu) -> String {
    let mut text = format!("{}: {}", gpu.index, gpu.name);
    if let Some(capability) = gpu.compute_capability {
        let _ = write!(text, ", compute capability {capability}");
    }
    if let Some(total) = gpu.memory_total {
        let _ = write!(text, ", {}", gib(total));
    }
    if let Some(free) = gpu.load.memory_free {
        let _ = write!(text, " ({} free)", gib(free));
    }
    text
}

fn describe_load(gpu: &Gpu) -> String {
    let l = &gpu.load;
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
        l.throttle.and_then(Throttle::cause).map(|cause| format!("clock held down by {cause}")),
    ];
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "it reports no figures".to_owned() } else { parts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrseg_hardware::{ComputeCapability, Cpu, GpuLoad, Memory};

    fn provider(name: &str, why: Option<&str>) -> ProviderState {
        ProviderState {
            name: name.into(),
            loads: why.is_none(),
            version: Some("1.31".into()),
            library: Some("built in".into()),
            why: why.map(Into::into),
        }
    }

    fn sample_report() -> Report {
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
                    throttle: Some(Throttle::Heat),
                    pcie: None,
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
    fn report_text() {
        insta::assert_snapshot!(text(&sample_report()));
    }

    #[test]
    fn report_without_a_gpu_has_the_reason() {
        let mut report = sample_report();
        report.machine.gpu =
            vrseg_hardware::Gpus { note: Some("no NVIDIA driver is installed".into()), ..Default::default() };
        report.machine.cpu.limited_by = None;
        report.machine.memory.limit = None;
        let text = text(&report);
        assert!(text.contains("\ngpu         no NVIDIA driver is installed\nffmpeg "), "{text}");
    }

    #[test]
    fn report_json() {
        insta::assert_snapshot!(serde_json::to_string_pretty(&sample_report()).expect("JSON"));
    }
}
