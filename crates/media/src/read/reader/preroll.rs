//! The way to a place that can't be sought: packets are read, and only those from the last key frame before it are
//! decoded.

use crate::ffi::time::{self, MICROSECONDS};
use ffmpeg_next::{self as ffmpeg, ffi};
use std::collections::VecDeque;

/// Most bytes in the buffer; more come only where key frames are missing.
const MOST_BYTES: usize = 256 << 20;

/// Longest time in the buffer, in microseconds; as for bytes.
const LONGEST: i64 = 60_000_000;

/// Buffers the video's packets from the last key frame on.
pub(super) struct Preroll {
    /// Where the decoding has to begin at the latest, in ticks of the video; `None`: nothing is buffered any more.
    until: Option<i64>,
    packets: VecDeque<ffmpeg::Packet>,
    bytes: usize,
    /// Where the decoding had to begin, if that was at a key frame behind others.
    skipped: Option<i64>,
}

impl Preroll {
    /// On the way to `until`; nothing is buffered where there is none.
    pub(super) fn until(until: Option<i64>) -> Self {
        Self { until, packets: VecDeque::new(), bytes: 0, skipped: None }
    }

    /// Buffers a packet of the video; returns it where nothing is buffered.
    pub(super) fn push(&mut self, packet: ffmpeg::Packet, time_base: ffi::AVRational) -> Option<ffmpeg::Packet> {
        let Some(until) = self.until else { return Some(packet) };
        if packet.is_key() && packet.pts().is_some_and(|pts| pts <= until) && !self.packets.is_empty() {
            self.packets.clear();
            (self.bytes, self.skipped) = (0, Some(until));
        }
        let dts = |p: &ffmpeg::Packet| p.dts().or(p.pts());
        let at = dts(&packet);
        self.bytes += packet.size();
        self.packets.push_back(packet);
        let lasted = at.zip(self.packets.front().and_then(dts)).map_or(0, |(now, first)| now - first);
        let too_long = time::rescale(lasted, time_base, MICROSECONDS) > LONGEST || self.bytes > MOST_BYTES;
        if too_long || at.is_some_and(|at| at >= until) {
            self.release();
        }
        None
    }

    /// Ends the buffering; false where nothing was buffered.
    pub(super) fn release(&mut self) -> bool {
        self.until.take().is_some() && !self.packets.is_empty()
    }

    /// The next packet for the decoder.
    pub(super) fn next(&mut self) -> Option<ffmpeg::Packet> {
        if self.until.is_some() { None } else { self.packets.pop_front() }
    }

    /// Whether the first frame after others were skipped lies behind the place.
    pub(super) fn begins_too_late(&mut self, pts: i64) -> bool {
        self.until.is_none() && self.skipped.take().is_some_and(|until| pts > until)
    }
}
