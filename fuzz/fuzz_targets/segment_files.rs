//! Segment files, whose size and checksum are right but whose content is arbitrary: checking and decoding
//! them ends, and memory stays bounded. The first byte chooses what the file begins with, so that packets
//! are reached, too.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;
use tempfile::TempDir;
use vrseg_media::segment::{SegmentPart, SegmentTimes, check_segment, decode_segment};

const MAGIC: &[u8] = b"VRSEG\0\x01\n";

/// FFmpeg's numbers of MJPEG and FFV1, whose decoders need no extradata.
const CODECS: [i64; 2] = [7, 33];

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));

/// The beginning of a valid file up to its first packet.
fn head(codec: i64) -> Vec<u8> {
    let json = format!(
        r#"{{"encoder":"fuzz","codec":{{"codec":{codec},"tag":0,"format":0,"bit_rate":0,"bits":[0,0],"profile":-99,
        "level":-99,"size":[64,48],"aspect":[0,1],"field_order":0,"color":[0,2,2,2,0],"delay":0,"extradata":[]}},
        "time_base":[1,25],"usual_duration":1}}"#
    );
    [MAGIC, &(json.len() as u64).to_le_bytes(), json.as_bytes()].concat()
}

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let beginning = match choice % 4 {
        0 => Vec::new(),
        1 => MAGIC.to_vec(),
        n => head(CODECS[usize::from(n) - 2]),
    };
    let file = [&beginning, rest].concat();
    let path = FOLDER.path().join("fuzz.seg");
    fs::write(&path, &file).expect("the temporary folder is writable");
    let sha256: String = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    let part = SegmentPart { file: PathBuf::from("fuzz.seg"), bytes: file.len() as u64, sha256, reorder: 0 };
    let _ = check_segment(FOLDER.path(), &part);
    let _ = decode_segment(FOLDER.path(), &part, &SegmentTimes::default());
});
