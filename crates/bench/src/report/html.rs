//! One page for a browser, with everything in it: no file, font or script is fetched.

use super::charts;
use super::draw::ChartError;
use super::facts::{best_at, facts};
use crate::advice::{
    TARGET_GPU, TARGETS, best_latency, best_throughput, efficiency, fastest, has_target_gpu, recommendations,
};
use crate::figures::{gib, number};
use crate::results::{Outcome, Results, STAGES};
use std::fmt::Write as _;

const STYLE: &str = include_str!("page.css");

/// The report as one HTML page. `target_fps`: frames a second that are wanted.
///
/// # Errors
/// None in practice.
pub fn page(results: &Results, target_fps: f64) -> Result<String, ChartError> {
    let mut body = String::new();
    let date = results.created.split('T').next().unwrap_or_default();
    let _ = write!(
        body,
        "<h1>vrseg benchmark</h1>\n<p class=\"sub\">{} &middot; {}</p>\n",
        escape(&results.machine.summary()),
        escape(date)
    );
    body += &headline_figures(results, target_fps);
    body += "<h2>What follows</h2>\n<div class=\"box\"><ul>\n";
    for sentence in recommendations(results, target_fps) {
        let _ = writeln!(body, "<li>{}</li>", escape(&sentence));
    }
    body += "</ul></div>\n";
    let all = charts::all(results)?;
    if !all.is_empty() {
        body += "<h2>Charts</h2>\n<div class=\"charts\">\n";
        for chart in &all {
            let label = escape(&chart.description);
            let svg = chart.svg.replacen("<svg ", &format!("<svg role=\"img\" aria-label=\"{label}\" "), 1);
            let _ = writeln!(body, "<figure>{svg}</figure>");
        }
        body += "</div>\n";
    }
    body += &targets(results);
    body += &points(results);
    body += &stages(results);
    body += "<h2>How it was measured</h2>\n<div class=\"box\"><dl>\n";
    for (label, value) in facts(results) {
        let _ = writeln!(body, "<dt>{label}</dt><dd>{}</dd>", escape(&value));
    }
    body += "</dl></div>\n";
    let host = if results.machine.host.is_empty() { String::new() } else { format!(", {}", results.machine.host) };
    let title = escape(&format!("vrseg benchmark{host}, {date}"));
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n{body}</main>\n</body>\n</html>\n"
    ))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// The few figures that one looks for first.
fn headline_figures(results: &Results, target_fps: f64) -> String {
    let mut all = Vec::new();
    if let Some((p, fps)) = fastest(results) {
        all.push((format!("{} fps", number(fps)), format!("fastest: {}", results.label(p))));
    }
    if let Some((p, ms)) = best_latency(results) {
        all.push((format!("{} ms", number(ms)), format!("least latency, median: {}", results.label(p))));
    }
    if let Some((p, rate)) = best_throughput(results) {
        all.push((format!("{} MP/s", number(rate)), format!("most pixels: {}", results.label(p))));
    }
    let measured = results.points.iter().filter(|p| p.measured().is_some()).count();
    let reached = results.points.iter().filter_map(|p| p.whole()).filter(|w| w.fps >= target_fps).count();
    let runs = results.points.iter().filter(|p| p.whole().is_some()).count();
    all.push((format!("{reached} of {runs}"), format!("pipelines reach {target_fps:.0} fps")));
    let failed = results.points.len() - measured;
    all.push((format!("{measured} of {}", results.points.len()), format!("points measured, {failed} failed")));
    let mut html = "<div class=\"tiles\">\n".to_owned();
    for (figure, what) in all {
        let _ = writeln!(html, "<div class=\"tile\"><b>{}</b><span>{}</span></div>", escape(&figure), escape(&what));
    }
    html + "</div>\n"
}

fn table(header: &[&str], rows: &str) -> String {
    let cell = |h: &&str| match *h {
        "model" | "encoder" | "slowest" => format!("<th class=\"text\">{h}</th>"),
        h => format!("<th>{h}</th>"),
    };
    let head: String = header.iter().map(cell).collect();
    format!(
        "<div class=\"box scroll\"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table></div>\n"
    )
}

fn targets(results: &Results) -> String {
    if !has_target_gpu(&results.machine) {
        return String::new();
    }
    let mut rows = String::new();
    for t in TARGETS {
        let _ = write!(rows, "<tr><td>{}</td><td>{}</td><td>&lt; {:.0}</td>", t.size, t.fps_text, t.latency);
        let cell = |value: String, good: bool| {
            if good { format!("<td class=\"yes\">{value} &#10003;</td>") } else { format!("<td>{value}</td>") }
        };
        rows += &match best_at(results, &t) {
            Some((fps, ms)) => cell(number(fps), fps >= t.fps) + &cell(format!("{ms:.0}"), ms < t.latency),
            None => "<td>&ndash;</td><td>&ndash;</td>".to_owned(),
        };
        rows += "</tr>\n";
    }
    let head = ["size", "target fps", "target ms", "measured fps", "measured ms"];
    format!(
        "<h2>Targets on an {TARGET_GPU}</h2>\n{}<p class=\"note\">The targets for that GPU are not measurements; \
         measured was on {}.</p>\n",
        table(&head, &rows),
        escape(&results.machine.summary())
    )
}

fn points(results: &Results) -> String {
    let gpu = results.points.iter().filter_map(|p| p.whole()).any(|w| w.gpu_busy.is_some() || w.gpu_memory.is_some());
    let mut head =
        vec!["point", "model", "encoder", "fps", "p50 ms", "p95", "p99", "max", "std dev", "CPU ms", "GiB", "slowest"];
    if gpu {
        head.extend(["GPU %", "VRAM GiB"]);
    }
    let mut rows = String::new();
    for p in &results.points {
        let _ = write!(rows, "<tr><td>{}</td>", escape(&results.label(p)));
        match &p.outcome {
            Outcome::Failed { error } => {
                let _ = write!(rows, "<td class=\"bad\" colspan=\"{}\">failed: {}</td>", head.len() - 1, escape(error));
            }
            Outcome::Ok(m) => {
                let text = |s: &str| format!("<td class=\"text\">{}</td>", escape(s));
                rows += &(text(&m.model) + &text(&m.encoder));
                match &m.whole {
                    None => {
                        let note = m.notes.first().map(String::as_str).unwrap_or_default();
                        let infer = m.stages.first().map_or(0.0, |s| s.fps);
                        let _ = write!(
                            rows,
                            "<td class=\"text\" colspan=\"{}\" title=\"{}\">only the model: {} fps</td>",
                            head.len() - 3,
                            escape(note),
                            number(infer)
                        );
                    }
                    Some(w) => {
                        let l = &w.latency;
                        let _ = write!(rows, "<td>{}</td>", number(w.fps));
                        for v in [l.p50, l.p95, l.p99, l.max, l.deviation, w.cpu_seconds * 1e3] {
                            let _ = write!(rows, "<td>{v:.0}</td>");
                        }
                        let _ = write!(rows, "<td>{:.2}</td>{}", gib(w.peak_memory), text(&w.slowest));
                        if gpu {
                            let or = |v: Option<String>| format!("<td>{}</td>", v.unwrap_or_default());
                            rows += &or(w.gpu_busy.map(|b| format!("{b:.0}")));
                            rows += &or(w.gpu_memory.map(|b| format!("{:.2}", gib(b))));
                        }
                    }
                }
            }
        }
        rows += "</tr>\n";
    }
    let mut html = format!("<h2>All points</h2>\n{}", table(&head, &rows));
    let notes =
        results.points.iter().flat_map(|p| p.measured().into_iter().flat_map(|m| &m.notes).map(move |n| (p, n)));
    for (p, note) in notes {
        let _ = writeln!(html, "<p class=\"note\">{}: {}.</p>", escape(&results.label(p)), escape(note));
    }
    html
}

fn stages(results: &Results) -> String {
    let mut head = vec!["point"];
    head.extend(STAGES);
    head.extend(["pipeline", "of slowest", "of cores"]);
    let mut rows = String::new();
    for p in &results.points {
        let Some(m) = p.measured() else { continue };
        let _ = write!(rows, "<tr><td>{}</td>", escape(&results.label(p)));
        let e = efficiency(m, results.machine.cores);
        for name in STAGES {
            let found = m.stages.iter().find(|s| s.stage == name);
            let class = if e.as_ref().is_some_and(|e| e.slowest.0 == name) { " class=\"yes\"" } else { "" };
            let _ = write!(rows, "<td{class}>{}</td>", found.map_or(String::new(), |s| number(s.fps)));
        }
        match (&m.whole, e) {
            (Some(w), Some(e)) => {
                let _ = write!(rows, "<td>{}</td>", number(w.fps));
                for share in [e.of_slowest, e.of_cores.1] {
                    let _ = write!(rows, "<td>{:.0} %</td>", 100.0 * share);
                }
            }
            _ => rows += "<td></td><td></td><td></td>",
        }
        rows += "</tr>\n";
    }
    format!(
        "<h2>Each stage alone, frames per second</h2>\n{}<p class=\"note\">Measured with nothing else running; the \
         slowest is set off. In the pipeline refine and compose are one stage. &ldquo;Of slowest&rdquo; is the \
         pipeline&rsquo;s speed against its slowest stage, &ldquo;of cores&rdquo; against what the cores could do if \
         they did nothing but the stages&rsquo; own work.</p>\n",
        table(&head, &rows)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample;

    #[test]
    fn page_is_self_contained_balanced_and_escaped() {
        let mut results = sample::results();
        results.machine.cpu = "<script>alert(1)</script> & \"co\"".into();
        let html = page(&results, 90.0).unwrap();
        assert!(!html.contains("<script"), "nothing of the data is markup");
        assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;co&quot;"));
        for outside in ["src=", "href=", "@import", "url("] {
            assert!(!html.contains(outside), "{outside}: the page must be self-contained");
        }
        assert_eq!(html.matches("<figure>").count(), 7);
        for tag in ["table", "tr", "td", "th", "figure", "svg", "div", "ul", "li", "h2", "dl"] {
            let opened = html.matches(&format!("<{tag}>")).count() + html.matches(&format!("<{tag} ")).count();
            assert_eq!(opened, html.matches(&format!("</{tag}>")).count(), "{tag}");
        }
        assert!(html.contains("failed: no INT8 weights, &quot;yet&quot;"));
    }
}
