//! What a reader delivers: decoded frames, and packets that are copied.

use crate::ffi::frame::VideoFrame;
use ffmpeg_next as ffmpeg;

/// A decoded picture with its place in time.
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
    /// Its time stamp is the source's own, so that [`Reader::skip_to`](crate::Reader::skip_to) finds it again.
    pub seekable: bool,
}

/// A packet of a stream that isn't decoded, on its way to a [`crate::Writer`].
pub struct CopiedPacket {
    packet: ffmpeg::Packet,
}

impl CopiedPacket {
    pub(crate) fn new(packet: ffmpeg::Packet) -> Self {
        Self { packet }
    }

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

    pub(crate) fn av(&self) -> &ffmpeg::Packet {
        &self.packet
    }
}

/// What a [`Reader`](crate::Reader) delivers.
pub enum Item {
    /// A decoded picture of the video stream.
    Frame(SourceFrame),
    /// A packet of another stream, to be copied.
    Packet(CopiedPacket),
}
