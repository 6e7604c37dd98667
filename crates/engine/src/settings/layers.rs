//! Puts the layers on top of each other and remembers which of them set each value.

use super::schema::{self, SETTINGS, Setting};
use super::{ConfigError, Settings, Source, Sources, fields, read};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const FAST: &str = include_str!("../../../../configs/profiles/fast.yaml");
const BALANCED: &str = include_str!("../../../../configs/profiles/balanced.yaml");
const QUALITY: &str = include_str!("../../../../configs/profiles/quality.yaml");

/// What the settings are made from.
#[derive(Debug, Default)]
pub struct Loader {
    /// `-c`; must exist where given, or be the name of a file beside `user_file`.
    pub file: Option<PathBuf>,
    /// The user's own file, read where it exists and `file` isn't given.
    pub user_file: Option<PathBuf>,
    /// Environment variables.
    pub env: Vec<(OsString, OsString)>,
    /// `--profile`.
    pub profile: Option<String>,
    /// Setting, the flag that set it, the value.
    pub flags: Vec<(&'static str, &'static str, Value)>,
}

/// The user's own file: `$XDG_CONFIG_HOME/vrseg/config.yaml`, else `~/.config/vrseg/config.yaml`.
/// It need not exist. `None` where neither variable is set.
pub fn user_file() -> Option<PathBuf> {
    let var = |name| std::env::var_os(name).filter(|v: &OsString| !v.is_empty()).map(PathBuf::from);
    // The XDG specification: a relative path there is to be ignored.
    let base =
        var("XDG_CONFIG_HOME").filter(|p| p.is_absolute()).or_else(|| var("HOME").map(|home| home.join(".config")));
    base.map(|dir| dir.join("vrseg/config.yaml"))
}

impl Loader {
    /// A loader that sees this process's environment and the user's file.
    pub fn from_environment() -> Self {
        Loader { user_file: user_file(), env: std::env::vars_os().collect(), ..Loader::default() }
    }

    /// Reads all layers.
    ///
    /// # Errors
    /// The first wrong value, with its place.
    pub fn load(self) -> Result<(Settings, Sources), ConfigError> {
        let file = match (&self.file, &self.user_file) {
            (Some(path), own) => Some(found(path, own.as_deref())),
            (None, Some(path)) if path.exists() => Some(path.clone()),
            _ => None,
        };
        let user = match &file {
            Some(path) => read::read(&path.display().to_string(), &text(path)?)?,
            None => read::Layer::default(),
        };
        let (env_profile, env) = environment(&self.env)?;

        let mut profile = (schema::DEFAULT_PROFILE.to_owned(), Source::Default);
        if let (Some(name), Some(path)) = (user.profile, &file) {
            profile = (name, Source::File(path.clone(), user.profile_place));
        }
        if let Some(name) = env_profile {
            profile = (name, Source::Env("VRSEG_PROFILE".to_owned()));
        }
        if let Some(name) = self.profile {
            profile = (name, Source::Flag("--profile"));
        }
        let built_in = match profile.0.as_str() {
            "fast" => FAST,
            "quality" => QUALITY,
            _ => BALANCED,
        };
        let built_in = read::read(&format!("configs/profiles/{}.yaml", profile.0), built_in)?;

        let liked = built_in.values.iter().find(|(setting, ..)| setting.name == "model.prefer");
        let profile_model = liked.and_then(|(_, names, _)| names.get(0)?.as_str()).map(str::to_owned);

        let mut values = BTreeMap::new();
        let mut put = |setting: &'static Setting, value: Value, source: Source| {
            values.insert(setting.name, (value, source));
        };
        for setting in SETTINGS {
            put(setting, setting.default_value(), Source::Default);
        }
        for (setting, value, _) in built_in.values {
            put(setting, value, Source::Profile(profile.0.clone()));
        }
        for (setting, value, place) in user.values {
            put(setting, value, Source::File(file.clone().unwrap_or_default(), place));
        }
        for (setting, value, name) in env {
            put(setting, value, Source::Env(name));
        }
        for (name, flag, value) in self.flags {
            if let Some(setting) = schema::find(name) {
                put(setting, value, Source::Flag(flag));
            }
        }
        let sources = Sources { profile, profile_model, values, rules: BTreeMap::new() };
        Ok((fields::settings(&sources), sources))
    }
}

/// The file that `-c` means: a bare name that isn't here is looked for beside the user's own file, `.yaml` being
/// added where it has no extension.
fn found(named: &Path, user_file: Option<&Path>) -> PathBuf {
    let bare = named.parent().is_some_and(|folder| folder.as_os_str().is_empty());
    let there = user_file.filter(|_| bare && !named.exists()).map(|file| file.with_file_name(named));
    let there = there.map(|file| if file.extension().is_none() { file.with_extension("yaml") } else { file });
    there.filter(|file| file.is_file()).unwrap_or_else(|| named.to_owned())
}

fn text(path: &Path) -> Result<String, ConfigError> {
    let error = |message: String| ConfigError { file: path.display().to_string(), place: None, message };
    let bytes = std::fs::read(path).map_err(|e| match e.kind() {
        ErrorKind::NotFound => error("no such file".to_owned()),
        ErrorKind::IsADirectory => error("is a folder, not a file with settings".to_owned()),
        ErrorKind::PermissionDenied => error("no permission to read it".to_owned()),
        _ => error(e.to_string()),
    })?;
    String::from_utf8(bytes).map_err(|e| {
        let line = e.as_bytes()[..e.utf8_error().valid_up_to()].iter().filter(|b| **b == b'\n').count() + 1;
        error(format!("not UTF-8 text (line {line})"))
    })
}

type EnvValues = Vec<(&'static Setting, Value, String)>;

/// `VRSEG_PROFILE`, and `VRSEG_SECTION_KEY` for each setting. Variables of a known section with an
/// unknown key are errors; other `VRSEG_*` variables are not ours to judge.
fn environment(env: &[(OsString, OsString)]) -> Result<(Option<String>, EnvValues), ConfigError> {
    let mut profile = None;
    let mut values = EnvValues::new();
    for (name, value) in env {
        let Some(rest) = name.to_str().and_then(|n| n.strip_prefix("VRSEG_")) else { continue };
        let name = format!("VRSEG_{rest}");
        let error = |message| ConfigError { file: name.clone(), place: None, message };
        let rest = rest.to_ascii_lowercase();
        let ours = rest.split_once('_').filter(|(section, _)| schema::sections().any(|s| s == *section));
        if ours.is_none() && rest != "profile" {
            continue;
        }
        let value = value.to_str().ok_or_else(|| error("not UTF-8 text".to_owned()))?;
        // Set to nothing is not set.
        if value.is_empty() {
            continue;
        }
        let Some((section, leaf)) = ours else {
            profile = Some(read::check_profile(value).map_err(error)?.to_owned());
            continue;
        };
        read::known(Some(section), leaf).map_err(error)?;
        if let Some(setting) = schema::find(&format!("{section}.{leaf}")) {
            values.push((setting, setting.parse(value).map_err(error)?, name));
        }
    }
    Ok((profile, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_profile_is_valid() {
        for name in schema::PROFILES {
            let loader = Loader { profile: Some((*name).to_owned()), ..Loader::default() };
            let (settings, sources) = loader.load().expect("a profile");
            assert_eq!(settings.profile, *name);
            assert_eq!(*sources.of("output.crf"), Source::Profile((*name).to_owned()));
            assert!(settings.output.preset.is_some() && !settings.model.prefer.is_empty());
        }
    }

    #[test]
    fn input_size_of_a_profile_is_for_its_first_model_only() {
        let load = |profile: &str, flags: Vec<(&'static str, &'static str, Value)>| {
            let (settings, _) =
                Loader { profile: Some(profile.to_owned()), flags, ..Loader::default() }.load().expect("settings");
            (settings.model.input_size, settings.model.input_size_for)
        };
        let rvm = Some("rvm".to_owned());
        assert_eq!(load("quality", vec![]), (Some(1024), rvm.clone()));
        assert_eq!(load("fast", vec![]).1.as_deref(), Some("selfie"));
        // The user's own preference doesn't change what the profile's size was measured with.
        let prefer = ("model.prefer", "-c", Value::from(vec!["selfie"]));
        assert_eq!(load("quality", vec![prefer]), (Some(1024), rvm));
        assert_eq!(load("quality", vec![("model.input_size", "--input-size", Value::from(768))]), (Some(768), None));
    }

    #[test]
    fn variables_of_other_programs_are_ignored() {
        let env = [("VRSEG_LOG", "x"), ("VRSEG_EMBED_ORT", "x"), ("MATTE_FEATHER", "x"), ("VRSEG_MATTE_FEATHER", "3")]
            .map(|(n, v)| (n.into(), v.into()));
        let (settings, sources) = Loader { env: env.into(), ..Loader::default() }.load().expect("settings");
        assert_eq!(settings.matte.feather, 3.0);
        assert_eq!(*sources.of("matte.feather"), Source::Env("VRSEG_MATTE_FEATHER".into()));
    }
}
