//! The values of options and arguments.

use crate::cli::job::inputs::looks_like_media;
use clap::{Arg, ValueHint};
use std::path::Path;
use vrseg_engine::segments;
use vrseg_engine::settings::schema::{MODES, PROFILES};
use vrseg_hardware::Machine;
use vrseg_infer::registry;
use vrseg_media::opens;

const X26X: &[&str] =
    &["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"];
const NVENC: &[&str] = &["p1", "p2", "p3", "p4", "p5", "p6", "p7"];
const PRORES: &[&str] = &["proxy", "lt", "standard", "hq", "4444", "4444xq"];
const COUNTED: &[&str] = &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13"];
const COLORS: &[&str] = &["green", "lime", "blue", "magenta", "red", "black", "white", "gray"];

const SCALES: &[&str] = &["1/2", "1/4", "8k", "6k", "5k", "4k", "2k", "1080p", "1920"];

/// What the values depend on.
pub(super) struct Values<'a> {
    /// The words before the unfinished one.
    pub line: &'a [String],
}

impl Values<'_> {
    /// Candidates for `arg` of the command `path`, of which `begun` is there.
    pub(super) fn of(&self, arg: &Arg, path: &[String], begun: &str) -> Vec<String> {
        let words = |all: &[&str]| all.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let known: Vec<String> = arg.get_possible_values().iter().map(|v| v.get_name().to_owned()).collect();
        let id = arg.get_long().unwrap_or_else(|| arg.get_id().as_str());
        let first = path.first().map(String::as_str);
        match (id, first) {
            ("output", None | Some("plan" | "cluster")) => outputs(begun),
            ("name", Some("models")) if path.get(1).is_some_and(|p| p == "add") => Vec::new(),
            ("name" | "names", Some("models")) => models(),
            ("model", _) => models().into_iter().chain(files(begun, |p| has_ending(p, &["yaml", "yml"]))).collect(),
            ("models" | "crops", _) => listed(begun, &models()),
            ("device" | "devices", _) => listed(begun, &devices()),
            ("encoder", _) => encoders(),
            ("preset", _) => words(self.presets()),
            ("profile", _) => words(PROFILES),
            ("key" | "tint", _) => words(COLORS),
            ("scale", _) => words(SCALES),
            ("folder" | "job", Some("work" | "merge" | "cluster" | "plan")) => files(begun, is_job_folder),
            ("config" | "save-config" | "path", _) if path.first().is_none_or(|p| p != "merge") => {
                files(begun, |p| has_ending(p, &["yaml", "yml"]))
            }
            ("background" | "input" | "inputs" | "file" | "files" | "pred" | "truth" | "source", Some("config")) => {
                files(begun, |p| has_ending(p, &["yaml", "yml"]))
            }
            ("background" | "input" | "inputs" | "file" | "files" | "pred" | "truth" | "source", _) => {
                files(begun, is_input)
            }
            ("results" | "first" | "second", _) => files(begun, |p| has_ending(p, &["json"])),
            _ if !known.is_empty() => known,
            _ if accepts_path(arg) => files(begun, |_| true),
            _ => Vec::new(),
        }
    }

    /// The presets of the encoder that the line names.
    fn presets(&self) -> &'static [&'static str] {
        let named = |option: &str| {
            let after = self.line.iter().rposition(|word| word == option).and_then(|at| self.line.get(at + 1));
            after
                .map(String::as_str)
                .or_else(|| self.line.iter().rev().find_map(|word| word.strip_prefix(option)?.strip_prefix('=')))
        };
        match named("--encoder").or_else(|| named("--codec")).unwrap_or_default() {
            name if name.ends_with("_nvenc") => NVENC,
            "prores" | "prores_ks" => PRORES,
            "av1" | "libsvtav1" => COUNTED,
            "libaom-av1" | "vp9" | "libvpx-vp9" => &COUNTED[..9],
            "librav1e" => &COUNTED[..11],
            _ => X26X,
        }
    }
}

fn accepts_path(arg: &Arg) -> bool {
    let hint = matches!(arg.get_value_hint(), ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath);
    let named = arg.get_value_names().unwrap_or_default().iter().any(|name| {
        ["FILE", "PATH", "DIR", "JOBDIR", "VIDEO", "MATTE", "INPUT", "SHEET.png"]
            .iter()
            .any(|word| name.as_str().contains(word))
    });
    hint || named
}

/// `[MODE=]PATH`: modes, and files behind one.
fn outputs(begun: &str) -> Vec<String> {
    if let Some((mode, path)) = begun.rsplit_once('=') {
        return files(path, is_input).into_iter().map(|file| format!("{mode}={file}")).collect();
    }
    let modes = MODES.iter().map(|mode| format!("{mode}="));
    modes.chain(files(begun, is_input)).collect()
}

/// A list whose last word is unfinished.
fn listed(begun: &str, all: &[String]) -> Vec<String> {
    let head = begun.rfind([',', '|']).map_or("", |at| &begun[..=at]);
    all.iter().map(|word| format!("{head}{word}")).collect()
}

fn models() -> Vec<String> {
    registry::all().unwrap_or_default().into_iter().map(|manifest| manifest.name).collect()
}

fn devices() -> Vec<String> {
    let fixed = ["auto", "cpu", "cuda", "tensorrt", "openvino", "all"].map(str::to_owned);
    let gpus = Machine::detect().gpu.cards.len();
    fixed.into_iter().chain((0..gpus).filter(|_| gpus > 1).map(|n| format!("cuda:{n}"))).collect()
}

fn encoders() -> Vec<String> {
    let own = opens::encoders().map(|(name, _)| name.to_owned());
    let mut all: Vec<String> = own.chain(["libaom-av1", "librav1e"].map(str::to_owned)).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn has_ending(path: &Path, endings: &[&str]) -> bool {
    path.extension().and_then(|e| e.to_str()).is_some_and(|e| endings.contains(&e.to_lowercase().as_str()))
}

/// Whether a file is a video or picture.
pub(super) fn is_input(path: &Path) -> bool {
    path.to_str().is_some_and(looks_like_media)
}

fn is_job_folder(path: &Path) -> bool {
    segments::is_job(path)
}

/// Files that begin like `begun` and that `accepts` accepts, and all folders, each with a `/` behind it. Hidden ones only where a
/// dot is there.
pub(super) fn files(begun: &str, accepts: impl Fn(&Path) -> bool) -> Vec<String> {
    let (folder, name) = begun.rfind('/').map_or(("", begun), |at| begun.split_at(at + 1));
    let home = || std::env::var("HOME").unwrap_or_default();
    let place = match folder.strip_prefix("~/") {
        Some(rest) => format!("{}/{rest}", home()),
        None if folder.is_empty() => "./".to_owned(),
        None => folder.to_owned(),
    };
    let entries = std::fs::read_dir(place).into_iter().flatten().flatten();
    let mut found: Vec<String> = entries
        .filter_map(|entry| {
            let (path, own) = (entry.path(), entry.file_name().into_string().ok()?);
            let hidden = own.starts_with('.') && !name.starts_with('.');
            if hidden || !own.starts_with(name) {
                return None;
            }
            // A wanted folder (a job's) is whole as it is.
            let open = path.is_dir() && !accepts(&path);
            (open || accepts(&path)).then(|| format!("{folder}{own}{}", if open { "/" } else { "" }))
        })
        .collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_kind_and_folders_are_offered() {
        let dir = tempfile::tempdir().expect("a folder");
        let at = |name: &str| dir.path().join(name);
        for name in ["clip.mp4", "cut.txt", ".hidden.mp4", "c.yaml"] {
            std::fs::write(at(name), "x").expect("a file");
        }
        std::fs::create_dir(at("cases")).expect("a folder");
        let begun = format!("{}/c", dir.path().display());
        let names = |accepts: fn(&Path) -> bool| {
            let all = files(&begun, accepts);
            all.iter().map(|file| file.rsplit_once("/c").map_or("", |(_, end)| end).to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(names(is_input), ["ases/", "lip.mp4"]);
        let output = outputs(&format!("alpha={begun}"));
        assert_eq!(output, [format!("alpha={begun}ases/"), format!("alpha={begun}lip.mp4")]);
    }
}
