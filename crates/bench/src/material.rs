//! Clips to measure with: the same on every machine, real enough for models and codecs.
//!
//! A photo of a person (inside the binary, [`SEED`]) is brought to the eye's size and seen by a camera
//! that turns slowly to and fro, the right eye from a little further right; light noise stands for
//! the sensor and keeps the codecs busy, as footage does. What comes out is an ordinary VR180 file:
//! H.264 with B-frames, AAC, stereo and spherical metadata, 60 frames a second.

use std::path::Path;
use vrseg_image::plane::{PlaneMut, PlaneRef, Rect, Yuv, YuvColor, YuvLayout, YuvMut};
use vrseg_image::vr::{ContainerTags, Format, Layout, Projection};
use vrseg_media::{
    Background, BackgroundTarget, Codec, DecodeOptions, DynamicRange, EncodeOptions, Item, MediaError, Reader, Result,
    Writer, WriterOptions,
};
use vrseg_media::{CopiedPacket, FramePool, Purpose, Resize, VideoFrame, VrTags};

/// One second of a still picture with a person and of a soft noise (`tools/bench_material.sh`).
const SEED: &[u8] = include_bytes!("person.mp4");

/// Samples a second of the seed's sound.
const SOUND_RATE: i64 = 48_000;

/// Frames a second of all clips, which is the seed's rate.
const FPS: u64 = 60;

const LAYOUT: YuvLayout = YuvLayout { bits: 8, chroma_shift_x: 1, chroma_shift_y: 1, alpha: false };

/// A clip that can be made. [`Material::make`] takes some 0.1 CPU seconds a frame of 4K, four times
/// that at 8K.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Material {
    /// Width of a frame in pixels, of both eyes where they lie side by side.
    pub width: usize,
    /// Height of a frame in pixels.
    pub height: usize,
    /// How many frames, at 60 a second.
    pub frames: u64,
    /// Stereo layout of a frame.
    pub layout: Layout,
}

impl Material {
    /// A clip of `frames` frames with the eyes side by side.
    pub fn stereo(width: usize, height: usize, frames: u64) -> Self {
        Self { width, height, frames, layout: Layout::SideBySide }
    }

    /// Its format, which its container states too.
    pub fn format(&self) -> Format {
        Format { layout: self.layout, projection: Projection::HalfEquirectangular, ..Format::FLAT }
    }

    /// Writes the clip to `path`, whose extension chooses the container; a file that is there is
    /// replaced. After every frame `go_on` gets the number of frames written; when it returns false, nothing
    /// is left under `path` and the result is false.
    ///
    /// # Errors
    /// Sizes that no clip can have, a disk that is full, a codec that FFmpeg lacks.
    pub fn make(&self, path: &Path, go_on: &mut dyn FnMut(u64) -> bool) -> Result<bool> {
        let eyes = self.eyes()?;
        let mut seed =
            tempfile::Builder::new().prefix("vrseg-seed-").suffix(".mp4").tempfile().map_err(temporary_file_error)?;
        std::io::Write::write_all(&mut seed, SEED).map_err(temporary_file_error)?;

        let mut reader = Reader::open(seed.path(), &DecodeOptions { threads: 1, ..DecodeOptions::default() })?;
        let (template, color) = (reader.template(), reader.info().video.color);
        let tick = reader.info().video.time_base;
        let duration = i64::from(tick.1) / (i64::from(tick.0) * FPS as i64);
        let mut sound = Sound::read(&mut reader)?;

        let camera = Camera::new(eyes[0].w);
        let (w, h) = (eyes[0].w + camera.range(), eyes[0].h);
        let target = BackgroundTarget { layout: LAYOUT, color, dynamic: DynamicRange::Standard };
        let scene = Background::open(seed.path(), target, w, h)?.frame_at(0.0)?;
        let mut writer = Writer::create(self.options(path, color), &template)?;
        let pool = FramePool::new(LAYOUT, self.width, self.height)?;
        let mut noise = Noise::new();
        for n in 0..self.frames {
            let mut frame = pool.get()?;
            for (eye, rect) in eyes.iter().enumerate() {
                draw_view(&scene, camera.at(n, eye), *rect, &mut frame, &mut noise);
            }
            writer.write_frame(frame, n as i64 * duration, duration)?;
            for packet in sound.until(n + 1) {
                writer.write_packet(&packet)?;
            }
            if !go_on(n + 1) {
                return Ok(false);
            }
        }
        writer.finish()?;
        Ok(true)
    }

    /// The views, if a 4:2:0 frame of this size can have them.
    fn eyes(&self) -> Result<Vec<Rect>> {
        let eyes = self.layout.views(self.width, self.height);
        let usable = |r: &Rect| r.w >= 32 && r.h >= 32 && r.w.is_multiple_of(2) && r.h.is_multiple_of(2);
        if self.width.max(self.height) > 16384
            || self.frames == 0
            || !eyes.iter().all(|r| usable(r) && r.w == eyes[0].w)
        {
            let what = format!(
                "a clip of {} frames of {}x{} ({}): each eye must have an even width and height of 32 to 16384 pixels",
                self.frames, self.width, self.height, self.layout
            );
            return Err(MediaError::Invalid { what });
        }
        Ok(eyes)
    }

    fn options<'a>(&self, path: &'a Path, color: YuvColor) -> WriterOptions<'a> {
        static ENCODE: std::sync::LazyLock<EncodeOptions> = std::sync::LazyLock::new(|| EncodeOptions {
            codec: Some(Codec::H264),
            // The fastest preset that still writes what decoders are busy with: CABAC, deblocking, B-frames.
            preset: Some("superfast".to_owned()),
            crf: Some(23.0),
            ..EncodeOptions::default()
        });
        WriterOptions {
            path,
            encode: &ENCODE,
            layout: LAYOUT,
            color,
            width: self.width,
            height: self.height,
            fps: 0.0,
            reshaped: true,
            overwrite: true,
            purpose: Purpose::Picture,
            copy_streams: true,
            tags: VrTags::Custom(ContainerTags::of(&self.format())),
            resize: Resize::default(),
        }
    }
}

fn temporary_file_error(source: std::io::Error) -> MediaError {
    MediaError::NotWritable { path: std::env::temp_dir(), reason: source.to_string() }
}

/// Where the eyes look: offsets into the scene in pixels, even because of the chroma samples.
struct Camera {
    /// How far it turns from one side to the other.
    turn: usize,
    /// How much further right the right eye looks.
    disparity: usize,
    /// Pixels a frame.
    speed: usize,
}

impl Camera {
    fn new(eye: usize) -> Self {
        // 15 degrees of an eye's 180, one a second; objects some 1.5 m away.
        let even = |n: usize| (n / 2 * 2).max(2);
        Self { turn: even(eye / 12), disparity: even(eye / 80), speed: even(eye / 180 / FPS as usize) }
    }

    fn range(&self) -> usize {
        self.turn + self.disparity
    }

    fn at(&self, frame: u64, eye: usize) -> usize {
        let way = (frame as usize).wrapping_mul(self.speed) % (2 * self.turn);
        (if way <= self.turn { way } else { 2 * self.turn - way }) + eye * self.disparity
    }
}

/// Copies the part of the scene that starts at column `from` to `rect` of the frame, with noise.
fn draw_view(scene: &VideoFrame, from: usize, rect: Rect, frame: &mut VideoFrame, noise: &mut Noise) {
    let (Yuv::U8(from_planes), YuvMut::U8(planes, _)) = (scene.yuv(), frame.yuv_mut()) else { return };
    for (i, (source, mut target)) in from_planes.into_iter().zip(planes).enumerate() {
        let shift = usize::from(i > 0);
        let rect = Rect::new(rect.x >> shift, rect.y >> shift, rect.w >> shift, rect.h >> shift);
        copy_with_noise(source, from >> shift, &mut target.crop_mut(rect), noise);
    }
}

fn copy_with_noise(source: PlaneRef<'_, u8>, from: usize, target: &mut PlaneMut<'_, u8>, noise: &mut Noise) {
    let width = target.width;
    for y in 0..target.height {
        let seen = &source.row(y)[from..][..width];
        for ((out, seen), noise) in target.row_mut(y).iter_mut().zip(seen).zip(noise.row(width)) {
            *out = seen.saturating_add_signed(*noise);
        }
    }
}

/// Noise of a sensor: about normal, with a standard deviation of 2.8 steps. The same in every clip.
struct Noise {
    samples: Vec<i8>,
    random: u32,
}

impl Noise {
    fn new() -> Self {
        let mut noise = Self { samples: Vec::new(), random: 0x9E37_79B9 };
        noise.samples = (0..1 << 17)
            .map(|_| {
                // The sum of four even distributions of -2 to 2, each with a variance of 2.
                let r = noise.next();
                (0..4).map(|k| ((r >> (8 * k)) & 0xFF) as i32 % 5 - 2).sum::<i32>() as i8
            })
            .collect();
        noise
    }

    /// Marsaglia's xorshift, 2003.
    fn next(&mut self) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        self.random
    }

    fn row(&mut self, width: usize) -> &[i8] {
        let start = self.next() as usize % (self.samples.len() - width);
        &self.samples[start..][..width]
    }
}

/// The seed's sound, again and again.
struct Sound {
    packets: Vec<CopiedPacket>,
    /// Packets that were returned so far.
    returned: usize,
    /// Where the next one begins, in samples.
    at: i64,
}

impl Sound {
    fn read(reader: &mut Reader) -> Result<Self> {
        let mut packets = Vec::new();
        while let Some(item) = reader.next()? {
            if let Item::Packet(packet) = item {
                packets.push(packet);
            }
        }
        Ok(Self { packets, returned: 0, at: 0 })
    }

    /// Packets that begin before frame `n` and were not returned yet.
    fn until(&mut self, n: u64) -> Vec<CopiedPacket> {
        let mut due = Vec::new();
        while !self.packets.is_empty() && self.at * (FPS as i64) < n as i64 * SOUND_RATE {
            let packet = self.packets[self.returned % self.packets.len()].at(self.at);
            self.returned += 1;
            self.at += packet.duration().max(1);
            due.push(packet);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clip_is_a_vr180_file_with_sound() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clip.mp4");
        let clip = Material::stereo(256, 128, 70);
        let mut told = 0;
        assert!(clip.make(&path, &mut |n| (told = n, true).1).unwrap());
        assert_eq!(told, 70);
        let info = vrseg_media::probe(&path).unwrap();
        assert_eq!((info.video.width, info.video.height, info.video.frames), (256, 128, Some(70)));
        assert_eq!((info.video.codec.as_str(), info.video.fps, info.audio_streams), ("h264", 60.0, 1));
        assert_eq!(info.video.tags, ContainerTags::of(&clip.format()));
        assert_eq!(info.video.tags.spherical.map(|s| s.is_front_half()), Some(true));
        assert!((info.duration.unwrap() - 70.0 / 60.0).abs() < 0.1, "{:?}", info.duration);
    }

    #[test]
    fn picture_moves_and_differs_between_the_eyes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clip.mkv");
        assert!(Material::stereo(512, 256, 3).make(&path, &mut |_| true).unwrap());
        let mut reader = Reader::open(&path, &DecodeOptions::default()).unwrap();
        let mut frames = Vec::new();
        while let Some(item) = reader.next().unwrap() {
            if let Item::Frame(f) = item {
                frames.push(f.frame);
            }
        }
        let row = |i: usize, x: usize| {
            let Yuv::U8([y, ..]) = frames[i].yuv() else { panic!("8 bits") };
            y.row(200)[x..x + 180].to_vec()
        };
        let apart = |a: &[u8], b: &[u8]| a.iter().zip(b).map(|(a, b)| u64::from(a.abs_diff(*b))).sum::<u64>();
        // Two pixels a frame, two pixels between the eyes.
        assert!(2 * apart(&row(0, 22), &row(1, 20)) < apart(&row(0, 20), &row(1, 20)));
        assert!(2 * apart(&row(0, 24), &row(0, 256 + 22)) < apart(&row(0, 24), &row(0, 256 + 24)));
        // The person, who is orange and stands in the lower middle, is no gray surface.
        assert!(row(0, 20).iter().max().unwrap() - row(0, 20).iter().min().unwrap() > 60);
    }

    #[test]
    fn cancelled_clip_leaves_no_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("clip.mp4");
        assert!(!Material::stereo(256, 128, 70).make(&path, &mut |n| n < 3).unwrap());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn impossible_sizes_are_refused() {
        for (width, height, frames) in [(0, 0, 1), (258, 128, 0), (62, 64, 1), (256, 127, 1), (40_000, 64, 1)] {
            let error = Material::stereo(width, height, frames).make(Path::new("x.mp4"), &mut |_| true).unwrap_err();
            assert!(error.is_usage() && error.to_string().contains("each eye"), "{error}");
        }
    }
}
