//! A check of YAML before its parser gets it.

/// Depth of brackets within brackets; no settings or manifest has more than a few.
const MAX_DEPTH: usize = 100;

/// Line and column, both from 1, of the first bracket that is too deep within others; `None`: there is none. The time
/// that libyaml takes grows with the square of that depth: half a minute for 100 KB of `[`. Brackets in comments and
/// strings count, too, but only where they are not closed. `text` may be anything, in YAML or not.
pub fn too_deep(text: &str) -> Option<(usize, usize)> {
    let mut depth = 0usize;
    for (number, line) in text.lines().enumerate() {
        for (column, c) in line.chars().enumerate() {
            match c {
                '[' | '{' => depth += 1,
                ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > MAX_DEPTH {
                return Some((number + 1, column + 1));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_unclosed_brackets_count() {
        assert_eq!(too_deep(&"x: [a, {b: c}] # (\n".repeat(1000)), None);
        assert_eq!(too_deep(&format!("x:\n  {}", "[".repeat(200))), Some((2, 103)));
        assert_eq!(too_deep(&format!("x: {}", "{a: ".repeat(101))), Some((1, 404)));
        assert_eq!(too_deep(&format!("x: {}{}", "[".repeat(100), "]".repeat(100))), None);
    }
}
