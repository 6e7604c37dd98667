//! Each encoder's own words for quality, preset and bit rate, and defaults that suit VR video.

use crate::error::{MediaError, Result};
use crate::ffi::codec;
use crate::ffi::numbers::PixelFormat;
use crate::ffi::pixel_format::descriptor;
use crate::write::options::{EncodeOptions, Purpose, WriterOptions};
use ffmpeg_next::ffi;

/// The presets of x264 and x265, fastest first.
const X26X_PRESETS: &[&str] =
    &["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"];

/// The profiles of ProRes, which are its presets here.
const PRORES_PROFILES: &[&str] =
    &["proxy", "lt", "standard", "hq", "4444", "4444xq", "auto", "0", "1", "2", "3", "4", "5"];

/// NVENC's preset (p1 the fastest to p7 the best) for a word of x264's, which is what profiles speak;
/// a word of NVENC's own stays as it is.
fn nvenc_preset(word: &str) -> &str {
    match word {
        "ultrafast" | "superfast" => "p1",
        "veryfast" => "p2",
        "faster" => "p3",
        "fast" | "medium" => "p4",
        "slow" => "p5",
        "slower" => "p6",
        "veryslow" | "placebo" => "p7",
        own => own,
    }
}

/// Presets of encoders that count them: the least and the greatest number, and which is faster.
const COUNTED_PRESETS: &[(&str, i32, i32)] =
    &[("libsvtav1", 0, 13), ("libaom-av1", 0, 8), ("librav1e", 0, 10), ("libvpx-vp9", -8, 8), ("libvpx", -16, 16)];

/// Refuses a preset in another encoder's words: x264 and x265 would only write to standard error that they don't know
/// it, others answer in FFmpeg's terms.
fn check_preset(encoder: &str, e: &EncodeOptions) -> Result<()> {
    let Some(preset) = e.preset.as_deref() else { return Ok(()) };
    let refuse =
        |has: String| Err(MediaError::Invalid { what: format!("{encoder} has no preset \"{preset}\"; it has {has}") });
    if matches!(encoder, "libx264" | "libx264rgb" | "libx265") && !X26X_PRESETS.contains(&preset) {
        return refuse(X26X_PRESETS.join(", "));
    }
    if encoder == "prores_ks" && !PRORES_PROFILES.contains(&preset) {
        return refuse(PRORES_PROFILES.join(", "));
    }
    let word = encoder.starts_with("libvpx") && matches!(preset, "good" | "best" | "realtime");
    match COUNTED_PRESETS.iter().find(|(name, ..)| *name == encoder).filter(|_| !word) {
        Some((_, least, most)) if !preset.parse::<i32>().is_ok_and(|n| (*least..=*most).contains(&n)) => {
            refuse(format!("the numbers from {least} (slowest) to {most} (fastest)"))
        }
        _ => Ok(()),
    }
}

/// Refuses a quality beyond the encoder's scale, which some encoders cut off without a word.
fn check_crf(encoder: &str, e: &EncodeOptions) -> Result<()> {
    let end = match encoder {
        "libx264" | "libx264rgb" | "libx265" => 51.0,
        _ if encoder.ends_with("_nvenc") && encoder != "av1_nvenc" => 51.0,
        _ => 63.0,
    };
    match e.crf {
        Some(crf) if crf > end => {
            Err(MediaError::Invalid { what: format!("crf {}: the scale of {encoder} ends at {end}", number(crf)) })
        }
        _ => Ok(()),
    }
}

/// Options for the encoder, and a description of them with a leading space.
pub(crate) fn settings(
    encoder: &str,
    o: &WriterOptions<'_>,
    pixel: PixelFormat,
) -> Result<(Vec<(String, String)>, String)> {
    let e = o.encode;
    let named: Vec<&str> = e.extra.iter().map(|(k, _)| k.as_str()).collect();
    let mut s = Settings { named: &named, pairs: Vec::new(), words: String::new() };
    let pixels = o.width * o.height;
    let large = pixels > 1920 * 1088;
    check_preset(encoder, e)?;
    check_crf(encoder, e)?;
    s.key_frames(encoder, o);
    s.cap_rate(e);
    match encoder {
        "libx264" | "libx264rgb" => {
            s.rate(e, "crf", 18.0);
            s.preset("preset", e.preset.as_deref().unwrap_or("veryfast"));
        }
        "libx265" => {
            s.rate(e, "crf", 20.0);
            s.preset("preset", e.preset.as_deref().unwrap_or(if large { "superfast" } else { "veryfast" }));
        }
        "libsvtav1" => {
            s.rate(e, "crf", 30.0);
            s.preset("preset", e.preset.as_deref().unwrap_or(if large { "10" } else { "8" }));
        }
        "libvpx-vp9" | "libvpx" => {
            s.rate(e, "crf", 24.0);
            if e.bitrate.is_none() {
                s.set("b", "0");
            }
            s.set("row-mt", "1");
            let columns = (o.width / 256).max(1).ilog2().min(4);
            if encoder == "libvpx-vp9" {
                s.set("tile-columns", &columns.to_string());
            }
            match e.preset.as_deref() {
                Some(word @ ("good" | "best" | "realtime")) => s.preset("deadline", word),
                preset => {
                    s.set("deadline", "good");
                    s.preset("cpu-used", preset.unwrap_or("5"));
                }
            }
            if o.purpose == Purpose::Alpha {
                // libvpx cannot keep the two streams (color, alpha) together with alternate frames.
                s.set("auto-alt-ref", "0");
            }
        }
        "prores_ks" => {
            s.no_rate(encoder, e, "its quality is its profile: pass --preset proxy, lt, standard, hq, 4444 or 4444xq")?;
            let full_chroma = descriptor(pixel).is_some_and(|d| d.log2_chroma_w == 0);
            let profile = e.preset.as_deref().unwrap_or(if full_chroma { "4444" } else { "hq" });
            s.preset("profile", profile);
            s.prores_quantizer(profile);
            s.set("vendor", "apl0");
        }
        "png" | "tiff" | "bmp" => s.no_rate(encoder, e, "such pictures are lossless")?,
        "mjpeg" => {
            s.no_rate(encoder, e, "set one with --enc-opt global_quality=118 (the best) to 3658")?;
            s.quantizer(2);
        }
        "libwebp" => {
            s.no_rate(encoder, e, "set one with --enc-opt quality=0 to 100")?;
            s.set("quality", "95");
        }
        "ffv1" => {
            s.no_rate(encoder, e, "it is lossless")?;
            if e.preset.is_some() {
                return Err(no_setting(encoder, "preset", "it has none"));
            }
            for (key, value) in [("level", "3"), ("slices", "16"), ("slicecrc", "1"), ("g", "1")] {
                s.set(key, value);
            }
        }
        _ if encoder.ends_with("_nvenc") => {
            let quality = if encoder == "av1_nvenc" { 30.0 } else { 22.0 };
            // x264's crf and NVENC's cq count alike; but to NVENC 0 means "choose yourself".
            let best = EncodeOptions { crf: e.crf.map(|crf| crf.max(1.0)), ..e.clone() };
            s.rate(&best, "cq", quality);
            s.set("rc", "vbr");
            if e.bitrate.is_none() {
                s.set("b", "0");
            }
            s.preset("preset", nvenc_preset(e.preset.as_deref().unwrap_or("p4")));
        }
        "libaom-av1" => {
            s.rate(e, "crf", 30.0);
            s.set("row-mt", "1");
            s.preset("cpu-used", e.preset.as_deref().unwrap_or("8"));
        }
        "librav1e" => {
            s.rate_if(e, "qp", |crf| Some((crf * 4.0).round()));
            s.preset("speed", e.preset.as_deref().unwrap_or("10"));
        }
        _ => s.only_what_was_asked(encoder, e)?,
    }
    Ok((s.pairs, s.words))
}

struct Settings<'a> {
    /// Options that the user sets by name: no default of ours stands beside them.
    named: &'a [&'a str],
    pairs: Vec<(String, String)>,
    words: String,
}

impl Settings<'_> {
    fn set(&mut self, key: &str, value: &str) {
        if !self.named.contains(&key) {
            self.pairs.push((key.to_owned(), value.to_owned()));
        }
    }

    /// Key frames often enough to seek in a player, each of which nothing before it is needed for.
    fn key_frames(&mut self, encoder: &str, o: &WriterOptions<'_>) {
        const WITH_OTHER_FRAMES: &[&str] = &[
            "libx264",
            "libx264rgb",
            "libx265",
            "libsvtav1",
            "libaom-av1",
            "librav1e",
            "libvpx-vp9",
            "libvpx",
            "h264_nvenc",
            "hevc_nvenc",
            "av1_nvenc",
        ];
        if !WITH_OTHER_FRAMES.contains(&encoder) {
            return;
        }
        let seconds = o.encode.key_frame_seconds();
        let fps = if o.fps > 0.0 { o.fps } else { 30.0 };
        let frames = (fps * seconds + 0.001).floor().clamp(1.0, 100_000.0);
        self.set("g", &number(frames as f32));
        if o.encode.gop.is_some() {
            self.say("gop", &number(seconds as f32));
        }
        if encoder.starts_with("libx26") {
            // Where the frame rate varies, they are requested by time.
            self.set("forced-idr", "1");
        }
    }

    /// One quantizer for all slices, where its pictures are at least as good as those of the search for the best one in
    /// each, for a sixth of its time. What is chosen for its data rate (lt, proxy) keeps the search.
    ///
    /// Measured on real footage, luma PSNR of the search and of the quantizer: 4444xq 62.1 to 63.2 and 64.6 to 65.5 dB, 4444
    /// 56.8 to 58.1 and 59.0 to 59.9, hq 52.1 to 55.1 and 56.0 to 57.5, standard 46.5 to 50.9 and 50.2 to 52.2; files are
    /// 0.82 to 1.20 times as large. Opacity is exact with both.
    fn prores_quantizer(&mut self, profile: &str) {
        let quantizer = match profile {
            "4444xq" | "5" => 1,
            "4444" | "4" => 2,
            "hq" | "3" => 3,
            "standard" | "2" => 4,
            _ => return,
        };
        if !self.named.contains(&"bits_per_mb") {
            self.quantizer(quantizer);
        }
    }

    /// FFmpeg's `-q:v`, in the units of its codecs.
    fn quantizer(&mut self, q: u32) {
        self.set("flags", "+qscale");
        self.set("global_quality", &(q * ffi::FF_QP2LAMBDA as u32).to_string());
    }

    /// The peak that a player takes.
    fn cap_rate(&mut self, e: &EncodeOptions) {
        let Some(player) = e.player else { return };
        let bits = player.limits().bits;
        self.set("maxrate", &bits.to_string());
        self.set("bufsize", &bits.to_string());
    }

    fn say(&mut self, key: &str, value: &str) {
        if !self.named.contains(&key) {
            self.words += &format!(" {key} {value}");
        }
    }

    /// Constant quality under that key, or the bit rate where one was asked.
    fn rate(&mut self, e: &EncodeOptions, key: &str, default: f32) {
        match (e.bitrate, e.crf) {
            (Some(bits), _) => {
                self.set("b", &bits.to_string());
                self.say("bitrate", &bits.to_string());
            }
            // A default quality would override the rate that the user named.
            (None, None) if ["b", "qp", "qmin", "global_quality"].iter().any(|k| self.named.contains(k)) => {}
            (None, crf) => {
                let value = number(crf.unwrap_or(default));
                self.set(key, &value);
                self.say(key, &value);
            }
        }
    }

    /// Constant quality only where it was asked.
    fn rate_if(&mut self, e: &EncodeOptions, key: &str, scale: impl Fn(f32) -> Option<f32>) {
        if e.bitrate.is_some() {
            self.rate(e, key, 0.0);
        } else if let Some(value) = e.crf.and_then(scale) {
            self.set(key, &number(value));
            self.say(key, &number(value));
        }
    }

    fn no_rate(&self, encoder: &str, e: &EncodeOptions, why: &str) -> Result<()> {
        match (e.crf, e.bitrate) {
            (Some(_), _) => Err(no_setting(encoder, "crf", why)),
            (_, Some(_)) => Err(no_setting(encoder, "bitrate", why)),
            _ => Ok(()),
        }
    }

    /// For an encoder of the user's own choice: no defaults.
    fn only_what_was_asked(&mut self, encoder: &str, e: &EncodeOptions) -> Result<()> {
        if let Some(crf) = e.crf {
            let key = ["crf", "qp"].into_iter().find(|k| has_option(encoder, k));
            let key = key.ok_or_else(|| no_setting(encoder, "crf", "pass its own option with --enc-opt"))?;
            self.set(key, &number(crf));
            self.say(key, &number(crf));
        }
        if let Some(preset) = &e.preset {
            if !has_option(encoder, "preset") {
                return Err(no_setting(encoder, "preset", "it has none"));
            }
            self.preset("preset", preset);
        }
        if let Some(bits) = e.bitrate {
            self.set("b", &bits.to_string());
            self.say("bitrate", &bits.to_string());
        }
        Ok(())
    }

    fn preset(&mut self, key: &str, value: &str) {
        self.set(key, value);
        self.say(key, value);
    }
}

fn no_setting(encoder: &str, setting: &str, why: &str) -> MediaError {
    MediaError::Invalid { what: format!("{encoder} has no {setting} setting: {why}") }
}

/// `18` rather than `18.0`: some options are whole numbers.
fn number(v: f32) -> String {
    if v.fract() == 0.0 { format!("{v:.0}") } else { format!("{v}") }
}

fn has_option(encoder: &str, key: &str) -> bool {
    codec::find_encoder(encoder).is_some_and(|codec| codec::has_option(&codec, key))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use vrseg_image::plane::{YuvColor, YuvLayout};

    fn words(encoder: &str, encode: &EncodeOptions) -> String {
        let options = WriterOptions {
            path: Path::new("o.mp4"),
            encode,
            layout: YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false },
            color: YuvColor::default(),
            width: 3840,
            height: 1920,
            fps: 30.0,
            overwrite: false,
            reshaped: false,
            purpose: Purpose::Picture,
            copy_streams: true,
            tags: crate::VrTags::Source,
            resize: crate::Resize::default(),
        };
        let (pairs, warnings) = settings(encoder, &options, PixelFormat::new(0)).expect("settings");
        let pairs: Vec<_> = pairs.iter().map(|(k, v)| format!("{k}={v}")).collect();
        format!("{} |{warnings}", pairs.join(" "))
    }

    /// Needs no GPU: nothing is opened.
    #[test]
    fn x264_presets_are_translated_for_nvenc() {
        let encode = |preset: &str, crf| EncodeOptions { preset: Some(preset.into()), crf, ..EncodeOptions::default() };
        for (x264, nvenc) in X26X_PRESETS.iter().zip(["p1", "p1", "p2", "p3", "p4", "p4", "p5", "p6", "p7", "p7"]) {
            for encoder in ["h264_nvenc", "hevc_nvenc", "av1_nvenc"] {
                let want = format!("g=60 cq=19 rc=vbr b=0 preset={nvenc} | cq 19 preset {nvenc}");
                assert_eq!(words(encoder, &encode(x264, Some(19.0))), want, "{encoder} {x264}");
            }
            let want = format!("g=60 forced-idr=1 crf=19 preset={x264} | crf 19 preset {x264}");
            assert_eq!(words("libx265", &encode(x264, Some(19.0))), want);
        }
        let own = encode("p6", Some(0.0));
        assert_eq!(words("hevc_nvenc", &own), "g=60 cq=1 rc=vbr b=0 preset=p6 | cq 1 preset p6");
        let rate = EncodeOptions { bitrate: Some(20_000_000), ..encode("slow", None) };
        assert_eq!(words("hevc_nvenc", &rate), "g=60 b=20000000 rc=vbr preset=p5 | bitrate 20000000 preset p5");
        let none = EncodeOptions::default();
        assert_eq!(words("h264_nvenc", &none), "g=60 cq=22 rc=vbr b=0 preset=p4 | cq 22 preset p4");
    }

    #[test]
    fn prores_profiles_have_a_quantizer_unless_they_are_for_a_data_rate() {
        let preset = |profile: &str| EncodeOptions { preset: Some(profile.into()), ..EncodeOptions::default() };
        for (profile, quantizer) in [("4444xq", 118), ("4444", 236), ("4", 236), ("hq", 354), ("standard", 472)] {
            let want =
                format!("profile={profile} flags=+qscale global_quality={quantizer} vendor=apl0 | profile {profile}");
            assert_eq!(words("prores_ks", &preset(profile)), want);
        }
        for profile in ["lt", "proxy"] {
            assert_eq!(
                words("prores_ks", &preset(profile)),
                format!("profile={profile} vendor=apl0 | profile {profile}")
            );
        }
        let rate = EncodeOptions { extra: vec![("bits_per_mb".into(), "2000".into())], ..preset("hq") };
        assert_eq!(words("prores_ks", &rate), "profile=hq vendor=apl0 | profile hq");
        let own = EncodeOptions { extra: vec![("global_quality".into(), "590".into())], ..preset("hq") };
        assert_eq!(words("prores_ks", &own), "profile=hq flags=+qscale vendor=apl0 | profile hq");
    }
}
