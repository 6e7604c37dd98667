//! A timeline of all stages in Chrome's trace format, which Perfetto (ui.perfetto.dev) and
//! chrome://tracing open: <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>.

use crossbeam_channel::{Sender, unbounded};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Spans after which a timeline ends: some 200 MB, which is about what Perfetto can open.
pub const MOST: u64 = 2_000_000;

/// Writes a timeline to a file, in a thread of its own so that a slow disk holds nobody up.
#[derive(Debug)]
pub struct Trace {
    started: Instant,
    events: Sender<Entry>,
    spans: AtomicU64,
    processes: AtomicU32,
    threads: AtomicU32,
    writer: Mutex<Option<JoinHandle<io::Result<()>>>>,
}

/// What a thread does for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Its stage's work.
    Work,
    /// It waits for another stage.
    Wait,
}

#[derive(Debug)]
enum Entry {
    Process { process: u32, name: String },
    Thread { process: u32, thread: u32, stage: &'static str },
    Span { process: u32, thread: u32, name: &'static str, frame: Option<u64>, start: Duration, took: Duration },
    End,
}

/// One thread's line in a timeline.
#[derive(Debug)]
pub struct Thread {
    trace: Arc<Trace>,
    process: u32,
    thread: u32,
    stage: &'static str,
}

impl Trace {
    /// Begins a timeline; a file of that name is replaced.
    ///
    /// # Errors
    /// When the file can't be created, or its thread can't be started.
    pub fn create(path: &Path) -> io::Result<Arc<Self>> {
        let mut file = BufWriter::with_capacity(1 << 18, File::create(path)?);
        let (events, entries) = unbounded();
        let body = move || {
            file.write_all(b"[\n")?;
            for entry in entries {
                match entry {
                    Entry::End => break,
                    entry => write(&mut file, &entry)?,
                }
            }
            // A last event without a comma makes it valid JSON.
            file.write_all(b"{\"name\":\"vrseg\",\"ph\":\"M\",\"pid\":0,\"args\":{}}\n]\n")?;
            file.flush()
        };
        let writer = std::thread::Builder::new().name("vrseg-trace".to_owned()).spawn(body)?;
        Ok(Arc::new(Self {
            started: Instant::now(),
            events,
            spans: AtomicU64::new(0),
            processes: AtomicU32::new(0),
            threads: AtomicU32::new(0),
            writer: Mutex::new(Some(writer)),
        }))
    }

    /// A new group of threads: a job.
    pub(super) fn process(&self, name: &str) -> u32 {
        let process = self.processes.fetch_add(1, Ordering::Relaxed) + 1;
        let _ = self.events.send(Entry::Process { process, name: name.to_owned() });
        process
    }

    /// A new line in a group.
    pub(super) fn thread(self: &Arc<Self>, process: u32, stage: &'static str) -> Thread {
        let thread = self.threads.fetch_add(1, Ordering::Relaxed) + 1;
        let _ = self.events.send(Entry::Thread { process, thread, stage });
        Thread { trace: Arc::clone(self), process, thread, stage }
    }

    /// Ends the file. `Ok(true)`: it has everything; `Ok(false)`: it ends after [`MOST`] spans.
    ///
    /// # Errors
    /// When the file could not be written.
    pub fn finish(&self) -> io::Result<bool> {
        let _ = self.events.send(Entry::End);
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer {
            writer.join().map_err(|_| io::Error::other("the thread that writes it has panicked"))??;
        }
        Ok(self.spans.load(Ordering::Relaxed) <= MOST)
    }
}

impl Drop for Trace {
    fn drop(&mut self) {
        // Whoever wants to know how it went has called it before.
        let _ = self.finish();
    }
}

impl Thread {
    /// The thread did that, for `frame` where it is about one.
    pub(super) fn record(&self, activity: Activity, frame: Option<u64>, start: Instant, took: Duration) {
        let trace = &self.trace;
        if trace.spans.fetch_add(1, Ordering::Relaxed) >= MOST {
            return;
        }
        let name = match activity {
            Activity::Work => self.stage,
            Activity::Wait => "wait",
        };
        let start = start.saturating_duration_since(trace.started);
        let (process, thread) = (self.process, self.thread);
        let _ = trace.events.send(Entry::Span { process, thread, name, frame, start, took });
    }
}

fn write(out: &mut impl Write, entry: &Entry) -> io::Result<()> {
    let us = |d: &Duration| d.as_nanos() as f64 / 1e3;
    match entry {
        Entry::Process { process, name } => {
            let name = serde_json::Value::from(name.as_str());
            writeln!(out, "{{\"name\":\"process_name\",\"ph\":\"M\",\"pid\":{process},\"args\":{{\"name\":{name}}}}},")
        }
        Entry::Thread { process, thread, stage } => {
            let place = format!("\"ph\":\"M\",\"pid\":{process},\"tid\":{thread}");
            writeln!(out, "{{\"name\":\"thread_name\",{place},\"args\":{{\"name\":\"{stage}\"}}}},")?;
            writeln!(out, "{{\"name\":\"thread_sort_index\",{place},\"args\":{{\"sort_index\":{thread}}}}},")
        }
        Entry::Span { process, thread, name, frame, start, took } => {
            let (start, took) = (us(start), us(took));
            write!(out, "{{\"name\":\"{name}\",\"ph\":\"X\",\"pid\":{process},\"tid\":{thread}")?;
            write!(out, ",\"ts\":{start:.3},\"dur\":{took:.3}")?;
            match frame {
                Some(frame) => writeln!(out, ",\"args\":{{\"frame\":{frame}}}}},"),
                None => writeln!(out, "}},"),
            }
        }
        Entry::End => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::clock::Clocks;
    use super::*;

    #[test]
    fn every_thread_has_its_line_with_work_and_waiting() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("trace.json");
        let trace = Trace::create(&path).expect("a file");
        let clocks = Clocks::default();
        clocks.trace(&trace, "a \"clip\".mp4");
        let mut decode = clocks.enter("decode");
        let mut infer = clocks.enter("infer");
        decode.busy(|| ());
        infer.waiting(|| ());
        infer.take(7, 1);
        infer.busy(|| std::thread::sleep(Duration::from_millis(2)));
        assert!(trace.finish().expect("written"));
        let text = std::fs::read_to_string(&path).expect("the file");
        let all: Vec<serde_json::Value> = serde_json::from_str(&text).expect("JSON");
        let spans: Vec<_> = all.iter().filter(|e| e["ph"] == "X").collect();
        let names: Vec<_> = spans.iter().map(|s| s["name"].as_str().expect("a name")).collect();
        assert_eq!(names, ["decode", "wait", "infer"]);
        assert_ne!(spans[0]["tid"], spans[1]["tid"]);
        assert_eq!((&spans[2]["args"]["frame"], &spans[2]["tid"]), (&7.into(), &spans[1]["tid"]));
        assert!(spans[2]["dur"].as_f64().expect("microseconds") >= 2000.0);
        assert!(all.iter().any(|e| e["name"] == "process_name" && e["args"]["name"] == "a \"clip\".mp4"));
        // What is told after the end goes nowhere, and harms nobody.
        infer.busy(|| ());
    }
}
