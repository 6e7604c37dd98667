//! Edges: tiles where person and background meet, blended a row at a time.
//!
//! There is one algorithm, [`Painter::blend_edge`], and two arithmetics that it works in: 8-bit pictures are
//! blended in fixed point, deeper ones in floats. A row has `W` samples, a number that the compiler knows; where
//! the picture's border leaves fewer, the rest is computed in vain.

use super::fixed::FixedPoint;
use super::float::Float;
use super::{Painter, Source, sampler, shift};
use crate::compose::composer::{Paint, ViewState};
use crate::matte::foreground::field::Sampler;
use crate::plane::{PlaneRef, Rect, Sample};
use crate::simd::Features;

/// What the opacities of a row are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::compose) enum Coverage {
    /// 0, all of them.
    None,
    /// 1, all of them.
    Full,
    /// Anything else.
    Mixed,
}

/// How colors and opacities are stored and computed while edges of pictures with samples `T` are blended.
pub(in crate::compose) trait EdgeArithmetic<T: Sample>: Copy {
    /// A color, in units that the arithmetic chooses, or an opacity.
    type Value: Copy + Default;
    /// Smooth fields as values.
    type Fields<'a, const N: usize, const W: usize>;

    fn fields<'a, const N: usize, const W: usize>(self, sampler: Sampler<'a, N, W>) -> Self::Fields<'a, N, W>;

    /// A color in sample units as a value.
    fn value(self, v: f32) -> Self::Value;

    /// The opacities of the first `n` of `W` samples from `at` on in a plane that is subsampled by
    /// `2^shift.0` x `2^shift.1`: the mean of the luma-size `alpha` under each sample, border samples repeated.
    /// The other samples get 0.
    fn opacity<const W: usize>(
        self,
        alpha: PlaneRef<'_, u8>,
        shift: (u32, u32),
        at: (usize, usize),
        n: usize,
        out: &mut [Self::Value; W],
    ) -> Coverage;

    /// At most `W` samples as values; what is missing is 0.
    fn load<const W: usize>(self, samples: &[T]) -> [Self::Value; W];

    /// The foreground's own color: `F = Fh + a (I - a Fh - (1 - a) Bh)` (Forte and Pitié 2021,
    /// equation 4), `smooth` being the estimates `Fh` and `Bh`, of which row `y` of the view is taken. Clamped
    /// to the legal `range`, widened to the source's own value where that is outside (super-white and the like),
    /// so that `a = 1` always gives the source back.
    fn foreground<const W: usize>(
        self,
        samples: &[T],
        a: &[Self::Value; W],
        smooth: &mut Self::Fields<'_, 2, W>,
        y: usize,
        range: [Self::Value; 2],
    ) -> [Self::Value; W];

    /// Row `y` of a field.
    fn field<const W: usize>(self, field: &mut Self::Fields<'_, 1, W>, y: usize) -> [Self::Value; W];

    /// `a F + (1 - a) background`.
    fn over<const W: usize>(
        self,
        a: &[Self::Value; W],
        f: &[Self::Value; W],
        background: &[Self::Value; W],
    ) -> [Self::Value; W];

    /// Rounds the first values to the samples of `out`, which has at most `W`.
    fn save<const W: usize>(self, values: &[Self::Value; W], out: &mut [T]);
}

/// A sample type that pictures are painted in.
pub(in crate::compose) trait PictureSample: Sample {
    /// What edges inside views are blended in.
    type Arithmetic: EdgeArithmetic<Self>;

    /// The arithmetic for pictures whose highest sample is `max`.
    fn arithmetic(features: Features, max: f32) -> Self::Arithmetic;
}

impl PictureSample for u8 {
    type Arithmetic = FixedPoint;

    fn arithmetic(features: Features, _: f32) -> FixedPoint {
        FixedPoint::new(features)
    }
}

impl PictureSample for u16 {
    type Arithmetic = Float;

    fn arithmetic(_: Features, max: f32) -> Float {
        Float { max }
    }
}

impl<T: PictureSample> Painter<'_, T> {
    /// Blends an edge: the person's own color over the new background, or alone. Outside of all views that
    /// color is not known, and the picture's is taken.
    #[inline(always)]
    pub(super) fn edge<const W: usize>(&mut self, p: usize, r: Rect, view: Option<&ViewState>, paint: Paint) {
        match view {
            Some(view) => {
                let arithmetic = self.arithmetic;
                let fields = [&view.foreground[p], &view.background[p]];
                let mut smooth = arithmetic.fields(sampler::<2, W>(fields, view, p, r, Source::Estimate));
                self.blend_edge::<_, W>(arithmetic, p, r, Some((view, &mut smooth)), paint);
            }
            None => self.blend_edge::<_, W>(Float { max: self.max }, p, r, None, paint),
        }
    }

    /// [`edge`](Self::edge) in an arithmetic. `view` comes with its estimates of foreground and background, by
    /// reference, because copying them would take as long as blending.
    #[inline(always)]
    fn blend_edge<A: EdgeArithmetic<T>, const W: usize>(
        &mut self,
        arithmetic: A,
        p: usize,
        r: Rect,
        view: Option<(&ViewState, &mut A::Fields<'_, 2, W>)>,
        paint: Paint,
    ) {
        let (view, mut smooth) = view.unzip();
        let (shift, top) = (shift(self.composer, p), view.map_or(0, |v| v.rect(p).y));
        let range = self.legal_range(p).map(|v| arithmetic.value(v));
        let (source, background, alpha) = (self.source[p], self.background, self.frame.alpha);
        let mut backdrop = match (paint, view) {
            (Paint::Blur { .. }, Some(v)) => {
                Some(arithmetic.fields(sampler::<1, W>([&v.backdrop.colors[p]], v, p, r, Source::Backdrop)))
            }
            _ => None,
        };
        let flat =
            if let Paint::Green { key } = paint { [arithmetic.value(key[p]); W] } else { [A::Value::default(); W] };
        let mut a = [A::Value::default(); W];
        for y in r.y..r.y + r.h {
            let samples = &source.row(y)[r.x..r.x + r.w];
            // An outline crosses few of a tile's rows; the others need no estimate.
            match (arithmetic.opacity(alpha, shift, (r.x, y), r.w, &mut a), paint) {
                (Coverage::Full, _) => {
                    self.out_row(p, y, r).copy_from_slice(samples);
                    continue;
                }
                (Coverage::None, Paint::Green { key }) => {
                    self.out_row(p, y, r).fill(T::from_u32(key[p] as u32));
                    continue;
                }
                _ => {}
            }
            let person = match &mut smooth {
                Some(smooth) => arithmetic.foreground(samples, &a, smooth, y - top, range),
                None => arithmetic.load(samples),
            };
            let row = match (paint, &mut backdrop, background) {
                (Paint::Green { .. }, ..) => arithmetic.over(&a, &person, &flat),
                (Paint::Blur { .. }, Some(backdrop), _) => {
                    arithmetic.over(&a, &person, &arithmetic.field(backdrop, y - top))
                }
                (Paint::Replace, _, Some(background)) => {
                    let behind = arithmetic.load(&background[p].row(y)[r.x..r.x + r.w]);
                    arithmetic.over(&a, &person, &behind)
                }
                _ => person,
            };
            arithmetic.save(&row, self.out_row(p, y, r));
        }
    }

    /// The lowest and highest legal sample of plane `p`.
    #[inline(always)]
    fn legal_range(&self, p: usize) -> [f32; 2] {
        let bits = self.composer.layout.bits;
        if p == 0 {
            let (offset, span) = self.composer.color.luma(bits);
            [offset, offset + span]
        } else {
            let (zero, span) = self.composer.color.chroma(bits);
            [(zero - span / 2.0).max(0.0), (zero + span / 2.0).min(self.max)]
        }
    }
}
