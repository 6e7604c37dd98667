//! The graph of a job: the one place that owns threads, channels, order, permits, clocks, cancel and the
//! error that wins. What the stages do is none of its business, nor is who assembles them:
//!
//! ```text
//! Graph::new(&cancel, &clocks)
//!     .source(decode, admission, 2)
//!     .parallel_in_order("prepare", samplers, scenes, 0)
//!     .ordered("infer", infer, batch)
//!     .ordered("matte", matting, 1)
//!     .split("compose", painters, outputs, 1)
//!     .run("encode", encoders, &wrote)?;
//! ```
//!
//! Every stage has threads of its own; between them are bounded channels. A stage that fails raises the
//! cancel flag; the others see it, or a closed channel, and return quietly.

mod cancel;
pub mod clock;
mod histogram;
mod memory;
pub(crate) mod order;
mod permits;
mod stage;
mod threads;
mod total;
pub mod trace;

pub use cancel::Cancel;
pub use clock::{Clocks, STAGES, StageReport};
pub use histogram::Histogram;
pub(crate) use memory::{Admission, MemoryGuard};
pub use permits::Permit;
pub(crate) use permits::{Permits, frames_in_flight};
pub use stage::{Item, Next, Sink, Source, Stage, Ticket};
pub use trace::Trace;

use crate::error::{Error, Result};
use clock::Worker;
use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use order::{InOrder, Numbered, Numbering};
use std::time::Instant;
use threads::Threads;
use total::Total;

/// A graph under construction: the threads of the stages so far.
pub(crate) struct Graph<'a> {
    cancel: &'a Cancel,
    clocks: &'a Clocks,
    threads: Threads<'a>,
    total: Total,
}

/// A graph and what comes out of its last stage.
pub(crate) struct Chain<'a, T> {
    graph: Graph<'a>,
    out: Receiver<Numbered<T>>,
}

/// A graph whose last stage paints several outputs.
pub(crate) struct Split<'a, T> {
    graph: Graph<'a>,
    outs: Vec<Receiver<Numbered<T>>>,
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Finished<T> {
    /// What each sink left, in their order.
    pub(crate) sinks: Vec<T>,
    /// The source came to its end, rather than being stopped by the user.
    pub(crate) whole: bool,
}

impl<'a> Graph<'a> {
    /// One without stages.
    pub(crate) fn new(cancel: &'a Cancel, clocks: &'a Clocks) -> Self {
        Self { cancel, clocks, threads: Threads::new(cancel), total: Total::unknown() }
    }

    /// Reads from `source` in the stage `decode`, as `admission` lets frames in.
    pub(crate) fn source<S: Source + 'a>(
        mut self,
        mut source: S,
        mut admission: Admission<'a>,
        queue: usize,
    ) -> Chain<'a, S::Output> {
        let (to, out) = bounded(queue);
        let (cancel, clocks, total) = (self.cancel, self.clocks, self.total.clone());
        self.threads.add("decode", move || {
            let mut clock = clocks.enter("decode");
            read(&mut source, &mut admission, Numbering::new(to), &total, cancel, &mut clock)
        });
        Chain { graph: self, out }
    }
}

/// Reads until the end, a request to stop, or until nobody listens any more.
fn read<S: Source>(
    source: &mut S,
    admission: &mut Admission<'_>,
    mut to: Numbering<S::Output>,
    total: &Total,
    cancel: &Cancel,
    clock: &mut Worker<'_>,
) -> Result<()> {
    clock.take(0, 1);
    loop {
        // The permit is taken before the decoder is asked, so that memory is bounded even while the frame is being
        // decoded.
        let permit = clock.waiting(|| admission.acquire(|| cancel.is_requested()));
        let next = match permit {
            Some(permit) => {
                let ticket = Ticket { permit, since: Instant::now() };
                clock.busy(|| source.next(ticket, &|| cancel.is_requested()))?
            }
            None => Next::Stopped,
        };
        let item = match next {
            Next::Item(item) => item,
            // The channel closes when this function returns, so the total must be known before.
            end => {
                total.set(source.delivered(), matches!(end, Next::End));
                return Ok(());
            }
        };
        clock.done(1);
        let next = item.frame() + 1;
        if !clock.waiting(|| to.send(item)) {
            return Ok(());
        }
        clock.hand(1);
        clock.take(next, 1);
    }
}

impl<'a, T: Item + 'a> Chain<'a, T> {
    /// A stage that sees the items in order.
    pub(crate) fn ordered<S, O>(mut self, name: &'static str, mut stage: S, queue: usize) -> Chain<'a, O>
    where
        S: Stage<Input = T> + 'a,
        S::Output: IntoIterator<Item = O>,
        O: Item + 'a,
    {
        let (to, out) = bounded(queue);
        let (cancel, clocks, mut from) = (self.graph.cancel, self.graph.clocks, InOrder::new(self.out));
        self.graph.threads.add(name, move || {
            let (mut clock, mut to) = (clocks.enter(name), Numbering::new(to));
            while let Ok(item) = clock.waiting(|| from.recv()) {
                if cancel.is_aborted() {
                    break;
                }
                let n = item.frames();
                clock.take(item.frame(), n);
                let made = clock.busy(|| stage.process(item))?;
                clock.done(n);
                if !pass_on(made, &mut to, &mut clock) {
                    return Ok(());
                }
            }
            let rest = clock.busy(|| stage.finish())?;
            rest.into_iter().all(|made| pass_on(made, &mut to, &mut clock));
            Ok(())
        });
        Chain { graph: self.graph, out }
    }

    /// A stage of several workers, whose items are put in order again behind them and then go through
    /// `in_order`: a stage that needs them so, and whose work is slight. To the clocks both are one stage.
    pub(crate) fn parallel_in_order<S, P, O>(
        mut self,
        name: &'static str,
        workers: Vec<S>,
        mut in_order: P,
        queue: usize,
    ) -> Chain<'a, O>
    where
        S: Stage<Input = T> + 'a,
        S::Output: Item + 'a,
        P: Stage<Input = S::Output> + 'a,
        P::Output: IntoIterator<Item = O>,
        O: Item + 'a,
    {
        // Handed over directly: each item that waited here would hold a sampled frame.
        let (made, between) = bounded(0);
        for worker in workers {
            let (from, to, cancel, clocks) = (self.out.clone(), made.clone(), self.graph.cancel, self.graph.clocks);
            self.graph.threads.add(name, move || {
                let mut clock = clocks.enter(name);
                work(worker, &from, cancel, &mut clock, |made, clock| clock.waiting(|| to.send(made)).is_ok())
            });
        }
        let (to, out) = bounded(queue);
        let (cancel, clocks, mut from) = (self.graph.cancel, self.graph.clocks, InOrder::new(between));
        self.graph.threads.add(name, move || {
            let (mut clock, mut to) = (clocks.help(name), Numbering::new(to));
            while let Ok(item) = from.recv() {
                if cancel.is_aborted() {
                    return Ok(());
                }
                let made = clock.busy(|| in_order.process(item))?;
                clock.helped();
                if !pass_on(made, &mut to, &mut clock) {
                    return Ok(());
                }
            }
            let rest = clock.busy(|| in_order.finish())?;
            rest.into_iter().all(|made| pass_on(made, &mut to, &mut clock));
            Ok(())
        });
        Chain { graph: self.graph, out }
    }

    /// A stage of several workers that make of each item one for each of `outputs` outputs.
    pub(crate) fn split<S, O>(
        mut self,
        name: &'static str,
        workers: Vec<S>,
        outputs: usize,
        queue: usize,
    ) -> Split<'a, O>
    where
        S: Stage<Input = T, Output = Vec<O>> + 'a,
        O: Item + 'a,
    {
        let (to, outs): (Vec<Sender<_>>, Vec<_>) = (0..outputs).map(|_| bounded(queue)).unzip();
        for worker in workers {
            let (from, to, cancel, clocks) = (self.out.clone(), to.clone(), self.graph.cancel, self.graph.clocks);
            self.graph.threads.add(name, move || {
                let mut clock = clocks.enter(name);
                work(worker, &from, cancel, &mut clock, |Numbered { number, item: pictures }, clock| {
                    pictures.into_iter().zip(&to).all(|(item, to)| {
                        let sent = clock.waiting(|| to.send(Numbered { number, item })).is_ok();
                        clock.hand(usize::from(sent));
                        sent
                    })
                })
            });
        }
        Split { graph: self.graph, outs }
    }
}

/// One of several workers of a stage: works until there are no more items or `send` says that nobody listens.
fn work<S: Stage>(
    mut stage: S,
    from: &Receiver<Numbered<S::Input>>,
    cancel: &Cancel,
    clock: &mut Worker<'_>,
    send: impl Fn(Numbered<S::Output>, &mut Worker<'_>) -> bool,
) -> Result<()> {
    while let Ok(Numbered { number, item }) = clock.waiting(|| from.recv()) {
        if cancel.is_aborted() {
            return Ok(());
        }
        clock.take(item.frame(), item.frames());
        let item = clock.busy(|| stage.process(item))?;
        clock.done(1);
        if !send(Numbered { number, item }, clock) {
            return Ok(());
        }
    }
    Ok(())
}

/// Sends what a stage made; false where nobody listens any more.
fn pass_on<T: Item>(made: impl IntoIterator<Item = T>, to: &mut Numbering<T>, clock: &mut Worker<'_>) -> bool {
    made.into_iter().all(|item| {
        let n = item.frames();
        let sent = clock.waiting(|| to.send(item));
        clock.hand(if sent { n } else { 0 });
        sent
    })
}

impl<'a, T: Item + 'a> Split<'a, T> {
    /// Adds the outputs and runs the graph. After each frame `wrote` gets the number of the output, how many frames
    /// it has so far, and when the source was asked for this one.
    ///
    /// # Errors
    /// The cause of a failure: the first error, in the order of the stages, that is not the echo of another.
    pub(crate) fn run<K>(
        mut self,
        name: &'static str,
        sinks: Vec<K>,
        wrote: &'a (dyn Fn(usize, u64, Instant) + Sync),
    ) -> Result<Finished<K::Output>>
    where
        K: Sink<Input = T> + 'a,
        K::Output: 'a,
    {
        let (to, finished) = unbounded();
        for (i, (mut sink, from)) in sinks.into_iter().zip(self.outs).enumerate() {
            let (cancel, clocks, total) = (self.graph.cancel, self.graph.clocks, self.graph.total.clone());
            let (to, mut from) = (to.clone(), InOrder::new(from));
            self.graph.threads.add(name, move || {
                let (mut clock, mut n) = (clocks.enter(name), 0);
                while let Ok(item) = clock.waiting(|| from.recv()) {
                    if cancel.is_aborted() {
                        return Err(Error::Interrupted);
                    }
                    clock.take(item.frame(), 1);
                    let since = item.since();
                    clock.busy(|| sink.write(item))?;
                    n += 1;
                    clock.done(1);
                    wrote(i, n, since);
                }
                // Stopped before the first frame: an empty file would be no result.
                let nothing = n == 0 && cancel.is_requested();
                if cancel.is_aborted() || nothing || !total.is(n) {
                    return Err(Error::Interrupted);
                }
                let left = clock.busy(|| sink.finish(total.is_whole()))?;
                let _ = to.send((i, left));
                Ok(())
            });
        }
        drop(to);
        let Graph { threads, total, .. } = self.graph;
        threads.run()?;
        let mut finished: Vec<_> = finished.try_iter().collect();
        finished.sort_by_key(|(i, _)| *i);
        Ok(Finished { sinks: finished.into_iter().map(|(_, left)| left).collect(), whole: total.is_whole() })
    }
}

#[cfg(test)]
mod tests;
