//! Completion of a command line by what is there: models, devices, encoders, modes, job folders, files. The scripts that
//! `vrseg completions` prints ask for it (`--line`), and keep clap's static list for where the program can't be asked.

mod scripts;
mod values;

pub(super) use scripts::script;

use super::args;
use super::quote;
use clap::{Arg, Command};
use values::Values;

/// What a shell replaces by a candidate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replaces {
    /// The word behind the last `=` or `:` (bash breaks words there).
    Fragment,
    /// The value (zsh knows the option before it).
    Value,
    /// The whole word (fish).
    Word,
}

/// The candidates for the last word of `line`, which ends where the cursor is. An option's candidates are without the
/// files that a shell would add.
pub(super) fn complete(line: &str, replaces: Replaces) -> Vec<String> {
    let Some((before, current)) = words(line) else { return Vec::new() };
    let (head, value) = split_word(&current);
    let mut found = candidates(&before, &current, &head, &value);
    found.dedup();
    let cut = match replaces {
        Replaces::Fragment => current.rfind(['=', ':']).map_or(0, |at| at + 1),
        Replaces::Value => head.len(),
        Replaces::Word => 0,
    };
    let whole = found.into_iter().map(|value| format!("{head}{value}"));
    whole.filter(|word| word.starts_with(&current)).filter_map(|word| word.get(cut..).map(str::to_owned)).collect()
}

/// The words behind the program's name, and the unfinished one.
fn words(line: &str) -> Option<(Vec<String>, String)> {
    // A quotation mark may still be open.
    let all = quote::split(line)
        .or_else(|_| quote::split(&format!("{line}\"")))
        .or_else(|_| quote::split(&format!("{line}'")));
    let mut all = all.ok()?;
    let open = !line.ends_with(char::is_whitespace) || line.ends_with("\\ ");
    let current = if open { all.pop().unwrap_or_default() } else { String::new() };
    (!all.is_empty()).then(|| (all.split_off(1), current))
}

/// The part of the unfinished word that stays whatever is chosen (`--model=`), and the rest.
fn split_word(current: &str) -> (String, String) {
    match current.split_once('=') {
        Some((option, value)) if option.starts_with("--") => (format!("{option}="), value.to_owned()),
        _ => (String::new(), current.to_owned()),
    }
}

fn candidates(before: &[String], current: &str, head: &str, value: &str) -> Vec<String> {
    let root = args::command();
    let (command, path, rest) = at(&root, before);
    let values = Values { line: before };
    if let Some(option) = head.strip_prefix("--") {
        let option =
            command.get_arguments().find(|a| Some(a.get_long().unwrap_or_default()) == option.strip_suffix('='));
        return option.map(|arg| values.of(arg, &path, value)).unwrap_or_default();
    }
    if let Some(arg) = rest.last().and_then(|last| open_option(command, last)) {
        return values.of(arg, &path, value);
    }
    if current.starts_with('-') {
        return options(command);
    }
    let named = rest.iter().filter(|word| !word.starts_with('-')).count();
    let commands = command.get_subcommands().filter(|c| !c.is_hide_set()).map(|c| c.get_name().to_owned());
    match path.first().map(String::as_str) {
        // Commands come first; a clip whose name begins like one is offered as well.
        None if rest.is_empty() => values::files(value, values::is_input).into_iter().chain(commands).collect(),
        None => values::files(value, values::is_input),
        Some(_) if command.has_subcommands() && rest.is_empty() => {
            // Where a command isn't needed, the first word may be its own instead: an input, or a model.
            let own = command.get_positionals().next().filter(|_| !command.is_subcommand_required_set());
            commands.chain(own.map(|arg| values.of(arg, &path, value)).unwrap_or_default()).collect()
        }
        Some(_) => {
            let all: Vec<&Arg> = command.get_positionals().collect();
            let arg = all.get(named).or(all.last());
            arg.map(|arg| values.of(arg, &path, value)).unwrap_or_default()
        }
    }
}

/// The command that the words lead to, its path, and what follows.
fn at<'a>(root: &'a Command, words: &'a [String]) -> (&'a Command, Vec<String>, &'a [String]) {
    let (mut command, mut path, mut rest) = (root, Vec::new(), words);
    while let Some((word, after)) = rest.split_first() {
        let Some(next) = command.find_subcommand(word) else { break };
        path.push(word.clone());
        (command, rest) = (next, after);
    }
    (command, path, rest)
}

/// The option that `word` is, where a value has to follow.
fn open_option<'a>(command: &'a Command, word: &str) -> Option<&'a Arg> {
    let accepts_value = |arg: &&Arg| arg.get_action().takes_values();
    if let Some(long) = word.strip_prefix("--") {
        let named =
            |arg: &&Arg| arg.get_long() == Some(long) || arg.get_all_aliases().is_some_and(|all| all.contains(&long));
        return command.get_arguments().find(named).filter(accepts_value);
    }
    let letter = word.strip_prefix('-')?.chars().last()?;
    command.get_arguments().find(|arg| arg.get_short() == Some(letter)).filter(accepts_value)
}

fn options(command: &Command) -> Vec<String> {
    let shown = command.get_arguments().filter(|arg| !arg.is_hide_set() && !arg.is_positional());
    let longs = shown.filter_map(|arg| arg.get_long().map(|long| format!("--{long}")));
    longs.chain(["--help".to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_offered_by_what_they_mean() {
        for (line, word) in [
            ("vrseg a.mp4 -o b.mp4 --model se", "selfie"),
            ("vrseg a.mp4 --device ", "openvino"),
            ("vrseg a.mp4 --device=tens", "--device=tensorrt"),
            ("vrseg a.mp4 -o al", "alpha="),
            ("vrseg a.mp4 --encoder libx", "libx265"),
            ("vrseg a.mp4 --codec av1 --preset ", "13"),
            ("vrseg a.mp4 --preset ver", "veryfast"),
            ("vrseg a.mp4 --profile ", "quality"),
            ("vrseg a.mp4 --crops rvm,sel", "rvm,selfie"),
            ("vrseg models r", "rvm"),
            ("vrseg models r", "remove"),
            ("vrseg models test r", "rvm"),
            ("vrseg b", "bench"),
            ("vrseg bench c", "compare"),
            ("vrseg cluster ", "submit"),
            ("vrseg config s", "show"),
            ("vrseg a.mp4 --prof", "--profile"),
            ("vrseg completions f", "fish"),
        ] {
            let found = complete(line, Replaces::Word);
            assert!(found.iter().any(|found| found == word), "{line}: {found:?}");
        }
        // Values that aren't files offer none; hidden options stay hidden.
        for line in ["vrseg a.mp4 --crf ", "vrseg bench --poi", "vrseg a.mp4 -o matte=x --threads "] {
            assert_eq!(complete(line, Replaces::Word), [""; 0], "{line}");
        }
    }

    #[test]
    fn shells_get_the_part_that_they_replace() {
        assert_eq!(complete("vrseg a.mp4 --device=tens", Replaces::Fragment), ["tensorrt"]);
        assert_eq!(complete("vrseg a.mp4 --device=tens", Replaces::Value), ["tensorrt"]);
        assert_eq!(complete("vrseg a.mp4 --prof", Replaces::Fragment), ["--profile"]);
    }
}
