//! Which models there are, and where their weights lie.

use super::error::{ModelError, Result};
use super::manifest::{Kind, Manifest};
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Manifests that are built in, in the order in which `vrseg models` shows them.
const BUILT_IN: &[(&str, &str)] = &[
    ("configs/models/selfie.yaml", include_str!("../../../configs/models/selfie.yaml")),
    ("configs/models/selfie-landscape.yaml", include_str!("../../../configs/models/selfie-landscape.yaml")),
    ("configs/models/rvm.yaml", include_str!("../../../configs/models/rvm.yaml")),
    ("configs/models/blazepose.yaml", include_str!("../../../configs/models/blazepose.yaml")),
    ("configs/models/u2netp.yaml", include_str!("../../../configs/models/u2netp.yaml")),
    ("configs/models/u2net.yaml", include_str!("../../../configs/models/u2net.yaml")),
    ("configs/models/isnet.yaml", include_str!("../../../configs/models/isnet.yaml")),
    ("configs/models/nanodet.yaml", include_str!("../../../configs/models/nanodet.yaml")),
];

/// The default model's weights, where the build put them into the binary.
#[cfg(embedded_model)]
const EMBEDDED_SELFIE: Option<&[u8]> = Some(include_bytes!(concat!(env!("OUT_DIR"), "/selfie.onnx")));
#[cfg(not(embedded_model))]
const EMBEDDED_SELFIE: Option<&[u8]> = None;

/// Weights of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Weights {
    /// A file.
    File(PathBuf),
    /// Inside this binary.
    Embedded(&'static [u8]),
}

/// A model that can be loaded.
#[derive(Clone, Debug)]
pub struct Model {
    /// Its manifest.
    pub manifest: Manifest,
    /// Its weights; they exist, but their checksum was not looked at yet.
    pub weights: Weights,
}

/// Folder of everything that `setup.sh` installs: `$VRSEG_DATA_DIR`, else `$XDG_DATA_HOME/vrseg`,
/// else `~/.local/share/vrseg`.
pub fn data_dir() -> PathBuf {
    let var = |n: &str| std::env::var_os(n).filter(|v| !v.is_empty()).map(PathBuf::from);
    var("VRSEG_DATA_DIR")
        .or_else(|| var("XDG_DATA_HOME").filter(|p| p.is_absolute()).map(|p| p.join("vrseg")))
        .unwrap_or_else(|| var("HOME").unwrap_or_default().join(".local/share/vrseg"))
}

/// Every built-in manifest.
///
/// # Errors
/// Only when a built-in manifest is wrong, which a test rules out.
pub fn built_in() -> Result<Vec<Manifest>> {
    BUILT_IN.iter().map(|(path, text)| Manifest::parse(text, Path::new(path))).collect()
}

/// Finds a model by name, or reads a manifest when `name` ends in `.yaml` or `.yml`.
///
/// # Errors
/// An unknown name, a bad manifest, or weights that are not there.
pub fn find(name: &str) -> Result<Model> {
    if name.ends_with(".yaml") || name.ends_with(".yml") {
        let path = Path::new(name);
        let text = manifest_text(path).map_err(|what| ModelError::Manifest { path: path.to_owned(), what })?;
        let manifest = Manifest::parse(&text, path)?;
        let file = path.parent().unwrap_or(Path::new("")).join(&manifest.file);
        if !file.is_file() {
            let mend = format!("put it there or correct `file` in {name}");
            return Err(ModelError::MissingWeights { name: manifest.name, path: file, mend });
        }
        return Ok(Model { manifest, weights: Weights::File(file) });
    }
    let all = built_in()?;
    let Some(manifest) = all.iter().find(|m| m.name == name).cloned() else {
        let known = all.iter().map(|m| m.name.as_str()).collect::<Vec<_>>().join(", ");
        return Err(ModelError::Unknown { name: name.to_owned(), known });
    };
    let file = data_dir().join("models").join(&manifest.file);
    if file.is_file() {
        return Ok(Model { manifest, weights: Weights::File(file) });
    }
    if let (true, Some(bytes)) = (manifest.name == "selfie", EMBEDDED_SELFIE) {
        return Ok(Model { manifest, weights: Weights::Embedded(bytes) });
    }
    let mend = format!("`./setup.sh --models {name}` fetches it, `vrseg models` lists what is installed");
    Err(ModelError::MissingWeights { name: manifest.name, path: file, mend })
}

/// A manifest is a page of text; more than that is read by nobody.
fn manifest_text(path: &Path) -> std::result::Result<String, String> {
    const MOST: u64 = 1 << 20;
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|e| e.to_string())?;
    file.take(MOST + 1).read_to_string(&mut text).map_err(|e| e.to_string())?;
    if text.len() as u64 > MOST { Err("it is larger than 1 MB: is it a manifest?".to_owned()) } else { Ok(text) }
}

/// The first model of `names` whose weights are there.
///
/// # Errors
/// As [`find`] for the last name when none is there; a name that does not exist at once.
pub fn find_first(names: &[String]) -> Result<Model> {
    let mut last = None;
    for name in names {
        match find(name) {
            Ok(m) => return Ok(m),
            Err(e @ ModelError::MissingWeights { .. }) => last = Some(e),
            Err(e) => return Err(e),
        }
    }
    Err(last.unwrap_or(ModelError::Unknown { name: String::new(), known: "(the list of models is empty)".into() }))
}

impl Model {
    /// Bytes of its weights; 0 where their file can't be looked at, which loading it will tell.
    pub fn bytes(&self) -> u64 {
        match &self.weights {
            Weights::File(path) => path.metadata().map_or(0, |m| m.len()),
            Weights::Embedded(bytes) => bytes.len() as u64,
        }
    }

    /// The model itself, unless it makes no mattes.
    ///
    /// # Errors
    /// It is a detector.
    pub fn for_mattes(self) -> Result<Self> {
        if self.manifest.kind == Kind::Detector {
            return Err(ModelError::NoMattes { name: self.manifest.name });
        }
        Ok(self)
    }

    /// Reads the weights and compares them with the manifest's checksum: what is returned is what was
    /// checked, whatever happens to the file.
    ///
    /// # Errors
    /// Unreadable weights, or another checksum.
    pub fn load(&self) -> Result<Cow<'static, [u8]>> {
        let (bytes, path): (Cow<'static, [u8]>, _) = match &self.weights {
            Weights::Embedded(bytes) => (Cow::Borrowed(*bytes), PathBuf::from("(inside the binary)")),
            Weights::File(path) => {
                let read = std::fs::read(path).map_err(|source| ModelError::Read { path: path.clone(), source })?;
                (Cow::Owned(read), path.clone())
            }
        };
        self.compare(hex(&Sha256::digest(&bytes)), path)?;
        Ok(bytes)
    }

    /// Compares the weights with the manifest's checksum.
    ///
    /// # Errors
    /// Unreadable weights, or another checksum.
    pub fn verify(&self) -> Result<()> {
        let (found, path) = match &self.weights {
            Weights::Embedded(bytes) => (hex(&Sha256::digest(bytes)), PathBuf::from("(inside the binary)")),
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

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_manifests_are_sound() {
        let all = built_in().unwrap();
        assert_eq!(all.len(), BUILT_IN.len());
        for (m, (path, _)) in all.iter().zip(BUILT_IN) {
            assert_eq!(format!("configs/models/{}.yaml", m.name), *path);
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let e = find("rvn").unwrap_err().to_string();
        assert!(e.contains("selfie, ") && e.contains("rvm"), "{e}");
    }

    #[test]
    fn a_manifest_of_ones_own_is_checked_against_its_weights() {
        let dir = tempfile::tempdir().unwrap();
        let yaml = dir.path().join("mine.yaml");
        let text = include_str!("../../../configs/models/selfie.yaml");
        std::fs::write(&yaml, text).unwrap();
        let name = yaml.to_str().unwrap();
        assert!(find(name).unwrap_err().to_string().contains("put it there"));
        let m = Manifest::parse(text, &yaml).unwrap();
        std::fs::write(dir.path().join(&m.file), b"not weights").unwrap();
        let e = find(name).unwrap().verify().unwrap_err().to_string();
        assert!(e.contains("sha256") && e.contains(&m.sha256), "{e}");
    }
}
