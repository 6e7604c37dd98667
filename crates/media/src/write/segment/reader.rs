//! Reading a segment's file.
#![allow(unsafe_code)]

use super::file::{Head, MAGIC, MAX_LENGTH, damaged, hex};
use super::part::SegmentPart;
use crate::error::{MediaError, Result};
use crate::ffi::numbers;
use crate::ffi::parameters::SavedParameters;
use ffmpeg_next::{self as ffmpeg, packet::Mut as _};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

/// Reads a segment's file and hashes it on the way.
pub(super) struct SegmentReader {
    file: BufReader<File>,
    pub(super) path: PathBuf,
    hash: Sha256,
    pub(super) left: u64,
    pub(super) head: Head,
}

impl SegmentReader {
    pub(super) fn open(path: &Path, part: &SegmentPart) -> Result<Self> {
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
            head: Head {
                encoder: String::new(),
                codec: SavedParameters::default(),
                time_base: (0, 1),
                usual_duration: 1,
            },
        };
        if reader.bytes(MAGIC.len() as u64)? != MAGIC {
            return Err(damaged("it is not a segment file"));
        }
        let length = reader.number()?;
        let head = reader.bytes(length)?;
        reader.head = serde_json::from_slice(&head).map_err(|e| damaged(&e.to_string()))?;
        Ok(reader)
    }

    pub(super) fn bytes(&mut self, n: u64) -> Result<Vec<u8>> {
        if n > self.left || n > MAX_LENGTH {
            return Err(damaged(&self.path, "a length in it is invalid"));
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
    pub(super) fn next(&mut self) -> Result<Option<ffmpeg::Packet>> {
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
            // SAFETY: a packet of ours; the new memory has the length that was requested.
            unsafe {
                let memory = numbers::av_packet_new_side_data(packet.as_mut_ptr(), kind as i32, piece.len());
                if memory.is_null() {
                    return Err(MediaError::NoMemory { what: "side data of a packet".to_owned() });
                }
                std::ptr::copy_nonoverlapping(piece.as_ptr(), memory, piece.len());
            }
        }
        Ok(Some(packet))
    }

    /// Whether what was read to the end is what was written.
    pub(super) fn check(&mut self, part: &SegmentPart) -> Result<()> {
        if hex(&self.hash.finalize_reset()) == part.sha256 {
            return Ok(());
        }
        Err(damaged(&self.path, "its checksum is wrong"))
    }
}
