//! Limits that a shell sets (`ulimit`), and what reaching them means here.
#![allow(unsafe_code)]

use anyhow::bail;

/// MiB of address space below which the runtime's libraries and the threads' stacks find no place.
const LEAST_ADDRESS_SPACE: u64 = 1280;

/// What FFmpeg, ONNX Runtime and the system say where memory is short.
const SHORT_OF_MEMORY: &[&str] =
    &["bad_alloc", "out of memory", "Cannot allocate memory", "Resource temporarily unavailable", "failed to map"];

/// Lets a write beyond the largest size of a file (`ulimit -f`) fail as on a full disk, rather than end the process.
pub(super) fn ignore_file_size_signal() {
    // SAFETY: sets the disposition of one signal, before any thread is started; no handler is installed.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}

/// Cores that share one of the C library's arenas, and arenas at most.
const CORES_PER_ARENA: usize = 4;
const MAX_ARENAS: usize = 8;

/// Bytes from which on a buffer is mapped by itself, and returned to the system when it is freed.
const MAPPED_FROM: libc::c_int = 4 << 20;

/// Sets the C library's allocator up, except for what the user has set (docs/optimization_techniques.md, "Memory", has the
/// figures):
///
/// * Threads share arenas. It has one for nearly each thread otherwise, and what a thread has freed stays in its own.
/// * Large buffers are mapped by themselves. It stops that for all sizes up to the first of them that is freed otherwise,
///   and gaps stay between them.
#[cfg(target_env = "gnu")]
pub(super) fn set_up_allocator() {
    for (parameter, value) in allocator_parameters(vrseg_hardware::cores(), |name| std::env::var(name).ok()) {
        // SAFETY: sets one number of the allocator, before any thread is started.
        unsafe {
            libc::mallopt(parameter, value);
        }
    }
}

#[cfg(not(target_env = "gnu"))]
pub(super) fn set_up_allocator() {}

/// What to set on a machine with this many cores, except for what the variables of `environment` set.
#[cfg(target_env = "gnu")]
fn allocator_parameters(cores: usize, environment: impl Fn(&str) -> Option<String>) -> Vec<(libc::c_int, libc::c_int)> {
    let arenas = (cores / CORES_PER_ARENA).clamp(1, MAX_ARENAS) as libc::c_int;
    let tunables = environment("GLIBC_TUNABLES").unwrap_or_default();
    let all = [
        (libc::M_ARENA_MAX, arenas, "MALLOC_ARENA_MAX", "glibc.malloc.arena_max"),
        (libc::M_MMAP_THRESHOLD, MAPPED_FROM, "MALLOC_MMAP_THRESHOLD_", "glibc.malloc.mmap_threshold"),
    ];
    let ours =
        all.into_iter().filter(|(_, _, name, tunable)| environment(name).is_none() && !tunables.contains(tunable));
    ours.map(|(parameter, value, ..)| (parameter, value)).collect()
}

/// MiB of address space that the process may use; `None` without a limit.
fn address_space() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    read_address_space(&limits)
}

fn read_address_space(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|l| l.strip_prefix("Max address space"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? >> 20)
}

/// Refuses to begin where the address space is too small for any job.
///
/// # Errors
/// It is, with the limit's name.
pub(super) fn check_address_space() -> anyhow::Result<()> {
    match address_space() {
        Some(space) if space < LEAST_ADDRESS_SPACE => bail!(
            "out of memory: the address space is limited to {space} MiB (ulimit -v), and a job needs at least \
             {LEAST_ADDRESS_SPACE} MiB; raise the limit, or limit the memory with --max-memory instead"
        ),
        _ => Ok(()),
    }
}

/// What to say behind an error that a limit of the address space may have caused.
pub(super) fn hint(message: &str) -> Option<String> {
    let short = SHORT_OF_MEMORY.iter().any(|words| message.contains(words)) && !message.contains("ulimit -v");
    let space = address_space().filter(|_| short)?;
    Some(format!("; the address space is limited to {space} MiB (ulimit -v): raise the limit or use fewer --threads"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_env = "gnu")]
    #[test]
    fn what_the_user_has_set_of_the_allocator_stays() {
        let set = |variable: &'static str, value: &str| {
            let value = value.to_owned();
            allocator_parameters(16, move |name| (name == variable).then(|| value.clone()))
        };
        let (arenas, mapped) = ((libc::M_ARENA_MAX, 4), (libc::M_MMAP_THRESHOLD, MAPPED_FROM));
        assert_eq!(set("HOME", "/"), [arenas, mapped]);
        assert_eq!(set("MALLOC_ARENA_MAX", "9"), [mapped]);
        assert_eq!(set("MALLOC_MMAP_THRESHOLD_", "9"), [arenas]);
        assert_eq!(set("GLIBC_TUNABLES", "glibc.malloc.tcache_count=1:glibc.malloc.mmap_threshold=9"), [arenas]);
    }

    #[test]
    fn limit_of_the_address_space_is_read() {
        let limits = |value: &str| {
            format!("Limit   Soft Limit  Hard Limit  Units\nMax address space  {value} unlimited bytes\n")
        };
        assert_eq!(read_address_space(&limits("1048576000")), Some(1000));
        assert_eq!(read_address_space(&limits("unlimited")), None);
        assert_eq!(read_address_space(""), None);
    }
}
