//! Decoded frames: their time stamps, and their place in the range.

use super::{Item, Reader, SourceFrame};
use crate::error::{MediaError, Result};
use crate::ffi::frame::is_damaged;
use crate::ffi::input::file_start;
use crate::ffi::log;
use ffmpeg_next as ffmpeg;
use std::sync::Arc;

impl Reader {
    /// Decodes up to the first frame and lets the template know what it says.
    pub(super) fn decode_first(&mut self) -> Result<()> {
        while !self.finished && !self.queue.iter().any(|i| matches!(i, Item::Frame(_))) {
            self.step()?;
        }
        let first = self.queue.iter().find_map(|i| match i {
            Item::Frame(f) => Some(&f.frame),
            Item::Packet(_) => None,
        });
        let Some(first) = first else {
            let path = self.info().path.clone();
            return Err(match self.range.micros.0 {
                Some(start) if self.decode_errors == 0 => MediaError::EmptyRange {
                    path,
                    from: format!("{:.3} s", (start - file_start(&self.input)) as f64 / 1e6),
                    length: self.info().video.duration.map_or("less".to_owned(), |d| format!("{d:.3} s")),
                },
                _ => MediaError::Decode { path, reason: "it has no frame".to_owned(), log: log::recent_log() },
            });
        };
        // Nobody else has the template yet.
        if let (Some(template), Some(color)) = (Arc::get_mut(&mut self.template), self.convert.delivered_color()) {
            template.learn_from(first, color);
        }
        Ok(())
    }

    /// Gives a decoded frame its place in the output, or drops it where it lies outside the range.
    pub(super) fn take_frame(&mut self, frame: ffmpeg::frame::Video) -> Result<()> {
        let decoded_duration = frame.packet().duration;
        let repaired = self.repaired;
        let mut pts = match frame.timestamp() {
            Some(pts) => pts,
            None => {
                self.repaired += 1;
                self.last_pts.map_or(self.range.start.unwrap_or(0), |last| last + self.usual_duration)
            }
        };
        if let Some(last) = self.last_pts {
            let step = if pts <= last || self.last_repaired { self.repaired_step } else { 1 };
            if pts < last + step {
                self.repaired += 1;
                pts = last + step;
            }
        }
        self.last_repaired = self.repaired > repaired;
        if self.seek_was_too_late(pts) || self.skipped_too_much(pts) {
            return Ok(());
        }
        self.last_pts = Some(pts);
        if self.skip_to.or(self.range.start).is_some_and(|start| pts < start) {
            return Ok(());
        }
        if self.range.end.is_some_and(|end| pts >= end) {
            self.end_of_video(None);
            return Ok(());
        }
        if is_damaged(&frame) {
            self.refuse_damage()?;
            self.decode_errors += 1;
        }
        let duration = if decoded_duration > 0 { decoded_duration } else { self.usual_duration };
        let key = frame.is_key();
        let seekable = self.repaired == repaired;
        self.release_undecided(Some(pts));
        let mut frame = self.convert.run(frame)?;
        let shifted = pts - self.range.start.unwrap_or(0);
        frame.set_pts(Some(shifted));
        let index = self.count;
        self.count += 1;
        self.queue.push_back(Item::Frame(SourceFrame { frame, pts: shifted, duration, index, key, seekable }));
        if self.range.frames == Some(self.count) {
            self.end_of_video(Some(pts + duration));
        }
        Ok(())
    }
}
