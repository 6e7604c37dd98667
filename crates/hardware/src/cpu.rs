//! The processor: its name, its cores, the instruction sets that matter here.

use super::cgroup::Limits;
use serde::Serialize;
use std::collections::BTreeSet;

/// Instruction sets that vrseg's kernels, ONNX Runtime or OpenVINO are faster with: the kernel's
/// name of the flag, and the usual one. x86 first, then 64-bit ARM.
const FEATURES: &[(&str, &str)] = &[
    ("avx2", "AVX2"),
    ("fma", "FMA"),
    ("f16c", "F16C"),
    ("avx512f", "AVX-512"),
    ("avx_vnni", "AVX-VNNI"),
    ("avx512_vnni", "AVX-512 VNNI"),
    ("avx512_bf16", "AVX-512 BF16"),
    ("amx_bf16", "AMX BF16"),
    ("amx_int8", "AMX INT8"),
    ("asimd", "NEON"),
    ("asimddp", "DotProd"),
    ("bf16", "BF16"),
    ("i8mm", "I8MM"),
];

/// Cores that this process may use, at least 1: affinity and cgroup limits count, not the host's size.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A processor.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Cpu {
    /// Its model name; `unknown` where the kernel does not report it.
    pub model: String,
    /// Cores of the whole machine, each counted once; as many as `logical` where the kernel does not report them.
    pub physical: usize,
    /// Hardware threads of the whole machine.
    pub logical: usize,
    /// Hardware threads that this process may use: affinity and cgroup limits count.
    pub usable: usize,
    /// Why `usable` is less than `logical`, as a phrase.
    pub limited_by: Option<String>,
    /// Instruction sets that matter, by their usual names.
    pub features: Vec<&'static str>,
}

impl Cpu {
    /// This machine's processor under these limits.
    pub fn detect(limits: &Limits) -> Self {
        let text = |path| std::fs::read_to_string(path).unwrap_or_default();
        let mut cpu = Self::read(&text("/proc/cpuinfo"), &text("/proc/self/status"), limits);
        if cpu.logical == 0 {
            // No /proc: the standard library asks the scheduler.
            cpu.usable = cores();
            cpu.logical = cpu.usable;
            cpu.physical = cpu.usable;
        }
        cpu
    }

    /// From the texts of `/proc/cpuinfo` and `/proc/self/status` (proc(5)).
    fn read(cpuinfo: &str, status: &str, limits: &Limits) -> Self {
        let fields = || cpuinfo.lines().filter_map(|l| l.split_once(':')).map(|(k, v)| (k.trim(), v.trim()));
        let first = |key: &str| fields().find(|(k, _)| *k == key).map(|(_, v)| v);
        let logical = fields().filter(|(k, _)| *k == "processor").count();
        let mut cores = BTreeSet::new();
        let mut socket = "";
        for (key, value) in fields() {
            match key {
                "physical id" => socket = value,
                "core id" => _ = cores.insert((socket, value)),
                _ => {}
            }
        }
        let flags: BTreeSet<&str> = first("flags").or_else(|| first("Features")).unwrap_or("").split(' ').collect();
        let allowed = status
            .lines()
            .find_map(|l| l.strip_prefix("Cpus_allowed_list:"))
            .and_then(|list| list_length(list.trim()))
            .map_or(logical, |n| n.min(logical));
        // As the standard library rounds: whole cores, but at least one.
        let quota = limits.cores.map(|c| (c.floor() as usize).max(1));
        let usable = quota.map_or(allowed, |q| q.min(allowed));
        let limited_by = match (quota, limits.cores) {
            (Some(q), Some(cores)) if q < allowed => Some(format!("a cgroup quota of {cores} cores")),
            _ if allowed < logical => Some(format!("an affinity or cpuset of {allowed} threads")),
            _ => None,
        };
        Self {
            model: first("model name").or_else(|| first("Model")).unwrap_or("unknown").to_owned(),
            physical: if cores.is_empty() { logical } else { cores.len() },
            logical,
            usable,
            limited_by,
            features: FEATURES.iter().filter(|(flag, _)| flags.contains(flag)).map(|(_, name)| *name).collect(),
        }
    }

    fn has_any(&self, names: &[&str]) -> bool {
        self.features.iter().any(|f| names.contains(f))
    }

    /// Whether it multiplies bfloat16 numbers in hardware.
    pub fn bf16(&self) -> bool {
        self.has_any(&["AVX-512 BF16", "AMX BF16", "BF16"])
    }

    /// Whether it multiplies and adds 8-bit integers in one instruction.
    pub fn int8(&self) -> bool {
        self.has_any(&["AVX-VNNI", "AVX-512 VNNI", "AMX INT8", "DotProd", "I8MM"])
    }
}

/// How many numbers a list such as `0-3,8` has.
fn list_length(list: &str) -> Option<usize> {
    let range = |part: &str| match part.split_once('-') {
        Some((a, b)) => Some(b.parse::<usize>().ok()?.checked_sub(a.parse().ok()?)? + 1),
        None => part.parse::<usize>().ok().map(|_| 1),
    };
    list.split(',').map(range).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `/proc/cpuinfo` of a machine with `cores` per socket and `threads` per core.
    fn cpuinfo(sockets: usize, cores: usize, threads: usize, flags: &str) -> String {
        let mut text = String::new();
        for i in 0..sockets * cores * threads {
            let (socket, core) = (i / cores % sockets, i % cores);
            text += &format!(
                "processor\t: {i}\nmodel name\t: Some CPU\nphysical id\t: {socket}\ncore id\t\t: {core}\nflags\t\t: {flags}\n\n"
            );
        }
        text
    }

    #[test]
    fn cores_threads_and_features_are_read() {
        let flags = "fpu avx2 fma f16c avx512f avx512_vnni avx512_bf16";
        let cpu = Cpu::read(&cpuinfo(2, 16, 2, flags), "Cpus_allowed_list:\t0-63\n", &Limits::default());
        assert_eq!((cpu.physical, cpu.logical, cpu.usable), (32, 64, 64));
        assert_eq!(cpu.limited_by, None);
        assert!(cpu.bf16() && cpu.int8());
        assert_eq!(cpu.features, ["AVX2", "FMA", "F16C", "AVX-512", "AVX-512 VNNI", "AVX-512 BF16"]);
        let old = Cpu::read(&cpuinfo(1, 2, 1, "fpu avx avx2"), "", &Limits::default());
        assert!(!old.bf16() && !old.int8() && old.usable == 2);
    }

    #[test]
    fn cgroup_and_affinity_limits_count() {
        let text = cpuinfo(1, 32, 2, "avx2");
        let quota = Limits { cores: Some(2.5), ..Limits::default() };
        let cpu = Cpu::read(&text, "Cpus_allowed_list:\t0-63\n", &quota);
        assert_eq!((cpu.usable, cpu.limited_by.as_deref()), (2, Some("a cgroup quota of 2.5 cores")));
        let cpu = Cpu::read(&text, "Cpus_allowed_list:\t0-3,8,62-63\n", &Limits::default());
        assert_eq!((cpu.usable, cpu.limited_by.as_deref()), (7, Some("an affinity or cpuset of 7 threads")));
        let tiny = Limits { cores: Some(0.5), ..Limits::default() };
        assert_eq!(Cpu::read(&text, "", &tiny).usable, 1);
    }

    #[test]
    fn arm_without_core_ids_counts_processors() {
        let text = "processor\t: 0\nFeatures\t: fp asimd asimddp bf16 i8mm\n\nprocessor\t: 1\nFeatures\t: fp asimd\n";
        let cpu = Cpu::read(text, "", &Limits::default());
        assert_eq!((cpu.physical, cpu.logical), (2, 2));
        assert!(cpu.bf16() && cpu.int8());
    }

    #[test]
    fn usable_threads_agree_with_the_standard_library() {
        assert_eq!(Cpu::detect(&Limits::detect()).usable, cores());
    }
}
