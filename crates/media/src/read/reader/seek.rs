//! Going to another place of the file.

use super::{CopiedPacket, Item, Preroll, Reader};
use crate::error::{MediaError, Result};
use crate::ffi::input::{file_start, rewind, seek_to_frame};
use crate::ffi::time::{self, MICROSECONDS};

impl Reader {
    /// Goes to the frame at `pts` (as a [`SourceFrame`](crate::SourceFrame) has it; later than what was read), which is
    /// number `index`. The next frame is that one, decoded from the nearest key frame before it, or, where
    /// the file can't be sought in, after all that lie before it.
    ///
    /// # Errors
    /// There is no frame at that time; as [`Reader::next`].
    pub fn skip_to(&mut self, pts: i64, index: u64) -> Result<()> {
        let target = pts + self.range.start.unwrap_or(0);
        self.skip_to = Some(target);
        let micros = time::rescale(target, self.time_base, MICROSECONDS);
        if self.clock.may_jump() {
            self.preroll = Preroll::until(Some(target));
        } else if seek_to_frame(&mut self.input, &self.decoder, micros) {
            self.reset();
            self.seek_target = Some(micros);
        }
        if self.find_frame(target, index)? {
            return Ok(());
        }
        // Damaged indexes lead astray: back to the start, and through all of it.
        if !self.rewind() {
            return Err(self.not_found(pts));
        }
        if self.find_frame(target, index)? { Ok(()) } else { Err(self.not_found(pts)) }
    }

    /// Goes back to the start of the file, from where everything is decoded; false where that isn't possible.
    fn rewind(&mut self) -> bool {
        let start = file_start(&self.input);
        let sought = rewind(&mut self.input) || seek_to_frame(&mut self.input, &self.decoder, start);
        if sought {
            self.reset();
        }
        sought
    }

    /// Whether nothing of the key frame from which the decoding began came out of the decoder, so that the frame at
    /// which it should begin is lost; then everything from the start on is decoded.
    pub(super) fn skipped_too_much(&mut self, pts: i64) -> bool {
        self.preroll.begins_too_late(pts) && self.rewind()
    }

    fn not_found(&self, pts: i64) -> MediaError {
        MediaError::FrameNotFound { path: self.info().path.clone(), seconds: pts as f64 * time::tick(self.time_base) }
    }

    /// Decodes up to the next frame that is not dropped; false where it isn't the one at `target`.
    fn find_frame(&mut self, target: i64, index: u64) -> Result<bool> {
        self.count = index;
        let target_pts = target - self.range.start.unwrap_or(0);
        loop {
            while let Some(item) = self.queue.pop_front() {
                if let Item::Frame(mut frame) = item
                    && frame.pts >= target_pts
                {
                    if frame.pts != target_pts {
                        return Ok(false);
                    }
                    frame.index = index;
                    self.count = index + 1;
                    self.queue.push_front(Item::Frame(frame));
                    return Ok(true);
                }
            }
            if self.finished {
                return Ok(false);
            }
            self.step()?;
        }
    }

    /// Delivers packets only, from where it is: those before `end` (in ticks of the video, as a
    /// [`SourceFrame`](crate::SourceFrame) has its time stamp), where one is given.
    pub fn without_video(&mut self, end: Option<i64>) {
        let end = end.map(|t| t + self.range.start.unwrap_or(0));
        self.queue.retain(|item| matches!(item, Item::Packet(_)));
        self.video_done = false;
        self.preroll = Preroll::until(None);
        self.end_of_video(end);
        let limit = self.range.micros.1;
        let (streams, offset) = (&self.streams, self.range.micros.0.unwrap_or(0));
        self.queue.retain(|item| {
            let Item::Packet(packet) = item else { return false };
            let at = packet.av().pts().or(packet.av().dts());
            let time_base = streams[packet.stream()].time_base;
            let at = at.map_or(i64::MIN, |t| time::rescale(t, time_base, MICROSECONDS) + offset);
            limit.is_none_or(|limit| at < limit)
        });
    }

    /// When a packet is to be decoded, in microseconds of the frames' clock.
    pub(crate) fn time_of(&self, packet: &CopiedPacket) -> Option<i64> {
        let time_base = self.streams.get(packet.stream())?.time_base;
        packet.av().dts().or(packet.av().pts()).map(|t| time::rescale(t, time_base, MICROSECONDS))
    }

    /// What was read so far is as if it hadn't been: after a seek.
    fn reset(&mut self) {
        self.decoder.flush();
        self.join.reset();
        self.queue.clear();
        self.undecided.clear();
        (self.last_pts, self.last_repaired) = (None, false);
        (self.flushing, self.video_done, self.finished) = (false, false, false);
        self.clock.restart();
        self.preroll = Preroll::until(None);
    }

    /// Whether the first frame after a seek lies behind the start of the range; then the reader has
    /// gone back further. Containers without an index (MPEG-TS) seek to any packet, and decoding
    /// begins only at the next key frame.
    pub(super) fn seek_was_too_late(&mut self, pts: i64) -> bool {
        let Some(target) = self.seek_target.take() else { return false };
        let Some(start) = self.skip_to.or(self.range.start) else { return false };
        let file_start = file_start(&self.input);
        if pts <= start || target <= file_start {
            return false;
        }
        // 2, 6, 14 ... seconds before the range.
        let gone = time::rescale(start, self.time_base, MICROSECONDS) - target;
        let target = (target - gone - 2_000_000).max(file_start);
        if !seek_to_frame(&mut self.input, &self.decoder, target) {
            return false;
        }
        self.reset();
        self.seek_target = Some(target);
        true
    }
}
