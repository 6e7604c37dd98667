//! The names of a job's folder and of the files in it.

use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};
use vrseg_hardware::file_name::{LONGEST, fitted};

/// Name of the file with the plan.
pub(super) const PLAN: &str = "plan.json";
/// Name of the lock, which is the first file of a folder and the last.
pub(super) const LOCK: &str = "lock";
/// Name of the list of outputs.
pub(super) const OUTPUTS: &str = "outputs.json";

/// How a job's folder ends.
const ENDING: &str = ".vrseg";

/// Where the job that writes `output` first keeps its segments.
pub fn beside(output: &Path) -> PathBuf {
    // The longest names of outputs leave no room behind them.
    let mut name = fitted(output.file_name().unwrap_or(OsStr::new("")), LONGEST - ENDING.len());
    name.push(ENDING);
    output.with_file_name(name)
}

/// Whether a file in a job's folder has the name of one of a job's.
pub(super) fn is_job_file(name: &str) -> bool {
    let whole = name.strip_suffix(".part").and_then(|n| n.rsplit_once('.')).map_or(name, |(n, _)| n);
    let digits = |n: &str| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
    let numbered = |n: &str| match n.split_once('.') {
        Some((segment, "json" | "state" | "lock")) => digits(segment),
        Some((segment, rest)) => digits(segment) && rest.strip_suffix(".seg").is_some_and(digits),
        None => false,
    };
    [LOCK, PLAN, OUTPUTS].contains(&whole) || numbered(whole) || numbered(name.strip_suffix(".part").unwrap_or(name))
}

/// Whether a path is the name of a file, and not the way to one.
pub(super) fn is_plain_name(path: &Path) -> bool {
    let mut parts = path.components();
    matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_of_the_longest_output_fits() {
        assert_eq!(beside(Path::new("a/out.mp4")), Path::new("a/out.mp4.vrseg"));
        let of = |c: &str| beside(Path::new(&format!("a/{}{c}.mp4", "n".repeat(250))));
        assert_ne!(of("1"), of("2"));
        assert!(of("1").file_name().unwrap().len() <= LONGEST && of("1").starts_with("a"));
    }

    #[test]
    fn files_of_a_job_are_distinguished_from_others() {
        for name in ["lock", "plan.json", "outputs.json.12.part", "00007.json", "00007.0.seg", "00007.0.seg.99.part"] {
            assert!(is_job_file(name), "{name}");
        }
        for name in ["00007.state", "00007.lock", "00007.state.4.part", "123456.12.seg"] {
            assert!(is_job_file(name), "{name}");
        }
        for name in ["mine.json", "notes.txt", "0.mp4", "lock.bak", "a.0.seg", "00007.x.seg", "x.part", ".part", ""] {
            assert!(!is_job_file(name), "{name}");
        }
    }
}
