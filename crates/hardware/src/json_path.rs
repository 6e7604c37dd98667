//! Paths in JSON. Linux names are bytes, JSON is Unicode: what is not UTF-8 becomes U+FFFD, as with
//! `Path::display`, where serde would refuse the whole object.

use serde::Serializer;
use std::path::Path;

/// Serializes a path, for `#[serde(serialize_with = "json_path::lossy")]`.
///
/// # Errors
/// The serializer's own.
pub fn lossy<S: Serializer>(path: &impl AsRef<Path>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.as_ref().display())
}

/// Serializes a path that may be absent, as `null`.
///
/// # Errors
/// The serializer's own.
pub fn lossy_option<S: Serializer>(path: &Option<impl AsRef<Path>>, serializer: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => lossy(path, serializer),
        None => serializer.serialize_none(),
    }
}

/// Serializes a path so that it can be read again, whatever its bytes: for `#[serde(with = "json_path::exact")]`. What
/// is not UTF-8 is an array of bytes.
pub mod exact {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::ffi::OsString;
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    use std::path::{Path, PathBuf};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        Text(PathBuf),
        Bytes(Vec<u8>),
    }

    /// Serializes it.
    ///
    /// # Errors
    /// The serializer's own.
    pub fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        match path.to_str() {
            Some(text) => serializer.serialize_str(text),
            None => path.as_os_str().as_bytes().serialize(serializer),
        }
    }

    /// Reads it.
    ///
    /// # Errors
    /// It is neither a text nor bytes.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        Ok(match Written::deserialize(deserializer)? {
            Written::Text(path) => path,
            Written::Bytes(bytes) => OsString::from_vec(bytes).into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::PathBuf;

    #[test]
    fn exact_paths_come_back() {
        #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        struct File {
            #[serde(with = "super::exact")]
            path: PathBuf,
        }
        for (bytes, text) in [(&b"a/\xc3\xa4"[..], "{\"path\":\"a/ä\"}"), (b"a\xff", "{\"path\":[97,255]}")] {
            let file = File { path: OsStr::from_bytes(bytes).into() };
            assert_eq!(serde_json::to_string(&file).expect("JSON"), text);
            assert_eq!(serde_json::from_str::<File>(text).expect("a file"), file);
        }
    }

    #[test]
    fn invalid_utf8_in_paths_becomes_replacement_characters() {
        #[derive(serde::Serialize)]
        struct File {
            #[serde(serialize_with = "super::lossy")]
            path: PathBuf,
            #[serde(serialize_with = "super::lossy_option")]
            other: Option<PathBuf>,
            #[serde(serialize_with = "super::lossy_option")]
            none: Option<PathBuf>,
        }
        let file = File { path: OsStr::from_bytes(b"a\xff\"b").into(), other: Some("ä".into()), none: None };
        let text = serde_json::to_string(&file).expect("JSON");
        assert_eq!(text, "{\"path\":\"a\u{fffd}\\\"b\",\"other\":\"ä\",\"none\":null}");
    }
}
