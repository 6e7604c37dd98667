//! Which encoder, which pixel format, which settings.

use crate::error::{MediaError, Result};
use crate::ffi::codec::{codec_name, find_encoder, id_of, is_video};
use crate::ffi::log;
use crate::ffi::numbers::PixelFormat;
use crate::ffi::pixel_format::{format_name, layout_of};
use crate::formats::container::Container;
use crate::read::template::VideoTemplate;
use crate::write::codec::Codec;
use crate::write::encoder::nvenc::nvenc_status;
use crate::write::encoder::pixel_choice::choose_pixel;
use crate::write::encoder::settings::settings;
use crate::write::options::{ALPHA_WAYS, Purpose, WriterOptions};
use ffmpeg_next as ffmpeg;
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
    let (encoder, hardware_unavailable) = choose_encoder(options, &container)?;
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
    Ok(EncoderPlan { encoder, pix_fmt, description, hardware_unavailable, pixel, options: settings, container })
}

fn find(name: &str) -> Result<ffmpeg::Codec> {
    find_encoder(name).filter(is_video).ok_or_else(|| MediaError::NoEncoder { encoder: name.to_owned() })
}

/// The encoder's name, and why it isn't a hardware one if that was allowed.
fn choose_encoder(o: &WriterOptions<'_>, container: &Container) -> Result<(String, Option<String>)> {
    if let Some(name) = &o.encode.encoder {
        return Ok((name.clone(), None));
    }
    let codec = match o.encode.codec {
        Some(codec) => codec,
        None => default_codec(o, container)?,
    };
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
        _ if plain && o.width <= 4096 && o.height <= 4096 => Codec::H264,
        _ => Codec::Hevc,
    })
}

fn check_container(o: &WriterOptions<'_>, container: &Container, codec: &ffmpeg::Codec) -> Result<()> {
    let id = id_of(codec);
    if container.holds(id) {
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
