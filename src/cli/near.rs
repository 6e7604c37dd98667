//! Words that are really near: a slip or two of the finger, never another word with the same beginning.

/// The nearest of several words, where it is as near as a slip: one letter in four, two letters at most, letters that
/// changed places being one slip; or `word` is the beginning of a single one.
pub(in crate::cli) fn nearest<'a>(word: &str, among: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let slips = (word.chars().count() / 4).clamp(usize::from(word.len() > 2), 2);
    let all: Vec<&str> = among.into_iter().collect();
    let found = all
        .iter()
        .map(|other| (strsim::osa_distance(&word, &other.to_lowercase()), *other))
        .filter(|(distance, other)| *distance <= slips && *distance < other.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other);
    let begins = || {
        let mut longer = all.iter().filter(|other| word.len() > 3 && other.starts_with(&word));
        longer.next().filter(|_| longer.next().is_none()).copied()
    };
    found.or_else(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_slips_are_near() {
        let options = ["profile", "quiet", "layout", "matte-every", "alpha-channel", "config", "trace", "codec"];
        for (word, want) in [("profle", Some("profile")), ("layuot", Some("layout")), ("codex", Some("codec"))] {
            assert_eq!(nearest(word, options), want, "{word}");
        }
        for word in ["quality", "container", "force", "scale", "color"] {
            assert_eq!(nearest(word, options), None, "{word}");
        }
        assert_eq!(nearest("x", ["y"]), None);
        assert_eq!(nearest("alpha-chan", options), Some("alpha-channel"));
    }
}
