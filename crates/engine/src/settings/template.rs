//! The files that are written from the declarations: the one that `vrseg config init` makes, and
//! `configs/default.yaml`.

use super::schema::{self, SETTINGS};
use std::fmt::Write as _;

const HEAD: &str = "\
# Settings of vrseg. Everything that begins with # is a comment: take the # away from a setting and
# change its value. What is left out keeps the value of the profile or the built-in default, so a
# file may be as short as one line. `vrseg config validate` checks it, `vrseg config show` prints
# what applies and what set it.

# The profile to build on: fast, balanced or quality.
# profile: balanced
";

const DEFAULTS_HEAD: &str = "\
# What vrseg does when nobody says otherwise; docs/configuration.md tells more. `vrseg --show-config`
# prints what applies after profile, file, environment and command line.
#
# Written by `VRSEG_UPDATE_DOCS=1 cargo test --test job docs` from where the settings are declared,
# crates/engine/src/settings/declared.rs: change them there.
";

/// Columns of comments.
const WIDTH: usize = 100;

/// Every setting as a comment, with what it means, what it takes and its default. As it is it sets
/// nothing.
pub fn template() -> String {
    let mut text = HEAD.to_owned();
    let mut section = "";
    for setting in SETTINGS {
        if section != setting.section() {
            section = setting.section();
            let _ = writeln!(text, "\n{section}:");
        }
        for line in wrap(&format!("{} [{}]", plain(&setting.meaning()), setting.expects())) {
            let _ = writeln!(text, "  # {line}");
        }
        let _ = writeln!(text, "  # {}: {}", setting.leaf(), setting.default_yaml());
    }
    text
}

/// Every setting with its built-in value, as `configs/default.yaml` has them for readers.
pub fn defaults() -> String {
    let mut text = format!("{DEFAULTS_HEAD}\nprofile: {}\n", schema::DEFAULT_PROFILE);
    for section in schema::sections() {
        let _ = writeln!(text, "\n{section}:");
        let all = SETTINGS.iter().filter(|s| s.section() == section);
        let lines: Vec<_> = all.map(|s| (format!("  {}: {}", s.leaf(), s.default_yaml()), s.help)).collect();
        let width = lines.iter().map(|(line, _)| line.len()).max().unwrap_or(0);
        for (line, help) in lines {
            let _ = writeln!(text, "{line:width$}  # {help}");
        }
    }
    text
}

/// Markdown without its links: `[text](page.md#part)` becomes `text (docs/page.md)`, `[page](page.md)`
/// becomes `docs/page.md`.
fn plain(markdown: &str) -> String {
    let mut parts = markdown.split("](");
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (target, after) = part.split_once(')').unwrap_or((part, ""));
        let page = target.split('#').next().unwrap_or(target);
        let linked = text.split_off(text.rfind('[').unwrap_or(text.len()));
        text += &match linked.trim_start_matches('[') {
            linked if page.strip_suffix(".md") == Some(linked) => format!("docs/{page}{after}"),
            linked => format!("{linked} (docs/{page}){after}"),
        };
    }
    text
}

/// Lines of at most [`WIDTH`] columns.
fn wrap(text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + 1 + word.chars().count() <= WIDTH => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::read;

    #[test]
    fn template_sets_nothing_until_its_comments_are_removed() {
        let text = template();
        let layer = read::read("x.yaml", &text).expect("a valid file");
        assert!(layer.values.is_empty() && layer.profile.is_none());
        let bare: String = text
            .lines()
            .map(|l| match l.split_once("# ") {
                Some((indent, setting)) if SETTINGS.iter().any(|s| setting.starts_with(&format!("{}: ", s.leaf()))) => {
                    format!("{indent}{setting}\n")
                }
                _ => format!("{l}\n"),
            })
            .collect();
        let layer = read::read("x.yaml", &bare).unwrap_or_else(|e| panic!("{e}\n{bare}"));
        assert_eq!(layer.values.len(), SETTINGS.len(), "{bare}");
    }

    #[test]
    fn file_of_defaults_sets_every_setting_to_its_default() {
        let layer = read::read("default.yaml", &defaults()).expect("a valid file");
        assert_eq!(layer.profile.as_deref(), Some(schema::DEFAULT_PROFILE));
        let set: Vec<_> = layer.values.into_iter().map(|(setting, value, _)| (setting.name, value)).collect();
        let declared: Vec<_> = SETTINGS.iter().map(|s| (s.name, s.default_value())).collect();
        assert_eq!(set, declared);
    }

    #[test]
    fn links_become_page_names() {
        assert_eq!(plain("a; [b c](d.md#e), f"), "a; b c (docs/d.md), f");
        assert_eq!(plain("[a](b.md) [0] [c](d.md)"), "a (docs/b.md) [0] c (docs/d.md)");
        assert_eq!(plain("([gpu](gpu.md#when)), a"), "(docs/gpu.md), a");
    }
}
