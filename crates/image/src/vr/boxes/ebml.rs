//! EBML (RFC 8794) on the way to Matroska's `StereoMode` and `Projection` (RFC 9559).

use super::{LONGEST_MESH, Source, VrBox, VrContent};
use std::io::{self, Read, Seek};
use std::ops::Range;

/// The first bytes of a Matroska or WebM file: the ID of the EBML header.
pub(super) const MAGIC: [u8; 4] = [0x1a, 0x45, 0xdf, 0xa3];

const SEGMENT: u32 = 0x1853_8067;
const TRACKS: u32 = 0x1654_ae6b;
const TRACK_ENTRY: u32 = 0xae;
const TRACK_NUMBER: u32 = 0xd7;
const VIDEO: u32 = 0xe0;
const STEREO_MODE: u32 = 0x53b8;
const PROJECTION: u32 = 0x7670;
const PROJECTION_TYPE: u32 = 0x7671;
const PROJECTION_PRIVATE: u32 = 0x7672;
const POSE: [u32; 3] = [0x7673, 0x7674, 0x7675];

struct Element {
    id: u32,
    start: u64,
    body: Range<u64>,
    /// Its length isn't stated (live streams): it goes to its parent's end.
    open: bool,
}

impl<R: Read + Seek> Source<'_, R> {
    /// The element that begins at `at` inside a parent that ends at `end`.
    fn element(&mut self, at: u64, end: u64) -> io::Result<Option<Element>> {
        if at >= end || !self.step() {
            return Ok(None);
        }
        let head = self.bytes(at, 12)?;
        let Some(&first) = head.first() else { return Ok(None) };
        // An ID keeps its length marker.
        let id_length = first.leading_zeros() as usize + 1;
        let Some(id_bytes) = head.get(..id_length).filter(|_| id_length <= 4) else { return Ok(None) };
        let id = id_bytes.iter().fold(0, |id, b| id << 8 | u32::from(*b));
        let Some(&first) = head.get(id_length) else { return Ok(None) };
        let length = first.leading_zeros() as usize + 1;
        let Some(bytes) = head.get(id_length..id_length + length).filter(|_| length <= 8) else { return Ok(None) };
        let marker = 1u64 << (7 * length);
        let size = bytes.iter().fold(0u64, |n, b| n << 8 | u64::from(*b)) & (marker - 1);
        let open = size == marker - 1;
        let body = at + (id_length + length) as u64;
        let stop = if open { Some(end) } else { body.checked_add(size) };
        Ok(match stop {
            Some(stop) if body <= end => Some(Element { id, start: at, body: body..stop.min(end), open }),
            _ => None,
        })
    }

    /// The elements directly inside of `range`, in order. Stops behind one without a length.
    fn elements(
        &mut self,
        range: Range<u64>,
        mut visit: impl FnMut(&mut Self, &Element) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut at = range.start;
        while let Some(found) = self.element(at, range.end)? {
            visit(self, &found)?;
            if found.open {
                break;
            }
            at = found.body.end;
        }
        Ok(())
    }

    fn uint(&mut self, body: &Range<u64>) -> io::Result<u64> {
        let bytes = self.bytes(body.start, (body.end - body.start).min(8))?;
        Ok(bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b)))
    }

    fn float(&mut self, body: &Range<u64>) -> io::Result<f64> {
        let bytes = self.bytes(body.start, (body.end - body.start).min(8))?;
        Ok(match (<[u8; 4]>::try_from(&bytes[..]), <[u8; 8]>::try_from(&bytes[..])) {
            (Ok(b), _) => f64::from(f32::from_be_bytes(b)),
            (_, Ok(b)) => f64::from_be_bytes(b),
            _ => 0.0,
        })
    }
}

pub(super) fn read<R: Read + Seek>(source: &mut Source<'_, R>) -> io::Result<Vec<VrBox>> {
    let mut all = Vec::new();
    let mut segment = None;
    source.elements(0..source.length, |_, e| {
        if e.id == SEGMENT && segment.is_none() {
            segment = Some(e.body.clone());
        }
        Ok(())
    })?;
    let Some(segment) = segment else { return Ok(all) };
    let mut at = segment.start;
    while let Some(found) = source.element(at, segment.end)? {
        if found.id == TRACKS {
            source.elements(
                found.body,
                |source, e| if e.id == TRACK_ENTRY { track(source, e, &mut all) } else { Ok(()) },
            )?;
            break;
        }
        if found.open {
            break;
        }
        at = found.body.end;
    }
    Ok(all)
}

fn track<R: Read + Seek>(source: &mut Source<'_, R>, entry: &Element, all: &mut Vec<VrBox>) -> io::Result<()> {
    let (mut number, mut video) = (0, None);
    source.elements(entry.body.clone(), |source, e| {
        match e.id {
            TRACK_NUMBER => number = source.uint(&e.body)?,
            VIDEO => video = Some(e.body.clone()),
            _ => {}
        }
        Ok(())
    })?;
    let Some(video) = video else { return Ok(()) };
    source.elements(video, |source, e| {
        let content = match e.id {
            STEREO_MODE => VrContent::MatroskaStereo(source.uint(&e.body)?),
            PROJECTION => projection(source, e)?,
            _ => return Ok(()),
        };
        all.push(VrBox { track: number, offset: e.start, content });
        Ok(())
    })
}

fn projection<R: Read + Seek>(source: &mut Source<'_, R>, element: &Element) -> io::Result<VrContent> {
    let (mut kind, mut private, mut pose) = (0, Vec::new(), [0.0; 3]);
    source.elements(element.body.clone(), |source, e| {
        match e.id {
            PROJECTION_TYPE => kind = source.uint(&e.body)?,
            PROJECTION_PRIVATE => {
                private = source.bytes_up_to(e.body.start, e.body.end - e.body.start, LONGEST_MESH)?;
            }
            id => {
                if let Some(axis) = POSE.iter().position(|p| *p == id) {
                    pose[axis] = source.float(&e.body)?;
                }
            }
        }
        Ok(())
    })?;
    Ok(VrContent::MatroskaProjection { kind, private, pose })
}
