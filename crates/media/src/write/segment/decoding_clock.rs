//! Decoding times of joined segments.

use super::part::{SegmentPart, SegmentTimes};
use ffmpeg_next::ffi;
use std::collections::VecDeque;

/// Gives packets of joined segments their decoding times: each the presentation time of the frame that
/// is as many places ahead as any of the encoders ever fell behind, so that they rise over all joints
/// and none comes after its own frame's time.
pub(super) struct DecodingClock {
    ahead: VecDeque<i64>,
}

impl DecodingClock {
    pub(super) fn new<'a>(
        segments: impl IntoIterator<Item = (&'a SegmentPart, &'a SegmentTimes)> + Clone,
        usual: i64,
    ) -> Self {
        let delay = segments.clone().into_iter().map(|(part, _)| part.reorder).max().unwrap_or(0);
        let start = segments.into_iter().find_map(|(_, times)| times.pts.first()).copied().unwrap_or(0);
        let ahead = (1..=delay as i64).rev().map(|i| start - i * usual).collect();
        Self { ahead }
    }

    /// The frames of the next segment.
    pub(super) fn begin(&mut self, times: &SegmentTimes) {
        self.ahead.extend(&times.pts);
    }

    pub(super) fn next(&mut self) -> i64 {
        // There are as many as there are packets, and the delay's more.
        self.ahead.pop_front().unwrap_or(ffi::AV_NOPTS_VALUE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::segment::writer::reorder;
    use std::path::PathBuf;

    #[test]
    fn decoding_times_rise_over_joints_and_are_never_late() {
        // A long gap behind the joint, as variable frame rates have it.
        let orders: [&[i64]; 2] = [&[0, 40, 20, 10, 30], &[50, 900, 60, 70]];
        let times: Vec<SegmentTimes> = orders
            .iter()
            .map(|o| {
                let mut pts = o.to_vec();
                pts.sort_unstable();
                SegmentTimes { pts, last_duration: 10 }
            })
            .collect();
        let parts: Vec<SegmentPart> = orders
            .iter()
            .zip(&times)
            .map(|(o, t)| SegmentPart {
                file: PathBuf::new(),
                bytes: 0,
                sha256: String::new(),
                reorder: reorder(o, &t.pts),
            })
            .collect();
        let mut clock = DecodingClock::new(parts.iter().zip(&times), 10);
        let mut last = i64::MIN;
        for (order, times) in orders.iter().zip(&times) {
            clock.begin(times);
            for pts in *order {
                let dts = clock.next();
                assert!(dts > last && dts <= *pts, "{dts} after {last} for {pts}");
                last = dts;
            }
        }
        assert_eq!(times[1].end(), 910);
    }
}
