//! From the bytes of an `mshp` box to vertices.

use super::bits::{Bits, size_of_difference};
use flate2::read::DeflateDecoder;
use std::borrow::Cow;
use std::io::Read;

/// Bytes that meshes may have once they are inflated. Cameras' have some 100 kB.
const MOST_BYTES: u64 = 4 << 20;
/// Vertices of a mesh. Cameras' have some thousand.
const MOST_VERTICES: u32 = 1 << 17;
/// Vertex indices of a mesh, over all its lists.
const MOST_INDICES: u64 = 1 << 20;

/// A corner of triangles: the direction in which it is seen and the place of the picture that is seen there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Vertex {
    /// Position around the viewer: right, **up**, **backward**, at any distance.
    pub position: [f32; 3],
    /// Texture coordinates: 0 at the left and **lower** edge, 1 at the right and upper one.
    pub texture: [f32; 2],
}

/// The vertices that triangles of each of the one or two meshes use; `None` where they can't be read.
pub(super) fn meshes(body: &[u8]) -> Option<Vec<Vec<Vertex>>> {
    // Version and flags, the checksum, the encoding.
    let encoding = body.get(8..12)?;
    let rest = body.get(12..)?;
    let bytes: Cow<'_, [u8]> = match encoding {
        b"raw " => Cow::Borrowed(rest),
        b"dfl8" => {
            let mut inflated = Vec::new();
            DeflateDecoder::new(rest).take(MOST_BYTES + 1).read_to_end(&mut inflated).ok()?;
            Cow::Owned(inflated)
        }
        _ => return None,
    };
    if bytes.len() as u64 > MOST_BYTES {
        return None;
    }
    let mut meshes = Vec::new();
    let mut left = &bytes[..];
    while let (Some(size), Some(code)) = (left.get(..4), left.get(4..8)) {
        let size = u32::from_be_bytes(size.try_into().ok()?) as usize;
        let content = left.get(8..size)?;
        if code == b"mesh" {
            meshes.push(mesh(content)?);
        }
        left = &left[size..];
    }
    (1..=2).contains(&meshes.len()).then_some(meshes)
}

fn mesh(content: &[u8]) -> Option<Vec<Vertex>> {
    let mut bits = Bits::new(content);
    let count = bits.number(32)?;
    if bits.left() / 32 < count as usize {
        return None;
    }
    let coordinates = (0..count).map(|_| bits.number(32).map(f32::from_bits)).collect::<Option<Vec<_>>>()?;

    let vertex_count = bits.number(32)?;
    if vertex_count > MOST_VERTICES {
        return None;
    }
    let size = size_of_difference(count);
    let mut at = [0i64; 5];
    let mut vertices = Vec::new();
    for _ in 0..vertex_count {
        let mut of = [0.0; 5];
        for (index, value) in at.iter_mut().zip(&mut of) {
            *index += bits.difference(size)?;
            *value = *coordinates.get(usize::try_from(*index).ok()?)?;
        }
        let [x, y, z, u, v] = of;
        vertices.push(Vertex { position: [x, y, z], texture: [u, v] });
    }
    bits.align();
    let used = used(&mut bits, vertices.len())?;
    let mut used = used.into_iter();
    vertices.retain(|_| used.next() == Some(true));
    vertices.iter().all(|v| v.position.iter().chain(&v.texture).all(|c| c.is_finite())).then_some(vertices)
}

/// Which vertices the lists of triangles that show the video use.
fn used(bits: &mut Bits<'_>, vertices: usize) -> Option<Vec<bool>> {
    let mut used = vec![false; vertices];
    let size = size_of_difference(u32::try_from(vertices).ok()?);
    let mut budget = MOST_INDICES;
    for _ in 0..bits.number(32)? {
        let (texture, _kind) = (bits.number(8)?, bits.number(8)?);
        let count = bits.number(32)?;
        budget = budget.checked_sub(u64::from(count).max(1))?;
        let mut index = 0;
        for _ in 0..count {
            index += bits.difference(size)?;
            *used.get_mut(usize::try_from(index).ok()?)? |= texture == 0;
        }
        bits.align();
    }
    Some(used)
}
