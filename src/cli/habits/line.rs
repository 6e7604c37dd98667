//! The line that was meant: what a refused command line becomes when its words are put where they belong.

use super::commands::{self, Meaning, PLACES};
use super::scan::{self, Note, Scan, scan};
use super::values;
use crate::cli::args;
use crate::cli::job::inputs::{check_file, is_picture, looks_like_media};
use crate::cli::job::outputs::carries_alpha;
use crate::cli::quote;
use clap::Command;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// What is to be said about a line.
#[derive(Debug, Default)]
pub(super) struct Repair {
    /// What was wrong, the first first.
    pub notes: Vec<Note>,
    /// A line that vrseg accepts, without the program's name.
    pub line: Option<Vec<OsString>>,
    /// The command that was meant; empty for the main job.
    pub path: Vec<String>,
}

impl Repair {
    /// Whether the line would be understood in another sense than it was meant.
    pub(super) fn is_certain(&self) -> bool {
        self.notes.iter().any(|note| note.certain)
    }

    /// The line for a shell.
    pub(super) fn shown(&self) -> Option<String> {
        self.line.as_ref().map(|words| format!("vrseg {}", quote::line(words)))
    }
}

/// Reads the words behind the program's name.
pub(super) fn repair(words: &[OsString]) -> Repair {
    let root = args::command();
    let (path, rest) = command_path(&root, words);
    if path.is_empty() { main_job(&root, words) } else { of_command(&root, &path, rest) }
}

/// The command that a line begins with, and the words behind it.
pub(super) fn command_path<'a>(root: &Command, words: &'a [OsString]) -> (Vec<String>, &'a [OsString]) {
    let (mut path, mut rest, mut command) = (Vec::new(), words, root);
    while let Some((word, after)) = rest.split_first() {
        let Some(next) = word.to_str().and_then(|word| command.find_subcommand(word)) else { break };
        path.push(next.get_name().to_owned());
        (command, rest) = (next, after);
    }
    (path, rest)
}

fn find<'a>(root: &'a Command, path: &[String]) -> &'a Command {
    path.iter().fold(root, |command, name| command.find_subcommand(name).unwrap_or(command))
}

/// A word that could be a command: no path, and no file of that name.
fn is_bare(word: &OsStr) -> bool {
    let text = word.to_string_lossy();
    !text.is_empty() && !text.contains(['/', '.', ':', '=', '%']) && text != "-" && !Path::new(word).exists()
}

fn note(text: String) -> Note {
    Note { text, certain: false }
}

fn certain(text: String) -> Note {
    Note { text, certain: true }
}

fn main_job(root: &Command, words: &[OsString]) -> Repair {
    if let Some(whole) = one_word(words) {
        let repaired = main_job(root, &whole);
        let text = "the whole line stands between quotation marks, so it is one word".to_owned();
        let line = repaired.line.or_else(|| accepted(root, whole));
        return Repair { notes: vec![certain(text)], line, path: Vec::new() };
    }
    let mut found = scan(root, words);
    bare_options(root, &mut found);
    if let Some(command) = found.command {
        return Repair { line: accepted(root, vec![command.into()]), notes: found.notes, path: Vec::new() };
    }
    let at = found.files.iter().position(|word| is_bare(word) && as_command(word).is_some());
    if let Some(at) = at {
        let word = found.files.remove(at);
        let shown = quote::quoted(&word);
        match as_command(&word) {
            // In the midst of a job's files and outputs a command is a slip.
            Some(Meaning::Command(command)) if at == 0 || !has_output(&found) => {
                let path: Vec<String> = command.split(' ').map(str::to_owned).collect();
                let exact = root.find_subcommand(&word).is_some();
                let command_has = |words: &&Vec<OsString>| has_option(find(root, &path), words);
                let options = found.options.iter().filter(command_has).flatten().cloned();
                let rest: Vec<_> = options.chain(found.inputs.clone()).chain(found.files.clone()).collect();
                let repaired = of_command(root, &path, &rest);
                let text = if exact {
                    format!("{shown} is a command, and commands come first")
                } else {
                    format!("{shown} is neither a file nor a command; did you mean `vrseg {command}`?")
                };
                return Repair { notes: vec![certain(text)], ..repaired };
            }
            Some(Meaning::Command(_)) => {
                found.notes.push(certain(format!("{shown} is a command, and a job's line has none")));
            }
            _ => found.notes.push(certain(format!("{shown} is neither a file nor a command; a job needs no command"))),
        }
        // rembg's and ffmpeg's own names may stand before another verb.
        found.files.retain(|word| !(is_bare(word) && as_command(word) == Some(Meaning::Job)));
    }
    let line = job_line(&mut found);
    let line = line.and_then(|line| accepted(root, line));
    Repair { notes: found.notes, line, path: Vec::new() }
}

/// The words of a line that came as one.
fn one_word(words: &[OsString]) -> Option<Vec<OsString>> {
    let [one] = words else { return None };
    let text = one.to_str().filter(|text| text.contains(" -") && !Path::new(text).exists())?;
    Some(quote::split(text).ok()?.into_iter().map(OsString::from).collect())
}

/// Whether a command has the option that these words begin with.
fn has_option(command: &Command, words: &[OsString]) -> bool {
    scan(command, words).notes.is_empty()
}

/// What a word means as a command, its own name included.
fn as_command(word: &OsStr) -> Option<Meaning> {
    let text = word.to_str()?;
    let exact = commands::PATHS.iter().find(|name| **name == text).map(|name| Meaning::Command(name));
    exact.or_else(|| commands::meaning(text))
}

fn has_output(found: &Scan) -> bool {
    found.options.iter().any(|words| {
        let first = words.first().map(|w| w.to_string_lossy()).unwrap_or_default();
        first == "--output" || first.starts_with("--output=") || (first.starts_with("-o") && !first.starts_with("--"))
    })
}

fn has(found: &Scan, names: &[&str]) -> bool {
    found.options.iter().flatten().any(|word| names.iter().any(|name| word == name))
}

/// The main job's line. A missing output is the last file that isn't there yet, or a name is proposed.
fn job_line(found: &mut Scan) -> Option<Vec<OsString>> {
    let mut inputs = found.inputs.clone();
    let mut files = found.files.clone();
    let mut output = None;
    if !has_output(found) {
        let new = |file: &OsString| {
            !Path::new(file).exists() && (looks_like_media(&file.to_string_lossy()) || ends_in_slash(file))
        };
        let is_output = !inputs.is_empty() || files.len() > 1;
        if is_output && files.last().is_some_and(|last| new(last) || found.inputs.len() == 1 && files.len() == 1) {
            output = files.pop();
        }
        inputs.append(&mut files);
        if inputs.is_empty() {
            found.notes.push(note(NO_INPUT.to_owned()));
            return None;
        }
        missing(&inputs, &mut found.notes);
        let named = output.is_some();
        let first = inputs.first().cloned().unwrap_or_default();
        let proposed = output.unwrap_or_else(|| proposal(&inputs, found.mode));
        let many = inputs.len() > 1 && !ends_in_slash(&proposed);
        let proposed = if many { OsString::from("out/") } else { proposed };
        if found.notes.is_empty() || !named {
            found.notes.push(note("no output given; use -o".to_owned()));
        }
        if Path::new(&first).is_dir() && !has(found, &["-r", "--recursive"]) {
            found.options.push(vec!["-r".into()]);
        }
        let mut whole = OsString::from(found.mode.map_or(String::new(), |mode| format!("{mode}=")));
        whole.push(with_alpha(found, proposed));
        found.options.insert(0, vec!["-o".into(), whole]);
    } else {
        inputs.append(&mut files);
        if inputs.is_empty() {
            found.notes.push(note(NO_INPUT.to_owned()));
            return None;
        }
        if let Some(mode) = found.mode {
            found.options.push(vec!["--mode".into(), mode.into()]);
        }
        let alpha = found.mode == Some("alpha");
        for words in &mut found.options {
            if let [option, path] = &mut words[..]
                && option == "-o"
                && alpha
                && !carries_alpha(Path::new(path))
                && looks_like_media(&path.to_string_lossy())
            {
                *path = Path::new(path).with_extension("mov").into_os_string();
            }
        }
    }
    Some(inputs.into_iter().chain(found.options.iter().flatten().cloned()).collect())
}

const NO_INPUT: &str = "no input given: vrseg IN.mp4 -o OUT.mp4";

/// A line whose inputs aren't there won't do either.
fn missing(inputs: &[OsString], notes: &mut Vec<Note>) {
    let wrong = inputs.iter().filter(|input| *input != "-").filter_map(|input| {
        let path = Path::new(input);
        if path.is_dir() { None } else { check_file(path).err() }
    });
    notes.extend(wrong.map(|why| note(why.to_string())));
}

fn ends_in_slash(word: &OsStr) -> bool {
    word.as_encoded_bytes().ends_with(b"/")
}

/// A name for an output that has none.
fn proposal(inputs: &[OsString], mode: Option<&str>) -> OsString {
    match inputs {
        [one] if Path::new(one).is_dir() => "out/".into(),
        [one] if is_picture(Path::new(one)) => "out.png".into(),
        [_] if mode == Some("alpha") => "out.mov".into(),
        [_] => "out.mp4".into(),
        _ => "out/".into(),
    }
}

/// An output that `--mode alpha` asks for, in a container that has an alpha channel.
fn with_alpha(found: &Scan, output: OsString) -> OsString {
    let alpha = found.mode == Some("alpha") || has(found, &["alpha"]);
    if alpha && !ends_in_slash(&output) && !carries_alpha(Path::new(&output)) {
        return Path::new(&output).with_extension("mov").into_os_string();
    }
    output
}

/// The line of a command: files that it doesn't take go to the options that do.
fn of_command(root: &Command, path: &[String], words: &[OsString]) -> Repair {
    let command = find(root, path);
    let first = words.first().filter(|word| is_bare(word) && command.find_subcommand(word).is_none());
    if let [of] = path
        && let Some(meant) = first.and_then(|word| commands::below(of, &word.to_string_lossy()))
    {
        let word = words[0].to_string_lossy();
        let line: Vec<OsString> = [of.as_str(), meant].iter().filter(|w| !w.is_empty()).map(OsString::from).collect();
        let whole = quote::line(&line);
        let with = line.iter().cloned().chain(words[1..].iter().cloned()).collect();
        let text = format!("vrseg {of} has no command {word}; did you mean `vrseg {whole}`?");
        let line = accepted(root, with).or_else(|| accepted(root, line));
        return Repair { line, notes: vec![certain(text)], path: path.to_vec() };
    }
    if command.has_subcommands() && command.is_subcommand_required_set() {
        return of_group(command, path, words);
    }
    let whole = path.join(" ");
    if command.get_name() == "plan" || command.get_name() == "submit" {
        let mut found = scan(command, words);
        let line = job_line(&mut found).map(|line| path.iter().map(OsString::from).chain(line).collect());
        let line = line.and_then(|line| accepted(root, line));
        return Repair { line, notes: found.notes, path: path.to_vec() };
    }
    let mut found = scan(command, words);
    bare_options(command, &mut found);
    let mut notes = found.notes;
    let max_values = |arg: &clap::Arg| arg.get_num_args().map_or(1, |n| n.max_values());
    let capacity: usize = command.get_positionals().map(max_values).fold(0, usize::saturating_add);
    let mut files: Vec<OsString> = found.inputs.into_iter().chain(found.files).collect();
    let surplus = files.split_off(capacity.min(files.len()));
    let place = PLACES.iter().find(|place| place.command == whole);
    let mut options = found.options;
    let has_option =
        |options: &[Vec<OsString>], name: &str| options.iter().any(|o| o.first().is_some_and(|first| first == name));
    let mut slots = place.map_or(&[][..], |place| place.options).iter();
    for file in surplus {
        let shown = quote::quoted(&file);
        match slots.find(|slot| !has_option(&options, slot)) {
            Some(slot) => {
                notes.push(note(format!("{shown} belongs to {slot}")));
                options.push(vec![(*slot).into(), file]);
            }
            None => notes.push(note(format!("vrseg {whole} doesn't accept {shown}"))),
        }
    }
    if let Some((option, example)) = place.and_then(|place| place.needs)
        && !has_option(&options, option)
        && !has_option(&options, "--output")
    {
        notes.push(note(format!("no output given; use {option}")));
        options.push(vec![option.into(), example.into()]);
    }
    let line = path.iter().map(OsString::from).chain(files).chain(options.into_iter().flatten()).collect();
    Repair { line: accepted(root, line), notes, path: path.to_vec() }
}

/// Words that are an option without its dashes: `quick`, `profile=fast`.
fn bare_options(command: &Command, found: &mut Scan) {
    let (mut files, mut options) = (Vec::new(), Vec::new());
    for word in std::mem::take(&mut found.files) {
        let text = word.to_string_lossy().into_owned();
        let (name, value) = text.split_once('=').map_or((text.as_str(), None), |(name, value)| (name, Some(value)));
        let arg = scan::long_option(command, name).filter(|arg| scan::accepts_value(arg) == value.is_some());
        if arg.is_none() || Path::new(&word).exists() || commands::PATHS.contains(&name) {
            files.push(word);
            continue;
        }
        found.notes.push(certain(format!("{} is an option here: --{name}", quote::quoted(&word))));
        options
            .push(std::iter::once(format!("--{name}")).chain(value.map(str::to_owned)).map(OsString::from).collect());
    }
    found.files = files;
    found.options.append(&mut options);
}

/// A command that only has commands of its own below it.
fn of_group(command: &Command, path: &[String], words: &[OsString]) -> Repair {
    let names: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    let whole = path.join(" ");
    let word = words.first().map(|w| w.to_string_lossy()).unwrap_or_default();
    let near = crate::cli::near::nearest(&word, names.iter().copied());
    let begin = if word.is_empty() {
        format!("vrseg {whole} needs one of its commands")
    } else {
        format!("vrseg {whole} has no command {word}")
    };
    let text = format!("{begin}: {}", names.join(", "));
    let line = near.map(|near| {
        let rest = words.iter().skip(1).cloned();
        path.iter().map(OsString::from).chain(std::iter::once(near.into())).chain(rest).collect()
    });
    Repair { notes: vec![note(text)], line, path: path.to_vec() }
}

/// The line, where clap accepts it, its values put right where they were refused.
fn accepted(root: &Command, line: Vec<OsString>) -> Option<Vec<OsString>> {
    values::accepted(root, &line)
}
