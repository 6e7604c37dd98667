//! Puts the layers on top of each other and remembers which of them set each value.

use super::schema::{self, Key};
use super::values::{self, Devices};
use super::{ConfigError, DeviceSettings, ModelSettings, OutputSettings, PerformanceSettings, ProcessingSettings};
use super::{Settings, read};
use crate::pipeline::{PeopleChoice, Split};
use crate::telemetry::{LogFile, LogFormat};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use vrseg_image::compose::{AlphaChannel, Rgb};
use vrseg_image::matte::MatteOptions;
use vrseg_image::matte::keep::Wishes;
use vrseg_image::matte::windows::View;
use vrseg_image::vr::{EyeOrder, Filter, FormatRequest, Layout, ProjectionKind};
use vrseg_infer::cache::{CacheChoice, Tiers};
use vrseg_infer::{DeviceChoice, Precision, SessionChoice};
use vrseg_media::Codec;

pub(super) const DEFAULTS: &str = include_str!("../../../../configs/default.yaml");
const FAST: &str = include_str!("../../../../configs/profiles/fast.yaml");
const BALANCED: &str = include_str!("../../../../configs/profiles/balanced.yaml");
const QUALITY: &str = include_str!("../../../../configs/profiles/quality.yaml");

/// Where a value comes from, weakest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// `configs/default.yaml`, built in.
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
    profile: (String, Source),
    /// The model that the profile likes best; its `input_size` is meant for that one.
    profile_model: Option<String>,
    values: BTreeMap<&'static str, (Value, Source)>,
    /// What the rules make of values that are left open: the value, and why.
    rules: BTreeMap<&'static str, (String, String)>,
}

/// What the settings are made from.
#[derive(Debug, Default)]
pub struct Loader {
    /// `-c`; must exist where given.
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
            (Some(path), _) => Some(path.clone()),
            (None, Some(path)) if path.exists() => Some(path.clone()),
            _ => None,
        };
        let user = match &file {
            Some(path) => read::read(&path.display().to_string(), &text(path)?)?,
            None => read::Layer::default(),
        };
        let (env_profile, env) = environment(&self.env)?;
        let defaults = read::read("configs/default.yaml", DEFAULTS)?;

        let mut profile = (defaults.profile.unwrap_or_else(|| "balanced".to_owned()), Source::Default);
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

        let liked = built_in.values.iter().find(|(key, ..)| key.name == "model.prefer");
        let profile_model = liked.and_then(|(_, names, _)| names.get(0)?.as_str()).map(str::to_owned);

        let mut values = BTreeMap::new();
        let mut put = |key: &'static Key, value: Value, source: Source| {
            values.insert(key.name, (value, source));
        };
        for (key, value, _) in defaults.values {
            put(key, value, Source::Default);
        }
        for (key, value, _) in built_in.values {
            put(key, value, Source::Profile(profile.0.clone()));
        }
        for (key, value, place) in user.values {
            put(key, value, Source::File(file.clone().unwrap_or_default(), place));
        }
        for (key, value, name) in env {
            put(key, value, Source::Env(name));
        }
        for (name, flag, value) in self.flags {
            if let Some(key) = schema::find(name) {
                put(key, value, Source::Flag(flag));
            }
        }
        let sources = Sources { profile, profile_model, values, rules: BTreeMap::new() };
        Ok((sources.settings(), sources))
    }
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

type EnvValues = Vec<(&'static Key, Value, String)>;

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
            read::check_profile(value).map_err(error)?;
            profile = Some(value.to_owned());
            continue;
        };
        read::known(Some(section), leaf).map_err(error)?;
        if let Some(key) = schema::find(&format!("{section}.{leaf}")) {
            values.push((key, key.parse(value).map_err(error)?, name));
        }
    }
    Ok((profile, values))
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
    pub fn given(&self) -> impl Iterator<Item = &'static str> + '_ {
        schema::KEYS.iter().map(|k| k.name).filter(|name| self.of(name).is_user())
    }

    /// The value of `name` as a file has it.
    pub fn shown(&self, name: &str) -> String {
        schema::find(name).map(|key| yaml(key, self.get(name))).unwrap_or_default()
    }

    /// Remembers what a rule makes of `name`.
    pub(super) fn rule(&mut self, name: &'static str, value: impl ToString, why: impl Into<String>) {
        debug_assert!(schema::find(name).is_some(), "{name} is no setting");
        self.rules.insert(name, (value.to_string(), why.into()));
    }

    /// Whether `name` stands back for `rival`, which means the contrary and comes from a stronger
    /// layer. (From one layer both are an error, see [`super::check`].)
    pub(super) fn beaten(&self, name: &str, rival: &str) -> bool {
        !self.get(rival).is_null() && self.of(rival).layer() > self.of(name).layer()
    }

    /// The value of `name` (`section.key`), in its kind's own type; `Null` where it is left open.
    pub fn get(&self, name: &str) -> &Value {
        debug_assert!(schema::find(name).is_some(), "{name} is no setting");
        self.values.get(name).map_or(&Value::Null, |(value, _)| value)
    }

    fn text(&self, name: &str) -> Option<String> {
        self.get(name).as_str().map(str::to_owned)
    }

    fn number(&self, name: &str) -> Option<f32> {
        self.get(name).as_f64().map(|n| n as f32)
    }

    fn list(&self, name: &str) -> Vec<String> {
        let items = self.get(name).as_array().into_iter().flatten();
        items.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn integer(&self, name: &str) -> i64 {
        self.get(name).as_i64().unwrap_or(0)
    }

    fn count(&self, name: &str) -> usize {
        usize::try_from(self.integer(name)).unwrap_or(0)
    }

    fn flag(&self, name: &str) -> bool {
        self.get(name).as_bool().unwrap_or(false)
    }

    fn color(&self, name: &str) -> Rgb {
        self.get(name).as_str().and_then(values::color).unwrap_or(Rgb::KEY_GREEN)
    }

    /// What is said about the source's format. Only a fisheye has a field of view: of that and another
    /// projection the stronger layer's word counts.
    fn format_request(&self) -> FormatRequest {
        let word = |name| self.get(name).as_str().unwrap_or_default();
        let (mut projection, mut fov) = (ProjectionKind::from_name(word("vr.projection")), self.number("vr.fov"));
        if projection.is_some_and(|p| p != ProjectionKind::Fisheye) && fov.is_some() {
            if self.beaten("vr.projection", "vr.fov") {
                projection = Some(ProjectionKind::Fisheye);
            } else {
                fov = None;
            }
        }
        FormatRequest {
            layout: Layout::from_name(word("vr.layout")),
            projection,
            fov,
            eye_order: EyeOrder::from_name(word("vr.eye_order")),
        }
    }

    fn cache(&self) -> CacheChoice {
        CacheChoice {
            tiers: match self.get("processing.cache").as_str() {
                Some("on") => Tiers::All,
                Some("memory") => Tiers::Memory,
                Some("off") => Tiers::Off,
                _ => Tiers::Auto,
            },
            memory: self.count("processing.cache_memory_mb") << 20,
            disk: (self.get("processing.cache_disk_gb").as_f64().unwrap_or(0.0) * 1e9) as u64,
            read: true,
        }
    }

    /// The typed settings. Every value has been checked when it was read.
    fn settings(&self) -> Settings {
        let devices = self.get("device.name").as_str().and_then(values::devices);
        let devices = devices.unwrap_or(Devices::One(DeviceChoice::Auto));
        Settings {
            profile: self.profile.0.clone(),
            model: ModelSettings {
                name: self.text("model.name"),
                prefer: self.list("model.prefer"),
                input_size: self.get("model.input_size").as_u64().and_then(|n| n.try_into().ok()),
                input_size_for: self.profile_model.clone().filter(|_| !self.of("model.input_size").is_user()),
                batch_size: self.integer("model.batch_size") as u32,
                precision: match self.get("model.precision").as_str() {
                    Some("fp32") => Precision::Fp32,
                    Some("fp16") => Precision::Fp16,
                    Some("int8") => Precision::Int8,
                    _ => Precision::Auto,
                },
            },
            device: DeviceSettings {
                choice: match &devices {
                    Devices::One(one) => *one,
                    Devices::Several(all) => all.first().copied().unwrap_or(DeviceChoice::Auto),
                    Devices::All => DeviceChoice::Auto,
                },
                devices,
                ort_library: self.text("device.ort_library").map(PathBuf::from),
                threads: self.count("device.threads"),
                session: SessionChoice {
                    tf32: self.get("device.tf32").as_bool(),
                    deterministic: self.flag("device.deterministic"),
                    memory_share: self.number("device.memory_share"),
                    warmup: self.get("performance.warmup").as_u64().and_then(|n| n.try_into().ok()),
                    smaller_input: self.flag("device.smaller_input"),
                    rigid: false,
                },
            },
            processing: ProcessingSettings {
                threads: self.count("processing.threads"),
                split: Split {
                    decode: self.count("processing.decode_threads"),
                    workers: self.count("processing.workers"),
                    encode: self.count("processing.encode_threads"),
                },
                queue_bytes: self.count("processing.queue_mb") << 20,
                max_memory: self.get("processing.max_memory").as_str().and_then(values::memory),
                segments_at_once: self.count("processing.segments_at_once").max(1),
                strict: self.flag("processing.strict"),
                segment_seconds: self.get("processing.segment_seconds").as_f64(),
                cache: self.cache(),
            },
            vr: self.format_request(),
            view: self.get("vr.view").as_str().and_then(View::from_name),
            performance: PerformanceSettings {
                target_fps: self.get("performance.target_fps").as_f64(),
                max_latency_ms: self.get("performance.max_latency_ms").as_f64(),
                auto_tune: self.flag("performance.auto_tune"),
                profiling: self.flag("performance.profiling"),
            },
            matte: MatteOptions {
                threshold: self.number("matte.threshold"),
                feather: self.number("matte.feather").unwrap_or(0.0),
                grow: self.integer("matte.grow") as i32,
                refine: self.flag("matte.refine"),
                every: self.integer("matte.every").clamp(1, 8) as u32,
                stabilize: self.number("matte.stabilize").unwrap_or(0.0),
                stereo: self.number("matte.stereo").unwrap_or(0.0),
            },
            people: PeopleChoice {
                crops: self.list("people.crops"),
                insist: self.of("people.crops").is_user(),
                every: self.integer("people.every").clamp(1, 300) as u32,
                keep: self.get("people.keep").as_str().and_then(values::keep).unwrap_or_default(),
                wishes: Wishes {
                    min_size: self.number("people.min_size").unwrap_or(0.0),
                    exclude_pov: self.flag("people.exclude_pov"),
                    ..Wishes::default()
                },
            },
            include: self.text("people.include"),
            exclude: self.text("people.exclude"),
            output: OutputSettings {
                mode: self.text("output.mode").unwrap_or_else(|| "green".to_owned()),
                name: self.text("output.name").unwrap_or_default(),
                key: self.color("output.key"),
                tint: self.color("output.tint"),
                blur_strength: self.number("output.blur_strength").unwrap_or(0.02),
                fov: self.get("output.fov").as_str().and_then(|fov| fov.parse().ok()),
                alpha_channel: (self.get("output.alpha_channel").as_str())
                    .and_then(AlphaChannel::from_name)
                    .unwrap_or_default(),
                resample: self.get("output.resample").as_str().and_then(Filter::from_name).unwrap_or_default(),
                codec: self.get("output.codec").as_str().and_then(Codec::from_name),
                encoder: self.text("output.encoder"),
                crf: self.number("output.crf").filter(|_| !self.beaten("output.crf", "output.bitrate")),
                preset: self.text("output.preset"),
                bitrate: (self.get("output.bitrate").as_str().and_then(values::bitrate))
                    .filter(|_| !self.beaten("output.bitrate", "output.crf")),
                pix_fmt: self.text("output.pix_fmt"),
                hardware: self.flag("output.hardware"),
            },
            log_level: self.text("logging.level").unwrap_or_else(|| "warn".to_owned()),
            log_format: match self.text("logging.format").as_deref() {
                Some("json") => LogFormat::Json,
                _ => LogFormat::Text,
            },
            log_file: match self.text("logging.file").as_deref() {
                None => LogFile::State,
                Some("off") => LogFile::Off,
                Some(path) => LogFile::At(PathBuf::from(path)),
            },
        }
    }

    /// All settings as a YAML file with a comment that tells each value's source, and what the rules
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
            for key in schema::KEYS.iter().filter(|k| k.section() == section) {
                let left = format!("  {}: {}", key.leaf(), yaml(key, self.get(key.name)));
                let _ = write!(out, "{left:width$} # {}", self.of(key.name));
                if let Some((value, why)) = self.rules.get(key.name) {
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

/// A value as YAML on one line. JSON's texts and lists are YAML too; plain words are clearer bare.
fn yaml(key: &Key, value: &Value) -> String {
    let bare = |s: &str| s.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') && s.parse::<f64>().is_err();
    match value {
        Value::Null => key.unset.unwrap_or("null").to_owned(),
        Value::String(s) if bare(s) => s.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_set_everything_and_every_profile_is_right() {
        let defaults = read::read("default.yaml", DEFAULTS).expect("the defaults");
        let set: Vec<_> = defaults.values.iter().map(|(k, ..)| k.name).collect();
        let all: Vec<_> = schema::KEYS.iter().map(|k| k.name).collect();
        assert_eq!(set, all, "in the same order too");
        for name in schema::PROFILES {
            let loader = Loader { profile: Some((*name).to_owned()), ..Loader::default() };
            let (settings, sources) = loader.load().expect("a profile");
            assert_eq!(settings.profile, *name);
            assert_eq!(*sources.of("output.crf"), Source::Profile((*name).to_owned()));
            assert!(settings.output.preset.is_some() && !settings.model.prefer.is_empty());
        }
    }

    #[test]
    fn a_profiles_input_size_is_for_its_first_model_only() {
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
    fn variables_of_others_are_not_ours() {
        let env = [("VRSEG_LOG", "x"), ("VRSEG_EMBED_ORT", "x"), ("MATTE_FEATHER", "x"), ("VRSEG_MATTE_FEATHER", "3")]
            .map(|(n, v)| (n.into(), v.into()));
        let (settings, sources) = Loader { env: env.into(), ..Loader::default() }.load().expect("settings");
        assert_eq!(settings.matte.feather, 3.0);
        assert_eq!(*sources.of("matte.feather"), Source::Env("VRSEG_MATTE_FEATHER".into()));
    }
}
