//! Pictures as outputs: a file for each frame, or one alone.

use crate::error::{MediaError, Result};
use crate::formats::container::Container;
use crate::formats::sequence::Sequence;
use crate::write::output::part_file::PartFile;
use crate::write::output::place::is_stdout;
use std::path::{Path, PathBuf};

/// The files of an output's pictures.
pub(crate) struct PictureFiles {
    path: PathBuf,
    /// `None`: one picture.
    sequence: Option<Sequence>,
    next: u64,
    overwrite: bool,
    written: u64,
    bytes: u64,
    /// The one picture, which gets its name when it is certain that there are no more; of a sequence, an empty file that
    /// stays where the sequence ends early.
    part: PartFile,
    whole: bool,
}

impl Drop for PictureFiles {
    fn drop(&mut self) {
        if self.sequence.is_some() && !self.whole && self.written > 0 {
            self.part.leave();
        }
    }
}

/// What there is of a sequence's pictures; `None` where `path` is none, or there are none.
pub fn written_before(path: &Path) -> Option<Written> {
    let sequence = Sequence::unless_file(path)?;
    sequence.first()?;
    Some(if PartFile::is_left(path) { Written::InPart } else { Written::Whole })
}

/// How much of an output an earlier run wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// It was interrupted, or is still at work.
    InPart,
    /// All.
    Whole,
}

impl PictureFiles {
    /// `first` is the number of the first picture, for a name with a place for one.
    ///
    /// # Errors
    /// A picture of that name exists and must not be replaced; the folder can't be written.
    pub(crate) fn create(path: &Path, first: u64, overwrite: bool) -> Result<Self> {
        let sequence = Sequence::of(path);
        if let (Some(sequence), false) = (&sequence, overwrite)
            && let Some(number) = sequence.first()
        {
            return Err(MediaError::OutputExists { path: sequence.file(number) });
        }
        // What is wrong with the folder is known before the work.
        let part = PartFile::create(path, overwrite)?;
        Ok(Self { path: path.to_owned(), sequence, next: first, overwrite, written: 0, bytes: 0, part, whole: false })
    }

    /// A whole file's bytes.
    ///
    /// # Errors
    /// The disk fails; the output is one picture and there is one already.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.written += 1;
        self.bytes += bytes.len() as u64;
        if let Some(sequence) = &self.sequence {
            let file = PartFile::create(&sequence.file(self.next), self.overwrite)?;
            self.next += 1;
            return put(file, bytes);
        }
        if self.written > 1 {
            return Err(more_than_one(&self.path));
        }
        fill(&self.part, bytes)
    }

    /// Gives the one picture its name, or ends a sequence, `whole` or early. Returns the bytes of all.
    ///
    /// # Errors
    /// The disk fails.
    pub(crate) fn finish(&mut self, whole: bool) -> Result<u64> {
        self.whole = whole;
        if self.sequence.is_none() {
            self.part.finish()?;
        }
        Ok(self.bytes)
    }
}

/// Whether an output is one picture, which takes one frame.
pub fn is_one_picture(path: &Path) -> bool {
    Sequence::of(path).is_none() && matches!(Container::of(path), Ok(Container::Pictures(_)))
}

/// Whether an output can be joined of segments that were written one by one.
pub fn can_be_joined(path: &Path) -> bool {
    !is_stdout(path) && !matches!(Container::of(path), Ok(Container::Pictures(_)))
}

/// There are more frames than the one picture that was requested.
pub fn more_than_one(path: &Path) -> MediaError {
    let (stem, extension) = (path.file_stem().unwrap_or_default(), path.extension().unwrap_or_default());
    let numbered = path.with_file_name(format!("{}_%05d.{}", stem.display(), extension.display()));
    let what = format!(
        "{}: is one picture, and there is more than one frame; number them ({}), or select one with --ss and --frames \
         1",
        path.display(),
        numbered.display()
    );
    MediaError::Invalid { what }
}

fn fill(file: &PartFile, bytes: &[u8]) -> Result<()> {
    file.fill(bytes).map_err(|e| MediaError::create(file.path(), &e))
}

fn put(mut file: PartFile, bytes: &[u8]) -> Result<()> {
    fill(&file, bytes)?;
    file.place().map(drop)
}
