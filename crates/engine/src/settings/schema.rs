//! What a setting is made of, and how its values are read and shown. The settings themselves are in
//! `declared`.

pub use super::declared::SETTINGS;
use super::values;
use super::words::{self, Aliases, Hints};
pub use super::words::{Hint, Instead};
use serde_json::Value;
use vrseg_hardware::nearest::nearest;

/// What a setting takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// `true` or `false`.
    Bool,
    /// A whole number in a range, both ends included.
    Integer(i64, i64),
    /// A number in a range, both ends included.
    Number(f64, f64),
    /// One of a few words.
    Word(&'static [&'static str]),
    /// Any text that isn't empty.
    Text,
    /// A list of texts that isn't empty; on one line: separated by commas.
    List,
    /// A text with a form of its own; what it must look like, and the test.
    Form(&'static str, fn(&str) -> bool),
}

/// One setting, as `declared` has it.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// `section.key`.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// The built-in value, as an argument or a variable would say it.
    pub default: &'static str,
    /// The word that stands for "not set", where the setting may be left open.
    pub unset: Option<&'static str>,
    /// What it is, in one line: the help of its option, and the comment in a file.
    pub help: &'static str,
    /// What there is to say besides, in Markdown whose links begin in docs/; for documents and new files.
    pub note: &'static str,
    /// The options that set it.
    pub options: &'static [CliOption],
    /// Other words for its values, each with the value that it means.
    pub aliases: &'static [(&'static str, &'static str)],
    /// Words that are refused, each with what to do instead.
    pub hints: &'static [(&'static str, Hint)],
}

/// An option of the command line that sets a setting.
#[derive(Clone, Copy, Debug)]
pub struct CliOption {
    /// Its name with the two dashes.
    pub name: &'static str,
    /// Another name for it.
    pub alias: Option<&'static str>,
    /// What it makes of the setting.
    pub sets: Sets,
    /// Its own help, where the setting's would not be right for it.
    pub help: Option<&'static str>,
    /// An option that it cannot be given with. (Options of one setting never can.)
    pub conflicts_with: Option<&'static str>,
    /// The options that it is shown with.
    pub group: Group,
    /// Its place among them: by this number, then by the order of the settings.
    pub rank: u8,
}

/// What an option makes of its setting.
#[derive(Clone, Copy, Debug)]
pub enum Sets {
    /// The value that follows the option; the name that the help has for it.
    Value(&'static str),
    /// The contrary of the whole number that follows; the name that the help has for it.
    Negative(&'static str),
    /// This value; none follows.
    Fixed(&'static str),
}

/// Options that stand together in the help. A command takes a group as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// How the views lie in the source.
    Format,
    /// What outputs show, and their names.
    Output,
    /// Options of the modes.
    Look,
    /// How the job is carried out.
    Running,
    /// Codec, quality and rate.
    Encoding,
    /// Encoders in hardware.
    Hardware,
    /// Model, device and threads.
    Model,
    /// Cached mattes.
    Cache,
    /// Edges of the matte, and the people in it.
    Matte,
    /// The log.
    Logging,
}

/// Declares a setting.
pub(super) const fn setting(name: &'static str, kind: Kind, default: &'static str, help: &'static str) -> Setting {
    Setting { name, kind, default, unset: None, help, note: "", options: &[], aliases: &[], hints: &[] }
}

/// Declares a setting that is left open by default; `unset` is the word for that.
pub(super) const fn open(name: &'static str, kind: Kind, unset: &'static str, help: &'static str) -> Setting {
    setting(name, kind, unset, help).unset(unset)
}

/// Declares an option that a value follows.
pub(super) const fn value(name: &'static str, value_name: &'static str, group: Group) -> CliOption {
    option(name, Sets::Value(value_name), group)
}

/// Declares an option that a whole number follows whose contrary is meant.
pub(super) const fn negative(name: &'static str, value_name: &'static str, group: Group) -> CliOption {
    option(name, Sets::Negative(value_name), group)
}

/// Declares an option that stands for one value.
pub(super) const fn fixed(name: &'static str, value: &'static str, group: Group) -> CliOption {
    option(name, Sets::Fixed(value), group)
}

const fn option(name: &'static str, sets: Sets, group: Group) -> CliOption {
    CliOption { name, alias: None, sets, help: None, conflicts_with: None, group, rank: 0 }
}

/// The words for what an output shows.
pub const MODES: &[&str] = &["green", "matte", "alpha", "blur", "replace", "overlay", "passthrough"];
/// The profiles that are built in.
pub const PROFILES: &[&str] = &["fast", "balanced", "quality"];

/// The built-in profile that a word means, in any case.
pub fn profile(word: &str) -> Option<&'static str> {
    let lower = word.to_lowercase();
    PROFILES.iter().copied().find(|name| *name == lower).or_else(|| words::meant(words::PROFILES, word))
}

/// The profile that applies where nobody names one.
pub const DEFAULT_PROFILE: &str = "balanced";

/// The setting of that name.
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|k| k.name == name)
}

/// The environment variable that sets `name`.
pub fn variable(name: &str) -> String {
    format!("VRSEG_{}", name.replace('.', "_").to_uppercase())
}

/// The sections, in order, each once.
pub fn sections() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    SETTINGS.iter().map(|k| k.section()).filter(move |s| std::mem::replace(&mut last, s) != *s)
}

impl CliOption {
    pub(super) const fn alias(self, name: &'static str) -> Self {
        Self { alias: Some(name), ..self }
    }

    pub(super) const fn help(self, help: &'static str) -> Self {
        Self { help: Some(help), ..self }
    }

    pub(super) const fn conflicts_with(self, name: &'static str) -> Self {
        Self { conflicts_with: Some(name), ..self }
    }

    pub(super) const fn rank(self, rank: u8) -> Self {
        Self { rank, ..self }
    }
}

impl Setting {
    pub(super) const fn unset(self, word: &'static str) -> Self {
        Self { unset: Some(word), ..self }
    }

    pub(super) const fn note(self, note: &'static str) -> Self {
        Self { note, ..self }
    }

    pub(super) const fn options(self, options: &'static [CliOption]) -> Self {
        Self { options, ..self }
    }

    pub(super) const fn aliases(self, aliases: Aliases) -> Self {
        Self { aliases, ..self }
    }

    pub(super) const fn hints(self, hints: Hints) -> Self {
        Self { hints, ..self }
    }

    /// The part before the dot.
    pub fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(s, _)| s)
    }

    /// The part behind the dot.
    pub fn leaf(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, l)| l)
    }

    /// Help and note, in Markdown.
    pub fn meaning(&self) -> String {
        match self.note {
            "" => self.help.to_owned(),
            note => format!("{}; {note}", self.help),
        }
    }

    /// The built-in value, in the kind's own type.
    pub fn default_value(&self) -> Value {
        self.parse(self.default).unwrap_or(Value::Null)
    }

    /// The built-in value as a file has it.
    pub fn default_yaml(&self) -> String {
        match self.kind {
            Kind::List if self.unset != Some(self.default) => format!("[{}]", self.default),
            Kind::Integer(..) | Kind::Number(..) => self.default.to_owned(),
            _ => self.yaml(&self.default_value()),
        }
    }

    /// A value as YAML on one line. JSON's texts and lists are YAML too; plain words are clearer bare.
    pub fn yaml(&self, value: &Value) -> String {
        let bare = |s: &str| s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && s.parse::<f64>().is_err();
        match value {
            Value::Null => self.unset.unwrap_or("null").to_owned(),
            Value::String(s) if bare(s) => s.clone(),
            other => other.to_string(),
        }
    }

    /// What the setting takes, in words.
    pub fn expects(&self) -> String {
        let what = match self.kind {
            Kind::Bool => "true or false".to_owned(),
            Kind::Integer(lo, hi) => format!("a whole number from {lo} to {hi}"),
            Kind::Number(lo, hi) => format!("a number from {lo} to {hi}"),
            Kind::Word(words) => {
                let words: Vec<_> = words.iter().copied().chain(self.unset).collect();
                return format!("one of {}", words.join(", "));
            }
            Kind::Text => "a text".to_owned(),
            Kind::List => "a list of names".to_owned(),
            Kind::Form(form, _) => form.to_owned(),
        };
        match self.unset {
            Some(word) => format!("{what}, or {word}"),
            None => what,
        }
    }

    /// Reads a value from one line of text: an environment variable or an argument.
    pub fn parse(&self, text: &str) -> Result<Value, String> {
        let text = text.trim();
        if matches!(self.kind, Kind::List) && self.unset != Some(text) {
            let items = text.split(',').map(str::trim).filter(|s| !s.is_empty()).map(str::to_owned);
            return self.accept_list(items.collect());
        }
        let value = match self.kind {
            Kind::Bool => text.parse::<bool>().ok().map(Value::from),
            Kind::Integer(..) => text.parse::<i64>().ok().map(Value::from),
            Kind::Number(..) => text.parse::<f64>().ok().map(Value::from),
            _ => None,
        };
        self.take(value.unwrap_or_else(|| Value::from(text)), text)
    }

    /// Takes a list of texts, where the setting is a list.
    pub fn accept_list(&self, items: Vec<String>) -> Result<Value, String> {
        if !matches!(self.kind, Kind::List) {
            return Err(format!("expected {}, found a list", self.expects()));
        }
        if items.is_empty() { Err("expected at least one name".to_owned()) } else { Ok(Value::from(items)) }
    }

    /// Takes a single value if it is of the right kind and in range. What comes back is in the
    /// kind's own type, `Null` for "not set".
    pub fn accept(&self, value: Value) -> Result<Value, String> {
        let shown = value.to_string();
        self.take(value, &shown)
    }

    fn take(&self, value: Value, shown: &str) -> Result<Value, String> {
        if self.unset.is_some() && value.as_str() == self.unset {
            return Ok(Value::Null);
        }
        let value = self.meant(value);
        if self.unset.is_some() && value.as_str() == self.unset {
            return Ok(Value::Null);
        }
        // A number where a text is due is a text: `preset: 10` for SVT-AV1.
        let text = match &value {
            Value::String(s) => Some(s.clone()),
            Value::Number(n) => Some(n.to_string()),
            _ => None,
        };
        let read = match self.kind {
            Kind::Bool => value.as_bool().map(Value::from),
            Kind::Integer(lo, hi) => value.as_i64().filter(|n| (lo..=hi).contains(n)).map(Value::from),
            Kind::Number(lo, hi) => value.as_f64().filter(|n| (lo..=hi).contains(n)).map(Value::from),
            Kind::Word(words) => text.filter(|t| words.contains(&t.as_str())).map(Value::from),
            Kind::Text => text.filter(|t| !t.is_empty()).map(Value::from),
            Kind::List => text.filter(|t| !t.is_empty()).map(|t| Value::from(vec![t])),
            // A word that is refused may look like a file's name.
            Kind::Form(_, test) => text.filter(|t| test(t) && words::meant(self.hints, t).is_none()).map(Value::from),
        };
        read.ok_or_else(|| {
            let mut message = format!("expected {}, found {shown}", self.expects());
            if let Some((hint, _)) = self.hint(&value) {
                message += &format!("; {hint}");
            }
            message
        })
    }

    /// The value that a word in another case or of another program stands for.
    fn meant(&self, value: Value) -> Value {
        let text = match (&value, self.kind) {
            (Value::String(text), Kind::Word(_) | Kind::Form(..)) => text.clone(),
            (Value::Number(number), Kind::Word(_)) => number.to_string(),
            _ => return value,
        };
        if let Some(word) = words::meant(self.aliases, &text) {
            return Value::from(word);
        }
        let lower = text.to_lowercase();
        match self.kind {
            Kind::Word(all) if all.iter().copied().chain(self.unset).any(|w| w == lower) => Value::from(lower),
            Kind::Form(_, test) if !test(&text) && !self.aliases.is_empty() && test(&lower) => Value::from(lower),
            _ => value,
        }
    }

    /// What was probably meant by a value that is refused: a sentence, and what a command line gets in its place.
    fn hint(&self, value: &Value) -> Option<(String, Option<Instead>)> {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string().trim_end_matches(".0").to_owned(),
            _ => return None,
        };
        if let Some(hint) = words::meant(self.hints, &text) {
            return Some((hint.text(), hint.instead()));
        }
        let meant = |near: String| (format!("did you mean {near}?"), Some(Instead::Value(near)));
        match self.kind {
            Kind::Word(all) => nearest(&text, all.iter().copied().chain(self.unset)).map(|near| meant(near.to_owned())),
            Kind::Number(0.0, 1.0) => words::share(&text).map(|(text, number)| (text, Some(Instead::Value(number)))),
            // Who says that of a number leaves it open.
            Kind::Number(..) | Kind::Integer(..)
                if ["all", "max", "default", "any", "none", "0"].contains(&text.to_lowercase().as_str()) =>
            {
                self.unset.map(|open| meant(open.to_owned()))
            }
            Kind::Number(..) | Kind::Integer(..) => {
                words::bare_number(&text).filter(|n| *n != text && self.parse(n).is_ok()).map(meant)
            }
            Kind::Form(form, test) => values::near(form, &text).filter(|near| *near != text && test(near)).map(meant),
            _ => None,
        }
    }

    /// What a command line gets in place of a value that is refused, where that can be told.
    pub fn instead(&self, text: &str) -> Option<Instead> {
        self.parse(text).err()?;
        self.hint(&Value::from(text.trim()))?.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str, text: &str) -> Result<Value, String> {
        find(name).expect("a known setting").parse(text)
    }

    #[test]
    fn values_are_parsed_from_one_line() {
        assert_eq!(parse("matte.threshold", "0.5"), Ok(Value::from(0.5)));
        assert_eq!(parse("matte.threshold", "off"), Ok(Value::Null));
        assert_eq!(parse("matte.grow", "-3"), Ok(Value::from(-3)));
        assert_eq!(parse("model.prefer", "rvm, selfie"), Ok(Value::from(vec!["rvm", "selfie"])));
        assert_eq!(parse("output.preset", "10"), Ok(Value::from("10")));
        assert_eq!(parse("output.bitrate", "20M"), Ok(Value::from("20M")));
        assert_eq!(
            parse("matte.threshold", "2"),
            Err("expected a number from 0 to 1, or off, found 2; 2 % is 0.02".to_owned())
        );
        assert_eq!(
            parse("output.mode", "grean"),
            Err("expected one of green, matte, alpha, blur, replace, overlay, passthrough, found grean; did you mean green?"
                .to_owned())
        );
        for bad in ["NaN", "inf", "", "0,5"] {
            assert!(parse("matte.threshold", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn refused_values_have_a_replacement_where_one_is_near() {
        let instead = |name: &str, text: &str| find(name).and_then(|setting| setting.instead(text));
        let value = |text: &str| Some(Instead::Value(text.to_owned()));
        assert_eq!(instead("output.mode", "mask"), value("matte"));
        assert_eq!(instead("output.mode", "grean"), value("green"));
        assert_eq!(instead("vr.layout", "rl"), Some(Instead::Options("--layout sbs --eye-order rl")));
        assert_eq!(instead("matte.threshold", "128"), value("0.502"));
        assert_eq!(instead("matte.feather", "1,5"), value("1.5"));
        assert_eq!(instead("output.gop", "2s"), value("2"));
        assert_eq!(instead("processing.threads", "all"), value("auto"));
        assert_eq!(instead("people.exclude", "left"), value("0,0,0.5,1"));
        assert_eq!(instead("output.codec", "copy"), None);
        assert_eq!(instead("output.mode", "green"), None, "is right");
    }

    #[test]
    fn declared_values_are_values_of_their_settings() {
        for setting in SETTINGS {
            let value = setting.parse(setting.default).unwrap_or_else(|e| panic!("{}: {e}", setting.name));
            assert_eq!(value.is_null(), setting.unset == Some(setting.default), "{}", setting.name);
            assert!(!setting.help.is_empty() && !setting.help.ends_with('.'), "{}", setting.name);
            for option in setting.options {
                if let Sets::Fixed(text) = option.sets {
                    assert!(setting.parse(text).is_ok(), "{}", option.name);
                }
            }
        }
        assert!(PROFILES.contains(&DEFAULT_PROFILE));
    }

    #[test]
    fn no_name_is_declared_twice() {
        let options = SETTINGS.iter().flat_map(|s| s.options).flat_map(|o| std::iter::once(o.name).chain(o.alias));
        let mut names: Vec<_> = SETTINGS.iter().map(|s| s.name).chain(options).collect();
        let all = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), all);
    }

    #[test]
    fn sections_are_listed_once() {
        let all: Vec<_> = sections().collect();
        assert_eq!(
            all,
            ["model", "device", "decode", "processing", "vr", "performance", "matte", "people", "output", "logging"]
        );
    }
}
