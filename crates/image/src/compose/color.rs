//! Colors as a user writes them.

use super::Rgb;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// Names that [`Rgb::from_str`] knows. `green` and `blue` are the chroma-key paints of studios
/// (the values that HereSphere's and most editors' presets expect), not the pure primaries.
const NAMES: [(&str, Rgb); 14] = [
    ("green", Rgb::KEY_GREEN),
    ("blue", Rgb(0x00, 0x47, 0xBB)),
    ("black", Rgb(0x00, 0x00, 0x00)),
    ("white", Rgb(0xFF, 0xFF, 0xFF)),
    ("gray", Rgb(0x80, 0x80, 0x80)),
    ("grey", Rgb(0x80, 0x80, 0x80)),
    ("red", Rgb(0xFF, 0x00, 0x00)),
    ("lime", Rgb(0x00, 0xFF, 0x00)),
    ("magenta", Rgb(0xFF, 0x00, 0xFF)),
    ("cyan", Rgb(0x00, 0xFF, 0xFF)),
    ("yellow", Rgb(0xFF, 0xFF, 0x00)),
    ("orange", Rgb(0xFF, 0xA5, 0x00)),
    ("purple", Rgb(0x80, 0x00, 0x80)),
    ("pink", Rgb(0xFF, 0xC0, 0xCB)),
];

/// A text that is not a color.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("'{text}' is not a color: give #RRGGBB, RRGGBB, 0xRRGGBB, #RGB, or one of {}", names())]
pub struct ParseColorError {
    text: String,
}

fn names() -> String {
    NAMES.map(|(name, _)| name).join(", ")
}

impl FromStr for Rgb {
    type Err = ParseColorError;

    /// Reads `#RRGGBB`, `RRGGBB`, `0xRRGGBB`, `#RGB` (each digit doubled) or a name, in any case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lower = text.trim().to_ascii_lowercase();
        if let Some((_, rgb)) = NAMES.iter().find(|(name, _)| *name == lower) {
            return Ok(*rgb);
        }
        let hashed = lower.strip_prefix('#');
        let digits = hashed.or_else(|| lower.strip_prefix("0x")).unwrap_or(&lower);
        parse_hex(digits, hashed.is_some()).ok_or_else(|| ParseColorError { text: text.to_owned() })
    }
}

fn parse_hex(digits: &str, short_allowed: bool) -> Option<Rgb> {
    // from_str_radix would also take a sign.
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let v = u32::from_str_radix(digits, 16).ok()?;
    match digits.len() {
        6 => Some(Rgb((v >> 16) as u8, (v >> 8) as u8, v as u8)),
        3 if short_allowed => {
            let nibble = |shift: u32| ((v >> shift) & 15) as u8 * 17;
            Some(Rgb(nibble(8), nibble(4), nibble(0)))
        }
        _ => None,
    }
}

impl fmt::Display for Rgb {
    /// `#RRGGBB`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{:02X}{:02X}{:02X}", self.0, self.1, self.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_codes_and_names_are_parsed_in_any_case() {
        for (text, want) in [
            ("#00B140", Rgb::KEY_GREEN),
            ("00b140", Rgb::KEY_GREEN),
            ("0x00B140", Rgb::KEY_GREEN),
            ("Green", Rgb::KEY_GREEN),
            ("#0fA", Rgb(0, 255, 170)),
            (" grey ", Rgb(128, 128, 128)),
        ] {
            assert_eq!(text.parse(), Ok(want), "{text}");
        }
        assert_eq!(Rgb(1, 171, 255).to_string().parse(), Ok(Rgb(1, 171, 255)));
    }

    #[test]
    fn invalid_colors_are_refused_with_the_allowed_forms() {
        for text in ["", "#", "0x", "#12345", "#1234567", "+12345", "fff", "greenish", "#00g140", "é12345"] {
            let error = text.parse::<Rgb>().unwrap_err().to_string();
            assert!(error.contains("#RRGGBB") && error.contains("green, blue, black"), "{text}: {error}");
        }
    }
}
