//! Words as a shell reads them: quoted, joined to a line, and split.

use std::ffi::OsStr;

/// `word` with quotation marks where a shell needs them.
pub(in crate::cli) fn quoted(word: &OsStr) -> String {
    vrseg_cluster::quoted(&word.to_string_lossy())
}

/// A line of several words.
pub(in crate::cli) fn line<S: AsRef<OsStr>>(words: impl IntoIterator<Item = S>) -> String {
    let all: Vec<String> = words.into_iter().map(|word| quoted(word.as_ref())).collect();
    all.join(" ")
}

/// Words as a shell would split them: blanks part, quotes and backslashes keep together.
pub(in crate::cli) fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = line.chars();
    while let Some(c) = letters.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => word.get_or_insert_default().extend(letters.next()),
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    if quote.is_some() {
        return Err("missing closing quotation mark".to_owned());
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_a_shell_would_change_are_quoted() {
        assert_eq!(line(["vrseg", "my clip.mp4", "-o", "a=b.mp4"]), "vrseg 'my clip.mp4' -o a=b.mp4");
        assert_eq!(quoted(OsStr::new("it's")), r"'it'\''s'");
        assert_eq!(quoted(OsStr::new("")), "''");
        assert_eq!(quoted(OsStr::new("#00ff00")), "'#00ff00'");
    }

    #[test]
    fn lines_split_into_words_as_in_a_shell() {
        assert_eq!(
            split(r#" a "b c" d\ e 'f\g' "" "#),
            Ok(["a", "b c", "d e", r"f\g", ""].map(str::to_owned).to_vec())
        );
    }
}
