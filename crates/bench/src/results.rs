//! What a benchmark found: the types that stand in its JSON file, and the same as CSV.
//! `docs/benchmarking.md` describes the fields.

use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::SystemTime;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use vrseg_hardware::Machine;

/// Version of the file's form. A reader refuses a file whose version is higher.
pub const SCHEMA: u32 = 1;

/// A whole benchmark.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Results {
    /// [`SCHEMA`] when it was written.
    pub schema: u32,
    /// When it began, in UTC, as RFC 3339 has it.
    pub created: String,
    /// vrseg's version.
    pub version: String,
    /// The commit it was built from; empty where that wasn't known.
    pub commit: String,
    /// FFmpeg's version.
    pub ffmpeg: String,
    /// Where it ran.
    pub machine: MachineNote,
    /// What was asked for.
    pub settings: Settings,
    /// All points were tried.
    pub finished: bool,
    /// What was found, in the order of the work.
    pub points: Vec<Point>,
}

/// The machine, as far as it decides the figures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MachineNote {
    /// Its name in the network.
    pub host: String,
    /// The operating system and its kernel.
    pub system: String,
    /// The processor's name.
    pub cpu: String,
    /// Threads that the process might run at once.
    pub cores: usize,
    /// Bytes of main memory, under a control group's limit.
    pub memory: u64,
    /// Names of the graphics cards.
    pub gpus: Vec<String>,
    /// The driver's version of the cards.
    pub driver: Option<String>,
}

impl MachineNote {
    /// This machine.
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

    /// In one line: `host: AMD EPYC, 2 cores, 24 GiB, no NVIDIA card`.
    pub fn summary(&self) -> String {
        let gpus = if self.gpus.is_empty() { "no NVIDIA card".to_owned() } else { self.gpus.join(", ") };
        let gib = self.memory as f64 / f64::from(1 << 30);
        format!("{}: {}, {} cores, {gib:.0} GiB, {gpus}", self.host, self.cpu, self.cores)
    }
}

/// What was asked for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The profile; the default where none was named.
    pub profile: Option<String>,
    /// The given video; without one the clips were made.
    pub input: Option<String>,
    /// Frames measured of each point at most.
    pub iterations: u64,
    /// Frames before them.
    pub warmup: u64,
    /// Seconds that each measurement may take.
    pub seconds: f64,
    /// Codec and preset of the output, where they were named.
    pub codec: Option<String>,
    /// As `codec`.
    pub preset: Option<String>,
    /// What the sweeps leave alone has these values.
    pub base: Spec,
}

/// The settings of one point.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Spec {
    /// Name of the size, such as `4k`, or of the given video.
    pub size: String,
    /// Width of a frame in pixels, both eyes together; 0 for a given video.
    pub width: usize,
    /// Its height.
    pub height: usize,
    /// Frames that go through the network at once; of a recurrent network, views.
    pub batch: u32,
    /// auto, fp32, fp16, int8.
    pub precision: String,
    /// The model; empty: the profile's.
    pub model: String,
    /// The device.
    pub device: String,
}

impl Spec {
    /// In words, without what is as in `base` beside the size: `4k batch 4 fp16`.
    pub fn label(&self, base: &Spec) -> String {
        let mut text = self.size.clone();
        if self.model != base.model {
            let _ = write!(text, " {}", if self.model.is_empty() { "default model" } else { &self.model });
        }
        if self.batch != base.batch {
            let _ = write!(text, " batch {}", self.batch);
        }
        for (word, usual) in [(&self.precision, &base.precision), (&self.device, &base.device)] {
            if word != usual {
                let _ = write!(text, " {word}");
            }
        }
        text
    }
}

/// One row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// Its settings.
    pub spec: Spec,
    /// What came of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// What came of a point.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Outcome {
    /// It was measured.
    Ok(Box<Measured>),
    /// It can't be done, or broke.
    Failed {
        /// Why.
        error: String,
    },
}

impl Point {
    /// The figures, where there are some.
    pub fn measured(&self) -> Option<&Measured> {
        match &self.outcome {
            Outcome::Ok(m) => Some(m),
            Outcome::Failed { .. } => None,
        }
    }

    /// Those of the whole pipeline.
    pub fn whole(&self) -> Option<&Whole> {
        self.measured()?.whole.as_ref()
    }
}

/// The figures of a point.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The model that ran.
    pub model: String,
    /// Width and height of the network's input.
    pub input_size: (usize, usize),
    /// Pictures that the network gets for a frame.
    pub views: usize,
    /// What ran the network, for people.
    pub device: String,
    /// FFmpeg's name of the encoder.
    pub encoder: String,
    /// Width and height of a frame.
    pub frame: (usize, usize),
    /// Seconds for loading and checking the network.
    pub load_seconds: f64,
    /// What a reader of the figures must know.
    pub notes: Vec<String>,
    /// The whole pipeline; `None` where it can't run with these settings.
    pub whole: Option<Whole>,
    /// Each stage by itself, with nothing else running.
    pub stages: Vec<StageAlone>,
}

/// The whole pipeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Whole {
    /// Frames measured.
    pub frames: u64,
    /// Frames a second, without start and end.
    pub fps: f64,
    /// Frames a second of up to eight parts of the run.
    pub samples: Vec<f64>,
    /// From the decoder being asked for a frame until its encoder had taken it.
    pub latency: Latency,
    /// CPU seconds that a frame took, of all threads.
    pub cpu_seconds: f64,
    /// The most memory that the process held, in bytes.
    pub peak_memory: u64,
    /// Percent of time in which the card computed.
    pub gpu_busy: Option<f64>,
    /// The most memory in use on the card, in bytes.
    pub gpu_memory: Option<u64>,
    /// The stage that the others waited for.
    pub slowest: String,
    /// How long each stage was at work and waited.
    pub shares: Vec<StageShare>,
}

/// How a stage spent its time in the whole pipeline.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageShare {
    /// Its name.
    pub stage: String,
    /// Seconds at work.
    pub busy: f64,
    /// Seconds waiting.
    pub waiting: f64,
}

/// A stage by itself.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StageAlone {
    /// decode, prepare, infer, matte, refine, compose, encode.
    pub stage: String,
    /// Frames measured.
    pub frames: u64,
    /// Frames a second.
    pub fps: f64,
    /// For a frame; of `infer`, for a batch.
    pub latency: Latency,
    /// CPU seconds that a frame took, of all threads.
    pub cpu_seconds: f64,
}

/// A distribution of times, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
    /// Half were faster.
    pub p50: f64,
    /// 95 of 100 were faster.
    pub p95: f64,
    /// 99 of 100 were faster.
    pub p99: f64,
    /// The slowest.
    pub max: f64,
}

impl Latency {
    /// Of these times in milliseconds, by nearest rank.
    pub fn of(mut times: Vec<f64>) -> Self {
        times.sort_by(f64::total_cmp);
        let Some(max) = times.last().copied() else { return Self::default() };
        let (mean, deviation) = mean_and_deviation(&times);
        let rank = |q: f64| times[((q * times.len() as f64).ceil() as usize).clamp(1, times.len()) - 1];
        Self { mean, deviation, p50: rank(0.5), p95: rank(0.95), p99: rank(0.99), max }
    }
}

/// Mean, and standard deviation of the sample (0 for one value).
pub fn mean_and_deviation(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n.max(1.0);
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (mean, if values.len() > 1 { (squares / (n - 1.0)).sqrt() } else { 0.0 })
}

/// Why a file of results can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The file system says no.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It isn't such a file.
    #[error("{} is no file of `vrseg bench`: {what}", path.display())]
    Form {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong.
        what: String,
    },
}

impl Results {
    /// Nothing is measured yet. `commit` is the one that the program was built from.
    pub fn begin(machine: &Machine, commit: &str, settings: Settings) -> Self {
        let now = OffsetDateTime::from(SystemTime::now());
        let now = now.replace_nanosecond(0).unwrap_or(now);
        Self {
            schema: SCHEMA,
            created: now.format(&Rfc3339).unwrap_or_default(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            commit: commit.to_owned(),
            ffmpeg: vrseg_media::opens::ffmpeg_version(),
            machine: MachineNote::of(machine),
            settings,
            finished: false,
            points: Vec::new(),
        }
    }

    /// A row's name.
    pub fn label(&self, point: &Point) -> String {
        point.spec.label(&self.settings.base)
    }

    /// The row of these settings.
    pub fn point(&self, spec: &Spec) -> Option<&Point> {
        self.points.iter().find(|p| p.spec == *spec)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It can't be read, is something else, or of a newer version.
    pub fn read(path: &Path) -> Result<Self, ResultsError> {
        let text =
            std::fs::read_to_string(path).map_err(|source| ResultsError::Io { path: path.to_owned(), source })?;
        let form = |what: String| ResultsError::Form { path: path.to_owned(), what };
        let any: serde_json::Value = serde_json::from_str(&text).map_err(|e| form(e.to_string()))?;
        match any.get("schema").and_then(serde_json::Value::as_u64) {
            Some(n) if n > u64::from(SCHEMA) => {
                return Err(form(format!("its form is version {n}, this vrseg knows {SCHEMA}; use a newer vrseg")));
            }
            Some(_) => {}
            None => return Err(form("it has no field `schema`".to_owned())),
        }
        serde_json::from_value(any).map_err(|e| form(e.to_string()))
    }

    /// Writes the file anew; whoever reads it meanwhile sees the old one or the new one.
    ///
    /// # Errors
    /// It can't be written.
    pub fn write(&self, path: &Path) -> Result<(), ResultsError> {
        let fail = |source| ResultsError::Io { path: path.to_owned(), source };
        let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let mut file = tempfile::Builder::new().prefix(".vrseg-bench-").tempfile_in(folder).map_err(fail)?;
        let text = serde_json::to_string_pretty(self).map_err(|e| fail(e.into()))? + "\n";
        file.write_all(text.as_bytes()).map_err(fail)?;
        file.persist(path).map_err(|e| fail(e.error))?;
        // A temporary file is its owner's alone; this one is like any other.
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).map_err(fail)
    }

    /// One line a point, with a header; empty cells where there is no figure.
    pub fn csv(&self) -> String {
        let stages = ["decode", "prepare", "infer", "matte", "refine", "compose", "encode"];
        let mut text = "size,width,height,batch,precision,model,device,status,fps,latency_p50_ms,latency_p95_ms,\
                        latency_p99_ms,latency_max_ms,latency_deviation_ms,frames,cpu_ms,peak_memory_bytes,gpu_busy_percent,\
                        gpu_memory_bytes,slowest"
            .to_owned();
        for stage in stages {
            let _ = write!(text, ",{stage}_fps");
        }
        text.push_str(",error\n");
        for p in &self.points {
            let (m, w) = (p.measured(), p.whole());
            let number = |v: Option<f64>, digits: usize| v.map_or(String::new(), |v| format!("{v:.digits$}"));
            let whole = |f: fn(&Whole) -> f64, digits| number(w.map(f), digits);
            let count = |v: Option<u64>| v.map_or(String::new(), |v| v.to_string());
            let (width, height) = m.map_or((p.spec.width, p.spec.height), |m| m.frame);
            let mut cells = vec![
                p.spec.size.clone(),
                width.to_string(),
                height.to_string(),
                p.spec.batch.to_string(),
                p.spec.precision.clone(),
                m.map_or(&p.spec.model, |m| &m.model).clone(),
                p.spec.device.clone(),
                if m.is_some() { "ok" } else { "failed" }.to_owned(),
                whole(|w| w.fps, 3),
                whole(|w| w.latency.p50, 2),
                whole(|w| w.latency.p95, 2),
                whole(|w| w.latency.p99, 2),
                whole(|w| w.latency.max, 2),
                whole(|w| w.latency.deviation, 2),
                count(w.map(|w| w.frames)),
                whole(|w| w.cpu_seconds * 1e3, 2),
                count(w.map(|w| w.peak_memory)),
                number(w.and_then(|w| w.gpu_busy), 1),
                count(w.and_then(|w| w.gpu_memory)),
                w.map_or(String::new(), |w| w.slowest.clone()),
            ];
            for stage in stages {
                let found = m.and_then(|m| m.stages.iter().find(|s| s.stage == stage));
                cells.push(number(found.map(|s| s.fps), 3));
            }
            cells.push(match &p.outcome {
                Outcome::Failed { error } => error.clone(),
                Outcome::Ok(_) => String::new(),
            });
            let quoted: Vec<_> = cells.iter().map(|c| quote(c)).collect();
            text += &(quoted.join(",") + "\n");
        }
        text
    }
}

/// A cell as RFC 4180 has it.
fn quote(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A machine of two cores that was measured at three sizes, batches and precisions, by hand.
    pub fn recorded() -> Results {
        let base = Spec {
            size: "1080p".into(),
            width: 1920,
            height: 1080,
            batch: 1,
            precision: "auto".into(),
            model: String::new(),
            device: "auto".into(),
        };
        let whole = |fps: f64, memory: u64| Whole {
            frames: 40,
            fps,
            samples: vec![fps * 0.98, fps, fps * 1.02],
            latency: Latency::of((0..40).map(|i| 4000.0 / fps + f64::from(i)).collect()),
            cpu_seconds: 1.9 / fps,
            peak_memory: memory << 20,
            gpu_busy: None,
            gpu_memory: None,
            slowest: "infer".into(),
            shares: vec![StageShare { stage: "infer".into(), busy: 9.0, waiting: 0.5 }],
        };
        let alone = |fps: f64, pixels: f64| {
            let stage = |stage: &str, ms: f64| StageAlone {
                stage: stage.into(),
                frames: 20,
                fps: 1e3 / ms,
                latency: Latency::of(vec![ms; 20]),
                cpu_seconds: ms * 1.5e-3,
            };
            vec![
                stage("decode", 3.0 * pixels),
                stage("prepare", 1.0 + 0.2 * pixels),
                stage("infer", 1.0 / fps * 0.8e3),
                stage("matte", 1.5),
                stage("refine", 1.5 * pixels),
                stage("compose", 0.6 * pixels),
                stage("encode", 7.0 * pixels),
            ]
        };
        let ok = |spec: Spec, fps: f64, memory| {
            let pixels = (spec.width * spec.height) as f64 / 2e6;
            Point {
                outcome: Outcome::Ok(Box::new(Measured {
                    model: "rvm".into(),
                    input_size: (512, 512),
                    views: 2,
                    device: "cpu, 2 threads".into(),
                    encoder: "libx264".into(),
                    frame: (spec.width, spec.height),
                    load_seconds: 0.4,
                    notes: Vec::new(),
                    whole: Some(whole(fps, memory)),
                    stages: alone(fps, pixels),
                })),
                spec,
            }
        };
        let mut batch = ok(Spec { batch: 4, ..base.clone() }, 5.9, 400);
        if let Outcome::Ok(m) = &mut batch.outcome {
            m.whole = None;
            m.notes.push("rvm carries a state from frame to frame".into());
        }
        let settings = Settings { iterations: 50, warmup: 5, seconds: 15.0, base: base.clone(), ..Settings::default() };
        let mut results = Results::begin(&Machine::default(), "", settings);
        results.created = "2026-11-25T20:00:00Z".into();
        (results.commit, results.version, results.ffmpeg) = ("0123456789ab".into(), "0.1.0".into(), "5.1.9".into());
        results.machine = MachineNote {
            host: "workshop".into(),
            system: "Debian 12, kernel 6.1".into(),
            cpu: "AMD Ryzen 5".into(),
            cores: 2,
            memory: 24 << 30,
            gpus: Vec::new(),
            driver: None,
        };
        results.finished = true;
        results.points = vec![
            ok(base.clone(), 6.0, 300),
            ok(Spec { size: "4k".into(), width: 3840, height: 1920, ..base.clone() }, 3.1, 700),
            ok(Spec { size: "8k".into(), width: 7680, height: 3840, ..base.clone() }, 1.2, 1800),
            batch,
            ok(Spec { precision: "fp32".into(), ..base.clone() }, 6.1, 300),
            Point {
                spec: Spec { precision: "int8".into(), ..base },
                outcome: Outcome::Failed { error: "no INT8 weights, \"yet\"".into() },
            },
        ];
        results
    }

    #[test]
    fn quantiles_are_of_the_nearest_rank() {
        let l = Latency::of((1..=100).rev().map(f64::from).collect());
        assert_eq!((l.p50, l.p95, l.p99, l.max, l.mean), (50.0, 95.0, 99.0, 100.0, 50.5));
        assert!((l.deviation - 29.011).abs() < 1e-3);
        assert_eq!(
            Latency::of(vec![7.0]),
            Latency { mean: 7.0, deviation: 0.0, p50: 7.0, p95: 7.0, p99: 7.0, max: 7.0 }
        );
        assert_eq!(Latency::of(Vec::new()), Latency::default());
    }

    #[test]
    fn what_is_written_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.json");
        let results = recorded();
        results.write(&path).unwrap();
        results.write(&path).unwrap();
        assert_eq!(Results::read(&path).unwrap(), results);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        for (text, why) in [("{", "EOF"), ("{}", "no field `schema`"), ("{\"schema\": 99}", "newer vrseg")] {
            std::fs::write(&path, text).unwrap();
            let error = Results::read(&path).unwrap_err().to_string();
            assert!(error.contains(why) && error.contains("r.json"), "{error}");
        }
    }

    #[test]
    fn csv_has_a_cell_for_everything() {
        let csv = recorded().csv();
        let lines: Vec<_> = csv.lines().collect();
        assert_eq!(lines.len(), 7);
        let columns = lines[0].split(',').count();
        assert!(lines[1..6].iter().all(|l| l.split(',').count() == columns), "{csv}");
        assert!(lines[2].starts_with("4k,3840,1920,1,auto,rvm,auto,ok,3.100,"), "{}", lines[2]);
        assert!(lines[6].ends_with(",\"no INT8 weights, \"\"yet\"\"\""), "{}", lines[6]);
    }
}
