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
    /// The one picture, which gets its name when it is certain that there are no more.
    single: Option<PartFile>,
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
        // What is wrong with the folder is better known before the work.
        let single = if sequence.is_none() { Some(PartFile::create(path, overwrite)?) } else { None };
        Ok(Self { path: path.to_owned(), sequence, next: first, overwrite, written: 0, bytes: 0, single })
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
        match &self.single {
            Some(file) => fill(file, bytes),
            None => Ok(()),
        }
    }

    /// Gives the one picture its name. Returns the bytes of all.
    ///
    /// # Errors
    /// The disk fails.
    pub(crate) fn finish(&mut self) -> Result<u64> {
        if let Some(mut file) = self.single.take() {
            file.finish()?;
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

/// There are more frames than the one picture that was asked for.
pub fn more_than_one(path: &Path) -> MediaError {
    let (stem, extension) = (path.file_stem().unwrap_or_default(), path.extension().unwrap_or_default());
    let numbered = path.with_file_name(format!("{}_%05d.{}", stem.display(), extension.display()));
    let what = format!(
        "{}: is one picture, and there is more than one frame; number them ({}), or take one with --ss and --frames 1",
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
