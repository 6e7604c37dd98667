//! Stages without kernels of their own: decoding, encoding, and preparing the model's input, on a clip of
//! `vrseg bench`. Time a frame.
//!
//! `cargo bench --bench stages`

mod timed;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group};
use std::path::PathBuf;
use std::sync::LazyLock;
use tempfile::TempDir;
use vrseg_bench::{Material, Size};
use vrseg_image::matte::{Normalization, Sampler, SmallYuv, to_model_input};
use vrseg_image::vr::Layout;
use vrseg_media::{
    DecodeOptions, EncodeOptions, Item, Purpose, Reader, Resize, SourceFrame, VrTags, Writer, WriterOptions,
};

const SIZES: [&str; 2] = ["1080p", "4k"];
const FRAMES: u64 = 24;
/// Side of the model's input.
const NET: usize = 512;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));

/// A clip of that size, made on first use.
fn clip(name: &str) -> PathBuf {
    let path = FOLDER.path().join(format!("{name}_180_LR.mp4"));
    if !path.exists() {
        let size = Size::parse(name).expect("a size");
        Material::stereo(size.width, size.height, FRAMES).make(&path, &mut |_| true).expect("a clip");
    }
    path
}

fn open(name: &str) -> Reader {
    let threads = vrseg_hardware::cores();
    Reader::open(&clip(name), &DecodeOptions { threads, ..DecodeOptions::default() }).expect("a clip")
}

fn frames(reader: &mut Reader) -> Vec<SourceFrame> {
    let mut frames = Vec::new();
    while let Some(item) = reader.next().expect("a frame") {
        if let Item::Frame(frame) = item {
            frames.push(frame);
        }
    }
    frames
}

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    group.sample_size(10).throughput(Throughput::Elements(FRAMES));
    for size in SIZES {
        let decode = |mut reader: Reader| while reader.next().expect("a frame").is_some() {};
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            b.iter_batched(|| open(size), decode, BatchSize::PerIteration);
        });
    }
    group.finish();
}

fn prepare(c: &mut Criterion) {
    let mut group = c.benchmark_group("prepare");
    group.throughput(Throughput::Elements(1));
    for size in SIZES {
        timed::bench(&mut group, size, || {
            let mut reader = open(size);
            let video = reader.info().video.clone();
            let frame = frames(&mut reader).swap_remove(0);
            let eyes = Layout::SideBySide.views(video.width, video.height);
            let (mut sampler, mut small) = (Sampler::new(), SmallYuv::default());
            let mut input = vec![0f32; 3 * NET * NET];
            let plain = Normalization::default();
            move || {
                for eye in &eyes {
                    sampler.sample(&frame.frame.yuv(), video.layout, video.color, *eye, (NET, NET), &mut small);
                    to_model_input(&small, video.color.matrix, &plain, &mut input);
                }
            }
        });
    }
    group.finish();
}

fn encode(c: &mut Criterion) {
    let mut group = c.benchmark_group("encode");
    group.sample_size(10).throughput(Throughput::Elements(FRAMES));
    let encode = EncodeOptions { preset: Some("veryfast".into()), crf: Some(20.0), ..EncodeOptions::default() };
    for size in SIZES {
        let out = FOLDER.path().join(format!("{size}-out.mp4"));
        let ready = || {
            let mut reader = open(size);
            let (template, video) = (reader.template(), reader.info().video.clone());
            let writer = Writer::create(
                WriterOptions {
                    path: &out,
                    encode: &encode,
                    layout: video.layout,
                    color: video.color,
                    width: video.width,
                    height: video.height,
                    fps: 30.0,
                    reshaped: false,
                    overwrite: true,
                    purpose: Purpose::Picture,
                    copy_streams: false,
                    tags: VrTags::Source,
                    resize: Resize::default(),
                },
                &template,
            );
            (writer.expect("a writer"), frames(&mut reader))
        };
        group.bench_function(BenchmarkId::from_parameter(size), |b| {
            let encode = |(mut writer, frames): (Writer, Vec<SourceFrame>)| {
                for frame in frames {
                    writer.write_frame(frame.frame, frame.pts, frame.duration).expect("written");
                }
                writer.finish().expect("a file");
            };
            b.iter_batched(ready, encode, BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(name = benches; config = timed::criterion(); targets = decode, prepare, encode);

fn main() {
    vrseg_media::init();
    benches();
}
