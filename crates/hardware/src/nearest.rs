//! What was most likely meant by a word that isn't known, for messages of every crate.

/// The name that was most likely meant.
pub fn nearest<'a>(word: &str, among: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    among
        .into_iter()
        .map(|name| (likeness(&word.to_lowercase(), name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// From 0 to 1; one slip of the finger in a short word is near, too.
fn likeness(word: &str, name: &str) -> f64 {
    let slip = name.len() > 2 && strsim::osa_distance(word, name) == 1;
    strsim::jaro_winkler(word, name).max(if slip { 0.85 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_near_and_other_words_are_not() {
        let names = ["selfie", "rvm", "multiclass"];
        assert_eq!(nearest("slefie", names), Some("selfie"));
        assert_eq!(nearest("RVN", names), Some("rvm"));
        assert_eq!(nearest("somebody", names), None);
    }
}
