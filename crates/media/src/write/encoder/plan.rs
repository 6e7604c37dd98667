//! Which encoder, which pixel format, which settings.

use crate::error::{MediaError, Result};
use crate::ffi::codec::{codec_name, find_encoder, id_of, is_video};
use crate::ffi::log;
use crate::ffi::numbers::{CodecId, PixelFormat};
use crate::ffi::pixel_format::{format_for, format_name, layout_of};
use crate::formats::container::Container;
use crate::read::template::VideoTemplate;
use crate::write::codec::Codec;
use crate::write::encoder::nvenc::nvenc_status;
use crate::write::encoder::pixel_choice::choose_pixel;
use crate::write::encoder::players::fits_h264;
use crate::write::encoder::settings::settings;
use crate::write::options::{ALPHA_WAYS, Purpose, WriterOptions};
use ffmpeg_next::{self as ffmpeg, ffi};
use vrseg_image::plane::YuvLayout;

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
    pub hardware_unavailable: Option<String>,
    /// What the user should know of what becomes of the pictures, in sentences.
    pub warnings: Vec<String>,
    /// Width and height that are encoded: the frames', or less where a player takes no more.
    pub(crate) size: (usize, usize),
    /// The pixel format of that name.
    pub(crate) pixel: PixelFormat,
    pub(crate) options: Vec<(String, String)>,
    pub(crate) container: Container,
}

impl EncoderPlan {
    /// The layout of the encoder's pictures, where it is planar: frames that come in it needn't be
    /// converted.
    pub fn layout(&self) -> Option<YuvLayout> {
        layout_of(self.pixel)
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
    let requested_size = options.resize.size.unwrap_or((options.width, options.height));
    let size = options.encode.player.map_or(requested_size, |player| player.limits().size(requested_size));
    let requested = options;
    let options =
        &WriterOptions { width: size.0, height: size.1, layout: player_layout(options, &container), ..*requested };
    let (encoder, hardware_unavailable) = choose_encoder(options, &container)?;
    let codec = find(&encoder)?;
    check_container(options, &container, &codec)?;
    let pixel = choose_pixel(options, &encoder, &codec)?;
    let warnings = warnings(requested, options, id_of(&codec), pixel);
    let (mut settings, mut description) = settings(&encoder, options, pixel)?;
    // Set last, they replace settings of the same name.
    settings.extend(options.encode.extra.iter().cloned());
    for (key, value) in &options.encode.extra {
        description += &format!(" {key}={value}");
    }
    let pix_fmt = format_name(pixel);
    let mut description = format!("{encoder}{description} {pix_fmt}");
    if size != (requested.width, requested.height) {
        description += &format!(" {}x{}", size.0, size.1);
    }
    Ok(EncoderPlan {
        encoder,
        pix_fmt,
        description,
        hardware_unavailable,
        warnings,
        size,
        pixel,
        options: settings,
        container,
    })
}

/// The layout that is encoded where nobody names a pixel format: the frames' own, but in mp4 files, which are for players,
/// what the decoders of headsets take: chroma at half of the size and at most 10 bits.
fn player_layout(o: &WriterOptions<'_>, container: &Container) -> YuvLayout {
    let for_players = o.encode.player.is_some() || *container == Container::Mp4;
    let lossless = matches!(o.encode.codec, Some(Codec::Ffv1 | Codec::ProRes));
    if !for_players || o.purpose == Purpose::Alpha || lossless || o.encode.pix_fmt.is_some() {
        return o.layout;
    }
    YuvLayout { bits: o.layout.bits.min(10), chroma_shift_x: 1, chroma_shift_y: 1, ..o.layout }
}

/// Frames per second as people write them: 30, 29.97.
fn rounded(fps: f64) -> f64 {
    (fps * 100.0).round() / 100.0
}

/// What becomes of the pictures that the user may not expect; `frames` is as they come, `encoded` as they are written.
fn warnings(
    frames: &WriterOptions<'_>,
    encoded: &WriterOptions<'_>,
    codec: CodecId,
    pixel: PixelFormat,
) -> Vec<String> {
    let mut warnings = Vec::new();
    if frames.layout != encoded.layout && frames.purpose == Purpose::Picture {
        let bits = if frames.layout.bits > encoded.layout.bits { " and 10 bits" } else { "" };
        let own = format_for(frames.layout).map_or("its own".to_owned(), format_name);
        warnings.push(format!(
            "written with 4:2:0 chroma{bits}, since headsets decode nothing else; --pix-fmt {own} keeps the source's"
        ));
    }
    let (width, height, fps) = (encoded.width, encoded.height, encoded.fps);
    let is_h264 = codec == ffi::AVCodecID::AV_CODEC_ID_H264;
    if is_h264 && !fits_h264(width, height, fps) {
        warnings.push(format!(
            "{width}x{height} at {} frames per second exceeds level 5.2 of H.264, the limit of headsets' decoders; \
             --codec hevc is within it",
            rounded(fps)
        ));
    }
    let Some(player) = frames.encode.player else { return warnings };
    let (name, limits) = (player.name(), player.limits());
    let own = |codec: Codec| find_encoder(codec.software()).map(|encoder| id_of(&encoder));
    if !limits.codecs.iter().any(|decoded| own(*decoded) == Some(codec)) {
        warnings.push(format!("{name} does not decode {}", codec_name(codec)));
    }
    let fine = |layout: YuvLayout| (layout.chroma_shift_x, layout.chroma_shift_y) != (1, 1) || layout.bits > 10;
    if layout_of(pixel).is_some_and(fine) {
        warnings.push(format!("{name} does not decode {}, only 4:2:0 and at most 10 bits", format_name(pixel)));
    }
    let (w, h) = frames.resize.size.unwrap_or((frames.width, frames.height));
    if (w, h) != (width, height) {
        warnings.push(format!("scaled down for {name}: from {w}x{h} to {width}x{height}"));
    }
    if (width * height) as f64 * fps > limits.rate * 1.001 {
        let most = limits.rate / (width * height) as f64;
        warnings.push(format!(
            "{name} plays {width}x{height} at {most:.0} frames per second at most, and this has {}",
            rounded(fps)
        ));
    }
    warnings
}

fn find(name: &str) -> Result<ffmpeg::Codec> {
    find_encoder(name).filter(is_video).ok_or_else(|| MediaError::NoEncoder { encoder: name.to_owned() })
}

/// The encoder's name, and why it isn't a hardware one if that was allowed.
fn choose_encoder(o: &WriterOptions<'_>, container: &Container) -> Result<(String, Option<String>)> {
    if let Container::Pictures(encoder) = container {
        return Ok(((*encoder).to_owned(), None));
    }
    if let Some(name) = &o.encode.encoder {
        return Ok((name.clone(), None));
    }
    let codec = match o.encode.codec {
        Some(codec) => codec,
        None => default_codec(o, container)?,
    };
    if let Some(player) = o.encode.player
        && !player.limits().codecs.contains(&codec)
    {
        let what = format!("{} does not decode {}; remove --codec", player.name(), codec.name());
        return Err(MediaError::Invalid { what });
    }
    let software = codec.software();
    let hardware = codec.hardware().filter(|_| o.encode.hardware && o.purpose != Purpose::Alpha);
    let Some(hardware) = hardware else { return Ok((software.to_owned(), None)) };
    let reason = if codec == Codec::H264 && (o.width > 4096 || o.height > 4096) {
        Some("NVENC encodes H.264 only up to 4096 pixels".to_owned())
    } else if codec == Codec::H264 && o.layout.bits > 8 {
        Some("NVENC encodes H.264 only in 8 bits".to_owned())
    } else if find_encoder(hardware).is_none() {
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
        _ if plain && fits_h264(o.width, o.height, o.fps) => Codec::H264,
        _ => Codec::Hevc,
    })
}

fn check_container(o: &WriterOptions<'_>, container: &Container, codec: &ffmpeg::Codec) -> Result<()> {
    let id = id_of(codec);
    if container.supports(id) {
        return Ok(());
    }
    Err(MediaError::ContainerCodec {
        path: o.path.to_path_buf(),
        container: container.name().to_owned(),
        codec: codec_name(id),
        advice: match o.purpose {
            Purpose::Alpha => ALPHA_WAYS.to_owned(),
            _ => "choose another codec or extension (.mkv holds every codec)".to_owned(),
        },
    })
}

/// Options that depend on the source and the threads, for encoders that take them as one string.
pub(crate) fn joined_params(plan: &EncoderPlan, video: &VideoTemplate, threads: usize) -> Vec<(String, String)> {
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
        // Level 5.2's motion vectors, whatever the level: longer ones show as damage in headsets (Meta, "Encoding
        // High-Resolution 360 and 180 Video").
        "libx264" => add("x264-params", vec!["mvrange=511".to_owned()]),
        "libx265" => {
            // x265 writes to stderr by itself; warnings stay off the terminal. Key frames that nothing after them
            // refers across.
            let mut params = vec!["log-level=error".to_owned(), "open-gop=0".to_owned()];
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
