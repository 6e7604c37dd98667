//! Numbered sequences of pictures: names with a place for a number, such as `shot_%05d.png`.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// A name with a place for a number, in one folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequence {
    folder: PathBuf,
    before: Vec<u8>,
    /// Digits at the least, filled up with zeros.
    digits: usize,
    after: Vec<u8>,
}

impl Sequence {
    /// The sequence that a name stands for (`%d`, `%5d` or `%05d` in it, once); `None` where it stands for itself.
    pub fn of(path: &Path) -> Option<Self> {
        let name = path.file_name()?.as_bytes();
        let start = name.iter().position(|b| *b == b'%')?;
        let length = name[start + 1..].iter().position(|b| !b.is_ascii_digit())?;
        let (digits, after) = (&name[start + 1..][..length], &name[start + 1 + length..]);
        let after = after.strip_prefix(b"d").filter(|after| !after.contains(&b'%'))?;
        let digits = if digits.is_empty() { 1 } else { std::str::from_utf8(digits).ok()?.parse().ok()? };
        (1..=18).contains(&digits).then(|| Self {
            folder: path.parent().unwrap_or(Path::new("")).to_owned(),
            before: name[..start].to_vec(),
            digits,
            after: after.to_vec(),
        })
    }

    /// The same for what is read or was written: a file that has that very name is no sequence.
    pub fn unless_file(path: &Path) -> Option<Self> {
        Self::of(path).filter(|_| !path.exists())
    }

    /// The file of that number.
    pub fn file(&self, number: u64) -> PathBuf {
        let number = format!("{number:0width$}", width = self.digits);
        let name = [&self.before, number.as_bytes(), &self.after].concat();
        self.folder.join(OsString::from_vec(name))
    }

    /// The number in the name of a file of the sequence.
    fn number(&self, name: &OsStr) -> Option<u64> {
        let middle = name.as_bytes().strip_prefix(&*self.before)?.strip_suffix(&*self.after)?;
        let number = std::str::from_utf8(middle).ok()?.parse().ok()?;
        (self.file(number).file_name() == Some(name)).then_some(number)
    }

    /// Whether a file is one of the sequence's, there or still to come.
    pub fn contains(&self, path: &Path) -> bool {
        let place = |folder: &Path| {
            let folder = or_here(folder);
            folder.canonicalize().unwrap_or_else(|_| folder.to_owned())
        };
        let same_folder = path.parent().is_some_and(|folder| place(folder) == place(&self.folder));
        same_folder && path.file_name().is_some_and(|name| self.number(name).is_some())
    }

    /// Whether pictures of both could have one name.
    pub fn overlaps(&self, other: &Self) -> bool {
        // Numbers of few and of many digits.
        [1, 12_345_678]
            .into_iter()
            .any(|number| self.contains(&other.file(number)) || other.contains(&self.file(number)))
    }

    /// The first number that is missing behind the least one, and the next of which there is a file again.
    pub fn gap(&self) -> Option<(u64, u64)> {
        let mut numbers = self.numbers();
        numbers.sort_unstable();
        numbers.windows(2).find(|pair| pair[1] != pair[0] + 1).map(|pair| (pair[0] + 1, pair[1]))
    }

    /// The least number of which there is a file.
    pub fn first(&self) -> Option<u64> {
        self.numbers().into_iter().min()
    }

    fn numbers(&self) -> Vec<u64> {
        let names = std::fs::read_dir(or_here(&self.folder))
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.file_name()));
        names.filter_map(|name| self.number(&name)).collect()
    }
}

/// The folder of a name without one.
fn or_here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_a_place_for_a_number_are_sequences() {
        let file = |pattern: &str, n| Sequence::of(Path::new(pattern)).map(|s| s.file(n).display().to_string());
        assert_eq!(file("a/shot_%05d.png", 17).as_deref(), Some("a/shot_00017.png"));
        assert_eq!(file("%d.jpg", 17).as_deref(), Some("17.jpg"));
        assert_eq!(file("x%3d.jpg", 12345).as_deref(), Some("x12345.jpg"));
        for plain in ["shot.png", "100%.png", "50%off.png", "%05d_%05d.png", "%x.png", "%99d.png", "a%d/b.png"] {
            assert_eq!(file(plain, 1), None, "{plain}");
        }
    }

    #[test]
    fn first_picture_is_the_one_with_the_least_number() {
        let dir = tempfile::tempdir().unwrap();
        let sequence = Sequence::of(&dir.path().join("s_%03d.png")).unwrap();
        assert_eq!(sequence.first(), None);
        for name in ["s_007.png", "s_1001.png", "s_012.png", "s_1.png", "t_001.png", "s_002.jpg", "s_0x3.png"] {
            std::fs::write(dir.path().join(name), b"").unwrap();
        }
        assert_eq!((sequence.first(), sequence.gap()), (Some(7), Some((8, 12))));
        let other = |name: &str| Sequence::of(&dir.path().join(name)).unwrap();
        assert!(sequence.overlaps(&other("s_%d.png")) && sequence.overlaps(&other("s_00%d.png")));
        assert!(!sequence.overlaps(&other("s_%03d.jpg")));
        assert!(sequence.contains(&dir.path().join("s_999.png")));
        assert!(!sequence.contains(&dir.path().join("t_999.png")) && !sequence.contains(Path::new("s_999.png")));
    }
}
