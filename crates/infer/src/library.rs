//! Models that users add to their folder, and remove from it.

use crate::error::{ModelError, Result};
use crate::manifest::{Manifest, schema};
use crate::models::weights::{Model, Weights};
use crate::registry;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// File beside the manifests with their schema.
const SCHEMA: &str = "manifest.schema.json";

/// How the weights get into the models' folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placing {
    /// A copy.
    Copy,
    /// A symbolic link to where they are.
    Link,
}

/// Weights that were put into the models' folder but are no model yet: without [`Staged::keep`] they are removed again.
#[derive(Debug)]
pub struct Staged {
    /// The model as it would be.
    pub model: Model,
    weights: PathBuf,
    kept: bool,
}

/// Checks that a name suits a model: its file is called so.
///
/// # Errors
/// As a text for users.
pub fn check_name(name: &str) -> std::result::Result<(), String> {
    let fine = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    let first = name.bytes().next();
    if name.len() > 64 || !name.bytes().all(fine) || !first.is_some_and(|b| b.is_ascii_alphanumeric()) {
        return Err(format!("{name:?} is not a valid model name: use at most 64 letters, digits, -, _ and ."));
    }
    if [".yaml", ".yml"].iter().any(|end| name.ends_with(end)) {
        return Err(format!("{name:?} is not a valid model name: it looks like a manifest's path"));
    }
    let file = format!("{name}.onnx");
    if registry::built_in().is_ok_and(|all| all.iter().any(|m| m.name == name || m.file == file)) {
        return Err(format!("{name} is the name of a built-in model or of its file; choose another with --name"));
    }
    Ok(())
}

/// A name for a model made of a file's.
pub fn name_of(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().to_lowercase();
    let letters = stem.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' });
    let name: String =
        letters.collect::<String>().split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    let name = name.trim_matches('.');
    if name.is_empty() { "model".to_owned() } else { name.chars().take(64).collect() }
}

/// Path of the manifest that a model of this name has.
pub fn manifest_path(name: &str) -> PathBuf {
    registry::models_dir().join(format!("{name}.yaml"))
}

/// Whether users added a model of this name.
pub fn is_added(name: &str) -> bool {
    check_name(name).is_ok() && manifest_path(name).is_file()
}

impl Staged {
    /// Puts the weights at `source` into the models' folder under the manifest's name.
    ///
    /// # Errors
    /// Files that can't be read or written.
    pub fn new(source: &Path, manifest: Manifest, placing: Placing) -> Result<Self> {
        let folder = registry::models_dir();
        let weights = folder.join(&manifest.file);
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| ModelError::Write { path, source }
        };
        fs::create_dir_all(&folder).map_err(failed(&folder))?;
        if weights.exists() {
            return Err(failed(&weights)(std::io::Error::new(std::io::ErrorKind::AlreadyExists, "it exists already")));
        }
        let temporary = folder.join(format!(".{}.adding-{}", manifest.file, std::process::id()));
        let place = || -> std::io::Result<()> {
            match placing {
                Placing::Copy => fs::copy(source, &temporary).map(drop)?,
                Placing::Link => std::os::unix::fs::symlink(fs::canonicalize(source)?, &temporary)?,
            }
            fs::rename(&temporary, &weights)
        };
        if let Err(e) = place() {
            let _ = fs::remove_file(&temporary);
            return Err(failed(&weights)(e));
        }
        let model = Model { manifest, weights: Weights::File(weights.clone()) };
        Ok(Self { model, weights, kept: false })
    }

    /// Writes the manifest, which makes a model of it; `remarks` stand above it as comments.
    ///
    /// # Errors
    /// Files that can't be written.
    pub fn keep(mut self, remarks: &[String]) -> Result<PathBuf> {
        let path = manifest_path(&self.model.manifest.name);
        // Editors that know YAML complete and check by the schema that the first line names.
        write_whole(&registry::models_dir().join(SCHEMA), &schema())?;
        let first = format!("yaml-language-server: $schema={SCHEMA}");
        let comments: String = std::iter::once(&first).chain(remarks).map(|line| format!("# {line}\n")).collect();
        write_whole(&path, &(comments + &self.model.manifest.to_yaml()))?;
        self.kept = true;
        Ok(path)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if !self.kept {
            let _ = fs::remove_file(&self.weights);
        }
    }
}

/// Writes a file whole or not at all.
///
/// # Errors
/// Files that can't be written.
pub fn write_whole(path: &Path, text: &str) -> Result<()> {
    let failed = |source| ModelError::Write { path: path.to_owned(), source };
    let temporary = path.with_extension(format!("new-{}", std::process::id()));
    let write = || -> std::io::Result<()> {
        let mut file = fs::File::create(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().map_err(|e| {
        let _ = fs::remove_file(&temporary);
        failed(e)
    })
}

/// Removes a model that a user added: its manifest and its weights (of a link, the link). Returns the paths.
///
/// # Errors
/// No such model, a built-in one, or files that can't be removed.
pub fn remove(name: &str) -> Result<Vec<PathBuf>> {
    let path = manifest_path(name);
    if !is_added(name) {
        registry::find(name)?;
        return Err(ModelError::BuiltIn { name: name.to_owned() });
    }
    let mut gone = Vec::new();
    let text = fs::read_to_string(&path).map_err(|source| ModelError::Read { path: path.clone(), source })?;
    // A manifest that can't be read has no weights that are known to be its own.
    let weights = Manifest::parse(&text, &path).ok().map(|m| registry::models_dir().join(m.file));
    for file in std::iter::once(path.clone()).chain(weights) {
        match fs::remove_file(&file) {
            Ok(()) => gone.push(file),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(ModelError::Write { path: file, source }),
        }
    }
    Ok(gone)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_made_of_files() {
        for (file, name) in [
            ("/x/RVM_MobileNetV3 fp32.onnx", "rvm-mobilenetv3-fp32"),
            ("isnet-general-use.onnx", "isnet-general-use"),
            ("rmbg-1.4.onnx", "rmbg-1.4"),
            ("....onnx", "model"),
            ("\u{e4}.onnx", "model"),
        ] {
            assert_eq!(name_of(Path::new(file)), name, "{file}");
            assert!(check_name(name).is_ok());
        }
        for bad in ["", "-x", "a/b", "rvm", "x.yaml", "..", "a b"] {
            assert!(check_name(bad).is_err(), "{bad}");
        }
    }
}
