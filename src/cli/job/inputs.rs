//! From what was named on the command line to the list of videos.

use crate::cli::exit::{UsageError, complaints};
use crate::cli::near::nearest;
use crate::cli::quote;
use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::FileTypeExt;
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
            Err(e) => problems.push(missing(path, &e)),
            Ok(meta) if is_pipe(&meta) => problems.push(pipe(path)),
            Ok(meta) if meta.is_dir() && !recursive => {
                problems.push(format!("{show}: is a folder; add -r to process its videos"));
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
                // Opening shows missing permissions; a pipe would block here.
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

/// Whether a word has the ending of a video or picture.
pub(crate) fn looks_like_media(word: &str) -> bool {
    let path = Path::new(word);
    is_video(path) || is_picture(path)
}

/// Checks that a file that was named is there; otherwise the same answer everywhere.
///
/// # Errors
/// It isn't, or it is a folder or pipe.
pub(crate) fn check_file(path: &Path) -> Result<(), UsageError> {
    match fs::metadata(path) {
        Err(_) if Sequence::unless_file(path).is_some_and(|sequence| sequence.first().is_some()) => Ok(()),
        Err(e) => Err(UsageError(missing(path, &e))),
        Ok(meta) if meta.is_dir() => Err(UsageError(format!("{}: is a folder; name a file in it", path.display()))),
        Ok(meta) if is_pipe(&meta) => Err(UsageError(pipe(path))),
        Ok(_) => Ok(()),
    }
}

/// What to say about a file that can't be found: what it is instead, or what was meant.
fn missing(path: &Path, error: &std::io::Error) -> String {
    let (show, text) = (path.display(), path.to_string_lossy());
    if error.kind() != std::io::ErrorKind::NotFound {
        return format!("{show}: {}", reason(error));
    }
    if text.contains("://") {
        let url = quote::quoted(path.as_os_str());
        return format!(
            "{show}: is a URL, and vrseg reads files and standard input; download it first\n  \
             try: ffmpeg -i {url} -c copy -f matroska - | vrseg - -o out.mp4"
        );
    }
    if let [drive, b':', b'\\', rest @ ..] = text.as_bytes()
        && drive.is_ascii_alphabetic()
    {
        let rest = String::from_utf8_lossy(rest).replace('\\', "/");
        let drive = char::from(drive.to_ascii_lowercase());
        return format!("{show}: is a Windows path; in WSL that file is /mnt/{drive}/{rest}");
    }
    if text.starts_with('-') {
        return format!("{show}: {}; behind -- every word is an input", reason(error));
    }
    let near = beside(path).map(|near| format!("; did you mean {}?", quote::quoted(near.as_os_str())));
    format!("{show}: {}{}", reason(error), near.unwrap_or_default())
}

/// A file of the same folder whose name differs in case only, or by a slip.
pub(crate) fn beside(path: &Path) -> Option<PathBuf> {
    let typed = path.file_name()?.to_str()?;
    // Quotation marks of a word processor are part of the name.
    let name = typed.trim_matches(['\u{201c}', '\u{201d}', '\u{2018}', '\u{2019}', '"', '\'']);
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty());
    let entries = fs::read_dir(parent.unwrap_or(Path::new("."))).ok()?;
    let names: Vec<String> = entries.filter_map(|e| e.ok()?.file_name().into_string().ok()).collect();
    let same = names.iter().find(|other| other.to_lowercase() == name.to_lowercase()).map(String::as_str);
    let near = same.or_else(|| nearest(name, names.iter().map(String::as_str)))?;
    Some(parent.map_or_else(|| PathBuf::from(near), |parent| parent.join(near)))
}

fn is_pipe(meta: &fs::Metadata) -> bool {
    let kind = meta.file_type();
    kind.is_fifo() || kind.is_socket() || kind.is_char_device()
}

fn pipe(path: &Path) -> String {
    let (show, quoted) = (path.display(), quote::quoted(path.as_os_str()));
    format!(
        "{show}: is a pipe or device, and a video is read more than once; pass it through standard input\n  \
         try: cat {quoted} | vrseg - -o out.mp4"
    )
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
