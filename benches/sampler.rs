//! Cost of the live sampler: CPU time of a process that only samples.

use std::time::Duration;
use vrseg_hardware::{Sampler, sampler::INTERVAL};

fn main() {
    let seconds = 5;
    let every = Duration::from_millis(10);
    let sampler = Sampler::start(every, Some(0));
    std::thread::sleep(Duration::from_secs(seconds));
    // The process's own CPU time over the wall time, from the sampler itself.
    let usage = sampler.finish();
    let sample = usage.mean_cores * every.as_secs_f64();
    let share = sample / INTERVAL.as_secs_f64() * 100.0;
    println!(
        "a sample takes {:.0} us of CPU; every {} ms that is {share:.3} % of a core",
        sample * 1e6,
        INTERVAL.as_millis()
    );
}
