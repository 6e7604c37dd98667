//! Words that stand where a command could: other names of commands, slips of the finger, and verbs of programs whose main
//! job needs one.

use crate::cli::near::nearest;

/// What a word means that is neither a file nor a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// These words of a command.
    Command(&'static str),
    /// The main job, which has no command.
    Job,
}

/// Words that mean a command of another name.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("benchmark", "bench"),
    ("speed", "bench"),
    ("perf", "bench"),
    ("info", "probe"),
    ("inspect", "probe"),
    ("identify", "probe"),
    ("mediainfo", "probe"),
    ("ffprobe", "probe"),
    ("analyze", "probe"),
    ("show", "probe"),
    ("list", "models"),
    ("ls", "models"),
    ("list-models", "models"),
    ("listmodels", "models"),
    ("download", "models"),
    ("networks", "models"),
    ("devices", "hardware"),
    ("list-devices", "hardware"),
    ("list-gpus", "hardware"),
    ("gpu", "hardware"),
    ("gpus", "hardware"),
    ("hw", "hardware"),
    ("system", "hardware"),
    ("encoders", "hardware"),
    ("check", "doctor"),
    ("diagnose", "doctor"),
    ("diagnostics", "doctor"),
    ("health", "doctor"),
    ("selftest", "doctor"),
    ("verify", "doctor"),
    ("tune", "optimize"),
    ("autotune", "optimize"),
    ("optimise", "optimize"),
    ("settings", "config"),
    ("configure", "config"),
    ("configuration", "config"),
    ("score", "eval"),
    ("metrics", "eval"),
    ("evaluate", "eval"),
    ("evaluation", "eval"),
    ("compare", "eval"),
    ("measure", "eval"),
    ("extract", "unpack"),
    ("depack", "unpack"),
    ("thumbnail", "preview"),
    ("thumbnails", "preview"),
    ("sheet", "preview"),
    ("contact-sheet", "preview"),
    ("join", "merge"),
    ("concat", "merge"),
    ("worker", "work"),
    ("shell", "interactive"),
    ("repl", "interactive"),
    ("console", "interactive"),
    ("prompt", "interactive"),
    ("slurm", "cluster"),
    ("submit", "cluster submit"),
    ("status", "cluster status"),
    ("cancel", "cluster cancel"),
    ("resume", "cluster resume"),
    ("clear-cache", "cache clear"),
    ("clean", "cache clear"),
    ("completion", "completions"),
    ("manpage", "man"),
    ("manual", "man"),
];

/// Verbs that other programs have before a job.
const VERBS: &[&str] = &[
    "run",
    "process",
    "convert",
    "start",
    "encode",
    "transcode",
    "render",
    "apply",
    "make",
    "do",
    "job",
    "exec",
    "segment",
    "remove",
    "remove-bg",
    "removebg",
    "rembg",
    "i",
    "p",
    "b",
    "video",
    "image",
    "file",
    "key",
    "keyed",
    "cutout",
    "infer",
    "predict",
    "create",
    "generate",
    "export",
    "batch",
    "go",
    "green",
    "matte",
    "alpha",
    "blur",
    "replace",
    "overlay",
    "passthrough",
    "mask",
    "ffmpeg",
    "vrseg",
];

/// What `word` means where no file has that name.
pub(super) fn meaning(word: &str) -> Option<Meaning> {
    let word = word.to_lowercase().replace('_', "-");
    if let Some((_, command)) = OTHER_NAMES.iter().find(|(other, _)| *other == word) {
        return Some(Meaning::Command(command));
    }
    if VERBS.contains(&word.as_str()) {
        return Some(Meaning::Job);
    }
    nearest(&word, PATHS.iter().copied()).map(Meaning::Command)
}

/// The commands' names; a test compares them with clap's.
pub(super) const PATHS: &[&str] = &[
    "models",
    "probe",
    "preview",
    "eval",
    "hardware",
    "doctor",
    "optimize",
    "bench",
    "config",
    "unpack",
    "plan",
    "work",
    "merge",
    "cluster",
    "interactive",
    "cache",
    "completions",
    "man",
];

/// Where a command's surplus files belong, and the option that it needs and what its value may be.
pub(super) struct Place {
    pub command: &'static str,
    /// Options for files, in the order in which people name them.
    pub options: &'static [&'static str],
    /// An option without which it can't start, and an example of its value.
    pub needs: Option<(&'static str, &'static str)>,
}

pub(super) const PLACES: &[Place] = &[
    Place { command: "bench", options: &["--input"], needs: None },
    Place { command: "optimize", options: &["--input"], needs: None },
    Place { command: "eval", options: &["--pred", "--truth"], needs: None },
    Place { command: "preview", options: &["-o"], needs: Some(("-o", "sheet.png")) },
    Place { command: "unpack", options: &["-o"], needs: Some(("-o", "matte.mkv")) },
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Cli;
    use clap::CommandFactory;

    #[test]
    fn every_command_is_known_by_name() {
        let root = Cli::command();
        let mut all: Vec<_> = root.get_subcommands().map(|c| c.get_name().to_owned()).collect();
        all.sort_unstable();
        let mut known = PATHS.to_vec();
        known.sort_unstable();
        assert_eq!(all, known);
        for (other, command) in OTHER_NAMES {
            let first = command.split(' ').next().unwrap_or_default();
            assert!(known.contains(&first) && !known.contains(other), "{other}");
        }
    }

    #[test]
    fn near_words_mean_commands() {
        for (word, want) in [("prob", "probe"), ("model", "models"), ("benchmark", "bench"), ("Preveiw", "preview")] {
            assert_eq!(meaning(word), Some(Meaning::Command(want)), "{word}");
        }
        assert_eq!(meaning("process"), Some(Meaning::Job));
        assert_eq!(meaning("holiday"), None);
    }
}
