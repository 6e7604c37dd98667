//! A command line taken apart: options that vrseg has, those of other programs, files.

use super::foreign::{self, Accepts, ForeignOption, Replacement};
use crate::cli::job::inputs::looks_like_media;
use crate::cli::near::nearest;
use crate::cli::quote;
use clap::{Arg, Command};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// What the words of a line are.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Options as vrseg takes them, each with its value.
    pub options: Vec<Vec<OsString>>,
    /// What was named by `-i`, or an option like it.
    pub inputs: Vec<OsString>,
    /// Words that are neither options nor their values.
    pub files: Vec<OsString>,
    /// What was wrong, a sentence each.
    pub notes: Vec<Note>,
    /// A command that was written as an option.
    pub command: Option<&'static str>,
    /// The mode of an output whose file isn't known yet.
    pub mode: Option<&'static str>,
}

/// Something wrong.
#[derive(Debug)]
pub(super) struct Note {
    pub text: String,
    /// vrseg would read the words in another sense, so it must not begin.
    pub certain: bool,
}

/// Splits `words` (without the program's and the command's) as `command` reads them.
pub(super) fn scan(command: &Command, words: &[OsString]) -> Scan {
    let mut scan = Scan::default();
    let mut rest = words;
    while let Some((word, mut after)) = rest.split_first() {
        if word == "--" {
            scan.files.extend(after.iter().cloned());
            break;
        }
        let typed = hyphens(word);
        if let Some(typed) = &typed {
            let (from, to) = (quote::quoted(word), typed.to_string_lossy());
            scan.note(format!("{from} begins with a dash that is no hyphen, as word processors write it: {to}"), true);
        }
        let word = typed.as_ref().unwrap_or(word);
        let text = word.to_string_lossy();
        let is_option = text.len() > 1 && text.starts_with('-') && !text[1..].starts_with(|c: char| c.is_ascii_digit());
        if !is_option {
            scan.files.push(word.clone());
        } else if let Some(taken) = own(command, &text, after).filter(|_| !misread(&text, after)) {
            let (values, left) = after.split_at(taken);
            scan.take_own(word, values);
            after = left;
        } else {
            let taken = scan.take_foreign(command, &text, after);
            after = &after[taken..];
        }
        rest = after;
    }
    scan
}

/// A word with hyphens in place of the dash that a word processor made of them: `–o`, `—output`.
fn hyphens(word: &OsStr) -> Option<OsString> {
    let name = word.to_str()?.strip_prefix(['\u{2013}', '\u{2014}', '\u{2212}'])?;
    let name = name.trim_start_matches('-');
    let begins = name.starts_with(char::is_alphabetic) && !Path::new(word).exists();
    let long = name.split('=').next().is_some_and(|name| name.chars().count() > 1);
    begins.then(|| format!("{}{name}", if long { "--" } else { "-" }).into())
}

/// How many words follow an option that the command has; nothing where it doesn't have it.
fn own(command: &Command, text: &str, after: &[OsString]) -> Option<usize> {
    if let Some(long) = text.strip_prefix("--") {
        let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        let arg = long_option(command, name)?;
        return Some(usize::from(value.is_none() && accepts_value(arg) && !after.is_empty()));
    }
    let letters: Vec<char> = text[1..].chars().collect();
    let name = text[1..].split('=').next().unwrap_or_default();
    // A long option with one dash, of another program or of vrseg's own.
    let is_long = foreign::find(name_of(name), 1).is_some() || long_option(command, &name.replace('_', "-")).is_some();
    if letters.len() > 1 && is_long {
        return None;
    }
    // A group of short options: the first that takes a value ends it.
    for (i, letter) in letters.iter().enumerate() {
        let built_in = matches!(letter, 'h' | 'V');
        let arg = command.get_arguments().find(|a| a.get_short() == Some(*letter));
        match arg {
            None if built_in => {}
            None => return None,
            Some(arg) if accepts_value(arg) => {
                return Some(usize::from(i + 1 == letters.len() && !after.is_empty()));
            }
            Some(_) => {}
        }
    }
    Some(0)
}

/// Whether an option of vrseg's is followed by what only another program's option of that name takes: `-c copy`.
fn misread(text: &str, after: &[OsString]) -> bool {
    const LEVELS: &[&str] = &["quiet", "panic", "fatal", "error", "warning", "info", "verbose", "debug", "trace"];
    const ENCODERS: &[&str] = &["copy", "h264", "hevc", "av1", "vp9", "prores", "ffv1", "h265", "x264", "x265"];
    let Some(next) = after.first().filter(|next| !Path::new(next).exists()) else { return false };
    let next = next.to_string_lossy();
    let number = next.parse::<f64>().is_ok();
    match text {
        "-c" => ENCODERS.contains(&&*next) || next.starts_with("lib") || next.ends_with("_nvenc"),
        "-v" => LEVELS.contains(&&*next) || number,
        "-r" | "-q" => number,
        _ => false,
    }
}

pub(super) fn long_option<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    let same =
        |arg: &&Arg| arg.get_long() == Some(name) || arg.get_all_aliases().is_some_and(|all| all.contains(&name));
    command.get_arguments().find(same)
}

pub(super) fn accepts_value(arg: &Arg) -> bool {
    arg.get_action().takes_values() && arg.get_num_args().is_none_or(|n| n.min_values() > 0)
}

/// FFmpeg's name of an option without the stream that it is for, but with its kind: `c:v:0` is `c:v`.
fn name_of(text: &str) -> &str {
    let mut colons = text.match_indices(':');
    colons.next();
    colons.next().map_or(text, |(at, _)| &text[..at])
}

impl Scan {
    fn note(&mut self, text: String, certain: bool) {
        self.notes.push(Note { text, certain });
    }

    fn take_own(&mut self, word: &OsStr, values: &[OsString]) {
        match (word.to_str(), values) {
            (Some("-i"), [input]) => self.inputs.push(input.clone()),
            _ => self.options.push(std::iter::once(word.to_owned()).chain(values.iter().cloned()).collect()),
        }
    }

    /// Reads an option that the command doesn't have; returns how many of the following words are its values.
    fn take_foreign(&mut self, command: &Command, text: &str, after: &[OsString]) -> usize {
        let dashes = text.bytes().take_while(|b| *b == b'-').count();
        let (name, inline) = text[dashes..].split_once('=').map_or((&text[dashes..], None), |(n, v)| (n, Some(v)));
        let name = name_of(name);
        let shown = format!("{}{name}", &text[..dashes]);
        let known =
            foreign::find(name, dashes).or_else(|| foreign::find(name.split(':').next().unwrap_or(name), dashes));
        // `-crf` of ffmpeg is `--crf`, and so are all others of the same name.
        let same = long_option(command, &name.replace('_', "-")).filter(|_| known.is_none());
        let longs = || command.get_arguments().filter(|a| !a.is_hide_set()).filter_map(Arg::get_long);
        let near = same.and_then(Arg::get_long).or_else(|| nearest(name, longs()).filter(|_| known.is_none()));
        let next = after.first().map(|next| next.to_string_lossy());
        let free = |next: &str| !next.starts_with('-') && !looks_like_media(next) && !Path::new(next).exists();
        if let Some(long) = near {
            let accepts = long_option(command, long).is_some_and(accepts_value);
            let value = inline.map(OsString::from).or_else(|| after.first().filter(|_| accepts).cloned());
            let taken = usize::from(inline.is_none() && value.is_some());
            self.options.push(std::iter::once(format!("--{long}").into()).chain(value).collect());
            let text = if same.is_some() { format!("{shown} is --{long} here") } else { unknown(&shown, long) };
            self.note(text, dashes == 1);
            return taken;
        }
        if let (1, None, Some(letter)) = (dashes, known, own_letter(command, name)) {
            let taken = usize::from(accepts_value(letter) && inline.is_none() && next.is_some());
            let short = format!("-{}", letter.get_short().unwrap_or_default());
            self.note(format!("there is no option {shown}; did you mean {short}?"), true);
            let value = inline.map(OsString::from).or_else(|| after.first().filter(|_| taken > 0).cloned());
            self.options.push(std::iter::once(short.into()).chain(value).collect());
            return taken;
        }
        let Some(known) = known else {
            self.note(format!("there is no option {shown}"), dashes == 1);
            return usize::from(inline.is_none() && next.is_some_and(|next| free(&next)));
        };
        let is_mode = matches!(known.replacement, Replacement::Mode(_));
        let follows = match known.accepts {
            _ if inline.is_some() => false,
            Accepts::Nothing => false,
            Accepts::Value => next.is_some(),
            Accepts::Optional => next.as_ref().is_some_and(|next| free(next) || is_mode && file_to_write(next)),
        };
        let value = inline.map(OsString::from).or_else(|| after.first().filter(|_| follows).cloned());
        self.translate(command, known, (name, &shown), value);
        usize::from(follows)
    }

    fn translate(
        &mut self,
        command: &Command,
        known: &ForeignOption,
        (name, shown): (&str, &str),
        value: Option<OsString>,
    ) {
        let certain = !shown.starts_with("--");
        let text = value.as_ref().map(|v| v.to_string_lossy().into_owned()).unwrap_or_default();
        // Of what a function translates, it says why something is dropped.
        let silent = known.note.is_empty() || matches!(known.replacement, Replacement::Convert(_));
        let note = if silent { String::new() } else { format!("; {}", known.note) };
        let option: Vec<OsString> = match known.replacement {
            Replacement::Words(words) => filled(&words.replace("NAME", name), value.as_deref()),
            // A file's name stays as it is, whatever its bytes.
            Replacement::Convert(function) => function(&text)
                .into_iter()
                .map(|word| value.clone().filter(|_| word == text).unwrap_or_else(|| word.into()))
                .collect(),
            Replacement::Mode(mode) => {
                match value.filter(|v| file_to_write(&v.to_string_lossy())) {
                    Some(file) => {
                        let mut output = OsString::from(format!("{mode}="));
                        output.push(file);
                        self.options.push(vec!["-o".into(), output]);
                    }
                    None => self.mode = Some(mode),
                }
                return self.note(format!("{shown} is the mode {mode}: -o {mode}=PATH{note}"), certain);
            }
            Replacement::Input => {
                self.inputs.extend(value);
                return self.note(format!("{shown} isn't needed: inputs have no option"), certain);
            }
            Replacement::Command(command) => {
                self.command = Some(command);
                return self.note(format!("{shown} is the command `vrseg {command}`"), certain);
            }
            Replacement::Ignored => Vec::new(),
        };
        let Some(first) = option.first() else {
            let text = match known.note {
                "" => format!("{shown} isn't needed here"),
                why => format!("{shown} isn't an option here: {why}"),
            };
            return self.note(text, certain);
        };
        // Another command's option is of no use in this one.
        if own(command, &first.to_string_lossy(), &option[1..]).is_none() {
            return self.note(format!("there is no option {shown}"), certain);
        }
        // What the user typed needn't be told again.
        let whole = !matches!(known.replacement, Replacement::Words(words) if words.contains("{}"));
        let named = if whole { quote::line(&option) } else { quote::quoted(first) };
        self.note(format!("{shown} is {named} here{note}"), certain);
        self.options.push(option);
    }
}

/// The option of one letter that is meant by the same letter in the other case.
fn own_letter<'a>(command: &'a Command, name: &str) -> Option<&'a Arg> {
    let mut letters = name.chars();
    let letter = letters.next().filter(|_| letters.next().is_none())?;
    let other = if letter.is_uppercase() { letter.to_lowercase().next()? } else { letter.to_uppercase().next()? };
    command.get_arguments().find(|arg| arg.get_short() == Some(other))
}

/// The words of a template; those with a place for a value only where there is one.
fn filled(template: &str, value: Option<&OsStr>) -> Vec<OsString> {
    let filled = template.split(' ').filter_map(|word| match (word.split_once("{}"), value) {
        (Some((before, after)), Some(value)) => {
            let mut whole = OsString::from(before);
            whole.push(value);
            whole.push(after);
            Some(whole)
        }
        (Some(_), None) => None,
        (None, _) => Some(word.into()),
    });
    filled.filter(|word| !word.is_empty()).collect()
}

fn unknown(shown: &str, long: &str) -> String {
    format!("there is no option {shown}; did you mean --{long}?")
}

/// Whether a word behind an option such as `--matte` is the file to be written.
fn file_to_write(word: &str) -> bool {
    looks_like_media(word) && !Path::new(word).exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Cli;
    use clap::CommandFactory;

    fn scanned(line: &str) -> (String, String, usize) {
        let words: Vec<OsString> = quote::split(line).expect("words").into_iter().map(OsString::from).collect();
        let scan = scan(&Cli::command(), &words);
        let options = quote::line(scan.options.iter().flatten());
        let files: Vec<_> = scan.inputs.iter().chain(&scan.files).map(|w| w.to_string_lossy().into_owned()).collect();
        (options, files.join(" "), scan.notes.len())
    }

    #[test]
    fn options_of_other_programs_are_translated() {
        let case = |line: &str, options: &str, files: &str, notes: usize| {
            assert_eq!(scanned(line), (options.to_owned(), files.to_owned(), notes), "{line}");
        };
        case("-hide_banner -loglevel error -i a.mp4 b.mp4", "-q", "a.mp4 b.mp4", 2);
        case(
            "a.mp4 -c:v libx264 -crf 20 -b:v 20M -o b.mp4",
            "--encoder libx264 --crf 20 --bitrate 20M -o b.mp4",
            "a.mp4",
            3,
        );
        case("a.mp4 -vf hflip -an -r 30 -ss 0 -to 0.3", "--audio none --ss 0 --to 0.3", "a.mp4", 5);
        case("a.mp4 -c copy -o b.mp4", "-o b.mp4", "a.mp4", 1);
        case("a.mp4 --gpu -o b.mp4", "--device cuda -o b.mp4", "a.mp4", 1);
        case("--matte m.mkv a.mp4", "-o matte=m.mkv", "a.mp4", 1);
        case("a.mp4 --layout sbs -o b.mp4 -yq", "--layout sbs -o b.mp4 -yq", "a.mp4", 0);
        case("a.mp4 --profle fast -o b.mp4", "--profile fast -o b.mp4", "a.mp4", 1);
        // Own long options with one dash, which are no groups of short ones.
        case("a.mp4 -o b.mp4 -profile fast", "-o b.mp4 --profile fast", "a.mp4", 1);
        case("a.mp4 -o b.mp4 -threshold 0.5 -profile=fast", "-o b.mp4 --threshold 0.5 --profile fast", "a.mp4", 2);
        case("a.mp4 -o b.mp4 -pix_fmt yuv420p", "-o b.mp4 --pix-fmt yuv420p", "a.mp4", 1);
        case("a.mp4 -O b.mp4 -Y", "-o b.mp4 -y", "a.mp4", 2);
        case("a.mp4 -o b.mp4 --port 8080 --log debug", "-o b.mp4 --serve 8080 -vv", "a.mp4", 2);
        // Dashes that are no hyphens.
        case("a.mp4 –o b.mp4 —profile fast", "-o b.mp4 --profile fast", "a.mp4", 2);
        // Values with blanks stay one word.
        case("a.mp4 --bg 'my beach.png' -o b.mp4", "--background 'my beach.png' -o b.mp4", "a.mp4", 1);
        case("a.mp4 --dest 'my out.mp4'", "-o 'my out.mp4'", "a.mp4", 1);
        case("a.mp4 -vf scale=1920:-2 -height 720 -o b.mp4", "--scale 1920 --scale 720p -o b.mp4", "a.mp4", 2);
        case("a.mp4 --nothing-like-it 3 -o b.mp4", "-o b.mp4", "a.mp4", 1);
    }
}
