//! What is refused before any work: formats that contradict each other, backgrounds that are missing, outputs that
//! would be written over something.

use super::batch::Batch;
use crate::cli::args::JobArgs;
use crate::cli::exit::{UsageError, complaints};
use crate::cli::io::stdout_is_open;
use crate::cli::job::inputs;
use crate::cli::job::outputs::{OutputRequest, canonical_place};
use crate::cli::quote::quoted;
use std::collections::HashMap;
use std::fs;
use std::io::{self, IsTerminal};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use vrseg_engine::Job;
use vrseg_engine::segments;
use vrseg_engine::settings::{Sources, values};
use vrseg_media::Sequence;
use vrseg_media::pictures::{self, Written};

/// Of a projection and a field of view that don't go together the stronger layer's word counts; of
/// the same layer they are a contradiction.
pub(super) fn check_format(sources: &Sources) -> Result<(), UsageError> {
    let (fov, projection) = (sources.get("vr.fov"), sources.get("vr.projection"));
    let other = projection.as_str().is_some_and(|p| !matches!(p, "auto" | "fisheye"));
    let same = sources.of("vr.fov").layer() == sources.of("vr.projection").layer();
    if other && same && !fov.is_null() {
        return Err(UsageError(format!(
            "a field of view ({fov}) is for a fisheye, but the projection is {}; remove --fov, or set --projection fisheye",
            projection.as_str().unwrap_or_default()
        )));
    }
    Ok(())
}

/// Standard output can carry one thing, and `--format` is for it.
pub(super) fn check_standard_streams(args: &JobArgs, requests: &[OutputRequest]) -> Result<(), UsageError> {
    let outputs = requests.iter().filter(|r| vrseg_media::is_stdout(&r.path)).count();
    let wrong = match outputs {
        0 => return Ok(()),
        1 if !stdout_is_open() => "standard output is closed, so -o - has nowhere to go",
        1 if io::stdout().is_terminal() => {
            "standard output is a terminal; pipe the video to a program (vrseg ... -o - | ...)"
        }
        1 if args.messages.json => "--json and -o - would both write to standard output; write one of them to a file",
        1 => return Ok(()),
        _ => "two outputs can't both go to standard output; write one of them to a file",
    };
    Err(UsageError(wrong.to_owned()))
}

pub(super) fn check_background(
    args: &JobArgs,
    requests: &[OutputRequest],
    default_mode: &str,
) -> Result<(), UsageError> {
    let replaces = requests.iter().any(|r| r.mode.unwrap_or(default_mode) == "replace");
    match &args.output.background {
        None if replaces => {
            Err(UsageError("replace needs --background FILE, the picture or video behind the person".to_owned()))
        }
        Some(_) if !replaces => Err(UsageError(
            "--background is for replace, but no output has that mode; use -o replace=PATH or --mode replace"
                .to_owned(),
        )),
        Some(path) => match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => Err(UsageError(format!("--background {}: is a folder", path.display()))),
            Ok(_) => Ok(()),
            Err(_) if values::color(&path.to_string_lossy()).is_some() => {
                let color = quoted(path.as_os_str());
                Err(UsageError(format!(
                    "--background {color}: is a color, and this is the picture or video behind the person; a plain color \
                     is --mode green --key {color}"
                )))
            }
            Err(e) => Err(UsageError(format!("--background {}: {}", path.display(), inputs::reason(&e)))),
        },
        None => Ok(()),
    }
}

/// Refuses outputs that would be written over each other, over an input or over the background.
pub(super) fn check_places(jobs: &[Job], args: &JobArgs) -> Result<(), UsageError> {
    // By device and inode too: a hard link is the same file under another name.
    let identity = |path: &Path| fs::metadata(path).ok().map(|m| (m.dev(), m.ino()));
    let sources: Vec<_> = jobs.iter().map(|j| &j.input).chain(&args.output.background).collect();
    let places: HashMap<_, _> = sources.iter().map(|p| (canonical_place(p), *p)).collect();
    let inodes: HashMap<_, _> = sources.iter().filter_map(|p| Some((identity(p)?, *p))).collect();
    let mut taken: HashMap<PathBuf, &Path> = HashMap::new();
    let all = jobs.iter().flat_map(|job| &job.outputs).map(|o| o.path.as_path());
    let numbered: Vec<(&Path, Sequence)> = all.filter_map(|path| Some((path, Sequence::of(path)?))).collect();
    let mut problems = Vec::new();
    for job in jobs {
        for output in &job.outputs {
            let (path, place) = (&output.path, canonical_place(&output.path));
            let pictures = || sources.iter().find(|source| share_pictures(source, path));
            let source = places.get(&place).or_else(|| inodes.get(&identity(path)?)).or_else(pictures);
            if let Some(source) = source {
                let same =
                    if *source == path { "an input".to_owned() } else { format!("the input {}", source.display()) };
                problems.push(format!("{}: this output is {same} itself", path.display()));
            } else if let Some(other) = numbered.iter().find(|(other, sequence)| same_numbers((other, sequence), path))
            {
                problems.push(format!("{}: would be written twice, as {} too", path.display(), other.0.display()));
            } else if let Some(other) = taken.insert(place, &job.input) {
                let of = if other == job.input {
                    format!("two outputs of {}", other.display())
                } else {
                    format!("{} and {}", other.display(), job.input.display())
                };
                problems.push(format!("{}: would be written twice, from {of}", path.display()));
            }
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(complaints("some outputs can't be written:", &problems)) }
}

/// Whether another output's numbered pictures could have this one's name, or those of its numbered pictures.
fn same_numbers((other, sequence): (&Path, &Sequence), path: &Path) -> bool {
    other != path && (Sequence::of(path).is_some_and(|own| own.overlaps(sequence)) || sequence.contains(path))
}

/// Whether pictures of an output would have the names of a source's: one of them at least is a numbered sequence.
fn share_pictures(source: &Path, output: &Path) -> bool {
    let any_of = |path: &Path| match Sequence::unless_file(path) {
        Some(sequence) => sequence.first().map(|number| sequence.file(number)),
        None => Some(path.to_owned()),
    };
    let written = Sequence::unless_file(output).zip(any_of(source));
    written.is_some_and(|(sequence, file)| sequence.contains(&file))
        || Sequence::unless_file(source).is_some_and(|sequence| sequence.contains(output))
}

/// Handles outputs that exist: replaced with `-y`, left with `-n`, else refused. One that an interrupted run ended early
/// is not finished: `-n` makes it.
pub(super) fn handle_existing(jobs: Vec<Job>, args: &JobArgs) -> Result<Batch, UsageError> {
    let mut batch = Batch::default();
    let mut problems = Vec::new();
    for mut job in jobs {
        let states: Vec<_> = job.outputs.iter().map(|o| existing(&o.path, &job)).collect();
        let paths = job.outputs.iter().map(|o| o.path.as_path());
        let of = |wanted| paths.clone().zip(&states).find(|(_, s)| **s == wanted).map(|(path, _)| path.to_owned());
        if let Some(path) = of(Existing::NoFile) {
            problems.push(format!("{}: exists and is not a regular file", path.display()));
        }
        let (finished, early) = (of(Existing::Finished), of(Existing::EndedEarly));
        if args.output.no_overwrite {
            job.overwrite = early.is_some();
            if let Some(path) = finished {
                // What is missing is made alone.
                let mut states = states.iter();
                job.outputs.retain(|_| states.next() != Some(&Existing::Finished));
                let list = if job.outputs.is_empty() { &mut batch.skipped } else { &mut batch.left };
                list.push((job.input.clone(), path));
            }
            if !job.outputs.is_empty() {
                batch.jobs.push(job);
            }
            continue;
        }
        match (early, finished) {
            _ if args.output.overwrite => batch.jobs.push(job),
            (Some(path), _) => {
                problems.push(format!("{}: exists and is incomplete; -n finishes it, -y replaces it", path.display()))
            }
            (None, Some(path)) => problems
                .push(format!("{}: exists; -y replaces it, -n skips inputs whose outputs exist", path.display())),
            (None, None) => batch.jobs.push(job),
        }
    }
    if problems.is_empty() { Ok(batch) } else { Err(complaints("some outputs can't be written:", &problems)) }
}

/// What is at an output's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Existing {
    /// Nothing, or what an earlier run made of its first segments, which is resumed.
    Nothing,
    /// A video that an interrupted run ended early.
    EndedEarly,
    /// A file, or a link that leads nowhere.
    Finished,
    /// Something that can't be written at all.
    NoFile,
}

fn existing(path: &Path, job: &Job) -> Existing {
    match pictures::written_before(path) {
        Some(Written::InPart) => return Existing::EndedEarly,
        Some(Written::Whole) => return Existing::Finished,
        None => {}
    }
    let Ok(meta) = fs::metadata(path).or_else(|_| fs::symlink_metadata(path)) else { return Existing::Nothing };
    if !meta.is_file() && !meta.is_symlink() {
        return Existing::NoFile;
    }
    let resumed = job.outputs.first().is_some_and(|o| segments::made(&segments::beside(&o.path), path));
    match resumed {
        true => Existing::Nothing,
        false if vrseg_media::ended_early(path) => Existing::EndedEarly,
        false => Existing::Finished,
    }
}
