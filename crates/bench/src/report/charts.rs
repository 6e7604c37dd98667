//! Which charts there are of a benchmark.

use super::draw::{
    BLACK, BLUE, Chart, ChartError, ChartLabels, GREEN, ORANGE, PURPLE, SKY, Series, VERMILION, YELLOW, bars, lines,
    shares,
};
use super::facts::views_per_second;
use crate::advice::{by_batch, by_precision, by_size, efficiency};
use crate::figures::{gib, number};
use crate::results::{Point, Results, WholePipeline};
use plotters::style::RGBColor;

/// The stages in the order of the data, each with its color.
const STAGE_COLORS: [(&str, RGBColor); 8] = [
    ("decode", SKY),
    ("prepare", YELLOW),
    ("windows", BLACK),
    ("infer", BLUE),
    ("matte", GREEN),
    ("refine", PURPLE),
    ("compose", ORANGE),
    ("encode", VERMILION),
];

/// All charts for which there are figures.
///
/// # Errors
/// None in practice.
pub fn all(results: &Results) -> Result<Vec<Chart>, ChartError> {
    let mut charts = Vec::new();
    let sizes = by_size(results);
    if sizes.iter().any(|p| p.whole().is_some()) {
        charts.extend([speed(results, &sizes)?, latency(&sizes)?, memory(&sizes)?, stages(&sizes)?]);
        if sizes.iter().filter(|p| p.whole().is_some()).count() > 1 {
            charts.push(scaling(results, &sizes)?);
        }
    }
    let batches = by_batch(results);
    if batches.iter().filter(|p| p.measured().is_some()).count() > 1 {
        charts.push(batch(&batches)?);
    }
    let precisions = by_precision(results);
    if precisions.len() > 1 && precisions.iter().any(|p| p.whole().is_some()) {
        charts.push(precision(&precisions)?);
    }
    Ok(charts)
}

fn series(name: &str, color: RGBColor, points: &[&Point], value: impl Fn(&Point) -> Option<f64>) -> Series {
    Series { name: name.to_owned(), color, values: points.iter().map(|p| value(p)).collect() }
}

fn of_whole(name: &str, color: RGBColor, points: &[&Point], value: fn(&WholePipeline) -> f64) -> Series {
    series(name, color, points, |p| p.whole().map(value))
}

fn names(points: &[&Point]) -> Vec<String> {
    points.iter().map(|p| p.spec.size.clone()).collect()
}

/// What a chart shows, in words: each category with its figures.
fn describe(labels: &ChartLabels<'_>, series: &[Series]) -> String {
    let mut parts = Vec::new();
    for (i, category) in labels.categories.iter().enumerate() {
        let figures: Vec<_> = series
            .iter()
            .filter_map(|s| Some(format!("{} {}", s.name, number(s.values.get(i).copied().flatten()?))))
            .collect();
        parts.push(format!("{category}: {}", figures.join(", ")));
    }
    format!("{}, {}. {}", labels.title, labels.unit, parts.join("; "))
}

fn speed(results: &Results, points: &[&Point]) -> Result<Chart, ChartError> {
    let categories = names(points);
    let labels = ChartLabels {
        title: "Speed by frame size",
        unit: "frames per second, more is better",
        across: "frame size, both eyes",
        categories: &categories,
    };
    let slowest = |p: &Point| Some(efficiency(p.measured()?, results.machine.cores)?.slowest.1);
    let all =
        [of_whole("whole pipeline", BLUE, points, |w| w.fps), series("its slowest stage alone", SKY, points, slowest)];
    Ok(chart("speed", &labels, &all, bars(&labels, &all)?))
}

fn latency(points: &[&Point]) -> Result<Chart, ChartError> {
    let categories = names(points);
    let labels = ChartLabels {
        title: "Latency by frame size",
        unit: "milliseconds from decoder to encoder, less is better",
        across: "frame size, both eyes",
        categories: &categories,
    };
    let all = [
        of_whole("half of the frames", BLUE, points, |w| w.latency.p50),
        of_whole("95 %", ORANGE, points, |w| w.latency.p95),
        of_whole("99 %", VERMILION, points, |w| w.latency.p99),
    ];
    Ok(chart("latency", &labels, &all, bars(&labels, &all)?))
}

fn memory(points: &[&Point]) -> Result<Chart, ChartError> {
    let categories = names(points);
    let labels = ChartLabels {
        title: "Memory by frame size",
        unit: "GiB at most, less is better",
        across: "frame size, both eyes",
        categories: &categories,
    };
    let mut all = vec![of_whole("main memory", BLUE, points, |w| gib(w.peak_memory))];
    let gpu = series("GPU memory", ORANGE, points, |p| p.whole()?.gpu_memory.map(gib));
    if gpu.values.iter().any(Option::is_some) {
        all.push(gpu);
    }
    Ok(chart("memory", &labels, &all, bars(&labels, &all)?))
}

fn stages(points: &[&Point]) -> Result<Chart, ChartError> {
    let points: Vec<_> = points.iter().copied().filter(|p| p.measured().is_some()).collect();
    let categories = names(&points);
    let labels = ChartLabels {
        title: "Where the time goes",
        unit: "share of each stage alone; milliseconds a frame, all stages",
        across: "",
        categories: &categories,
    };
    let time = |stage: &'static str| {
        move |p: &Point| Some(1e3 / p.measured()?.stages.iter().find(|s| s.stage == stage)?.fps.max(1e-9))
    };
    let all: Vec<_> = STAGE_COLORS.iter().map(|(name, color)| series(name, *color, &points, time(name))).collect();
    Ok(chart("stages", &labels, &all, shares(&labels, &all, "ms")?))
}

fn scaling(results: &Results, points: &[&Point]) -> Result<Chart, ChartError> {
    let categories = names(points);
    let labels = ChartLabels {
        title: "Scaling and efficiency",
        unit: "percent",
        across: "frame size, both eyes",
        categories: &categories,
    };
    let rate = |p: &Point| {
        let (w, h) = p.measured()?.frame;
        Some(p.whole()?.fps * (w * h) as f64)
    };
    let first = points.iter().find_map(|p| rate(p)).unwrap_or(1.0);
    let cores = results.machine.cores;
    let all = [
        series("pixels/s against the smallest", BLUE, points, |p| Some(100.0 * rate(p)? / first)),
        series("speed against the slowest stage", VERMILION, points, |p| {
            Some(100.0 * efficiency(p.measured()?, cores)?.of_slowest)
        }),
    ];
    Ok(chart("scaling", &labels, &all, lines(&labels, &all, false)?))
}

fn batch(points: &[&Point]) -> Result<Chart, ChartError> {
    let categories: Vec<_> = points.iter().map(|p| p.spec.batch.to_string()).collect();
    let recurrent = points.iter().any(|p| p.measured().is_some_and(|m| m.whole.is_none()));
    let labels = ChartLabels {
        title: "Speed by batch",
        unit: "eye views per second, more is better",
        across: if recurrent { "batch: views at once (1: one frame)" } else { "batch: frames at once" },
        categories: &categories,
    };
    let mut all = vec![series("model alone", BLUE, points, |p| views_per_second(p.measured()?))];
    let pipeline = series("whole pipeline", ORANGE, points, |p| Some(p.whole()?.fps * p.measured()?.views as f64));
    if pipeline.values.iter().flatten().count() > 1 {
        all.push(pipeline);
    }
    Ok(chart("batch", &labels, &all, lines(&labels, &all, true)?))
}

fn precision(points: &[&Point]) -> Result<Chart, ChartError> {
    let categories: Vec<_> = points.iter().map(|p| p.spec.precision.clone()).collect();
    let labels = ChartLabels {
        title: "Speed by precision",
        unit: "frames per second, more is better",
        across: "number format of the model",
        categories: &categories,
    };
    let infer = |p: &Point| Some(p.measured()?.stages.iter().find(|s| s.stage == "infer")?.fps);
    let all = [of_whole("whole pipeline", BLUE, points, |w| w.fps), series("model alone", SKY, points, infer)];
    Ok(chart("precision", &labels, &all, bars(&labels, &all)?))
}

fn chart(name: &'static str, labels: &ChartLabels<'_>, series: &[Series], svg: String) -> Chart {
    Chart { name, title: labels.title.to_owned(), description: describe(labels, series), svg }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample;

    #[test]
    fn every_sweep_has_a_chart() {
        let charts = all(&sample::results()).unwrap();
        let names: Vec<_> = charts.iter().map(|c| c.name).collect();
        assert_eq!(names, ["speed", "latency", "memory", "stages", "scaling", "batch", "precision"]);
        assert!(charts[0].description.contains("4k: whole pipeline 3.10, its slowest stage alone 3.88"));
        assert!(charts[6].svg.contains("failed"), "INT8 failed");
        let mut few = sample::results();
        few.points.truncate(1);
        assert_eq!(all(&few).unwrap().len(), 4);
        few.points.clear();
        assert!(all(&few).unwrap().is_empty());
    }
}
