//! Run-time choice of the vector instruction set for the pixel kernels.
//!
//! A kernel is written once, as plain loops over slices that the compiler can vectorize, inside
//! [`dispatch!`]. The macro compiles the body three times: for the target's base instruction set,
//! for AVX2 + FMA and for AVX-512; each call takes the best copy that the processor has. On other
//! architectures than x86-64 only the base copy exists.
//!
//! Code for an instruction set runs only with a proof that the processor has it ([`Avx2`],
//! [`Avx512`]), and only detection makes proofs.
//!
//! What keeps a loop vectorizable: slices cut to the same length before the loop, no early exit,
//! and no saturating `as u8` of floats (use [`to_u8`] and [`to_u16`]: clamp, then convert).
//!
//! This folder, the code that its macro makes and `compose::paint::fixed` are the only `unsafe` of the kernels.

mod convert;
mod features;
#[cfg(any(test, feature = "testing"))]
pub mod forced;
mod lerp;

pub use convert::{Row, load, save, to_i16, to_u8, to_u16};
pub use features::{Avx2, Avx512, Features, Level, features};
pub use lerp::LerpTable;

/// Defines functions whose body is compiled for every [`Level`](crate::simd::Level) and dispatched at run time.
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
                match $crate::simd::features() {
                    // SAFETY: this variant holds the proof that the processor has all that `avx512` enables.
                    $crate::simd::Features::Avx512(_) => return unsafe { avx512($($arg),*) },
                    // SAFETY: this variant holds the proof that the processor has all that `avx2` enables.
                    $crate::simd::Features::Avx2(_) => return unsafe { avx2($($arg),*) },
                    $crate::simd::Features::Base => {}
                }
            }
            body($($arg),*)
        }
    )*};
}
#[doc(inline)]
pub use crate::__dispatch as dispatch;

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

#[cfg(test)]
mod tests {
    use super::*;

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
