//! Boxes of mp4 that say where ambisonic sound comes from (`SA3D`, and `SAND` for what is heard from everywhere), of which
//! FFmpeg knows nothing: read from a source here, and put into an output by [`mp4_boxes`]. Google, "Spatial Audio RFC".

use super::mp4_boxes::{self, Span, boxes, kind};
use std::fs::File;
use std::path::Path;

/// The boxes that are copied.
const COPIED: [&[u8; 4]; 2] = [b"SA3D", b"SAND"];

/// Boxes of one track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrackBoxes {
    /// The track's number as the file has it (FFmpeg's stream id).
    pub track: u32,
    /// Whole boxes, one behind the other.
    pub boxes: Vec<u8>,
}

/// Bytes of an audio description before its boxes: QuickTime has versions with more of them.
fn sound_head(moov: &[u8], entry: Span) -> usize {
    match moov.get(entry.0 + 17) {
        Some(1) => 52,
        Some(2) => 72,
        _ => 36,
    }
}

/// What a file's tracks say of where their sound comes from; nothing where that can't be read.
pub(crate) fn read(path: &Path) -> Vec<TrackBoxes> {
    let Ok(Some((_, moov))) = File::open(path).and_then(|mut file| mp4_boxes::read_moov(&mut file)) else {
        return Vec::new();
    };
    let of_track = |track: mp4_boxes::Track| {
        let entry = track.entry;
        let copied = boxes(&moov, (entry.0 + sound_head(&moov, entry), entry.1))
            .filter(|b| COPIED.iter().any(|name| kind(&moov, b.0) == Some(name.as_slice())));
        let boxes: Vec<u8> = copied.flat_map(|(from, to)| moov[from..to].to_vec()).collect();
        (!boxes.is_empty()).then_some(TrackBoxes { track: track.id, boxes })
    };
    mp4_boxes::tracks(&moov).into_iter().filter(|track| track.sound).filter_map(of_track).collect()
}
