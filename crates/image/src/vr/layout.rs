//! Where the views (eyes) of a frame are: alone, side by side, one above the other.

use crate::plane::Rect;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where the views (eyes) of a frame are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Layout {
    /// One view that fills the frame.
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

impl Layout {
    /// The layout of that word of the command line.
    pub fn from_name(name: &str) -> Option<Self> {
        [Layout::Mono, Layout::SideBySide, Layout::TopBottom].into_iter().find(|l| l.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
