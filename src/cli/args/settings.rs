//! Options of the command line that set settings, made from where the settings are declared.

use clap::builder::{PossibleValue, TypedValueParser, ValueParser};
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches, value_parser};
use serde_json::Value;
use std::ffi::OsStr;
use vrseg_engine::settings::schema::{self, CliOption, Kind, SETTINGS, Sets, Setting};

/// Settings that were given as options: setting, option, value.
pub type Overrides = Vec<(&'static str, &'static str, Value)>;

/// A value of a setting, already checked.
#[derive(Clone, Debug, PartialEq)]
pub struct SettingValue(pub Value);

/// The options of all settings that are declared in the group `GROUP`, a [`schema::Group`] as a number. What was
/// given of them is in [`ExplicitOptions`].
#[derive(Clone, Debug, Default)]
pub struct GroupArgs<const GROUP: u8>;

/// The options of a command that set settings and were given explicitly.
#[derive(Clone, Debug, Default)]
pub struct ExplicitOptions(pub Overrides);

/// The parser of the setting `name`: the same rules as in a file, and completion where there is a list of
/// words. For options of a single command, which mean something else than the job's.
pub(super) fn parser(name: &'static str) -> ValueParser {
    value_of(schema::find(name).unwrap_or_else(|| panic!("{name} is not a setting")))
}

fn value_of(setting: &'static Setting) -> ValueParser {
    match setting.kind {
        Kind::Word(words) => {
            let read = |text: &str| setting.parse(text).map(SettingValue);
            WithWords { read, words: words.iter().copied().chain(setting.unset).collect() }.into()
        }
        _ => ValueParser::new(|text: &str| setting.parse(text).map(SettingValue)),
    }
}

/// The parser of `--profile`: its words in any case, and others for them.
pub(super) fn profile() -> ValueParser {
    let read = |text: &str| {
        let unknown = || format!("expected one of {}", schema::PROFILES.join(", "));
        schema::profile(text).map(str::to_owned).ok_or_else(unknown)
    };
    WithWords { read, words: schema::PROFILES.to_vec() }.into()
}

/// Reads a text by `read`, which may understand more than the words that help and completion list.
#[derive(Clone)]
struct WithWords<F> {
    read: F,
    words: Vec<&'static str>,
}

impl<T, F> TypedValueParser for WithWords<F>
where
    T: Clone + Send + Sync + 'static,
    F: Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, Error> {
        TypedValueParser::parse_ref(&self.read, command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(self.words.iter().map(|word| PossibleValue::new(*word))))
    }
}

/// All declared options with the settings that they set.
fn declared() -> impl Iterator<Item = (&'static Setting, &'static CliOption)> {
    SETTINGS.iter().flat_map(|setting| setting.options.iter().map(move |option| (setting, option)))
}

/// The argument of a declared option. Its identifier is the option's name.
fn arg(setting: &'static Setting, option: &'static CliOption) -> Arg {
    let long = |name: &'static str| name.trim_start_matches('-');
    let rivals = setting.options.iter().map(|o| o.name).filter(|name| *name != option.name);
    let mut arg = Arg::new(option.name)
        .long(long(option.name))
        .help(option.help.unwrap_or(setting.help))
        .conflicts_with_all(rivals.chain(option.conflicts_with));
    if let Some(alias) = option.alias {
        arg = arg.visible_alias(long(alias));
    }
    match option.sets {
        Sets::Value(name) => {
            let number = matches!(setting.kind, Kind::Integer(..) | Kind::Number(..));
            arg.value_name(name).value_parser(value_of(setting)).allow_negative_numbers(number)
        }
        Sets::Negative(name) => {
            let most = if let Kind::Integer(low, _) = setting.kind { -low } else { 0 };
            let parser = value_parser!(i64).range(0..=most).map(|n: i64| SettingValue(Value::from(-n)));
            arg.value_name(name).value_parser(parser).allow_negative_numbers(true)
        }
        Sets::Fixed(_) => arg.action(ArgAction::SetTrue),
    }
}

impl<const GROUP: u8> Args for GroupArgs<GROUP> {
    fn augment_args(command: Command) -> Command {
        let mut all: Vec<_> = declared().filter(|(_, option)| option.group as u8 == GROUP).collect();
        all.sort_by_key(|(_, option)| option.rank);
        command.args(all.into_iter().map(|(setting, option)| arg(setting, option)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<const GROUP: u8> FromArgMatches for GroupArgs<GROUP> {
    fn from_arg_matches(_: &ArgMatches) -> Result<Self, Error> {
        Ok(Self)
    }

    fn update_from_arg_matches(&mut self, _: &ArgMatches) -> Result<(), Error> {
        Ok(())
    }
}

impl Args for ExplicitOptions {
    fn augment_args(command: Command) -> Command {
        command
    }

    fn augment_args_for_update(command: Command) -> Command {
        command
    }
}

impl FromArgMatches for ExplicitOptions {
    /// Options that the command doesn't have are not given.
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let value = |setting: &Setting, option: &CliOption| match option.sets {
            Sets::Fixed(text) => {
                let explicit = matches.try_get_one::<bool>(option.name).ok().flatten();
                explicit.is_some_and(|explicit| *explicit).then(|| setting.parse(text).unwrap_or_default())
            }
            Sets::Value(_) | Sets::Negative(_) => {
                matches.try_get_one::<SettingValue>(option.name).ok().flatten().map(|value| value.0.clone())
            }
        };
        let rows =
            declared().filter_map(|(setting, option)| Some((setting.name, option.name, value(setting, option)?)));
        Ok(Self(rows.collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Cli;
    use clap::{CommandFactory, Parser};

    /// A group that no command flattens would hide its options.
    #[test]
    fn the_main_job_has_every_declared_option() {
        let command = Cli::command();
        let has = |name: &str| command.get_arguments().any(|a| a.get_id() == name);
        let missing: Vec<_> = declared().map(|(_, option)| option.name).filter(|name| !has(name)).collect();
        assert_eq!(missing, [""; 0]);
    }

    #[test]
    fn options_set_their_values() {
        let explicit = |words: &[&str]| {
            let all = ["vrseg", "--show-config"].iter().chain(words);
            Cli::try_parse_from(all).expect("arguments").job.overrides()
        };
        assert_eq!(explicit(&[]), []);
        assert_eq!(explicit(&["--dilate", "3"]), [("matte.grow", "--grow", Value::from(3))]);
        assert_eq!(explicit(&["--erode", "3"]), [("matte.grow", "--erode", Value::from(-3))]);
        assert_eq!(explicit(&["--no-refine"]), [("matte.refine", "--no-refine", Value::from(false))]);
        assert_eq!(explicit(&["--no-cache"]), [("processing.cache", "--no-cache", Value::from("off"))]);
        assert_eq!(
            explicit(&["--segment-seconds", "off"]),
            [("processing.segment_seconds", "--segment-seconds", Value::Null)]
        );
    }
}
