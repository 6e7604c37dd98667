//! How long a point is measured, and how much CPU time it took: for the whole pipeline and for stages alone.

/// Limits of one measurement: what is reached first ends it.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most frames that are measured.
    pub iterations: u64,
    /// Frames before those, which are not counted.
    pub warmup: u64,
    /// Seconds that the whole pipeline may take; each stage gets a third of it.
    pub seconds: f64,
}

/// CPU seconds of this process, all threads together. The kernel counts in hundredths.
pub(crate) fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The second field, the name in parentheses, may hold blanks; utime and stime are the 14th and 15th.
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<u64>().ok()).sum();
    // USER_HZ, which is 100 wherever Linux runs programs like this one.
    ticks as f64 / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_seconds_grow_while_the_process_works() {
        let before = cpu_seconds();
        let mut x = 1u64;
        while cpu_seconds() < before + 0.02 {
            x = std::hint::black_box(x.wrapping_mul(31));
        }
        assert!(before >= 0.0);
    }
}
