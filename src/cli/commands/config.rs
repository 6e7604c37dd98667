//! `vrseg config`: what applies, whether a file is right, a file to begin with.

use crate::cli::args::ConfigCommand;
use crate::cli::exit::{Exit, UsageError};
use crate::cli::io::create_file;
use anyhow::Context;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use vrseg_engine::settings::{Loader, check, template, user_file};
use vrseg_hardware::Machine;

/// Does what `command` asks.
///
/// # Errors
/// A file that is wrong, that is missing, or that would be replaced unasked.
pub(crate) fn run(command: &ConfigCommand, print: impl Fn(&str) -> anyhow::Result<()>) -> anyhow::Result<Exit> {
    match command {
        ConfigCommand::Show { file, profile, json } => {
            let loader = Loader { file: file.clone(), profile: profile.clone(), ..Loader::from_environment() };
            print(&show(loader, *json)?)?;
        }
        ConfigCommand::Validate { file } => {
            // Nothing but the file: whether it is right must not depend on the variables of the day.
            let path = file.clone().map_or_else(own_file, Ok)?;
            let (settings, sources) = Loader { file: Some(path.clone()), ..Loader::default() }.load()?;
            check(&settings, &sources)?;
            let count = sources.from_file();
            let plural = if count == 1 { "" } else { "s" };
            print(&format!("{}: valid; {count} setting{plural} on profile {}\n", path.display(), settings.profile))?;
        }
        ConfigCommand::Init { path, overwrite } => {
            let path = path.clone().map_or_else(own_file, Ok)?;
            init(&path, *overwrite)?;
            print(&format!("{}: written; every setting is a comment\n", path.display()))?;
        }
        ConfigCommand::Path => print(&format!("{}\n", own_file()?.display()))?,
    }
    Ok(Exit::Done)
}

/// Every setting and what set it, as YAML or as JSON.
///
/// # Errors
/// The first wrong value.
pub(crate) fn show(loader: Loader, json: bool) -> anyhow::Result<String> {
    let (settings, mut sources) = loader.load()?;
    check(&settings, &sources)?;
    sources.explain(&settings, &Machine::detect());
    Ok(if json { sources.to_json().to_string() + "\n" } else { sources.to_yaml() })
}

fn own_file() -> anyhow::Result<PathBuf> {
    let none = "no configuration folder: neither XDG_CONFIG_HOME nor HOME is set; name a file";
    user_file().ok_or_else(|| UsageError(none.to_owned()).into())
}

fn init(path: &Path, overwrite: bool) -> anyhow::Result<()> {
    let shown = path.display();
    if path.is_dir() {
        return Err(UsageError(format!("{shown}: is a folder; name a file in it")).into());
    }
    if let Some(dir) = path.parent().filter(|d| !d.as_os_str().is_empty()) {
        fs::create_dir_all(dir).with_context(|| format!("{}: can't be created", dir.display()))?;
    }
    let mut file = match create_file(path, overwrite) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(UsageError(format!("{shown}: exists; -y replaces it")).into());
        }
        other => other.with_context(|| format!("{shown}: can't be written"))?,
    };
    file.write_all(template().as_bytes()).with_context(|| format!("{shown}: can't be written"))
}
