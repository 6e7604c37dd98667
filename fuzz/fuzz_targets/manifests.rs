//! Model manifests: any text is refused or gives a manifest that later code can rely on.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::path::{Component, Path};
use vrseg_infer::Manifest;

fuzz_target!(|text: &str| {
    let Ok(manifest) = Manifest::parse(text, Path::new("fuzz.yaml")) else { return };
    let input = &manifest.input;
    assert!(input.multiple > 0 && input.size.is_multiple_of(input.multiple));
    assert!(0 < input.min && input.min <= input.size && input.size <= input.max);
    assert!(!input.std.contains(&0.0));
    // The weights lie below the manifest's folder.
    assert!(Path::new(&manifest.file).components().all(|c| matches!(c, Component::Normal(_))));
});
