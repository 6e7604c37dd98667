//! What stands before an output's path: its mode, and settings of its own.

use crate::cli::args::Overrides;
use crate::cli::exit::UsageError;
use crate::cli::quote::quoted;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use vrseg_engine::settings::schema::{self, Instead, MODES};

/// The settings that an output may have by itself, by the words before its path.
const KEYS: &[(&str, &str)] = &[
    ("codec", "output.codec"),
    ("encoder", "output.encoder"),
    ("crf", "output.crf"),
    ("preset", "output.preset"),
    ("bitrate", "output.bitrate"),
    ("pix_fmt", "output.pix_fmt"),
    ("scale", "output.scale"),
];

/// `[MODE[:KEY=VALUE,...]=]PATH` in its parts.
#[derive(Debug)]
pub(super) struct OutputSpec<'a> {
    pub mode: Option<&'static str>,
    pub own: Overrides,
    pub path: &'a OsStr,
}

impl<'a> OutputSpec<'a> {
    /// Reads an output. A word of two letters or more before a `=` is a mode or an error: `./word=PATH` is a file of
    /// that name.
    ///
    /// # Errors
    /// A text that says what to type.
    pub(super) fn read(text: &'a Path) -> Result<Self, UsageError> {
        let bytes = text.as_os_str().as_bytes();
        let end = bytes.iter().position(|b| !(b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')));
        let plain = OutputSpec { mode: None, own: Vec::new(), path: text.as_os_str() };
        let wrong = |why: String| UsageError(format!("--output {}: {why}", text.display()));
        let Some(end) = end else { return Ok(plain) };
        let word = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let rest = OsStr::from_bytes(&bytes[end + 1..]);
        if bytes[end..].starts_with(b"://") {
            let url = quoted(text.as_os_str());
            return Err(wrong(format!(
                "is a URL, and outputs are files or standard output\n  \
                 try: vrseg IN.mp4 -o - --format mpegts | ffmpeg -i - -c copy -f flv {url}"
            )));
        }
        let mode = MODES.iter().copied().find(|mode| *mode == word.to_lowercase());
        match (bytes[end], mode) {
            (b':', None) if word.is_empty() => {
                let rest = rest.to_string_lossy();
                Err(wrong(format!(
                    "a path doesn't begin with a colon; -o {rest}, or ./:{rest} for a file of that name"
                )))
            }
            (b'=', Some(mode)) => {
                one_path(rest, mode).map_err(wrong)?;
                Ok(OutputSpec { mode: Some(mode), own: Vec::new(), path: rest })
            }
            (b':', Some(mode)) => {
                let (own, path) = settings(rest, mode).map_err(wrong)?;
                one_path(path, mode).map_err(wrong)?;
                Ok(OutputSpec { mode: Some(mode), own, path })
            }
            (b'=', None) if word.len() > 1 => Err(wrong(no_mode(&word, text))),
            (b':', None) if meant(&word).is_some() => Err(wrong(no_mode(&word, text))),
            _ => Ok(plain),
        }
    }
}

/// The words of `-o` that were meant by a value that is refused, one for each output; nothing where nobody can tell.
pub(crate) fn corrected(text: &Path) -> Option<Vec<String>> {
    OutputSpec::read(text).err()?;
    let text = text.to_str()?;
    let mode = |word: &str| {
        let exact = MODES.iter().find(|mode| **mode == word.to_lowercase()).map(|mode| (*mode).to_owned());
        exact.or_else(|| meant(word))
    };
    let all: Option<Vec<String>> = match text.split_once('=') {
        Some(_) => text
            .split(',')
            .map(|part| {
                let (word, path) = part.split_once('=')?;
                Some(format!("{}={path}", mode(word).filter(|_| !word.contains(':'))?))
            })
            .collect(),
        None => text.split_once(':').and_then(|(word, path)| Some(vec![format!("{}={path}", mode(word)?)])),
    };
    all.filter(|all| all.iter().all(|one| OutputSpec::read(Path::new(one)).is_ok()))
}

/// The mode that a word means which is none.
fn meant(word: &str) -> Option<String> {
    match schema::find("output.mode")?.instead(word)? {
        Instead::Value(mode) => Some(mode),
        Instead::Options(_) => None,
    }
}

fn no_mode(word: &str, text: &Path) -> String {
    if KEYS.iter().any(|(key, _)| *key == word) {
        return format!("{word} follows a mode: -o green:{}", text.display());
    }
    let near = meant(word).map(|near| format!("; did you mean {near}?")).unwrap_or_default();
    format!("there is no mode {word}{near}\n  modes: {}; a file of that name is ./{}", MODES.join(", "), text.display())
}

/// Settings behind a mode's colon, and the path behind the `=` that ends them.
fn settings<'a>(text: &'a OsStr, mode: &str) -> Result<(Overrides, &'a OsStr), String> {
    let mut own = Overrides::new();
    let mut rest = text.as_bytes();
    let joined = || format!("a mode is joined with =: -o {mode}={}", text.to_string_lossy());
    loop {
        let at = rest.iter().position(|b| *b == b'=').ok_or_else(joined)?;
        let key = String::from_utf8_lossy(&rest[..at]).into_owned();
        let Some((_, name)) = KEYS.iter().find(|(known, _)| *known == key.replace('-', "_")) else {
            let all: Vec<_> = KEYS.iter().map(|(key, _)| *key).collect();
            let first = own.is_empty() && key.contains(['.', '/']);
            return Err(if first {
                joined()
            } else {
                format!("{key} is not a setting of an output; settings: {}", all.join(", "))
            });
        };
        rest = &rest[at + 1..];
        // ffmpeg separates options of a filter or muxer by colons.
        let end = rest.iter().position(|b| matches!(b, b',' | b':' | b'='));
        let end = end.ok_or_else(|| format!("the path is missing; -o {mode}:{key}=VALUE=PATH"))?;
        let value = String::from_utf8_lossy(&rest[..end]).into_owned();
        let parsed = schema::find(name).ok_or_else(String::new)?.parse(&value).map_err(|e| format!("{key}: {e}"))?;
        own.push((*name, "--output", parsed));
        let ends = rest[end] == b'=';
        rest = &rest[end + 1..];
        if ends {
            return Ok((own, OsStr::from_bytes(rest)));
        }
    }
}

/// Refuses another mode behind a comma: each output has a `-o` of its own.
fn one_path(path: &OsStr, mode: &str) -> Result<(), String> {
    let text = path.to_string_lossy();
    let mut parts = text.split(',');
    let first = parts.next().unwrap_or_default();
    let is_output =
        |part: &str| part.split_once('=').is_some_and(|(word, _)| MODES.contains(&word.to_lowercase().as_str()));
    let others: Vec<&str> = parts.filter(|part| is_output(part)).collect();
    if others.is_empty() {
        return Ok(());
    }
    let each: String = others.iter().map(|other| format!(" -o {other}")).collect();
    Err(format!("each output has its own -o: -o {mode}={first}{each}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<(Option<&'static str>, String, String), String> {
        let spec = OutputSpec::read(Path::new(text)).map_err(|e| e.to_string())?;
        let own: Vec<_> = spec.own.iter().map(|(name, _, value)| format!("{name} {value}")).collect();
        Ok((spec.mode, own.join(", "), spec.path.to_string_lossy().into_owned()))
    }

    #[test]
    fn modes_are_read_in_any_case() {
        let plain = |mode, path: &str| Ok((mode, String::new(), path.to_owned()));
        assert_eq!(read("ALPHA=out.mov"), plain(Some("alpha"), "out.mov"));
        assert_eq!(read("./mask=out.mp4"), plain(None, "./mask=out.mp4"));
        assert_eq!(read("C:out.mp4"), plain(None, "C:out.mp4"));
        assert_eq!(read("out.mp4"), plain(None, "out.mp4"));
        assert_eq!(read("matte=a,b=c.mkv"), plain(Some("matte"), "a,b=c.mkv"));
    }

    #[test]
    fn outputs_have_settings_of_their_own() {
        let own = |text: &str| read(text).map(|(mode, own, path)| format!("{mode:?} [{own}] {path}"));
        assert_eq!(own("matte:codec=ffv1=m.mkv"), Ok("Some(\"matte\") [output.codec \"ffv1\"] m.mkv".to_owned()));
        assert_eq!(
            own("green:codec=h265,crf=20=a=b.mp4"),
            Ok("Some(\"green\") [output.codec \"hevc\", output.crf 20.0] a=b.mp4".to_owned())
        );
        assert_eq!(own("green:codec=h265:crf=20=a=b.mp4"), own("green:codec=h265,crf=20=a=b.mp4"));
        assert!(own("green:crf=200=a.mp4").is_err_and(|e| e.contains("crf: expected a number from 0 to 63")));
        assert!(own("green:gop=2=a.mp4").is_err_and(|e| e.contains("settings: codec, encoder, crf")));
        assert!(own("green:crf=20").is_err_and(|e| e.contains("the path is missing")));
    }

    #[test]
    fn refused_outputs_are_corrected() {
        let fixed = |text: &str| corrected(Path::new(text)).unwrap_or_default().join(" ");
        assert_eq!(fixed("mask=out.mp4"), "matte=out.mp4");
        assert_eq!(fixed("ALPAH=a.webm"), "alpha=a.webm");
        assert_eq!(fixed("matte:out.mp4"), "matte=out.mp4");
        assert_eq!(fixed("green=a.mp4,matte=b.mp4"), "green=a.mp4 matte=b.mp4");
        assert_eq!(fixed("holiday=a.mp4") + &fixed("matte=fine.mp4") + &fixed("matte:codec=x=a.mp4"), "");
    }

    #[test]
    fn words_that_are_no_modes_are_refused() {
        for (text, want) in [
            ("mask=out.mp4", "there is no mode mask; did you mean matte?"),
            ("alpah=a.webm", "did you mean alpha?"),
            ("holiday=a.webm", "a file of that name is ./holiday=a.webm"),
            ("matte:out.mp4", "a mode is joined with =: -o matte=out.mp4"),
            ("mask:out.mp4", "did you mean matte?"),
            ("codec=ffv1=a.mkv", "codec follows a mode: -o green:codec=ffv1=a.mkv"),
            ("green=a.mp4,matte=b.mp4", "each output has its own -o: -o green=a.mp4 -o matte=b.mp4"),
            ("rtmp://host/live", "is a URL"),
            (":out.mp4", "-o out.mp4, or ./:out.mp4"),
        ] {
            assert!(read(text).is_err_and(|e| e.contains(want)), "{text}: {:?}", read(text));
        }
    }
}
