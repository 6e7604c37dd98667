//! The streams of a file while it is read: which are copied, and where each of them is.

use crate::ffi::input::{Input, discard_packets, kind};
use ffmpeg_next::ffi;

/// What is known of a stream while it is copied.
pub(crate) struct CopyState {
    pub time_base: ffi::AVRational,
    pub copied: bool,
    /// The end of the range waits for it.
    pub awaited: bool,
    pub subtitle: bool,
}

/// Which streams are copied; makes the demuxer skip the others.
pub(crate) fn copy_states(input: &mut Input, video: usize) -> Vec<CopyState> {
    use ffi::AVMediaType::{AVMEDIA_TYPE_AUDIO, AVMEDIA_TYPE_DATA, AVMEDIA_TYPE_SUBTITLE};
    let mut states = Vec::new();
    for stream in input.streams() {
        let kind = kind(&stream);
        // Cover pictures and attachments travel with the template.
        let copied =
            stream.index() != video && kind.is_any(&[AVMEDIA_TYPE_AUDIO, AVMEDIA_TYPE_SUBTITLE, AVMEDIA_TYPE_DATA]);
        states.push(CopyState {
            time_base: stream.time_base().into(),
            copied,
            awaited: kind == AVMEDIA_TYPE_AUDIO,
            subtitle: kind == AVMEDIA_TYPE_SUBTITLE,
        });
    }
    for (i, state) in states.iter().enumerate() {
        if !state.copied && i != video {
            discard_packets(input, i);
        }
    }
    states
}
