//! Reads one YAML file against the table of settings. Every complaint names the file, the line,
//! the column, what was found and what is allowed.
//!
//! The reader is a pair of serde seeds instead of derived structs, because an error that a seed
//! raises on a key or a value is placed on that very key or value. The "unknown field" and
//! "duplicate field" of a derived struct are placed on the section or nowhere.

use super::ConfigError;
use super::schema::{self, Kind, SETTINGS, Setting};
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::cell::RefCell;
use std::fmt;
use vrseg_hardware::nearest::nearest;
use vrseg_infer::yaml;

/// Line and column of a value, from 1, where they could be found.
pub(super) type Place = Option<(usize, usize)>;

/// What a file sets: the profile it builds on, and single settings in the file's order.
#[derive(Debug, Default)]
pub(super) struct Layer {
    /// The profile that it builds on.
    pub profile: Option<String>,
    /// Line and column of the profile's name.
    pub profile_place: Place,
    /// Settings and their values.
    pub values: Vec<(&'static Setting, Value, Place)>,
}

/// Reads `text`, which came from `file` (a name for messages).
pub(super) fn read(file: &str, text: &str) -> Result<Layer, ConfigError> {
    // A file without any document (empty, or nothing but comments) sets nothing.
    if text.lines().all(|l| l.trim().is_empty() || l.trim_start().starts_with('#')) {
        return Ok(Layer::default());
    }
    if let Some(place) = yaml::too_deep(text) {
        let message = "not valid settings: nested too deeply".to_owned();
        return Err(ConfigError { file: file.to_owned(), place: Some(place), message });
    }
    let complaint = Complaint::default();
    let mut layer = Layer::default();
    let block = Block { complaint: &complaint, section: None, layer: &mut layer };
    let Err(error) = block.deserialize(serde_yaml::Deserializer::from_str(text)) else {
        layer.profile_place = place_of(text, None, "profile");
        for (setting, _, place) in &mut layer.values {
            *place = place_of(text, Some(setting.section()), setting.leaf());
        }
        return Ok(layer);
    };
    let place = error.location().map(|l| (l.line(), l.column()));
    let message = complaint.0.into_inner().unwrap_or_else(|| {
        // The parser's own words end in the place, which we print in front.
        let text = error.to_string();
        format!("not valid YAML: {}", text.split(" at line ").next().unwrap_or(&text))
    });
    Err(ConfigError { file: file.to_owned(), place, message })
}

/// Where a value stands, for messages about values that are right by themselves: serde reports places
/// only with its errors. The text was read already, so a plain look at its lines is enough; `None`
/// for a section in braces.
fn place_of(text: &str, section: Option<&str>, leaf: &str) -> Place {
    let mut inside = section.is_none();
    for (number, line) in text.lines().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let Some((word, value)) = line.trim_start().split_once(':') else { continue };
        let word = word.trim().trim_matches(['"', '\'']);
        match section {
            Some(name) if indent == 0 => inside = word == name,
            Some(_) if !inside || word != leaf => {}
            None if indent > 0 || word != leaf => {}
            _ => {
                let blanks = value.len() - value.trim_start().len();
                return Some((number + 1, line.len() - value.len() + blanks + 1));
            }
        }
    }
    None
}

/// Our own text of what is wrong: the library's adds a path and a place of its own to it.
#[derive(Default)]
struct Complaint(RefCell<Option<String>>);

impl Complaint {
    fn raise<E: Error>(&self, message: String) -> E {
        let error = E::custom(&message);
        self.0.borrow_mut().get_or_insert(message);
        error
    }
}

/// What stands where a key or a value is due.
enum Found {
    Scalar(Value),
    List(Vec<String>),
    /// Something with a structure that no setting has; what it is.
    Nested(&'static str),
    Nothing,
}

/// The visits of the scalars, all to one method.
macro_rules! scalars {
    () => {
        fn visit_bool<E: Error>(self, v: bool) -> Result<Self::Value, E> {
            self.scalar(v.into())
        }
        fn visit_i64<E: Error>(self, v: i64) -> Result<Self::Value, E> {
            self.scalar(v.into())
        }
        fn visit_u64<E: Error>(self, v: u64) -> Result<Self::Value, E> {
            self.scalar(v.into())
        }
        fn visit_f64<E: Error>(self, v: f64) -> Result<Self::Value, E> {
            // JSON has no NaN and no infinity; as texts they are refused by every kind of number.
            let number = serde_json::Number::from_f64(v);
            self.scalar(number.map_or_else(|| v.to_string().into(), Value::Number))
        }
        fn visit_str<E: Error>(self, v: &str) -> Result<Self::Value, E> {
            self.scalar(v.into())
        }
    };
}

/// One key or one value, given to `take`.
struct Leaf<'a, T> {
    complaint: &'a Complaint,
    /// Whether a list is read item by item; else it is a [`Found::Nested`].
    list: bool,
    take: &'a dyn Fn(Found) -> Result<T, String>,
}

impl<T> Leaf<'_, T> {
    fn give<E: Error>(self, found: Found) -> Result<T, E> {
        (self.take)(found).map_err(|m| self.complaint.raise(m))
    }

    fn scalar<E: Error>(self, value: Value) -> Result<T, E> {
        self.give(Found::Scalar(value))
    }
}

impl<'de, T> DeserializeSeed<'de> for Leaf<'_, T> {
    type Value = T;
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<T, D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de, T> Visitor<'de> for Leaf<'_, T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    scalars!();

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        self.give(Found::Nothing)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<T, A::Error> {
        if !self.list {
            return self.give(Found::Nested("a list"));
        }
        let item = |found| match found {
            Found::Scalar(Value::String(s)) if !s.is_empty() => Ok(s),
            other => (self.take)(other).and(Err("expected a name".to_owned())),
        };
        let mut items = Vec::new();
        while let Some(name) = seq.next_element_seed(Leaf { complaint: self.complaint, list: false, take: &item })? {
            items.push(name);
        }
        self.give(Found::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, _: A) -> Result<T, A::Error> {
        self.give(Found::Nested("settings below it"))
    }
}

/// The document (no section) or one section of it.
struct Block<'a> {
    complaint: &'a Complaint,
    section: Option<&'static str>,
    layer: &'a mut Layer,
}

impl Block<'_> {
    fn refuse<E: Error>(&self, found: &str) -> E {
        self.complaint.raise(match self.section {
            Some(name) => format!("{name}: expected settings below it, found {found}"),
            None => format!("expected sections such as \"matte:\" with settings below them, found {found}"),
        })
    }

    fn scalar<E: Error>(self, value: Value) -> Result<(), E> {
        Err(self.refuse(&value.to_string()))
    }
}

impl<'de> DeserializeSeed<'de> for Block<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Block<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("settings")
    }

    scalars!();

    /// All of a section's lines may be comments.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<(), A::Error> {
        Err(self.refuse("a list"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen: Vec<String> = Vec::new();
        loop {
            let check = |found| {
                let Found::Scalar(Value::String(name)) = found else {
                    return Err("expected the name of a setting".to_owned());
                };
                if seen.contains(&name) {
                    return Err(format!("\"{name}\" is set twice"));
                }
                known(self.section, &name).map(|()| name)
            };
            let Some(name) = map.next_key_seed(Leaf { complaint: self.complaint, list: false, take: &check })? else {
                return Ok(());
            };
            let complaint = self.complaint;
            if let Some(section) = self.section {
                let full = format!("{section}.{name}");
                if let Some(setting) = schema::find(&full) {
                    let list = matches!(setting.kind, Kind::List);
                    let value = map.next_value_seed(Leaf { complaint, list, take: &|found| value(setting, found) })?;
                    self.layer.values.push((setting, value, None));
                }
            } else if let Some(section) = schema::sections().find(|s| *s == name) {
                map.next_value_seed(Block { complaint, section: Some(section), layer: &mut *self.layer })?;
            } else {
                self.layer.profile = Some(map.next_value_seed(Leaf { complaint, list: false, take: &profile })?);
            }
            seen.push(name);
        }
    }
}

fn value(setting: &Setting, found: Found) -> Result<Value, String> {
    let expects = || setting.expects();
    let value = match found {
        Found::Scalar(v) => setting.accept(v),
        Found::List(items) => setting.accept_list(items),
        Found::Nested(what) => Err(format!("expected {}, found {what}", expects())),
        Found::Nothing => Err(format!("expected {}, found nothing (quote a value that begins with #)", expects())),
    };
    value.map_err(|message| format!("{}: {message}", setting.name))
}

fn profile(found: Found) -> Result<String, String> {
    match found {
        Found::Scalar(Value::String(s)) => check_profile(&s).map(str::to_owned),
        _ => Err(format!("profile: expected one of {}", schema::PROFILES.join(", "))),
    }
}

/// The built-in profile that a word means.
pub(super) fn check_profile(word: &str) -> Result<&'static str, String> {
    let unknown = || format!("profile: expected one of {}, found \"{word}\"", schema::PROFILES.join(", "));
    schema::profile(word).ok_or_else(unknown)
}

/// Refuses a key that is no setting of `section` (of the document, where that is `None`).
pub(super) fn known(section: Option<&str>, name: &str) -> Result<(), String> {
    let leaves: Vec<&str> = match section {
        Some(s) => SETTINGS.iter().filter(|k| k.section() == s).map(Setting::leaf).collect(),
        None => schema::sections().chain(["profile"]).collect(),
    };
    if leaves.contains(&name) {
        return Ok(());
    }
    let elsewhere = SETTINGS.iter().find(|s| s.leaf() == name || s.name == name);
    let hint = match (nearest(name, leaves.iter().copied()), elsewhere) {
        (_, Some(other)) => format!("\"{}\" belongs in the section \"{}\"", other.leaf(), other.section()),
        (Some(near), None) => format!("did you mean \"{near}\"?"),
        (None, None) => format!("known are {}", leaves.join(", ")),
    };
    let place = section.map(|s| format!("{s}: ")).unwrap_or_default();
    Err(format!("{place}unknown setting \"{name}\"; {hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "(.|\\n){0,300}") {
            let _ = read("x.yaml", &text);
        }

        #[test]
        fn damaged_file_is_read_without_panic(at in 0usize..4000, with in any::<char>(), cut in 0usize..4000) {
            let mut chars: Vec<char> = crate::settings::defaults().chars().collect();
            let n = chars.len();
            chars[at % n] = with;
            let _ = read("x.yaml", &chars[..n.min(1 + cut)].iter().collect::<String>());
        }
    }

    #[test]
    fn deep_nesting_and_alias_bombs_are_refused() {
        let deep = format!("output: {}", "[".repeat(100_000));
        let mut laughs = "a: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
        for (before, name) in ('a'..='z').zip('b'..='z') {
            let nine = format!("*{before}, ").repeat(9);
            laughs += &format!("{name}: &{name} [{}]\n", nine.trim_end_matches(", "));
        }
        for text in [deep, laughs] {
            let began = std::time::Instant::now();
            assert!(read("x.yaml", &text).is_err());
            assert!(began.elapsed().as_secs() < 20, "refused before the aliases expand");
        }
    }

    #[test]
    fn places_of_valid_values_are_found() {
        let text = "# crf: 1\nprofile: fast\nmatte:\n  feather: 1\noutput: # mine\n  feather: no\n  'crf' :   20\n";
        assert_eq!(place_of(text, None, "profile"), Some((2, 10)));
        assert_eq!(place_of(text, Some("output"), "crf"), Some((7, 13)));
        assert_eq!(place_of(text, Some("matte"), "crf"), None);
        assert_eq!(place_of("output: {crf: 20}\n", Some("output"), "crf"), None);
    }
}
