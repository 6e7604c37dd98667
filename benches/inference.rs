//! ONNX Runtime alone: CPU seconds of a model on inputs of a job's size, as one JSON line for
//! `benches/floor.py`.

use std::time::Instant;
use vrseg_engine::tune::rules::Threads;
use vrseg_infer::provider::SessionOptions;
use vrseg_infer::{Batch, ModelRunner, States, registry};
use vrseg_infer::{DeviceChoice, Precision, SessionChoice};

fn main() -> anyhow::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    let option = |name: &str| args.iter().position(|a| a == name).and_then(|i| args.get(i + 1)).map(String::as_str);
    let number = |name: &str, default: usize| option(name).and_then(|v| v.parse().ok()).unwrap_or(default);
    let names: Vec<String> = match (option("--model"), option("--profile")) {
        (Some(m), _) => vec![m.into()],
        (_, Some("balanced" | "quality")) => vec!["rvm".into(), "selfie".into()],
        _ => vec!["selfie".into()],
    };
    let size = match option("--size") {
        Some(s) => Some(s.parse()?),
        None => (option("--profile") == Some("quality")).then_some(1024),
    };
    let device = match option("--device") {
        Some("cuda") => DeviceChoice::Cuda(0),
        Some("tensorrt") => DeviceChoice::TensorRt(0),
        Some("openvino") => DeviceChoice::OpenVino,
        _ => DeviceChoice::Cpu,
    };
    let precision = match option("--precision") {
        Some("fp16") => Precision::Fp16,
        Some("auto") => Precision::Auto,
        _ => Precision::Fp32,
    };
    let (w, h) = option("--shape").and_then(|s| s.split_once('x')).unwrap_or(("1", "1"));
    let (runs, views) = (number("--runs", 30), number("--views", 1));

    let model = registry::find_first(&names)?;
    let options = SessionOptions {
        openvino: false,
        bf16: vrseg_hardware::Machine::detect().cpu.bf16(),
        device,
        precision,
        auto_gpu: 0,
        session: SessionChoice::default(),
        gpu_memory: None,
        gpu: None,
        largest_input: None,
        frugal: false,
        pictures: 1,
        threads: Threads::share(vrseg_hardware::cores(), 1, true).infer,
        cache_dir: std::env::temp_dir(),
        ort_library: None,
    };
    let mut runner = ModelRunner::load(&model, &options)?;
    let (width, height) = model.manifest.input_size(size, w.parse()?, h.parse()?)?;
    let n = views * 3 * width * height;
    let data = (0..n).map(|i| ((i as u32).wrapping_mul(2_654_435_761) >> 8) as f32 / (1 << 24) as f32).collect();
    let batch = Batch { data, n: views, width, height };
    let mut states = States::default();
    let mut alphas = Vec::new();
    for _ in 0..number("--warmup", 1) {
        runner.run(&batch, &mut states, &mut alphas)?;
    }
    let (cpu, wall) = (cpu_seconds()?, Instant::now());
    for _ in 0..runs {
        runner.run(&batch, &mut states, &mut alphas)?;
    }
    println!(
        "{}",
        serde_json::json!({
            "model": model.manifest.name, "width": width, "height": height, "views": views, "runs": runs,
            "device": runner.provider().to_string(), "ms_per_run": wall.elapsed().as_secs_f64() * 1e3 / runs as f64,
            "cpu_seconds": cpu_seconds()? - cpu, "wall_seconds": wall.elapsed().as_secs_f64(),
        })
    );
    Ok(())
}

/// User and system time of this process so far.
fn cpu_seconds() -> anyhow::Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    // Fields 14 and 15, counted from the state after the name in parentheses, in clock ticks of 1/100 s.
    let fields: Vec<&str> = stat.rsplit_once(')').map_or("", |s| s.1).split_whitespace().collect();
    let ticks: f64 = fields.get(11..13).into_iter().flatten().filter_map(|f| f.parse::<f64>().ok()).sum();
    Ok(ticks / 100.0)
}
