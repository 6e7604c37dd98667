//! The file that `vrseg config init` writes.

use super::layers::DEFAULTS;
use super::schema;
use std::fmt::Write as _;

const HEAD: &str = "\
# Settings of vrseg. Everything that begins with # is a comment: take the # away from a setting and
# change its value. What is left out keeps the value of the profile or the built-in default, so a
# file may be as short as one line. `vrseg config validate` checks it, `vrseg config show` prints
# what applies and what set it.

# The profile to build on: fast, balanced or quality.
# profile: balanced
";

/// Every setting as a comment, with what it takes and its default. As it is it sets nothing.
pub fn template() -> String {
    let mut text = HEAD.to_owned();
    let mut section = "";
    for line in DEFAULTS.lines() {
        if let Some(name) = line.strip_suffix(':').filter(|l| !l.starts_with([' ', '#'])) {
            section = name;
            let _ = writeln!(text, "\n{name}:");
        } else if let Some((leaf, rest)) = line.strip_prefix("  ").and_then(|l| l.split_once(':'))
            && let Some(key) = schema::find(&format!("{section}.{leaf}"))
        {
            let (value, meaning) = rest.split_once("  #").or_else(|| rest.split_once(" # ")).unwrap_or((rest, ""));
            let meaning = if meaning.is_empty() { String::new() } else { format!(" ({})", meaning.trim()) };
            let _ = writeln!(text, "  # {}{meaning}\n  # {leaf}: {}", key.expects(), value.trim());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::read;

    #[test]
    fn it_sets_nothing_until_its_comments_are_taken_away() {
        let text = template();
        let layer = read::read("x.yaml", &text).expect("a right file");
        assert!(layer.values.is_empty() && layer.profile.is_none());
        let bare: String = text
            .lines()
            .map(|l| match l.split_once("# ") {
                Some((indent, setting))
                    if schema::KEYS.iter().any(|k| setting.starts_with(&format!("{}: ", k.leaf()))) =>
                {
                    format!("{indent}{setting}\n")
                }
                _ => format!("{l}\n"),
            })
            .collect();
        let layer = read::read("x.yaml", &bare).unwrap_or_else(|e| panic!("{e}\n{bare}"));
        assert_eq!(layer.values.len(), schema::KEYS.len(), "{bare}");
    }
}
