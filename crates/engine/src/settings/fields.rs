//! From resolved values, which were checked when they were read, to the typed settings.

use super::values::{self, Devices};
use super::{
    DeviceSettings, ModelSettings, OutputSettings, PerformanceSettings, ProcessingSettings, Settings, Sources,
};
use crate::scale::Scale;
use crate::spec::{PeopleChoice, Split};
use crate::telemetry::{LogFile, LogFormat};
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::path::PathBuf;
use vrseg_image::compose::{AlphaChannel, Rgb};
use vrseg_image::matte::MatteOptions;
use vrseg_image::matte::person_filter::PersonFilter;
use vrseg_image::matte::windows::View;
use vrseg_image::vr::{EyeOrder, Filter, FormatRequest, Layout, ProjectionKind};
use vrseg_infer::cache::{CacheChoice, Tiers};
use vrseg_infer::{DeviceChoice, Precision, SessionChoice};
use vrseg_media::{Codec, CopyPolicy, Player};

/// The typed settings of `sources`.
pub(super) fn settings(sources: &Sources) -> Settings {
    Fields { sources, read: RefCell::default() }.settings()
}

/// Gives out values, and remembers which of them a field has taken.
struct Fields<'a> {
    sources: &'a Sources,
    read: RefCell<Vec<&'static str>>,
}

impl Fields<'_> {
    /// The value of the setting `name`. One that is left open is the type's default: `None`, 0 or empty.
    fn get<T: DeserializeOwned + Default>(&self, name: &'static str) -> T {
        self.read.borrow_mut().push(name);
        serde_json::from_value(self.sources.get(name).clone()).unwrap_or_default()
    }

    /// The value of a setting whose text means something else; `None` where it is left open, and for a
    /// word such as auto that `read` doesn't know.
    fn read<T>(&self, name: &'static str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        self.get::<Option<String>>(name).and_then(|text| read(&text))
    }

    /// Whether a contrary setting from a stronger layer replaces `name`.
    fn beaten(&self, name: &str, rival: &str) -> bool {
        self.sources.beaten(name, rival)
    }

    fn settings(&self) -> Settings {
        Settings {
            profile: self.sources.profile.0.clone(),
            model: self.model(),
            device: self.device(),
            decode: self.read("decode.hardware", values::decoding).unwrap_or_default(),
            processing: self.processing(),
            vr: self.format_request(),
            view: self.read("vr.view", View::from_name),
            performance: PerformanceSettings {
                target_fps: self.get("performance.target_fps"),
                max_latency_ms: self.get("performance.max_latency_ms"),
                auto_tune: self.get("performance.auto_tune"),
                profiling: self.get("performance.profiling"),
            },
            matte: MatteOptions {
                threshold: self.get("matte.threshold"),
                feather: self.get("matte.feather"),
                grow: self.get("matte.grow"),
                refine: self.get("matte.refine"),
                every: self.get("matte.every"),
                stabilize: self.get("matte.stabilize"),
                stereo: self.get("matte.stereo"),
            },
            people: PeopleChoice {
                crops: self.get("people.crops"),
                size: self.get("people.size"),
                insist: self.sources.of("people.crops").is_user(),
                every: self.get("people.every"),
                look_ahead: self.get("people.look_ahead"),
                keep: self.read("people.keep", values::keep).unwrap_or_default(),
                filter: PersonFilter {
                    min_size: self.get("people.min_size"),
                    exclude_pov: self.get("people.exclude_pov"),
                },
            },
            include: self.get("people.include"),
            exclude: self.get("people.exclude"),
            output: self.output(),
            log_level: self.get("logging.level"),
            log_format: match self.get::<String>("logging.format").as_str() {
                "json" => LogFormat::Json,
                _ => LogFormat::Text,
            },
            log_file: match self.get::<Option<String>>("logging.file").as_deref() {
                None => LogFile::State,
                Some("off") => LogFile::Off,
                Some(path) => LogFile::At(PathBuf::from(path)),
            },
        }
    }

    fn model(&self) -> ModelSettings {
        let by_user = self.sources.of("model.input_size").is_user();
        ModelSettings {
            name: self.get("model.name"),
            prefer: self.get("model.prefer"),
            input_size: self.get("model.input_size"),
            input_size_for: self.sources.profile_model.clone().filter(|_| !by_user),
            batch_size: self.get("model.batch_size"),
            precision: match self.get::<String>("model.precision").as_str() {
                "fp32" => Precision::Fp32,
                "fp16" => Precision::Fp16,
                "int8" => Precision::Int8,
                _ => Precision::Auto,
            },
        }
    }

    fn device(&self) -> DeviceSettings {
        let devices = self.read("device.name", values::devices).unwrap_or(Devices::One(DeviceChoice::Auto));
        DeviceSettings {
            choice: match &devices {
                Devices::One(one) => *one,
                Devices::Several(all) => all.first().copied().unwrap_or(DeviceChoice::Auto),
                Devices::All => DeviceChoice::Auto,
            },
            devices,
            ort_library: self.get("device.ort_library"),
            threads: self.get("device.threads"),
            session: SessionChoice {
                tf32: self.get("device.tf32"),
                deterministic: self.get("device.deterministic"),
                memory_share: self.get("device.memory_share"),
                warmup: self.get("performance.warmup"),
                smaller_input: self.get("device.smaller_input"),
                rigid: false,
            },
        }
    }

    fn processing(&self) -> ProcessingSettings {
        ProcessingSettings {
            threads: self.get("processing.threads"),
            split: Split {
                decode: self.get("processing.decode_threads"),
                workers: self.get("processing.workers"),
                encode: self.get("processing.encode_threads"),
            },
            queue_bytes: self.get::<usize>("processing.queue_mb") << 20,
            low_latency: self.get("processing.low_latency"),
            max_memory: self.read("processing.max_memory", values::memory),
            segments_at_once: self.get("processing.segments_at_once"),
            strict: self.get("processing.strict"),
            segment_seconds: self.get("processing.segment_seconds"),
            cache: CacheChoice {
                tiers: match self.get::<String>("processing.cache").as_str() {
                    "on" => Tiers::All,
                    "memory" => Tiers::Memory,
                    "off" => Tiers::Off,
                    _ => Tiers::Auto,
                },
                memory: self.get::<usize>("processing.cache_memory_mb") << 20,
                disk: (self.get::<f64>("processing.cache_disk_gb") * f64::from(1 << 30)) as u64,
                read: true,
            },
        }
    }

    /// The user's options of the source's format. Only a fisheye has a field of view: of that and another
    /// projection the stronger layer's word counts.
    fn format_request(&self) -> FormatRequest {
        let mut projection = self.read("vr.projection", ProjectionKind::from_name);
        let mut fov = self.get::<Option<f32>>("vr.fov");
        if projection.is_some_and(|p| p != ProjectionKind::Fisheye) && fov.is_some() {
            if self.beaten("vr.projection", "vr.fov") {
                projection = Some(ProjectionKind::Fisheye);
            } else {
                fov = None;
            }
        }
        FormatRequest {
            layout: self.read("vr.layout", Layout::from_name),
            projection,
            fov,
            eye_order: self.read("vr.eye_order", EyeOrder::from_name),
        }
    }

    fn output(&self) -> OutputSettings {
        OutputSettings {
            mode: self.get("output.mode"),
            name: self.get("output.name"),
            key: self.read("output.key", values::color).unwrap_or(Rgb::KEY_GREEN),
            tint: self.read("output.tint", values::color).unwrap_or(Rgb::KEY_GREEN),
            blur_strength: self.get("output.blur_strength"),
            fov: self.read("output.fov", |degrees| degrees.parse().ok()),
            alpha_channel: self.read("output.alpha_channel", AlphaChannel::from_name).unwrap_or_default(),
            resample: self.read("output.resample", Filter::from_name).unwrap_or_default(),
            codec: self.read("output.codec", Codec::from_name),
            encoder: self.get("output.encoder"),
            crf: self.get::<Option<f32>>("output.crf").filter(|_| !self.beaten("output.crf", "output.bitrate")),
            preset: self.get("output.preset"),
            bitrate: self
                .read("output.bitrate", values::bitrate)
                .filter(|_| !self.beaten("output.bitrate", "output.crf")),
            pix_fmt: self.get("output.pix_fmt"),
            gop: self.get("output.gop"),
            sdr: self.get("output.sdr"),
            audio: self.read("output.audio", CopyPolicy::from_name).unwrap_or_default(),
            subtitles: self.read("output.subtitles", CopyPolicy::from_name).unwrap_or_default(),
            player: self.read("output.player", Player::from_name),
            scale: self.read("output.scale", Scale::read),
            hardware: self.get("output.hardware"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Loader;
    use crate::settings::schema::SETTINGS;

    #[test]
    fn every_setting_fills_one_field() {
        let (_, sources) = Loader::default().load().expect("settings");
        let fields = Fields { sources: &sources, read: RefCell::default() };
        fields.settings();
        let mut read = fields.read.into_inner();
        let mut declared: Vec<_> = SETTINGS.iter().map(|s| s.name).collect();
        read.sort_unstable();
        declared.sort_unstable();
        assert_eq!(read, declared);
    }
}
