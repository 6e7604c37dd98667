//! Names that a program makes of other names, and that still have to fit into a folder.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

/// Bytes of the longest name of a file on Linux.
pub const LONGEST: usize = 255;

/// Bytes of the end of a name that are kept: an extension, and words that tell players a video's format.
const TAIL: usize = 64;

/// Hexadecimal digits that stand for what is cut.
const DIGITS: usize = 12;

/// The name itself where it has at most `limit` bytes; else its beginning, a hash of all of it, and its end. Characters
/// are not split. Two names that differ stay different, as far as a hash can tell.
pub fn fitted(name: &OsStr, limit: usize) -> OsString {
    let bytes = name.as_bytes();
    if bytes.len() <= limit {
        return name.to_owned();
    }
    let mark = format!("~{:012x}", hash(bytes) >> (64 - 4 * DIGITS));
    let limit = limit.saturating_sub(mark.len());
    let tail = tail(bytes, limit.min(TAIL));
    let head = &bytes[..border(bytes, limit - tail.len())];
    OsString::from_vec([head, mark.as_bytes(), tail].concat())
}

/// The end of a name, from a separator on where there is one.
fn tail(bytes: &[u8], most: usize) -> &[u8] {
    let from = bytes.len() - most;
    let separator = bytes[from..].iter().position(|b| b"_-. ".contains(b)).map(|at| from + at);
    let start = separator.unwrap_or_else(|| (from..bytes.len()).find(|i| !inside(bytes, *i)).unwrap_or(bytes.len()));
    &bytes[start..]
}

/// The last place at or before `at` that is not within a character.
fn border(bytes: &[u8], at: usize) -> usize {
    // A character has at most four bytes; other bytes are no UTF-8 and may be cut anywhere.
    (at.saturating_sub(3)..=at).rev().find(|i| !inside(bytes, *i)).unwrap_or(at)
}

/// Whether a byte continues with the character of the byte before it.
fn inside(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(|b| b & 0xc0 == 0x80)
}

/// FNV-1a, which is the same in every version of the program.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, b| (hash ^ u64::from(*b)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_fit_stay() {
        assert_eq!(fitted(OsStr::new("out.mp4"), 7), "out.mp4");
        assert_eq!(fitted(OsStr::from_bytes(b"\xff\xfe"), 2), OsStr::from_bytes(b"\xff\xfe"));
    }

    #[test]
    fn long_names_keep_their_end_and_stay_different() {
        let name = |n: u32| format!("{}{n}{}_180_LR_alpha.mp4", "a".repeat(150), "b".repeat(150));
        let (one, two) = (fitted(OsStr::new(&name(1)), 249), fitted(OsStr::new(&name(2)), 249));
        assert_ne!(one, two);
        for cut in [one, two] {
            let cut = cut.into_string().unwrap();
            assert!(cut.starts_with("aaa") && cut.ends_with("_180_LR_alpha.mp4") && cut.len() <= 249, "{cut}");
        }
    }

    #[test]
    fn characters_are_not_split() {
        for character in ["ä", "語", "🎥"] {
            for more in 0..4 {
                let name = format!("{}{}", "x".repeat(more), character.repeat(120));
                for limit in 60..64 {
                    let cut = fitted(OsStr::new(&name), limit).into_string().expect("UTF-8");
                    assert!(cut.len() <= limit && cut.len() > limit - 8, "{cut}");
                }
            }
        }
        let bytes = fitted(OsStr::from_bytes(&[0x80; 300]), 255);
        assert!(bytes.len() <= 255 && bytes.len() > 10);
    }
}
