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

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::path::PathBuf;

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
