//! What the benches share.

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, BenchmarkId, Criterion, SamplingMode};
use std::fmt::Display;
use std::time::Duration;

/// Short, as there are about a hundred benches and most take milliseconds. Options of the command line win over these.
pub(crate) fn criterion() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .nresamples(10_000)
}

/// Times what `ready` returns. Criterion calls back for every sample: what a bench works on is made once, and only
/// if the filter lets the bench through.
pub(crate) fn bench<R, F: FnMut() -> R>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    parameter: impl Display,
    ready: impl Fn() -> F,
) {
    let mut run = None;
    // Even the fastest takes many ticks of the clock, so samples needn't grow.
    group.sampling_mode(SamplingMode::Flat);
    group.bench_function(BenchmarkId::from_parameter(parameter), |b| b.iter(run.get_or_insert_with(&ready)));
}
