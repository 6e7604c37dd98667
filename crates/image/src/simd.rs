//! Run-time choice of the vector instruction set for the pixel kernels.
//!
//! A kernel is written once, as plain loops over slices that the compiler can vectorize, inside
//! [`dispatch!`]. The macro compiles the body three times: for the target's base instruction set,
//! for AVX2 + FMA and for AVX-512; each call takes the best copy that the processor has. On other
//! architectures than x86-64 only the base copy exists.
//!
//! What keeps a loop vectorizable: slices cut to the same length before the loop, no early exit,
//! and no saturating `as u8` of floats (use [`to_u8`] and [`to_u16`]: clamp, then convert).
//!
//! This file, the code that its macro makes and `compose::fixed` are the only `unsafe` of the kernels.
#![allow(unsafe_code)]

use std::sync::OnceLock;

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// What every processor of the target has (SSE2 on x86-64).
    Base,
    /// AVX2, FMA and BMI.
    Avx2,
    /// AVX-512 F, BW, DQ, VL and everything in [`Level::Avx2`].
    Avx512,
}

impl Level {
    /// A name for logs and reports.
    pub const fn name(self) -> &'static str {
        match self {
            Level::Base => "base",
            Level::Avx2 => "avx2",
            Level::Avx512 => "avx512",
        }
    }
}

/// The best level that this processor has, found once.
pub fn detect() -> Level {
    static FOUND: OnceLock<Level> = OnceLock::new();
    *FOUND.get_or_init(find)
}

fn find() -> Level {
    #[cfg(target_arch = "x86_64")]
    {
        let avx2 =
            is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") && is_x86_feature_detected!("bmi2");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        if avx2 && avx512 {
            return Level::Avx512;
        }
        if avx2 {
            return Level::Avx2;
        }
    }
    Level::Base
}

/// The level that kernels called from this thread use.
#[inline]
pub fn level() -> Level {
    #[cfg(any(test, feature = "testing"))]
    if let Some(forced) = forced::get() {
        return forced;
    }
    detect()
}

/// Lets a test run every copy of a kernel that the processor can run.
#[cfg(any(test, feature = "testing"))]
pub mod forced {
    use super::{Level, detect};
    use std::cell::Cell;

    thread_local!(static FORCED: Cell<Option<Level>> = const { Cell::new(None) });

    pub(super) fn get() -> Option<Level> {
        FORCED.get()
    }

    /// Calls `f` once for each level that this processor has, with kernels held to that level.
    pub fn each(mut f: impl FnMut(Level)) {
        struct Restore;
        impl Drop for Restore {
            fn drop(&mut self) {
                FORCED.set(None);
            }
        }
        let _restore = Restore;
        for level in [Level::Base, Level::Avx2, Level::Avx512] {
            if level <= detect() {
                FORCED.set(Some(level));
                f(level);
            }
        }
    }
}

/// Defines functions whose body is compiled for every [`Level`] and dispatched at run time.
///
/// Generic parameters stand in square brackets and must be inferable from the arguments:
///
/// ```
/// vrseg_image::simd::dispatch! {
///     /// Adds `b` to `a`.
///     pub fn add[const N: usize](a: &mut [f32; N], b: &[f32; N]) {
///         for (a, b) in a.iter_mut().zip(b) {
///             *a += *b;
///         }
///     }
/// }
/// let mut a = [1.0; 8];
/// add(&mut a, &[2.0; 8]);
/// assert_eq!(a, [3.0; 8]);
/// ```
#[macro_export]
#[doc(hidden)]
macro_rules! __dispatch {
    ($(
        $(#[$attr:meta])*
        $vis:vis fn $name:ident $([$($generics:tt)*])? ($($arg:ident : $ty:ty),* $(,)?) $(-> $ret:ty)? $body:block
    )*) => {$(
        $(#[$attr])*
        #[allow(unsafe_code, clippy::too_many_arguments)]
        $vis fn $name $(<$($generics)*>)? ($($arg: $ty),*) $(-> $ret)? {
            #[inline(always)]
            #[allow(clippy::too_many_arguments)]
            fn body $(<$($generics)*>)? ($($arg: $ty),*) $(-> $ret)? $body

            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2,fma,bmi1,bmi2")]
                fn avx2 $(<$($generics)*>)? ($($arg: $ty),*) $(-> $ret)? {
                    body($($arg),*)
                }
                #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,bmi1,bmi2")]
                fn avx512 $(<$($generics)*>)? ($($arg: $ty),*) $(-> $ret)? {
                    body($($arg),*)
                }
                match $crate::simd::level() {
                    // SAFETY: `level` found on this processor every feature that `avx512` enables.
                    $crate::simd::Level::Avx512 => return unsafe { avx512($($arg),*) },
                    // SAFETY: `level` found on this processor every feature that `avx2` enables.
                    $crate::simd::Level::Avx2 => return unsafe { avx2($($arg),*) },
                    $crate::simd::Level::Base => {}
                }
            }
            body($($arg),*)
        }
    )*};
}
#[doc(inline)]
pub use crate::__dispatch as dispatch;

/// `v` clamped to `0.0..=255.0` and cut to an integer (add 0.5 before to round); NaN gives 0.
/// Vectorizes, which the saturating `v as u8` does not.
#[inline(always)]
pub fn to_u8(v: f32) -> u8 {
    // Written as comparisons so that each is one `maxps`/`minps` and NaN falls to 0.
    let v = if v > 0.0 { v } else { 0.0 };
    let v = if v < 255.0 { v } else { 255.0 };
    // SAFETY: `v` is in 0.0..=255.0 and not NaN, so it fits an i32.
    (unsafe { v.to_int_unchecked::<i32>() }) as u8
}

/// `v` clamped to `0.0..=max` and cut to an integer (add 0.5 before to round); NaN gives 0.
/// `max` is a sample's highest value, at most 65535.
#[inline(always)]
pub fn to_u16(v: f32, max: f32) -> u16 {
    let max = if max < 65535.0 { max } else { 65535.0 };
    let v = if v < max { v } else { max };
    let v = if v > 0.0 { v } else { 0.0 };
    // SAFETY: `v` is in 0.0..=65535.0 and not NaN, so it fits an i32.
    (unsafe { v.to_int_unchecked::<i32>() }) as u16
}

/// `v` clamped to `-32767.0..=32767.0` and cut to an integer; NaN gives 32767.
#[inline(always)]
pub fn to_i16(v: f32) -> i16 {
    let v = if v < 32767.0 { v } else { 32767.0 };
    let v = if v > -32767.0 { v } else { -32767.0 };
    // SAFETY: `v` is in -32767.0..=32767.0 and not NaN, so it fits an i32.
    (unsafe { v.to_int_unchecked::<i32>() }) as i16
}

/// So many floats of a row that the compiler knows the number.
pub type Row<const W: usize> = [f32; W];

/// `W` values of which the first are those of `row`, which is no longer; the rest are the default.
#[inline(always)]
pub fn load<T: Copy + Default, const W: usize>(row: &[T]) -> [T; W] {
    if let Ok(whole) = row.try_into() {
        return whole;
    }
    let mut padded = [T::default(); W];
    padded[..row.len()].copy_from_slice(row);
    padded
}

/// Writes the first of `values` to `row`, which is no longer. Unlike copying a slice, which calls a function
/// for every few bytes, this is a store or two where `row` has all of them.
#[inline(always)]
pub fn save<T: Copy, const W: usize>(row: &mut [T], values: &[T; W]) {
    match <&mut [T; W]>::try_from(&mut *row) {
        Ok(whole) => *whole = *values,
        Err(_) => {
            let n = row.len();
            row.copy_from_slice(&values[..n]);
        }
    }
}

dispatch! {
    /// Whether every byte of `data` is `value`. True for an empty slice.
    pub fn all_equal(data: &[u8], value: u8) -> bool {
        // No early exit: the loop must stay a plain reduction to be vectorized.
        let mut differs = 0u8;
        for &v in data {
            differs |= v ^ value;
        }
        differs == 0
    }
}

/// Interpolation along a row: `out[i] = src[s] + f * (src[s + 1] - src[s])` with `s = at[i].0` and
/// `f = at[i].1`, kept apart in a table because every row of a plane uses the same places.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LerpTable {
    start: Vec<i32>,
    fraction: Vec<f32>,
    /// Samples that a source row must have.
    len: usize,
}

impl LerpTable {
    /// A table for source rows of `len` samples (at least 2) and one output for each position of
    /// `places`, which are in source samples (0.0 is the first sample itself), rise, and rise by
    /// at most 2 each time. Places beyond the row get its first or last sample.
    ///
    /// # Panics
    /// When `len < 2` or the places don't rise as stated.
    pub fn new(len: usize, places: impl Iterator<Item = f64>) -> Self {
        assert!(len >= 2 && i32::try_from(len).is_ok());
        let mut table = Self { len, ..Self::default() };
        let mut last: Option<(f64, f64)> = None;
        for u in places {
            let start = u.floor().clamp(0.0, (len - 2) as f64);
            // What the vector code relies on, rather than the places themselves, which are rounded.
            let rises = last.is_none_or(|(place, before)| u >= place && start <= before + 2.0);
            assert!(rises, "{u} after {last:?}");
            last = Some((u, start));
            table.start.push(start as i32);
            table.fraction.push((u - start).clamp(0.0, 1.0) as f32);
        }
        table
    }

    /// Outputs of a row.
    pub fn outputs(&self) -> usize {
        self.start.len()
    }

    /// Interpolates the outputs `from..from + out.len()` from `src`.
    ///
    /// # Panics
    /// When `src` has another length than the table is for, or the table has fewer outputs.
    pub fn apply(&self, src: &[f32], from: usize, out: &mut [f32]) {
        assert_eq!(src.len(), self.len);
        let start = &self.start[from..][..out.len()];
        let fraction = &self.fraction[from..][..out.len()];
        #[cfg(target_arch = "x86_64")]
        match level() {
            // SAFETY: `level` found the features on this processor. The table was made for rows of
            // `src.len()` samples: 0 <= start <= len - 2, rising by at most 2 an output.
            Level::Avx512 if src.len() >= 33 => return unsafe { lerp_avx512(src, start, fraction, out) },
            // SAFETY: as above.
            Level::Avx2 if src.len() >= 17 => return unsafe { lerp_avx2(src, start, fraction, out) },
            _ => {}
        }
        lerp_base(src, start, fraction, out);
    }
}

#[inline(always)]
fn lerp_base(src: &[f32], start: &[i32], fraction: &[f32], out: &mut [f32]) {
    for ((out, &s), &f) in out.iter_mut().zip(start).zip(fraction) {
        let s = s as usize;
        let (a, b) = (src[s], src[s + 1]);
        *out = a + f * (b - a);
    }
}

/// 16 outputs need at most 32 neighboring samples, which one two-register permutation reaches.
///
/// # Safety
/// The processor has AVX-512 F. `src` has at least 33 samples; `start` rises by at most 2 from
/// one to the next and lies in `0..=src.len() - 2`; the three other slices have the same length.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx2,fma")]
unsafe fn lerp_avx512(src: &[f32], start: &[i32], fraction: &[f32], out: &mut [f32]) {
    use std::arch::x86_64::*;
    let whole = out.len() / 16 * 16;
    for i in (0..whole).step_by(16) {
        let base = (start[i] as usize).min(src.len() - 33);
        // SAFETY: base + 33 <= src.len(), and i + 16 <= the length of the other slices. Indices are
        // start - base <= 31: `start` rises by at most 30 over 16 outputs, or base is len - 33 and
        // start at most len - 2. (A permutation uses the low 5 bits, so nothing reaches beyond.)
        unsafe {
            let p = src.as_ptr().add(base);
            let index =
                _mm512_sub_epi32(_mm512_loadu_si512(start.as_ptr().add(i).cast()), _mm512_set1_epi32(base as i32));
            let f = _mm512_loadu_ps(fraction.as_ptr().add(i));
            let a = _mm512_permutex2var_ps(_mm512_loadu_ps(p), index, _mm512_loadu_ps(p.add(16)));
            let b = _mm512_permutex2var_ps(_mm512_loadu_ps(p.add(1)), index, _mm512_loadu_ps(p.add(17)));
            _mm512_storeu_ps(out.as_mut_ptr().add(i), _mm512_fmadd_ps(f, _mm512_sub_ps(b, a), a));
        }
    }
    lerp_base(src, &start[whole..], &fraction[whole..], &mut out[whole..]);
}

/// The same with 8 outputs and two one-register permutations.
///
/// # Safety
/// As for [`lerp_avx512`], with AVX2 + FMA and at least 17 samples.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn lerp_avx2(src: &[f32], start: &[i32], fraction: &[f32], out: &mut [f32]) {
    use std::arch::x86_64::*;
    let whole = out.len() / 8 * 8;
    for i in (0..whole).step_by(8) {
        let base = (start[i] as usize).min(src.len() - 17);
        // SAFETY: base + 17 <= src.len(), and i + 8 <= the length of the other slices. Indices are
        // start - base <= 15, by the same reasoning as above.
        unsafe {
            let p = src.as_ptr().add(base);
            let index =
                _mm256_sub_epi32(_mm256_loadu_si256(start.as_ptr().add(i).cast()), _mm256_set1_epi32(base as i32));
            let high = _mm256_castsi256_ps(_mm256_cmpgt_epi32(index, _mm256_set1_epi32(7)));
            let pick = |p: *const f32| {
                let low = _mm256_permutevar8x32_ps(_mm256_loadu_ps(p), index);
                _mm256_blendv_ps(low, _mm256_permutevar8x32_ps(_mm256_loadu_ps(p.add(8)), index), high)
            };
            let f = _mm256_loadu_ps(fraction.as_ptr().add(i));
            let (a, b) = (pick(p), pick(p.add(1)));
            _mm256_storeu_ps(out.as_mut_ptr().add(i), _mm256_fmadd_ps(f, _mm256_sub_ps(b, a), a));
        }
    }
    lerp_base(src, &start[whole..], &fraction[whole..], &mut out[whole..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lerp_is_the_same_at_every_level() {
        for len in [2, 3, 16, 17, 18, 32, 33, 34, 64, 500] {
            let src: Vec<f32> = (0..len).map(|i| ((i * 7919) % 101) as f32).collect();
            for step in [0.13f64, 0.9, 1.0, 1.3, 1.99, 2.0] {
                for n in [1, 7, 8, 15, 16, 17, 70, 300] {
                    let places = move |i: usize| (i as f64 + 0.5) * step - 0.9;
                    let table = LerpTable::new(len, (0..n).map(places));
                    let from = n / 3;
                    forced::each(|level| {
                        let mut out = vec![0.0; n - from];
                        table.apply(&src, from, &mut out);
                        for (i, v) in out.iter().enumerate() {
                            let u = places(from + i).clamp(0.0, (len - 1) as f64);
                            let s = (u as usize).min(len - 2);
                            let want = f64::from(src[s]) + (u - s as f64) * f64::from(src[s + 1] - src[s]);
                            assert!((f64::from(*v) - want).abs() < 1e-3, "{level:?} {len} {step} {n} {i}: {v} {want}");
                        }
                    });
                }
            }
        }
    }

    #[test]
    fn conversions_clamp_and_survive_nan() {
        assert_eq!(
            [-1.0, 0.0, 0.99, 254.5, 255.0, 1e30, f32::NAN, f32::INFINITY, f32::NEG_INFINITY].map(to_u8),
            [0, 0, 0, 254, 255, 255, 0, 255, 0]
        );
        assert_eq!(
            [-1.0, 1022.9, 1023.0, 5000.0, f32::INFINITY].map(|v| to_u16(v, 1023.0)),
            [0, 1022, 1023, 1023, 1023]
        );
        assert_eq!(to_u16(1e9, f32::INFINITY), 65535);
    }

    #[test]
    fn all_equal_sees_a_single_other_byte() {
        forced::each(|_| {
            for n in [0, 1, 31, 64, 65, 200] {
                let mut data = vec![7u8; n];
                assert!(all_equal(&data, 7));
                for i in 0..n {
                    data[i] = 6;
                    assert!(!all_equal(&data, 7), "{n} {i}");
                    data[i] = 7;
                }
            }
        });
    }
}
