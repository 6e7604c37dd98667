//! How an output is encoded: by the settings, those of its own above them.

use crate::cli::args::{JobArgs, Overrides};
use crate::cli::exit::UsageError;
use crate::cli::job::inputs;
use crate::cli::job::outputs::extension;
use std::path::Path;
use vrseg_engine::scale::Scale;
use vrseg_engine::settings::{Settings, Sources, check_encoder, values};
use vrseg_image::compose::Mode;
use vrseg_media::{Codec, EncodeOptions};

/// The size of an output's pictures: its own, else that of all outputs.
pub(super) fn scale(settings: &Settings, own: &Overrides) -> Option<Scale> {
    let own = own.iter().rfind(|(name, ..)| *name == "output.scale");
    own.map_or(settings.output.scale, |(_, _, value)| value.as_str().and_then(Scale::read))
}

/// The options of the output at `path`. One that names its own codec or encoder takes no quality, rate, preset or pixel
/// format that was given for all outputs: they are another encoder's.
///
/// # Errors
/// Its own settings contradict each other.
pub(super) fn encode(
    path: &Path,
    mode: &Mode,
    args: &JobArgs,
    settings: &Settings,
    sources: &Sources,
    own: &Overrides,
) -> Result<EncodeOptions, UsageError> {
    let o = &settings.output;
    let value = |name: &str| own.iter().rfind(|(own, ..)| *own == name).map(|(_, _, value)| value);
    let text = |name: &str| value(name).and_then(|v| v.as_str()).map(str::to_owned);
    let codec = text("output.codec").as_deref().and_then(Codec::from_name);
    let encoder = text("output.encoder");
    let apart = codec.is_some() || encoder.is_some();
    let (codec, encoder) = if apart { (codec, encoder) } else { (o.codec, o.encoder.clone()) };
    // A profile's crf and preset are x264's and x265's words, which are translated for NVENC; other
    // encoders keep their defaults.
    // What the user says goes to every output, right or wrong: the encoder will complain.
    let x26x = match (&encoder, codec) {
        (Some(name), _) => matches!(name.as_str(), "libx264" | "libx265" | "h264_nvenc" | "hevc_nvenc"),
        (None, Some(codec)) => matches!(codec, Codec::H264 | Codec::Hevc),
        (None, None) => *mode != Mode::Alpha && extension(path) != "webm" && !inputs::is_picture(path),
    };
    let applies = |name| match (apart, sources.of(name).is_user()) {
        (true, user) => x26x && !user,
        (false, user) => x26x || user,
    };
    let crf = value("output.crf").and_then(|v| v.as_f64()).map(|n| n as f32);
    let bitrate = text("output.bitrate").as_deref().and_then(values::bitrate);
    let wrong = |why: String| UsageError(format!("{}: {why}", path.display()));
    if crf.is_some() && bitrate.is_some() {
        return Err(wrong("crf and bitrate don't go together; remove one of them".to_owned()));
    }
    if !own.is_empty() {
        check_encoder(codec, encoder.as_deref(), crf, bitrate.is_some()).map_err(wrong)?;
    }
    let rated = crf.is_some() || bitrate.is_some();
    Ok(EncodeOptions {
        codec,
        encoder,
        crf: crf.or(o.crf.filter(|_| !rated && applies("output.crf"))),
        preset: text("output.preset").or(o.preset.clone().filter(|_| applies("output.preset"))),
        bitrate: bitrate.or(o.bitrate.filter(|_| !rated && !apart)),
        pix_fmt: text("output.pix_fmt").or(o.pix_fmt.clone().filter(|_| !apart)),
        gop: o.gop,
        player: o.player,
        audio: o.audio,
        subtitles: o.subtitles,
        extra: args.encode.enc_opt.clone(),
        threads: 0,
        hardware: o.hardware,
    })
}
