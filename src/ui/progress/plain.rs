//! Progress without a terminal: lines that come less and less often, so that a log of a night's run can be read.

use std::time::{Duration, Instant};

/// From the beginning to the first line, and the first interval.
pub(super) const FIRST_INTERVAL: Duration = Duration::from_secs(5);
/// Between two lines at most.
const LONGEST_INTERVAL: Duration = Duration::from_secs(300);

/// Decides when a line is due.
#[derive(Debug)]
pub(super) struct PlainLines {
    next: Instant,
    interval: Duration,
}

impl PlainLines {
    /// Lines from `now` on, the first after `first`.
    pub(super) fn new(now: Instant, first: Duration) -> Self {
        Self { next: now + first, interval: first }
    }

    /// Whether a line is due; then the next is due after twice the time.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        if now < self.next {
            return false;
        }
        self.interval = (self.interval * 2).min(LONGEST_INTERVAL);
        self.next = now + self.interval;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_double_up_to_five_minutes() {
        let start = Instant::now();
        let mut lines = PlainLines::new(start, FIRST_INTERVAL);
        let at = (0..8 * 3600).filter(|s| lines.is_due(start + Duration::from_secs(*s))).collect::<Vec<_>>();
        assert_eq!(at[..8], [5, 15, 35, 75, 155, 315, 615, 915]);
        assert!(at.len() < 110, "{} lines in eight hours", at.len());
    }
}
