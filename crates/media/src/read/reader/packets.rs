//! Packets: reading them, feeding the decoder, and which of the copied ones lie in the range.

use super::{CopiedPacket, Item, Reader, no_memory};
use crate::error::{MediaError, Result};
use crate::ffi::frame::is_encrypted;
use crate::ffi::input::io_error;
use crate::ffi::time::{self, MICROSECONDS};
use ffmpeg_next as ffmpeg;
use std::collections::VecDeque;

/// How long after the end of the range a stream may lag behind the video, in microseconds.
const MAX_LAG: i64 = 10_000_000;

impl Reader {
    pub(super) fn read_packet(&mut self) -> Result<()> {
        if self.flushing {
            // The decoder asks for more input but there is none: it is broken.
            return self.count_bad();
        }
        let mut packet = ffmpeg::Packet::empty();
        match packet.read(&mut self.input) {
            Ok(()) => {}
            Err(ffmpeg::Error::Eof) => return self.end_of_file(),
            Err(ffmpeg::Error::InvalidData) => return self.count_bad(),
            Err(ffmpeg::Error::Other { errno: libc::EAGAIN }) => return Ok(()),
            Err(ffmpeg::Error::Other { errno: libc::ENOMEM }) => return Err(no_memory()),
            Err(e) => return Err(self.read_error(e)),
        }
        self.repaired += u64::from(self.clock.place(&mut packet));
        if self.past_end(&packet) {
            return Ok(());
        }
        if packet.stream() == self.stream {
            if self.video_done {
                return Ok(());
            }
            if is_encrypted(&packet) {
                return Err(MediaError::Encrypted { path: self.info().path.clone() });
            }
            return match self.preroll.push(packet, self.time_base) {
                Some(packet) => self.send(&packet),
                None => Ok(()),
            };
        }
        if self.streams.get(packet.stream()).is_some_and(|s| s.copied) && self.fit_packet(&mut packet) {
            let packet = CopiedPacket::new(packet);
            if self.range.frames.is_some() && !self.video_done {
                self.undecided.push_back(packet);
            } else {
                self.queue.push_back(Item::Packet(packet));
            }
        }
        Ok(())
    }

    /// Gives the decoder a packet.
    pub(super) fn send(&mut self, packet: &ffmpeg::Packet) -> Result<()> {
        match self.decoder.send_packet(packet) {
            Ok(()) | Err(ffmpeg::Error::Other { errno: libc::EAGAIN }) => Ok(()),
            Err(ffmpeg::Error::Other { errno: libc::ENOMEM }) => Err(no_memory()),
            Err(e) => self.take_error(e),
        }
    }

    fn read_error(&self, error: ffmpeg::Error) -> MediaError {
        MediaError::Read { path: self.info().path.clone(), reason: error.to_string() }
    }

    fn end_of_file(&mut self) -> Result<()> {
        if let Some(error) = io_error(&self.input) {
            return Err(self.read_error(error));
        }
        if self.video_done {
            self.finish();
            return Ok(());
        }
        if self.preroll.release() {
            return Ok(());
        }
        self.flushing = true;
        if self.decoder.send_eof().is_err() {
            self.end_of_video(None);
            self.finish();
        }
        Ok(())
    }

    /// Whether everything that belongs to the range has been read, judged by a packet behind it.
    fn past_end(&mut self, packet: &ffmpeg::Packet) -> bool {
        if !self.video_done {
            return false;
        }
        let Some(end) = self.range.micros.1 else { return false };
        let (Some(state), Some(at)) = (self.streams.get_mut(packet.stream()), packet.dts().or(packet.pts())) else {
            return false;
        };
        let at = time::rescale(at, state.time_base, MICROSECONDS);
        if at >= end {
            state.awaited = false;
        }
        if at >= end + MAX_LAG || !self.streams.iter().any(|s| s.awaited) {
            self.finish();
            return true;
        }
        false
    }

    /// Moves a packet into the range's clock; false where it lies outside.
    fn fit_packet(&self, packet: &mut ffmpeg::Packet) -> bool {
        let state = &self.streams[packet.stream()];
        let Some(at) = packet.pts().or(packet.dts()) else { return true };
        let time_base = state.time_base;
        let in_ticks = |t: i64| time::rescale(t, MICROSECONDS, time_base);
        if self.range.micros.1.is_some_and(|end| at >= in_ticks(end)) {
            return false;
        }
        let Some(start) = self.range.micros.0.map(in_ticks) else { return true };
        let mut late = 0;
        if at < start {
            // A subtitle that is still on the screen when the range begins is kept, shortened.
            if !state.subtitle || at + packet.duration() <= start {
                return false;
            }
            late = start - at;
            packet.set_duration(packet.duration() - late);
        }
        packet.set_pts(packet.pts().map(|t| t + late - start));
        packet.set_dts(packet.dts().map(|t| t + late - start));
        true
    }

    /// Releases packets that a limit on frames held back: those before `pts` of the video, or with
    /// `None` all that lie before the end.
    pub(super) fn release_undecided(&mut self, pts: Option<i64>) {
        let offset = self.range.micros.0.unwrap_or(0);
        let limit = match pts {
            Some(pts) => Some(time::rescale(pts, self.time_base, MICROSECONDS)),
            None => self.range.micros.1,
        };
        let mut rest = VecDeque::new();
        while let Some(packet) = self.undecided.pop_front() {
            let time_base = self.streams[packet.stream()].time_base;
            let at = packet.av().pts().or(packet.av().dts());
            let at = at.map_or(i64::MIN, |t| time::rescale(t, time_base, MICROSECONDS) + offset);
            if limit.is_none_or(|limit| at < limit) {
                self.queue.push_back(Item::Packet(packet));
            } else if pts.is_some() {
                rest.push_back(packet);
            }
        }
        self.undecided = rest;
    }
}
