//! Planning a job's segments before any of them is worked on, so that several can be worked on at once.

use super::folder::{JobFolder, JobPlan, PlannedSegment};
use super::key;
use crate::error::Error;
use crate::plan::Plan;
use crate::run::Assembly;
use crate::spec::Job;
use std::path::Path;
use vrseg_media::FrameTime;

/// Frames that warm up the memory of one who begins in the middle.
pub(super) const WARM_UP: usize = 15;

/// Plans `job` in segments of about this many seconds and keeps the plan in `folder`. What is finished of
/// the same plan stays, unless `restart`. Returns the plan.
///
/// # Errors
/// What makes the job impossible; the source's time stamps don't tell its frames; another process works
/// on it.
pub fn plan(job: &Job, folder: &Path, seconds: f64, restart: bool) -> Result<JobPlan, Error> {
    let made = planned(job, seconds)?;
    let folder = JobFolder::open(folder)?;
    let same = |old: &JobPlan| old.key == made.key && old.segments == made.segments;
    if restart || !folder.plan().is_some_and(|old| same(&old)) {
        folder.begin(&made)?;
    }
    Ok(made)
}

/// What [`plan`] would keep.
///
/// # Errors
/// As there, but for the folder's.
pub fn planned(job: &Job, seconds: f64) -> Result<JobPlan, Error> {
    let job = super::may_replace_its_own(&key::absolute(job));
    let plan = Plan::new(&job)?;
    let shown = job.input.display();
    let times = vrseg_media::frame_times(&plan.input, job.range)?.ok_or_else(|| {
        Error::Unfinished(format!(
            "{shown}: its time stamps are incomplete, so segments can't be planned; process it in one run or remux it \
             first"
        ))
    })?;
    if times.is_empty() {
        return Err(Error::Unfinished(format!("{shown}: has no frames in this range")));
    }
    let (num, den) = plan.input.video.time_base;
    let length = (seconds * f64::from(den) / f64::from(num)).round().max(1.0) as i64;
    let mut segments = segments(&times, length, job.range.frames);
    let clock = Assembly::new(&job, &plan).clock();
    for segment in &mut segments {
        // A stroke is followed from the frame on which it was painted.
        for stroke in &job.edits.strokes {
            let painted = times.partition_point(|t| clock.seconds(t.pts) <= stroke.at.0).saturating_sub(1) as u64;
            if painted < segment.index && painted + u64::from(stroke.frames) >= segment.index {
                segment.warm_up = segment.warm_up.min(times[painted as usize].pts);
            }
        }
    }
    let key = key::key(&job, &plan)?;
    Ok(JobPlan { key, job, seconds, frames: Some(times.len() as u64), segments: Some(segments) })
}

/// Cuts at the first key frame after `length` ticks, and where none comes, at any frame after twice of
/// it. A short rest belongs to the last segment.
fn segments(times: &[FrameTime], length: i64, limit: Option<u64>) -> Vec<PlannedSegment> {
    let mut starts = vec![0];
    let mut from = times[0].pts;
    let end = times[times.len() - 1].pts;
    for (i, frame) in times.iter().enumerate().skip(1) {
        let lasted = frame.pts - from;
        if (frame.key && lasted >= length || lasted >= 2 * length) && end - frame.pts >= length / 2 {
            starts.push(i);
            from = frame.pts;
        }
    }
    // A limit on frames holds for the whole job only: there the last segment needs an end.
    let limited = limit.is_some_and(|n| n <= times.len() as u64);
    let behind = limited.then(|| times[times.len() - 1].pts + 1);
    let planned = |n: usize| {
        let (start, next) = (starts[n], starts.get(n + 1));
        PlannedSegment {
            pts: times[start].pts,
            index: start as u64,
            frames: (next.copied().unwrap_or(times.len()) - start) as u64,
            warm_up: times[start.saturating_sub(WARM_UP)].pts,
            until: next.map(|i| times[*i].pts).or(behind),
        }
    };
    (0..starts.len()).map(planned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(n: i64, every: i64) -> Vec<FrameTime> {
        (0..n).map(|i| FrameTime { pts: i * 10, key: i % every == 0 }).collect()
    }

    #[test]
    fn segments_begin_at_key_frames_and_are_of_one_length() {
        let found = segments(&times(100, 8), 200, None);
        let starts: Vec<_> = found.iter().map(|s| s.index).collect();
        assert_eq!(starts, [0, 24, 48, 72]);
        assert_eq!(found.iter().map(|s| s.frames).sum::<u64>(), 100);
        assert_eq!((found[1].pts, found[1].warm_up, found[1].until), (240, 90, Some(480)));
        assert_eq!(found[3].until, None);
    }

    #[test]
    fn without_key_frames_they_are_cut_anyway_and_no_rest_is_tiny() {
        let starts = |n, every| segments(&times(n, every), 200, None).iter().map(|s| s.index).collect::<Vec<_>>();
        assert_eq!(starts(100, 1000), [0, 40, 80]);
        assert_eq!(starts(88, 1000), [0, 40]);
        assert_eq!(starts(5, 1), [0]);
        let limited = segments(&times(30, 1), 100, Some(30));
        assert_eq!(limited.last().and_then(|s| s.until), Some(291));
    }
}
