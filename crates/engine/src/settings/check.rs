//! Rules across settings: values that are right by themselves and can't be carried out together.
//! They are refused before any work, and both settings are named with what set them.

use super::{ConfigError, Devices, Settings, Source, Sources};
use vrseg_hardware::nearest::nearest;
use vrseg_infer::library::is_added;
use vrseg_infer::{DeviceChoice, Precision};
use vrseg_infer::{Kind, Manifest, registry};
use vrseg_media::Codec;

/// The encoders of each codec, by the beginnings of FFmpeg's names, and the end of their scale of
/// constant quality (where they have one).
const ENCODERS: &[Family] = &[
    (Codec::H264, &["libx264", "h264_", "libopenh264"], Some(51.0)),
    (Codec::Hevc, &["libx265", "hevc_"], Some(51.0)),
    (Codec::Av1, &["libsvtav1", "libaom-av1", "librav1e", "av1_"], Some(63.0)),
    (Codec::Vp9, &["libvpx-vp9", "vp9_"], Some(63.0)),
    (Codec::ProRes, &["prores"], None),
    (Codec::Ffv1, &["ffv1"], None),
];

/// Codecs that can carry an alpha channel.
const WITH_ALPHA: &[Codec] = &[Codec::ProRes, Codec::Vp9, Codec::Ffv1];

/// Refuses settings that contradict each other, or the model that they choose.
///
/// # Errors
/// The first contradiction; its text names both settings and their sources.
pub fn check(settings: &Settings, sources: &Sources) -> Result<(), ConfigError> {
    let rules = Rules { s: settings, from: sources };
    rules.precision()?;
    rules.latency()?;
    rules.workers()?;
    rules.device()?;
    rules.model()?;
    rules.encoder()?;
    rules.rate()
}

/// Checks what one output has of its own: an encoder with its codec, and its quality.
///
/// # Errors
/// A text without the place.
pub fn check_encoder(
    codec: Option<Codec>,
    encoder: Option<&str>,
    crf: Option<f32>,
    has_bitrate: bool,
) -> Result<(), String> {
    let named = encoder.and_then(family);
    if let (Some(codec), Some((own, ..)), Some(encoder)) = (codec, named, encoder)
        && codec != *own
    {
        return Err(format!("encoder {encoder} encodes {}, not {}", own.name(), codec.name()));
    }
    let by_codec = || codec.and_then(|codec| ENCODERS.iter().find(|(own, ..)| *own == codec));
    let Some((codec, _, end)) = named.or_else(by_codec) else { return Ok(()) };
    match end {
        None if crf.is_some() || has_bitrate => Err(format!("{} has neither crf nor bitrate", codec.name())),
        Some(end) if crf.is_some_and(|crf| crf > *end) => {
            Err(format!("crf {}: the scale of {} ends at {end}", crf.unwrap_or_default(), codec.name()))
        }
        _ => Ok(()),
    }
}

type Family = (Codec, &'static [&'static str], Option<f32>);

/// The row of an encoder.
fn family(encoder: &str) -> Option<&'static Family> {
    ENCODERS.iter().find(|(_, names, _)| names.iter().any(|n| encoder.starts_with(n)))
}

struct Rules<'a> {
    s: &'a Settings,
    from: &'a Sources,
}

impl Rules<'_> {
    /// A complaint about the setting `name`, placed where its value stands.
    fn wrong(&self, name: &str, message: String) -> ConfigError {
        match self.from.of(name) {
            Source::File(path, place) => ConfigError { file: path.display().to_string(), place: *place, message },
            other => ConfigError { file: other.to_string(), place: None, message },
        }
    }

    /// `name: value`.
    fn shown(&self, name: &str) -> String {
        format!("{name}: {}", self.from.shown(name))
    }

    /// Refuses `name` because of `other`.
    fn clash(&self, name: &str, other: &str, why: &str) -> Result<(), ConfigError> {
        let message =
            format!("{} doesn't go with {} ({}): {why}", self.shown(name), self.shown(other), self.from.of(other));
        Err(self.wrong(name, message))
    }

    fn user(&self, name: &str) -> bool {
        self.from.of(name).is_user()
    }

    /// A frame that waits for others of its batch is late.
    fn latency(&self) -> Result<(), ConfigError> {
        let (low, batch) = ("processing.low_latency", "model.batch_size");
        if !self.s.processing.low_latency || self.s.model.batch_size < 2 {
            return Ok(());
        }
        self.clash(batch, low, "the first frame of a batch waits for the others; remove one of them")
    }

    /// Several workers share segments.
    fn workers(&self) -> Result<(), ConfigError> {
        let (many, segments) = ("processing.segments_at_once", "processing.segment_seconds");
        let devices = !matches!(self.s.device.devices, Devices::One(_));
        let n = self.s.processing.segments_at_once;
        if n > 1 && devices {
            return self.clash(many, "device.name", "several devices have one worker each; remove one of them");
        }
        let cut = self.s.processing.segment_seconds.is_some();
        match (n > 1, devices) {
            (true, _) if !cut => self.clash(many, segments, "workers share a job's segments; keep it at 15"),
            (_, true) if !cut => self.clash("device.name", segments, "devices share a job's segments; keep it at 15"),
            _ => Ok(()),
        }
    }

    fn precision(&self) -> Result<(), ConfigError> {
        let name = "model.precision";
        match self.s.model.precision {
            Precision::Int8 => Err(self.wrong(
                name,
                format!(
                    "{}: no model has INT8 weights that are faster and whose matte overlaps with FP32's by .95 or more \
                     (selfie's is no faster, at .66; rvm's was 1.4 times as fast, at .925; u2netp's 1.7 times, at .39; \
                     u2net's 2 times, at .82); use auto, or --model with your own INT8 model",
                    self.shown(name)
                ),
            )),
            Precision::Fp16 if !matches!(self.s.device.choice, DeviceChoice::TensorRt(_)) => self.clash(
                name,
                "device.name",
                "only TensorRT computes FP32 weights in FP16; use precision auto (on CUDA that is TF32, which was as \
                 fast), a model whose weights are FP16, or device tensorrt",
            ),
            Precision::Fp32 if self.s.device.session.tf32 == Some(true) && self.same_layer(name, "device.tf32") => {
                self.clash("device.tf32", name, "TF32 rounds products to 10 bits, FP32 keeps 23; remove one of them")
            }
            _ => Ok(()),
        }
    }

    /// Both were given by the user, in one place: neither can be meant to replace the other.
    fn same_layer(&self, a: &str, b: &str) -> bool {
        self.user(a) && self.from.of(a).layer() == self.from.of(b).layer()
    }

    fn device(&self) -> Result<(), ConfigError> {
        let device = &self.s.device;
        if device.session.memory_share.is_some() && !matches!(device.choice, DeviceChoice::Cuda(_) | DeviceChoice::Auto)
        {
            return self.clash("device.memory_share", "device.name", "it limits CUDA's GPU memory");
        }
        if device.session.tf32 == Some(true) && matches!(device.choice, DeviceChoice::Cpu | DeviceChoice::OpenVino) {
            return self.clash("device.tf32", "device.name", "TF32 requires an NVIDIA GPU");
        }
        if device.threads > self.s.processing.threads && self.s.processing.threads > 0 {
            return self.clash("device.threads", "processing.threads", "the model's threads are a part of the job's");
        }
        Ok(())
    }

    fn model(&self) -> Result<(), ConfigError> {
        let Ok(built_in) = registry::built_in() else { return Ok(()) };
        let is_manifest = |name: &str| name.ends_with(".yaml") || name.ends_with(".yml");
        let is_known = |name: &str| built_in.iter().any(|m| m.name == name) || is_manifest(name) || is_added(name);
        let given = [("model.name", self.s.model.name.as_slice()), ("model.prefer", &self.s.model.prefer)];
        for (key, all) in given {
            let Some(name) = all.iter().find(|name| !is_known(name)) else { continue };
            let ending = name.rsplit_once('.').map(|(_, end)| end.to_lowercase()).unwrap_or_default();
            if matches!(ending.as_str(), "onnx" | "pt" | "pth" | "engine" | "trt" | "safetensors" | "tflite") {
                let onnx = if ending == "onnx" { "" } else { " (an ONNX file)" };
                let yaml = std::path::Path::new(name.as_str()).with_extension("yaml");
                let why = format!(
                    "{name} needs a manifest beside it that names its file{onnx}, input and output; `vrseg models add \
                     {name}` \
                     writes it; or copy the one of docs/models.md#manifest, and pass it: --model {}",
                    yaml.display()
                );
                return Err(self.wrong(key, format!("{key}: {why}")));
            }
            let known = registry::all().unwrap_or_default();
            let names: Vec<&str> = known.iter().map(|m| m.name.as_str()).collect();
            let hint = match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => format!("known are {}; `vrseg models add FILE.onnx` adds one of your own", names.join(", ")),
            };
            return Err(self.wrong(key, format!("{key}: no model is called \"{name}\"; {hint}")));
        }
        // What is not installed is told when the job is planned.
        let (key, found) = match &self.s.model.name {
            Some(name) => match built_in.iter().find(|m| m.name == *name) {
                Some(manifest) => ("model.name", Some(manifest.clone())),
                None => ("model.name", registry::find(name).ok().map(|m| m.manifest)),
            },
            None => ("model.prefer", registry::find_first(&self.s.model.prefer).ok().map(|m| m.manifest)),
        };
        found.map_or(Ok(()), |manifest| self.fits(&manifest, key))
    }

    fn fits(&self, manifest: &Manifest, key: &str) -> Result<(), ConfigError> {
        let name = &manifest.name;
        if manifest.kind == Kind::Recurrent && self.s.model.batch_size > 1 {
            let why = format!(
                "{name} is recurrent, each frame needs the result of the previous one; remove batch_size or use a \
                 frame-independent model such as selfie"
            );
            return self.clash("model.batch_size", key, &why);
        }
        let i = &manifest.input;
        match self.s.model.input_size {
            // A profile's size is for one model only, and left alone with another.
            _ if !self.user("model.input_size") => Ok(()),
            Some(size) if i.fixed && size != i.size => {
                self.clash("model.input_size", key, &format!("{name} accepts only {}", i.size))
            }
            Some(size) if !(i.min..=i.max).contains(&size) => {
                self.clash("model.input_size", key, &format!("{name} accepts {} to {}", i.min, i.max))
            }
            _ => Ok(()),
        }
    }

    fn encoder(&self) -> Result<(), ConfigError> {
        let o = &self.s.output;
        let named = o.encoder.as_deref().and_then(family).map(|(codec, ..)| *codec);
        if let (Some(codec), Some(own)) = (o.codec, named)
            && codec != own
        {
            return self.clash("output.encoder", "output.codec", &format!("it encodes {}", own.name()));
        }
        if let (Some(encoder), false, true) = (&o.encoder, o.hardware, self.user("output.hardware"))
            && encoder.ends_with("_nvenc")
        {
            return self.clash("output.encoder", "output.hardware", "it is NVENC");
        }
        if let Some(codec) = o.codec.filter(|c| o.mode == "alpha" && !WITH_ALPHA.contains(c)) {
            let why = format!("{} has no alpha channel; prores, vp9 and ffv1 have", codec.name());
            return self.clash("output.codec", "output.mode", &why);
        }
        Ok(())
    }

    fn rate(&self) -> Result<(), ConfigError> {
        let o = &self.s.output;
        if o.crf.is_some() && o.bitrate.is_some() {
            // A weaker layer's value has stepped back already, so both were given together.
            return self.clash(
                "output.bitrate",
                "output.crf",
                "constant quality has no fixed rate; remove one of them",
            );
        }
        let family = ENCODERS.iter().find(|(codec, names, _)| match &o.encoder {
            Some(encoder) => names.iter().any(|n| encoder.starts_with(n)),
            None => o.codec == Some(*codec),
        });
        let Some((codec, _, end)) = family else { return Ok(()) };
        let chosen = if o.encoder.is_some() { "output.encoder" } else { "output.codec" };
        let given = [("output.crf", o.crf.is_some()), ("output.bitrate", o.bitrate.is_some())];
        let given = given.into_iter().find(|(name, set)| *set && self.user(name)).map(|(name, _)| name);
        match (given, end) {
            (Some(name), None) => {
                let why = match codec {
                    Codec::Ffv1 => "it is lossless",
                    _ => "its quality is its profile: set output.preset to proxy, lt, standard, hq, 4444 or 4444xq",
                };
                self.clash(name, chosen, why)
            }
            (Some("output.crf"), Some(end)) if o.crf.is_some_and(|crf| crf > *end) => {
                self.clash("output.crf", chosen, &format!("its scale ends at {end}"))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Loader;
    use serde_json::Value;

    fn refusal(flags: &[(&'static str, Value)]) -> String {
        let flags = flags.iter().map(|(key, value)| (*key, "--x", value.clone())).collect();
        let (settings, sources) = Loader { flags, ..Loader::default() }.load().expect("settings");
        check(&settings, &sources).err().map(|e| e.to_string()).unwrap_or_default()
    }

    #[test]
    fn compatible_settings_are_accepted() {
        assert_eq!(refusal(&[]), "");
        assert_eq!(refusal(&[("model.precision", "fp16".into()), ("device.name", "tensorrt:1".into())]), "");
        assert_eq!(refusal(&[("model.name", "selfie".into()), ("model.batch_size", 8.into())]), "");
        assert_eq!(refusal(&[("output.codec", "hevc".into()), ("output.encoder", "hevc_nvenc".into())]), "");
        // The profile's quality steps back.
        assert_eq!(refusal(&[("output.bitrate", "20M".into())]), "");
    }

    #[test]
    fn refusal_names_both_settings_and_their_sources() {
        let e = refusal(&[("model.name", "rvm".into()), ("model.batch_size", 4.into())]);
        assert!(
            e.starts_with("--x: model.batch_size: 4 doesn't go with model.name: rvm (--x): rvm is recurrent"),
            "{e}"
        );
        let e = refusal(&[("model.precision", "fp16".into())]);
        assert!(e.contains("device.name: auto (default)"), "{e}");
    }

    #[test]
    fn stronger_layer_replaces_a_contrary_setting() {
        let load = |file: &str, flags: Vec<(&'static str, &'static str, Value)>| {
            let dir = tempfile::tempdir().expect("a folder");
            let path = dir.path().join("a.yaml");
            std::fs::write(&path, file).expect("a file");
            let (settings, sources) = Loader { file: Some(path), flags, ..Loader::default() }.load().expect("settings");
            check(&settings, &sources).map(|()| (settings.output.crf, settings.output.bitrate))
        };
        let rate = ("output.bitrate", "--bitrate", Value::from("1M"));
        let quality = ("output.crf", "--crf", Value::from(20.0));
        assert_eq!(load("output:\n  crf: 18\n", vec![rate]), Ok((None, Some(1_000_000))));
        assert_eq!(load("output:\n  bitrate: 1M\n", vec![quality]), Ok((Some(20.0), None)));
        assert!(load("output:\n  bitrate: 1M\n  crf: 18\n", vec![]).is_err());
    }
}
