//! How the eyes lie in a frame: alone, side by side, one above the other.

use crate::plane::Rect;
use std::fmt;
use std::path::Path;

/// Where the views (eyes) of a frame are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Layout {
    /// One view.
    Mono,
    /// Two views beside each other.
    SideBySide,
    /// Two views, one above the other.
    TopBottom,
}

impl Layout {
    /// The views of a frame of `w` x `h`, in luma samples. The cut between two eyes is put on an
    /// even sample, so that no chroma sample of a 4:2:0 picture belongs to both.
    pub fn views(self, w: usize, h: usize) -> Vec<Rect> {
        let half = |n: usize| if n >= 4 { n / 2 / 2 * 2 + (n / 2) % 2 * 2 } else { n / 2 };
        match self {
            Layout::Mono => vec![Rect::new(0, 0, w, h)],
            Layout::SideBySide => {
                let c = half(w);
                vec![Rect::new(0, 0, c, h), Rect::new(c, 0, w - c, h)]
            }
            Layout::TopBottom => {
                let c = half(h);
                vec![Rect::new(0, 0, w, c), Rect::new(0, c, w, h - c)]
            }
        }
    }

    /// The word by which the command line knows the layout.
    pub fn name(self) -> &'static str {
        match self {
            Layout::Mono => "mono",
            Layout::SideBySide => "sbs",
            Layout::TopBottom => "tb",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Layout::Mono => "mono",
            Layout::SideBySide => "side by side",
            Layout::TopBottom => "top-bottom",
        })
    }
}

/// The stereo packing that the container states, as far as layouts go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StereoTag {
    /// Stated to be one view.
    Mono,
    /// Side by side.
    SideBySide,
    /// Top-bottom.
    TopBottom,
    /// A packing that vrseg does not split (frame sequence, checkerboard, lines, columns).
    Other,
}

/// What a finding rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The user said so.
    Option,
    /// The container's stereo side data.
    Container,
    /// A token of the file name.
    FileName(String),
    /// The shape of the frame.
    AspectRatio,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Evidence::Option => f.write_str("as asked"),
            Evidence::Container => f.write_str("from the container's stereo metadata"),
            Evidence::FileName(t) => write!(f, "from \"{t}\" in the file name"),
            Evidence::AspectRatio => f.write_str("guessed from the aspect ratio"),
        }
    }
}

/// A layout and why it is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detected {
    /// The layout.
    pub layout: Layout,
    /// What it rests on.
    pub evidence: Evidence,
}

/// File-name tokens that players understand, lower case, by layout. Collected from the naming
/// rules of DeoVR, HereSphere, SKYBOX and xbvr.
const TOKENS: &[(&str, Layout)] = &[
    ("lr", Layout::SideBySide),
    ("rl", Layout::SideBySide),
    ("lrf", Layout::SideBySide),
    ("rlf", Layout::SideBySide),
    ("sbs", Layout::SideBySide),
    ("hsbs", Layout::SideBySide),
    ("sbsf", Layout::SideBySide),
    ("fsbs", Layout::SideBySide),
    ("3dh", Layout::SideBySide),
    ("3dhf", Layout::SideBySide),
    ("sidebyside", Layout::SideBySide),
    ("tb", Layout::TopBottom),
    ("bt", Layout::TopBottom),
    ("ou", Layout::TopBottom),
    ("hou", Layout::TopBottom),
    ("htb", Layout::TopBottom),
    ("tbf", Layout::TopBottom),
    ("btf", Layout::TopBottom),
    ("ouf", Layout::TopBottom),
    ("fulltb", Layout::TopBottom),
    ("3dv", Layout::TopBottom),
    ("topbottom", Layout::TopBottom),
    ("overunder", Layout::TopBottom),
    ("2d", Layout::Mono),
    ("mono", Layout::Mono),
];

/// Pairs of neighbouring words that mean one token.
const PHRASES: &[(&[&str], Layout)] = &[
    (&["side", "by", "side"], Layout::SideBySide),
    (&["left", "right"], Layout::SideBySide),
    (&["right", "left"], Layout::SideBySide),
    (&["top", "bottom"], Layout::TopBottom),
    (&["bottom", "top"], Layout::TopBottom),
    (&["over", "under"], Layout::TopBottom),
];

/// Tokens that say "this is VR" without saying how the eyes lie.
const VR_TOKENS: &[&str] = &[
    "180",
    "vr180",
    "180x180",
    "f180",
    "180f",
    "fisheye",
    "fisheye180",
    "fisheye190",
    "fisheye200",
    "rf52",
    "mkx200",
    "mkx220",
    "mkx22",
    "vrca220",
];

fn words(path: &Path) -> Vec<String> {
    let stem = path.file_stem().map(|s| s.to_string_lossy().to_lowercase()).unwrap_or_default();
    stem.split([' ', '_', '.', '-', '(', ')', '[', ']']).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

/// The layout that the file name states, with the token that states it. Later tokens win: makers
/// append theirs to whatever the name was.
pub fn from_file_name(path: &Path) -> Option<(Layout, String)> {
    let words = words(path);
    for end in (1..=words.len()).rev() {
        for (phrase, layout) in PHRASES {
            if end >= phrase.len() && words[end - phrase.len()..end].iter().eq(phrase.iter()) {
                return Some((*layout, phrase.join("_")));
            }
        }
        // The first word is the title: "tb.mp4" or "Mono Lake.mp4" states nothing.
        if end > 1
            && let Some((t, l)) = TOKENS.iter().find(|(t, _)| *t == words[end - 1])
        {
            return Some((*l, (*t).to_owned()));
        }
    }
    None
}

/// The layout by the shape of the frame, after the habits of players: about 2:1 is side by side
/// when a file name or the size says VR (two square eyes), 1:1 and large is 360 top-bottom, wider than 3.2:1 is
/// full side by side, anything else is one flat view.
pub fn from_shape(path: &Path, w: usize, h: usize) -> Layout {
    if w == 0 || h == 0 {
        return Layout::Mono;
    }
    let ratio = w as f64 / h as f64;
    let vr_name = words(path).iter().any(|w| VR_TOKENS.contains(&w.as_str()));
    let two_squares = (ratio - 2.0).abs() <= 0.02 && (vr_name || h >= 1080);
    if ratio >= 3.2 || two_squares {
        Layout::SideBySide
    } else if (ratio - 1.0).abs() <= 0.01 && w >= 2880 {
        Layout::TopBottom
    } else {
        Layout::Mono
    }
}

/// Layout by the container's word, then the file name, then the shape.
pub fn detect(tag: Option<StereoTag>, path: &Path, w: usize, h: usize) -> Detected {
    let from_container = match tag {
        Some(StereoTag::Mono) => Some(Layout::Mono),
        Some(StereoTag::SideBySide) => Some(Layout::SideBySide),
        Some(StereoTag::TopBottom) => Some(Layout::TopBottom),
        Some(StereoTag::Other) | None => None,
    };
    if let Some(layout) = from_container {
        return Detected { layout, evidence: Evidence::Container };
    }
    if let Some((layout, token)) = from_file_name(path) {
        return Detected { layout, evidence: Evidence::FileName(token) };
    }
    Detected { layout: from_shape(path, w, h), evidence: Evidence::AspectRatio }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_players_know() {
        for (name, want) in [
            ("scene_180_LR.mp4", Some(Layout::SideBySide)),
            ("scene_180_180x180_3dh_LR.mp4", Some(Layout::SideBySide)),
            ("Scene-360-TB.mkv", Some(Layout::TopBottom)),
            ("clip_left_right.mp4", Some(Layout::SideBySide)),
            ("clip.over-under.mp4", Some(Layout::TopBottom)),
            ("x_MKX200_alpha.mp4", None),
            ("mono_360_walk.mp4", None),
            ("walk_360_mono.mp4", Some(Layout::Mono)),
            ("tb.mp4", None),
            ("holiday.mp4", None),
        ] {
            assert_eq!(from_file_name(Path::new(name)).map(|x| x.0), want, "{name}");
        }
    }

    #[test]
    fn the_container_is_believed_before_the_name() {
        let d = detect(Some(StereoTag::TopBottom), Path::new("a_LR.mp4"), 4096, 2048);
        assert_eq!(d, Detected { layout: Layout::TopBottom, evidence: Evidence::Container });
    }

    #[test]
    fn shapes() {
        let p = Path::new("a.mp4");
        assert_eq!(from_shape(p, 3840, 1920), Layout::SideBySide);
        assert_eq!(from_shape(p, 640, 320), Layout::Mono);
        assert_eq!(from_shape(Path::new("a_180.mp4"), 640, 320), Layout::SideBySide);
        assert_eq!(from_shape(p, 3840, 3840), Layout::TopBottom);
        assert_eq!(from_shape(p, 1920, 1080), Layout::Mono);
        assert_eq!(from_shape(p, 3840, 1080), Layout::SideBySide);
    }

    #[test]
    fn eyes_share_no_chroma_sample() {
        for w in 4..64 {
            let v = Layout::SideBySide.views(w, 8);
            assert_eq!(v[1].x % 2, 0);
            assert_eq!(v[0].w + v[1].w, w);
            assert!(v[1].w > 0 && v[0].w.abs_diff(v[1].w) <= 3, "{w} {v:?}");
        }
    }
}
