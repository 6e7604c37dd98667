//! Sound and subtitles in another codec, where the container can't hold the source's.

mod audio;
mod subtitle;

use crate::error::Result;
use crate::ffi::codec::{find_decoder, find_encoder, id_of, is_text_subtitle};
use crate::ffi::parameters::Parameters;
use crate::formats::container::Container;
use crate::read::template::StreamTemplate;
use audio::AudioTranscoder;
use ffmpeg_next::{self as ffmpeg, ffi};
use subtitle::SubtitleTranscoder;

/// A stream on its way into another codec.
pub(crate) enum Transcoder {
    Audio(AudioTranscoder),
    Subtitle(SubtitleTranscoder),
}

impl Transcoder {
    /// For a stream of sound or text that `container` can't hold; `None` where no usual way leads there.
    ///
    /// # Errors
    /// Decoder or encoder don't start.
    pub(crate) fn new(stream: &StreamTemplate, container: &Container) -> Option<Result<Self>> {
        use ffi::AVMediaType::{AVMEDIA_TYPE_AUDIO, AVMEDIA_TYPE_SUBTITLE};
        let from = stream.params.codec();
        find_decoder(from)?;
        let encoder = |names: &[&str]| {
            names.iter().filter_map(|name| find_encoder(name)).find(|encoder| container.supports(id_of(encoder)))
        };
        if stream.params.kind() == AVMEDIA_TYPE_AUDIO {
            let encoder = encoder(audio_encoders(container))?;
            return Some(AudioTranscoder::new(stream, &encoder, container.wants_global_header()).map(Self::Audio));
        }
        if stream.params.kind() == AVMEDIA_TYPE_SUBTITLE && is_text_subtitle(from) {
            let encoder = encoder(&["mov_text", "subrip", "webvtt"])?;
            return Some(SubtitleTranscoder::new(stream, &encoder).map(Self::Subtitle));
        }
        None
    }

    /// What the muxer's stream says of the new codec.
    pub(crate) fn parameters(&self) -> Result<Parameters> {
        match self {
            Self::Audio(audio) => audio.parameters(),
            Self::Subtitle(subtitle) => subtitle.parameters(),
        }
    }

    /// The time base of the packets that come out.
    pub(crate) fn time_base(&self) -> ffi::AVRational {
        match self {
            Self::Audio(audio) => audio.time_base(),
            Self::Subtitle(subtitle) => subtitle.time_base(),
        }
    }

    /// FFmpeg's name of the new codec.
    pub(crate) fn codec_name(&self) -> String {
        self.parameters().map_or_else(|_| "another codec".to_owned(), |p| p.codec_name())
    }

    /// Takes a packet of the source, or with `None` the end, and gives what is ready.
    ///
    /// # Errors
    /// The encoder fails. A packet that can't be decoded is omitted.
    pub(crate) fn convert(&mut self, packet: Option<&ffmpeg::Packet>) -> Result<Vec<ffmpeg::Packet>> {
        match self {
            Self::Audio(audio) => audio.convert(packet),
            Self::Subtitle(subtitle) => packet.map_or_else(|| Ok(Vec::new()), |packet| subtitle.convert(packet)),
        }
    }
}

/// The usual encoders of sound for a container, the best first.
fn audio_encoders(container: &Container) -> &'static [&'static str] {
    match container {
        Container::WebM => &["libopus", "libvorbis"],
        _ => &["aac", "libopus", "libmp3lame", "libvorbis"],
    }
}
