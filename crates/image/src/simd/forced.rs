//! Lets a test run every copy of a kernel that the processor can run.

use super::{Features, Level};
use std::cell::Cell;

thread_local!(static FORCED: Cell<Option<Features>> = const { Cell::new(None) });

pub(super) fn get() -> Option<Features> {
    FORCED.get()
}

/// Calls `f` once for each instruction set that this processor has, with this thread's kernels held to it.
pub fn each(mut f: impl FnMut(Level)) {
    struct Restore;
    impl Drop for Restore {
        fn drop(&mut self) {
            FORCED.set(None);
        }
    }
    let _restore = Restore;
    let best = Features::detect();
    let all = [Some(Features::Base), best.avx2().map(Features::Avx2), best.avx512().map(Features::Avx512)];
    for features in all.into_iter().flatten() {
        FORCED.set(Some(features));
        f(features.level());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::features;

    #[test]
    fn every_level_up_to_the_best_is_forced_once_and_then_released() {
        let best = Features::detect().level();
        let mut forced = Vec::new();
        each(|level| {
            assert_eq!(features().level(), level);
            forced.push(level);
        });
        let all = [Level::Base, Level::Avx2, Level::Avx512];
        assert_eq!(forced, all.into_iter().filter(|l| *l <= best).collect::<Vec<_>>());
        assert_eq!(features().level(), best);
    }
}
