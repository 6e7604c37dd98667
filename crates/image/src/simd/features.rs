//! Which instruction sets this processor has, and proofs of it.
//!
//! The fields of the proofs are private to this file, so that no other code can make one: who holds a
//! proof may call functions compiled for that instruction set.

use std::sync::OnceLock;

/// The name of an instruction set that kernels are compiled for; better ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// What every processor of the target has (SSE2 on x86-64).
    Base,
    /// AVX2, FMA and BMI.
    Avx2,
    /// AVX-512 F, BW, DQ, VL and everything in [`Level::Avx2`].
    Avx512,
}

/// Proof that this processor has AVX2, FMA, BMI1 and BMI2.
///
/// ```compile_fail
/// let made_up = vrseg_image::simd::Avx2(());
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Avx2(());

/// Proof that this processor has AVX-512 F, BW, DQ and VL, and all that [`Avx2`] proves.
#[derive(Clone, Copy, Debug)]
pub struct Avx512(());

/// An instruction set that this processor has, with the proof of it.
#[derive(Clone, Copy, Debug)]
pub enum Features {
    /// What every processor of the target has.
    Base,
    /// AVX2, FMA and BMI.
    Avx2(Avx2),
    /// AVX-512 and everything before.
    Avx512(Avx512),
}

impl Features {
    /// The best that this processor has, detected once.
    pub fn detect() -> Self {
        static DETECTED: OnceLock<Features> = OnceLock::new();
        *DETECTED.get_or_init(detect)
    }

    /// The name of the instruction set.
    pub fn level(self) -> Level {
        match self {
            Features::Base => Level::Base,
            Features::Avx2(_) => Level::Avx2,
            Features::Avx512(_) => Level::Avx512,
        }
    }

    /// The proof of AVX2, where this is AVX2 or better.
    #[inline(always)]
    pub fn avx2(self) -> Option<Avx2> {
        match self {
            Features::Base => None,
            Features::Avx2(proof) => Some(proof),
            Features::Avx512(_) => Some(Avx2(())),
        }
    }

    /// The proof of AVX-512, where this is AVX-512.
    pub fn avx512(self) -> Option<Avx512> {
        match self {
            Features::Base | Features::Avx2(_) => None,
            Features::Avx512(proof) => Some(proof),
        }
    }
}

fn detect() -> Features {
    #[cfg(target_arch = "x86_64")]
    {
        let avx2 = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("fma")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2");
        let avx512 = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        if avx2 && avx512 {
            return Features::Avx512(Avx512(()));
        }
        if avx2 {
            return Features::Avx2(Avx2(()));
        }
    }
    Features::Base
}

/// What kernels called from this thread use: the best, unless a test forces less.
#[inline]
pub fn features() -> Features {
    #[cfg(any(test, feature = "testing"))]
    if let Some(forced) = super::forced::get() {
        return forced;
    }
    Features::detect()
}
