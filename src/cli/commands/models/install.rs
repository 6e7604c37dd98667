//! `vrseg models install`: runs `tools/install.py`, which is inside the binary, with the user's Python.

use super::parts::Part;
use crate::cli::exit::Exit;
use anyhow::{Context as _, bail};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use vrseg_infer::registry;

/// The program that the variable `VRSEG_PYTHON` replaces.
const PYTHON: &str = "python3";

macro_rules! tools {
    ($($name:literal),* $(,)?) => {
        &[$(($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tools/", $name)))),*]
    };
}

/// The files of `tools/` that the installer consists of.
const TOOLS: &[(&str, &str)] = tools![
    "clients.py",
    "install.py",
    "installer.py",
    "model_sources.py",
    "models.py",
    "npm.txt",
    "onnx_graph.py",
    "onnx_reshape.py",
    "requirements-ort-gpu.txt",
    "requirements-ort-openvino.txt",
    "requirements-ort.txt",
    "requirements.txt",
    "runtimes.py",
    "rvm_simplify.py",
    "rvm_to_onnx.py",
    "tfjs_graph.py",
    "tfjs_to_onnx.py",
    "tflite_to_onnx.py",
];

/// Installs the models and runtimes of these names; without a name lists what there is.
///
/// # Errors
/// An unknown name, no Python, or a folder that can't be written. What the installer itself finds wrong it has
/// printed: then the result is `Exit::Failed`.
pub(super) fn run(names: &[String]) -> anyhow::Result<Exit> {
    let parts = Part::all(names)?;
    // A list needs no folder that stays.
    let temporary =
        if parts.is_empty() { Some(tempfile::tempdir().context("cannot make a temporary folder")?) } else { None };
    let work = temporary.as_ref().map_or_else(work_folder, |folder| folder.path().to_owned());
    let script = unpack(&work.join("tools"))?;
    let mut command = Command::new(python());
    command.arg("-B").arg(script).arg("--data").arg(registry::data_dir());
    if parts.is_empty() {
        command.arg("--list");
    } else {
        command.args(parts.iter().map(|part| &part.name)).arg("--cache").arg(&work);
    }
    let status = match command.status() {
        Err(e) if e.kind() == io::ErrorKind::NotFound => bail!(no_python(&python())),
        other => other.with_context(|| format!("cannot run {}", python().display()))?,
    };
    if !status.success() {
        // Downloads stay, so that the next try does not repeat them.
        return Ok(if status.code() == Some(2) { Exit::Usage } else { Exit::Failed });
    }
    // Only downloads, which may stay where they can't be removed.
    let _ = fs::remove_dir_all(&work);
    Ok(Exit::Done)
}

fn python() -> OsString {
    std::env::var_os("VRSEG_PYTHON").filter(|name| !name.is_empty()).unwrap_or_else(|| PYTHON.into())
}

fn no_python(name: &OsString) -> String {
    format!(
        "{} was not found: installing needs Python 3.9 or newer (Debian, Ubuntu: apt-get install python3 python3-venv; \
         Fedora: dnf install python3; Arch: pacman -S python), or set VRSEG_PYTHON",
        name.display()
    )
}

/// Where downloads go, which is the folder that `setup.sh` takes, too.
fn work_folder() -> PathBuf {
    vrseg_infer::cache::folder().join("setup")
}

/// Writes the installer's files into a folder; returns the script to run.
fn unpack(folder: &Path) -> anyhow::Result<PathBuf> {
    let failed = || format!("cannot write the installer to {}", folder.display());
    fs::create_dir_all(folder).with_context(failed)?;
    for (name, text) in TOOLS {
        fs::write(folder.join(name), text).with_context(failed)?;
    }
    Ok(folder.join("install.py"))
}

#[cfg(test)]
mod tests {
    use super::super::parts::RUNTIMES;
    use super::*;
    use std::collections::BTreeSet;

    fn text_of(name: &str) -> &'static str {
        TOOLS.iter().find(|(n, _)| *n == name).map(|(_, text)| *text).expect("a tool")
    }

    #[test]
    fn installer_has_all_files_that_its_scripts_name() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tools");
        let mut needed: BTreeSet<String> = ["install.py".to_owned()].into();
        for (_, text) in TOOLS.iter().filter(|(name, _)| name.ends_with(".py")) {
            // Imports, also inside functions, and requirements files, which are named in quotes.
            let imports = text.lines().filter_map(|line| {
                let line = line.trim_start();
                line.strip_prefix("import ").or_else(|| line.strip_prefix("from "))?.split_whitespace().next()
            });
            needed.extend(imports.map(|module| format!("{module}.py")));
            needed.extend(text.split('"').filter(|word| word.ends_with(".txt")).map(str::to_owned));
        }
        needed.retain(|name| folder.join(name).is_file());
        let there: BTreeSet<String> = TOOLS.iter().map(|(name, _)| (*name).to_owned()).collect();
        assert_eq!(needed, there);
    }

    #[test]
    fn runtimes_and_models_are_those_of_the_installer() {
        for (name, folder) in RUNTIMES {
            let entry = format!("name=\"{name}\",\n            folder=\"{folder}\",");
            assert!(text_of("runtimes.py").contains(&entry), "{name}");
        }
        assert_eq!(text_of("runtimes.py").matches(" folder=\"").count(), RUNTIMES.len());
        for model in registry::built_in().expect("manifests") {
            let sources = text_of("model_sources.py");
            assert!(sources.contains(&format!("name=\"{}\",", model.name)), "{}", model.name);
            assert!(sources.contains(&format!("onnx=\"{}\",", model.file)), "{}", model.name);
        }
    }

    #[test]
    fn missing_python_is_explained() {
        let message = no_python(&"python3".into());
        assert!(message.starts_with("python3 was not found") && message.contains("VRSEG_PYTHON"), "{message}");
    }
}
