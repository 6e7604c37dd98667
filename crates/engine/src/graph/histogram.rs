//! How long things took: a histogram that many threads fill without a lock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets an octave: a percentile is off by at most 1/32 of its value.
const SUB: u64 = 16;
/// 2^44 ns are five hours: whatever takes longer counts as that.
const OCTAVES: u64 = 44;
const BUCKETS: usize = ((OCTAVES - SUB.ilog2() as u64 + 1) * SUB) as usize;

/// Counts durations in buckets that grow with the duration (log-linear, as HdrHistogram's).
#[derive(Debug)]
pub struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    max_ns: AtomicU64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: [const { AtomicU64::new(0) }; BUCKETS], max_ns: AtomicU64::new(0) }
    }
}

/// Seconds below which a share of the durations lie.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Percentiles {
    /// Durations counted.
    pub count: u64,
    /// Half of them.
    pub p50: f64,
    /// 95 of 100.
    pub p95: f64,
    /// 99 of 100.
    pub p99: f64,
    /// All of them.
    pub max: f64,
}

impl Histogram {
    /// Counts one duration.
    pub fn record(&self, duration: Duration) {
        let ns = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.buckets[bucket(ns)].fetch_add(1, Ordering::Relaxed);
        self.max_ns.fetch_max(ns, Ordering::Relaxed);
    }

    /// What was counted so far.
    pub fn percentiles(&self) -> Percentiles {
        let counts: Vec<u64> = self.buckets.iter().map(|b| b.load(Ordering::Relaxed)).collect();
        let count: u64 = counts.iter().sum();
        let max = self.max_ns.load(Ordering::Relaxed);
        let below = |share: f64| {
            let rank = ((count as f64 * share).ceil() as u64).max(1);
            let mut seen = 0;
            let at = counts.iter().position(|n| {
                seen += n;
                seen >= rank
            });
            at.map_or(0, middle).min(max) as f64 / 1e9
        };
        Percentiles { count, p50: below(0.5), p95: below(0.95), p99: below(0.99), max: max as f64 / 1e9 }
    }
}

/// The bucket of a duration: one a nanosecond below `SUB`, then `SUB` an octave.
fn bucket(ns: u64) -> usize {
    let ns = ns.min((1 << OCTAVES) - 1);
    if ns < SUB {
        return ns as usize;
    }
    let shift = ns.ilog2() - SUB.ilog2();
    ((u64::from(shift) + 1) * SUB + (ns >> shift) - SUB) as usize
}

/// The middle of a bucket, in nanoseconds.
fn middle(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < SUB {
        return bucket;
    }
    let shift = bucket / SUB - 1;
    ((SUB + bucket % SUB) << shift) + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_bucket_holds_what_is_near_its_middle(ns in 0u64..1 << OCTAVES) {
            let b = bucket(ns);
            prop_assert!(b < BUCKETS);
            prop_assert!(middle(b).abs_diff(ns) <= ns / 32 + 1, "{ns} is in bucket {b} around {}", middle(b));
        }

        #[test]
        fn percentiles_are_those_of_the_sorted_list(mut ms in prop::collection::vec(1u64..100_000, 1..200)) {
            let h = Histogram::default();
            ms.iter().for_each(|ms| h.record(Duration::from_millis(*ms)));
            ms.sort_unstable();
            let p = h.percentiles();
            for (share, got) in [(0.5, p.p50), (0.95, p.p95), (0.99, p.p99)] {
                let want = ms[((ms.len() as f64 * share).ceil() as usize).max(1) - 1] as f64 / 1e3;
                prop_assert!((got - want).abs() <= want / 32.0 + 1e-9, "{share}: {got} instead of {want}");
            }
            prop_assert_eq!((p.count, p.max), (ms.len() as u64, *ms.last().expect("one at least") as f64 / 1e3));
        }
    }

    #[test]
    fn nothing_counted_is_all_zero_and_ages_are_no_harm() {
        let h = Histogram::default();
        assert_eq!(h.percentiles(), Percentiles::default());
        h.record(Duration::from_secs(1 << 20));
        assert_eq!(h.percentiles().count, 1);
    }
}
