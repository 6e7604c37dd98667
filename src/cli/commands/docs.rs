//! What the program prints about itself: completion candidates and manual pages.

use crate::cli::args::{self, EXAMPLES, EXIT_CODES, SETTINGS};
use crate::cli::complete::{Replaces, complete};
use crate::cli::exit::UsageError;
use anyhow::Context;
use clap::Command;
use std::io::{self, Write};
use std::path::Path;

/// Files that the program reads and writes by itself.
const FILES: &str = "\
~/.config/vrseg/config.yaml        your settings; `vrseg config init` creates it
~/.config/vrseg/NAME.yaml          settings that -c NAME finds
~/.local/share/vrseg/              models, ONNX Runtime's libraries, samples
~/.cache/vrseg/                    cached mattes, what tuning found
~/.local/state/vrseg/              log, crash reports, history of `vrseg interactive`
OUTPUT.vrseg/                      finished segments of a running or interrupted job
";

const ENVIRONMENT: &str = "\
VRSEG_SECTION_KEY                  a setting, such as VRSEG_MATTE_FEATHER=2
VRSEG_PROFILE                      the profile
VRSEG_LOG, RUST_LOG                filter of log messages, such as vrseg=debug
VRSEG_DATA_DIR                     folder of models and libraries
ORT_DYLIB_PATH                     ONNX Runtime's shared library
NO_COLOR                           no colors
XDG_CONFIG_HOME, XDG_DATA_HOME,
XDG_CACHE_HOME, XDG_STATE_HOME     the folders of FILES
";

/// What could stand at the end of `line`, a candidate a line.
pub(crate) fn candidates(shell: clap_complete::Shell, line: &str) -> String {
    let replaces = match shell {
        clap_complete::Shell::Bash => Replaces::Fragment,
        clap_complete::Shell::Zsh => Replaces::Value,
        _ => Replaces::Word,
    };
    complete(line, replaces).iter().map(|candidate| format!("{candidate}\n")).collect()
}

/// The manual page in roff of a command, or of the program where `path` is empty.
///
/// # Errors
/// There is no such command.
pub(crate) fn page(path: &[String]) -> anyhow::Result<Vec<u8>> {
    let root = args::command();
    let mut command = &root;
    for name in path {
        let known = || command.get_subcommands().map(Command::get_name).collect::<Vec<_>>().join(", ");
        command = command.find_subcommand(name).ok_or_else(|| {
            let what = if known().is_empty() { "no commands".to_owned() } else { known() };
            UsageError(format!("man {}: there is no such command; there are {what}", path.join(" ")))
        })?;
    }
    Ok(rendered(command, path)?)
}

/// Writes the pages of the program and of all its commands into a folder.
///
/// # Errors
/// They can't be written.
pub(crate) fn write_pages(dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    let mut left = vec![(args::command(), Vec::new())];
    while let Some((command, path)) = left.pop() {
        let file = dir.join(format!("{}.1", title(&path)));
        std::fs::write(&file, rendered(&command, &path)?).with_context(|| file.display().to_string())?;
        for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
            left.push((sub.clone(), [path.clone(), vec![sub.get_name().to_owned()]].concat()));
        }
    }
    Ok(())
}

fn title(path: &[String]) -> String {
    std::iter::once("vrseg").chain(path.iter().map(String::as_str)).collect::<Vec<_>>().join("-")
}

fn rendered(command: &Command, path: &[String]) -> io::Result<Vec<u8>> {
    let whole = title(path);
    // clap_mangen names pages of commands by their display name.
    let mut named = command.clone().display_name(whole.clone()).version(env!("CARGO_PKG_VERSION"));
    let (own, notes) = (path.is_empty(), command.get_after_help().map(ToString::to_string));
    if !own {
        named = named.bin_name(whole.replace('-', " "));
    }
    let man = clap_mangen::Man::new(named.clone()).title(whole);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    if own {
        verbatim(&mut page, "EXAMPLES", EXAMPLES.trim_start_matches("Examples:\n"))?;
    }
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(notes) = notes.filter(|_| !own) {
        filled(&mut page, "NOTES", &notes)?;
    }
    if own {
        filled(&mut page, "SETTINGS", SETTINGS)?;
        verbatim(&mut page, "ENVIRONMENT", ENVIRONMENT)?;
        verbatim(&mut page, "FILES", FILES)?;
    }
    verbatim(&mut page, "EXIT STATUS", EXIT_CODES.trim_start_matches("Exit codes:\n"))?;
    verbatim(&mut page, "SEE ALSO", &see_also(command, path))?;
    if own {
        man.render_version_section(&mut page)?;
    }
    Ok(page)
}

/// Pages of the commands below, and of the command above.
fn see_also(command: &Command, path: &[String]) -> String {
    let above = path.split_last().map(|(_, above)| title(above));
    let below = command.get_subcommands().map(|sub| format!("{}-{}", title(path), sub.get_name()));
    let mut text: String = above.into_iter().chain(below).map(|page| format!("{page}(1)\n")).collect();
    text += "ffmpeg(1), ffprobe(1)\n";
    text
}

/// A section that keeps its lines.
fn verbatim(page: &mut Vec<u8>, title: &str, text: &str) -> io::Result<()> {
    writeln!(page, ".SH {title}\n.nf")?;
    text.lines().try_for_each(|line| writeln!(page, "{}", escaped(line)))?;
    writeln!(page, ".fi")
}

/// A section of paragraphs, a line each.
fn filled(page: &mut Vec<u8>, title: &str, text: &str) -> io::Result<()> {
    writeln!(page, ".SH {title}")?;
    text.lines().filter(|line| !line.is_empty()).try_for_each(|line| writeln!(page, ".PP\n{}", escaped(line)))
}

/// A line as roff has it.
fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    // A full stop or an apostrophe in front would be a roff request.
    let guard = if line.starts_with(['.', '\'']) { "\\&" } else { "" };
    format!("{guard}{line}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::complete::script;

    #[test]
    fn manual_and_completions_have_every_option() {
        let page = String::from_utf8(page(&[]).expect("a page")).expect("UTF-8");
        let script = String::from_utf8(script(clap_complete::Shell::Bash)).expect("UTF-8");
        for arg in args::command().get_arguments().filter_map(|a| a.get_long()) {
            assert!(page.contains(&format!("\\-\\-{}", arg.replace('-', "\\-"))), "{arg} in the manual");
            assert!(script.contains(&format!("--{arg}")), "{arg} in the completions");
        }
        assert!(page.contains("scene_180_LR.mp4 \\-o out.mp4"));
        for title in ["EXIT STATUS", "FILES", "ENVIRONMENT", "SEE ALSO"] {
            assert!(page.contains(&format!(".SH {title}")), "{title}");
        }
    }

    #[test]
    fn every_command_has_a_page() {
        let dir = tempfile::tempdir().expect("a folder");
        write_pages(dir.path()).expect("pages");
        for name in ["vrseg", "vrseg-bench", "vrseg-bench-compare", "vrseg-cluster-submit", "vrseg-man"] {
            let text = std::fs::read_to_string(dir.path().join(format!("{name}.1"))).expect("a page");
            assert!(text.contains(&format!(".TH {name} 1")), "{name}: {}", &text[..200.min(text.len())]);
        }
        assert!(super::page(&["nothing".to_owned()]).is_err());
    }
}
