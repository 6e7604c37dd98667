//! The mark of an output that ended before its source did: a file that was interrupted can be played and has its
//! final name, but must not be taken for a finished one.
//!
//! The mark is the end of the file itself, so that it goes wherever the file goes, and goes away when the file is made
//! again. It lies in what each container has for bytes that readers skip.

use crate::formats::container::Container;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// What the mark says; shorter than 127 bytes and of an even number, as some containers want.
const TEXT: &[u8] = b"vrseg: this video ended early\n";

/// The text ends at most this many bytes before the end of a file.
const BEHIND: usize = 4;

/// SMPTE's key of a fill item in MXF.
const MXF_FILL: [u8; 16] = [0x06, 0x0e, 0x2b, 0x34, 0x01, 0x01, 0x01, 0x02, 0x03, 0x01, 0x02, 0x10, 0x01, 0, 0, 0];

/// Bytes of a packet of a transport stream.
const TS_PACKET: usize = 188;

/// Matroska's IDs of a whole file's content and of what readers skip.
const SEGMENT: [u8; 4] = [0x18, 0x53, 0x80, 0x67];
const VOID: u8 = 0xec;

/// Whether the video at `path` is one that an interrupted run ended early. False where it can't be read.
pub fn ended_early(path: &Path) -> bool {
    let tail = || -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        let length = (TEXT.len() + BEHIND) as u64;
        let start = file.metadata()?.len().saturating_sub(length);
        file.seek(SeekFrom::Start(start))?;
        let mut bytes = Vec::new();
        file.take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    // A pipe would block here, and has no end to look at.
    path.is_file() && tail().is_ok_and(|bytes| bytes.windows(TEXT.len()).any(|w| w == TEXT))
}

/// Marks a complete file of `container`.
///
/// # Errors
/// The disk refuses.
pub(super) fn mark(file: &mut File, container: &Container) -> io::Result<()> {
    let bytes = skipped_bytes(container);
    if matches!(container, Container::Matroska | Container::WebM) {
        lengthen_segment(file, bytes.len() as u64)?;
    }
    file.seek(SeekFrom::End(0))?;
    file.write_all(&bytes)
}

/// The text in a shell that readers of the container skip; alone where they look for their own marks anyway.
fn skipped_bytes(container: &Container) -> Vec<u8> {
    let length = TEXT.len() as u8;
    let size = u32::from(length);
    match container.name() {
        "mp4" | "mov" | "3gp" | "3g2" | "f4v" | "ipod" => [&(size + 8).to_be_bytes(), &b"free"[..], TEXT].concat(),
        "matroska" | "webm" => [&[VOID, 0x80 | length][..], TEXT].concat(),
        // A null packet: its content is stuffing.
        "mpegts" => [&[0x47, 0x1f, 0xff, 0x10], &vec![0xff; TS_PACKET - 4 - TEXT.len()][..], TEXT].concat(),
        "avi" => [&b"JUNK"[..], &size.to_le_bytes(), TEXT].concat(),
        "mxf" => [&MXF_FILL[..], &[length], TEXT].concat(),
        // A stream of padding.
        "mpeg" => [&[0, 0, 1, 0xbe, 0, length][..], TEXT].concat(),
        // A tag of an unused type, and the size of all of it.
        "flv" => [&[15, 0, 0, length, 0, 0, 0, 0, 0, 0, 0][..], TEXT, &(size + 11).to_be_bytes()].concat(),
        _ => TEXT.to_vec(),
    }
}

/// Lets the content of a Matroska file end `more` bytes later. Nothing changes where its length is not written as
/// FFmpeg writes it, or is unknown, which means the end of the file.
fn lengthen_segment(file: &mut File, more: u64) -> io::Result<()> {
    const LENGTH: u64 = 0x00ff_ffff_ffff_ffff;
    let mut head = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    (&mut *file).take(128).read_to_end(&mut head)?;
    let Some(at) = head.windows(4).position(|w| w == SEGMENT).map(|at| at + SEGMENT.len()) else { return Ok(()) };
    let Some(Ok(size)) = head.get(at..at + 8).map(<[u8; 8]>::try_from) else { return Ok(()) };
    let size = u64::from_be_bytes(size);
    // The first byte says that seven more are the length.
    if size >> 56 != 1 || size & LENGTH == LENGTH {
        return Ok(());
    }
    file.seek(SeekFrom::Start(at as u64))?;
    file.write_all(&(size + more).to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_is_found_behind_any_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        for name in ["a.mp4", "a.mkv", "a.webm", "a.ts", "a.avi", "a.mxf", "a.mpg", "a.flv", "a.nut", "a.3gp"] {
            let container = Container::of(Path::new(name)).unwrap();
            std::fs::write(&path, b"short").unwrap();
            assert!(!ended_early(&path), "{name}");
            let mut file = File::options().read(true).write(true).open(&path).unwrap();
            mark(&mut file, &container).unwrap();
            assert!(ended_early(&path), "{name}");
            let moved = dir.path().join("moved");
            std::fs::copy(&path, &moved).unwrap();
            assert!(ended_early(&moved), "{name}");
        }
        assert!(!ended_early(&dir.path().join("none")) && !ended_early(dir.path()));
        std::fs::write(&path, b"").unwrap();
        assert!(!ended_early(&path));
    }

    #[test]
    fn containers_with_units_stay_aligned() {
        let bytes = |name: &str| skipped_bytes(&Container::of(Path::new(name)).unwrap());
        assert_eq!(bytes("a.ts").len(), TS_PACKET);
        assert_eq!(bytes("a.avi").len() % 2, 0);
        assert_eq!(bytes("a.mp4")[..4], (bytes("a.mp4").len() as u32).to_be_bytes());
    }
}
