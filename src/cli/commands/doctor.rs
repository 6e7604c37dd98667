//! `vrseg doctor`: checks everything that a job needs, and suggests fixes. What it prints is what a bug report
//! needs.

use super::hardware::{self, Report};
use crate::cli::exit::Exit;
use crate::ui::format::bytes;
use serde::Serialize;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use vrseg_engine::settings::{Loader, check};
use vrseg_hardware::disks;
use vrseg_infer::{ModelError, registry, runtime};

/// Free bytes below which a disk counts as short.
const LOW_DISK_SPACE: u64 = 2 << 30;
/// Available bytes of memory below which a job of 4K may not fit.
const LOW_MEMORY: u64 = 2 << 30;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Health {
    Ok,
    /// Something is missing that not every job needs.
    Warning,
    /// Jobs will fail.
    Broken,
}

/// Result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
struct Finding {
    check: String,
    state: Health,
    found: String,
    /// How to fix it; `None` where nothing is wrong.
    fix: Option<String>,
}

/// Checks everything, and `file` where one is named.
///
/// # Errors
/// Only where standard output can't be written.
pub(crate) fn run(
    file: Option<&Path>,
    config: Option<PathBuf>,
    json: bool,
    print: impl Fn(&str) -> anyhow::Result<()>,
) -> anyhow::Result<Exit> {
    let mut findings = vec![program()];
    let settings = settings(config);
    findings.push(settings.0);
    let report = hardware::report(settings.1.as_deref());
    findings.extend(machine_findings(&report));
    findings.extend(models());
    findings.extend(folders());
    findings.extend(file.map(video));
    let worst = findings.iter().map(|f| f.state).max().unwrap_or(Health::Ok);
    print(&if json { serde_json::to_string_pretty(&findings)? + "\n" } else { text(&findings) })?;
    Ok(if worst == Health::Broken { Exit::Failed } else { Exit::Done })
}

fn finding(check: &str, state: Health, found: impl Into<String>, fix: &str) -> Finding {
    let fix = (!fix.is_empty()).then(|| fix.to_owned());
    Finding { check: check.to_owned(), state, found: found.into(), fix }
}

fn program() -> Finding {
    let features = if runtime::is_embedded() { "with" } else { "without" };
    let system = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let system = system.lines().find_map(|l| l.strip_prefix("PRETTY_NAME=")).unwrap_or("unknown").trim_matches('"');
    let found = format!("{}, {features} an embedded runtime, on {system}", env!("CARGO_PKG_VERSION"));
    finding("vrseg", Health::Ok, found, "")
}

/// The settings, and ONNX Runtime's library where they name one.
fn settings(config: Option<PathBuf>) -> (Finding, Option<PathBuf>) {
    let loader = Loader { file: config, ..Loader::from_environment() };
    match loader.load().and_then(|(s, sources)| check(&s, &sources).map(|()| s)) {
        Ok(settings) => {
            let library = settings.device.ort_library.clone();
            (finding("settings", Health::Ok, "valid", ""), library)
        }
        Err(e) => (finding("settings", Health::Broken, e.to_string(), "`vrseg config validate` shows the line"), None),
    }
}

fn machine_findings(report: &Report) -> Vec<Finding> {
    let mut found = vec![finding("FFmpeg", Health::Ok, report.ffmpeg.version.clone(), "")];
    for encoder in &report.ffmpeg.encoders {
        let hardware = encoder.name.ends_with("_nvenc");
        match (&encoder.why, hardware) {
            (None, _) => {}
            // Without a GPU that is as it should be.
            (Some(_), true) if report.machine.gpu.cards.is_empty() => {}
            (Some(why), true) => found.push(finding(encoder.name, Health::Warning, why, "encoding on the CPU")),
            (Some(why), false) => {
                let state = if encoder.name == "libx264" { Health::Broken } else { Health::Warning };
                let fix = format!("use an FFmpeg with {}, or another --codec than {}", encoder.name, encoder.codec);
                found.push(finding(encoder.name, state, why, &fix));
            }
        }
    }
    for provider in &report.providers {
        let check = format!("ONNX Runtime, {}", provider.name);
        let version = provider.version.clone().unwrap_or_default();
        match (&provider.why, provider.name.as_str()) {
            (None, _) => found.push(finding(&check, Health::Ok, format!("{version} loads and computes"), "")),
            (Some(why), "cpu") => {
                found.push(finding(&check, Health::Broken, why, "`vrseg models install onnxruntime`"))
            }
            // The others matter only with the hardware.
            (Some(why), "cuda") if !report.machine.gpu.cards.is_empty() => {
                found.push(finding(
                    &check,
                    Health::Warning,
                    why,
                    "`vrseg models install onnxruntime-gpu`; until then the CPU is used",
                ));
            }
            (Some(_), "openvino") if report.machine.gpu.cards.is_empty() && report.machine.cpu.bf16() => {
                let why = "not installed; RVM runs faster with it, since this CPU has bfloat16";
                let fix = "`vrseg models install onnxruntime-openvino` (80 MiB)";
                found.push(finding(&check, Health::Warning, why, fix));
            }
            (Some(_), _) => {}
        }
    }
    let memory = report.machine.memory.available;
    let (state, fix) = if memory < LOW_MEMORY {
        (Health::Warning, "close other programs, or set a smaller processing.queue_mb")
    } else {
        (Health::Ok, "")
    };
    found.push(finding("memory", state, format!("{} available", bytes(memory)), fix));
    found
}

fn models() -> Vec<Finding> {
    let Ok(all) = registry::all() else { return Vec::new() };
    let mut found = Vec::new();
    for manifest in all {
        let check = format!("model {}", manifest.name);
        match registry::find(&manifest.name).and_then(|model| model.verify().map(|()| model)) {
            Ok(_) => found.push(finding(&check, Health::Ok, "checksum matches", "")),
            Err(ModelError::MissingWeights { path, .. }) => {
                let (state, fix) = match manifest.name.as_str() {
                    "selfie" => (Health::Broken, "`vrseg models install selfie`"),
                    "rvm" => {
                        (Health::Warning, "`vrseg models install rvm`; until then balanced and quality use multiclass")
                    }
                    _ => continue,
                };
                found.push(finding(&check, state, format!("{} is missing", path.display()), fix));
            }
            Err(e) => {
                let fix = super::models::fix(&manifest.name);
                found.push(finding(&check, Health::Broken, e.to_string(), &fix));
            }
        }
    }
    found
}

fn folders() -> Vec<Finding> {
    let mut found = Vec::new();
    let here = std::env::current_dir().unwrap_or_else(|_| "/".into());
    let temporary = std::env::temp_dir();
    for (check, folder) in [("this folder", here), ("folder for temporary files", temporary)] {
        let shown = folder.display();
        // Only trying shows: permissions, quotas and read-only mounts all look different.
        let written = tempfile::tempfile_in(&folder).and_then(|mut f| std::io::Write::write_all(&mut f, &[0; 4096]));
        let free = disks(&[&folder]).first().map(|d| d.available);
        found.push(match (written, free) {
            (Err(e), _) => {
                let fix = "use another folder for outputs, or set TMPDIR";
                finding(check, Health::Warning, format!("{shown} can't be written: {e}"), fix)
            }
            (Ok(()), Some(space)) if space < LOW_DISK_SPACE => {
                let fix = "free disk space: a long job needs twice its outputs' size for a moment";
                finding(check, Health::Warning, format!("{shown}: only {} free", bytes(space)), fix)
            }
            (Ok(()), free) => {
                let free = free.map(|r| format!(", {} are free", bytes(r))).unwrap_or_default();
                finding(check, Health::Ok, format!("{shown} can be written{free}"), "")
            }
        });
    }
    found
}

fn video(path: &Path) -> Finding {
    let shown = path.display().to_string();
    let options = vrseg_media::DecodeOptions::default();
    match vrseg_media::Reader::open(path, &options) {
        Ok(reader) => {
            let v = &reader.info().video;
            let found = format!("{} {}x{} {}, its first frame decodes", v.codec, v.width, v.height, v.pixel_format);
            finding(&shown, Health::Ok, found, "")
        }
        Err(e) => finding(&shown, Health::Broken, e.to_string(), "try another player; copy the file again"),
    }
}

fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    let width = findings.iter().map(|f| f.check.chars().count()).max().unwrap_or(0);
    for f in findings {
        let state = match f.state {
            Health::Ok => "ok",
            Health::Warning => "warning",
            Health::Broken => "BROKEN",
        };
        let _ = writeln!(text, "{state:8} {:width$}  {}", f.check, f.found);
        if let Some(fix) = &f.fix {
            let _ = writeln!(text, "{:8} {:width$}  -> {fix}", "", "");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broken_findings_come_with_a_fix() {
        let all = [finding("vrseg", Health::Ok, "1", ""), finding("model selfie", Health::Broken, "gone", "fetch it")];
        let want = "ok       vrseg         1\nBROKEN   model selfie  gone\n                       -> fetch it\n";
        assert_eq!(text(&all), want);
        assert_eq!(all.iter().map(|f| f.state).max(), Some(Health::Broken));
    }

    #[test]
    fn files_without_video_are_reported() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("a.mp4");
        std::fs::write(&path, b"words").expect("written");
        let found = video(&path);
        assert_eq!(found.state, Health::Broken);
        assert!(found.fix.is_some());
    }
}
