//! Records of the matte cache: any bytes are refused or give mattes or a run of frames, within bounded
//! memory. The first byte chooses the kind of record.

#![no_main]

use libfuzzer_sys::fuzz_target;
use vrseg_infer::fuzz;

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, bytes)) = bytes.split_first() else { return };
    if choice % 2 == 0 {
        fuzz::cached_mattes(bytes);
    } else {
        fuzz::cached_run(bytes);
    }
});
