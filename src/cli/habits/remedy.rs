//! Slips that show only once a job's line was read: files that aren't there, folders that are missing, names of models
//! and encoders. The line as it was meant.

use crate::cli::args::Cli;
use crate::cli::job::inputs::beside;
use crate::cli::job::outputs::OutputRequest;
use crate::cli::near::nearest;
use crate::cli::quote;
use std::ffi::OsString;
use std::path::Path;
use vrseg_engine::settings::values;
use vrseg_infer::registry;
use vrseg_media::opens;

/// `words` with what can be put right about a refused job; nothing where nothing can.
pub(in crate::cli) fn line(cli: &Cli, words: &[OsString]) -> Option<String> {
    if cli.command.is_some() {
        return None;
    }
    let job = &cli.job;
    let mut line = words.get(1..)?.to_vec();
    let mut replace = |word: &OsString, with: OsString| {
        line.iter_mut().filter(|known| *known == word).for_each(|known| known.clone_from(&with));
    };
    for path in job.input.named().filter(|path| !path.exists()) {
        if let Some(near) = beside(path) {
            replace(&path.clone().into_os_string(), near.into_os_string());
        }
    }
    for (name, _, value) in job.overrides() {
        let Some(value) = value.as_str() else { continue };
        let near = match name {
            "output.encoder" => {
                let all: Vec<_> = opens::encoders().map(|(name, _)| name.to_owned()).collect();
                near(value, &all)
            }
            "model.name" if !value.contains(['.', '/']) => {
                let all: Vec<_> = registry::all().unwrap_or_default().into_iter().map(|model| model.name).collect();
                near(value, &all)
            }
            _ => None,
        };
        if let Some(near) = near {
            replace(&value.into(), near.into());
        }
    }
    let folders = !job.input.recursive && job.input.named().any(|path| path.is_dir());
    if folders {
        line.push("-r".into());
    }
    if folders || job.input.named().filter(|path| path.exists()).count() > 1 {
        // Several outputs need a folder.
        for output in job.output.output.iter().filter(|o| is_file(o, job.output.container())) {
            let text = output.to_string_lossy();
            let head = text.split_once('=').map_or("", |(mode, _)| &text[..=mode.len()]);
            let stem = Path::new(&text[head.len()..]).file_stem().unwrap_or_default().to_string_lossy();
            let folder = if stem.contains('%') { "out".to_owned() } else { stem.into_owned() };
            line.iter_mut().filter(|w| *w == output.as_os_str()).for_each(|w| *w = format!("{head}{folder}/").into());
        }
    }
    if let Some(color) = job.output.background.as_ref().and_then(|b| b.to_str()).filter(|b| values::color(b).is_some())
        && let Some(at) = line.iter().position(|word| word == "--background").filter(|_| !Path::new(color).exists())
    {
        line[at] = "--key".into();
    }
    let requests = job.output.output.iter().filter_map(|o| OutputRequest::parse(o, job.output.container()).ok());
    let missing = |path: &Path| path.parent().is_some_and(|dir| !dir.as_os_str().is_empty() && !dir.is_dir());
    if !job.output.parents && requests.filter(|r| !r.folder).any(|r| missing(&r.path)) {
        line.push("-p".into());
    }
    (line != words[1..]).then(|| format!("\n  try: vrseg {}", quote::line(line)))
}

/// Whether an output is a single file.
fn is_file(output: &Path, container: &str) -> bool {
    OutputRequest::parse(output, container).is_ok_and(|request| !request.folder)
}

/// Another one of `all` that is as near as a slip.
fn near(value: &str, all: &[String]) -> Option<String> {
    let known = all.iter().any(|name| name == value);
    nearest(value, all.iter().map(String::as_str)).filter(|_| !known).map(str::to_owned)
}
