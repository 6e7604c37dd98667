//! The weights of a model: where they are, and whether they are those that its manifest describes.

use super::manifest::{Kind, Manifest};
use crate::error::{ModelError, Result};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where the weights of a model are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weights {
    /// In this file.
    File(PathBuf),
    /// Inside this binary.
    Embedded(&'static [u8]),
    /// Inside this binary, compressed with Zstandard.
    Packed(&'static [u8]),
}

/// Bytes of weights that are inside the binary, at most.
const MOST: usize = 64 << 20;

fn unpack(packed: &[u8]) -> Result<Vec<u8>> {
    let failed = |source| ModelError::Read { path: PathBuf::from(INSIDE), source };
    zstd::bulk::decompress(packed, MOST).map_err(failed)
}

/// What stands for a path where weights are inside the binary.
const INSIDE: &str = "(inside the binary)";

/// A model that can be loaded.
#[derive(Clone, Debug)]
pub struct Model {
    /// What vrseg must know to run it.
    pub manifest: Manifest,
    /// Its weights; they exist, but their checksum was not verified yet.
    pub weights: Weights,
}

impl Model {
    /// Bytes of its weights; 0 where their file can't be accessed, which loading it will report.
    pub fn bytes(&self) -> u64 {
        match &self.weights {
            Weights::File(path) => path.metadata().map_or(0, |m| m.len()),
            Weights::Embedded(bytes) | Weights::Packed(bytes) => bytes.len() as u64,
        }
    }

    /// The model itself if it is one that makes mattes.
    ///
    /// # Errors
    /// It only finds people.
    pub fn require_mattes(self) -> Result<Self> {
        if matches!(self.manifest.kind, Kind::Detector | Kind::Pose) {
            return Err(ModelError::NoMattes { name: self.manifest.name });
        }
        Ok(self)
    }

    /// Reads the weights and compares them with the manifest's checksum: the returned bytes are those that were
    /// checked, whatever happens to the file.
    ///
    /// # Errors
    /// Unreadable weights, or another checksum.
    pub fn load(&self) -> Result<Cow<'static, [u8]>> {
        let (bytes, path): (Cow<'static, [u8]>, _) = match &self.weights {
            Weights::Embedded(bytes) => (Cow::Borrowed(*bytes), PathBuf::from(INSIDE)),
            Weights::Packed(packed) => (Cow::Owned(unpack(packed)?), PathBuf::from(INSIDE)),
            Weights::File(path) => {
                let read = std::fs::read(path).map_err(|source| ModelError::Read { path: path.clone(), source })?;
                (Cow::Owned(read), path.clone())
            }
        };
        self.compare(hex(&Sha256::digest(&bytes)), path)?;
        Ok(bytes)
    }

    /// Compares the weights with the manifest's checksum, without keeping them in memory.
    ///
    /// # Errors
    /// Unreadable weights, or another checksum.
    pub fn verify(&self) -> Result<()> {
        let (found, path) = match &self.weights {
            Weights::Embedded(bytes) => (hex(&Sha256::digest(bytes)), PathBuf::from(INSIDE)),
            Weights::Packed(packed) => (hex(&Sha256::digest(unpack(packed)?)), PathBuf::from(INSIDE)),
            Weights::File(path) => (sha256_of(path)?, path.clone()),
        };
        self.compare(found, path)
    }

    fn compare(&self, found: String, path: PathBuf) -> Result<()> {
        if found.eq_ignore_ascii_case(&self.manifest.sha256) {
            return Ok(());
        }
        let expected = self.manifest.sha256.clone();
        Err(ModelError::Checksum { name: self.manifest.name.clone(), path, found, expected })
    }
}

fn sha256_of(path: &Path) -> Result<String> {
    let fail = |source| ModelError::Read { path: path.to_owned(), source };
    let mut file = std::fs::File::open(path).map_err(fail)?;
    let mut hash = Sha256::new();
    let mut buf = vec![0; 1 << 20];
    loop {
        let n = file.read(&mut buf).map_err(fail)?;
        if n == 0 {
            return Ok(hex(&hash.finalize()));
        }
        hash.update(&buf[..n]);
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
