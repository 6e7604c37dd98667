//! Times that users write in other ways than ffmpeg.

pub(crate) use vrseg_engine::time::{Seconds, parse};

/// A time that [`parse`] takes, for one with units or a comma that it doesn't: `1m30s`, `2 min`, `1h`, `90,5`.
pub(crate) fn near(text: &str) -> Option<String> {
    let text = text.to_lowercase().replace(',', ".");
    if parse(&text).is_ok() {
        return Some(text);
    }
    let mut seconds = 0.0;
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
        let unit_end = rest[end..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |n| end + n);
        seconds += decimal(&rest[..end]).filter(|_| end > 0)?
            * match rest[end..unit_end].trim() {
                "h" | "hr" | "hrs" | "hour" | "hours" => 3600.0,
                "m" | "min" | "mins" | "minute" | "minutes" => 60.0,
                "" | "s" | "sec" | "secs" | "second" | "seconds" => 1.0,
                _ => return None,
            };
        rest = &rest[unit_end..];
    }
    let (minutes, left) = ((seconds / 60.0f64).floor(), seconds % 60.0);
    let left = (left * 1000.0).round() / 1000.0;
    let padded = format!("{}{left}", if left < 10.0 { "0" } else { "" });
    Some(match minutes {
        0.0 => format!("{left}"),
        m if m < 60.0 => format!("{m}:{padded}"),
        m => format!("{}:{:02}:{padded}", (m / 60.0).floor(), m % 60.0),
    })
}

/// Digits with at most one point.
fn decimal(text: &str) -> Option<f64> {
    (text.bytes().all(|b| b.is_ascii_digit() || b == b'.')).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_units_have_a_form_that_is_read() {
        for (text, want) in [
            ("1m30s", "1:30"),
            ("5m", "5:00"),
            ("2 min", "2:00"),
            ("1h", "1:00:00"),
            ("1h2m3.5s", "1:02:03.5"),
            ("90 seconds", "1:30"),
            ("20 sec", "20"),
            ("0:01,5", "0:01.5"),
        ] {
            let made = near(text);
            assert_eq!(made.as_deref(), Some(want), "{text}");
            assert!(parse(want).is_ok(), "{want}");
        }
        for text in ["", "soon", "5 apples", "m"] {
            assert_eq!(near(text), None, "{text}");
        }
    }
}
