//! Full-size mattes of edges as cameras and editors sharpen them.

use super::FullMatte;
use crate::matte::{EdgeColors, MatteOptions, MattedView, Sampler, SmallYuv};
use crate::plane::{Plane, PlaneRef, Rect, Yuv, YuvColor, YuvLayout};

/// Width and height of the small matte.
const SMALL: (usize, usize) = (512, 8);
const LAYOUT: YuvLayout = YuvLayout { bits: 8, chroma_shift_x: 0, chroma_shift_y: 0, alpha: false };

/// A person on the left of a background, in samples of the full size.
#[derive(Clone, Copy, Debug)]
struct Edge {
    /// Samples of the full size to one of the small matte.
    scale: usize,
    /// Where the person ends.
    at: usize,
    /// Luma of person and background, and how far their chroma is apart.
    colors: (f32, f32, f32),
    /// Sharpening: overshoot as a share of the step in luma, and its width in samples.
    halo: (f32, usize),
    /// How much wider than the person the small matte is, in small pixels, and whether it is blurred.
    drawn: (f32, bool),
}

impl Edge {
    /// Full-size rows of luma, Cb and Cr.
    fn picture(&self) -> [Vec<u8>; 3] {
        let (person, background, chroma) = self.colors;
        let (overshoot, reach) = self.halo;
        let level = |x: usize| if x < self.at { person } else { background };
        let luma = (0..SMALL.0 * self.scale).map(|x| {
            // What an unsharp mask adds to a step: most beside it, linearly less with the distance.
            let beside = if x < self.at { self.at - 1 - x } else { x - self.at };
            let share = 1.0 - beside as f32 / reach.max(1) as f32;
            let swing = if x < self.at { person - background } else { background - person };
            level(x) + overshoot * swing * share.max(0.0)
        });
        let bytes = |v: f32| (16.5 + 219.0 * v).clamp(0.0, 255.0) as u8;
        let cb = (0..SMALL.0 * self.scale).map(|x| if x < self.at { 128.0 + 224.0 * chroma } else { 128.0 });
        [luma.map(bytes).collect(), cb.map(|v| v as u8).collect(), vec![128; SMALL.0 * self.scale]]
    }

    /// A row of the small matte.
    fn alpha(&self) -> Vec<f32> {
        let ends = self.at as f32 / self.scale as f32 + self.drawn.0;
        let sharp = |x: usize| (ends - x as f32).clamp(0.0, 1.0);
        let soft = |x: usize| 0.25 * (sharp(x.saturating_sub(1)) + 2.0 * sharp(x) + sharp(x + 1));
        (0..SMALL.0).map(|x| if self.drawn.1 { soft(x) } else { sharp(x) }).collect()
    }

    /// The full-size matte's middle row, with refinement and without.
    fn mattes(&self) -> [Vec<u8>; 2] {
        let (w, h) = (SMALL.0 * self.scale, SMALL.1 * self.scale);
        let planes = self.picture().map(|row| row.repeat(h));
        let yuv = Yuv::U8(planes.each_ref().map(|p| PlaneRef::new(p, w, w, h)));
        let (rect, color) = (Rect::new(0, 0, w, h), YuvColor::default());
        let mut small = SmallYuv::default();
        Sampler::new().sample(&yuv, LAYOUT, color, rect, SMALL, &mut small);
        let alpha = Plane::from_vec(self.alpha().repeat(SMALL.1), SMALL.0, SMALL.1);
        let colors = EdgeColors::of(&small, &alpha);
        [true, false].map(|refine| {
            let mut matte = FullMatte::new(MatteOptions { refine, ..MatteOptions::default() }, w, h);
            let view = MattedView { rect, small: &small, alpha: &alpha, colors: &colors };
            matte.update(&yuv, LAYOUT, color, &[view]);
            matte.alpha().row(h / 2).to_vec()
        })
    }

    /// Sum of the matte's errors in samples.
    fn error(&self, matte: &[u8]) -> f32 {
        let truth = |x: usize| if x < self.at { 255.0 } else { 0.0 };
        matte.iter().enumerate().map(|(x, v)| (f32::from(*v) - truth(x)).abs() / 255.0).sum()
    }
}

/// How far a matte rises again after it has fallen, from the person outwards, and falls on the way into the
/// person: a detached line beyond the outline and a gap within.
fn relapse(matte: &[u8]) -> u8 {
    let mut least = 255;
    matte.iter().fold(0, |worst: u8, v| {
        least = least.min(*v);
        worst.max(v - least)
    })
}

/// Edges of all kinds with such halos.
fn edges(halos: &[(f32, usize)]) -> Vec<Edge> {
    let colors = [(0.25, 0.6, 0.0), (0.7, 0.3, 0.0), (0.3, 0.45, 0.05), (0.6, 0.4, 0.1), (0.2, 0.38, 0.0)];
    let drawn = [(0.0, false), (0.0, true), (0.5, true), (1.0, true), (-0.5, true)];
    let mut edges = Vec::new();
    for (scale, phase) in (0..4).map(|phase| (4, phase)).chain((0..8).map(|phase| (8, phase))) {
        for &halo in halos {
            let kinds = colors.iter().flat_map(|c| drawn.iter().map(move |d| (*c, *d)));
            edges.extend(kinds.map(|(colors, drawn)| Edge { scale, at: 256 * scale + phase, colors, halo, drawn }));
        }
    }
    edges
}

/// The halo is a part of the background: no line of it may show in the matte, nor a gap in the person.
#[test]
fn sharpened_edges_have_no_detached_line() {
    let mut errors = [0.0; 2];
    for edge in edges(&[(0.15, 3), (0.3, 3), (0.3, 5), (0.22, 4), (0.5, 4)]) {
        let mattes = edge.mattes();
        let relapse = relapse(&mattes[0]);
        assert!(relapse <= 6, "{edge:?}: {relapse}");
        for (error, matte) in errors.iter_mut().zip(&mattes) {
            *error += edge.error(matte);
        }
    }
    assert!(errors[0] < 0.5 * errors[1], "refinement must gain: {errors:?}");
}
