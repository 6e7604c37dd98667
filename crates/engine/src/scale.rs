//! The size of outputs' pictures: what may be asked for, and what becomes of a frame.

use serde::{Deserialize, Serialize};
use vrseg_image::vr::Layout;

/// What a size may look like, for messages.
pub const SCALE_FORM: &str = "WIDTHxHEIGHT, a width such as 1920, a height such as 1080p, a part such as 1/2, or 8k, 6k, 5k, 4k, 2k (longer side)";

/// Words for a longer side, and its pixels: the usual sizes of VR video.
const WORDS: &[(&str, u32)] = &[("8k", 7680), ("6k", 5760), ("5k", 5120), ("4k", 3840), ("2k", 1920)];
/// Pixels of a side at most: what FFmpeg's encoders take.
const MAX_SIDE: u32 = 16_384;
/// Pixels of a view's side at least.
const MIN_SIDE: usize = 16;
/// By how much the shape may differ before a picture counts as stretched.
const SHAPE_TOLERANCE: f64 = 0.02;

/// The size that is requested.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Scale {
    /// Width and height in pixels.
    Size(u32, u32),
    /// Width in pixels; the height follows.
    Width(u32),
    /// Height in pixels; the width follows.
    Height(u32),
    /// A part of both sides, as numerator and denominator; never more than the whole.
    Part(u32, u32),
    /// Pixels of the longer side at most.
    Within(u32),
}

impl Scale {
    /// Reads `3840x1920`, `1920`, `1080p`, `1/2`, `50%`, `4k`, and what FFmpeg's scale filter takes: `3840:1920`,
    /// `1920:-2`, `iw/2:ih/2`.
    pub fn read(text: &str) -> Option<Self> {
        let word = text.trim().to_ascii_lowercase();
        if let Some((_, side)) = WORDS.iter().find(|(name, _)| *name == word) {
            return Some(Scale::Within(*side));
        }
        let side = |digits: &str| number(digits).filter(|n| (1..=MAX_SIDE).contains(n));
        if let Some(percent) = word.strip_suffix('%') {
            return part(number(percent)?, 100);
        }
        if let Some(height) = word.strip_suffix('p') {
            return side(height).map(Scale::Height);
        }
        if let Some((width, height)) = word.split_once(['x', ':', '*']) {
            if let Some(divisor) = width.strip_prefix("iw/") {
                let same = ["-1", "-2", ""].contains(&height) || height.strip_prefix("ih/") == Some(divisor);
                return part(1, number(divisor)?).filter(|_| same);
            }
            let open = |side: &str| matches!(side, "" | "-1" | "-2" | "0");
            return match (open(width), open(height)) {
                (false, false) => Some(Scale::Size(side(width)?, side(height)?)),
                (false, true) => side(width).map(Scale::Width),
                (true, false) => side(height).map(Scale::Height),
                (true, true) => None,
            };
        }
        if let Some((above, below)) = word.split_once('/') {
            return part(number(above)?, number(below)?);
        }
        match word.split_once('.') {
            Some(("" | "0", digits)) if (1..=3).contains(&digits.len()) => {
                part(number(digits)?, 10u32.pow(digits.len() as u32))
            }
            Some(_) => None,
            None => side(&word).map(Scale::Width),
        }
    }

    /// A size as the command line has it, where it can be read: `1920` for `1920:-2`.
    pub fn plain(text: &str) -> String {
        match Self::read(text) {
            Some(Scale::Size(width, height)) => format!("{width}x{height}"),
            Some(Scale::Width(width)) => width.to_string(),
            Some(Scale::Height(height)) => format!("{height}p"),
            Some(Scale::Part(above, below)) => format!("{above}/{below}"),
            Some(Scale::Within(_)) | None => text.to_owned(),
        }
    }

    /// The size that a frame gets whose views lie so. Views of equal size and even sides are needed there, so sides that
    /// were not named are rounded to that.
    ///
    /// # Errors
    /// Why a size that was named won't do, with the nearest that does.
    pub fn of(self, (width, height): (usize, usize), layout: Layout) -> Result<(usize, usize), String> {
        let (w, h) = (width as f64, height as f64);
        let (across, down) = match layout {
            Layout::Mono => (1, 1),
            Layout::SideBySide => (2, 1),
            Layout::TopBottom => (1, 2),
        };
        let to = |v: f64, unit: usize| ((v / unit as f64).round() as usize * unit).max(unit);
        let even = |w: f64, h: f64| (to(w, 2 * across), to(h, 2 * down));
        let made = match self {
            Scale::Size(requested_w, requested_h) => {
                let requested = (requested_w as usize, requested_h as usize);
                let whole = even(f64::from(requested_w), f64::from(requested_h));
                if requested != whole {
                    let eyes = if across * down > 1 { " in each of the two views" } else { "" };
                    return Err(format!(
                        "{requested_w}x{requested_h}: both sides must be even{eyes}; {}x{} is near",
                        whole.0, whole.1
                    ));
                }
                let own = even(f64::from(requested_w), f64::from(requested_w) * h / w);
                let stretch = f64::from(requested_w) / w * h / f64::from(requested_h);
                if own != requested && (stretch - 1.0).abs() > SHAPE_TOLERANCE {
                    return Err(format!(
                        "{requested_w}x{requested_h} would stretch a frame of {width}x{height}; {}x{} keeps its shape",
                        own.0, own.1
                    ));
                }
                requested
            }
            Scale::Width(side) => even(f64::from(side), f64::from(side) * h / w),
            Scale::Height(side) => even(f64::from(side) * w / h, f64::from(side)),
            Scale::Part(above, below) if above == below => (width, height),
            Scale::Part(above, below) => {
                let part = f64::from(above) / f64::from(below);
                even(w * part, h * part)
            }
            Scale::Within(side) => {
                let scale = f64::from(side) / w.max(h);
                if scale >= 1.0 { (width, height) } else { even(w * scale, h * scale) }
            }
        };
        if made.0 / across < MIN_SIDE || made.1 / down < MIN_SIDE {
            return Err(format!("{}x{}: views would be smaller than {MIN_SIDE}x{MIN_SIDE} pixels", made.0, made.1));
        }
        if made.0.max(made.1) > MAX_SIDE as usize && made != (width, height) {
            return Err(format!("{}x{}: encoders take at most {MAX_SIDE} pixels a side", made.0, made.1));
        }
        Ok(made)
    }
}

fn number(digits: &str) -> Option<u32> {
    digits.bytes().all(|b| b.is_ascii_digit()).then(|| digits.parse().ok()).flatten()
}

fn part(above: u32, below: u32) -> Option<Scale> {
    (above > 0 && above <= below && below <= 1000).then_some(Scale::Part(above, below))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_people_and_ffmpeg_write_them() {
        for (text, want) in [
            ("3840x1920", Scale::Size(3840, 1920)),
            ("3840:1920", Scale::Size(3840, 1920)),
            ("1920", Scale::Width(1920)),
            ("1920x-2", Scale::Width(1920)),
            ("640:-1", Scale::Width(640)),
            ("-2:1080", Scale::Height(1080)),
            ("1080p", Scale::Height(1080)),
            ("1/2", Scale::Part(1, 2)),
            ("50%", Scale::Part(50, 100)),
            ("0.75", Scale::Part(75, 100)),
            ("iw/2:ih/2", Scale::Part(1, 2)),
            ("iw/4:-1", Scale::Part(1, 4)),
            ("8K", Scale::Within(7680)),
            ("4k", Scale::Within(3840)),
        ] {
            assert_eq!(Scale::read(text), Some(want), "{text}");
        }
        for bad in
            ["", "x", "0", "1/0", "3/2", "150%", "0%", "7k", "1920x", "-1:-1", "99999", "1e3", "+5", "1.5", "half"]
        {
            let taken = Scale::read(bad);
            assert!(taken.is_none() || bad == "1920x", "{bad}: {taken:?}");
        }
    }

    #[test]
    fn views_stay_whole_and_even() {
        let (mono, sbs, tb) = (Layout::Mono, Layout::SideBySide, Layout::TopBottom);
        for (scale, frame, layout, want) in [
            ("1/2", (7680, 3840), sbs, (3840, 1920)),
            ("1/2", (5800, 2900), sbs, (2900, 1450)),
            ("1/4", (5800, 2900), sbs, (1452, 726)),
            ("1/4", (1920, 1080), mono, (480, 270)),
            ("1/4", (2900, 5800), tb, (726, 1452)),
            ("4k", (7680, 3840), sbs, (3840, 1920)),
            ("4k", (3840, 7680), tb, (1920, 3840)),
            ("8k", (5760, 2880), sbs, (5760, 2880)),
            ("1001", (2002, 1001), mono, (1002, 500)),
            ("3840x1920", (7680, 3840), sbs, (3840, 1920)),
            ("3840x1920", (7600, 3840), sbs, (3840, 1920)),
            ("1080p", (3840, 2160), mono, (1920, 1080)),
            ("1/1", (2002, 1001), sbs, (2002, 1001)),
        ] {
            assert_eq!(Scale::read(scale).unwrap().of(frame, layout), Ok(want), "{scale} of {frame:?}");
        }
    }

    #[test]
    fn sizes_that_break_a_frame_are_refused_with_one_that_does_not() {
        let why = |scale: &str, layout| Scale::read(scale).unwrap().of((7680, 3840), layout).unwrap_err();
        assert!(why("3840x3840", Layout::SideBySide).contains("would stretch a frame of 7680x3840; 3840x1920 keeps"));
        assert!(why("3842x1921", Layout::SideBySide).contains("in each of the two views; 3844x1922 is near"));
        assert!(why("3841x1920", Layout::Mono).contains("must be even; 3842x1920 is near"));
        assert!(why("1/500", Layout::SideBySide).contains("smaller than 16x16"));
        assert!(Scale::Width(16_384).of((2048, 4096), Layout::Mono).unwrap_err().contains("at most 16384"));
    }
}
