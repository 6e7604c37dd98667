//! Results as a table (RFC 4180).

use super::benchmark::Results;
use super::measured::{STAGES, WholePipeline};
use super::point::Outcome;
use std::fmt::Write as _;

impl Results {
    /// One line a point, with a header; empty cells where there is no figure.
    pub fn csv(&self) -> String {
        let mut text = "size,width,height,batch,precision,model,device,status,fps,latency_p50_ms,latency_p95_ms,\
                        latency_p99_ms,latency_max_ms,latency_deviation_ms,frames,cpu_ms,peak_memory_bytes,gpu_busy_percent,\
                        gpu_memory_bytes,slowest"
            .to_owned();
        for stage in STAGES {
            let _ = write!(text, ",{stage}_fps");
        }
        text.push_str(",error\n");
        for p in &self.points {
            let (m, w) = (p.measured(), p.whole());
            let number = |v: Option<f64>, digits: usize| v.map_or(String::new(), |v| format!("{v:.digits$}"));
            let whole = |f: fn(&WholePipeline) -> f64, digits| number(w.map(f), digits);
            let count = |v: Option<u64>| v.map_or(String::new(), |v| v.to_string());
            let (width, height) = m.map_or((p.spec.width, p.spec.height), |m| m.frame);
            let mut cells = vec![
                p.spec.size.clone(),
                width.to_string(),
                height.to_string(),
                p.spec.batch.to_string(),
                p.spec.precision.clone(),
                m.map_or(&p.spec.model, |m| &m.model).clone(),
                p.spec.device.clone(),
                if m.is_some() { "ok" } else { "failed" }.to_owned(),
                whole(|w| w.fps, 3),
                whole(|w| w.latency.p50, 2),
                whole(|w| w.latency.p95, 2),
                whole(|w| w.latency.p99, 2),
                whole(|w| w.latency.max, 2),
                whole(|w| w.latency.deviation, 2),
                count(w.map(|w| w.frames)),
                whole(|w| w.cpu_seconds * 1e3, 2),
                count(w.map(|w| w.peak_memory)),
                number(w.and_then(|w| w.gpu_busy), 1),
                count(w.and_then(|w| w.gpu_memory)),
                w.map_or(String::new(), |w| w.slowest.clone()),
            ];
            for stage in STAGES {
                let found = m.and_then(|m| m.stages.iter().find(|s| s.stage == stage));
                cells.push(number(found.map(|s| s.fps), 3));
            }
            cells.push(match &p.outcome {
                Outcome::Failed { error } => error.clone(),
                Outcome::Ok(_) => String::new(),
            });
            let quoted: Vec<_> = cells.iter().map(|c| quote(c)).collect();
            text += &(quoted.join(",") + "\n");
        }
        text
    }
}

/// A cell as RFC 4180 has it.
fn quote(cell: &str) -> String {
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::sample::results;

    #[test]
    fn csv_rows_have_as_many_cells_as_the_header() {
        let csv = results().csv();
        let lines: Vec<_> = csv.lines().collect();
        assert_eq!(lines.len(), 7);
        let columns = lines[0].split(',').count();
        assert!(lines[1..6].iter().all(|l| l.split(',').count() == columns), "{csv}");
        assert!(lines[2].starts_with("4k,3840,1920,1,auto,rvm,auto,ok,3.100,"), "{}", lines[2]);
        assert!(lines[6].ends_with(",\"no INT8 weights, \"\"yet\"\"\""), "{}", lines[6]);
    }
}
