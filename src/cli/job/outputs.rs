//! `-o [MODE[:KEY=VALUE,...]=]PATH`: where an output goes, and what its file is named.

use super::inputs::{Input, is_picture};
use super::output_modes::OutputSpec;
use super::stdin::STDIN;
use crate::cli::args::Overrides;
use crate::cli::exit::UsageError;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use vrseg_hardware::file_name::{LONGEST, fitted};
use vrseg_image::vr::{Format, names};

/// Containers that can carry a real alpha channel with the codecs that vrseg writes.
const ALPHA_EXTENSIONS: &[&str] = &["mov", "webm", "mkv", "png", "webp", "tif", "tiff"];

/// Bytes to which stems are not shortened.
const SHORTEST: usize = 24;

/// What one `-o` asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OutputRequest {
    /// The mode that it names.
    pub mode: Option<&'static str>,
    pub path: PathBuf,
    /// Whether `path` is a folder.
    pub folder: bool,
    /// Settings of this output alone.
    pub own: Overrides,
}

impl OutputRequest {
    /// Reads `[MODE[:KEY=VALUE,...]=]PATH`. `-` is standard output, in that `format` (FFmpeg's word).
    ///
    /// # Errors
    /// When the path is empty, or a file name without an extension; when what stands before it is no mode.
    pub(crate) fn parse(text: &Path, format: &str) -> Result<OutputRequest, UsageError> {
        let OutputSpec { mode, own, path: rest } = OutputSpec::read(text)?;
        let path = PathBuf::from(rest);
        if rest.is_empty() {
            return Err(UsageError(format!("--output {}: the path is empty", text.display())));
        }
        if rest == STDIN {
            return Ok(OutputRequest {
                mode,
                path: vrseg_media::stdout_path(extension_of(format)),
                folder: false,
                own,
            });
        }
        let rest = rest.as_bytes();
        let folder = rest.ends_with(b"/") || path.is_dir();
        if !folder && path.extension().is_none() {
            return Err(UsageError(format!(
                "--output {}: the name has no extension (.mp4, .mkv, .mov, .webm, .png) that selects a container; end the name of a new folder with /",
                path.display()
            )));
        }
        Ok(OutputRequest { mode, path, folder, own })
    }

    /// The file that `input` becomes. `made` is the format of the output, where its name has to tell
    /// it to players.
    ///
    /// # Errors
    /// When `pattern` is wrong, or the extension can't carry the mode.
    pub(crate) fn file(
        &self,
        input: &Input,
        mode: &str,
        made: Option<&Format>,
        pattern: &str,
        profile: &str,
    ) -> Result<PathBuf, UsageError> {
        let path = if self.folder {
            let ext = match (is_picture(&input.path), mode) {
                (true, _) => "png",
                (false, "alpha") => "mov",
                _ => "mp4",
            };
            let stem = input.path.file_stem().unwrap_or_default();
            let filled = match made {
                // The tokens that players go by instead of the mode's word, and none of the source's.
                Some(format) => {
                    let (stem, tokens) = named(stem, format);
                    fill_to_fit(pattern, &stem, &tokens, ext, profile)?
                }
                None => fill_to_fit(pattern, stem, mode, ext, profile)?,
            };
            self.path.join(&input.below).join(filled)
        } else {
            self.path.clone()
        };
        let ext = extension(&path);
        if mode == "alpha" && !carries_alpha(&path) {
            return Err(UsageError(format!(
                "{}: .{ext} carries no alpha channel; use .mov (ProRes 4444), .webm (VP9), .mkv (FFV1), or .png for pictures",
                path.display()
            )));
        }
        Ok(path)
    }
}

/// The name by which players recognize a file of `format` that comes from `source`, and that ends as `path` does.
pub(super) fn recognized(source: &Path, path: &Path, format: &Format) -> PathBuf {
    let (mut name, tokens) = named(source.file_stem().unwrap_or_default(), format);
    name.push("_");
    name.push(tokens);
    if let Some(ext) = path.extension() {
        name.push(".");
        name.push(ext);
    }
    path.with_file_name(name)
}

/// The extension that stands for FFmpeg's name of a container.
fn extension_of(format: &str) -> &str {
    match format {
        "matroska" => "mkv",
        "mpegts" => "ts",
        own => own,
    }
}

/// A source's stem without its tokens, and the tokens of `format`: with a `_` between them they are
/// a name that players read as that format. A picture without packed alpha has a key color.
fn named(stem: &OsStr, format: &Format) -> (OsString, String) {
    let keyed = !format.alpha_packed;
    let tokens = names::tokens(format) + if keyed { "_passthrough" } else { "" };
    let mut bare = names::name(stem, format, keyed).into_vec();
    bare.truncate(bare.len().saturating_sub(tokens.len()));
    // A name of nothing but tokens: files of a folder would all have the same one.
    let bare = if bare == names::NAMELESS.as_bytes() { stem.to_owned() } else { OsString::from_vec(bare) };
    (bare, tokens.trim_start_matches('_').to_owned())
}

/// Whether files of that name can have a real alpha channel.
pub(crate) fn carries_alpha(path: &Path) -> bool {
    ALPHA_EXTENSIONS.contains(&extension(path).as_str())
}

/// The extension in lower case.
pub(super) fn extension(path: &Path) -> String {
    path.extension().map(|e| e.to_string_lossy().to_lowercase()).unwrap_or_default()
}

/// Fills a pattern with as much of the stem as the folder takes.
fn fill_to_fit(pattern: &str, stem: &OsStr, mode: &str, ext: &str, profile: &str) -> Result<PathBuf, UsageError> {
    let mut stem_bytes = stem.len();
    loop {
        let path = fill(pattern, &fitted(stem, stem_bytes), mode, ext, profile)?;
        let longest = path.components().map(|c| c.as_os_str().len()).max().unwrap_or(0);
        let excess = longest.saturating_sub(LONGEST);
        if excess == 0 || stem_bytes <= SHORTEST {
            return Ok(path);
        }
        // A pattern may have the stem in it more than once; then this comes again.
        let most = stem_bytes - stem_bytes.min(excess).min(stem_bytes / 4 + 1);
        stem_bytes = most.max(SHORTEST);
    }
}

/// Fills `{stem}`, `{mode}`, `{ext}` and `{profile}` into a pattern of file names.
fn fill(pattern: &str, stem: &OsStr, mode: &str, ext: &str, profile: &str) -> Result<PathBuf, UsageError> {
    let wrong = |why: String| UsageError(format!("name pattern \"{pattern}\": {why}"));
    let mut name = Vec::new();
    let mut rest = pattern;
    while let Some((before, after)) = rest.split_once('{') {
        let (word, after) = after.split_once('}').ok_or_else(|| wrong("a { without its }".to_owned()))?;
        name.extend_from_slice(before.as_bytes());
        name.extend_from_slice(match word {
            "stem" => stem.as_bytes(),
            "mode" => mode.as_bytes(),
            "ext" => ext.as_bytes(),
            "profile" => profile.as_bytes(),
            _ => {
                return Err(wrong(format!(
                    "{{{word}}} is unknown; there are {{stem}}, {{mode}}, {{ext}}, {{profile}}"
                )));
            }
        });
        rest = after;
    }
    name.extend_from_slice(rest.as_bytes());
    let path = PathBuf::from(OsString::from_vec(name));
    if !path.components().all(|c| matches!(c, Component::Normal(_))) {
        return Err(wrong("must stay inside the output folder".to_owned()));
    }
    if path.extension().is_none() {
        return Err(wrong("gives a name without an extension; end it in .{ext} or in one of your own".to_owned()));
    }
    Ok(path)
}

/// The same path for the same place: the part of the path that exists is made canonical (links and
/// `..` resolved), the rest is put behind it.
pub(crate) fn canonical_place(path: &Path) -> PathBuf {
    let full = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut missing = Vec::new();
    let mut known = full.as_path();
    loop {
        if let Ok(real) = known.canonicalize() {
            return missing.iter().rev().fold(real, |p: PathBuf, part| p.join(part));
        }
        match (known.file_name(), known.parent()) {
            (Some(name), Some(parent)) => {
                missing.push(name.to_owned());
                known = parent;
            }
            _ => return full,
        }
    }
}

/// Whether words that may not have been understood yet send an output to standard output: `-o -`, `-o matte=-`, `--output=-`.
pub(crate) fn to_stdout(words: &[OsString]) -> bool {
    let is_option = |word: &OsStr| word == "-o" || word == "--output";
    let ends = |word: &OsStr| word == STDIN || word.to_string_lossy().ends_with("=-");
    let joined = |word: &OsStr| {
        let text = word.to_string_lossy();
        text == "-o-" || (text.ends_with("=-") && (text.starts_with("-o") || text.starts_with("--output=")))
    };
    words.windows(2).any(|pair| is_option(&pair[0]) && ends(&pair[1])) || words.iter().any(|word| joined(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vrseg_image::vr::{Layout, Projection};

    fn parse(text: &str) -> Result<OutputRequest, String> {
        OutputRequest::parse(Path::new(text), "matroska").map_err(|e| e.to_string())
    }

    #[test]
    fn only_known_mode_words_are_modes() {
        let file = |mode, path: &str| Ok(OutputRequest { mode, path: path.into(), folder: false, own: Vec::new() });
        assert_eq!(parse("green=out.mp4"), file(Some("green"), "out.mp4"));
        assert_eq!(parse("a=b.mp4"), file(None, "a=b.mp4"));
        assert_eq!(parse("Green=b.mp4"), file(Some("green"), "b.mp4"));
        assert_eq!(parse("dir/green=b.mp4"), file(None, "dir/green=b.mp4"));
        assert_eq!(parse("matte=green=b.mp4"), file(Some("matte"), "green=b.mp4"));
        let folder = OutputRequest { mode: Some("matte"), path: "new/".into(), folder: true, own: Vec::new() };
        assert_eq!(parse("matte=new/"), Ok(folder));
        assert!(parse("green=").unwrap_err().contains("empty"));
        assert!(parse("out").unwrap_err().contains("extension"));
        assert!(parse("/").expect("a folder").folder);
    }

    #[test]
    fn outputs_on_standard_output_are_seen_in_raw_words() {
        let piped = |line: &str| to_stdout(&line.split(' ').map(OsString::from).collect::<Vec<_>>());
        for line in ["in.mp4 -o -", "in.mp4 --output matte=-", "in.mp4 --output=-", "in.mp4 -o=-", "in.mp4 -o-"] {
            assert!(piped(line), "{line}");
        }
        for line in ["- -o out.mp4", "in.mp4 -o a-", "in.mp4 -o out.mp4 -"] {
            assert!(!piped(line), "{line}");
        }
    }

    #[test]
    fn file_names_follow_the_pattern_inside_the_folder() {
        let input = Input { path: "in/scene.v2_LR.mp4".into(), below: "day1".into(), found: true };
        let folder = OutputRequest { mode: None, path: "out/".into(), folder: true, own: Vec::new() };
        let name = |mode, pattern| folder.file(&input, mode, None, pattern, "fast").map_err(|e| e.to_string());
        assert_eq!(name("green", "{stem}_{mode}.{ext}"), Ok("out/day1/scene.v2_LR_green.mp4".into()));
        assert_eq!(name("alpha", "{stem}_{mode}.{ext}"), Ok("out/day1/scene.v2_LR_alpha.mov".into()));
        assert_eq!(name("matte", "{profile}/{stem}.mkv"), Ok("out/day1/fast/scene.v2_LR.mkv".into()));
        assert!(name("green", "{steam}.mp4").unwrap_err().contains("{steam} is unknown"));
        assert!(name("green", "../{stem}.mp4").unwrap_err().contains("inside"));
        assert!(name("green", "/tmp/{stem}.mp4").unwrap_err().contains("inside"));
        assert!(name("green", "x{stem").unwrap_err().contains("without its }"));
        assert!(name("alpha", "{stem}.mp4").unwrap_err().contains("no alpha"));
    }

    #[test]
    fn names_of_long_sources_fit_and_keep_their_tokens() {
        let folder = OutputRequest { mode: None, path: "out/".into(), folder: true, own: Vec::new() };
        let name = |stem: &str, pattern| {
            let input = Input { path: format!("{stem}.mp4").into(), below: PathBuf::new(), found: true };
            let path = folder.file(&input, "matte", None, pattern, "fast").expect("a name");
            path.file_name().and_then(OsStr::to_str).expect("UTF-8").to_owned()
        };
        for pattern in ["{stem}_{mode}.{ext}", "{stem}-{stem}_{mode}.{ext}"] {
            let (one, two) = ("é".repeat(118) + "1_180_LR", "é".repeat(118) + "2_180_LR");
            let (a, b) = (name(&one, pattern), name(&two, pattern));
            assert_ne!(a, b);
            assert!(a.len() <= 255 && a.ends_with("_180_LR_matte.mp4"), "{a}");
        }
        let fits = "n".repeat(245);
        assert_eq!(name(&fits, "{stem}_{mode}.{ext}"), format!("{fits}_matte.mp4"));
        let format = Format { layout: Layout::SideBySide, projection: Projection::HalfEquirectangular, ..Format::FLAT };
        let input = Input { path: format!("{}_180_LR.mp4", "n".repeat(240)).into(), below: "d".into(), found: true };
        let path = folder.file(&input, "green", Some(&format), "{stem}_{mode}.{ext}", "fast").expect("a name");
        let made = path.file_name().and_then(OsStr::to_str).expect("UTF-8");
        assert!(made.len() <= 255 && made.ends_with("_LR_180_SBS_passthrough.mp4"), "{made}");
    }

    #[test]
    fn packed_output_is_named_with_its_own_format_tokens() {
        let folder = OutputRequest { mode: None, path: "out/".into(), folder: true, own: Vec::new() };
        let packed = |fov| Format {
            layout: Layout::SideBySide,
            projection: Projection::Fisheye { fov },
            alpha_packed: true,
            ..Format::FLAT
        };
        let name = |source: &str, fov, pattern| {
            let input = Input { path: source.into(), below: PathBuf::new(), found: false };
            folder.file(&input, "passthrough", Some(&packed(fov)), pattern, "fast").map_err(|e| e.to_string())
        };
        let default = "{stem}_{mode}.{ext}";
        assert_eq!(name("a/Beach_180_LR.mkv", 180.0, default), Ok("out/Beach_LR_180_FISHEYE_F180_alpha.mp4".into()));
        assert_eq!(name("Beach_MKX200.mp4", 200.0, default), Ok("out/Beach_MKX200_alpha.mp4".into()));
        assert_eq!(
            name("Beach-TB-360.mp4", 190.0, "x/{stem}.{mode}.mkv"),
            Ok("out/x/Beach.FISHEYE190_alpha.mkv".into())
        );
    }

    #[test]
    fn same_place_has_the_same_canonical_path() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        std::fs::create_dir(dir.path().join("sub")).expect("a folder");
        assert_eq!(
            canonical_place(&dir.path().join("sub/../new/a.mp4")),
            canonical_place(&dir.path().join("new/a.mp4"))
        );
    }
}
