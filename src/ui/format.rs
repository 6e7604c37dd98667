//! Numbers, times and paths for people.

use chrono::{DateTime, Local, TimeDelta, TimeZone};
use std::path::Path;
pub(crate) use vrseg_hardware::units::{bytes, count};

/// `1:02:03`, `4:05`, `7 s`: seconds as a clock shows them.
pub(crate) fn duration(seconds: f64) -> String {
    let s = seconds.max(0.0).round() as u64;
    match (s / 3600, s / 60 % 60, s % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m}:{s:02}"),
        (h, m, s) => format!("{h}:{m:02}:{s:02}"),
    }
}

/// `0.42 s`, `21.4 s`, `4:05`: how long something took.
pub(crate) fn took(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.2} s"),
        s if s < 59.95 => format!("{s:.1} s"),
        s => duration(s),
    }
}

/// `1:02.5`: a time in a video.
pub(crate) fn moment(seconds: f64) -> String {
    let tenths = (seconds * 10.0).round() as u64;
    let (s, tenth) = (tenths / 10, tenths % 10);
    match (s / 3600, s / 60 % 60, s % 60) {
        (0, m, s) => format!("{m}:{s:02}.{tenth}"),
        (h, m, s) => format!("{h}:{m:02}:{s:02}.{tenth}"),
    }
}

/// `12° right, 5° down`, or in flat video `35 % from the left, 50 % from the top`.
pub(crate) fn place([_, x, y, _, _]: [f64; 5], spherical: bool) -> String {
    if !spherical {
        return format!("{:.0} % from the left, {:.0} % from the top", 100.0 * x, 100.0 * y);
    }
    let one = |degrees: f64, plus: &str, minus: &str| {
        format!("{:.0}° {}", degrees.abs(), if degrees < 0.0 { minus } else { plus })
    };
    format!("{}, {}", one(x, "right", "left"), one(y, "up", "down"))
}

/// `17:45`, `Tue 03:15`: the local time in this number of seconds, with the day where that is another.
pub(crate) fn clock_in(seconds: f64) -> String {
    clock_from(Local::now(), seconds)
}

fn clock_from<T: TimeZone>(now: DateTime<T>, seconds: f64) -> String
where
    T::Offset: std::fmt::Display,
{
    // Longer than a year is no forecast.
    let then = now.clone() + TimeDelta::seconds(seconds.clamp(0.0, 3e7) as i64);
    let day = if then.date_naive() == now.date_naive() { "%H:%M" } else { "%a %H:%M" };
    then.format(day).to_string()
}

/// A path as a person in this folder would write it: relative where it lies below.
pub(crate) fn path(path: &Path) -> String {
    let below = std::env::current_dir().ok().and_then(|dir| path.strip_prefix(dir).ok().map(Path::to_owned));
    below.filter(|p| !p.as_os_str().is_empty()).as_deref().unwrap_or(path).display().to_string()
}

/// `0.85`, `9.3`, `28`: frames per second with as many digits as mean something.
pub(crate) fn fps(fps: f64) -> String {
    match fps {
        f if f < 1.0 => format!("{f:.2}"),
        f if f < 9.95 => format!("{f:.1}"),
        f => format!("{f:.0}"),
    }
}

/// A frame rate as it is usually written: `60`, `29.97`.
pub(crate) fn rate(fps: f64) -> String {
    let text = format!("{fps:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A text in lines of at most `width` columns, 8 at least, broken between words where there are some.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(8);
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let mut word: Vec<char> = word.chars().collect();
        loop {
            let used = lines.last().map_or(0, |l| l.chars().count());
            let gap = usize::from(used > 0);
            if used + gap + word.len() <= width {
                if let Some(line) = lines.last_mut() {
                    line.extend(std::iter::repeat_n(' ', gap).chain(word));
                }
                break;
            }
            if used > 0 {
                lines.push(String::new());
                continue;
            }
            let rest = word.split_off(width);
            if let Some(line) = lines.last_mut() {
                line.extend(word);
            }
            word = rest;
            lines.push(String::new());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_have_tenths_of_a_second() {
        assert_eq!([moment(0.04), moment(62.46), moment(3600.0)], ["0:00.0", "1:02.5", "1:00:00.0"]);
    }

    #[test]
    fn numbers_have_units_and_meaningful_digits() {
        assert_eq!([duration(7.4), duration(245.0), duration(3723.0)], ["7 s", "4:05", "1:02:03"]);
        assert_eq!([took(0.418), took(21.44), took(59.97), took(3600.0)], ["0.42 s", "21.4 s", "1:00", "1:00:00"]);
        assert_eq!([count(1, "frame"), count(0, "frame"), count(2, "file")], ["1 frame", "0 frames", "2 files"]);
        assert_eq!([fps(0.853), fps(9.34), fps(9.96), fps(28.4)], ["0.85", "9.3", "10", "28"]);
        assert_eq!([rate(60.0), rate(30000.0 / 1001.0), rate(0.5)], ["60", "29.97", "0.5"]);
    }

    #[test]
    fn long_texts_are_broken_between_words() {
        assert_eq!(wrapped("a warning that is long", 10), ["a warning", "that is", "long"]);
        assert_eq!(wrapped("abcdefghijklmnop", 8), ["abcdefgh", "ijklmnop"]);
        assert_eq!(wrapped("", 8), [""]);
    }

    #[test]
    fn finish_time_names_another_day() {
        let now = chrono::Utc.with_ymd_and_hms(2026, 11, 30, 17, 40, 0).single().expect("a time");
        assert_eq!([clock_from(now, 300.0), clock_from(now, 35_000.0)], ["17:45", "Tue 03:23"]);
    }

    #[test]
    fn paths_below_this_folder_are_relative() {
        let here = std::env::current_dir().expect("a folder");
        assert_eq!(path(&here.join("a/b.mp4")), "a/b.mp4");
        assert_eq!([path(Path::new("/else/b.mp4")), path(Path::new("b.mp4"))], ["/else/b.mp4", "b.mp4"]);
    }
}
