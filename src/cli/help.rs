//! Help and version texts.
//!
//! `-h` is one page with what people use; `--help` has every option, and the commands in groups.

use super::args::{self, EXAMPLES};
use crate::ui::format;
use clap::ColorChoice;
use std::ffi::OsString;
use std::fmt::Write as _;
use vrseg_infer::DeviceChoice;

/// What `-h` prints, at most 40 lines of 80 columns.
const SHORT: &str = "\
Usage: vrseg [OPTIONS] INPUT... -o [MODE=]PATH
       vrseg COMMAND [OPTIONS]

  vrseg scene_180_LR.mp4 -o out.mp4 --profile fast    a green screen
  vrseg scene.mp4 -o alpha=cut.mov -o matte=mask.mkv  two outputs in one pass
  vrseg -r footage/ -o keyed/ -n                      a folder, resumable

  -o, --output [MODE=]PATH  File, folder/ or - (standard output). MODE is green
                            [default], matte, alpha, blur, replace, overlay or
                            passthrough; -o matte:codec=ffv1=m.mkv sets a codec
      --profile PROFILE     fast, balanced [default] or quality
      --ss, --to, -t TIME   Start, end, duration: 90, 1:30 or 500ms
  -r, --recursive           Read the videos in folders and their subfolders
  -y, -n                    Replace existing outputs; skip finished ones
  -p, --parents             Create the folders of outputs
      --codec, --crf        h264, hevc, av1, vp9, prores, ffv1; constant quality
      --scale WxH|1/2|4k    Size of the pictures [default: the source's]
      --key COLOR           Key color of green [default: #00B140]
      --layout, --projection  sbs, tb, mono; hequirect (VR180), equirect (360),
                            fisheye, flat [default: detected]
      --model, --device     One of `vrseg models`; auto, cpu, cuda, tensorrt or
                            openvino
      --dry-run             Show formats, settings, time and size; write nothing
      --serve, --monitor    Watch the job on a web page or in the terminal
  -q, -v, --json            Print less, more, or JSON events
  -h, --help, -V            This page, every option, the version

Commands:
";

/// The commands by what people want, with the words for that.
const GROUPS: &[(&str, &[&str])] = &[
    ("make", &["preview", "review", "unpack"]),
    ("look", &["probe", "people", "eval", "models", "hardware", "doctor"]),
    ("tune", &["optimize", "bench", "config"]),
    ("scale out", &["plan", "work", "merge", "cluster"]),
    ("maintain", &["cache", "interactive", "completions", "man"]),
];

const MORE: &str = "`vrseg help COMMAND` explains one; examples: docs/usage_guide.md";

/// Columns of a help text at most, as of the options that clap wraps.
const MAX_WIDTH: usize = 100;

/// Columns of the terminal, or of a page where there is none, by the rules that clap has for options.
fn width() -> usize {
    let columns = || std::env::var("COLUMNS").ok()?.parse().ok();
    let terminal = console::Term::stdout().size_checked().map(|(_, columns)| usize::from(columns));
    terminal.or_else(columns).unwrap_or(MAX_WIDTH).clamp(30, MAX_WIDTH)
}

/// `text` in lines of at most `width` columns. A line that becomes several keeps its indent, and one such as `  130  text`
/// that of its text. Command lines stay whole: they are there to be copied.
fn wrapped(text: &str, width: usize) -> String {
    let mut all = String::new();
    for line in text.lines() {
        let indent = line.len() - line.trim_start().len();
        let word = line[indent..].find(' ').map_or(0, |n| indent + n);
        let gap = line[word..].len() - line[word..].trim_start().len();
        let hang = if indent > 0 && gap > 1 { word + gap } else { indent };
        if line.chars().count() <= width || line[indent..].starts_with("vrseg ") {
            all += line;
            all.push('\n');
            continue;
        }
        let (head, rest) = line.split_at(hang);
        let rest = rest.split_whitespace().collect::<Vec<_>>().join(" ");
        for (i, part) in format::wrapped(&rest, width.saturating_sub(hang)).iter().enumerate() {
            match i {
                0 => all += head,
                _ => all += &" ".repeat(hang),
            }
            all += part;
            all.push('\n');
        }
    }
    all
}

/// The command whose help has the terminal's width throughout: clap wraps options, but not what stands behind them.
pub(super) fn fitted(command: clap::Command) -> clap::Command {
    fit(command, width())
}

fn fit(mut command: clap::Command, width: usize) -> clap::Command {
    if let Some(text) = command.get_after_help().map(ToString::to_string) {
        command = command.after_help(wrapped(&text, width));
    }
    command.mut_subcommands(|sub| fit(sub, width))
}

/// The page of `-h`.
pub(super) fn short() -> String {
    let mut text =
        format!("vrseg {}: mattes and green screens of people in VR and flat video\n\n", env!("CARGO_PKG_VERSION"));
    text += SHORT;
    for (group, commands) in GROUPS {
        let _ = writeln!(text, "  {group:10} {}", commands.join(", "));
    }
    text += MORE;
    text
}

/// The commands of `--help`, each with a line.
fn commands() -> String {
    let root = args::command();
    let mut text = String::new();
    for (group, commands) in GROUPS {
        let _ = writeln!(text, "Commands to {group}:");
        for command in commands.iter().filter_map(|name| root.find_subcommand(name)) {
            let about = command.get_about().map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {:12} {about}", command.get_name());
        }
        text.push('\n');
    }
    text
}

/// The help that was requested by `words`, which clap found to be that of `error`.
pub(super) fn text(words: &[OsString], error: &clap::Error, colors: ColorChoice) -> String {
    let root = args::command();
    let of_command = words.first().and_then(|w| w.to_str()).is_some_and(|w| root.find_subcommand(w).is_some());
    if of_command {
        let rendered = error.render();
        let color = colors != ColorChoice::Never && std::io::IsTerminal::is_terminal(&std::io::stdout());
        return if color { rendered.ansi().to_string() } else { rendered.to_string() };
    }
    let long = words.iter().take_while(|w| *w != "--").any(|w| w == "--help");
    if long { long_text() } else { short() + "\n" }
}

/// What `--help` prints.
pub(super) fn long_text() -> String {
    let template = format!(
        "vrseg {{version}}\n{{about}}\n\n{{usage-heading}} {{usage}}\n       vrseg COMMAND [OPTIONS]\n\n{}\n{}{{all-args}}{{after-help}}\n",
        wrapped(EXAMPLES, width()),
        wrapped(&commands(), width())
    );
    let mut root = fitted(args::command()).help_template(template);
    root = root.mut_subcommands(|command| command.hide(true));
    root.render_help().to_string()
}

/// The text of `-V`, with the libraries' versions where `-v` stands beside it.
pub(super) fn version_requested(words: &[OsString]) -> Option<String> {
    let is = |word: &OsString, names: &[&str]| names.iter().any(|name| word == name);
    let versions = ["-V", "--version", "-Vv", "-vV", "-version", "version"];
    let all = words.iter().all(|w| is(w, &versions) || is(w, &["-v", "-vv", "--verbose"]));
    if !all
        || !words.iter().any(|w| is(w, &versions))
        || words[0] == "version" && std::path::Path::new("version").exists()
    {
        return None;
    }
    let mut text = format!("vrseg {}\n", env!("CARGO_PKG_VERSION"));
    if words.iter().any(|w| is(w, &["-v", "-vv", "--verbose", "-Vv", "-vV"])) {
        text += &libraries();
    }
    Some(text)
}

fn libraries() -> String {
    let mut text = format!("commit        {}\n", env!("VRSEG_GIT_COMMIT"));
    let _ = writeln!(text, "FFmpeg        {}", vrseg_media::opens::ffmpeg_version());
    let runtime = vrseg_infer::runtime::load(DeviceChoice::Auto, None);
    let runtime = runtime.map_or_else(|e| format!("none: {e}"), |r| format!("{} ({})", r.version, r.origin));
    let _ = writeln!(text, "ONNX Runtime  {runtime}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn short_help_fits_on_a_page() {
        let text = short();
        assert!(text.lines().count() <= 40, "{}", text.lines().count());
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn texts_around_options_are_wrapped_by_the_width() {
        for width in [40, 60, 80, 100] {
            let root = fit(args::command(), width);
            let all = root.get_subcommands().chain(std::iter::once(&root)).filter_map(|c| c.get_after_help());
            let texts: Vec<_> = all.map(ToString::to_string).chain([wrapped(&commands(), width)]).collect();
            assert!(texts.len() > 5);
            for line in texts.iter().flat_map(|text| text.lines()) {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
        assert_eq!(wrapped("  130  interrupted and more words\n", 24), "  130  interrupted and\n       more words\n");
        assert_eq!(wrapped("one two three", 8), "one two\nthree\n");
        let command = "  vrseg scene_180_LR.mp4 -o out.mp4 --profile fast\n";
        assert_eq!(wrapped(command, 30), command);
    }

    #[test]
    fn options_of_the_short_help_exist() {
        let root = args::command();
        for word in short().split(|c: char| c.is_whitespace() || c == ',').filter(|w| w.starts_with("--")) {
            let name = word.trim_start_matches("--");
            let known = ["help"].contains(&name) || root.get_arguments().any(|a| a.get_long() == Some(name));
            assert!(known, "{word}");
        }
    }

    #[test]
    fn every_command_is_in_one_group() {
        let grouped: Vec<_> = GROUPS.iter().flat_map(|(_, commands)| *commands).copied().collect();
        let set: BTreeSet<_> = grouped.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(set.len(), grouped.len());
        let all: BTreeSet<_> = args::command().get_subcommands().map(|c| c.get_name().to_owned()).collect();
        assert_eq!(set, all);
        assert!(commands().lines().all(|line| line.len() <= 80), "{}", commands());
    }
}
