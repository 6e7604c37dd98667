//! What players of VR video take: limits of sizes and rates, and what keeps an output within them.

use crate::write::codec::Codec;
use serde::{Deserialize, Serialize};

/// Samples of luma in a macroblock of H.264, along each side.
const MACROBLOCK: usize = 16;

/// Macroblocks of a frame, and of a second, at level 5.2 of H.264 (ITU-T H.264, table A-1).
const LEVEL_5_2: (usize, f64) = (36_864, 2_073_600.0);

/// Seconds between key frames at most, where nobody says otherwise. DeoVR asks for one to two for smooth seeking
/// (deovr.com/app/doc, "Video encoding basics").
pub(crate) const KEY_FRAME_SECONDS: f64 = 2.0;

/// Whether frames of that size at `fps` a second (0: unknown) keep within level 5.2 of H.264, beyond which the
/// decoders of headsets refuse or show damage (DeoVR; Meta, "Encoding High-Resolution 360 and 180 Video").
pub(crate) fn fits_h264(width: usize, height: usize, fps: f64) -> bool {
    let blocks = width.div_ceil(MACROBLOCK) * height.div_ceil(MACROBLOCK);
    width <= 4096 && height <= 4096 && blocks <= LEVEL_5_2.0 && blocks as f64 * fps <= LEVEL_5_2.1
}

/// A headset, or the kind of player, that an output is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Player {
    /// Meta Quest 2 and Pro.
    Quest2,
    /// Meta Quest 3 and 3S.
    Quest3,
    /// Apple Vision Pro.
    VisionPro,
    /// A headset on a PC whose GPU decodes.
    PcVr,
}

/// What a player takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PlayerLimits {
    /// Longest side in pixels.
    pub side: usize,
    /// Pixels of a frame.
    pub pixels: usize,
    /// Pixels of a second.
    pub rate: f64,
    /// Bits of a second, at the peak.
    pub bits: u64,
    /// Codecs that it decodes; H.264 within its level 5.2.
    pub codecs: &'static [Codec],
}

impl Player {
    /// All of them, in the order in which they are listed to users.
    pub const ALL: [Player; 4] = [Player::Quest2, Player::Quest3, Player::VisionPro, Player::PcVr];

    /// The word by which the command line knows it.
    pub fn name(self) -> &'static str {
        match self {
            Player::Quest2 => "quest2",
            Player::Quest3 => "quest3",
            Player::VisionPro => "visionpro",
            Player::PcVr => "pcvr",
        }
    }

    /// The player of that word.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|player| player.name() == name)
    }

    /// Sources stand in docs/vr_formats.md.
    pub(crate) fn limits(self) -> PlayerLimits {
        const CODECS: &[Codec] = &[Codec::H264, Codec::Hevc, Codec::Av1];
        const EIGHT_K: usize = 8192 * 4096;
        let codecs = |with_av1: bool| if with_av1 { CODECS } else { &CODECS[..2] };
        let headset = |bits, with_av1| PlayerLimits {
            side: 8192,
            pixels: EIGHT_K,
            rate: EIGHT_K as f64 * 60.0,
            bits,
            codecs: codecs(with_av1),
        };
        match self {
            Player::Quest2 => headset(100_000_000, false),
            Player::Quest3 => headset(150_000_000, true),
            Player::VisionPro => headset(150_000_000, false),
            Player::PcVr => PlayerLimits {
                side: 8192,
                pixels: 8192 * 8192,
                rate: EIGHT_K as f64 * 120.0,
                bits: 300_000_000,
                codecs: codecs(true),
            },
        }
    }
}

impl PlayerLimits {
    /// The size at which a frame is encoded: its own, or the largest of about the same shape that is taken. Both sides are
    /// then multiples of 4, so that the halves of two views are even.
    pub(crate) fn size(&self, (width, height): (usize, usize)) -> (usize, usize) {
        let side = self.side as f64 / width.max(height).max(1) as f64;
        let pixels = (self.pixels as f64 / (width * height).max(1) as f64).sqrt();
        let scale = side.min(pixels);
        if scale >= 1.0 {
            return (width, height);
        }
        let fit = |v: usize| ((v as f64 * scale) as usize / 4 * 4).max(4);
        (fit(width), fit(height))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h264_ends_with_level_5_2() {
        for (size, fps, fits) in [
            ((4096, 2048), 60.0, true),
            ((4096, 2160), 60.0, true),
            ((4096, 2304), 56.25, true),
            ((4096, 2304), 60.0, false),
            ((3840, 1920), 72.0, true),
            ((3840, 1920), 90.0, false),
            ((3840, 3840), 30.0, false),
            ((3072, 3072), 30.0, true),
            ((2880, 2880), 60.0, true),
            ((5760, 1440), 30.0, false),
            ((4096, 2048), 0.0, true),
        ] {
            assert_eq!(fits_h264(size.0, size.1, fps), fits, "{size:?} at {fps}");
        }
    }

    #[test]
    fn frames_beyond_a_players_limits_are_made_smaller_in_their_shape() {
        let limits = Player::Quest3.limits();
        assert_eq!(limits.size((7680, 3840)), (7680, 3840));
        assert_eq!(limits.size((8192, 4096)), (8192, 4096));
        assert_eq!(limits.size((11520, 5760)), (8192, 4096));
        let (w, h) = limits.size((8192, 8192));
        assert!(w == h && w % 4 == 0 && w * h <= limits.pixels && w > 5780, "{w}x{h}");
        assert_eq!(Player::PcVr.limits().size((8192, 8192)), (8192, 8192));
    }

    #[test]
    fn players_are_found_by_their_words() {
        for player in Player::ALL {
            assert_eq!(Player::from_name(player.name()), Some(player));
        }
        assert_eq!(Player::from_name("rift"), None);
    }
}
