//! Amounts in words: memory and disk space, everywhere in the same units (powers of two), and numbers of things.

/// `512 B`, `12.3 MiB`, `2.0 TiB`.
pub fn bytes(n: u64) -> String {
    let mut value = n as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        // 1023.95 would be printed as 1024.0.
        if value < 1023.95 {
            return if unit == "B" { format!("{n} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// `1 frame`, `2 frames`.
pub fn count(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thing_is_no_plural() {
        assert_eq!([0, 1, 2].map(|n| count(n, "frame")), ["0 frames", "1 frame", "2 frames"]);
    }

    #[test]
    fn amounts_are_counted_in_powers_of_two() {
        assert_eq!([bytes(512), bytes(1_048_570), bytes(12_345_678)], ["512 B", "1.0 MiB", "11.8 MiB"]);
        assert_eq!([bytes(3 << 30), bytes(5 << 40)], ["3.0 GiB", "5.0 TiB"]);
    }
}
