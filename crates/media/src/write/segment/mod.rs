//! A part of a video's encoded packets in a file of its own, and the joining of such parts to a whole
//! file.
//!
//! A segment's file is no container: containers round time stamps to clocks of their own and lose what
//! hangs on a packet (VP9's alpha, for one). It is what the encoder said of itself and its packets, one
//! after the other, so that the joined file is the one that a single encoder would have written.
#![allow(unsafe_code)]

use crate::error::{MediaError, Result};
use crate::ffi::frame::VideoFrame;
use crate::ffi::log;
use crate::ffi::parameters::{self as raw, Params, SavedParams};
use crate::formats::container::Container;
use crate::read::reader::{CopiedPacket, Item, Reader};
use crate::read::template::SourceTemplate;
use crate::write::encoder::video::VideoEncoder;
use crate::write::output::{CopiedStream, Output};
use crate::write::writer::{self as mux, Finished, WriterOptions};
use ffmpeg_next::{self as ffmpeg, ffi, packet::Mut as _, packet::Ref as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, VecDeque};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a segment's file begins.
const MAGIC: &[u8; 8] = b"VRSEG\0\x01\n";

/// Longest packet or head that is believed: a frame of 16K ProRes has some 200 MB.
const LONGEST: u64 = 1 << 30;

/// What the file's packets are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    /// FFmpeg's name of the encoder.
    encoder: String,
    codec: SavedParams,
    time_base: (i32, i32),
    usual_duration: i64,
}

/// A finished segment of one output.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentPart {
    /// Name of its file, without the folder.
    pub file: PathBuf,
    /// Bytes of the file.
    pub bytes: u64,
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// How many frames a packet is behind its place in time at most: the encoder's reordering.
    pub reorder: usize,
}

/// When the frames of a segment are shown, in the source's ticks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentTimes {
    /// Of each frame, rising.
    pub pts: Vec<i64>,
    /// How long the last frame is shown.
    pub last_duration: i64,
}

impl SegmentTimes {
    /// The end of the last frame.
    pub fn end(&self) -> i64 {
        self.pts.last().map_or(0, |t| t + self.last_duration)
    }
}

/// A file that is hashed while it is written.
struct Hashing {
    file: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
}

impl Write for Hashing {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let n = self.file.write(bytes)?;
        self.hash.update(&bytes[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// Encodes one segment of one output. Its file has a temporary name until [`SegmentWriter::finish`];
/// dropping the writer removes it.
pub struct SegmentWriter {
    encoder: VideoEncoder,
    out: Hashing,
    /// Where it goes, and its name until then.
    path: PathBuf,
    temporary: PathBuf,
    /// The output that it is a part of, for the error texts.
    output: PathBuf,
    notes: Vec<String>,
    times: SegmentTimes,
    /// Packets' time stamps as they came.
    order: Vec<i64>,
    /// The first packet, to be tried.
    first: Option<ffmpeg::Packet>,
    done: bool,
}

impl Drop for SegmentWriter {
    fn drop(&mut self) {
        if !self.done {
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

impl SegmentWriter {
    /// Opens the encoder of the output that `options` describe and the segment's file `path`.
    ///
    /// # Errors
    /// Container and codec don't fit, the encoder refuses its options, the file can't be created.
    pub fn create(options: WriterOptions<'_>, template: &SourceTemplate, path: &Path) -> Result<Self> {
        log::init();
        let (encoder, notes) = mux::open_encoder(&options, template)?;
        let head = Head {
            encoder: encoder.plan().encoder.clone(),
            codec: encoder.parameters()?.save(),
            time_base: (encoder.time_base().num, encoder.time_base().den),
            usual_duration: encoder.usual_duration(),
        };
        let mut name = path.file_name().unwrap_or_default().to_owned();
        // Two workers on one segment must not write into one file.
        name.push(format!(".{}.part", std::process::id()));
        let temporary = path.with_file_name(name);
        let file = File::create(&temporary).map_err(|e| MediaError::create(&temporary, &e))?;
        let out = Hashing { file: BufWriter::with_capacity(1 << 20, file), hash: Sha256::new(), bytes: 0 };
        let mut writer = SegmentWriter {
            encoder,
            out,
            path: path.to_path_buf(),
            temporary,
            output: options.path.to_path_buf(),
            notes,
            times: SegmentTimes::default(),
            order: Vec::new(),
            first: None,
            done: false,
        };
        let head = serde_json::to_vec(&head).map_err(|e| writer.failure(&e.into()))?;
        writer.put(|out| {
            out.write_all(MAGIC)?;
            out.write_all(&(head.len() as u64).to_le_bytes())?;
            out.write_all(&head)
        })?;
        Ok(writer)
    }

    /// FFmpeg's name of the encoder.
    pub fn encoder_name(&self) -> &str {
        &self.encoder.plan().encoder
    }

    /// The encoder and its settings.
    pub fn describe(&self) -> String {
        self.encoder.plan().description.clone()
    }

    /// Why the encoder isn't the one that was hoped for.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// What the encoder says of itself.
    pub(crate) fn parameters(&self) -> Result<Params> {
        self.encoder.parameters()
    }

    fn failure(&self, error: &std::io::Error) -> MediaError {
        MediaError::create(&self.output, error)
    }

    fn put(&mut self, write: impl FnOnce(&mut Hashing) -> std::io::Result<()>) -> Result<()> {
        write(&mut self.out).map_err(|e| self.failure(&e))
    }

    /// As [`crate::Writer::write_frame`].
    ///
    /// # Errors
    /// The frame isn't of the layout and size that was agreed, the encoder fails, the disk is full.
    pub fn write_frame(&mut self, frame: VideoFrame, pts: i64, duration: i64) -> Result<()> {
        self.times.pts.push(pts);
        self.times.last_duration = if duration > 0 { duration } else { self.encoder.usual_duration() };
        self.encoder.send(frame, pts, duration)?;
        self.drain()
    }

    fn drain(&mut self) -> Result<()> {
        while let Some(packet) = self.encoder.receive()? {
            self.order.push(packet.pts().unwrap_or(i64::MIN));
            self.put(|out| write_packet(out, &packet))?;
            self.first.get_or_insert(packet);
        }
        Ok(())
    }

    /// Ends the encoder, looks whether what it made is whole, flushes the file to the disk and gives it
    /// its name. Returns what was written and when its frames are shown.
    ///
    /// # Errors
    /// As for writing; packets are missing, or the first can't be decoded.
    pub fn finish(mut self) -> Result<(SegmentPart, SegmentTimes)> {
        self.encoder.send_eof()?;
        self.drain()?;
        self.verify()?;
        let reorder = reorder(&self.order, &self.times.pts);
        self.put(|out| {
            out.flush()?;
            out.file.get_ref().sync_all()
        })?;
        std::fs::rename(&self.temporary, &self.path).map_err(|e| self.failure(&e))?;
        self.done = true;
        let part = SegmentPart {
            file: self.path.file_name().unwrap_or_default().into(),
            bytes: self.out.bytes,
            sha256: hex(&self.out.hash.finalize_reset()),
            reorder,
        };
        Ok((part, std::mem::take(&mut self.times)))
    }

    /// Every frame has its packet, and the first can be decoded by itself: nothing before is needed.
    fn verify(&self) -> Result<()> {
        let broken = |reason: String| MediaError::Encode {
            path: self.output.clone(),
            encoder: self.encoder.plan().encoder.clone(),
            reason,
            log: log::recent_log(),
        };
        let came: BTreeSet<_> = self.order.iter().copied().collect();
        if came.len() != self.order.len() || !came.iter().eq(&self.times.pts) {
            let (n, m) = (self.order.len(), self.times.pts.len());
            return Err(broken(format!("{n} packets came for {m} frames, or with other time stamps")));
        }
        let Some(first) = &self.first else { return Ok(()) };
        if !first.is_key() {
            return Err(broken("the first packet of a segment is no key frame".to_owned()));
        }
        let fail = |e: ffmpeg::Error| broken(format!("the first packet of a segment can't be decoded: {e}"));
        let parameters = self.encoder.parameters()?;
        let mut decoder = parameters.decoder().map_err(fail)?;
        decoder.send_packet(first).map_err(fail)?;
        // Decoders hold frames back until they are told that no more will come.
        decoder.send_eof().map_err(fail)?;
        decoder.receive_frame(&mut ffmpeg::frame::Video::empty()).map_err(fail)
    }
}

/// How many places a packet is at most behind its frame's place in time.
fn reorder(order: &[i64], times: &[i64]) -> usize {
    let late = |(i, t): (usize, &i64)| i.saturating_sub(times.partition_point(|x| x < t));
    order.iter().enumerate().map(late).max().unwrap_or(0)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

/// A packet is: bytes of its data, pts, duration, flags, number of pieces of side data, the data, and
/// for each piece of side data its type, bytes and data; all numbers are little-endian.
fn write_packet(out: &mut impl Write, packet: &ffmpeg::Packet) -> std::io::Result<()> {
    let data = packet.data().unwrap_or_default();
    // SAFETY: reads fields of a valid packet; its side data has as many entries as it says.
    let (flags, side) = unsafe {
        let p = &*packet.as_ptr();
        let side = if p.side_data.is_null() {
            &[][..]
        } else {
            std::slice::from_raw_parts(p.side_data, p.side_data_elems.max(0) as usize)
        };
        (p.flags, side)
    };
    out.write_all(&(data.len() as u64).to_le_bytes())?;
    out.write_all(&packet.pts().unwrap_or(ffi::AV_NOPTS_VALUE).to_le_bytes())?;
    out.write_all(&packet.duration().to_le_bytes())?;
    out.write_all(&flags.to_le_bytes())?;
    out.write_all(&(side.len() as u32).to_le_bytes())?;
    out.write_all(data)?;
    for piece in side {
        out.write_all(&(piece.type_ as u32).to_le_bytes())?;
        out.write_all(&(piece.size as u64).to_le_bytes())?;
        // SAFETY: the piece has as many bytes as it says.
        out.write_all(unsafe { std::slice::from_raw_parts(piece.data, piece.size) })?;
    }
    Ok(())
}

/// Reads a segment's file and hashes it on the way.
struct SegmentReader {
    file: BufReader<File>,
    path: PathBuf,
    hash: Sha256,
    left: u64,
    head: Head,
}

impl SegmentReader {
    fn open(path: &Path, part: &SegmentPart) -> Result<Self> {
        let damaged = |reason: &str| damaged(path, reason);
        let file = File::open(path).map_err(|e| damaged(&e.to_string()))?;
        let bytes = file.metadata().map_err(|e| damaged(&e.to_string()))?.len();
        if bytes != part.bytes {
            return Err(damaged(&format!("it has {bytes} bytes instead of {}", part.bytes)));
        }
        let mut reader = SegmentReader {
            file: BufReader::with_capacity(1 << 20, file),
            path: path.to_path_buf(),
            hash: Sha256::new(),
            left: bytes,
            head: Head { encoder: String::new(), codec: SavedParams::default(), time_base: (0, 1), usual_duration: 1 },
        };
        if reader.bytes(MAGIC.len() as u64)? != MAGIC {
            return Err(damaged("it is no segment's file"));
        }
        let length = reader.number()?;
        let head = reader.bytes(length)?;
        reader.head = serde_json::from_slice(&head).map_err(|e| damaged(&e.to_string()))?;
        Ok(reader)
    }

    fn bytes(&mut self, n: u64) -> Result<Vec<u8>> {
        if n > self.left || n > LONGEST {
            return Err(damaged(&self.path, "a length in it makes no sense"));
        }
        let mut bytes = vec![0; n as usize];
        self.file.read_exact(&mut bytes).map_err(|e| damaged(&self.path, &e.to_string()))?;
        self.hash.update(&bytes);
        self.left -= n;
        Ok(bytes)
    }

    fn number(&mut self) -> Result<u64> {
        let bytes = self.bytes(8)?;
        Ok(u64::from_le_bytes(bytes.try_into().unwrap_or_default()))
    }

    fn small(&mut self) -> Result<u32> {
        let bytes = self.bytes(4)?;
        Ok(u32::from_le_bytes(bytes.try_into().unwrap_or_default()))
    }

    /// The next packet, with pts and duration in the source's ticks and without a dts.
    fn next(&mut self) -> Result<Option<ffmpeg::Packet>> {
        if self.left == 0 {
            return Ok(None);
        }
        let length = self.number()?;
        let (pts, duration) = (self.number()? as i64, self.number()? as i64);
        let (flags, pieces) = (self.small()? as i32, self.small()?);
        let data = self.bytes(length)?;
        let mut packet = ffmpeg::Packet::copy(&data);
        packet.set_pts(Some(pts));
        packet.set_duration(duration);
        // SAFETY: a packet of ours.
        unsafe { (*packet.as_mut_ptr()).flags = flags };
        for _ in 0..pieces {
            let kind = self.small()?;
            let length = self.number()?;
            let piece = self.bytes(length)?;
            // SAFETY: a packet of ours; the new memory has the length that was asked for. The type goes
            // through a function pointer of the same shape, as a number: Rust's enum must never hold one
            // that it doesn't have.
            unsafe {
                let new: unsafe extern "C" fn(*mut ffi::AVPacket, u32, usize) -> *mut u8 =
                    std::mem::transmute(ffi::av_packet_new_side_data as *const ());
                let memory = new(packet.as_mut_ptr(), kind, piece.len());
                if memory.is_null() {
                    return Err(MediaError::NoMemory { what: "side data of a packet".to_owned() });
                }
                std::ptr::copy_nonoverlapping(piece.as_ptr(), memory, piece.len());
            }
        }
        Ok(Some(packet))
    }

    /// Whether what was read to the end is what was written.
    fn check(&mut self, part: &SegmentPart) -> Result<()> {
        if hex(&self.hash.finalize_reset()) == part.sha256 {
            return Ok(());
        }
        Err(damaged(&self.path, "its checksum is wrong"))
    }
}

fn damaged(path: &Path, reason: &str) -> MediaError {
    MediaError::Segment { path: path.to_path_buf(), reason: reason.to_owned() }
}

/// Whether a segment's file is the one that was written: reads all of it.
///
/// # Errors
/// It is missing, or its size or checksum is wrong.
pub fn check_segment(folder: &Path, part: &SegmentPart) -> Result<()> {
    let mut reader = SegmentReader::open(&folder.join(&part.file), part)?;
    while reader.left > 0 {
        reader.bytes(reader.left.min(1 << 20))?;
    }
    reader.check(part)
}

/// Decodes a segment's file and compares the frames that come with what is expected.
///
/// # Errors
/// It is damaged, or not all frames come.
pub fn decode_segment(folder: &Path, part: &SegmentPart, times: &SegmentTimes) -> Result<()> {
    let path = folder.join(&part.file);
    let mut reader = SegmentReader::open(&path, part)?;
    let fail = |e: ffmpeg::Error| damaged(&path, &format!("it can't be decoded: {e}"));
    let mut decoder = Params::restore(&reader.head.codec)?.decoder().map_err(fail)?;
    let mut frames = 0;
    let mut take = |decoder: &mut ffmpeg::decoder::Video| {
        let mut frame = ffmpeg::frame::Video::empty();
        while decoder.receive_frame(&mut frame).is_ok() {
            frames += usize::from(!frame.is_corrupt());
        }
    };
    while let Some(packet) = reader.next()? {
        decoder.send_packet(&packet).map_err(fail)?;
        take(&mut decoder);
    }
    decoder.send_eof().map_err(fail)?;
    take(&mut decoder);
    reader.check(part)?;
    if frames == times.pts.len() {
        return Ok(());
    }
    Err(damaged(&path, &format!("{frames} of its {} frames can be decoded", times.pts.len())))
}

/// One segment of an output that is joined.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'a> {
    /// Its file's folder.
    pub folder: &'a Path,
    /// Its file.
    pub part: &'a SegmentPart,
    /// When its frames are shown.
    pub times: &'a SegmentTimes,
}

/// An output whose header is written, and which waits for its packets.
struct Open {
    output: Output,
    copied: Vec<Option<CopiedStream>>,
    video: usize,
    dropped: Vec<String>,
    notes: Vec<String>,
    path: PathBuf,
}

impl Open {
    fn create(mut options: WriterOptions<'_>, template: &SourceTemplate, codec: &Params) -> Result<Self> {
        log::init();
        let path = mux::check_place(&options, template)?;
        let container = Container::of(options.path)?;
        let notes = mux::settle_tags(&mut options, &container, template);
        let mut output = Output::create(&path, &container, options.overwrite)?;
        let (copied, video, dropped) = output.add_streams(&options, template, codec)?;
        output.write_header(template)?;
        Ok(Self { output, copied, video, dropped, notes, path })
    }
}

/// What a joined file can't take over of its source.
#[derive(Clone, Debug, Default)]
pub struct Lost {
    /// As [`crate::Writer::dropped_streams`].
    pub dropped: Vec<String>,
    /// As [`crate::Writer::notes`].
    pub notes: Vec<String>,
}

/// Writes the beginning of the file that the segments of `writer` will be joined to, and removes it
/// again: what can't be written is better known before the work than after it.
///
/// # Errors
/// Those of [`crate::Writer::create`].
pub fn rehearse(options: WriterOptions<'_>, template: &Arc<SourceTemplate>, writer: &SegmentWriter) -> Result<Lost> {
    let open = Open::create(options, template, &writer.parameters()?)?;
    Ok(Lost { dropped: open.dropped, notes: open.notes })
}

/// Joins segments to a whole output; all that is copied comes from `source`, which must have been told
/// to go [`Reader::without_video`]. `told` hears how many frames are done and may end the joining by
/// saying so.
///
/// # Errors
/// A segment is damaged or of another encoder; as for writing.
pub fn join(
    options: WriterOptions<'_>,
    source: &mut Reader,
    pieces: &[Piece<'_>],
    mut told: impl FnMut(usize) -> bool,
) -> Result<Option<(Finished, Lost)>> {
    let Some(first) = pieces.first() else {
        return Err(MediaError::Invalid { what: format!("{}: there is nothing to join", options.path.display()) });
    };
    let template = source.template();
    let open = |piece: &Piece<'_>| SegmentReader::open(&piece.folder.join(&piece.part.file), piece.part);
    let head = open(first)?.head;
    let mut target = Open::create(options, &template, &Params::restore(&head.codec)?)?;
    let time_base = ffi::AVRational { num: head.time_base.0, den: head.time_base.1 };
    let mut clock = DecodingClock::new(pieces, head.usual_duration);
    let mut waiting: Option<CopiedPacket> = None;
    let mut frames = 0;
    for piece in pieces {
        let mut reader = open(piece)?;
        if reader.head != head {
            return Err(damaged(&reader.path, "it was made by another encoder than the segment before"));
        }
        clock.begin(piece.times);
        while let Some(mut packet) = reader.next()? {
            let dts = clock.next();
            packet.set_dts(Some(dts));
            let now = raw::rescale(dts, time_base, raw::MICROSECONDS);
            copy_until(&mut target, source, &mut waiting, Some(now))?;
            target.output.write_video(packet, time_base, target.video)?;
            frames += 1;
            if !told(frames) {
                return Ok(None);
            }
        }
        reader.check(piece.part)?;
    }
    copy_until(&mut target, source, &mut waiting, None)?;
    let bytes = target.output.finish()?;
    let finished = Finished { path: target.path.clone(), bytes };
    Ok(Some((finished, Lost { dropped: target.dropped, notes: target.notes })))
}

/// Copies packets that come before `end` (microseconds), all of them where there is none.
fn copy_until(
    target: &mut Open,
    source: &mut Reader,
    waiting: &mut Option<CopiedPacket>,
    end: Option<i64>,
) -> Result<()> {
    loop {
        let packet = match waiting.take() {
            Some(packet) => packet,
            None => match source.next()? {
                Some(Item::Packet(packet)) => packet,
                Some(Item::Frame(_)) => continue,
                None => return Ok(()),
            },
        };
        if end.is_some_and(|end| source.time_of(&packet).is_some_and(|t| t > end)) {
            *waiting = Some(packet);
            return Ok(());
        }
        if let Some(stream) = target.copied.get_mut(packet.stream()).and_then(Option::as_mut) {
            target.output.write_copied(packet.av(), stream)?;
        }
    }
}

/// Gives packets of joined segments their decoding times: each the presentation time of the frame that
/// is as many places ahead as any of the encoders ever fell behind, so that they rise over all joints
/// and none comes after its own frame's time.
struct DecodingClock {
    ahead: VecDeque<i64>,
}

impl DecodingClock {
    fn new(pieces: &[Piece<'_>], usual: i64) -> Self {
        let delay = pieces.iter().map(|p| p.part.reorder).max().unwrap_or(0);
        let start = pieces.iter().find_map(|p| p.times.pts.first()).copied().unwrap_or(0);
        let ahead = (1..=delay as i64).rev().map(|i| start - i * usual).collect();
        Self { ahead }
    }

    /// The frames of the next segment.
    fn begin(&mut self, times: &SegmentTimes) {
        self.ahead.extend(&times.pts);
    }

    fn next(&mut self) -> i64 {
        // There are as many as there are packets, and the delay's more.
        self.ahead.pop_front().unwrap_or(ffi::AV_NOPTS_VALUE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reordering_is_measured_in_packets() {
        assert_eq!(reorder(&[0, 1, 2, 3], &[0, 1, 2, 3]), 0);
        // I P B B P B B
        assert_eq!(reorder(&[0, 30, 10, 20, 60, 40, 50], &[0, 10, 20, 30, 40, 50, 60]), 1);
        // With a pyramid: I P B b b
        assert_eq!(reorder(&[0, 40, 20, 10, 30], &[0, 10, 20, 30, 40]), 2);
        assert_eq!(reorder(&[], &[]), 0);
    }

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
        let pieces: Vec<_> =
            parts.iter().zip(&times).map(|(part, times)| Piece { folder: Path::new(""), part, times }).collect();
        let mut clock = DecodingClock::new(&pieces, 10);
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
