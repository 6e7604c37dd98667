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
    ("person", "people"),
    ("persons", "people"),
    ("faces", "people"),
    ("edit", "review"),
    ("correct", "review"),
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
    ("install", "models install"),
    ("uninstall", "models remove"),
    ("completion", "completions"),
    ("manpage", "man"),
    ("manual", "man"),
];

/// Words behind a command that mean another of its commands.
const BELOW: &[(&str, &[&str], &str)] = &[
    ("models", &["list", "ls", "show-all", "all"], ""),
    ("models", &["download", "get", "fetch", "pull", "setup"], "install"),
    ("models", &["uninstall", "delete", "rm", "del"], "remove"),
    ("models", &["check", "try", "verify"], "test"),
    ("models", &["import", "register", "new"], "add"),
    ("config", &["set", "create", "new", "edit", "write", "save"], "init"),
    ("config", &["get", "list", "print", "dump"], "show"),
    ("config", &["check", "test", "lint"], "validate"),
    ("config", &["file", "where", "location"], "path"),
    ("cache", &["status", "info", "size", "show", "list"], "stats"),
    ("cache", &["delete", "rm", "remove", "empty", "clean", "purge", "flush", "reset"], "clear"),
    ("cache", &["check", "test"], "verify"),
    ("cluster", &["run", "start", "send"], "submit"),
    ("cluster", &["stop", "kill", "abort"], "cancel"),
    ("cluster", &["retry", "continue"], "resume"),
    ("cluster", &["list", "show", "info"], "status"),
];

/// The command below `command` that `word` means; empty for `command` itself.
pub(super) fn below(command: &str, word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    let row = BELOW.iter().find(|(of, words, _)| *of == command && words.contains(&word.as_str()));
    row.map(|(.., meant)| *meant)
}

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
    "greenscreen",
    "green-screen",
    "matting",
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
    "people",
    "preview",
    "review",
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

    fn root() -> clap::Command {
        Cli::command()
    }

    #[test]
    fn every_command_is_known_by_name() {
        let root = root();
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
        for (command, _, meant) in BELOW {
            let of = root().find_subcommand(command).expect("a command").clone();
            assert!(meant.is_empty() || of.find_subcommand(meant).is_some(), "{command} {meant}");
        }
        assert_eq!(below("models", "Download"), Some("install"));
        assert_eq!(meaning("process"), Some(Meaning::Job));
        assert_eq!(meaning("holiday"), None);
    }
}
