//! What is asked of YAML before its parser sees it.

/// Brackets within brackets: no settings or manifest has more than a few.
const DEEPEST: usize = 100;

/// Line and column of the bracket that is too deep within others; `None`: all is well. libyaml, as
/// `serde_yaml` has it, takes time by the square of that depth: half a minute for 100 KB of `[`. Brackets in
/// comments and texts count, too, but only where they are not closed.
pub fn too_deep(text: &str) -> Option<(usize, usize)> {
    let mut depth = 0usize;
    for (number, line) in text.lines().enumerate() {
        for (column, c) in line.chars().enumerate() {
            match c {
                '[' | '{' => depth += 1,
                ']' | '}' => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth > DEEPEST {
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
    fn only_brackets_that_are_left_open_count() {
        assert_eq!(too_deep(&"x: [a, {b: c}] # (\n".repeat(1000)), None);
        assert_eq!(too_deep(&format!("x:\n  {}", "[".repeat(200))), Some((2, 103)));
        assert_eq!(too_deep(&format!("x: {}", "{a: ".repeat(101))), Some((1, 404)));
        assert_eq!(too_deep(&format!("x: {}{}", "[".repeat(100), "]".repeat(100))), None);
    }
}
