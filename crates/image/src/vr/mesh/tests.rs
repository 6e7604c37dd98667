use super::*;
use crate::vr::{EyeOrder, Layout, Lens, Projection, SpherePart};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use proptest::prelude::*;
use std::io::Write;

/// Writes numbers of any number of bits.
#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    used: u32,
}

impl BitWriter {
    fn number(&mut self, value: u32, bits: u32) {
        for i in (0..bits).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let last = self.bytes.last_mut().expect("a byte");
            *last |= ((value >> i & 1) as u8) << (7 - self.used % 8);
            self.used += 1;
        }
    }

    fn difference(&mut self, value: i64, bits: u32) {
        let code = if value >= 0 { value * 2 } else { -value * 2 - 1 };
        self.number(code as u32, bits);
    }

    fn align(&mut self) {
        self.used = self.used.div_ceil(8) * 8;
    }
}

/// A `mesh` box of those vertices (x, y, z, u, v).
fn mesh_box(vertices: &[[f32; 5]]) -> Vec<u8> {
    let mut w = BitWriter::default();
    let coordinates: Vec<f32> = vertices.iter().flatten().copied().collect();
    w.number(coordinates.len() as u32, 32);
    coordinates.iter().for_each(|c| w.number(c.to_bits(), 32));
    w.number(vertices.len() as u32, 32);
    let size = bits::size_of_difference(coordinates.len() as u32);
    let mut before = [0i64; 5];
    for i in 0..vertices.len() as i64 {
        for (k, before) in before.iter_mut().enumerate() {
            let index = i * 5 + k as i64;
            w.difference(index - *before, size);
            *before = index;
        }
    }
    w.align();
    w.number(1, 32);
    w.number(0, 8);
    w.number(1, 8);
    w.number(vertices.len() as u32, 32);
    let size = bits::size_of_difference(vertices.len() as u32);
    for i in 0..vertices.len() {
        w.difference(i64::from(i > 0), size);
    }
    [&(w.bytes.len() as u32 + 8).to_be_bytes()[..], b"mesh", &w.bytes].concat()
}

/// The body of an `mshp` box.
fn body(meshes: &[Vec<[f32; 5]>], deflated: bool) -> Vec<u8> {
    let all: Vec<u8> = meshes.iter().flat_map(|m| mesh_box(m)).collect();
    let (code, data) = if deflated {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(&all).expect("memory");
        (b"dfl8", encoder.finish().expect("memory"))
    } else {
        (b"raw ", all)
    };
    [&[0; 8], &code[..], &data].concat()
}

/// A grid of vertices on the picture of a lens, in the part (left, right, lower, upper) of the frame.
fn grid(lens: Lens, [left, right, lower, upper]: [f64; 4]) -> Vec<[f32; 5]> {
    let n = 21;
    let mut all = Vec::new();
    for i in 0..n * n {
        let place = |k: usize| 2.0 * k as f64 / (n - 1) as f64 - 1.0;
        let (u, v) = (place(i % n), place(i / n));
        let Some([x, y, z]) = lens.ray(u, v) else { continue };
        let (s, t) = (left + (right - left) * (u + 1.0) / 2.0, lower + (upper - lower) * (1.0 - v) / 2.0);
        all.push([x, -y, -z, s, t].map(|c| c as f32));
    }
    all
}

const WHOLE: [f64; 4] = [0.0, 1.0, 0.0, 1.0];

#[test]
fn projections_are_found_in_their_meshes() {
    let part = SpherePart { left: -70.0, right: 50.0, top: 60.0, bottom: -40.0 };
    for (lens, want) in [
        (Lens::HalfEquirectangular, Projection::HalfEquirectangular),
        (Lens::Equirectangular, Projection::Equirectangular),
        (Lens::Part(part), Projection::EquirectangularPart(part)),
        (Lens::Fisheye { fov: 190.0 }, Projection::Fisheye { fov: 190.0 }),
        (
            Lens::FullFrameFisheye { h_fov: 124.0, v_fov: 94.0 },
            Projection::FullFrameFisheye { h_fov: 124.0, v_fov: 94.0 },
        ),
    ] {
        for deflated in [false, true] {
            let found = fit(&body(&[grid(lens, WHOLE)], deflated)).expect("a mesh");
            assert!(found.is_good() && found.error < 0.1, "{lens:?} {found:?}");
            match (found.projection, want) {
                (Projection::EquirectangularPart(a), Projection::EquirectangularPart(b)) => {
                    assert!(a.is_near(&b, 0.01));
                }
                (a, b) => assert_eq!(a, b),
            }
        }
    }
}

#[test]
fn two_meshes_tell_where_their_views_lie() {
    let lens = Lens::HalfEquirectangular;
    let (first, second) = ([0.0, 0.5, 0.0, 1.0], [0.5, 1.0, 0.0, 1.0]);
    let (upper, lower) = ([0.0, 1.0, 0.5, 1.0], [0.0, 1.0, 0.0, 0.5]);
    for (left, right, want) in [
        (first, second, Some((Layout::SideBySide, EyeOrder::LeftFirst))),
        (second, first, Some((Layout::SideBySide, EyeOrder::RightFirst))),
        (upper, lower, Some((Layout::TopBottom, EyeOrder::LeftFirst))),
        (lower, upper, Some((Layout::TopBottom, EyeOrder::RightFirst))),
        (WHOLE, WHOLE, None),
    ] {
        let found = fit(&body(&[grid(lens, left), grid(lens, right)], true)).expect("meshes");
        assert_eq!((found.layout, found.meshes), (want, 2));
        assert_eq!(found.projection, Projection::HalfEquirectangular, "{found:?}");
    }
}

#[test]
fn mesh_of_unknown_projection_is_rejected() {
    // A picture that is bent in itself.
    let mut bent = grid(Lens::HalfEquirectangular, WHOLE);
    bent.iter_mut().for_each(|v| v[3] = v[3].powi(3));
    assert!(!fit(&body(&[bent], false)).expect("a mesh").is_good());
}

#[test]
fn damaged_meshes_are_refused() {
    let good = body(&[grid(Lens::HalfEquirectangular, WHOLE)], false);
    for cut in [0, 8, 12, 20, 100, good.len() / 2, good.len() - 1] {
        assert_eq!(fit(&good[..cut]), None, "{cut}");
    }
    // More coordinates, vertices and indices than there are bytes.
    for at in [20, 24 + 441 * 5 * 4] {
        let mut damaged = good.clone();
        damaged[at..at + 4].copy_from_slice(&[0xff; 4]);
        assert_eq!(fit(&damaged), None, "{at}");
    }
    // A few bytes that inflate to more than anybody needs.
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(&vec![0; 64 << 20]).expect("memory");
    let bomb = [&[0; 8][..], b"dfl8", &encoder.finish().expect("memory")].concat();
    assert_eq!(fit(&bomb), None);
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        raw in any::<bool>(),
    ) {
        let head: &[u8] = if raw { b"\0\0\0\0\0\0\0\0raw \0\0\x01\0mesh" } else { b"\0\0\0\0\0\0\0\0dfl8" };
        let _ = fit(&[head, &bytes].concat());
        let mut damaged = body(&[grid(Lens::Fisheye { fov: 180.0 }, WHOLE)], false);
        for (at, value) in changes {
            let at = at.index(damaged.len());
            damaged[at] = value;
        }
        let _ = fit(&damaged);
    }
}
