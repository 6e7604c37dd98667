//! Every command that README.md, CONTRIBUTING.md and docs/*.md show in a ```` ```sh ```` block is run here; a
//! command that sets up a machine is compared with the script that runs it.

use crate::harness::*;
use clap::Parser;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use vrseg::cli::args::Cli;

/// The two commands of the README that start from a bare Debian: `tests/bare-debian.sh` runs both,
/// `.ci/run` the second.
const USE: &str =
    "./setup.sh && ~/.local/bin/vrseg ~/.local/share/vrseg/samples/sample_180_LR.mp4 -o out.mp4 --profile fast";
const TEST: &str = "./setup.sh --dev && ./tests/run.sh";

const VIDEOS: &[&str] = &["mp4", "mkv", "mov", "webm"];
const PICTURES: &[&str] = &["jpg", "png"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The commands of a document's `sh` blocks, without comments, continued lines joined.
fn commands(document: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in read(document).replace("\\\n", " ").lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
            continue;
        }
        let command = line.split(" # ").next().unwrap_or_default().trim();
        if inside && !command.is_empty() && !command.starts_with('#') {
            found.push(command.split_whitespace().collect::<Vec<_>>().join(" "));
        }
    }
    found
}

fn extension(word: &str) -> &str {
    Path::new(word).extension().and_then(|e| e.to_str()).unwrap_or_default()
}

/// The words of a shell command up to a pipe or a redirection.
fn words(command: &str) -> Vec<&str> {
    command.split(' ').take_while(|w| !w.starts_with(['|', '>', '<'])).map(|w| w.trim_matches(['"', '\''])).collect()
}

/// A data folder with the machine's runtime and weights, and with the model my-net unless the command adds it: selfie under
/// another name. `my-net.onnx`, which documents add, is selfie's file, too.
fn library(folder: &Path, command: &str) -> PathBuf {
    let machine = vrseg_infer::registry::data_dir();
    let models = folder.join("models");
    fs::create_dir_all(&models).unwrap();
    std::os::unix::fs::symlink(machine.join("ort"), folder.join("ort")).unwrap();
    let weights = machine.join("models/selfie_segmentation.onnx");
    let name = if command.contains("models add") { "../../my-net.onnx" } else { "my-net.onnx" };
    fs::copy(weights, models.join(name)).unwrap();
    if !command.contains("models add") {
        let manifest = read("configs/models/selfie.yaml").replace("name: selfie", "name: my-net");
        let manifest = manifest.replace("selfie_segmentation.onnx", "my-net.onnx");
        fs::write(models.join("my-net.yaml"), manifest).unwrap();
    }
    folder.to_owned()
}

/// A short clip; a long one where the command skips into it.
fn video(path: &Path, command: &str) {
    if command.contains("--ss") {
        let long = "-loop 1 -framerate 5 -i {} -t 40 -vf scale=160:80,format=yuv420p -c:v libx264 -preset ultrafast {}";
        ffmpeg(long, &[&photo(PEOPLE[0]), path]);
    } else {
        clip(path, "320x160", 10, H264);
    }
}

/// Makes the inputs of a command, runs it in a temporary folder and checks its outputs.
fn run_vrseg(command: &str) {
    let dir = folder();
    let at = |name: &str| dir.path().join(name);
    let bin = at("bin");
    fs::create_dir(&bin).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_vrseg"), bin.join("vrseg")).unwrap();

    let words = words(command);
    let mut outputs = Vec::new();
    let mut before = "";
    for word in &words {
        if matches!(before, "-o" | "--output" | "--sheet") {
            outputs.push(word.rsplit('=').next().unwrap_or(word));
        } else if before == "--edits" {
            fs::write(at(word), "regions:\n  - {action: remove, rect: [0, 0, 0.2, 0.2]}\n").unwrap();
        } else if VIDEOS.contains(&extension(word)) {
            video(&at(word), command);
        } else if PICTURES.contains(&extension(word)) {
            fs::copy(photo(BUS), at(word)).unwrap();
        } else if word.ends_with('/') {
            fs::create_dir_all(at(word).join("more")).unwrap();
            video(&at(word).join("one_180_LR.mp4"), command);
            video(&at(word).join("more/two.mkv"), command);
        } else if extension(word) == "yaml" && !command.contains("config init") && !command.contains("optimize") {
            fs::write(at(word), "matte:\n  feather: 1\n").unwrap();
        }
        before = word;
    }
    let library = command.contains("my-net").then(|| library(&at("data"), command));
    // Not every machine has a GPU: check at least that the options are valid.
    let needs_gpu = words.iter().any(|w| w.starts_with("cuda") || w.starts_with("tensorrt") || *w == "openvino");
    // A search takes minutes: here it gets a tiny clip and a tiny model.
    let quick = words.contains(&"optimize").then(|| {
        clip(&at("quick.mp4"), "320x160", 10, H264);
        let input = if words.contains(&"--input") { "" } else { "--input quick.mp4" };
        format!("VRSEG_MODEL_NAME=selfie {command} {input}")
    });
    let shown = if let Some(quick) = quick {
        quick
    } else if needs_gpu {
        format!("{} --show-config", words.join(" "))
    } else if words.contains(&"review") {
        // It serves until Ctrl-C.
        format!("timeout --preserve-status --signal INT 5 {command}")
    } else {
        command.to_owned()
    };

    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    let mut bash = Command::new("bash");
    if let Some(library) = library {
        bash.env("VRSEG_DATA_DIR", library);
    }
    let out = bash
        .args(["-o", "pipefail", "-c", &shown])
        .current_dir(dir.path())
        .env("PATH", path)
        // Only the command matters here: whatever it does not name is small and quick.
        .env("VRSEG_MODEL_PREFER", "selfie")
        .env("VRSEG_MODEL_INPUT_SIZE", "128")
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .env("XDG_CACHE_HOME", at("cache"))
        .env("XDG_STATE_HOME", "/dev/null")
        .output()
        .expect("bash");
    assert!(out.status.success(), "{command}: {}\n{}", out.status, stderr(&out));
    assert!(!out.stderr.is_empty() || !out.stdout.is_empty() || command.contains('>'), "{command}: says nothing");
    let nothing_written =
        needs_gpu || words.contains(&"plan") || words.contains(&"--dry-run") || words.contains(&"--show-config");
    for output in outputs {
        let path = at(output);
        if nothing_written {
            assert!(!path.exists(), "{command}: wrote {output}");
        } else if output.ends_with('/') {
            let inputs = if words.contains(&"-r") { 2 } else { 1 };
            assert_eq!(videos_below(&path), inputs, "{command}: {output}");
        } else if extension(output) == "yaml" {
            assert!(vrseg_engine::edits::read(&path).is_ok(), "{command}: {output} is an edits file");
        } else {
            assert_eq!(crate::harness::video(&path)["codec_type"], "video", "{command}: {output}");
        }
    }
}

fn videos_below(dir: &Path) -> usize {
    let entries: Vec<PathBuf> = fs::read_dir(dir).expect("a folder").map(|e| e.unwrap().path()).collect();
    entries.iter().map(|p| if p.is_dir() { videos_below(p) } else { usize::from(extension(arg(p)) == "mp4") }).sum()
}

/// Checks one command; an error where it is wrong or of an unknown kind.
fn check(command: &str) -> Result<(), String> {
    let words = words(command);
    // VARIABLE=value in front.
    let first =
        words.iter().find(|w| !w.split_once('=').is_some_and(|(n, _)| n.chars().all(|c| c.is_uppercase() || c == '_')));
    let must = |right: bool, what: &str| if right { Ok(()) } else { Err(what.to_owned()) };
    match *first.unwrap_or(&"") {
        _ if command == USE || command == TEST => Ok(()),
        // Measures for minutes: only parsed here, `bench.rs` runs it.
        "vrseg" if words.get(1) == Some(&"bench") => Cli::try_parse_from(&words).map(|_| ()).map_err(|e| e.to_string()),
        "vrseg" => {
            run_vrseg(command);
            Ok(())
        }
        "./setup.sh" => {
            let help = read("setup.sh");
            let unknown = words.iter().find(|w| w.starts_with("--") && !help.contains(&format!("\n  {w} ")));
            must(unknown.is_none() && !command.contains("&&"), "setup.sh has no such option")
        }
        "cargo" => {
            let manifest = read("Cargo.toml");
            let bench = words.iter().skip_while(|w| **w != "--bench").nth(1);
            must(bench.is_none_or(|b| manifest.contains(&format!("[[bench]]\nname = \"{b}\""))), "no such bench")
        }
        program => {
            let script = words.iter().find(|w| [".py", ".sh"].iter().any(|e| w.ends_with(e))).unwrap_or(&program);
            let path = root().join(script);
            if !["tests/", "tools/", "benches/"].iter().any(|d| script.trim_start_matches("./").starts_with(d)) {
                return Err("the test doesn't know this kind of command".to_owned());
            }
            must(path.is_file(), "no such script")?;
            if script.ends_with(".py") {
                let help = Command::new("python3").arg(&path).arg("--help").output().map_err(|e| e.to_string())?;
                must(help.status.success(), "its --help fails")?;
            }
            Ok(())
        }
    }
}

#[test]
fn every_documented_command_works() {
    let mut documents: Vec<_> = listing(&root().join("docs")).iter().map(|n| format!("docs/{n}")).collect();
    documents.retain(|n| n.ends_with(".md"));
    documents.insert(0, "README.md".to_owned());
    documents.push("CONTRIBUTING.md".to_owned());
    let mut jobs = Vec::new();
    for document in &documents {
        let all = commands(document);
        if document == "README.md" {
            assert_eq!(all[..2], [USE, TEST], "the README's two commands come first");
            assert!(all.len() > 8, "{all:?}");
        }
        jobs.extend(all.into_iter().map(|command| (document.clone(), command)));
    }
    // The threads mostly wait for their programs.
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(String::new()));
    let work = || {
        while let Some((document, command)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(what) = check(command) {
                let _ = writeln!(wrong.lock().unwrap(), "{document}: {command}: {what}");
            }
        }
    };
    std::thread::scope(|scope| (0..3).for_each(|_| drop(scope.spawn(work))));
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn readme_commands_match_ci_and_the_bare_system_test() {
    let bare = read("tests/bare-debian.sh").replace("\\\n", "");
    assert!(bare.contains(USE), "tests/bare-debian.sh");
    assert!(bare.contains(TEST), "tests/bare-debian.sh");
    assert_eq!(read(".ci/run").lines().last(), Some(TEST));
}
