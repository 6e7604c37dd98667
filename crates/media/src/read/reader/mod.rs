//! Reading a file: frames of the video stream, packets of all others.

mod frames;
mod gpu;
mod item;
mod packets;
mod preroll;
mod seek;

pub use item::{CopiedPacket, Item, SourceFrame};

use crate::error::{MediaError, Result};
use crate::ffi::input::{Input, has_arbitrary_clock, seek_to_frame};
use crate::ffi::log;
use crate::ffi::time::{self, MICROSECONDS};
use crate::ffi::views::JoinViews;
use crate::read::clock::Clock;
use crate::read::convert::Convert;
use crate::read::info::InputInfo;
use crate::read::open::open_decoder;
use crate::read::options::DecodeOptions;
use crate::read::probe::{self, OpenInput};
use crate::read::range::{Range, check_range};
use crate::read::streams::{CopyState, copy_states};
use crate::read::template::SourceTemplate;
use ffmpeg_next::{self as ffmpeg, ffi};
use gpu::GpuDecoding;
use preroll::Preroll;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

/// Damaged packets in a row after which the rest of the file is skipped.
const MAX_DAMAGED_IN_A_ROW: u32 = 2000;

/// Reads one source from start to end.
///
/// Damaged packets are counted and skipped, a truncated file gives what is there; only failures
/// of the disk, the memory or the file's header are errors.
pub struct Reader {
    input: Input,
    decoder: ffmpeg::decoder::Video,
    stream: usize,
    time_base: ffi::AVRational,
    streams: Vec<CopyState>,
    template: Arc<SourceTemplate>,
    /// The views of both eyes on their way to one frame.
    join: JoinViews,
    /// The GPU that decodes, where one was asked to.
    gpu: GpuDecoding,
    convert: Convert,
    range: Range,
    queue: VecDeque<Item>,
    /// Packets that wait for a limit on frames to tell whether they are still wanted.
    undecided: VecDeque<CopiedPacket>,
    /// The target of the last seek (microseconds), as long as it isn't certain that it was early enough.
    seek_target: Option<i64>,
    /// Frames before this time stamp of the file are dropped; see [`Reader::skip_to`].
    skip_to: Option<i64>,
    clock: Clock,
    /// Packets of the video on the way to a place that can't be sought.
    preroll: Preroll,
    flushing: bool,
    video_done: bool,
    finished: bool,
    usual_duration: i64,
    last_pts: Option<i64>,
    /// The last one was not the source's own.
    last_repaired: bool,
    /// Ticks to a repaired time stamp and behind it: a millisecond, which every container can tell.
    repaired_step: i64,
    count: u64,
    bad_in_a_row: u32,
    decode_errors: u64,
    /// The first decode error is fatal.
    strict: bool,
    repaired: u64,
}

impl Reader {
    /// Opens a file, seeks to the start of the range and decodes the first frame of it, whose
    /// properties [`Reader::info`] and [`Reader::template`] then know.
    ///
    /// # Errors
    /// Those of [`crate::probe`]; no frame can be decoded; the range has no frame in it.
    pub fn open(path: &Path, options: &DecodeOptions) -> Result<Self> {
        Self::begin(probe::open(path, &options.choice)?, options)
    }

    /// The same with a file that is open already.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn begin(opened: OpenInput, options: &DecodeOptions) -> Result<Self> {
        let reader = Self::begin_on(opened, options)?;
        if !reader.gpu.declines() {
            return Ok(reader);
        }
        // A decoder for the GPU has one thread.
        let path = reader.info().path.clone();
        drop(reader);
        let mut reader = Self::open(&path, &DecodeOptions { gpu: None, ..options.clone() })?;
        reader.gpu = GpuDecoding::refused("the GPU doesn't decode such a video".to_owned());
        Ok(reader)
    }

    /// On the GPU or the CPU, as `options` have it.
    fn begin_on(opened: OpenInput, options: &DecodeOptions) -> Result<Self> {
        let (mut input, info) = opened.into_parts();
        let path = info.path.clone();
        let stream = info.video.index;
        check_range(&info, options)?;
        let time_base = ffi::AVRational { num: info.video.time_base.0, den: info.video.time_base.1 };
        let gpu = GpuDecoding::open(options.gpu, &info);
        let decoder = open_decoder(&path, &input, stream, options.threads, info.video.layers, gpu.device())?;
        let join = JoinViews::new(info.video.layers);
        let streams = copy_states(&mut input, stream);
        let range = Range::new(&input, options, time_base);
        let clock = Clock::new(has_arbitrary_clock(&input), &streams, stream);
        // Where the clock may jump, which is noticed only on the way, the file is read up to the range. Where seeking
        // isn't possible for another reason, everything before it is decoded and dropped.
        let seek_target =
            range.micros.0.filter(|start| !clock.may_jump() && seek_to_frame(&mut input, &decoder, *start));
        let preroll = Preroll::until(range.start.filter(|_| clock.may_jump()));
        let usual_duration = if info.video.fps > 0.0 {
            (1.0 / info.video.fps / time::tick(time_base)).round().max(1.0) as i64
        } else {
            1
        };
        let template = Arc::new(SourceTemplate::collect(&input, info, range.micros));
        let convert = Convert::new(&template.info().video, &template.video, options.alpha);
        let mut reader = Reader {
            input,
            decoder,
            stream,
            time_base,
            streams,
            template,
            join,
            gpu,
            convert,
            range,
            queue: VecDeque::new(),
            undecided: VecDeque::new(),
            seek_target,
            skip_to: None,
            clock,
            preroll,
            flushing: false,
            video_done: false,
            finished: false,
            usual_duration,
            last_pts: None,
            last_repaired: false,
            repaired_step: (1e-3 / time::tick(time_base)).ceil().max(1.0) as i64,
            count: 0,
            bad_in_a_row: 0,
            decode_errors: 0,
            strict: options.strict,
            repaired: 0,
        };
        reader.decode_first()?;
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

    /// Damaged packets and frames so far.
    pub fn decode_errors(&self) -> u64 {
        self.decode_errors
    }

    /// Why the GPU that was asked to decode doesn't, in a sentence; known with the first frame.
    pub fn gpu_refusal(&self) -> Option<&str> {
        self.gpu.refusal()
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

    /// Gets one frame or packet further.
    fn step(&mut self) -> Result<()> {
        if !self.video_done {
            let mut frame = ffmpeg::frame::Video::empty();
            match self.decoder.receive_frame(&mut frame) {
                Ok(()) => {
                    self.bad_in_a_row = 0;
                    let frame = self.gpu.take(frame)?;
                    let whole = self.join.take(frame)?;
                    self.count_lost_views()?;
                    return whole.map_or(Ok(()), |frame| self.take_frame(frame));
                }
                Err(ffmpeg::Error::Eof) => {
                    if let Some(frame) = self.join.rest()? {
                        self.count_lost_views()?;
                        self.take_frame(frame)?;
                    }
                    self.end_of_video(None);
                    self.finish();
                    return Ok(());
                }
                Err(ffmpeg::Error::Other { errno: libc::EAGAIN }) => {}
                Err(ffmpeg::Error::Other { errno: libc::ENOMEM }) => return Err(no_memory()),
                Err(e) => return self.take_error(e),
            }
            if let Some(packet) = self.preroll.next() {
                return self.send(&packet);
            }
        }
        self.read_packet()
    }

    /// An error of the decoder: damage in the source, or a GPU that fails.
    ///
    /// # Errors
    /// A GPU's failure: the rest of the source would be lost. Damage, where none is allowed.
    fn take_error(&mut self, error: ffmpeg::Error) -> Result<()> {
        if self.gpu.is_active() && error != ffmpeg::Error::InvalidData {
            let reason = format!("the GPU that decodes it fails ({error}); --hwaccel off decodes on the CPU");
            return Err(MediaError::Decode { path: self.info().path.clone(), reason, log: log::recent_log() });
        }
        self.count_bad()
    }

    /// A damaged packet or frame; too many in a row end the reading.
    ///
    /// # Errors
    /// Where none is allowed.
    fn count_bad(&mut self) -> Result<()> {
        self.refuse_damage()?;
        self.decode_errors += 1;
        self.bad_in_a_row += 1;
        if self.bad_in_a_row > MAX_DAMAGED_IN_A_ROW {
            self.end_of_video(None);
            self.finish();
        }
        Ok(())
    }

    /// Frames of which one eye's view was missing count as damaged.
    fn count_lost_views(&mut self) -> Result<()> {
        let lost = self.join.take_lost();
        self.decode_errors += lost;
        if lost > 0 { self.refuse_damage() } else { Ok(()) }
    }

    fn refuse_damage(&self) -> Result<()> {
        if self.strict {
            return Err(MediaError::Damaged { path: self.info().path.clone(), log: log::recent_log() });
        }
        Ok(())
    }

    /// No more frames. `end` (in ticks) ends the other streams, too.
    fn end_of_video(&mut self, end: Option<i64>) {
        if self.video_done {
            return;
        }
        self.video_done = true;
        if let Some(end) = end {
            let end = time::rescale(end, self.time_base, MICROSECONDS);
            self.range.micros.1 = Some(self.range.micros.1.map_or(end, |e| e.min(end)));
        }
        self.release_undecided(None);
        // A range's last frame may come out of the decoder only when all of the file was read.
        let ranged = self.range.micros.1.is_some();
        if self.flushing || (ranged && !self.streams.iter().any(|s| s.awaited)) {
            self.finish();
        }
    }

    fn finish(&mut self) {
        self.finished = true;
    }
}

fn no_memory() -> MediaError {
    MediaError::NoMemory { what: "a frame of the decoder".to_owned() }
}
