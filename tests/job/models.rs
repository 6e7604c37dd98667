//! Models that users add: recognized, tried, used like the built-in ones, and refused where they make no mattes.

use crate::harness::*;
use serde_json::Value;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;
use vrseg_infer::registry::data_dir;

/// A data folder with the machine's runtime and nothing else.
struct Library {
    folder: TempDir,
}

impl Library {
    fn new() -> Self {
        let folder = folder();
        std::fs::create_dir(folder.path().join("models")).unwrap();
        symlink(data_dir().join("ort"), folder.path().join("ort")).unwrap();
        Self { folder }
    }

    fn models(&self) -> PathBuf {
        self.folder.path().join("models")
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = vrseg();
        command.args(args).env("VRSEG_DATA_DIR", self.folder.path());
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    #[track_caller]
    fn ok(&self, args: &[&str]) -> String {
        let out = self.run(args);
        assert!(out.status.success(), "{args:?}: {}", stderr(&out));
        String::from_utf8(out.stdout).unwrap()
    }
}

/// The weights of a built-in model, as set-up put them there.
fn weights(file: &str) -> PathBuf {
    data_dir().join("models").join(file)
}

#[test]
fn added_models_match_built_in_ones() {
    let library = Library::new();
    let clip = input_in(library.folder.path(), 3);
    let matte = |model: &str| {
        let out = clip.with_file_name(format!("{model}.mkv"));
        let job = [arg(&clip), "-q", "-o", arg(&out), "--mode", "matte", "--codec", "ffv1", "--model", model];
        let mut command = if model.starts_with("my-") { library.command(&job) } else { vrseg() };
        let done = if model.starts_with("my-") { command.output() } else { command.args(job).output() }.unwrap();
        assert!(done.status.success(), "{model}: {}", stderr(&done));
        packets(&out, "v:0")
    };
    for (built_in, file) in [("selfie", "selfie_segmentation.onnx"), ("rvm", "rvm_mobilenetv3_m16.onnx")] {
        let name = format!("my-{built_in}");
        let printed = library.ok(&["models", "add", arg(&weights(file)), "--name", &name, "--link"]);
        assert!(printed.contains("checksum") && printed.contains(&format!("--model {name}")), "{printed}");
        assert_eq!(matte(&name), matte(built_in), "{built_in}");
    }
    let listed: Value = serde_json::from_str(&library.ok(&["models", "--json", "--check"])).unwrap();
    let mine = listed.as_array().unwrap().iter().find(|m| m["name"] == "my-selfie").unwrap();
    assert_eq!((&mine["state"], &mine["license"]), (&"verified".into(), &"Apache-2.0".into()));
    let tried: Value = serde_json::from_str(&library.ok(&["models", "test", "my-rvm", "--json"])).unwrap();
    assert!(tried["usable"] == true && tried["overlap"].as_f64().unwrap() > 0.9, "{tried}");
    assert!(library.models().join("manifest.schema.json").is_file());
}

#[test]
fn preferred_own_model_is_used_as_in_its_manifest() {
    let library = Library::new();
    let clip = input_in(library.folder.path(), 1);
    library.ok(&["models", "add", arg(&weights("selfie_segmentation.onnx")), "--name", "mine"]);
    let manifest = library.models().join("mine.yaml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let model = |looks: &str, more: &[&str]| {
        std::fs::write(&manifest, text.replace("looks: either", &format!("looks: {looks}"))).unwrap();
        let out = clip.with_file_name("out.mp4");
        let job = [&[arg(&clip), "-y", "-o", arg(&out), "--profile", "fast"], more].concat();
        let done = library.command(&job).env("VRSEG_MODEL_PREFER", "mine,selfie").output().unwrap();
        assert!(done.status.success(), "{}", stderr(&done));
        stderr(&done).lines().find(|line| line.starts_with("model ")).unwrap_or_default().to_owned()
    };
    let on_crops = model("windows", &[]);
    assert!(on_crops.contains("mine") && on_crops.contains("on person crops"), "{on_crops}");
    for looks in ["views", "either"] {
        let whole = model(looks, &[]);
        assert!(whole.contains("mine") && !whole.contains("on person crops"), "{whole}");
    }
    let named = model("windows", &["--model", "selfie"]);
    assert!(named.contains("selfie") && !named.contains("on person crops"), "{named}");
    let asked = model("views", &["--crops", "mine"]);
    assert!(asked.contains("mine") && asked.contains("on person crops"), "{asked}");
}

#[test]
fn names_that_are_taken_are_refused_and_nothing_is_overwritten() {
    let library = Library::new();
    let selfie = weights("selfie_segmentation.onnx");
    let add = |name: &str| library.run(&["models", "add", arg(&selfie), "--name", name]);
    for name in ["rvm", "nanodet", "movenet", "a/b", "x.yaml"] {
        let out = add(name);
        assert_eq!(out.status.code(), Some(2), "{name}: {}", stderr(&out));
        assert!(stderr(&out).contains(name), "{}", stderr(&out));
    }
    assert!(add("mine").status.success());
    let manifest = library.models().join("mine.yaml");
    let before = std::fs::read(&manifest).unwrap();
    let again = add("mine");
    assert_eq!(again.status.code(), Some(2));
    assert!(stderr(&again).contains("models remove mine"), "{}", stderr(&again));
    assert_eq!(std::fs::read(&manifest).unwrap(), before);
    let unknown = library.run(&["models", "remove", "mine", "nobodys"]);
    assert!(unknown.status.code() == Some(2) && manifest.is_file(), "{}", stderr(&unknown));
    library.ok(&["models", "remove", "mine"]);
    assert!(!manifest.exists() && !library.models().join("mine.onnx").exists());
}

#[test]
fn files_that_make_no_mattes_are_named_and_leave_nothing_behind() {
    let library = Library::new();
    let text = library.folder.path().join("notes.onnx");
    std::fs::write(&text, "no model").unwrap();
    let (nanodet, movenet) = (weights("nanodet.onnx"), weights("movenet.onnx"));
    for (file, why, code) in [
        (text.as_path(), "is not an ONNX file", 2),
        (Path::new("/nonexistent/x.onnx"), "No such file", 1),
        (nanodet.as_path(), "makes no mattes", 2),
        (movenet.as_path(), "makes no mattes", 2),
    ] {
        let out = library.run(&["models", "add", arg(file), "--name", "mine"]);
        let printed = stderr(&out);
        assert!(out.status.code() == Some(code) && printed.contains(why), "{:?} {printed}", out.status);
        let left: Vec<_> = std::fs::read_dir(library.models()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn wrong_manifests_leave_no_model_behind() {
    let library = Library::new();
    let inverted = library.folder.path().join("inverted.yaml");
    // Selfie's own manifest, with a normalization that makes every picture black.
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/configs/models/selfie.yaml")).unwrap();
    std::fs::write(&inverted, text.replace("scale: 1.0", "scale: 0.0")).unwrap();
    let selfie = weights("selfie_segmentation.onnx");
    let add = ["models", "add", arg(&selfie), "--name", "mine", "--manifest", arg(&inverted)];
    let out = library.run(&add);
    assert_eq!(out.status.code(), Some(1), "{}", stderr(&out));
    assert!(stderr(&out).contains("doesn't show the person"), "{}", stderr(&out));
    assert_eq!(std::fs::read_dir(library.models()).unwrap().count(), 0);
    library.ok(&[&add[..], &["--force"]].concat());
    assert_eq!(library.run(&["models", "test", "mine"]).status.code(), Some(1));
}
