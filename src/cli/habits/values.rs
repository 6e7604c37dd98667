//! Values that are refused, and the line with what was probably meant in their place.

use super::refusal::bare;
use crate::cli::near::nearest;
use crate::cli::time;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};
use std::ffi::OsString;
use vrseg_engine::settings::schema::{self, Instead, PROFILES, SETTINGS};

/// Values of one line that are put right at most.
const MOST: usize = 5;

/// `words` as `root` accepts them, each refused value replaced by what was probably meant; nothing where that can't be
/// told of one of them, or something else is wrong.
pub(super) fn accepted(root: &Command, words: &[OsString]) -> Option<Vec<OsString>> {
    let mut line = words.to_vec();
    for _ in 0..=MOST {
        let read = super::with_addresses(line.clone());
        let all = std::iter::once(OsString::from("vrseg")).chain(read);
        match root.clone().try_get_matches_from(all) {
            Ok(_) => return Some(line),
            Err(error) => line = corrected(&error, &line)?,
        }
    }
    None
}

/// Whether clap refused a value.
pub(super) fn is_refused(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::ValueValidation | ErrorKind::InvalidValue)
}

/// The line with another value in place of the one that `error` names.
fn corrected(error: &Error, words: &[OsString]) -> Option<Vec<OsString>> {
    if !is_refused(error) {
        return None;
    }
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let (option, value) = (bare(text(ContextKind::InvalidArg)?), text(ContextKind::InvalidValue)?);
    let known = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(all)) => all.as_slice(),
        _ => &[],
    };
    let instead = instead(&option, value).or_else(|| {
        let near = nearest(value, known.iter().map(String::as_str))?;
        Some(Instead::Value(near.to_owned()))
    })?;
    // The option may have been typed by another of its names.
    let at = words.iter().rposition(|word| {
        let word = word.to_string_lossy();
        word == value || word.strip_suffix(value).is_some_and(|begin| begin.starts_with('-'))
    })?;
    let whole = words[at].to_string_lossy().into_owned();
    let joined = whole.strip_suffix(value).unwrap_or_default().to_owned();
    let mut line = words.to_vec();
    match instead {
        Instead::Value(new) => line[at] = format!("{joined}{new}").into(),
        Instead::Options(options) => {
            let from = if joined.is_empty() { at.checked_sub(1)? } else { at };
            line.splice(from..=at, options.split(' ').map(OsString::from));
        }
    }
    Some(line)
}

/// What was probably meant by a value of an option.
fn instead(option: &str, value: &str) -> Option<Instead> {
    let own = |text: Option<String>| text.map(Instead::Value);
    match option {
        "--ss" | "--to" | "--duration" => own(time::near(value)),
        "--profile" => own(nearest(value, PROFILES.iter().copied()).map(str::to_owned)),
        _ => {
            let sets = |setting: &&schema::Setting| {
                setting.options.iter().any(|o| o.name == option || o.alias == Some(option))
            };
            SETTINGS.iter().find(sets)?.instead(value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args;
    use crate::cli::quote;

    fn fixed(line: &str) -> String {
        let words: Vec<OsString> = quote::split(line).expect("words").into_iter().map(OsString::from).collect();
        accepted(&args::command(), &words).map_or(String::new(), quote::line)
    }

    #[test]
    fn refused_values_are_replaced_in_their_place() {
        for (line, want) in [
            ("a.mp4 -o b.mp4 --mode grean -y", "a.mp4 -o b.mp4 --mode green -y"),
            ("a.mp4 -o b.mp4 --mode=mask", "a.mp4 -o b.mp4 --mode=matte"),
            ("a.mp4 -o b.mp4 --layout rl -q", "a.mp4 -o b.mp4 --layout sbs --eye-order rl -q"),
            ("a.mp4 -o b.mp4 --layout=rl", "a.mp4 -o b.mp4 --layout sbs --eye-order rl"),
            ("a.mp4 -o b.mp4 --threshold 128 --crf 1,5", "a.mp4 -o b.mp4 --threshold 0.502 --crf 1.5"),
            ("a.mp4 -o b.mp4 -t 1m30s", "a.mp4 -o b.mp4 -t 1:30"),
            ("a.mp4 -o b.mp4 --profile blanced", "a.mp4 -o b.mp4 --profile balanced"),
            ("a.mp4 -o - --format matroskka", "a.mp4 -o - --format matroska"),
            ("a.mp4 -o b.mp4 --mode holiday", ""),
            ("a.mp4 -o b.mp4 --mode grean --nothing", ""),
        ] {
            assert_eq!(fixed(line), want, "{line}");
        }
    }
}
