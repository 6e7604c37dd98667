//! Times as ffmpeg writes them.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// Seconds, not negative.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
pub struct Seconds(pub f64);

/// Some 30 years: microseconds of it, FFmpeg's unit, are far from the end of their type.
const MAX_SECONDS: f64 = 1e9;

/// Reads ffmpeg's time duration syntax: `[HH:]MM:SS[.m...]` or `S+[.m...][s|ms|us]`.
///
/// # Errors
/// A text for the user.
pub fn parse(text: &str) -> Result<Seconds, String> {
    match read(text) {
        Some(seconds) if seconds <= MAX_SECONDS => Ok(Seconds(seconds)),
        Some(_) => Err("longer than any video: at most 1000000000 seconds".to_owned()),
        None => Err("expected a time such as 90, 1:30, 00:01:30.5 or 500ms, not before 0".to_owned()),
    }
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

/// A number of seconds, or a text that [`parse`] reads.
impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Time;
        impl Visitor<'_> for Time {
            type Value = Seconds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time such as 90, 1:30 or 00:01:30.5")
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Seconds, E> {
                match (0.0..=MAX_SECONDS).contains(&value) {
                    true => Ok(Seconds(value)),
                    false => Err(E::custom(format!("{value}: a time is at least 0 and at most 1000000000 seconds"))),
                }
            }

            fn visit_u64<E: Error>(self, value: u64) -> Result<Seconds, E> {
                self.visit_f64(value as f64)
            }

            fn visit_i64<E: Error>(self, value: i64) -> Result<Seconds, E> {
                self.visit_f64(value as f64)
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Seconds, E> {
                parse(text).map_err(|why| E::custom(format!("{text}: {why}")))
            }
        }
        from.deserialize_any(Time)
    }
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
