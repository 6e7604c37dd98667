//! What a graph is made of: sources, stages and sinks are values; threads are the graph's business.

use super::permits::Permit;
use crate::error::Result;
use std::time::Instant;

/// What goes from stage to stage.
pub trait Item: Send {
    /// Number of the (first) frame in it, from 0.
    fn frame(&self) -> u64;

    /// Frames in it.
    fn frames(&self) -> usize {
        1
    }

    /// When the source was asked for the (first) frame in it.
    fn since(&self) -> Instant;
}

/// What the graph gives a source along with the request for a frame.
#[derive(Debug)]
pub struct Ticket {
    /// The frame's right to be in memory: kept with it until it was painted.
    pub permit: Permit,
    /// When the frame was requested.
    pub since: Instant,
}

impl Ticket {
    /// For a frame outside of any graph, which nothing bounds.
    pub fn unbounded() -> Self {
        Self { permit: Permit::unbounded(), since: Instant::now() }
    }
}

/// What a source has to give.
#[derive(Debug)]
pub enum Next<T> {
    /// One more.
    Item(T),
    /// There are no more.
    End,
    /// The user requested a stop.
    Stopped,
}

/// The first part of a graph.
pub trait Source: Send {
    /// What it gives.
    type Output: Item;

    /// The next item. Asks `stop` now and then, where it takes longer.
    ///
    /// # Errors
    /// The source can't be read any further.
    fn next(&mut self, ticket: Ticket, stop: &dyn Fn() -> bool) -> Result<Next<Self::Output>>;

    /// Frames given so far that are to come out of the graph.
    fn delivered(&self) -> u64;
}

/// A part of a graph that makes something of each item.
pub trait Stage: Send {
    /// What comes in.
    type Input: Item;
    /// What goes out. A stage that sees the items in order may make several things of one, or none: a
    /// collection of items.
    type Output;

    /// Works on one item.
    ///
    /// # Errors
    /// What ends the job.
    fn process(&mut self, input: Self::Input) -> Result<Self::Output>;

    /// Called once after the last item: what was buffered until then.
    ///
    /// # Errors
    /// What ends the job.
    fn finish(&mut self) -> Result<Option<Self::Output>> {
        Ok(None)
    }
}

/// The last part of a graph: gets all items of one output in order.
pub trait Sink: Send {
    /// What comes in.
    type Input: Item;
    /// What is left in the end.
    type Output: Send;

    /// Takes one item.
    ///
    /// # Errors
    /// It can't be written.
    fn write(&mut self, input: Self::Input) -> Result<()>;

    /// Closes the output behind its last item. `whole`: the source came to its end, rather than being
    /// stopped by the user.
    ///
    /// # Errors
    /// The end can't be written.
    fn finish(self, whole: bool) -> Result<Self::Output>;
}
