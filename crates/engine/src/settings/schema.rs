//! Every setting there is: its name, what values it takes, and how a value is read. The file
//! reader, the environment, the command line and `--show-config` all go by this one table.

use super::values;
use serde_json::Value;

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

/// One setting.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// `section.key`.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// The word that stands for "not set", where the setting may be left open.
    pub unset: Option<&'static str>,
}

const fn key(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, unset: None }
}

const fn open(name: &'static str, kind: Kind, unset: &'static str) -> Key {
    Key { name, kind, unset: Some(unset) }
}

/// The words for what an output shows.
pub const MODES: &[&str] = &["green", "matte", "alpha", "blur", "replace", "overlay", "passthrough"];
/// The profiles that are built in.
pub const PROFILES: &[&str] = &["fast", "balanced", "quality"];

/// All settings, in the order in which `--show-config` prints them.
pub const KEYS: &[Key] = &[
    open("model.name", Kind::Text, "auto"),
    key("model.prefer", Kind::List),
    open("model.input_size", Kind::Integer(32, 4096), "auto"),
    open("model.batch_size", Kind::Integer(1, 256), "auto"),
    key("model.precision", Kind::Word(&["auto", "fp32", "fp16", "int8"])),
    key(
        "device.name",
        Kind::Form(
            "auto, cpu, cuda, cuda:N, tensorrt, tensorrt:N, openvino, several of them as cuda:0,cuda:1, or all",
            values::is_devices,
        ),
    ),
    open("device.ort_library", Kind::Text, "auto"),
    open("device.threads", Kind::Integer(1, 1024), "auto"),
    open("device.tf32", Kind::Bool, "auto"),
    key("device.deterministic", Kind::Bool),
    open("device.memory_share", Kind::Number(0.1, 1.0), "off"),
    key("device.smaller_input", Kind::Bool),
    open("processing.threads", Kind::Integer(1, 1024), "auto"),
    open("processing.decode_threads", Kind::Integer(1, 256), "auto"),
    open("processing.workers", Kind::Integer(1, 256), "auto"),
    open("processing.encode_threads", Kind::Integer(1, 256), "auto"),
    open("processing.queue_mb", Kind::Integer(1, 1 << 20), "auto"),
    open(
        "processing.max_memory",
        Kind::Form("an amount of memory such as 900M or 4G, at least 64M", values::is_memory),
        "auto",
    ),
    key("processing.segments_at_once", Kind::Integer(1, 64)),
    key("processing.strict", Kind::Bool),
    open("processing.segment_seconds", Kind::Number(0.1, 3600.0), "off"),
    key("processing.cache", Kind::Word(&["auto", "on", "memory", "off"])),
    key("processing.cache_memory_mb", Kind::Integer(0, 1 << 20)),
    key("processing.cache_disk_gb", Kind::Number(0.01, 100_000.0)),
    key("vr.layout", Kind::Word(&["auto", "mono", "sbs", "tb"])),
    key("vr.projection", Kind::Word(&["auto", "flat", "hequirect", "equirect", "fisheye"])),
    open("vr.fov", Kind::Number(90.0, 270.0), "auto"),
    key("vr.eye_order", Kind::Word(&["auto", "lr", "rl"])),
    key("vr.view", Kind::Word(&["auto", "eye", "equirect", "fisheye", "rectilinear"])),
    open("performance.target_fps", Kind::Number(0.1, 10_000.0), "off"),
    open("performance.max_latency_ms", Kind::Number(1.0, 3_600_000.0), "off"),
    key("performance.auto_tune", Kind::Bool),
    open("performance.warmup", Kind::Integer(0, 16), "auto"),
    key("performance.profiling", Kind::Bool),
    open("matte.threshold", Kind::Number(0.0, 1.0), "off"),
    key("matte.feather", Kind::Number(0.0, 200.0)),
    key("matte.grow", Kind::Integer(-200, 200)),
    key("matte.refine", Kind::Bool),
    key("matte.every", Kind::Integer(1, 8)),
    key("matte.stabilize", Kind::Number(0.0, 1.0)),
    key("matte.stereo", Kind::Number(0.0, 1.0)),
    open("people.crops", Kind::List, "off"),
    key("people.every", Kind::Integer(1, 300)),
    key("people.keep", Kind::Form("all, main or a number of people from 1 to 99", values::is_keep)),
    key("people.min_size", Kind::Number(0.0, 1.0)),
    key("people.exclude_pov", Kind::Bool),
    open("people.include", Kind::Form(values::REGIONS_FORM, values::is_regions), "off"),
    open("people.exclude", Kind::Form(values::REGIONS_FORM, values::is_regions), "off"),
    key("output.mode", Kind::Word(MODES)),
    key("output.name", Kind::Text),
    key("output.key", Kind::Form(values::COLOR_FORM, values::is_color)),
    key("output.tint", Kind::Form(values::COLOR_FORM, values::is_color)),
    key("output.blur_strength", Kind::Number(0.001, 0.2)),
    open("output.fov", Kind::Word(&["180", "190", "200", "220"]), "auto"),
    key("output.alpha_channel", Kind::Word(&["red", "gray"])),
    key("output.resample", Kind::Word(&["bilinear", "lanczos"])),
    open("output.codec", Kind::Word(&["h264", "hevc", "av1", "vp9", "prores", "ffv1"]), "auto"),
    open("output.encoder", Kind::Text, "auto"),
    open("output.crf", Kind::Number(0.0, 63.0), "auto"),
    open("output.preset", Kind::Text, "auto"),
    open(
        "output.bitrate",
        Kind::Form("bits per second such as 8000000, 800k or 20M, at least 10k", values::is_bitrate),
        "auto",
    ),
    open("output.pix_fmt", Kind::Text, "auto"),
    key("output.hardware", Kind::Bool),
    key("logging.level", Kind::Word(&["error", "warn", "info", "debug", "trace"])),
    key("logging.format", Kind::Word(&["text", "json"])),
    open("logging.file", Kind::Text, "auto"),
];

/// The setting of that name.
pub fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|k| k.name == name)
}

/// The sections, in order, each once.
pub fn sections() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    KEYS.iter().map(|k| k.section()).filter(move |s| std::mem::replace(&mut last, s) != *s)
}

/// The name that was most likely meant.
pub fn nearest<'a>(word: &str, among: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    among
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&word.to_lowercase(), name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

impl Key {
    /// The part before the dot.
    pub fn section(&self) -> &'static str {
        self.name.split_once('.').map_or("", |(s, _)| s)
    }

    /// The part behind the dot.
    pub fn leaf(&self) -> &'static str {
        self.name.split_once('.').map_or(self.name, |(_, l)| l)
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
        // A number where a text is due is a text: `preset: 10` for SVT-AV1.
        let text = match &value {
            Value::String(s) => Some(s.clone()),
            Value::Number(n) => Some(n.to_string()),
            _ => None,
        };
        let taken = match self.kind {
            Kind::Bool => value.as_bool().map(Value::from),
            Kind::Integer(lo, hi) => value.as_i64().filter(|n| (lo..=hi).contains(n)).map(Value::from),
            Kind::Number(lo, hi) => value.as_f64().filter(|n| (lo..=hi).contains(n)).map(Value::from),
            Kind::Word(words) => text.filter(|t| words.contains(&t.as_str())).map(Value::from),
            Kind::Text => text.filter(|t| !t.is_empty()).map(Value::from),
            Kind::List => text.filter(|t| !t.is_empty()).map(|t| Value::from(vec![t])),
            Kind::Form(_, test) => text.filter(|t| test(t)).map(Value::from),
        };
        taken.ok_or_else(|| {
            let mut message = format!("expected {}, found {shown}", self.expects());
            if let (Kind::Word(words), Some(word)) = (self.kind, value.as_str())
                && let Some(near) = nearest(word, words.iter().copied().chain(self.unset))
            {
                message += &format!("; did you mean {near}?");
            }
            message
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: &str, text: &str) -> Result<Value, String> {
        find(name).expect("a known setting").parse(text)
    }

    #[test]
    fn one_line_values() {
        assert_eq!(parse("matte.threshold", "0.5"), Ok(Value::from(0.5)));
        assert_eq!(parse("matte.threshold", "off"), Ok(Value::Null));
        assert_eq!(parse("matte.grow", "-3"), Ok(Value::from(-3)));
        assert_eq!(parse("model.prefer", "rvm, selfie"), Ok(Value::from(vec!["rvm", "selfie"])));
        assert_eq!(parse("output.preset", "10"), Ok(Value::from("10")));
        assert_eq!(parse("output.bitrate", "20M"), Ok(Value::from("20M")));
        assert_eq!(parse("matte.threshold", "2"), Err("expected a number from 0 to 1, or off, found 2".to_owned()));
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
    fn sections_come_once() {
        let all: Vec<_> = sections().collect();
        assert_eq!(all, ["model", "device", "processing", "vr", "performance", "matte", "people", "output", "logging"]);
    }
}
