//! The time of a frame in the source, which edits and filters are for.

/// From time stamps to seconds of the source.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct SourceClock {
    /// The source's time base in seconds.
    pub tick: f64,
    /// Seconds into the source at which time stamps count 0.
    pub begin: f64,
}

impl SourceClock {
    /// Seconds from the start of the source.
    pub fn seconds(&self, pts: i64) -> f64 {
        pts as f64 * self.tick + self.begin
    }
}
