//! Options that no output would be any different for.

use crate::cli::args::JobArgs;
use crate::cli::exit::UsageError;
use crate::cli::job::inputs::is_picture;
use crate::cli::job::outputs::OutputRequest;
use vrseg_engine::settings::{Source, Sources};
use vrseg_media::Sequence;

/// Settings of one mode.
const OF_MODES: &[(&str, &str)] = &[
    ("output.key", "green"),
    ("output.tint", "overlay"),
    ("output.blur_strength", "blur"),
    ("output.fov", "passthrough"),
    ("output.alpha_channel", "passthrough"),
];

/// Refuses options for a mode that no output has, and names for folders where there is none. Only options: a file with
/// settings may be for many jobs.
///
/// # Errors
/// The first such option.
pub(super) fn check(
    args: &JobArgs,
    sources: &Sources,
    requests: &[OutputRequest],
    default_mode: &str,
) -> Result<(), UsageError> {
    let option = |name| match sources.of(name) {
        Source::Flag(option) => Some(*option),
        _ => None,
    };
    if requests.is_empty() {
        return Ok(());
    }
    let mut modes: Vec<&str> = requests.iter().map(|r| r.mode.unwrap_or(default_mode)).collect();
    modes.sort_unstable();
    modes.dedup();
    for (name, mode) in OF_MODES {
        if let Some(option) = option(name).filter(|_| !modes.contains(mode)) {
            return Err(UsageError(format!(
                "{option} is for the mode {mode}, and the output is {}; remove it, or use -o {mode}=PATH",
                modes.join(", ")
            )));
        }
    }
    if let (Some(option), false) = (option("output.name"), requests.iter().any(|r| r.folder)) {
        let path = requests.first().map(|r| r.path.display().to_string()).unwrap_or_default();
        return Err(UsageError(format!("{option} names files in a folder (-o out/), and {path} is a file")));
    }
    let pictures = |path: &std::path::PathBuf| is_picture(path) && Sequence::unless_file(path).is_some();
    if args.input.framerate.is_some() && !args.input.recursive && !args.input.named().any(pictures) {
        let why = "--framerate is for numbered pictures (in_%05d.png); a video has its own rate, which outputs keep";
        return Err(UsageError(why.to_owned()));
    }
    let stdout = requests.iter().any(|r| vrseg_media::is_stdout(&r.path));
    match &args.output.format {
        Some(format) if !stdout => Err(UsageError(format!(
            "--format {format} is the container of standard output (-o -); a file's follows from its name"
        ))),
        _ => Ok(()),
    }
}
