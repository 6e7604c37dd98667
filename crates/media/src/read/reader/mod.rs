//! Reading a file: frames of the video stream, packets of all others.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::frame::VideoFrame;
use crate::ffi::log;
use crate::ffi::parameters::{self as raw, MICROSECONDS};
use crate::read::convert::Convert;
use crate::read::probe::{self, InputInfo, OpenInput};
use crate::read::range::{CopyState, Range, check_range, copy_states, file_start, open_decoder, seek, tick};
use crate::read::template::SourceTemplate;
use crate::write::options::DecodeOptions;
use ffmpeg_next::{self as ffmpeg, ffi};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

/// A decoded picture.
#[derive(Debug)]
pub struct SourceFrame {
    /// The picture, in the layout of [`crate::VideoInfo::layout`]. Shared with the decoder: read only.
    pub frame: VideoFrame,
    /// When it is shown, in ticks of [`crate::VideoInfo::time_base`]; strictly increasing.
    pub pts: i64,
    /// For how long, in the same ticks; 0 where unknown.
    pub duration: i64,
    /// Its number in what is read, from 0.
    pub index: u64,
    /// A key frame of the source.
    pub key: bool,
    /// Its time stamp is the source's own, so that [`Reader::skip_to`] finds it again.
    pub findable: bool,
}

/// A packet of a stream that isn't decoded, on its way to a [`crate::Writer`].
pub struct CopiedPacket {
    packet: ffmpeg::Packet,
}

impl CopiedPacket {
    /// Number of its stream in the source.
    pub fn stream(&self) -> usize {
        self.packet.stream()
    }

    /// Bytes of its payload.
    pub fn bytes(&self) -> usize {
        self.packet.size()
    }

    /// How long it lasts, in ticks of its stream; 0 where unknown.
    pub fn duration(&self) -> i64 {
        self.packet.duration()
    }

    /// The same data at another time, in ticks of its stream.
    pub fn at(&self, time: i64) -> Self {
        let mut packet = self.packet.clone();
        packet.set_pts(Some(time));
        packet.set_dts(Some(time));
        Self { packet }
    }

    /// FFmpeg's packet.
    pub(crate) fn av(&self) -> &ffmpeg::Packet {
        &self.packet
    }
}

/// What a [`Reader`] delivers.
pub enum Item {
    /// A picture.
    Frame(SourceFrame),
    /// A packet to be copied.
    Packet(CopiedPacket),
}

/// Damaged packets in a row after which the rest of the file is given up.
const PATIENCE: u32 = 2000;

/// How long after the end of the range a stream may lag behind the video, in microseconds.
const SLACK: i64 = 10_000_000;

/// Reads one source from start to end.
///
/// Damaged packets are counted and skipped, a truncated file gives what is there; only failures
/// of the disk, the memory or the file's header are errors.
pub struct Reader {
    input: ffmpeg::format::context::Input,
    decoder: ffmpeg::decoder::Video,
    stream: usize,
    time_base: ffi::AVRational,
    streams: Vec<CopyState>,
    template: Arc<SourceTemplate>,
    convert: Convert,
    range: Range,
    queue: VecDeque<Item>,
    /// Packets that wait for a limit on frames to tell whether they are still wanted.
    held: VecDeque<CopiedPacket>,
    /// The target of the last seek (microseconds), as long as it isn't certain that it was early enough.
    sought: Option<i64>,
    /// Frames before this time stamp of the file are dropped; see [`Reader::skip_to`].
    skip_to: Option<i64>,
    /// What is added to all time stamps, in microseconds; see [`Reader::smooth_clock`].
    clock_shift: i64,
    flushing: bool,
    video_done: bool,
    finished: bool,
    usual_duration: i64,
    last_pts: Option<i64>,
    /// That was not the source's own.
    last_repaired: bool,
    /// Ticks to a repaired time stamp and behind it: a millisecond, which every container can tell.
    repaired_step: i64,
    count: u64,
    bad_in_a_row: u32,
    decode_errors: u64,
    /// The first of them is fatal.
    strict: bool,
    repaired: u64,
}

impl Reader {
    /// Opens a file, seeks to the start of the range and decodes the first frame of it, whose
    /// properties [`Reader::info`] and [`Reader::template`] then know.
    ///
    /// # Errors
    /// Those of [`crate::read::probe`]; no frame can be decoded; the range has no frame in it.
    pub fn open(path: &Path, options: &DecodeOptions) -> Result<Self> {
        Self::begin(probe::open(path)?, options)
    }

    /// The same with a file that is open already.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn begin(opened: OpenInput, options: &DecodeOptions) -> Result<Self> {
        let (mut input, info) = opened.into_parts();
        let path = info.path.clone();
        let stream = info.video.index;
        check_range(&info, options)?;
        let time_base = ffi::AVRational { num: info.video.time_base.0, den: info.video.time_base.1 };
        let decoder = open_decoder(&path, &input, stream, options.threads)?;
        let streams = copy_states(&mut input, stream);
        let range = Range::new(&input, options, time_base);
        // Where seeking isn't possible, everything before the range is decoded and dropped.
        let sought = range.micros.0.filter(|start| seek(&mut input, &decoder, *start));
        let usual_duration =
            if info.video.fps > 0.0 { (1.0 / info.video.fps / tick(time_base)).round().max(1.0) as i64 } else { 1 };
        let template = Arc::new(SourceTemplate::collect(&input, info, range.micros));
        let convert = Convert::new(&template.info().video, &template.video, options.alpha);
        let mut reader = Reader {
            input,
            decoder,
            stream,
            time_base,
            streams,
            template,
            convert,
            range,
            queue: VecDeque::new(),
            held: VecDeque::new(),
            sought,
            skip_to: None,
            clock_shift: 0,
            flushing: false,
            video_done: false,
            finished: false,
            usual_duration,
            last_pts: None,
            last_repaired: false,
            repaired_step: (1e-3 / tick(time_base)).ceil().max(1.0) as i64,
            count: 0,
            bad_in_a_row: 0,
            decode_errors: 0,
            strict: options.strict,
            repaired: 0,
        };
        reader.look_at_first()?;
        Ok(reader)
    }

    /// What the file is. The video's size, layout and color are those of the delivered frames.
    pub fn info(&self) -> &InputInfo {
        self.template.info()
    }

    /// What a [`crate::Writer`] copies from this source.
    pub fn template(&self) -> Arc<SourceTemplate> {
        Arc::clone(&self.template)
    }

    /// The next frame or packet, in the order of the file; `None` at its end (or the range's).
    ///
    /// # Errors
    /// When the disk or the memory fails.
    #[expect(clippy::should_implement_trait, reason = "errors come as Result<Option<_>>, as readers have it")]
    pub fn next(&mut self) -> Result<Option<Item>> {
        loop {
            if let Some(item) = self.queue.pop_front() {
                return Ok(Some(item));
            }
            if self.finished {
                return Ok(None);
            }
            self.step()?;
        }
    }

    /// Goes to the frame at `pts` (as a [`SourceFrame`] has it; later than what was read), which is
    /// number `index`. The next frame is that one, decoded from the nearest key frame before it, or, where
    /// the file can't be sought in, after all that lie before it.
    ///
    /// # Errors
    /// There is no frame at that time; as [`Reader::next`].
    pub fn skip_to(&mut self, pts: i64, index: u64) -> Result<()> {
        let target = pts + self.range.start.unwrap_or(0);
        self.skip_to = Some(target);
        let micros = raw::rescale(target, self.time_base, MICROSECONDS);
        // A transport stream's clock may jump, which is noticed only by reading all of it.
        if !self.template.arbitrary_start && seek(&mut self.input, &self.decoder, micros) {
            self.forget();
            self.sought = Some(micros);
        }
        if self.look_for(target, index)? {
            return Ok(());
        }
        // Damaged indexes lead astray: back to the start, and through all of it.
        let start = file_start(&self.input);
        if !seek(&mut self.input, &self.decoder, start) {
            return Err(self.not_found(pts));
        }
        self.forget();
        if self.look_for(target, index)? { Ok(()) } else { Err(self.not_found(pts)) }
    }

    fn not_found(&self, pts: i64) -> MediaError {
        MediaError::NotFoundAgain { path: self.info().path.clone(), seconds: pts as f64 * tick(self.time_base) }
    }

    /// Decodes up to the next frame that is not dropped; false where it isn't the one at `target`.
    fn look_for(&mut self, target: i64, index: u64) -> Result<bool> {
        self.count = index;
        let wanted = target - self.range.start.unwrap_or(0);
        loop {
            while let Some(item) = self.queue.pop_front() {
                if let Item::Frame(mut frame) = item
                    && frame.pts >= wanted
                {
                    if frame.pts != wanted {
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
    /// [`SourceFrame`] has its time stamp), where one is given.
    pub fn without_video(&mut self, end: Option<i64>) {
        let end = end.map(|t| t + self.range.start.unwrap_or(0));
        self.queue.retain(|item| matches!(item, Item::Packet(_)));
        self.video_done = false;
        self.end_of_video(end);
        let limit = self.range.micros.1;
        let (streams, offset) = (&self.streams, self.range.micros.0.unwrap_or(0));
        self.queue.retain(|item| {
            let Item::Packet(packet) = item else { return false };
            let at = packet.packet.pts().or(packet.packet.dts());
            let time_base = streams[packet.stream()].time_base;
            let at = at.map_or(i64::MIN, |t| raw::rescale(t, time_base, MICROSECONDS) + offset);
            limit.is_none_or(|limit| at < limit)
        });
    }

    /// When a packet is to be decoded, in microseconds of the frames' clock.
    pub(crate) fn time_of(&self, packet: &CopiedPacket) -> Option<i64> {
        let time_base = self.streams.get(packet.stream())?.time_base;
        packet.packet.dts().or(packet.packet.pts()).map(|t| raw::rescale(t, time_base, MICROSECONDS))
    }

    /// What was read so far is as if it hadn't been: after a seek.
    fn forget(&mut self) {
        self.decoder.flush();
        self.queue.clear();
        self.held.clear();
        (self.last_pts, self.last_repaired) = (None, false);
        (self.flushing, self.video_done, self.finished) = (false, false, false);
        self.clock_shift = 0;
        self.streams.iter_mut().for_each(|s| s.expected = None);
    }

    /// Damaged packets and frames so far.
    pub fn decode_errors(&self) -> u64 {
        self.decode_errors
    }

    /// Frames whose time stamp was missing or not after the one before.
    pub fn repaired_timestamps(&self) -> u64 {
        self.repaired
    }

    /// Whether the video changed its size or pixel format on the way, and what became of it, in a
    /// sentence.
    pub fn changed(&self) -> Option<String> {
        self.convert.changed()
    }

    /// Another template of the same source, for tests to change.
    #[cfg(test)]
    pub(crate) fn take_template(&self) -> Arc<SourceTemplate> {
        Arc::new(SourceTemplate::collect(&self.input, self.info().clone(), self.range.micros))
    }

    /// Decodes up to the first frame and lets the template know what it says.
    fn look_at_first(&mut self) -> Result<()> {
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
                _ => MediaError::Decode { path, reason: "no frame comes out of it".to_owned(), log: log::recent_log() },
            });
        };
        // Nobody else has the template yet.
        if let (Some(template), Some(side)) = (Arc::get_mut(&mut self.template), self.convert.target) {
            template.learn_from(first, side.color);
        }
        Ok(())
    }

    /// Gets one frame or packet further.
    fn step(&mut self) -> Result<()> {
        if !self.video_done {
            let mut frame = ffmpeg::frame::Video::empty();
            match self.decoder.receive_frame(&mut frame) {
                Ok(()) => {
                    self.bad_in_a_row = 0;
                    return self.take_frame(frame);
                }
                Err(ffmpeg::Error::Eof) => {
                    self.end_of_video(None);
                    self.finish();
                    return Ok(());
                }
                Err(ffmpeg::Error::Other { errno: libc::EAGAIN }) => {}
                Err(ffmpeg::Error::Other { errno: libc::ENOMEM }) => return Err(no_memory()),
                Err(_) => {
                    return self.count_bad();
                }
            }
        }
        self.read_packet()
    }

    /// A damaged packet or frame; too many in a row end the reading.
    ///
    /// # Errors
    /// Where none is allowed.
    fn count_bad(&mut self) -> Result<()> {
        self.refuse_damage()?;
        self.decode_errors += 1;
        self.bad_in_a_row += 1;
        if self.bad_in_a_row > PATIENCE {
            self.end_of_video(None);
            self.finish();
        }
        Ok(())
    }

    fn refuse_damage(&self) -> Result<()> {
        if self.strict {
            return Err(MediaError::Damaged { path: self.info().path.clone(), log: log::recent_log() });
        }
        Ok(())
    }

    fn read_packet(&mut self) -> Result<()> {
        if self.flushing {
            // The decoder wants more input but there is none: it is broken.
            return self.count_bad();
        }
        let mut packet = ffmpeg::Packet::empty();
        match packet.read(&mut self.input) {
            Ok(()) => {}
            Err(ffmpeg::Error::Eof) => return self.end_of_file(),
            Err(ffmpeg::Error::InvalidData) => {
                return self.count_bad();
            }
            Err(ffmpeg::Error::Other { errno: libc::EAGAIN }) => return Ok(()),
            Err(ffmpeg::Error::Other { errno: libc::ENOMEM }) => return Err(no_memory()),
            Err(e) => return Err(self.read_error(e)),
        }
        self.smooth_clock(&mut packet);
        if self.past_end(&packet) {
            return Ok(());
        }
        if packet.stream() == self.stream {
            if self.video_done {
                return Ok(());
            }
            match self.decoder.send_packet(&packet) {
                Ok(()) | Err(ffmpeg::Error::Other { errno: libc::EAGAIN }) => {}
                Err(ffmpeg::Error::Other { errno: libc::ENOMEM }) => return Err(no_memory()),
                Err(_) => self.count_bad()?,
            }
            return Ok(());
        }
        if self.streams.get(packet.stream()).is_some_and(|s| s.copied) && self.fit_packet(&mut packet) {
            let packet = CopiedPacket { packet };
            if self.range.frames.is_some() && !self.video_done {
                self.held.push_back(packet);
            } else {
                self.queue.push_back(Item::Packet(packet));
            }
        }
        Ok(())
    }

    /// Puts the clock of a transport stream right where it jumps by more than 10 seconds (a
    /// recording that was joined, a counter that was reset): all streams are moved together, as
    /// ffmpeg does it.
    fn smooth_clock(&mut self, packet: &mut ffmpeg::Packet) {
        if !self.template.arbitrary_start {
            return;
        }
        let Some(state) = self.streams.get_mut(packet.stream()) else { return };
        let Some(dts) = packet.dts().or(packet.pts()) else { return };
        let now = raw::rescale(dts, state.time_base, MICROSECONDS) + self.clock_shift;
        let jump = state.expected.map_or(0, |expected| now - expected);
        if jump.abs() > SLACK && (state.awaited || packet.stream() == self.stream) {
            self.clock_shift -= jump;
            self.repaired += 1;
        }
        let shift = raw::rescale(self.clock_shift, MICROSECONDS, state.time_base);
        packet.set_pts(packet.pts().map(|t| t + shift));
        packet.set_dts(packet.dts().map(|t| t + shift));
        let length = raw::rescale(packet.duration().max(0), state.time_base, MICROSECONDS);
        state.expected = Some(raw::rescale(dts + shift, state.time_base, MICROSECONDS) + length);
    }

    fn read_error(&self, error: ffmpeg::Error) -> MediaError {
        MediaError::Read { path: self.info().path.clone(), reason: error.to_string() }
    }

    fn end_of_file(&mut self) -> Result<()> {
        // Demuxers turn a failing disk into an early end; the I/O layer remembers.
        // SAFETY: reads fields of an open input.
        let error = unsafe {
            let pb = (*self.input.as_ptr()).pb;
            if pb.is_null() { 0 } else { (*pb).error }
        };
        if error < 0 && error != ffi::AVERROR_EOF && error != ffi::AVERROR_INVALIDDATA {
            return Err(self.read_error(ffmpeg::Error::from(error)));
        }
        if self.video_done {
            self.finish();
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
        let at = raw::rescale(at, state.time_base, MICROSECONDS);
        if at >= end {
            state.awaited = false;
        }
        if at >= end + SLACK || !self.streams.iter().any(|s| s.awaited) {
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
        let in_ticks = |t: i64| raw::rescale(t, MICROSECONDS, time_base);
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

    /// Gives a decoded frame its place in the output, or drops it where it lies outside the range.
    fn take_frame(&mut self, frame: ffmpeg::frame::Video) -> Result<()> {
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
        if self.sought_too_late(pts) {
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
        // SAFETY: reads a field of a valid frame.
        if frame.is_corrupt() || unsafe { (*frame.as_ptr()).decode_error_flags } != 0 {
            self.refuse_damage()?;
            self.decode_errors += 1;
        }
        let duration = if decoded_duration > 0 { decoded_duration } else { self.usual_duration };
        let key = frame.is_key();
        let findable = self.repaired == repaired && self.clock_shift == 0;
        self.release_held(Some(pts));
        let mut frame = self.convert.run(frame)?;
        let shifted = pts - self.range.start.unwrap_or(0);
        frame.set_pts(Some(shifted));
        let index = self.count;
        self.count += 1;
        self.queue.push_back(Item::Frame(SourceFrame { frame, pts: shifted, duration, index, key, findable }));
        if self.range.frames == Some(self.count) {
            self.end_of_video(Some(pts + duration));
        }
        Ok(())
    }

    /// Whether the first frame after a seek lies behind the start of the range; then the reader has
    /// gone back further. Containers without an index (MPEG-TS) seek to any packet, and decoding
    /// begins only at the next key frame.
    fn sought_too_late(&mut self, pts: i64) -> bool {
        let Some(target) = self.sought.take() else { return false };
        let Some(start) = self.skip_to.or(self.range.start) else { return false };
        let file_start = file_start(&self.input);
        if pts <= start || target <= file_start {
            return false;
        }
        // 2, 6, 14 ... seconds before the range.
        let gone = raw::rescale(start, self.time_base, MICROSECONDS) - target;
        let target = (target - gone - 2_000_000).max(file_start);
        if !seek(&mut self.input, &self.decoder, target) {
            return false;
        }
        self.forget();
        self.sought = Some(target);
        true
    }

    /// No more frames. `end` (in ticks) ends the other streams, too.
    fn end_of_video(&mut self, end: Option<i64>) {
        if self.video_done {
            return;
        }
        self.video_done = true;
        if let Some(end) = end {
            let end = raw::rescale(end, self.time_base, MICROSECONDS);
            self.range.micros.1 = Some(self.range.micros.1.map_or(end, |e| e.min(end)));
        }
        self.release_held(None);
        // A range's last frame may come out of the decoder only when all of the file was read.
        let ranged = self.range.micros.1.is_some();
        if self.flushing || (ranged && !self.streams.iter().any(|s| s.awaited)) {
            self.finish();
        }
    }

    /// Lets packets go that a limit on frames held back: those before `pts` of the video, or with
    /// `None` all that lie before the end.
    fn release_held(&mut self, pts: Option<i64>) {
        let offset = self.range.micros.0.unwrap_or(0);
        let limit = match pts {
            Some(pts) => Some(raw::rescale(pts, self.time_base, MICROSECONDS)),
            None => self.range.micros.1,
        };
        let mut rest = VecDeque::new();
        while let Some(packet) = self.held.pop_front() {
            let time_base = self.streams[packet.stream()].time_base;
            let at = packet.packet.pts().or(packet.packet.dts());
            let at = at.map_or(i64::MIN, |t| raw::rescale(t, time_base, MICROSECONDS) + offset);
            if limit.is_none_or(|limit| at < limit) {
                self.queue.push_back(Item::Packet(packet));
            } else if pts.is_some() {
                rest.push_back(packet);
            }
        }
        self.held = rest;
    }

    fn finish(&mut self) {
        self.finished = true;
    }
}

fn no_memory() -> MediaError {
    MediaError::NoMemory { what: "a frame of the decoder".to_owned() }
}
