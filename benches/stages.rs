//! The stages that have no kernel of ours at their heart: decoding and encoding, and preparing the network's
//! input as a whole, on a clip of `vrseg bench`. Time a frame.
//!
//! `cargo bench --bench stages`. On divan, as the other benches of this project: it measures what criterion
//! does, with a third of the crates.

use divan::Bencher;
use divan::counter::ItemsCount;
use std::path::PathBuf;
use std::sync::LazyLock;
use tempfile::TempDir;
use vrseg::bench::{Material, Size};
use vrseg::matte::{Normalization, Sampler, SmallYuv, to_network};
use vrseg::media::{DecodeOptions, EncodeOptions, Item, Purpose, Reader, SourceFrame, VrTags, Writer, WriterOptions};
use vrseg::vr::Layout;

fn main() {
    vrseg::media::init();
    divan::main();
}

const SIZES: [&str; 2] = ["1080p", "4k"];
const FRAMES: u64 = 24;
/// Side of the network's input.
const NET: usize = 512;

static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a temporary folder"));

/// A clip of that size, made when it is first asked for.
fn clip(name: &str) -> PathBuf {
    let path = FOLDER.path().join(format!("{name}_180_LR.mp4"));
    if !path.exists() {
        let size = Size::parse(name).expect("a size");
        Material::stereo(size.width, size.height, FRAMES).make(&path, &mut |_| true).expect("a clip");
    }
    path
}

fn open(name: &str) -> Reader {
    let threads = vrseg::hardware::cores();
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

#[divan::bench(args = SIZES, sample_count = 5)]
fn decode(bencher: Bencher<'_, '_>, size: &str) {
    let decode = |mut reader: Reader| while reader.next().expect("a frame").is_some() {};
    bencher.counter(ItemsCount::new(FRAMES)).with_inputs(|| open(size)).bench_values(decode);
}

#[divan::bench(args = SIZES)]
fn prepare(bencher: Bencher<'_, '_>, size: &str) {
    let mut reader = open(size);
    let video = reader.info().video.clone();
    let frame = frames(&mut reader).swap_remove(0);
    let eyes = Layout::SideBySide.views(video.width, video.height);
    let (mut sampler, mut small) = (Sampler::new(), SmallYuv::default());
    let mut input = vec![0f32; 3 * NET * NET];
    let plain = Normalization::default();
    bencher.counter(ItemsCount::new(1usize)).bench_local(|| {
        for eye in &eyes {
            sampler.sample(&frame.frame.yuv(), video.layout, video.color, *eye, (NET, NET), &mut small);
            to_network(&small, video.color.matrix, &plain, &mut input);
        }
    });
}

#[divan::bench(args = SIZES, sample_count = 5)]
fn encode(bencher: Bencher<'_, '_>, size: &str) {
    let mut reader = open(size);
    let (template, video) = (reader.template(), reader.info().video.clone());
    let _ = frames(&mut reader);
    let encode = EncodeOptions { preset: Some("veryfast".into()), crf: Some(20.0), ..EncodeOptions::default() };
    let out = FOLDER.path().join(format!("{size}-out.mp4"));
    let ready = || {
        let writer = Writer::create(
            WriterOptions {
                path: &out,
                encode: &encode,
                layout: video.layout,
                color: video.color,
                width: video.width,
                height: video.height,
                reshaped: false,
                overwrite: true,
                purpose: Purpose::Picture,
                copy_streams: false,
                tags: VrTags::Source,
            },
            &template,
        );
        (writer.expect("a writer"), frames(&mut open(size)))
    };
    bencher.counter(ItemsCount::new(FRAMES)).with_inputs(ready).bench_values(|(mut writer, frames)| {
        for frame in frames {
            writer.write_frame(frame.frame, frame.pts, frame.duration).expect("written");
        }
        writer.finish().expect("a file");
    });
}
