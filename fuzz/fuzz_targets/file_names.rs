//! File names: any bytes can be read, stripping the format tokens never leaves an empty name, and a generated
//! name is read back as the format that it was generated for.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use vrseg_image::vr::{Clues, ContainerTags, FormatRequest, detect, names};

fuzz_target!(|bytes: &[u8]| {
    let stem = OsStr::from_bytes(bytes);
    let _ = names::read(Path::new(stem));
    assert!(names::strip(stem).len() <= stem.len().max("video".len()));

    // The first bytes choose the size of the frame.
    let size = |at: usize| 16 + 32 * usize::from(bytes.get(at).copied().unwrap_or(60));
    let clues = Clues { path: Path::new(stem), width: size(0), height: size(1), tags: ContainerTags::default(), boxes: &[] };
    let found = detect(&FormatRequest::default(), &clues, &mut |_| None);
    let _ = (found.summary(), found.refusal());
    let format = found.format();
    if format.is_vr() && found.refusal().is_none() {
        let mut made = names::name(stem, &format, false);
        made.push(".mp4");
        let again = names::read(Path::new(&made));
        assert!(again.projection.is_some() || format.projection == vrseg_image::vr::Projection::Flat, "{made:?}");
    }
});
