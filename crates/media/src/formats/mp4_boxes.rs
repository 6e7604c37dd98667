//! Boxes of mp4 that FFmpeg's muxer doesn't write, put into a finished file.

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes of the largest `moov` that is believed: an hour of many tracks has some.
const MAX_MOOV: u64 = 1 << 28;

/// Bytes that are moved at once.
const CHUNK: u64 = 8 << 20;

/// Bytes of a video's description before its boxes.
const VIDEO_HEAD: usize = 86;

/// Where in a track's first description boxes are put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// At its end.
    Description,
    /// At the end of the box of that code in a video's description; nowhere where there is no such box.
    InVideoBox([u8; 4]),
}

/// Boxes for one track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Insertion {
    /// The track's number as the file has it.
    pub track: u32,
    /// Where they are put.
    pub place: Place,
    /// Whole boxes, one behind the other.
    pub boxes: Vec<u8>,
}

/// A box: where it begins, and where it ends.
pub(crate) type Span = (usize, usize);

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize)
}

/// The code of the box that begins there.
pub(crate) fn kind(bytes: &[u8], at: usize) -> Option<&[u8]> {
    bytes.get(at.checked_add(4)?..at.checked_add(8)?)
}

/// The boxes in a part of `bytes`; what doesn't make sense ends them.
pub(crate) fn boxes(bytes: &[u8], (mut at, end): Span) -> impl Iterator<Item = Span> + '_ {
    std::iter::from_fn(move || {
        let size = number(bytes, at).filter(|size| *size >= 8 && at < end && *size <= end - at)?;
        let span = (at, at + size);
        at += size;
        Some(span)
    })
}

/// The first box of that kind among the children of `parent`, which begin `head` bytes behind its start.
fn child(bytes: &[u8], parent: Span, head: usize, expected: &[u8; 4]) -> Option<Span> {
    boxes(bytes, (parent.0.checked_add(head)?, parent.1)).find(|b| kind(bytes, b.0) == Some(expected.as_slice()))
}

/// A track of a `moov`.
pub(crate) struct Track {
    /// Its number.
    pub id: u32,
    /// Its media is sound.
    pub sound: bool,
    /// The boxes around the first description of its media, outermost first.
    around: Vec<Span>,
    /// That description.
    pub entry: Span,
}

/// The tracks of a `moov`.
pub(crate) fn tracks(moov: &[u8]) -> Vec<Track> {
    let track = |trak: Span| {
        let tkhd = child(moov, trak, 8, b"tkhd")?;
        let at = if moov.get(tkhd.0 + 8) == Some(&1) { 28 } else { 20 };
        let id = number(moov, tkhd.0 + at)? as u32;
        let (mut around, mut inner, mut sound) = (vec![(0, moov.len()), trak], trak, false);
        for name in [b"mdia", b"minf", b"stbl", b"stsd"] {
            inner = child(moov, inner, 8, name)?;
            sound |= name == b"minf" && child(moov, inner, 8, b"smhd").is_some();
            around.push(inner);
        }
        let entry = boxes(moov, (inner.0 + 16, inner.1)).next()?;
        Some(Track { id, sound, around, entry })
    };
    boxes(moov, (8, moov.len())).filter(|b| kind(moov, b.0) == Some(b"trak")).filter_map(track).collect()
}

/// Where the `moov` of a file is, in bytes.
fn find_moov(file: &mut File) -> Result<Option<(u64, u64)>> {
    let end = file.metadata()?.len();
    let mut at = 0;
    while at + 8 <= end {
        let mut head = [0; 16];
        file.seek(SeekFrom::Start(at))?;
        file.read_exact(&mut head[..8])?;
        let size = match number(&head, 0).unwrap_or(0) as u64 {
            0 => end - at,
            1 => {
                file.read_exact(&mut head[8..])?;
                u64::from_be_bytes(head[8..].try_into().unwrap_or_default())
            }
            size => size,
        };
        if size < 8 || size > end - at {
            return Ok(None);
        }
        if &head[4..8] == b"moov" {
            return Ok((size <= MAX_MOOV).then_some((at, size)));
        }
        at += size;
    }
    Ok(None)
}

/// The `moov` of a file and where it is, in bytes; `None` where there is none that makes sense.
pub(crate) fn read_moov(file: &mut File) -> Result<Option<(u64, Vec<u8>)>> {
    let Some((at, size)) = find_moov(file)? else { return Ok(None) };
    let mut moov = vec![0; size as usize];
    file.read_exact_at(&mut moov, at)?;
    Ok(Some((at, moov)))
}

/// Puts boxes into the finished mp4 or mov file `path`, whose other boxes are moved.
///
/// # Errors
/// The disk fails; the file isn't as FFmpeg writes such files.
pub(crate) fn insert(path: &Path, all: &[Insertion]) -> Result<()> {
    let strange = || Error::new(ErrorKind::InvalidData, "the boxes that FFmpeg doesn't write found no place in it");
    let mut file = File::options().read(true).write(true).open(path)?;
    let (at, mut moov) = read_moov(&mut file)?.ok_or_else(strange)?;
    let old = moov.len() as u64;
    for Insertion { track, place, boxes } in all {
        let found = tracks(&moov).into_iter().find(|found| found.id == *track).ok_or_else(strange)?;
        let (mut around, mut inner) = (found.around, found.entry);
        around.push(inner);
        if let Place::InVideoBox(code) = place {
            let Some(span) = child(&moov, inner, VIDEO_HEAD, code) else { continue };
            around.push(span);
            inner = span;
        }
        for span in around {
            let size = u32::try_from(span.1 - span.0 + boxes.len()).map_err(|_| strange())?;
            moov[span.0..span.0 + 4].copy_from_slice(&size.to_be_bytes());
        }
        moov.splice(inner.1..inner.1, boxes.iter().copied());
    }
    let more = moov.len() as u64 - old;
    if more == 0 {
        return Ok(());
    }
    move_chunk_offsets(&mut moov, at, more).ok_or_else(strange)?;
    move_tail(&file, at + old, more)?;
    file.write_all_at(&moov, at)
}

/// Adds `more` to the places of all samples that lie behind `moov_at`; `None` where a place doesn't fit.
fn move_chunk_offsets(moov: &mut [u8], moov_at: u64, more: u64) -> Option<()> {
    let mut tables = Vec::new();
    for trak in boxes(moov, (8, moov.len())).filter(|b| kind(moov, b.0) == Some(b"trak")) {
        let stbl = child(moov, trak, 8, b"mdia")
            .and_then(|b| child(moov, b, 8, b"minf"))
            .and_then(|b| child(moov, b, 8, b"stbl"));
        let Some(stbl) = stbl else { continue };
        tables.extend(
            [(b"stco", 4), (b"co64", 8)].iter().filter_map(|(name, n)| Some((child(moov, stbl, 8, name)?, *n))),
        );
    }
    for ((from, to), width) in tables {
        let count = number(moov, from + 12)?;
        for place in moov.get_mut(from + 16..to)?.chunks_exact_mut(width).take(count) {
            let offset = place.iter().fold(0u64, |sum, b| sum << 8 | u64::from(*b));
            if offset <= moov_at {
                continue;
            }
            let moved = offset + more;
            if width == 4 && moved > u64::from(u32::MAX) {
                return None;
            }
            place.copy_from_slice(&moved.to_be_bytes()[8 - width..]);
        }
    }
    Some(())
}

/// Moves all from `start` on by `more` bytes towards the end, which comes first.
fn move_tail(file: &File, start: u64, more: u64) -> Result<()> {
    let mut end = file.metadata()?.len();
    let mut buffer = vec![0; CHUNK as usize];
    while end > start {
        let n = (end - start).min(CHUNK);
        let part = &mut buffer[..n as usize];
        file.read_exact_at(part, end - n)?;
        file.write_all_at(part, end - n + more)?;
        end -= n;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::spatial_audio;

    #[test]
    fn nonsense_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.mp4");
        for bytes in [&b""[..], b"moov", b"\0\0\0\x08moov", b"\0\0\0\x20moov\0\0\0\xfftrak", &[0xff; 300], &[0; 300]] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(spatial_audio::read(&path), []);
            for place in [Place::Description, Place::InVideoBox(*b"vexu")] {
                let one = Insertion { track: 1, place, boxes: b"\0\0\0\x08SA3D".to_vec() };
                assert!(insert(&path, &[one]).is_err());
                assert_eq!(std::fs::read(&path).unwrap(), bytes, "left alone");
            }
        }
    }

    #[test]
    fn tails_longer_than_a_chunk_are_moved() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let bytes: Vec<u8> = (0..CHUNK as usize * 2 + 77).map(|i| (i * 7 / 5) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        move_tail(&File::options().read(true).write(true).open(&path).unwrap(), 10, 33).unwrap();
        let moved = std::fs::read(&path).unwrap();
        assert!(moved[..10] == bytes[..10] && moved[43..] == bytes[10..]);
    }
}
