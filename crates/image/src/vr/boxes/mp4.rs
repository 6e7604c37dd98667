//! ISO base media boxes (ISO/IEC 14496-12) on the way to `st3d` and `sv3d` (Google's Spherical
//! Video V2 RFC), the V1 `uuid` box and Apple's `vexu`.

use super::{BoxProjection, LONGEST_MESH, Source, VrBox, VrContent, be32, mesh};
use std::io::{self, Read, Seek};
use std::ops::Range;

/// The `uuid` of Spherical Video V1: ffcc8263-f855-4a93-8814-587a02521fdd.
const V1: [u8; 16] = [0xff, 0xcc, 0x82, 0x63, 0xf8, 0x55, 0x4a, 0x93, 0x88, 0x14, 0x58, 0x7a, 0x02, 0x52, 0x1f, 0xdd];

/// Bytes of a VisualSampleEntry before its boxes.
const VISUAL_SAMPLE_ENTRY: u64 = 78;

/// A box: its code, where it begins, its body.
struct Mp4Box {
    code: [u8; 4],
    start: u64,
    body: Range<u64>,
}

impl<R: Read + Seek> Source<'_, R> {
    /// The box that begins at `at` inside a parent that ends at `end`; `None` where there is none
    /// or it is damaged.
    fn mp4_box(&mut self, at: u64, end: u64) -> io::Result<Option<Mp4Box>> {
        if end.saturating_sub(at) < 8 || !self.step() {
            return Ok(None);
        }
        let head = self.bytes(at, 16)?;
        let (Some(size), Some(code)) = (be32(&head, 0), head.get(4..8)) else { return Ok(None) };
        let code = [code[0], code[1], code[2], code[3]];
        let (header, size) = match size {
            // To the parent's end.
            0 => (8, end - at),
            1 => match head.get(8..16).and_then(|b| b.try_into().ok()) {
                Some(b) => (16, u64::from_be_bytes(b)),
                None => return Ok(None),
            },
            n => (8, u64::from(n)),
        };
        match at.checked_add(size) {
            Some(next) if size >= header && next <= end => {
                Ok(Some(Mp4Box { code, start: at, body: at + header..next }))
            }
            _ => Ok(None),
        }
    }

    /// Calls `visit` for every box in `range`.
    fn each(
        &mut self,
        range: Range<u64>,
        mut visit: impl FnMut(&mut Self, Mp4Box) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut at = range.start;
        while let Some(found) = self.mp4_box(at, range.end)? {
            at = found.body.end;
            visit(self, found)?;
        }
        Ok(())
    }

    /// The body of the first box of that code in `range`.
    fn child(&mut self, range: Range<u64>, code: &[u8; 4]) -> io::Result<Option<Mp4Box>> {
        let mut at = range.start;
        while let Some(found) = self.mp4_box(at, range.end)? {
            if &found.code == code {
                return Ok(Some(found));
            }
            at = found.body.end;
        }
        Ok(None)
    }

    fn body(&mut self, found: &Mp4Box) -> io::Result<Vec<u8>> {
        self.bytes(found.body.start, found.body.end - found.body.start)
    }
}

pub(super) fn read<R: Read + Seek>(source: &mut Source<'_, R>) -> io::Result<Vec<VrBox>> {
    let mut all = Vec::new();
    let Some(moov) = source.child(0..source.length, b"moov")? else { return Ok(all) };
    source.each(
        moov.body,
        |source, found| if &found.code == b"trak" { track(source, found.body, &mut all) } else { Ok(()) },
    )?;
    Ok(all)
}

fn track<R: Read + Seek>(source: &mut Source<'_, R>, range: Range<u64>, all: &mut Vec<VrBox>) -> io::Result<()> {
    let mut number = 0;
    if let Some(tkhd) = source.child(range.clone(), b"tkhd")? {
        let body = source.body(&tkhd)?;
        // Version 1 has 64-bit times before the number.
        let at = if body.first() == Some(&1) { 20 } else { 12 };
        number = be32(&body, at).unwrap_or(0);
    }
    let track = u64::from(number);
    source.each(range.clone(), |source, found| {
        if &found.code == b"uuid" {
            let body = source.body(&found)?;
            if let Some(xml) = body.strip_prefix(&V1) {
                let content = VrContent::Xml(String::from_utf8_lossy(xml).into_owned());
                all.push(VrBox { track, offset: found.start, content });
            }
        }
        Ok(())
    })?;
    let Some(mdia) = source.child(range, b"mdia")? else { return Ok(()) };
    let Some(hdlr) = source.child(mdia.body.clone(), b"hdlr")? else { return Ok(()) };
    if source.body(&hdlr)?.get(8..12) != Some(b"vide") {
        return Ok(());
    }
    let mut inner = mdia.body;
    for code in [b"minf", b"stbl", b"stsd"] {
        let Some(found) = source.child(inner, code)? else { return Ok(()) };
        inner = found.body;
    }
    // Version, flags and a count, then sample entries.
    inner.start += 8;
    source.each(inner, |source, entry| {
        let boxes = entry.body.start.saturating_add(VISUAL_SAMPLE_ENTRY)..entry.body.end;
        source.each(boxes, |source, found| {
            let content = match &found.code {
                b"st3d" => source.body(&found)?.get(4).map(|mode| VrContent::Stereo(*mode)),
                b"sv3d" => Some(sv3d(source, found.body.clone())?),
                b"vexu" => Some(vexu(source, found.body.clone())?),
                _ => None,
            };
            all.extend(content.map(|content| VrBox { track, offset: found.start, content }));
            Ok(())
        })
    })
}

fn sv3d<R: Read + Seek>(source: &mut Source<'_, R>, range: Range<u64>) -> io::Result<VrContent> {
    let mut by = String::new();
    if let Some(svhd) = source.child(range.clone(), b"svhd")? {
        let body = source.body(&svhd)?;
        let text = body.get(4..).unwrap_or_default();
        let end = text.iter().position(|b| *b == 0).unwrap_or(text.len());
        by = String::from_utf8_lossy(&text[..end]).into_owned();
    }
    let (mut pose, mut projection) = ([0; 3], None);
    if let Some(proj) = source.child(range, b"proj")? {
        source.each(proj.body, |source, found| {
            let body = if &found.code == b"mshp" { Vec::new() } else { source.body(&found)? };
            match &found.code {
                b"prhd" => pose = [4, 8, 12].map(|at| be32(&body, at).unwrap_or(0) as i32),
                b"equi" => {
                    projection = projection.or(equi_bounds(&body).map(BoxProjection::Equirectangular));
                }
                b"cbmp" => {
                    if let (Some(layout), Some(padding)) = (be32(&body, 4), be32(&body, 8)) {
                        projection = projection.or(Some(BoxProjection::Cubemap { layout, padding }));
                    }
                }
                b"mshp" => {
                    let bytes = found.body.end - found.body.start;
                    if projection.is_none() {
                        let meshes = source.bytes_up_to(found.body.start, bytes, LONGEST_MESH)?;
                        projection = Some(BoxProjection::Mesh { bytes, fit: mesh::fit(&meshes) });
                    }
                }
                code => projection = projection.or(Some(BoxProjection::Unknown(*code))),
            }
            Ok(())
        })?;
    }
    Ok(VrContent::Spherical { source: by, pose, projection })
}

fn vexu<R: Read + Seek>(source: &mut Source<'_, R>, range: Range<u64>) -> io::Result<VrContent> {
    let (mut projection, mut eyes, mut packing) = (None, None, None);
    if let Some(proj) = source.child(range.clone(), b"proj")?
        && let Some(prji) = source.child(proj.body, b"prji")?
    {
        projection = source.body(&prji)?.get(4..8).and_then(|code| code.try_into().ok());
    }
    if let Some(pack) = source.child(range.clone(), b"pack")?
        && let Some(pkin) = source.child(pack.body, b"pkin")?
    {
        packing = source.body(&pkin)?.get(4..8).and_then(|code| code.try_into().ok());
    }
    if let Some(found) = source.child(range, b"eyes")?
        && let Some(stri) = source.child(found.body, b"stri")?
    {
        eyes = source.body(&stri)?.get(4).copied();
    }
    Ok(VrContent::Apple { projection, eyes, packing })
}

/// The bounds of an `equi` box's body, brought from its order (top, bottom, left, right) to left,
/// top, right, bottom.
pub(super) fn equi_bounds(body: &[u8]) -> Option<[u32; 4]> {
    Some([be32(body, 12)?, be32(body, 4)?, be32(body, 16)?, be32(body, 8)?])
}
