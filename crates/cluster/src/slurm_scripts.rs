//! The scripts that Slurm runs: for people to read, to keep and to change.

use crate::tasks::Task;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What a task requests of its machine, and how it is started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resources {
    /// Slurm's partition; `None`: the site's default.
    pub partition: Option<String>,
    /// Cores per task; `None`: the site's default.
    pub cpus: Option<u32>,
    /// GPUs per task; `None`: the site's default.
    pub gpus: Option<u32>,
    /// Memory per task as Slurm reads it, such as `8G`.
    pub memory: Option<String>,
    /// Longest time of a task as Slurm reads it, such as `2:00:00`.
    pub time: Option<String>,
    /// Tasks that run at once; `None`: no limit but the cluster's.
    pub max_parallel: Option<usize>,
    /// Further options of `sbatch`, each with its dashes.
    pub options: Vec<String>,
    /// Path of this program on the machines.
    pub program: PathBuf,
    /// Keep the segments after they were joined.
    pub keep: bool,
    /// Replace outputs that exist.
    pub overwrite: bool,
}

/// `text` as one word of a shell command, whatever is in it.
pub fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// The job's name in Slurm's lists.
pub(crate) fn job_name(job: &Path) -> String {
    let stem = job.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    format!("vrseg-{}", stem.chars().map(plain).collect::<String>())
}

/// The array: each task works on its segments.
pub(crate) fn array_script(job: &str, title: &str, tasks: &[Task], resources: &Resources) -> String {
    let mut text = head(title, resources);
    let last = tasks.len().saturating_sub(1);
    let cap = resources.max_parallel.map(|n| format!("%{n}")).unwrap_or_default();
    let mut line = |line: &str| {
        let _ = writeln!(text, "{line}");
    };
    line(&format!("#SBATCH --array=0-{last}{cap}"));
    line("#SBATCH --output=%A_%a.log");
    // A machine that dies, and whoever needs it more, cost the segment in flight and no more.
    line("#SBATCH --requeue");
    line("#SBATCH --open-mode=append");
    if let Some(n) = resources.cpus {
        line(&format!("#SBATCH --cpus-per-task={n}"));
    }
    if let Some(n) = resources.gpus {
        line(&format!("#SBATCH --gpus-per-task={n}"));
    }
    if let Some(memory) = &resources.memory {
        line(&format!("#SBATCH --mem={memory}"));
    }
    if let Some(time) = &resources.time {
        line(&format!("#SBATCH --time={time}"));
    }
    let list: Vec<_> = tasks.iter().map(Task::to_string).collect();
    let program = quoted(&resources.program.to_string_lossy());
    let _ = write!(
        text,
        r#"
# The segments of each task. The longest tasks come first, so that all machines end together.
segments=({})
mine=${{segments[SLURM_ARRAY_TASK_ID]}}
echo "segments $mine on $(hostname)"

# A failed task is tried once more, except wrong usage (2) and an interruption (130).
for _ in 1 2; do
    {program} work {job} --index "$mine" ${{SLURM_CPUS_PER_TASK:+--threads "$SLURM_CPUS_PER_TASK"}}
    status=$?
    case $status in 0 | 2 | 130) break ;; esac
done
exit $status
"#,
        wrapped(&list),
    );
    text
}

/// The last job: joins the segments.
pub(crate) fn merge_script(job: &str, title: &str, resources: &Resources) -> String {
    let mut text = head(&format!("{title}-merge"), resources);
    let program = quoted(&resources.program.to_string_lossy());
    let remove = if resources.keep { "" } else { " --remove" };
    let overwrite = if resources.overwrite { " -y" } else { "" };
    let _ = write!(text, "#SBATCH --output=%j.log\n#SBATCH --requeue\n\n{program} merge {job}{overwrite}{remove}\n");
    text
}

fn head(title: &str, resources: &Resources) -> String {
    let mut text = format!("#!/bin/bash\n#SBATCH --job-name={title}\n#SBATCH --ntasks=1\n");
    if let Some(partition) = &resources.partition {
        let _ = writeln!(text, "#SBATCH --partition={partition}");
    }
    for option in &resources.options {
        let _ = writeln!(text, "#SBATCH {option}");
    }
    text
}

/// Words in lines of a length that people read.
fn wrapped(words: &[String]) -> String {
    let mut text = String::new();
    let mut column = 0;
    for word in words {
        if column + word.len() > 90 {
            text += "\n         ";
            column = 0;
        } else if !text.is_empty() {
            text += " ";
        }
        text += word;
        column += word.len() + 1;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    fn resources() -> Resources {
        Resources {
            partition: Some("gpu".into()),
            cpus: Some(8),
            gpus: Some(1),
            memory: Some("16G".into()),
            time: Some("2:00:00".into()),
            max_parallel: Some(4),
            options: vec!["--account=film".into()],
            program: "/opt/vr seg/bin/vrseg".into(),
            keep: false,
            overwrite: true,
        }
    }

    #[test]
    fn scripts_are_as_recorded() {
        let tasks = [Task { first: 0, last: 5 }, Task { first: 6, last: 9 }, Task { first: 10, last: 10 }];
        let job = quoted("/mnt/it's here/out.mp4.vrseg");
        insta::assert_snapshot!(
            "work",
            array_script(&job, &job_name(Path::new("/x/out 1.mp4.vrseg")), &tasks, &resources())
        );
        insta::assert_snapshot!("merge", merge_script(&job, "vrseg-out", &resources()));
    }

    #[test]
    fn long_lists_wrap_and_a_shell_reads_every_task() {
        let tasks: Vec<_> = (0..200).map(|n| Task { first: 10 * n, last: 10 * n + 9 }).collect();
        let text = array_script("job", "vrseg-x", &tasks, &Resources::default());
        assert!(text.lines().all(|l| l.len() < 120));
        let list = text.split_once("segments=").and_then(|(_, rest)| rest.split_once(')')).expect("a list").0;
        let output = Command::new("bash").args(["-c", &format!("s={list}); echo ${{#s[@]}} ${{s[199]}}")]).output();
        assert_eq!(String::from_utf8_lossy(&output.expect("bash").stdout), "200 1990-1999\n");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn shell_reads_quoted_text_unchanged(text in "[^\0]{0,20}") {
            let output = Command::new("bash").args(["-c", &format!("printf %s {}", quoted(&text))]).output().expect("bash");
            prop_assert_eq!(String::from_utf8_lossy(&output.stdout), text);
        }
    }
}
