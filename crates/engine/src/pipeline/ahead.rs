//! Things that are made ahead of their use: several workers make them, one thread uses them in order.

use crossbeam_channel::bounded;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Calls `make` for each number below `n`, each call with one of the `workers`, and `take` with what it made, in
/// order, in this thread. A single worker makes each thing just before it is taken; several, in threads of their
/// own, are at most about two things each ahead. The first error of `take` ends it.
///
/// # Errors
/// What `take` says.
///
/// # Panics
/// When `workers` is empty, and when `make` panics.
pub fn in_order<W: Send, T: Send, E>(
    workers: &mut [W],
    n: usize,
    make: impl Fn(&mut W, usize) -> T + Sync,
    mut take: impl FnMut(usize, T) -> Result<(), E>,
) -> Result<(), E> {
    if let ([worker], _) | ([worker, ..], 0 | 1) = (&mut *workers, n) {
        return (0..n).try_for_each(|i| take(i, make(worker, i)));
    }
    assert!(!workers.is_empty(), "somebody must make them");
    let (next, make) = (AtomicUsize::new(0), &make);
    thread::scope(|scope| {
        // Made within the scope: an error drops it, and the workers end.
        let (made, things) = bounded(workers.len());
        for worker in workers {
            let (made, next) = (made.clone(), &next);
            scope.spawn(move || {
                loop {
                    let i = next.fetch_add(1, Ordering::Relaxed);
                    if i >= n || made.send((i, make(worker, i))).is_err() {
                        return;
                    }
                }
            });
        }
        drop(made);
        let mut early = BTreeMap::new();
        let mut wanted = 0;
        for (i, thing) in things {
            early.insert(i, thing);
            while let Some(thing) = early.remove(&wanted) {
                take(wanted, thing)?;
                wanted += 1;
            }
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn all_are_taken_in_order_however_many_make_them() {
        for workers in [1, 2, 5] {
            for n in [0, 1, 2, 40] {
                let (mut made, mut taken) = (vec![0; workers], Vec::new());
                let make = |count: &mut usize, i: usize| {
                    *count += 1;
                    thread::sleep(Duration::from_micros((i as u64 * 37) % 211));
                    i * i
                };
                let all: Result<(), ()> = in_order(&mut made, n, make, |i, square| {
                    taken.push((i, square));
                    Ok(())
                });
                assert_eq!(all, Ok(()));
                assert_eq!(taken, (0..n).map(|i| (i, i * i)).collect::<Vec<_>>(), "{workers} workers");
                assert_eq!(made.iter().sum::<usize>(), n);
            }
        }
    }

    #[test]
    fn the_first_error_ends_it() {
        for workers in [1, 3] {
            let mut made = vec![0; workers];
            let make = |count: &mut usize, i| {
                *count += 1;
                i
            };
            let ended = in_order(&mut made, 1000, make, |i, _| if i == 4 { Err(i) } else { Ok(()) });
            assert_eq!(ended, Err(4));
            assert!(made.iter().sum::<usize>() < 30, "nobody makes what nobody takes: {made:?}");
        }
    }
}
