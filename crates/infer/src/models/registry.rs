//! Which models there are, and where their weights are installed.

use super::manifest::Manifest;
use super::weights::{Model, Weights};
use crate::error::{ModelError, Result};
use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Manifests that are built in, in the order in which `vrseg models` shows them.
const BUILT_IN: &[(&str, &str)] = &[
    ("configs/models/selfie.yaml", include_str!("../../../../configs/models/selfie.yaml")),
    ("configs/models/selfie-landscape.yaml", include_str!("../../../../configs/models/selfie-landscape.yaml")),
    ("configs/models/rvm.yaml", include_str!("../../../../configs/models/rvm.yaml")),
    ("configs/models/multiclass.yaml", include_str!("../../../../configs/models/multiclass.yaml")),
    ("configs/models/blazepose.yaml", include_str!("../../../../configs/models/blazepose.yaml")),
    ("configs/models/u2netp.yaml", include_str!("../../../../configs/models/u2netp.yaml")),
    ("configs/models/u2net.yaml", include_str!("../../../../configs/models/u2net.yaml")),
    ("configs/models/isnet.yaml", include_str!("../../../../configs/models/isnet.yaml")),
    ("configs/models/nanodet.yaml", include_str!("../../../../configs/models/nanodet.yaml")),
    ("configs/models/movenet.yaml", include_str!("../../../../configs/models/movenet.yaml")),
];

/// The default model's weights, where the build put them into the binary.
#[cfg(embedded_model)]
const EMBEDDED_SELFIE: Option<&[u8]> = Some(include_bytes!(concat!(env!("OUT_DIR"), "/selfie.onnx")));
#[cfg(not(embedded_model))]
const EMBEDDED_SELFIE: Option<&[u8]> = None;

/// The detector's weights, compressed with Zstandard, where the build put them into the binary.
#[cfg(embedded_detector)]
const EMBEDDED_NANODET: Option<&[u8]> = Some(include_bytes!(concat!(env!("OUT_DIR"), "/nanodet.zst")));
#[cfg(not(embedded_detector))]
const EMBEDDED_NANODET: Option<&[u8]> = None;

/// The weights of the model that confirms people, compressed with Zstandard, where the build put them into the binary.
#[cfg(embedded_pose)]
const EMBEDDED_MOVENET: Option<&[u8]> = Some(include_bytes!(concat!(env!("OUT_DIR"), "/movenet.zst")));
#[cfg(not(embedded_pose))]
const EMBEDDED_MOVENET: Option<&[u8]> = None;

/// Multiclass's weights, compressed with Zstandard, where the build put them into the binary.
#[cfg(embedded_multiclass)]
const EMBEDDED_MULTICLASS: Option<&[u8]> = Some(include_bytes!(concat!(env!("OUT_DIR"), "/multiclass.zst")));
#[cfg(not(embedded_multiclass))]
const EMBEDDED_MULTICLASS: Option<&[u8]> = None;

/// Folder of everything that `vrseg models install` and `setup.sh` install, which may not exist: `$VRSEG_DATA_DIR`, else `$XDG_DATA_HOME/vrseg`,
/// else `~/.local/share/vrseg`.
pub fn data_dir() -> PathBuf {
    let var = |n: &str| std::env::var_os(n).filter(|v| !v.is_empty()).map(PathBuf::from);
    var("VRSEG_DATA_DIR")
        .or_else(|| var("XDG_DATA_HOME").filter(|p| p.is_absolute()).map(|p| p.join("vrseg")))
        .unwrap_or_else(|| var("HOME").unwrap_or_default().join(".local/share/vrseg"))
}

/// All built-in manifests, in the order in which `vrseg models` shows them.
///
/// # Errors
/// Only when a built-in manifest is wrong, which a test rules out.
pub fn built_in() -> Result<Vec<Manifest>> {
    // A job asks for models many times before it begins.
    static PARSED: OnceLock<Vec<Manifest>> = OnceLock::new();
    if let Some(all) = PARSED.get() {
        return Ok(all.clone());
    }
    let all: Vec<_> =
        BUILT_IN.iter().map(|(path, text)| Manifest::parse(text, Path::new(path))).collect::<Result<_>>()?;
    Ok(PARSED.get_or_init(|| all).clone())
}

/// Folder of the weights, and of the manifests of models that users added.
pub fn models_dir() -> PathBuf {
    data_dir().join("models")
}

/// Models that users added: the manifests beside their weights, by name; those that can't be read as errors.
pub fn added() -> Vec<Result<Manifest>> {
    let Ok(entries) = std::fs::read_dir(models_dir()) else { return Vec::new() };
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|p| is_manifest(p)).collect();
    paths.sort();
    paths.iter().map(|path| read_manifest(path)).collect()
}

/// All models: the built-in ones, and those that users added and that can be read.
///
/// # Errors
/// As [`built_in`].
pub fn all() -> Result<Vec<Manifest>> {
    let mut all = built_in()?;
    for manifest in added().into_iter().flatten() {
        if !all.iter().any(|m| m.name == manifest.name) {
            all.push(manifest);
        }
    }
    Ok(all)
}

fn is_manifest(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "yaml" || e == "yml")
}

fn read_manifest(path: &Path) -> Result<Manifest> {
    let text = manifest_text(path).map_err(|what| ModelError::Manifest { path: path.to_owned(), what })?;
    Manifest::parse(&text, path)
}

/// The manifest of a model that a user added: its file has the model's name.
fn find_added(name: &str) -> Option<PathBuf> {
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
    let path = models_dir().join(format!("{name}.yaml"));
    (plain && path.is_file()).then_some(path)
}

/// A model whose weights lie beside its manifest.
fn beside(path: &Path) -> Result<Model> {
    let manifest = read_manifest(path)?;
    let file = path.parent().unwrap_or(Path::new("")).join(&manifest.file);
    if !file.is_file() {
        let fix = format!("put it there or correct `file` in {}", path.display());
        return Err(ModelError::MissingWeights { name: manifest.name, path: file, fix });
    }
    Ok(Model { manifest, weights: Weights::File(file) })
}

/// SHA-256 of a file's bytes, as a manifest has it.
pub fn sha256(bytes: &[u8]) -> String {
    super::weights::hex(&Sha256::digest(bytes))
}

/// Whether it is one of the built-in models.
pub fn is_built_in(name: &str) -> bool {
    built_in().is_ok_and(|all| all.iter().any(|m| m.name == name))
}

/// Finds a model by name, built in or added, or by a manifest's path when `name` ends in `.yaml` or `.yml`.
///
/// # Errors
/// An unknown name, a bad manifest, or missing weights.
pub fn find(name: &str) -> Result<Model> {
    if is_manifest(Path::new(name)) {
        return beside(Path::new(name));
    }
    let built_in = built_in()?;
    let Some(manifest) = built_in.iter().find(|m| m.name == name).cloned() else {
        if let Some(path) = find_added(name) {
            return beside(&path);
        }
        let known = all()?.iter().map(|m| m.name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(ModelError::Unknown { name: name.to_owned(), known });
    };
    let file = models_dir().join(&manifest.file);
    if file.is_file() {
        return Ok(Model { manifest, weights: Weights::File(file) });
    }
    if let Some(weights) = embedded(&manifest.name) {
        return Ok(Model { manifest, weights });
    }
    let is_missing = |basic: &str| {
        let of_basic = |m: &&Manifest| m.name == basic && !models_dir().join(&m.file).is_file();
        embedded(basic).is_none() && built_in.iter().any(|m| of_basic(&m))
    };
    let has_runtime = cfg!(embedded_ort) || data_dir().join("ort/libonnxruntime.so").is_file();
    let fix = fix(name, has_runtime || std::env::var_os("ORT_DYLIB_PATH").is_some(), is_missing);
    Err(ModelError::MissingWeights { name: manifest.name, path: file, fix })
}

/// Weights inside of the program.
fn embedded(name: &str) -> Option<Weights> {
    match name {
        "selfie" => EMBEDDED_SELFIE.map(Weights::Embedded),
        "nanodet" => EMBEDDED_NANODET.map(Weights::Packed),
        "movenet" => EMBEDDED_MOVENET.map(Weights::Packed),
        "multiclass" => EMBEDDED_MULTICLASS.map(Weights::Packed),
        _ => None,
    }
}

/// The models without which even `fast` does nothing; `setup.sh` builds them into the program.
const BASICS: [&str; 3] = ["selfie", "nanodet", "movenet"];

/// What to do where a model's weights are missing: one command for all that is.
fn fix(name: &str, has_runtime: bool, is_missing: impl Fn(&str) -> bool) -> String {
    let runtime = (!has_runtime).then_some("onnxruntime");
    let basics = BASICS.into_iter().filter(|basic| *basic != name && is_missing(basic));
    let all: Vec<_> = runtime.into_iter().chain([name]).chain(basics).collect();
    let what = if all.len() == 1 { "it" } else { "all that is missing" };
    format!("`vrseg models install {}` downloads {what}, `vrseg models` lists what is installed", all.join(" "))
}

/// Reads a manifest, a page of text; no more than a megabyte of what may be another file.
fn manifest_text(path: &Path) -> std::result::Result<String, String> {
    const MAX_BYTES: u64 = 1 << 20;
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|e| e.to_string())?;
    if text.len() as u64 > MAX_BYTES { Err("it is larger than 1 MiB: is it a manifest?".to_owned()) } else { Ok(text) }
}

/// The first model of `names` whose weights are installed.
///
/// # Errors
/// As [`find`]: for the first name whose weights are not merely missing, otherwise for the last one.
pub fn find_first(names: &[String]) -> Result<Model> {
    let mut last = None;
    for name in names {
        match find(name) {
            Ok(m) => return Ok(m),
            Err(e @ ModelError::MissingWeights { .. }) => last = Some(e),
            Err(e) => return Err(e),
        }
    }
    Err(last.unwrap_or(ModelError::Unknown { name: String::new(), known: "(the list of models is empty)".into() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_command_installs_all_that_is_missing() {
        let all = fix("selfie", false, |_| true);
        assert!(all.starts_with("`vrseg models install onnxruntime selfie nanodet movenet` downloads all"), "{all}");
        let one = fix("rvm", true, |_| false);
        assert!(one.starts_with("`vrseg models install rvm` downloads it, "), "{one}");
    }

    #[test]
    fn built_in_manifests_are_valid() {
        let all = built_in().unwrap();
        assert_eq!(all.len(), BUILT_IN.len());
        for (m, (path, _)) in all.iter().zip(BUILT_IN) {
            assert_eq!(format!("configs/models/{}.yaml", m.name), *path);
        }
    }

    #[test]
    fn error_for_unknown_name_lists_the_known_ones() {
        let e = find("rvn").unwrap_err().to_string();
        assert!(e.contains("selfie, ") && e.contains("rvm"), "{e}");
    }

    #[test]
    fn weights_of_a_users_manifest_are_verified() {
        let dir = tempfile::tempdir().unwrap();
        let yaml = dir.path().join("mine.yaml");
        let text = include_str!("../../../../configs/models/selfie.yaml");
        std::fs::write(&yaml, text).unwrap();
        let name = yaml.to_str().unwrap();
        assert!(find(name).unwrap_err().to_string().contains("put it there"));
        let m = Manifest::parse(text, &yaml).unwrap();
        std::fs::write(dir.path().join(&m.file), b"not weights").unwrap();
        let e = find(name).unwrap().verify().unwrap_err().to_string();
        assert!(e.contains("sha256") && e.contains(&m.sha256), "{e}");
    }
}
