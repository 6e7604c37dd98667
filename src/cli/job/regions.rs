//! `--include` and `--exclude`: parts of a view, or a file of parts with times.

use crate::cli::exit::UsageError;
use crate::cli::time;
use std::fs;
use vrseg_engine::edits::{Action, RegionEdit};
use vrseg_engine::settings::values;

/// Reads what was given to `option`: `X,Y,W,H;...`, or a file with a line `FROM TO X,Y,W,H` for each
/// part, times as `--ss` accepts them, `-` for the end; what follows a `#` is a remark.
///
/// # Errors
/// A file that can't be read, and a line that has another form.
pub(crate) fn read(option: &str, action: Action, text: &str) -> Result<Vec<RegionEdit>, UsageError> {
    if let Some(all) = values::regions(text) {
        return Ok(all.into_iter().map(|sides| RegionEdit::rectangle(action, sides, 0.0, None)).collect());
    }
    let file = fs::read_to_string(text).map_err(|e| UsageError(format!("{option}: {text}: {e}")))?;
    let lines = file.lines().enumerate().map(|(i, line)| (i + 1, line.split('#').next().unwrap_or_default().trim()));
    lines
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| {
            region(action, line).ok_or_else(|| {
                UsageError(format!("{option}: {text}:{number}: expected FROM TO X,Y,W,H such as 0:05 1:30 0,0.5,1,0.5"))
            })
        })
        .collect()
}

fn region(action: Action, line: &str) -> Option<RegionEdit> {
    let (from, rest) = line.split_once(char::is_whitespace)?;
    let (to, sides) = rest.trim().split_once(char::is_whitespace)?;
    let from = time::parse(from).ok()?.0;
    let to = if to == "-" { None } else { Some(time::parse(to).ok()?.0) };
    let sides = values::region(sides)?;
    to.is_none_or(|to| to > from).then(|| RegionEdit::rectangle(action, sides, from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn region_file_has_times_and_parts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.txt");
        let path = path.to_str().unwrap();
        fs::write(path, "# the mirror\n\n0:05 1:30 0,0.5,1,0.5 # below\n90 - 0.5,0,0.5,1\n").unwrap();
        let found = read("--exclude", Action::Remove, path).unwrap();
        assert_eq!(found[0], RegionEdit::rectangle(Action::Remove, [0.0, 0.5, 1.0, 1.0], 5.0, Some(90.0)));
        assert_eq!((found[1].from, found[1].to), (Some(time::Seconds(90.0)), None));
        for bad in ["0:05 0,0,1,1", "5 5 0,0,1,1", "0 1 0,0,2,1", "x 1 0,0,1,1"] {
            fs::write(path, format!("0 1 0,0,1,1\n{bad}\n")).unwrap();
            let e = read("--exclude", Action::Remove, path).unwrap_err().to_string();
            assert!(e.contains("r.txt:2: expected FROM TO"), "{e}");
        }
        assert!(
            read("--include", Action::Only, "/nowhere/r.txt")
                .unwrap_err()
                .to_string()
                .contains("--include: /nowhere/r.txt")
        );
    }

    #[test]
    fn regions_on_the_command_line_apply_to_the_whole_video() {
        let found = read("--include", Action::Only, "0,0,0.5,1;0.5,0,0.5,1").unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].from, found[0].to, found[0].action), (None, None, Action::Only));
    }
}
