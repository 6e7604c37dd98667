//! A job folder's files: the state of the stages, the plan, and a segment's record. Any bytes are refused or
//! read; a state that was read is written and read again unchanged. The first byte chooses the file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::fs;
use std::sync::LazyLock;
use tempfile::TempDir;
use vrseg_engine::segments::JobFolder;
use vrseg_engine::frame::TemporalState;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    if choice % 2 == 0 {
        let Some(state) = TemporalState::from_bytes(bytes) else { return };
        let written = state.to_bytes();
        if let Some(again) = TemporalState::from_bytes(&written) {
            assert!(again.to_bytes() == written);
        }
        return;
    }
    let path = FOLDER.path();
    for name in ["plan.json", "00000.json"] {
        fs::write(path.join(name), bytes).expect("the temporary folder is writable");
    }
    let folder = JobFolder::read_only(path);
    let _ = folder.plan();
    if let Some(record) = folder.record(0) {
        let _ = folder.border(&record);
        // Records name files in their own folder only.
        assert!(record.parts.iter().all(|part| part.file.components().count() == 1));
    }
});
