//! Every resolved value with what set it, and how they are shown.

use super::schema;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::path::PathBuf;

/// Where a value comes from, weakest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// The setting's own default, built in.
    Default,
    /// A profile, built in.
    Profile(String),
    /// The user's file, and line and column (from 1) of the value where they could be found.
    File(PathBuf, Option<(usize, usize)>),
    /// An environment variable.
    Env(String),
    /// An argument.
    Flag(&'static str),
}

impl Source {
    /// True where the user gave the value, false where it is built in.
    pub fn is_user(&self) -> bool {
        !matches!(self, Source::Default | Source::Profile(_))
    }

    /// Number of the layer: the higher is the stronger. Two values of one layer were given together.
    pub fn layer(&self) -> u8 {
        match self {
            Source::Default => 0,
            Source::Profile(_) => 1,
            Source::File(..) => 2,
            Source::Env(_) => 3,
            Source::Flag(_) => 4,
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::Profile(name) => write!(f, "profile {name}"),
            Source::File(path, Some((line, _))) => write!(f, "{}:{line}", path.display()),
            Source::File(path, None) => write!(f, "{}", path.display()),
            Source::Env(name) => f.write_str(name),
            Source::Flag(name) => f.write_str(name),
        }
    }
}

/// Every value with its source.
#[derive(Clone, Debug)]
pub struct Sources {
    pub(super) profile: (String, Source),
    /// The model that the profile likes best; its `input_size` is meant for that one.
    pub(super) profile_model: Option<String>,
    pub(super) values: BTreeMap<&'static str, (Value, Source)>,
    /// What the rules make of values that are left open: the value, and why.
    pub(super) rules: BTreeMap<&'static str, (String, String)>,
}

impl Sources {
    /// What set `name` (`section.key`).
    pub fn of(&self, name: &str) -> &Source {
        self.values.get(name).map_or(&Source::Default, |(_, source)| source)
    }

    /// How many settings the user's file gave that nothing stronger replaced.
    pub fn from_file(&self) -> usize {
        self.values.values().filter(|(_, source)| matches!(source, Source::File(..))).count()
    }

    /// The settings that the user has given, by whatever layer, in the table's order.
    pub fn explicit(&self) -> impl Iterator<Item = &'static str> + '_ {
        schema::SETTINGS.iter().map(|s| s.name).filter(|name| self.of(name).is_user())
    }

    /// The value of `name` as a file has it.
    pub fn shown(&self, name: &str) -> String {
        schema::find(name).map(|s| s.yaml(self.get(name))).unwrap_or_default()
    }

    /// Remembers what a rule makes of `name`.
    pub(super) fn rule(&mut self, name: &'static str, value: impl ToString, why: impl Into<String>) {
        debug_assert!(schema::find(name).is_some(), "{name} is not a setting");
        self.rules.insert(name, (value.to_string(), why.into()));
    }

    /// Whether `name` stands back for `rival`, which means the contrary and comes from a stronger
    /// layer. (From one layer both are an error, see [`super::check`].)
    pub(super) fn beaten(&self, name: &str, rival: &str) -> bool {
        !self.get(rival).is_null() && self.of(rival).layer() > self.of(name).layer()
    }

    /// The value of `name` (`section.key`), in its kind's own type; `Null` where it is left open.
    pub fn get(&self, name: &str) -> &Value {
        debug_assert!(schema::find(name).is_some(), "{name} is not a setting");
        self.values.get(name).map_or(&Value::Null, |(value, _)| value)
    }

    /// All settings as a YAML file with a comment that names each value's source, and what the rules
    /// make of it. It can be given to `-c` as it is; what is open in it stays open, so that it suits
    /// other machines too.
    pub fn to_yaml(&self) -> String {
        let width = 34;
        let mut text = String::new();
        let mut line = |left: String, source: &Source| {
            let _ = writeln!(text, "{left:width$} # {source}");
        };
        line(format!("profile: {}", self.profile.0), &self.profile.1);
        let mut out = text;
        for section in schema::sections() {
            let _ = writeln!(out, "{section}:");
            for setting in schema::SETTINGS.iter().filter(|s| s.section() == section) {
                let name = setting.name;
                let left = format!("  {}: {}", setting.leaf(), self.shown(name));
                let _ = write!(out, "{left:width$} # {}", self.of(name));
                if let Some((value, why)) = self.rules.get(name) {
                    let _ = write!(out, "; rule: {value}, {why}");
                }
                out.push('\n');
            }
        }
        out
    }

    /// The same for programs: `{"profile": {"value", "source"}, "settings": {"section.key": {...}}}`,
    /// with `applies` and `rule` (both texts) where a rule has spoken.
    pub fn to_json(&self) -> Value {
        let entry = |value: &Value, source: &Source| serde_json::json!({"value": value, "source": source.to_string()});
        let settings: serde_json::Map<String, Value> = (self.values.iter())
            .map(|(name, (value, source))| {
                let mut entry = entry(value, source);
                if let Some((value, why)) = self.rules.get(name) {
                    entry["applies"] = value.as_str().into();
                    entry["rule"] = why.as_str().into();
                }
                ((*name).to_owned(), entry)
            })
            .collect();
        serde_json::json!({
            "profile": entry(&Value::from(self.profile.0.as_str()), &self.profile.1),
            "settings": settings,
        })
    }
}
