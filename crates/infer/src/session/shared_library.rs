//! Whether a shared library's file is complete. The loader maps a library's segments without comparing them
//! with the file's length: a file that was cut short (a download that broke off) kills the process by
//! SIGBUS at the first page that isn't there.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

#[derive(Debug, thiserror::Error)]
pub(crate) enum LibraryError {
    #[error("cannot be read: {0}")]
    Read(#[from] std::io::Error),
    #[error("is not a shared library of this machine's kind (64-bit ELF)")]
    NotElf,
    #[error("is truncated: {have} bytes of at least {need}; download it again")]
    Truncated {
        /// Length of the file.
        have: u64,
        /// End of the last segment, or of the table of segments.
        need: u64,
    },
}

/// Length of `Elf64_Ehdr`.
const FILE_HEADER: usize = 64;
/// Length of `Elf64_Phdr`.
const PROGRAM_HEADER: usize = 56;
/// `p_type` of a segment that is mapped.
const PT_LOAD: u32 = 1;

/// Checks that every segment which the loader will map lies within the file. Field offsets are those
/// of elf(5).
///
/// # Errors
/// The file can't be read, is no 64-bit ELF file of this byte order, or is cut short.
pub(crate) fn check_whole(path: &Path) -> Result<(), LibraryError> {
    let file = File::open(path)?;
    let have = file.metadata()?.len();
    let mut header = [0u8; FILE_HEADER];
    if have < FILE_HEADER as u64 {
        return Err(LibraryError::NotElf);
    }
    file.read_exact_at(&mut header, 0)?;
    let byte_order = if cfg!(target_endian = "little") { 1 } else { 2 };
    if header[..6] != [0x7f, b'E', b'L', b'F', 2, byte_order] || u16_at(&header, 54) != PROGRAM_HEADER as u16 {
        return Err(LibraryError::NotElf);
    }
    let (table, count) = (u64_at(&header, 32), u64::from(u16_at(&header, 56)));
    let end_of_table = table.saturating_add(count * PROGRAM_HEADER as u64);
    if end_of_table > have {
        return Err(LibraryError::Truncated { have, need: end_of_table });
    }
    let mut need = end_of_table;
    for i in 0..count {
        let mut segment = [0u8; PROGRAM_HEADER];
        file.read_exact_at(&mut segment, table + i * PROGRAM_HEADER as u64)?;
        if u32::from_ne_bytes([segment[0], segment[1], segment[2], segment[3]]) == PT_LOAD {
            need = need.max(u64_at(&segment, 8).saturating_add(u64_at(&segment, 32)));
        }
    }
    if need > have { Err(LibraryError::Truncated { have, need }) } else { Ok(()) }
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_ne_bytes([bytes[at], bytes[at + 1]])
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_ne_bytes(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncated_library_is_detected() {
        let whole = std::env::current_exe().unwrap();
        check_whole(&whole).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let cut = dir.path().join("cut.so");
        let mut bytes = vec![0; 1 << 16];
        File::open(&whole).unwrap().read_exact_at(&mut bytes, 0).unwrap();
        for length in [1 << 16, 4096, 100, FILE_HEADER] {
            std::fs::write(&cut, &bytes[..length]).unwrap();
            assert!(matches!(check_whole(&cut), Err(LibraryError::Truncated { .. })), "{length}");
        }
        for other in [&bytes[..40], &[0; 4096][..], b"", "#!/bin/sh\n".repeat(100).as_bytes()] {
            std::fs::write(&cut, other).unwrap();
            assert!(matches!(check_whole(&cut), Err(LibraryError::NotElf)));
        }
        // A table of segments that points anywhere.
        bytes[32..40].copy_from_slice(&u64::MAX.to_ne_bytes());
        std::fs::write(&cut, &bytes).unwrap();
        assert!(matches!(check_whole(&cut), Err(LibraryError::Truncated { .. })));
    }
}
