//! A segment's file: how it begins, how packets are written, its hash.
#![allow(unsafe_code)]

use crate::error::MediaError;
use crate::ffi::numbers;
use crate::ffi::parameters::SavedParameters;
use ffmpeg_next::{self as ffmpeg, ffi, packet::Ref as _};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// How a segment's file begins.
pub(super) const MAGIC: &[u8; 8] = b"VRSEG\0\x01\n";

/// Bytes of the longest packet or head that is believed: a frame of 16K ProRes has some 200 MB.
pub(super) const MAX_LENGTH: u64 = 1 << 30;

/// What the file's packets are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Head {
    /// FFmpeg's name of the encoder.
    pub encoder: String,
    pub codec: SavedParameters,
    pub time_base: (i32, i32),
    pub usual_duration: i64,
}

/// A file that is hashed while it is written.
pub(super) struct HashedFile {
    file: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
}

impl HashedFile {
    pub(super) fn new(file: File) -> Self {
        Self { file: BufWriter::with_capacity(1 << 20, file), hash: Sha256::new(), bytes: 0 }
    }

    pub(super) fn sync(&mut self) -> std::io::Result<()> {
        self.file.flush()?;
        self.file.get_ref().sync_all()
    }

    /// Bytes so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// SHA-256 of them, in hexadecimal; the next hash begins again.
    pub(super) fn take_hash(&mut self) -> String {
        hex(&self.hash.finalize_reset())
    }
}

impl Write for HashedFile {
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

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

/// A packet is: bytes of its data, pts, duration, flags, number of pieces of side data, the data, and
/// for each piece of side data its type, bytes and data; all numbers are little-endian.
pub(super) fn write_packet(out: &mut impl Write, packet: &ffmpeg::Packet) -> std::io::Result<()> {
    let data = packet.data().unwrap_or_default();
    // SAFETY: reads fields of a valid packet; its side data has as many entries as it says.
    let (flags, side) = unsafe {
        let p = packet.as_ptr();
        let count = if (*p).side_data.is_null() { 0 } else { (*p).side_data_elems.max(0) as usize };
        let piece = |i: usize| {
            let piece = (*p).side_data.add(i);
            let bytes = if (*piece).size == 0 { &[] } else { std::slice::from_raw_parts((*piece).data, (*piece).size) };
            (numbers::read(&raw const (*piece).type_), bytes)
        };
        ((*p).flags, (0..count).map(piece).collect::<Vec<_>>())
    };
    out.write_all(&(data.len() as u64).to_le_bytes())?;
    out.write_all(&packet.pts().unwrap_or(ffi::AV_NOPTS_VALUE).to_le_bytes())?;
    out.write_all(&packet.duration().to_le_bytes())?;
    out.write_all(&flags.to_le_bytes())?;
    out.write_all(&(side.len() as u32).to_le_bytes())?;
    out.write_all(data)?;
    for (kind, bytes) in side {
        out.write_all(&kind.get().to_le_bytes())?;
        out.write_all(&(bytes.len() as u64).to_le_bytes())?;
        out.write_all(bytes)?;
    }
    Ok(())
}

pub(super) fn damaged(path: &Path, reason: &str) -> MediaError {
    MediaError::Segment { path: path.to_path_buf(), reason: reason.to_owned() }
}
