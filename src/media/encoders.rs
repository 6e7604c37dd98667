//! Which encoder, which pixel format, which settings.

use super::error::{MediaError, Result};
use super::frame::{descriptor, format_name, layout_of_raw};
use super::mux::{Container, Purpose, WriterOptions};
use super::nvenc::nvenc_status;
use super::options::{Codec, EncodeOptions};
use super::template::VideoTemplate;
use super::{frame, log};
use crate::plane::YuvLayout;
use ffmpeg_next::{self as ffmpeg, ffi};

/// A decision, made before any file is created.
#[derive(Clone, Debug)]
pub struct EncoderPlan {
    /// FFmpeg's name of the encoder.
    pub encoder: String,
    /// FFmpeg's name of the pixel format that is encoded.
    pub pix_fmt: String,
    /// In words, such as `libx264 crf 18 preset veryfast yuv420p`.
    pub description: String,
    /// Why NVENC isn't used although it was allowed.
    pub no_hardware: Option<String>,
    /// FFmpeg's pixel format number.
    pub(super) pixel: i32,
    /// Encoder options.
    pub(super) options: Vec<(String, String)>,
    pub(super) container: Container,
}

impl EncoderPlan {
    /// The layout of the encoder's pictures, where it is planar: frames that come in it needn't be
    /// converted.
    pub fn layout(&self) -> Option<YuvLayout> {
        layout_of_raw(self.pixel)
    }
}

/// Decides how an output would be encoded. Creates nothing.
///
/// # Errors
/// Unknown container or encoder; container and codec that don't fit; options that the encoder
/// doesn't have.
pub fn plan_encoder(options: &WriterOptions<'_>) -> Result<EncoderPlan> {
    log::init();
    let container = Container::of(options.path)?;
    let (encoder, no_hardware) = choose_encoder(options, &container)?;
    let codec = find(&encoder)?;
    check_container(options, &container, &codec)?;
    let pixel = choose_pixel(options, &encoder, &codec)?;
    let (mut settings, mut description) = settings(&encoder, options, pixel)?;
    // Set last, they replace settings of the same name.
    settings.extend(options.encode.extra.iter().cloned());
    for (key, value) in &options.encode.extra {
        description += &format!(" {key}={value}");
    }
    let pix_fmt = format_name(pixel);
    let description = format!("{encoder}{description} {pix_fmt}");
    Ok(EncoderPlan { encoder, pix_fmt, description, no_hardware, pixel, options: settings, container })
}

fn find(name: &str) -> Result<ffmpeg::Codec> {
    ffmpeg::encoder::find_by_name(name)
        .filter(|c| c.medium() == ffmpeg::media::Type::Video)
        .ok_or_else(|| MediaError::NoEncoder { encoder: name.to_owned() })
}

/// The three ways to store real alpha.
const ALPHA_WAYS: &str = "real alpha needs .mov (ProRes 4444), .webm (VP9) or .mkv (FFV1)";

/// The encoder's name, and why it isn't a hardware one if that was allowed.
fn choose_encoder(o: &WriterOptions<'_>, container: &Container) -> Result<(String, Option<String>)> {
    if let Some(name) = &o.encode.encoder {
        return Ok((name.clone(), None));
    }
    let codec = match o.encode.codec {
        Some(codec) => codec,
        None => default_codec(o, container)?,
    };
    let software = match codec {
        Codec::H264 => "libx264",
        Codec::Hevc => "libx265",
        Codec::Av1 => "libsvtav1",
        Codec::Vp9 => "libvpx-vp9",
        Codec::ProRes => "prores_ks",
        Codec::Ffv1 => "ffv1",
    };
    if !o.encode.hardware || o.purpose == Purpose::Alpha {
        return Ok((software.to_owned(), None));
    }
    let hardware = match codec {
        Codec::H264 => "h264_nvenc",
        Codec::Hevc => "hevc_nvenc",
        Codec::Av1 => "av1_nvenc",
        Codec::Vp9 | Codec::ProRes | Codec::Ffv1 => return Ok((software.to_owned(), None)),
    };
    let reason = if codec == Codec::H264 && (o.width > 4096 || o.height > 4096) {
        Some("NVENC encodes H.264 only up to 4096 pixels".to_owned())
    } else if codec == Codec::H264 && o.layout.bits > 8 {
        Some("NVENC encodes H.264 only in 8 bits".to_owned())
    } else if ffmpeg::encoder::find_by_name(hardware).is_none() {
        Some(format!("this FFmpeg has no {hardware}"))
    } else {
        nvenc_status().err()
    };
    Ok(match reason {
        Some(reason) => (software.to_owned(), Some(reason)),
        None => (hardware.to_owned(), None),
    })
}

fn default_codec(o: &WriterOptions<'_>, container: &Container) -> Result<Codec> {
    if o.purpose == Purpose::Alpha {
        return match container {
            Container::Mov => Ok(Codec::ProRes),
            Container::WebM => Ok(Codec::Vp9),
            Container::Matroska => Ok(Codec::Ffv1),
            _ => Err(MediaError::ContainerCodec {
                path: o.path.to_path_buf(),
                container: container.name().to_owned(),
                codec: "an alpha channel".to_owned(),
                advice: ALPHA_WAYS.to_owned(),
            }),
        };
    }
    let plain = o.layout.bits == 8 && (o.layout.chroma_shift_x, o.layout.chroma_shift_y) == (1, 1);
    Ok(match container {
        Container::WebM => Codec::Vp9,
        _ if plain && o.width <= 4096 && o.height <= 4096 => Codec::H264,
        _ => Codec::Hevc,
    })
}

fn check_container(o: &WriterOptions<'_>, container: &Container, codec: &ffmpeg::Codec) -> Result<()> {
    let id: ffi::AVCodecID = codec.id().into();
    if container.holds(id) {
        return Ok(());
    }
    Err(MediaError::ContainerCodec {
        path: o.path.to_path_buf(),
        container: container.name().to_owned(),
        codec: super::raw::codec_name(id),
        advice: match o.purpose {
            Purpose::Alpha => ALPHA_WAYS.to_owned(),
            _ => "choose another codec or extension (.mkv holds every codec)".to_owned(),
        },
    })
}

/// What matters of a pixel format for the choice.
struct Traits {
    depth: u32,
    x: u32,
    y: u32,
    alpha: bool,
    grey: bool,
    planar: bool,
}

fn traits_of(format: i32) -> Option<Traits> {
    let d = descriptor(format)?;
    let never = ffi::AV_PIX_FMT_FLAG_RGB
        | ffi::AV_PIX_FMT_FLAG_PAL
        | ffi::AV_PIX_FMT_FLAG_HWACCEL
        | ffi::AV_PIX_FMT_FLAG_BITSTREAM
        | ffi::AV_PIX_FMT_FLAG_FLOAT
        | ffi::AV_PIX_FMT_FLAG_BAYER
        | if cfg!(target_endian = "little") { ffi::AV_PIX_FMT_FLAG_BE } else { 0 };
    if d.flags & never as u64 != 0 || format_name(format).starts_with("yuvj") {
        return None;
    }
    Some(Traits {
        depth: d.comp[0].depth as u32,
        x: u32::from(d.log2_chroma_w),
        y: u32::from(d.log2_chroma_h),
        alpha: d.flags & ffi::AV_PIX_FMT_FLAG_ALPHA as u64 != 0,
        grey: d.nb_components <= 2,
        planar: layout_of_raw(format).is_some(),
    })
}

/// How much is lost (thousands) or wasted (ones) by storing `layout` in a format.
fn cost(layout: YuvLayout, t: &Traits, want_alpha: bool, grey_ok: bool) -> Option<u32> {
    if want_alpha && !t.alpha || t.grey && !grey_ok {
        return None;
    }
    let loss = layout.bits.saturating_sub(t.depth) * 1000
        + t.x.saturating_sub(layout.chroma_shift_x) * 1500
        + t.y.saturating_sub(layout.chroma_shift_y) * 1500;
    let waste = t.depth.saturating_sub(layout.bits) * 4
        + layout.chroma_shift_x.saturating_sub(t.x) * 20
        + layout.chroma_shift_y.saturating_sub(t.y) * 20
        + if t.alpha && !want_alpha { 60 } else { 0 };
    // Of two otherwise equal formats the planar one needs no conversion.
    Some(loss + waste + u32::from(!t.planar) * 2)
}

fn choose_pixel(o: &WriterOptions<'_>, encoder: &str, codec: &ffmpeg::Codec) -> Result<i32> {
    let supported: Vec<i32> = codec
        .video()
        .ok()
        .and_then(|v| v.formats())
        .map(|formats| formats.map(|p| ffi::AVPixelFormat::from(p) as i32).collect())
        .unwrap_or_default();
    let alpha = o.purpose == Purpose::Alpha;
    if let Some(name) = &o.encode.pix_fmt {
        let format = frame::format_named(name)
            .map(|p| ffi::AVPixelFormat::from(p) as i32)
            .ok_or_else(|| MediaError::Invalid { what: format!("FFmpeg knows no pixel format \"{name}\"") })?;
        if !supported.is_empty() && !supported.contains(&format) {
            let names: Vec<String> = supported.iter().map(|f| format_name(*f)).collect();
            return Err(MediaError::Invalid {
                what: format!("{encoder} cannot encode the pixel format {name}; it takes {}", names.join(", ")),
            });
        }
        if alpha && !traits_of(format).is_some_and(|t| t.alpha) {
            return Err(MediaError::Invalid {
                what: format!("the pixel format {name} has no alpha, which this output is for"),
            });
        }
        return Ok(format);
    }
    // A matte is grey already: FFV1 stores it so without the two flat chroma planes.
    let grey = o.purpose == Purpose::Matte && encoder == "ffv1";
    if grey {
        let name = if o.layout.bits == 8 { "gray".to_owned() } else { format!("gray{}", o.layout.bits) };
        let format = frame::format_named(&name).map(|p| ffi::AVPixelFormat::from(p) as i32);
        if let Some(format) = format.filter(|f| supported.contains(f)) {
            return Ok(format);
        }
    }
    supported
        .iter()
        .filter_map(|&f| Some((cost(o.layout, &traits_of(f)?, alpha, false)?, f)))
        .min_by_key(|(cost, _)| *cost)
        .map(|(_, f)| f)
        .ok_or_else(|| MediaError::Invalid {
            what: match alpha {
                true => format!("{encoder} cannot encode an alpha channel; {ALPHA_WAYS}"),
                false => format!("{encoder} takes no YUV pictures; choose another encoder or name a pixel format"),
            },
        })
}

/// The presets of x264 and x265, fastest first.
const X26X_PRESETS: &[&str] =
    &["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"];

/// Options for the encoder, and a description of them with a leading space.
fn settings(encoder: &str, o: &WriterOptions<'_>, pixel: i32) -> Result<(Vec<(String, String)>, String)> {
    let e = o.encode;
    let named: Vec<&str> = e.extra.iter().map(|(k, _)| k.as_str()).collect();
    let mut s = Settings { named: &named, pairs: Vec::new(), words: String::new() };
    let pixels = o.width * o.height;
    let large = pixels > 1920 * 1088;
    if let ("libx264" | "libx264rgb" | "libx265", Some(preset)) = (encoder, &e.preset)
        && !X26X_PRESETS.contains(&preset.as_str())
    {
        // Both would say so on stderr, past everybody.
        return Err(MediaError::Invalid {
            what: format!("{encoder} has no preset \"{preset}\"; it has {}", X26X_PRESETS.join(", ")),
        });
    }
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
                // libvpx cannot keep the two streams (colour, alpha) together with alternate frames.
                s.set("auto-alt-ref", "0");
            }
        }
        "prores_ks" => {
            s.no_rate(encoder, e, "its quality is its profile: pass --preset proxy, lt, standard, hq, 4444 or 4444xq")?;
            let full_chroma = descriptor(pixel).is_some_and(|d| d.log2_chroma_w == 0);
            s.preset("profile", e.preset.as_deref().unwrap_or(if full_chroma { "4444" } else { "hq" }));
            s.set("vendor", "apl0");
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
            s.rate(e, "cq", quality);
            s.set("rc", "vbr");
            if e.bitrate.is_none() {
                s.set("b", "0");
            }
            s.preset("preset", e.preset.as_deref().unwrap_or("p4"));
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
        _ => {
            // An encoder of the user's own choice: nothing but what was asked.
            if let Some(crf) = e.crf {
                let key = ["crf", "qp"].into_iter().find(|k| has_option(encoder, k));
                let key = key.ok_or_else(|| no_setting(encoder, "crf", "pass its own option with --encoder-option"))?;
                s.set(key, &number(crf));
                s.say(key, &number(crf));
            }
            if let Some(preset) = &e.preset {
                if !has_option(encoder, "preset") {
                    return Err(no_setting(encoder, "preset", "it has none"));
                }
                s.preset("preset", preset);
            }
            if let Some(bits) = e.bitrate {
                s.set("b", &bits.to_string());
                s.say("bitrate", &bits.to_string());
            }
        }
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

#[allow(unsafe_code)]
fn has_option(encoder: &str, key: &str) -> bool {
    let Some(codec) = ffmpeg::encoder::find_by_name(encoder) else { return false };
    let Ok(key) = std::ffi::CString::new(key) else { return false };
    // SAFETY: a codec is static; av_opt_find with a "fake object" wants the address of a class pointer.
    unsafe {
        let class = &raw const (*codec.as_ptr()).priv_class;
        !(*class).is_null()
            && !ffi::av_opt_find(class as *mut _, key.as_ptr(), std::ptr::null(), 0, ffi::AV_OPT_SEARCH_FAKE_OBJ as _)
                .is_null()
    }
}

/// Options that depend on the source and the threads, for encoders that take them as one string.
pub(super) fn joined_params(plan: &EncoderPlan, video: &VideoTemplate, threads: usize) -> Vec<(String, String)> {
    let mut options = plan.options.clone();
    let mut add = |key: &str, params: Vec<String>| {
        if params.is_empty() {
            return;
        }
        match options.iter_mut().find(|(k, _)| k == key) {
            // The user's come last: they win.
            Some((_, value)) => *value = format!("{}:{value}", params.join(":")),
            None => options.push((key.to_owned(), params.join(":"))),
        }
    };
    match plan.encoder.as_str() {
        "libx265" => {
            // x265 writes to stderr by itself; warnings stay off the terminal.
            let mut params = vec!["log-level=error".to_owned()];
            if threads > 0 {
                params.push(format!("pools={threads}"));
            }
            if let Some(display) = &video.hdr.mastering {
                params.push(format!("master-display={}", display.x265()));
            }
            if let Some(light) = &video.hdr.light {
                params.push(format!("max-cll={},{}", light.max_content, light.max_average));
            }
            add("x265-params", params);
        }
        "libsvtav1" if threads > 0 => add("svtav1-params", vec![format!("lp={threads}")]),
        _ => {}
    }
    options
}
