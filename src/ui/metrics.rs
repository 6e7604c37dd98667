//! `--metrics`: the run's figures in Prometheus' text format (OpenMetrics).

use super::http::Server;
use super::status::{RunStatus, Snapshot};
use axum::Router;
use axum::http::header;
use axum::routing::get;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use vrseg_engine::StageReport;
use vrseg_infer::cache::CacheStats;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves the figures at `http://ADDRESS/metrics`.
///
/// # Errors
/// When the address can't be listened at.
pub(crate) fn serve(status: &Arc<RunStatus>, address: SocketAddr) -> io::Result<Server> {
    let status = Arc::clone(status);
    let page = move || async move { ([(header::CONTENT_TYPE, CONTENT_TYPE)], render(&status)) };
    Server::start("vrseg-metrics", address, Router::new().route("/metrics", get(page)))
}

/// The figures as Prometheus reads them.
pub(crate) fn render(status: &Arc<RunStatus>) -> String {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(StatusCollector::of(status)));
    let mut out = String::new();
    // Writing to a string does not fail.
    let _ = text::encode(&mut out, &registry);
    out
}

#[derive(Debug)]
struct StatusCollector {
    now: Snapshot,
    totals: Vec<StageReport>,
    mattes: CacheStats,
}

impl StatusCollector {
    fn of(status: &RunStatus) -> Self {
        let (totals, mattes) = status.totals();
        Self { now: status.snapshot(), totals, mattes }
    }
}

/// Labels of a series and its value.
type Series<'a> = (Vec<(&'static str, &'a str)>, f64);

impl Collector for StatusCollector {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let (now, e) = (&self.now, &mut encoder);
        counter(e, "vrseg_frames", "Frames written to every output", vec![(vec![], now.all_frames as f64)])?;
        let jobs = [("done", now.jobs.done), ("failed", now.jobs.failed), ("interrupted", now.jobs.interrupted)];
        let jobs = jobs.into_iter().map(|(result, n)| (vec![("result", result)], n as f64)).collect();
        counter(e, "vrseg_jobs", "Processed inputs by result", jobs)?;
        let from = &self.mattes;
        let mattes =
            [("model", from.computed), ("memory", from.memory), ("disk", from.disk), ("motion", from.propagated)];
        let mattes = mattes.into_iter().map(|(from, n)| (vec![("from", from)], n as f64)).collect();
        counter(e, "vrseg_mattes", "Frames by the source of their mattes", mattes)?;
        counter(e, "vrseg_warnings", "Warnings", vec![(vec![], now.warnings as f64)])?;
        gauge(e, "vrseg_frames_per_second", "Speed over the last seconds", vec![(vec![], now.fps)])?;
        gauge(e, "vrseg_job_frames", "Written frames of the current input", vec![(vec![], now.frames as f64)])?;
        let known = |v: Option<f64>| v.map(|v| vec![(vec![], v)]).unwrap_or_default();
        let expected = known(now.total.map(|n| n as f64));
        gauge(e, "vrseg_job_frames_expected", "Expected frames of the current input", expected)?;
        gauge(e, "vrseg_job_eta_seconds", "Seconds left of the current input", known(now.eta))?;

        let stages = |of: fn(&StageReport) -> f64| -> Vec<Series<'_>> {
            self.totals.iter().map(|s| (vec![("stage", s.stage)], of(s))).collect()
        };
        let help = "Seconds of work, summed over the stage's threads";
        counter(e, "vrseg_stage_busy_seconds", help, stages(|s| s.busy))?;
        let help = "Seconds of waiting for other stages, summed over the stage's threads";
        counter(e, "vrseg_stage_waiting_seconds", help, stages(|s| s.waiting))?;
        counter(e, "vrseg_stage_frames", "Frames that the stage finished", stages(|s| s.frames as f64))?;
        gauge(e, "vrseg_stage_queue_frames", "Frames waiting for the stage", stages(|s| s.queue as f64))?;
        gauge(e, "vrseg_stage_threads", "Threads of the stage", stages(|s| s.threads as f64))?;
        let load = now.stages.iter().map(|s| (vec![("stage", s.report.stage)], s.load)).collect();
        gauge(e, "vrseg_stage_load_ratio", "Share of the last seconds in which the stage's threads worked", load)?;
        let percentiles = self.totals.iter().flat_map(|s| {
            let all = [("50", s.p50), ("95", s.p95), ("99", s.p99), ("100", s.max)];
            all.map(|(percentile, v)| (vec![("stage", s.stage), ("percentile", percentile)], v))
        });
        let help = "Seconds of work per frame (of the model: per batch) of the current input";
        gauge(e, "vrseg_stage_work_seconds", help, percentiles.collect())?;

        let sample = &now.sample;
        gauge(e, "vrseg_resident_memory_bytes", "Memory of the process", vec![(vec![], sample.memory as f64)])?;
        gauge(e, "vrseg_cpu_cores", "CPU cores in use by the process", vec![(vec![], sample.cores)])?;
        gauge(e, "vrseg_cpu_cores_usable", "Cores that the process may use", vec![(vec![], now.cores as f64)])?;
        let gpu = sample.gpu.as_ref();
        let busy = known(gpu.and_then(|g| g.busy).map(|b| f64::from(b) / 100.0));
        gauge(e, "vrseg_gpu_busy_ratio", "GPU load", busy)?;
        let used = known(gpu.and_then(|g| g.memory_used).map(|b| b as f64));
        gauge(e, "vrseg_gpu_memory_bytes", "GPU memory in use by all programs", used)?;
        let heat = known(gpu.and_then(|g| g.temperature).map(f64::from));
        gauge(e, "vrseg_gpu_temperature_celsius", "GPU temperature", heat)?;
        let build = vec![(vec![("version", env!("CARGO_PKG_VERSION"))], 1.0)];
        gauge(e, "vrseg_build_info", "The program's version", build)
    }
}

fn counter(e: &mut DescriptorEncoder, name: &str, help: &str, all: Vec<Series>) -> fmt::Result {
    let mut family = e.encode_descriptor(name, help, None, MetricType::Counter)?;
    all.iter().try_for_each(|(labels, v)| ConstCounter::new(*v).encode(family.encode_family(labels)?))
}

fn gauge(e: &mut DescriptorEncoder, name: &str, help: &str, all: Vec<Series>) -> fmt::Result {
    if all.is_empty() {
        return Ok(());
    }
    let mut family = e.encode_descriptor(name, help, None, MetricType::Gauge)?;
    all.iter().try_for_each(|(labels, v)| ConstGauge::new(*v).encode(family.encode_family(labels)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ui::status::StageStatus;
    use std::collections::BTreeSet;
    use vrseg_hardware::Machine;
    use vrseg_hardware::gpu::GpuLoad;
    use vrseg_hardware::sampler::Sample;

    /// The text of a run that has every figure.
    fn full_text() -> String {
        let report = StageReport { stage: "infer", busy: 2.0, frames: 7, p95: 0.25, ..StageReport::default() };
        let gpu = GpuLoad { busy: Some(50), memory_used: Some(1000), temperature: Some(60), ..GpuLoad::default() };
        let now = Snapshot {
            all_frames: 12,
            total: Some(100),
            eta: Some(3.0),
            stages: vec![StageStatus { report: report.clone(), load: 0.5 }],
            sample: Sample { gpu: Some(gpu), ..Sample::default() },
            ..Snapshot::default()
        };
        let mut registry = Registry::default();
        registry.register_collector(Box::new(StatusCollector {
            now,
            totals: vec![report],
            mattes: CacheStats { computed: 9, disk: 3, memory: 0, propagated: 2 },
        }));
        let mut out = String::new();
        text::encode(&mut out, &registry).expect("text");
        out
    }

    /// The names of series in a text that has others, too.
    fn names(text: &str) -> BTreeSet<String> {
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
        text.split(|c| !letters(c)).filter(|w| w.starts_with("vrseg_")).map(str::to_owned).collect()
    }

    #[test]
    fn text_is_in_openmetrics_format() {
        let text = full_text();
        for line in [
            "# TYPE vrseg_frames counter",
            "vrseg_frames_total 12.0",
            "vrseg_mattes_total{from=\"model\"} 9.0",
            "vrseg_mattes_total{from=\"disk\"} 3.0",
            "vrseg_stage_busy_seconds_total{stage=\"infer\"} 2.0",
            "vrseg_stage_work_seconds{stage=\"infer\",percentile=\"95\"} 0.25",
            "vrseg_gpu_busy_ratio 0.5",
            "# EOF",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}:\n{text}");
        }
        // What is not known is not there, rather than 0.
        let status = RunStatus::new(&Machine::default(), None);
        assert!(!render(&status).contains("vrseg_job_eta_seconds"));
    }

    #[test]
    fn dashboard_and_document_name_existing_series() {
        let path = |name| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
        let series: BTreeSet<_> = full_text()
            .lines()
            .filter(|l| !l.starts_with('#'))
            .flat_map(|l| names(l.split(['{', ' ']).next().unwrap_or(l)))
            .collect();
        let dashboard = std::fs::read_to_string(path("grafana-dashboard.json")).expect("the dashboard");
        let json: serde_json::Value = serde_json::from_str(&dashboard).expect("JSON");
        let panels = json["panels"].as_array().expect("panels");
        assert!(panels.iter().all(|p| p["targets"][0]["expr"].as_str().is_some_and(|e| !names(e).is_empty())));
        let used = names(&dashboard);
        assert!(used.len() > 10 && used.is_subset(&series), "{:?}", used.difference(&series));
        let document = std::fs::read_to_string(path("monitoring.md")).expect("the document");
        assert_eq!(names(&document), series, "docs/monitoring.md lists the series");
    }
}
