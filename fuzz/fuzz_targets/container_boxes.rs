//! Boxes of mp4 and elements of Matroska: reading any file ends, and its descriptions have a bounded length.
//! The first byte chooses what the file begins with, so that both readers are reached. Meshes and the messages of
//! video streams get the bytes without a file around them, too.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::io::Cursor;
use vrseg_image::vr::sei::{self, Codec};
use vrseg_image::vr::{boxes, mesh};

const MP4: &[u8] = b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\0moov";
const MATROSKA: &[u8] = &[0x1a, 0x45, 0xdf, 0xa3, 0x80, 0x18, 0x53, 0x80, 0x67, 0xff];

fuzz_target!(|bytes: &[u8]| {
    let Some((first, rest)) = bytes.split_first() else { return };
    let _ = mesh::fit(&[&b"\0\0\0\0\0\0\0\0raw "[..], rest].concat());
    let _ = mesh::fit(&[&b"\0\0\0\0\0\0\0\0dfl8"[..], rest].concat());
    let _ = sei::packing(rest, if first % 2 == 0 { Codec::H264 } else { Codec::Hevc });
    let head = [&[][..], MP4, MATROSKA][usize::from(first % 3)];
    let mut file = Cursor::new([head, rest].concat());
    let Ok(found) = boxes::read(&mut file) else { return };
    let _ = boxes::statements(&found);
    for one in found {
        assert!(one.content.to_string().len() < 100_000);
    }
});
