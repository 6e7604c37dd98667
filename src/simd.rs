//! Run-time choice of the vector instruction set for the pixel kernels.
//!
//! A kernel is written once, as plain loops over slices that the compiler can vectorise, inside
//! [`dispatch!`]. The macro compiles the body three times: for the target's base instruction set,
//! for AVX2 + FMA and for AVX-512; each call takes the best copy that the processor has. On other
//! architectures than x86-64 only the base copy exists.
//!
//! What keeps a loop vectorisable: slices cut to the same length before the loop, no early exit,
//! and no saturating `as u8` of floats (use [`to_u8`] and [`to_u16`]: clamp, then convert).
//!
//! This file and the code that its macro makes are the only `unsafe` of the kernels.
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
    #[cfg(test)]
    if let Some(forced) = forced::get() {
        return forced;
    }
    detect()
}

/// Lets a test run every copy of a kernel that the processor can run.
#[cfg(test)]
pub(crate) mod forced {
    use super::{Level, detect};
    use std::cell::Cell;

    thread_local!(static FORCED: Cell<Option<Level>> = const { Cell::new(None) });

    pub(super) fn get() -> Option<Level> {
        FORCED.get()
    }

    /// Calls `f` once for each level that this processor has, with kernels held to that level.
    pub(crate) fn each(mut f: impl FnMut(Level)) {
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
/// vrseg::simd::dispatch! {
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
/// Vectorises, which the saturating `v as u8` does not.
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

dispatch! {
    /// Whether every byte of `data` is `value`. True for an empty slice.
    pub fn all_equal(data: &[u8], value: u8) -> bool {
        // No early exit: the loop must stay a plain reduction to be vectorised.
        let mut differs = 0u8;
        for &v in data {
            differs |= v ^ value;
        }
        differs == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
