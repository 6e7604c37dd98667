//! Interpolation along the rows of a plane, at places that are the same for every row.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
use super::{Features, features};

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
        match features() {
            // SAFETY: the variant proves that the processor has the features. The table was made for rows of
            // `src.len()` samples: 0 <= start <= len - 2, rising by at most 2 an output. All slices were cut
            // to the length of `out`.
            Features::Avx512(_) if src.len() >= 33 => return unsafe { lerp_avx512(src, start, fraction, out) },
            // SAFETY: as above.
            Features::Avx2(_) if src.len() >= 17 => return unsafe { lerp_avx2(src, start, fraction, out) },
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
    use crate::simd::forced;

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
}
