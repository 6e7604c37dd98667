//! Times as ffmpeg writes them.

/// Seconds, not negative.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Seconds(pub f64);

/// Some 30 years: microseconds of it, FFmpeg's unit, are far from the end of their type.
const MAX_SECONDS: f64 = 1e9;

/// Reads ffmpeg's time duration syntax: `[HH:]MM:SS[.m...]` or `S+[.m...][s|ms|us]`.
///
/// # Errors
/// A text for the user.
pub(crate) fn parse(text: &str) -> Result<Seconds, String> {
    match read(text) {
        Some(seconds) if seconds <= MAX_SECONDS => Ok(Seconds(seconds)),
        Some(_) => Err("longer than any video: at most 1000000000 seconds".to_owned()),
        None => Err("expected a time such as 90, 1:30, 00:01:30.5 or 500ms, not before 0".to_owned()),
    }
}

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

fn read(text: &str) -> Option<f64> {
    if text.contains(':') {
        let mut parts = text.rsplit(':');
        let seconds = decimal(parts.next()?).filter(|s| *s < 60.0)?;
        let minutes = whole(parts.next()?)?;
        let hours = match parts.next() {
            Some(h) => whole(h)?,
            None => return Some(minutes * 60.0 + seconds),
        };
        return (minutes < 60.0 && parts.next().is_none()).then_some(hours * 3600.0 + minutes * 60.0 + seconds);
    }
    // The longer units first: "ms" ends in "s" too.
    for (unit, scale) in [("us", 1e-6), ("ms", 1e-3), ("s", 1.0)] {
        if let Some(number) = text.strip_suffix(unit) {
            return Some(decimal(number)? * scale);
        }
    }
    decimal(text)
}

/// Digits with at most one point; not "1e3", "inf" or "-1", which `f64::parse` would accept.
fn decimal(text: &str) -> Option<f64> {
    (text.bytes().all(|b| b.is_ascii_digit() || b == b'.')).then(|| text.parse().ok()).flatten()
}

fn whole(text: &str) -> Option<f64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ffmpeg_time_forms_are_read() {
        for (text, want) in [
            ("90", 90.0),
            ("0.5", 0.5),
            ("1:30", 90.0),
            ("90:00", 5400.0),
            ("00:01:30.5", 90.5),
            ("1:00:00", 3600.0),
            ("500ms", 0.5),
            ("250000us", 0.25),
            ("12s", 12.0),
        ] {
            assert_eq!(parse(text), Ok(Seconds(want)), "{text}");
        }
    }

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

    #[test]
    fn too_long_times_have_their_own_error() {
        assert_eq!(parse("1000000000"), Ok(Seconds(1e9)));
        for long in ["99999999999999999999", "277778:00:00", &"9".repeat(400)] {
            assert!(parse(long).is_err_and(|e| e.starts_with("longer than any video")), "{long}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for bad in ["", "-1", "1:60", "1:2:3:4", "1:60:00", ":30", "1:", "1e3", "inf", "5m", "ms", "1.2.3", "1:30ms"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
