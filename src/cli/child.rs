//! Waiting for child processes.

use std::io;
use std::process::{Child, ExitStatus};
use std::time::Duration;

const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Waits until `child` ends. When `give_up` returns true first, kills it (only our own child, of which nothing more is
/// wanted) and returns `None`.
///
/// # Errors
/// The system can't tell how the child is; it is killed then, too.
pub(crate) fn wait(child: &mut Child, give_up: impl Fn() -> bool) -> io::Result<Option<ExitStatus>> {
    loop {
        let ended = child.try_wait();
        match ended {
            Ok(Some(status)) => return Ok(Some(status)),
            Ok(None) if !give_up() => std::thread::sleep(POLL_INTERVAL),
            other => {
                let _ = child.kill().and_then(|()| child.wait());
                return other.map(|_| None);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;
    use std::time::Instant;

    #[test]
    fn child_that_ends_has_its_status_and_one_that_hangs_is_killed() {
        let mut child = Command::new("sh").args(["-c", "exit 7"]).spawn().expect("sh");
        assert_eq!(wait(&mut child, || false).expect("a status").and_then(|s| s.code()), Some(7));
        let mut child = Command::new("sleep").arg("600").spawn().expect("sleep");
        let started = Instant::now();
        assert!(wait(&mut child, || started.elapsed() > Duration::from_millis(50)).expect("an end").is_none());
        assert!(child.try_wait().expect("a status").is_some(), "nothing is left behind");
    }
}
