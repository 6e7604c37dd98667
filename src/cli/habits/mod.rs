//! Command lines as people type them: the words of other programs, commands with a slip in them, files without `-o`. Each
//! is answered with the line that was meant.
//!
//! [`read`] looks at the words before clap where clap would take them in another sense (`-hide_banner` is no `-h`), and
//! afterwards where it refuses them. `scan` takes a line apart, `foreign` knows other programs' options, `commands` other
//! names of commands, `line` puts the words where they belong, `values` puts values right, `refusal` says what clap found,
//! `remedy` puts right what only the job notices, `variables` looks at `VRSEG_*`.

mod commands;
mod foreign;
mod line;
mod refusal;
pub(super) mod remedy;
mod scan;
mod values;
pub(super) mod variables;

use super::args::{self, Cli};
use super::help;
use super::job::output_modes;
use super::job::outputs::OutputRequest;
use super::quote;
use crate::ui::address;
use clap::error::ErrorKind;
use clap::{ColorChoice, FromArgMatches};
use std::ffi::OsString;
use std::path::Path;

/// What a command line is.
pub(super) enum Reading {
    Run(Box<Cli>),
    /// Text for standard output; nothing else is to be done.
    Print(String),
    /// The page that is shown where nothing was requested.
    Page(String),
    /// What is wrong, and what to type instead.
    Refuse(String),
}

/// Reads the words of a command line, the program's name first.
pub(super) fn read(words: &[OsString], colors: ColorChoice) -> Reading {
    let Some(rest) = words.get(1..).filter(|rest| !rest.is_empty()) else {
        return Reading::Page(help::short());
    };
    if let Some(text) = help::version_requested(rest) {
        return Reading::Print(text);
    }
    let rest = match help_words(rest) {
        Ok(rest) => with_encoders(with_addresses(rest)),
        Err(refusal) => return Reading::Refuse(refusal),
    };
    let whole = || std::iter::once(OsString::from("vrseg")).chain(rest.iter().cloned());
    let repair = line::repair(&rest);
    if repair.is_certain() {
        return Reading::Refuse(answer(None, &repair));
    }
    let matches = help::fitted(args::command()).color(colors).try_get_matches_from(whole());
    match matches.and_then(|m| Cli::from_arg_matches(&m)) {
        Ok(cli) => match wrong_outputs(&cli, &rest) {
            Some(refusal) => Reading::Refuse(refusal),
            None => Reading::Run(Box::new(cli)),
        },
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp => Reading::Print(help::text(&rest, &error, colors)),
            ErrorKind::DisplayVersion => Reading::Print(error.to_string()),
            ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => Reading::Refuse(answer(None, &repair)),
            // Only a value is wrong: the rest stays as it was typed.
            _ if values::is_refused(&error) && repair.notes.is_empty() => {
                let line = values::accepted(&args::command(), &rest);
                let line = line.map(|line| format!("\n  try: vrseg {}", quote::line(line)));
                Reading::Refuse(answer(Some(&error), &repair) + &line.unwrap_or_default())
            }
            _ => Reading::Refuse(answer(Some(&error), &repair)),
        },
    }
}

/// What is wrong with the outputs of a line that can be put right, and the line.
fn wrong_outputs(cli: &Cli, words: &[OsString]) -> Option<String> {
    let outputs = &cli.job.output.output;
    let why = outputs.iter().find_map(|o| OutputRequest::parse(o, cli.job.output.container()).err())?;
    let mut line = Vec::with_capacity(words.len());
    for word in words {
        match output_modes::corrected(Path::new(word)).filter(|_| outputs.iter().any(|o| o.as_os_str() == word)) {
            Some(fixed) => {
                let mut fixed = fixed.into_iter().map(OsString::from);
                line.extend(fixed.next());
                fixed.for_each(|more| line.extend(["-o".into(), more]));
            }
            None => line.push(word.clone()),
        }
    }
    (line != words).then(|| format!("{why}\n  try: vrseg {}", quote::line(&line)))
}

/// The sentences about a refused line, and the line that was meant.
fn answer(error: Option<&clap::Error>, repair: &line::Repair) -> String {
    let notes = repair.notes.iter().map(|note| note.text.clone());
    let of_clap = error.and_then(|error| {
        // What is missing or unknown the words themselves tell better.
        let explained = matches!(error.kind(), ErrorKind::MissingRequiredArgument | ErrorKind::UnknownArgument);
        let explained = explained || matches!(error.kind(), ErrorKind::InvalidSubcommand | ErrorKind::ArgumentConflict);
        if explained && !repair.notes.is_empty() { None } else { refusal::sentence(error) }
    });
    let mut all: Vec<String> = of_clap.into_iter().chain(notes).collect();
    if all.is_empty() {
        all.extend(error.map(refusal::first_line));
    }
    let mut text = all.join("\n  ");
    match repair.shown() {
        Some(line) if !repair.notes.is_empty() => text += &format!("\n  try: {line}"),
        _ if error.is_none_or(|e| e.kind() == ErrorKind::UnknownArgument) => {
            text += &match repair.path.as_slice() {
                [] => "\n  vrseg -h lists the options".to_owned(),
                path => format!("\n  vrseg help {} explains it", path.join(" ")),
            };
        }
        _ => {}
    }
    text
}

/// The words, where help is requested as git and other programs have it: `help bench`, `bench help`, `--help bench`.
fn help_words(words: &[OsString]) -> Result<Vec<OsString>, String> {
    let is = |word: &OsString, names: &[&str]| names.iter().any(|name| word == name) && !Path::new(word).exists();
    let help = |path: Vec<String>| Ok(path.into_iter().map(OsString::from).chain(["--help".into()]).collect());
    let root = args::command();
    match words {
        [first] if is(first, &["help", "-help", "-?", "/?", "--usage", "--help-all"]) => help(Vec::new()),
        // As ffmpeg's longer help is requested.
        [first, more] if is(first, &["-h"]) && is(more, &["long", "full"]) => help(Vec::new()),
        [first, rest @ ..] if is(first, &["help", "--help", "-h"]) && !rest.is_empty() => {
            let (path, left) = line::command_path(&root, rest);
            match left {
                [] => help(path),
                _ if first != "help" => Ok(words.to_vec()),
                [word, ..] => Err(no_command(word, &path)),
            }
        }
        [.., last] if is(last, &["help"]) => {
            let (path, left) = line::command_path(&root, words);
            if left.len() == 1 && !path.is_empty() { help(path) } else { Ok(words.to_vec()) }
        }
        _ => Ok(words.to_vec()),
    }
}

fn no_command(word: &OsString, path: &[String]) -> String {
    let text = word.to_string_lossy();
    match commands::meaning(&text) {
        Some(commands::Meaning::Command(near)) if path.is_empty() => {
            format!("there is no command {text}\n  try: vrseg help {near}")
        }
        _ => format!("there is no command {}; vrseg -h lists them", quote::quoted(word)),
    }
}

/// The words, where a codec by the name of an encoder (`--codec libx264`, as users of ffmpeg type it) becomes an encoder.
fn with_encoders(mut words: Vec<OsString>) -> Vec<OsString> {
    let is_encoder = |name: &str| {
        let ends = ["_nvenc", "_vaapi", "_qsv", "_amf", "_ks", "_aw", "_vulkan"];
        name.starts_with("lib") || ends.iter().any(|end| name.ends_with(end))
    };
    for i in 0..words.len() {
        if words[i] == "--" {
            break;
        }
        let Some(word) = words[i].to_str() else { continue };
        match word.strip_prefix("--codec=") {
            Some(name) if is_encoder(name) => words[i] = format!("--encoder={name}").into(),
            _ if word == "--codec" && words.get(i + 1).and_then(|w| w.to_str()).is_some_and(is_encoder) => {
                words[i] = "--encoder".into();
            }
            _ => {}
        }
    }
    words
}

/// The words, where `--serve` and `--metrics` without an address get any free port of this machine.
fn with_addresses(words: Vec<OsString>) -> Vec<OsString> {
    let mut all = Vec::with_capacity(words.len());
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        let option = word == "--serve" || word == "--metrics";
        // A host alone gets any free port.
        let host = |next: &str| next == "localhost" || next.parse::<std::net::IpAddr>().is_ok();
        if option && words.peek().and_then(|next| next.to_str()).is_some_and(host) {
            let host = words.next().unwrap_or_default();
            let host = host.to_string_lossy();
            let host = if host.contains(':') { format!("[{host}]") } else { host.into_owned() };
            all.push(format!("{}={host}:0", word.to_string_lossy()).into());
            continue;
        }
        // A number, or a name with a port, is an address, right or wrong.
        let address = words.peek().and_then(|next| next.to_str()).is_some_and(|next| {
            let has_port = next.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u32>().is_ok());
            address::parse(next).is_ok() || next.parse::<f64>().is_ok() || has_port
        });
        all.push(if option && !address { format!("{}=0", word.to_string_lossy()).into() } else { word });
        if all.last().is_some_and(|last| last == "--") {
            all.extend(words);
            break;
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rewritten(line: &str) -> String {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let words = with_encoders(with_addresses(help_words(&words).expect("words")));
        words.iter().map(|w| w.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn words_are_rewritten_as_clap_reads_them() {
        for (line, want) in [
            ("help", "--help"),
            ("-help", "--help"),
            ("-h full", "--help"),
            ("help bench", "bench --help"),
            ("bench help", "bench --help"),
            ("--help cluster submit", "cluster submit --help"),
            ("a.mp4 -o b.mp4 --serve", "a.mp4 -o b.mp4 --serve=0"),
            ("--serve a.mp4 -o b.mp4", "--serve=0 a.mp4 -o b.mp4"),
            ("--serve 8000 a.mp4", "--serve 8000 a.mp4"),
            ("--serve localhost a.mp4", "--serve=localhost:0 a.mp4"),
            ("--serve ::1 a.mp4", "--serve=[::1]:0 a.mp4"),
            ("--serve host:99999 a.mp4", "--serve host:99999 a.mp4"),
            ("--codec libx264 a.mp4", "--encoder libx264 a.mp4"),
        ] {
            assert_eq!(rewritten(line), want);
        }
    }
}
