//! Graphs of stages that count: order, stopping and failing have nothing to do with video.

use super::*;
use std::sync::Mutex;
use std::time::Duration;

struct Number(u64, Instant);

impl Item for Number {
    fn frame(&self) -> u64 {
        self.0
    }

    fn since(&self) -> Instant {
        self.1
    }
}

/// Counts to a number; asks to stop by itself at another.
struct Count<'a> {
    next: u64,
    end: u64,
    stop_at: Option<u64>,
    cancel: &'a Cancel,
}

impl Source for Count<'_> {
    type Output = Number;

    fn next(&mut self, ticket: Ticket, stop: &dyn Fn() -> bool) -> Result<Next<Number>> {
        if self.stop_at == Some(self.next) {
            self.cancel.request();
        }
        if stop() {
            return Ok(Next::Stopped);
        }
        if self.next == self.end {
            return Ok(Next::End);
        }
        self.next += 1;
        Ok(Next::Item(Number(self.next - 1, ticket.since)))
    }

    fn delivered(&self) -> u64 {
        self.next
    }
}

/// Takes longer for some items than for others; fails or panics at one.
#[derive(Clone)]
struct Uneven {
    fails_at: Option<u64>,
    panics_at: Option<u64>,
}

impl Stage for Uneven {
    type Input = Number;
    type Output = Number;

    fn process(&mut self, item: Number) -> Result<Number> {
        std::thread::sleep(Duration::from_micros(item.0 * 37 % 301));
        assert!(self.panics_at != Some(item.0), "as the test wants");
        if self.fails_at == Some(item.0) { Err(Error::Request("at that item".into())) } else { Ok(item) }
    }
}

/// Keeps items back until there are three of them.
#[derive(Default)]
struct Three(Vec<Number>);

impl Stage for Three {
    type Input = Number;
    type Output = Vec<Number>;

    fn process(&mut self, item: Number) -> Result<Vec<Number>> {
        self.0.push(item);
        Ok(if self.0.len() == 3 { std::mem::take(&mut self.0) } else { Vec::new() })
    }

    fn finish(&mut self) -> Result<Option<Vec<Number>>> {
        Ok(Some(std::mem::take(&mut self.0)))
    }
}

/// Makes an item for each of two outputs.
struct Twice(Uneven);

impl Stage for Twice {
    type Input = Number;
    type Output = Vec<Number>;

    fn process(&mut self, item: Number) -> Result<Vec<Number>> {
        let Number(n, since) = self.0.process(item)?;
        Ok(vec![Number(n, since), Number(n + 1000, since)])
    }
}

#[derive(Default)]
struct Collect(Vec<u64>);

impl Sink for Collect {
    type Input = Number;
    type Output = (Vec<u64>, bool);

    fn write(&mut self, item: Number) -> Result<()> {
        self.0.push(item.0);
        Ok(())
    }

    fn finish(self, whole: bool) -> Result<(Vec<u64>, bool)> {
        Ok((self.0, whole))
    }
}

/// What the outputs of such a graph got, and the frames that were told as written.
type Outcome = (Result<Vec<(Vec<u64>, bool)>>, Vec<u64>);

fn run(end: u64, stop_at: Option<u64>, first: Uneven, last: Uneven, workers: usize) -> Outcome {
    let (cancel, clocks) = (Cancel::new(), Clocks::default());
    let written = Mutex::new(vec![0; 2]);
    let wrote = |output: usize, n, _| written.lock().unwrap()[output] = n;
    let done = Graph::new(&cancel, &clocks)
        .source(Count { next: 0, end, stop_at, cancel: &cancel }, Admission::new(Permits::new(8), None), 2)
        .parallel_in_order("prepare", vec![first; workers], Three::default(), 1)
        .ordered("infer", Three::default(), 2)
        .ordered("matte", Three::default(), 1)
        .split("compose", (0..workers).map(|_| Twice(last.clone())).collect(), 2, 1)
        .run("encode", vec![Collect::default(), Collect::default()], &wrote);
    let report = clocks.report();
    if let Ok(finished) = &done {
        assert_eq!(report[1].frames, finished.sinks[0].0.len() as u64, "the samplers' frames count once");
        assert_eq!(report[1].threads, workers as u64, "who orders is no further thread of the stage");
        assert!(report.iter().all(|stage| stage.queue == 0), "all that was handed over was taken: {report:?}");
    }
    (done.map(|finished| finished.sinks), written.into_inner().unwrap())
}

const SOUND: Uneven = Uneven { fails_at: None, panics_at: None };

#[test]
fn outputs_get_every_item_once_and_in_order() {
    for workers in [1, 2, 5] {
        for end in [0, 1, 2, 3, 100] {
            let (done, written) = run(end, None, SOUND, SOUND, workers);
            let (first, second) = ((0..end).collect(), (1000..1000 + end).collect());
            assert_eq!(done.unwrap(), [(first, true), (second, true)]);
            assert_eq!(written, [end, end]);
        }
    }
}

#[test]
fn a_request_to_stop_closes_outputs_that_are_not_whole() {
    let (done, _) = run(100, Some(10), SOUND, SOUND, 2);
    assert_eq!(done.unwrap()[0], ((0..10).collect(), false));
    // An empty file would be no result.
    assert!(matches!(run(100, Some(0), SOUND, SOUND, 2).0, Err(Error::Interrupted)));
}

#[test]
fn a_failing_worker_ends_the_graph_with_its_error_and_no_output_is_closed() {
    for workers in [1, 3] {
        let fails = Uneven { fails_at: Some(20), panics_at: None };
        for (first, last) in [(fails.clone(), SOUND), (SOUND, fails)] {
            let (done, written) = run(100, None, first, last, workers);
            assert_eq!(done.unwrap_err().to_string(), "at that item");
            assert!(written.iter().all(|n| *n < 100));
        }
        let panics = Uneven { fails_at: None, panics_at: Some(20) };
        let error = run(100, None, SOUND, panics, workers).0.unwrap_err();
        assert!(matches!(error, Error::Panic { stage: "compose", .. }), "{error}");
    }
}
