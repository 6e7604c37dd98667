//! What clap refuses, in one sentence without its tips.

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::error::Error as _;
use vrseg_engine::settings::schema::SETTINGS;

/// The sentence; nothing where the words themselves tell more than clap does.
pub(super) fn sentence(error: &Error) -> Option<String> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(all)) => Some(all.join(", ")),
        _ => None,
    };
    let arg = text(ContextKind::InvalidArg).map(|arg| bare(&arg));
    let value = text(ContextKind::InvalidValue).unwrap_or_default();
    match (error.kind(), arg) {
        (ErrorKind::ValueValidation, Some(arg)) => {
            let why = error.source().map(ToString::to_string).unwrap_or_default();
            Some(format!("{arg} {value}: {}", why.replacen(&format!(", found {value}"), "", 1)))
        }
        (ErrorKind::InvalidValue, Some(arg)) if value.is_empty() => Some(needs_value(&arg)),
        (ErrorKind::InvalidValue, Some(arg)) => {
            let all = text(ContextKind::ValidValue).unwrap_or_default();
            let near = crate::cli::near::nearest(&value, all.split(", "));
            let near = near.map(|near| format!("; did you mean {near}?")).unwrap_or_default();
            let container = if arg == "--format" {
                "; that is the container of standard output, a file's follows from its name: -o out.mp4"
            } else {
                ""
            };
            Some(format!("{arg} {value}: expected one of {all}{near}{container}"))
        }
        (ErrorKind::ArgumentConflict, Some(arg)) => {
            let other = match error.get(ContextKind::PriorArg) {
                Some(ContextValue::String(other)) => bare(other),
                Some(ContextValue::Strings(others)) => {
                    others.iter().map(|other| bare(other)).collect::<Vec<_>>().join(" and ")
                }
                _ => return None,
            };
            Some(if other == arg {
                format!("{arg} was given twice")
            } else {
                format!("{arg} and {other} don't go together; remove one of them")
            })
        }
        (ErrorKind::NoEquals | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues, Some(arg)) => {
            Some(needs_value(&arg))
        }
        (ErrorKind::TooManyValues, Some(arg)) => Some(format!("{arg} accepts one value; {value} is a second one")),
        (ErrorKind::MissingRequiredArgument, Some(all)) => Some(format!("{all} is missing")),
        _ => None,
    }
}

/// That a value is missing, and what it must be.
fn needs_value(arg: &str) -> String {
    let setting = SETTINGS.iter().find(|s| s.options.iter().any(|o| o.name == arg || o.alias == Some(arg)));
    let expects = setting.map(|setting| format!(": {}", setting.expects())).unwrap_or_default();
    format!("{arg} needs a value{expects}")
}

/// An argument as it is typed: `--output` of clap's `--output <PATH>`.
pub(super) fn bare(arg: &str) -> String {
    let options = arg.split(", ").map(|one| match one.split_once(" <") {
        Some((option, _)) => option.to_owned(),
        None => one.trim_end_matches("...").trim_matches(['<', '>', '[', ']']).to_owned(),
    });
    options.collect::<Vec<_>>().join(", ")
}

/// The first line of clap's own text.
pub(super) fn first_line(error: &Error) -> String {
    let text = error.to_string();
    text.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args;

    fn refused(words: &[&str]) -> String {
        let all = std::iter::once(&"vrseg").chain(words);
        sentence(&args::command().try_get_matches_from(all).expect_err("refused")).unwrap_or_default()
    }

    #[test]
    fn sentences_name_option_and_value() {
        let begins = |words: &[&str], want: &str| {
            let text = refused(words);
            assert!(text.starts_with(want), "{text}");
        };
        begins(&["a", "-o", "b.mp4", "--ss", "soon"], "--ss soon: expected a time");
        begins(&["a", "-o", "b.mp4", "--mode", "grean"], "--mode grean: expected one of green, matte");
        begins(&["a", "-o", "b.mp4", "-y", "-n"], "--overwrite and --no-overwrite don't go together");
        begins(&["a", "-o", "b.mp4", "--crf"], "--crf needs a value: a number from 0 to 63, or auto");
        begins(&["eval"], "--pred is missing");
    }
}
