//! Which segments each task of an array works on.

use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;

/// Consecutive segments that one task works on: only the first of them has to warm up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Task {
    /// Index of the first segment.
    pub first: usize,
    /// Index of the last segment, which may be the first.
    pub last: usize,
}

impl Task {
    /// Whether `segment` is one of its.
    pub fn has(&self, segment: usize) -> bool {
        (self.first..=self.last).contains(&segment)
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.last - self.first {
            0 => write!(f, "{}", self.first),
            _ => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

impl FromStr for Task {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?}: expected a segment index (7) or a range (3-7)");
        let number = |text: &str| text.parse::<usize>().map_err(|_| wrong());
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let task = Self { first: number(first)?, last: number(last)? };
        if task.last < task.first { Err(wrong()) } else { Ok(task) }
    }
}

impl From<Task> for String {
    fn from(task: Task) -> Self {
        task.to_string()
    }
}

impl TryFrom<String> for Task {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

/// Fewer segments than this are not worth a task where nothing else is requested: a process and a
/// network have to be started.
const MIN_SEGMENTS: usize = 2;
/// Segments of a task where nobody said how many run at once.
const DEFAULT_SEGMENTS: usize = 4;

/// Divides the segments `missing`, in rising order, over tasks; `frames` are those of every segment of the job.
/// `each`: segments per task; `workers`: tasks that run at once. Both have defaults.
pub fn tasks(frames: &[u64], missing: &[usize], each: Option<usize>, workers: Option<usize>) -> Vec<Task> {
    let each = each.or_else(|| workers.is_none().then_some(DEFAULT_SEGMENTS));
    divide(frames, missing, each, workers, MIN_SEGMENTS)
}

/// Divides the segments `missing`, in rising order, over tasks; `frames` are those of every segment of the job.
///
/// `each` segments make a task; where it is `None`, tasks get smaller towards the end, the longest is the
/// first, and `workers` of them at once end at about the same time whatever the speed of each machine:
/// a task gets its share of a quarter of what is left (guided self-scheduling, Polychronopoulos and Kuck
/// 1987, who took all of it, which is too much for the slow ones), but not less than `least` segments.
///
/// # Panics
/// When a missing segment has no number of frames.
fn divide(frames: &[u64], missing: &[usize], each: Option<usize>, workers: Option<usize>, least: usize) -> Vec<Task> {
    let mut left: u64 = missing.iter().map(|n| frames[*n]).sum();
    let least = each.unwrap_or(least).max(1);
    let mut tasks = Vec::new();
    let mut rest = missing;
    while let Some(first) = rest.first() {
        let share = match (each, workers) {
            (None, Some(workers)) => left / (4 * workers.max(1) as u64),
            _ => 0,
        };
        let (mut n, mut taken) = (0, 0);
        while n < rest.len() && rest[n] == first + n && (n < least || taken + frames[rest[n]] <= share) {
            taken += frames[rest[n]];
            n += 1;
        }
        tasks.push((taken, Task { first: *first, last: first + n - 1 }));
        left -= taken;
        rest = &rest[n..];
    }
    tasks.sort_by_key(|(frames, _)| Reverse(*frames));
    tasks.into_iter().map(|(_, task)| task).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(tasks: &[Task]) -> Vec<String> {
        tasks.iter().map(Task::to_string).collect()
    }

    #[test]
    fn task_parses_index_or_range() {
        assert_eq!("7".parse(), Ok(Task { first: 7, last: 7 }));
        assert_eq!("3-11".parse(), Ok(Task { first: 3, last: 11 }));
        for wrong in ["", "a", "5-3", "1-2-3", "-1", "1-"] {
            assert!(wrong.parse::<Task>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn longest_tasks_come_first_and_get_smaller() {
        let all: Vec<_> = (0..24).collect();
        assert_eq!(texts(&divide(&[100; 24], &all, None, Some(2), 1))[..4], ["0-2", "3-4", "5-6", "7-8"]);
        assert_eq!(texts(&divide(&[100; 24], &all, Some(8), Some(2), 1)), ["0-7", "8-15", "16-23"]);
        assert_eq!(texts(&divide(&[100; 5], &[0, 1, 2, 3, 4], None, None, 4)), ["0-3", "4"]);
    }

    #[test]
    fn task_segments_are_consecutive() {
        assert_eq!(texts(&divide(&[100; 9], &[0, 3, 4, 5, 8], Some(4), None, 1)), ["3-5", "0", "8"]);
    }

    /// When the last of `workers` ends, which take the next task as soon as they are free, each as fast
    /// as `speeds` says; and when all would end if the work could be divided at will.
    fn ends(frames: &[u64], tasks: &[Task], speeds: &[f64]) -> (f64, f64) {
        let mut free = vec![0.0; speeds.len()];
        for task in tasks {
            let work: u64 = frames[task.first..=task.last].iter().sum();
            let next = (0..free.len()).min_by(|a, b| f64::total_cmp(&free[*a], &free[*b])).expect("a worker");
            free[next] += work as f64 / speeds[next];
        }
        let work = frames.iter().sum::<u64>() as f64;
        (free.iter().copied().fold(0.0, f64::max), work / speeds.iter().sum::<f64>())
    }

    #[test]
    fn workers_of_different_speed_end_together() {
        let frames = [450; 200];
        let all: Vec<_> = (0..200).collect();
        let speeds = [10.0, 20.0, 40.0, 40.0];
        let (guided, best) = ends(&frames, &divide(&frames, &all, None, Some(4), 1), &speeds);
        // One task for each worker: all wait for the slowest.
        let (equal, _) = ends(&frames, &divide(&frames, &all, Some(50), Some(4), 1), &speeds);
        assert!(guided < 1.05 * best, "{guided} seconds, {best} at best");
        assert!(equal > 2.0 * best, "{equal} seconds, {best} at best");
    }

    proptest! {
        #[test]
        fn every_segment_has_exactly_one_task(
            frames in proptest::collection::vec(1u64..1000, 1..80), missing in proptest::collection::vec(any::<bool>(), 80),
            each in proptest::option::of(1usize..9), workers in proptest::option::of(1usize..9), least in 0usize..6,
        ) {
            let missing: Vec<_> = (0..frames.len()).filter(|n| missing[*n]).collect();
            let tasks = divide(&frames, &missing, each, workers, least);
            let mut seen: Vec<_> = tasks.iter().flat_map(|t| t.first..=t.last).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, missing);
        }
    }
}
