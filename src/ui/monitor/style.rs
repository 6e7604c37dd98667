//! Colors that a terminal can show.

use ratatui::style::{Color, Style};

/// Colors that the terminal can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Colors {
    None,
    /// The 256 of xterm.
    Indexed,
    True,
}

impl Colors {
    /// By the environment; `requested`: colors are not refused.
    pub(super) fn of_terminal(requested: bool) -> Self {
        let all = std::env::var("COLORTERM").is_ok_and(|c| c == "truecolor" || c == "24bit");
        match (requested, all) {
            (false, _) => Colors::None,
            (true, true) => Colors::True,
            (true, false) => Colors::Indexed,
        }
    }

    pub(super) fn rgb(self, [r, g, b]: [u8; 3]) -> Color {
        if self == Colors::True {
            return Color::Rgb(r, g, b);
        }
        let (low, high) = (r.min(g).min(b), r.max(g).max(b));
        // Gray has a finer ramp of its own: 24 steps from 8 to 238.
        if high - low < 12 && (8..=238).contains(&low) {
            return Color::Indexed(232 + (u16::from(low) * 23 / 238) as u8);
        }
        let step = |c: u8| ((u16::from(c) * 5 + 127) / 255) as u8;
        Color::Indexed(16 + 36 * step(r) + 6 * step(g) + step(b))
    }
}

/// How the page is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct DrawOptions {
    pub colors: Colors,
    /// With frame and matte.
    pub preview: bool,
}

impl DrawOptions {
    /// `color` for a text, where colors are wanted.
    pub(super) fn paint(&self, color: Color) -> Style {
        if self.colors == Colors::None { Style::new() } else { Style::new().fg(color) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colors_map_to_the_nearest_of_256() {
        assert_eq!(Colors::Indexed.rgb([255, 0, 0]), Color::Indexed(196));
        assert_eq!(Colors::Indexed.rgb([128, 128, 128]), Color::Indexed(244));
        assert_eq!(Colors::True.rgb([1, 2, 3]), Color::Rgb(1, 2, 3));
    }
}
