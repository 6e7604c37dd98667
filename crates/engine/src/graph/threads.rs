//! The threads of a graph: each has its stage's name, a panic becomes an error, and the first error wins.

use super::cancel::Cancel;
use crate::error::{Error, Result};
use crate::telemetry::SPANS;
use crate::telemetry::crash::{self, Crash};
use std::thread;

type Body<'a> = Box<dyn FnOnce() -> Result<()> + Send + 'a>;

/// Threads that are about to start, in the order of the stages.
pub(super) struct Threads<'a> {
    cancel: &'a Cancel,
    bodies: Vec<(&'static str, Body<'a>)>,
}

impl<'a> Threads<'a> {
    pub(super) fn new(cancel: &'a Cancel) -> Self {
        Self { cancel, bodies: Vec::new() }
    }

    /// One more thread of the stage of that name.
    pub(super) fn add(&mut self, stage: &'static str, body: impl FnOnce() -> Result<()> + Send + 'a) {
        self.bodies.push((stage, Box::new(body)));
    }

    /// Runs all threads to their end. One that fails stops the others: they see closed channels or the flag.
    pub(super) fn run(self) -> Result<()> {
        let (cancel, job) = (self.cancel, tracing::Span::current());
        thread::scope(|scope| {
            let start = |(stage, body): (&'static str, Body<'a>)| {
                let job = job.clone();
                let guarded = move || {
                    let _stage = tracing::debug_span!(target: SPANS, parent: &job, "stage", name = stage).entered();
                    let result = catch(stage, body);
                    if result.is_err() {
                        cancel.abort();
                    }
                    result
                };
                (stage, thread::Builder::new().name(format!("vrseg-{stage}")).spawn_scoped(scope, guarded))
            };
            let started: Vec<_> = self.bodies.into_iter().map(start).collect();
            if started.iter().any(|(_, handle)| handle.is_err()) {
                cancel.abort();
            }
            let end = |(stage, handle): (&'static str, std::io::Result<thread::ScopedJoinHandle<'_, Result<()>>>)| {
                match handle {
                    Ok(h) => h.join().unwrap_or_else(|p| Err(Error::Panic { stage, crash: Crash::of(&*p) })),
                    Err(source) => Err(Error::Thread { stage, source }),
                }
            };
            first_error(started.into_iter().map(end).collect())
        })
    }
}

/// Turns a panic of a stage into an error, so that the other stages are stopped at once.
fn catch(stage: &'static str, body: impl FnOnce() -> Result<()>) -> Result<()> {
    crash::catch(body).unwrap_or_else(|crash| Err(Error::Panic { stage, crash }))
}

/// The cause: the first error in the order of the stages that is not just "interrupted", since an aborted
/// encoder says that too.
fn first_error(results: Vec<Result<()>>) -> Result<()> {
    let mut errors: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    if errors.is_empty() {
        return Ok(());
    }
    let cause = errors.iter().position(|e| !matches!(e, Error::Interrupted)).unwrap_or(0);
    Err(errors.swap_remove(cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_wins_over_its_consequences() {
        let e = first_error(vec![Ok(()), Err(Error::Interrupted), Err(Error::Request("disk".into()))]);
        assert_eq!(e.unwrap_err().to_string(), "disk");
        assert!(matches!(first_error(vec![Err(Error::Interrupted)]), Err(Error::Interrupted)));
        assert!(first_error(vec![Ok(())]).is_ok());
    }

    #[test]
    fn a_panic_becomes_an_error_that_names_the_stage() {
        let e = catch("matte", || panic!("index {}", 7)).unwrap_err().to_string();
        assert!(e.contains("matte") && e.contains("index 7"), "{e}");
    }
}
