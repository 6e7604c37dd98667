//! Puts the CPU build of ONNX Runtime, the small default model, the detector, the model that confirms people it finds and the
//! better of the permissive models into the binary (feature `embed`), so that one file does the main job wherever FFmpeg's
//! libraries are.
//!
//! The files come from `VRSEG_EMBED_ORT`, `VRSEG_EMBED_MODEL`, `VRSEG_EMBED_DETECTOR`, `VRSEG_EMBED_POSE` and
//! `VRSEG_EMBED_MULTICLASS`, or else from the data folder that `setup.sh` fills. What is not found is not embedded, with a warning, and the program then looks
//! for it at run time; a variable that names a missing file is an error.
//!
//! For the crate this sets:
//! - `cfg(embedded_ort)`: `OUT_DIR/ort.zst` is the library, compressed with Zstandard;
//! - `cfg(embedded_model)`: `OUT_DIR/selfie.onnx` is the default model;
//! - `cfg(embedded_detector)`: `OUT_DIR/nanodet.zst` is the detector, compressed with Zstandard;
//! - `cfg(embedded_pose)`: `OUT_DIR/movenet.zst` is the model that confirms people, compressed with Zstandard;
//! - `cfg(embedded_multiclass)`: `OUT_DIR/multiclass.zst` is that model, compressed with Zstandard.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

fn main() {
    println!(
        "cargo::rustc-check-cfg=cfg(embedded_ort, embedded_model, embedded_detector, embedded_pose, embedded_multiclass)"
    );
    println!("cargo::rerun-if-changed=build.rs");

    if env::var_os("CARGO_FEATURE_EMBED").is_none() {
        return;
    }
    for name in ["VRSEG_DATA_DIR", "XDG_DATA_HOME", "HOME"] {
        println!("cargo::rerun-if-env-changed={name}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));

    for (variable, file, what, target, flag) in [
        ("VRSEG_EMBED_ORT", "ort/libonnxruntime.so", "ONNX Runtime", "ort.zst", "embedded_ort"),
        ("VRSEG_EMBED_DETECTOR", "models/nanodet.onnx", "the detector", "nanodet.zst", "embedded_detector"),
        ("VRSEG_EMBED_POSE", "models/movenet.onnx", "the model that confirms people", "movenet.zst", "embedded_pose"),
        (
            "VRSEG_EMBED_MULTICLASS",
            "models/selfie_multiclass.onnx",
            "the model multiclass",
            "multiclass.zst",
            "embedded_multiclass",
        ),
    ] {
        if let Some(source) = find(variable, file, what) {
            pack(&source, &out.join(target));
            println!("cargo::rustc-cfg={flag}");
        }
    }
    let model = find("VRSEG_EMBED_MODEL", "models/selfie_segmentation.onnx", "the default model");
    if let Some(model) = model {
        copy(&model, &out.join("selfie.onnx"));
        println!("cargo::rustc-cfg=embedded_model");
    }
}

/// The file that `variable` names, or `in_data_folder`; `None` (with a warning) if there is none.
fn find(variable: &str, in_data_folder: &str, what: &str) -> Option<PathBuf> {
    println!("cargo::rerun-if-env-changed={variable}");
    if let Some(path) = env::var_os(variable).filter(|value| !value.is_empty()) {
        let path = PathBuf::from(path);
        if !path.is_file() {
            fail(&format!("{variable} names {}, which is not a file", path.display()));
        }
        println!("cargo::rerun-if-changed={}", path.display());
        return Some(path);
    }
    let path = data_folder()?.join(in_data_folder);
    // A path that does not exist makes cargo run this script with each build, until setup.sh has run.
    println!("cargo::rerun-if-changed={}", path.display());
    if path.is_file() {
        return Some(path);
    }
    println!(
        "cargo::warning={what} is not embedded: {} does not exist (run ./setup.sh); \
         the program will search for it at run time",
        path.display()
    );
    None
}

/// `$VRSEG_DATA_DIR`, or `vrseg` in the user's data folder.
fn data_folder() -> Option<PathBuf> {
    let set = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("VRSEG_DATA_DIR")
        .or_else(|| set("XDG_DATA_HOME").map(|folder| folder.join("vrseg")))
        .or_else(|| set("HOME").map(|folder| folder.join(".local/share/vrseg")))
}

fn pack(source: &Path, target: &Path) {
    let bytes = fs::read(source).unwrap_or_else(|error| fail(&format!("cannot read {}: {error}", source.display())));
    // Level 19 takes some ten seconds, which only a release build is worth.
    let release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let level = if release { 19 } else { 3 };
    let packed = zstd::bulk::compress(&bytes, level)
        .unwrap_or_else(|error| fail(&format!("cannot compress {}: {error}", source.display())));
    fs::write(target, packed).unwrap_or_else(|error| fail(&format!("cannot write {}: {error}", target.display())));
}

fn copy(source: &Path, target: &Path) {
    if let Err(error) = fs::copy(source, target) {
        fail(&format!("cannot copy {}: {error}", source.display()));
    }
}

fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    std::process::exit(1)
}
