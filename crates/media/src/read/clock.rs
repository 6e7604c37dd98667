//! The clock of containers whose time stamps may jump on the way (MPEG-TS): recordings that were joined, counters that
//! were reset.
//!
//! A file is a row of stretches, each with an offset of its own, which all streams share, so that sound stays in step
//! with the picture. Near a joint the streams' packets are interleaved: each stream enters the next stretch by itself.

use crate::ffi::time::{self, MICROSECONDS};
use crate::read::streams::CopyState;
use ffmpeg_next::{self as ffmpeg, ffi};

/// Farther ahead than this (in microseconds) is a jump of the clock, less is a gap: ffmpeg's `dts_delta_threshold`.
const JUMP: i64 = 10_000_000;

/// Farther back than this is a jump, too; ffmpeg's tolerance.
const TOLERANCE: i64 = 100_000;

/// The same where a packet states only when it is shown, which with B-frames goes up and down.
const SHOWN_TOLERANCE: i64 = 1_000_000;

/// How far the packets of one stream may lag behind those of another.
const LAG: i64 = 3_000_000;

/// Puts the packets of a file, in its order, on one clock.
pub(crate) struct Clock {
    /// What is added to the time stamps of each stretch, in microseconds; none where the container's clock can't jump.
    offsets: Vec<i64>,
    streams: Vec<StreamClock>,
}

/// Where a stream is; times in microseconds of the common clock.
struct StreamClock {
    time_base: ffi::AVRational,
    /// Video or sound, whose packets follow each other without gaps. Others go where these are.
    leads: bool,
    stretch: usize,
    last: Option<i64>,
    /// Where its next packet should be.
    expected: i64,
    /// Where what was shown so far ends.
    shown: i64,
}

/// Times of a packet in microseconds of the file's clock.
#[derive(Clone, Copy)]
struct Raw {
    decoded: i64,
    shown: Option<i64>,
    tolerance: i64,
}

impl Clock {
    /// For a file's streams, of which `video` is decoded. `jumps`: its container allows that its clock jumps.
    pub(crate) fn new(jumps: bool, streams: &[CopyState], video: usize) -> Self {
        let clock = |(i, s): (usize, &CopyState)| StreamClock {
            time_base: s.time_base,
            leads: s.awaited || i == video,
            stretch: 0,
            last: None,
            expected: 0,
            shown: 0,
        };
        let streams = if jumps { streams.iter().enumerate().map(clock).collect() } else { Vec::new() };
        Self { offsets: vec![0], streams }
    }

    /// As at the start of the file.
    pub(crate) fn restart(&mut self) {
        self.offsets = vec![0];
        self.streams.iter_mut().for_each(|s| (s.stretch, s.last) = (0, None));
    }

    /// Whether the container allows jumps.
    pub(crate) fn may_jump(&self) -> bool {
        !self.streams.is_empty()
    }

    /// Moves the packet's time stamps to the common clock. Returns whether it begins a new stretch.
    pub(crate) fn place(&mut self, packet: &mut ffmpeg::Packet) -> bool {
        let i = packet.stream();
        let Some(stream) = self.streams.get(i) else { return false };
        let time_base = stream.time_base;
        let micros = |t: i64| time::rescale(t, time_base, MICROSECONDS);
        let Some(decoded) = packet.dts().or(packet.pts()).map(micros) else { return false };
        let tolerance = if packet.dts().is_some() { TOLERANCE } else { SHOWN_TOLERANCE };
        let raw = Raw { decoded, shown: packet.pts().map(micros), tolerance };
        let before = self.offsets.len();
        if stream.leads {
            self.settle(i, raw);
        } else {
            self.follow(i, raw);
        }
        let offset = self.offsets[self.streams[i].stretch];
        let shift = time::rescale(offset, MICROSECONDS, time_base);
        packet.set_pts(packet.pts().map(|t| t + shift));
        packet.set_dts(packet.dts().map(|t| t + shift));
        let length = micros(packet.duration().max(0));
        let stream = &mut self.streams[i];
        stream.last = Some(decoded + offset);
        stream.expected = decoded + offset + length;
        stream.shown = stream.shown.max(raw.shown.unwrap_or(decoded) + offset + length);
        self.offsets.len() > before
    }

    /// Finds the stretch of a packet of video or sound, and begins a new one where it is in none.
    fn settle(&mut self, i: usize, raw: Raw) {
        let newest = self.offsets.len() - 1;
        let own = self.streams[i].stretch;
        let Some(last) = self.streams[i].last else {
            self.streams[i].stretch = newest;
            let at = raw.decoded + self.offsets[newest];
            if let Some(now) = self.now(newest)
                && (at < now - LAG || at > now + JUMP)
            {
                self.begin(i, now - raw.decoded);
            }
            return;
        };
        let at = |stretch: usize| raw.decoded + self.offsets[stretch];
        let expected = self.streams[i].expected;
        // One wrong time stamp has led it away from the others.
        let near = |stretch: usize| (at(stretch) - expected).abs() <= raw.tolerance;
        if own > 0 && !near(own) && near(own - 1) && self.now(own - 1).is_some() {
            self.streams[i].stretch = own - 1;
            return;
        }
        let ahead = at(own) - self.now(own).map_or(expected, |now| now.max(expected));
        if at(own) + raw.tolerance >= last && ahead <= JUMP {
            return;
        }
        // Other streams have begun the next stretch already.
        let entered =
            newest > own && self.now(newest).is_some_and(|now| (now - LAG..=now + JUMP).contains(&at(newest)));
        if entered {
            let late = expected - at(newest);
            self.streams[i].stretch = newest;
            if late > raw.tolerance {
                self.offsets[newest] += late;
            }
            return;
        }
        let stream = &self.streams[i];
        let follows = raw.shown.map_or(i64::MIN, |shown| stream.shown - shown).max(expected - raw.decoded);
        let others = self.now(own).map_or(i64::MIN, |now| now - raw.decoded);
        self.begin(i, if others > follows + TOLERANCE { others } else { follows });
    }

    /// A packet of another stream goes to the stretch where it is nearest to video and sound.
    fn follow(&mut self, i: usize, raw: Raw) {
        let (own, newest) = (self.streams[i].stretch, self.offsets.len() - 1);
        let Some(now) = self.now(newest).filter(|_| newest > own) else { return };
        let far = |stretch: usize| (raw.decoded + self.offsets[stretch] - now).abs();
        if far(newest) < far(own) {
            self.streams[i].stretch = newest;
        }
    }

    fn begin(&mut self, i: usize, offset: i64) {
        self.offsets.push(offset);
        self.streams[i].stretch = self.offsets.len() - 1;
    }

    /// How far video and sound are in a stretch; `None` where none of them is in it.
    fn now(&self, stretch: usize) -> Option<i64> {
        let inside = self.streams.iter().filter(|s| s.leads && s.last.is_some() && s.stretch == stretch);
        inside.map(|s| s.expected).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIDEO: usize = 0;
    const SOUND: usize = 1;
    const TEXT: usize = 2;

    fn clock() -> Clock {
        let state = |awaited| CopyState { time_base: MICROSECONDS, copied: true, awaited, subtitle: false };
        Clock::new(true, &[state(false), state(true), state(false)], VIDEO)
    }

    /// Milliseconds of the common clock at which packets of 40 ms come to lie.
    fn placed(clock: &mut Clock, packets: &[(usize, i64)]) -> Vec<i64> {
        let place = |(stream, at): &(usize, i64)| {
            let mut packet = ffmpeg::Packet::empty();
            packet.set_stream(*stream);
            packet.set_dts(Some(at * 1000));
            packet.set_pts(Some(at * 1000));
            packet.set_duration(40_000);
            clock.place(&mut packet);
            packet.pts().unwrap() / 1000
        };
        packets.iter().map(place).collect()
    }

    /// Video and sound, interleaved, from `start` on.
    fn part(start: i64, frames: i64) -> Vec<(usize, i64)> {
        (0..frames).flat_map(|n| [(VIDEO, start + 40 * n), (SOUND, start + 40 * n)]).collect()
    }

    #[test]
    fn joined_parts_follow_each_other() {
        // Back a little, back a lot, ahead a lot.
        for (first, second) in [(1400, 1400), (1400, 1000), (1_000_000, 20_000), (1000, 90_000)] {
            let found = placed(&mut clock(), &[part(first, 25), part(second, 25)].concat());
            let want: Vec<_> = part(first, 50).iter().map(|p| p.1).collect();
            assert_eq!(found, want, "{first} {second}");
        }
    }

    #[test]
    fn gaps_below_ten_seconds_stay() {
        let packets = [part(0, 25), part(4000, 25)].concat();
        assert_eq!(placed(&mut clock(), &packets), packets.iter().map(|p| p.1).collect::<Vec<_>>());
    }

    #[test]
    fn late_packets_of_another_stream_stay_before_the_joint() {
        let mut packets = part(1000, 25);
        // The last sound of the first part comes between frames of the second.
        let late = packets.pop().unwrap();
        packets.extend([(VIDEO, 1000), (VIDEO, 1040), late, (TEXT, 1960), (SOUND, 1000), (TEXT, 1000)]);
        let found = placed(&mut clock(), &packets);
        assert_eq!(found[found.len() - 6..], [2000, 2040, 1960, 1960, 2000, 2000]);
    }

    #[test]
    fn longer_stream_moves_all_of_the_next_part() {
        let mut packets = part(0, 25);
        packets.extend((0..15).map(|n| (SOUND, 1000 + 40 * n)));
        packets.extend(part(0, 3));
        let found = placed(&mut clock(), &packets);
        assert_eq!(found[found.len() - 6..], [1600, 1600, 1640, 1640, 1680, 1680]);
    }

    #[test]
    fn stream_that_pauses_comes_back_in_step() {
        let mut packets = part(0, 25);
        packets.extend((25..600).map(|n| (VIDEO, 40 * n)));
        packets.push((SOUND, 24_000));
        assert_eq!(placed(&mut clock(), &packets).last(), Some(&24_000));
        // Also where its part had none: three parts, sound in the first and the last.
        let video = (0..100).map(|n| (VIDEO, 40 * n));
        let packets = [part(0, 100), video.collect(), part(0, 2)].concat();
        let found = placed(&mut clock(), &packets);
        assert_eq!(found[found.len() - 4..], [8000, 8000, 8040, 8040]);
    }

    #[test]
    fn one_wrong_time_stamp_moves_nothing_else() {
        for wrong in [500, 50_000] {
            let mut packets = part(1000, 25);
            packets.push((VIDEO, wrong));
            packets.extend(part(2040, 3));
            let found = placed(&mut clock(), &packets);
            assert_eq!(found[found.len() - 6..], [2040, 2040, 2080, 2080, 2120, 2120], "{wrong}");
        }
    }
}
