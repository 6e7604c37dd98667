//! Boxes of mp4 that say where ambisonic sound comes from (`SA3D`, and `SAND` for what is heard from everywhere), of which
//! FFmpeg knows nothing: read from a source, and put into an output. Google, "Spatial Audio RFC".

use std::fs::File;
use std::io::{Error, ErrorKind, Read, Result, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The boxes that are carried over.
const CARRIED: [&[u8; 4]; 2] = [b"SA3D", b"SAND"];

/// Bytes of the largest `moov` that is believed: an hour of many tracks has some.
const MAX_MOOV: u64 = 1 << 28;

/// Bytes that are moved at once.
const CHUNK: u64 = 8 << 20;

/// Boxes of one track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TrackBoxes {
    /// The track's number as the file has it (FFmpeg's stream id).
    pub track: u32,
    /// Whole boxes, one behind the other.
    pub boxes: Vec<u8>,
}

/// A box: where it begins, and where it ends.
type Span = (usize, usize);

fn number(bytes: &[u8], at: usize) -> Option<usize> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?) as usize)
}

fn kind(bytes: &[u8], at: usize) -> Option<&[u8]> {
    bytes.get(at.checked_add(4)?..at.checked_add(8)?)
}

/// The boxes in a part of `bytes`; what doesn't make sense ends them.
fn boxes(bytes: &[u8], (mut at, end): Span) -> impl Iterator<Item = Span> + '_ {
    std::iter::from_fn(move || {
        let size = number(bytes, at).filter(|size| *size >= 8 && at < end && *size <= end - at)?;
        let span = (at, at + size);
        at += size;
        Some(span)
    })
}

/// The first box of that kind among the children of `parent`, which begin `head` bytes behind its start.
fn child(bytes: &[u8], parent: Span, head: usize, wanted: &[u8; 4]) -> Option<Span> {
    boxes(bytes, (parent.0.checked_add(head)?, parent.1)).find(|b| kind(bytes, b.0) == Some(wanted.as_slice()))
}

/// The tracks of a `moov`: number, the boxes around the first description of its sound (outermost first), that itself.
fn sound_tracks(moov: &[u8]) -> Vec<(u32, Vec<Span>, Span)> {
    let track = |trak: Span| {
        let tkhd = child(moov, trak, 8, b"tkhd")?;
        let at = if moov.get(tkhd.0 + 8) == Some(&1) { 28 } else { 20 };
        let id = number(moov, tkhd.0 + at)? as u32;
        let mut around = vec![(0, moov.len()), trak];
        let mut inner = trak;
        for name in [b"mdia", b"minf", b"stbl", b"stsd"] {
            if name == b"minf" && child(moov, child(moov, inner, 8, b"minf")?, 8, b"smhd").is_none() {
                return None;
            }
            inner = child(moov, inner, 8, name)?;
            around.push(inner);
        }
        let entry = boxes(moov, (inner.0 + 16, inner.1)).next()?;
        Some((id, around, entry))
    };
    boxes(moov, (8, moov.len())).filter(|b| kind(moov, b.0) == Some(b"trak")).filter_map(track).collect()
}

/// Bytes of an audio description before its boxes: QuickTime has versions with more of them.
fn sound_head(moov: &[u8], entry: Span) -> usize {
    match moov.get(entry.0 + 17) {
        Some(1) => 52,
        Some(2) => 72,
        _ => 36,
    }
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

fn read_moov(file: &mut File) -> Result<Option<(u64, Vec<u8>)>> {
    let Some((at, size)) = find_moov(file)? else { return Ok(None) };
    let mut moov = vec![0; size as usize];
    file.read_exact_at(&mut moov, at)?;
    Ok(Some((at, moov)))
}

/// What a file's tracks say of where their sound comes from; nothing where that can't be read.
pub(crate) fn read(path: &Path) -> Vec<TrackBoxes> {
    let Ok(Some((_, moov))) = File::open(path).and_then(|mut file| read_moov(&mut file)) else { return Vec::new() };
    let of_track = |(track, _, entry): (u32, Vec<Span>, Span)| {
        let carried = boxes(&moov, (entry.0 + sound_head(&moov, entry), entry.1))
            .filter(|b| CARRIED.iter().any(|name| kind(&moov, b.0) == Some(name.as_slice())));
        let boxes: Vec<u8> = carried.flat_map(|(from, to)| moov[from..to].to_vec()).collect();
        (!boxes.is_empty()).then_some(TrackBoxes { track, boxes })
    };
    sound_tracks(&moov).into_iter().filter_map(of_track).collect()
}

/// Puts boxes into the finished mp4 or mov file `path`, whose other boxes are moved.
///
/// # Errors
/// The disk fails; the file isn't as FFmpeg writes such files.
pub(crate) fn insert(path: &Path, all: &[TrackBoxes]) -> Result<()> {
    let strange = || Error::new(ErrorKind::InvalidData, "its ambisonic boxes can't be added");
    let mut file = File::options().read(true).write(true).open(path)?;
    let (at, mut moov) = read_moov(&mut file)?.ok_or_else(strange)?;
    let old = moov.len() as u64;
    for TrackBoxes { track, boxes } in all {
        let found = sound_tracks(&moov).into_iter().find(|(id, ..)| id == track).ok_or_else(strange)?;
        let (_, around, entry) = found;
        for span in around.iter().chain([&entry]) {
            let size = u32::try_from(span.1 - span.0 + boxes.len()).map_err(|_| strange())?;
            moov[span.0..span.0 + 4].copy_from_slice(&size.to_be_bytes());
        }
        moov.splice(entry.1..entry.1, boxes.iter().copied());
    }
    let more = moov.len() as u64 - old;
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

    #[test]
    fn nonsense_has_no_spatial_sound() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.mp4");
        for bytes in [&b""[..], b"moov", b"\0\0\0\x08moov", b"\0\0\0\x20moov\0\0\0\xfftrak", &[0xff; 300], &[0; 300]] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(read(&path), []);
            let one = TrackBoxes { track: 1, boxes: b"\0\0\0\x08SA3D".to_vec() };
            assert!(insert(&path, &[one]).is_err());
            assert_eq!(std::fs::read(&path).unwrap(), bytes, "left alone");
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
