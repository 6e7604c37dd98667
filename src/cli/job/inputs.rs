//! From what was named on the command line to the list of videos.

use crate::cli::exit::{UsageError, complaints};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use vrseg_media::Sequence;

/// Extensions that make a file in a folder a video.
const EXTENSIONS: &[&str] = &[
    "mp4", "m4v", "mov", "mkv", "webm", "avi", "ts", "mts", "m2ts", "mpg", "mpeg", "vob", "wmv", "asf", "flv", "f4v",
    "ogv", "3gp", "mxf", "insv", "360", "lrv",
];

/// Extensions of pictures.
const PICTURES: &[&str] = &["png", "jpg", "jpeg", "webp", "tif", "tiff", "bmp"];

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Input {
    pub path: PathBuf,
    /// The folder between the named folder and the video; empty for a video that was named itself.
    pub below: PathBuf,
    /// It was found in a folder rather than named.
    pub found: bool,
}

/// Finds the videos: files as they were named, folders walked in the order of names. Folders in
/// `avoid` (canonical; where outputs go) are skipped in a walk that doesn't start there.
///
/// # Errors
/// Lists everything that is missing or can't be read.
pub(crate) fn gather<'a>(
    named: impl IntoIterator<Item = &'a PathBuf>,
    recursive: bool,
    avoid: &[PathBuf],
) -> Result<Vec<Input>, UsageError> {
    let mut found = Vec::new();
    let mut problems = Vec::new();
    for path in named {
        let show = path.display();
        match fs::metadata(path) {
            // A numbered sequence of pictures.
            Err(_) if Sequence::unless_file(path).is_some_and(|sequence| sequence.first().is_some()) => {
                found.push(Input { path: path.clone(), below: PathBuf::new(), found: false });
            }
            Err(e) => problems.push(format!("{show}: {}", reason(&e))),
            Ok(meta) if meta.is_dir() && !recursive => {
                problems.push(format!("{show}: is a folder; add -r to take the videos in it"));
            }
            Ok(meta) if meta.is_dir() => {
                let before = found.len();
                let avoid: Vec<_> = avoid.iter().filter(|a| !path.canonicalize().is_ok_and(|p| p == **a)).collect();
                walk(path, Path::new(""), &avoid, &mut found, &mut problems);
                if found.len() == before && problems.is_empty() {
                    problems.push(format!("{show}: no videos in this folder"));
                }
            }
            Ok(meta) => {
                // Opening tells about permissions; a pipe would block here.
                match meta.is_file().then(|| fs::File::open(path)) {
                    Some(Err(e)) => problems.push(format!("{show}: {}", reason(&e))),
                    _ => found.push(Input { path: path.clone(), below: PathBuf::new(), found: false }),
                }
            }
        }
    }
    if !problems.is_empty() {
        return Err(complaints("some inputs can't be used:", &problems));
    }
    // The same video may be named twice: in a folder and by itself.
    let place = |i: &Input| i.path.canonicalize().unwrap_or_else(|_| i.path.clone());
    let named: HashSet<_> = found.iter().filter(|i| !i.found).map(place).collect();
    let mut seen = HashSet::new();
    found.retain_mut(|i| {
        let place = place(i);
        i.found &= !named.contains(&place);
        seen.insert(place)
    });
    Ok(found)
}

fn walk(dir: &Path, below: &Path, avoid: &[&PathBuf], found: &mut Vec<Input>, problems: &mut Vec<String>) {
    let entries = fs::read_dir(dir).and_then(|entries| entries.collect::<Result<Vec<_>, _>>());
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(e) => return problems.push(format!("{}: {}", dir.display(), reason(&e))),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name());
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // The entry's own type: links to folders are not followed, they could lead in a circle.
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            if !path.canonicalize().is_ok_and(|p| avoid.contains(&&p)) {
                walk(&path, &below.join(name), avoid, found, problems);
            }
        } else if is_video(&path) && path.is_file() {
            found.push(Input { path, below: below.to_owned(), found: true });
        }
    }
}

/// Whether a name is that of a picture, or of a sequence of such.
pub(crate) fn is_picture(path: &Path) -> bool {
    path.extension().and_then(|e| e.to_str()).is_some_and(|e| PICTURES.contains(&e.to_ascii_lowercase().as_str()))
}

fn is_video(path: &Path) -> bool {
    path.extension().and_then(|e| e.to_str()).is_some_and(|e| EXTENSIONS.contains(&e.to_ascii_lowercase().as_str()))
}

/// The system's reason without its number.
pub(crate) fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file or folder".to_owned(),
        std::io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            fs::write(path, b"x").expect("a file");
        }
        dir
    }

    #[test]
    fn folders_are_walked_in_order_of_names() {
        let dir = tree(&["b.MP4", "a.mkv", "notes.txt", "sub/c.mov", ".hidden.mp4", "out/a_green.mp4"]);
        let out = dir.path().join("out").canonicalize().expect("the folder");
        let found = gather(&[dir.path().to_owned()], true, &[out]).expect("videos");
        let names: Vec<_> = found
            .iter()
            .map(|i| i.path.strip_prefix(dir.path()).expect("below").to_string_lossy().into_owned())
            .collect();
        assert_eq!(names, ["a.mkv", "b.MP4", "sub/c.mov"]);
        assert_eq!(found[2].below, Path::new("sub"));
    }

    #[test]
    fn all_missing_inputs_are_listed() {
        let dir = tree(&["a.mp4"]);
        let path = |n: &str| dir.path().join(n);
        let error =
            gather(&[path("x.mp4"), path("a.mp4"), path("y.mp4"), path("")], false, &[]).unwrap_err().to_string();
        assert!(error.contains("x.mp4: no such file") && error.contains("y.mp4: no such") && error.contains("add -r"));
    }

    #[test]
    fn input_named_twice_is_one_job() {
        let dir = tree(&["a.mp4"]);
        let found = gather(&[dir.path().to_owned(), dir.path().join("a.mp4")], true, &[]).expect("videos");
        assert_eq!(found.len(), 1);
    }
}
