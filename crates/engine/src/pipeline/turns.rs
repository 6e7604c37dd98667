//! Work of several threads whose last part depends on order: each waits for its turn.

use std::ops::{Deref, DerefMut};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is done in order, and whose turn it is.
#[derive(Debug)]
pub struct Turns<T> {
    ordered: Mutex<Ordered<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Ordered<T> {
    next: u64,
    value: T,
}

/// How long a thread waits before it looks whether it is still wanted.
const PATIENCE: Duration = Duration::from_millis(100);

impl<T> Turns<T> {
    /// Number 0 comes first.
    pub fn new(value: T) -> Self {
        Self { ordered: Mutex::new(Ordered { next: 0, value }), changed: Condvar::new() }
    }

    /// Waits until everything before `number` had its turn; `None` once nobody is wanted any more. Every number
    /// must come once, or those after it wait until they are unwanted.
    pub fn wait(&self, number: u64, unwanted: impl Fn() -> bool) -> Option<Turn<'_, T>> {
        let mut ordered = self.lock();
        while ordered.next != number {
            if unwanted() {
                return None;
            }
            ordered = self.changed.wait_timeout(ordered, PATIENCE).unwrap_or_else(PoisonError::into_inner).0;
        }
        Some(Turn { ordered, changed: &self.changed })
    }

    /// Out of turn, when what is done depends on no order.
    pub fn aside<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        f(&mut self.lock().value)
    }

    fn lock(&self) -> MutexGuard<'_, Ordered<T>> {
        // A thread that panics ends the job; until then the others need no second panic.
        self.ordered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One's turn; when it is dropped, the next number's begins.
#[derive(Debug)]
pub struct Turn<'a, T> {
    ordered: MutexGuard<'a, Ordered<T>>,
    changed: &'a Condvar,
}

impl<T> Deref for Turn<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.ordered.value
    }
}

impl<T> DerefMut for Turn<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.ordered.value
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        self.ordered.next += 1;
        self.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::thread;

    #[test]
    fn turns_come_in_order_whoever_is_ready_first() {
        let turns = Turns::new(Vec::new());
        let numbers = AtomicU64::new(0);
        thread::scope(|scope| {
            for worker in 0..4u64 {
                let (turns, numbers) = (&turns, &numbers);
                scope.spawn(move || {
                    while let Some(n) = Some(numbers.fetch_add(1, Ordering::Relaxed)).filter(|n| *n < 200) {
                        thread::sleep(Duration::from_micros((n * 7 + worker * 13) % 97));
                        turns.wait(n, || false).unwrap().push(n);
                    }
                });
            }
        });
        turns.aside(|seen| assert_eq!(*seen, (0..200).collect::<Vec<_>>()));
    }

    #[test]
    fn who_is_unwanted_does_not_wait_for_ever() {
        let turns = Turns::new(());
        assert!(turns.wait(1, || true).is_none());
        assert!(turns.wait(0, || true).is_some(), "nothing stands before it");
        assert!(turns.wait(1, || true).is_some());
    }
}
