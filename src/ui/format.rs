//! Numbers for people.

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

/// `512 B`, `12.3 MB`: powers of ten, as video bit rates are counted.
pub(crate) fn bytes(n: u64) -> String {
    let mut value = n as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        // 999.95 would be printed as 1000.0.
        if value < 999.95 {
            return if unit == "B" { format!("{n} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_units_and_meaningful_digits() {
        assert_eq!([duration(7.4), duration(245.0), duration(3723.0)], ["7 s", "4:05", "1:02:03"]);
        assert_eq!([took(0.418), took(21.44), took(59.97), took(3600.0)], ["0.42 s", "21.4 s", "1:00", "1:00:00"]);
        assert_eq!([bytes(512), bytes(999_960), bytes(12_345_678)], ["512 B", "1.0 MB", "12.3 MB"]);
        assert_eq!([fps(0.853), fps(9.34), fps(9.96), fps(28.4)], ["0.85", "9.3", "10", "28"]);
        assert_eq!([rate(60.0), rate(30000.0 / 1001.0), rate(0.5)], ["60", "29.97", "0.5"]);
    }
}
