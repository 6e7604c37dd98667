//! The rules on machines that exist.

use super::rules::*;
use vrseg_hardware::{ComputeCapability, Cpu, Gpu, GpuLoad, Machine, Memory};

const GIB: u64 = 1 << 30;

fn cpu(logical: usize, features: &[&'static str]) -> Cpu {
    Cpu {
        model: "recorded".into(),
        physical: logical.div_ceil(2),
        logical,
        usable: logical,
        limited_by: None,
        features: features.to_vec(),
    }
}

fn gpu(index: u32, name: &str, capability: (u32, u32), total: u64, free: u64) -> Gpu {
    Gpu {
        index,
        name: name.into(),
        compute_capability: Some(ComputeCapability { major: capability.0, minor: capability.1 }),
        memory_total: Some(total),
        load: GpuLoad { memory_free: Some(free), memory_used: Some(total - free), ..GpuLoad::default() },
    }
}

fn machine(cpu: Cpu, memory: u64, gpus: Vec<Gpu>) -> Machine {
    let mut machine = Machine {
        cpu,
        memory: Memory { total: memory, available: memory / 10 * 8, limit: None, swap: 0 },
        ..Machine::default()
    };
    machine.gpu.cards = gpus;
    machine
}

fn laptop() -> Machine {
    machine(cpu(2, &["AVX2", "FMA", "F16C"]), 4 * GIB, vec![])
}

fn rtx_2060() -> Machine {
    machine(
        cpu(12, &["AVX2", "FMA"]),
        16 * GIB,
        vec![gpu(0, "NVIDIA GeForce RTX 2060", (7, 5), 6 * GIB, 5 * GIB + GIB / 2)],
    )
}

fn rtx_3090() -> Machine {
    machine(cpu(64, &["AVX2", "FMA"]), 128 * GIB, vec![gpu(0, "NVIDIA GeForce RTX 3090", (8, 6), 24 * GIB, 23 * GIB)])
}

fn rtx_4090() -> Machine {
    let features = ["AVX2", "AVX-512", "AVX-512 VNNI", "AVX-512 BF16"];
    machine(cpu(32, &features), 64 * GIB, vec![gpu(0, "NVIDIA GeForce RTX 4090", (8, 9), 24 * GIB, 24 * GIB)])
}

fn a100() -> Machine {
    machine(cpu(16, &["AVX2", "AVX-512"]), 85 * GIB, vec![gpu(0, "NVIDIA A100-SXM4-40GB", (8, 0), 40 * GIB, 39 * GIB)])
}

fn eight() -> Machine {
    let gpus =
        (0..8).map(|i| gpu(i, "NVIDIA H100 80GB HBM3", (9, 0), 80 * GIB, if i < 3 { 10 * GIB } else { 79 * GIB }));
    machine(cpu(192, &["AVX-512", "AMX BF16"]), 2048 * GIB, gpus.collect())
}

/// A container with two cores and two gigabytes on a machine of 64 and 128.
fn container() -> Machine {
    let mut machine = rtx_3090();
    machine.gpu.cards.clear();
    machine.cpu.usable = 2;
    machine.cpu.limited_by = Some("a cgroup quota of 2 cores".into());
    machine.memory = Memory { total: 128 * GIB, available: GIB, limit: Some(2 * GIB), swap: 0 };
    machine
}

const SELFIE: ModelLoad<'_> = ModelLoad { model: "selfie", recurrent: false, views: 2, pixels: 512 * 512 };
const RVM: ModelLoad<'_> = ModelLoad { model: "rvm", recurrent: true, views: 2, pixels: 1024 * 1024 };

#[test]
fn precisions() {
    let on_gpu = |machine: &Machine| {
        let gpu = machine.gpu.cards.first();
        (precision(Processor::Cuda(gpu), false, false).value, precision(Processor::TensorRt(gpu), false, false).value)
    };
    // Turing computes FP16 fast, but knows no TF32.
    assert_eq!(on_gpu(&rtx_2060()), (Format::Fp32, Format::Fp16));
    for machine in [rtx_3090(), rtx_4090(), a100(), eight()] {
        assert_eq!(on_gpu(&machine), (Format::Tf32, Format::Fp16), "{}", machine.gpu.cards[0].name);
    }
    let on = |gpu| precision(Processor::TensorRt(gpu), false, true).value;
    assert_eq!(on(rtx_4090().gpu.cards.first()), Format::Fp32, "a recurrent model drifts in FP16");
    let pascal = gpu(0, "NVIDIA GeForce GTX 1080", (6, 1), 8 * GIB, 8 * GIB);
    assert_eq!(precision(Processor::TensorRt(Some(&pascal)), false, false).value, Format::Fp32);
}

#[test]
fn precisions_on_a_cpu() {
    let on = |cpu: &Cpu, twin| {
        (precision(Processor::Cpu(cpu), twin, false).value, precision(Processor::OpenVino(cpu), twin, false).value)
    };
    assert_eq!(on(&laptop().cpu, true), (Format::Fp32, Format::Fp32));
    assert_eq!(on(&rtx_4090().cpu, false), (Format::Fp32, Format::Bf16));
    assert_eq!(on(&rtx_4090().cpu, true), (Format::Int8, Format::Bf16));
    assert_eq!(on(&eight().cpu, false), (Format::Fp32, Format::Bf16));
}

#[test]
fn openvino_is_for_bfloat16() {
    let takes = |cpu: &Cpu, installed, gains, exact| openvino(cpu, installed, gains, exact).value;
    let (with, without) = (rtx_4090().cpu, laptop().cpu);
    assert!(takes(&with, true, true, false));
    assert!(!takes(&with, false, true, false) && !takes(&with, true, false, false) && !takes(&with, true, true, true));
    assert!(!takes(&without, true, true, false));
    assert!(openvino(&with, false, true, false).why.contains("vrseg models install onnxruntime-openvino"));
    assert_eq!([Processor::Cpu(&with), Processor::OpenVino(&with)].map(|on| warmup(on).value), [0, 2]);
}

#[test]
fn batches_use_80_to_90_percent_of_the_memory_at_most() {
    for machine in [rtx_2060(), rtx_3090(), rtx_4090(), a100()] {
        let gpu = &machine.gpu.cards[0];
        let most = largest_batch(Some(gpu), &SELFIE);
        let total = gpu.memory_total.unwrap_or(0);
        let used = total - gpu.load.memory_free.unwrap_or(0) + (600 << 20) + most as u64 * SELFIE.frame_bytes();
        let share = used as f64 / total as f64;
        // The setting ends at 256 frames, which do not fill a large GPU.
        assert!(share <= 0.9 && (share > 0.8 || most == 256), "{}: {most} frames, {share}", gpu.name);
    }
    // Full already, or unknown: one frame, and ONNX Runtime says so if even that is too much.
    let full = gpu(0, "x", (8, 6), 8 * GIB, GIB / 2);
    assert_eq!((largest_batch(Some(&full), &SELFIE), largest_batch(None, &SELFIE)), (1, 1));
}

#[test]
fn batches_start_with_what_was_measured() {
    let machine = rtx_3090();
    let on = Processor::Cuda(machine.gpu.cards.first());
    assert_eq!(batch(on, &SELFIE, 1).value, 1);
    assert!(batch(on, &SELFIE, 1).why.contains("memory would fit 256"), "{}", batch(on, &SELFIE, 1).why);
    assert!(batch(on, &RVM, 1).why.contains("recurrent"));
    let cpu = laptop().cpu;
    let on_cpu = |load, sessions| batch(Processor::Cpu(&cpu), load, sessions).value;
    assert_eq!([on_cpu(&SELFIE, 1), on_cpu(&SELFIE, 2), on_cpu(&RVM, 2)], [1, 2, 1]);
}

#[test]
fn a_painted_frame_waits_for_its_encoder_unless_it_is_large() {
    let bytes = |width: usize, height: usize| width * height * 3 / 2;
    let (small, large) = (bytes(3840, 1920), bytes(7680, 3840));
    let queues = [(small, 1, false), (large, 1, false), (large, 2, false), (large, 1, true)];
    assert_eq!(queues.map(|(bytes, outputs, remapped)| painted_queue(bytes, outputs, remapped)), [1, 0, 1, 1]);
}

#[test]
fn half_and_twice_the_workers_are_worth_a_trial() {
    assert_eq!(workers_to_try(16, 4, true), [4, 8, 2]);
    assert_eq!(workers_to_try(4, 1, true), [1, 2]);
    assert_eq!(workers_to_try(2, 1, true), [1], "two cores leave nothing to share out");
    assert_eq!(workers_to_try(2, 1, false), [1, 2], "a GPU leaves the cores to the workers");
}

#[test]
fn threads_add_up_to_little_more_than_the_cores() {
    for machine in [laptop(), rtx_2060(), rtx_3090(), rtx_4090(), a100(), eight(), container()] {
        let cores = threads(&machine.cpu).value;
        assert_eq!(cores, machine.cpu.usable);
        for (outputs, on_cpu) in [(1, true), (3, true), (1, false)] {
            let t = Threads::share(cores, outputs, on_cpu);
            let sum = t.decode + if on_cpu { t.infer } else { 0 } + t.prepare + t.compose + t.encode;
            assert!(t.decode.min(t.infer).min(t.prepare).min(t.compose).min(t.encode) >= 1);
            assert!(sum <= 2 * cores + 4, "{cores} cores: {t:?}");
        }
    }
    // Measured: 2+2+2 beats every smaller split of two cores.
    assert_eq!(Threads::share(2, 1, true), Threads { decode: 2, infer: 2, prepare: 1, compose: 1, encode: 2 });
    assert_eq!(Threads::share(64, 1, false), Threads { decode: 16, infer: 1, prepare: 4, compose: 8, encode: 32 });
    assert!(threads(&container().cpu).why.contains("quota"));
}

#[test]
fn queues_fit_small_machines() {
    assert_eq!(queue(&rtx_3090().memory).value, 96 << 20);
    assert_eq!(queue(&container().memory).value, 64 << 20);
    assert_eq!(queue(&Memory::default()).value, 96 << 20, "nothing is known");
    assert!(queue(&Memory { available: 1, ..Memory::default() }).value > 0);
}

#[test]
fn gpu_with_most_free_memory_is_chosen_among_equals() {
    let chosen = |gpus: &[Gpu], visible| auto_gpu(gpus, visible).map(|c| c.value);
    let eight = eight().gpu.cards;
    assert_eq!(chosen(&eight, None), Some(3), "the first of those that are free");
    assert_eq!(chosen(&eight, Some("4,5")), Some(0));
    assert_eq!(chosen(&[], None), None);
    assert_eq!(chosen(&rtx_3090().gpu.cards, None), Some(0));
    // CUDA puts the fastest first, NVML goes by the bus.
    let mixed = [gpu(0, "slow", (7, 5), 6 * GIB, 6 * GIB), gpu(1, "fast", (8, 9), 24 * GIB, 24 * GIB)];
    assert_eq!(chosen(&mixed, None), Some(0));
    // An idle GPU's few megabytes are no reason to take another.
    let idle = [gpu(0, "x", (8, 6), 24 * GIB, 23 * GIB), gpu(1, "x", (8, 6), 24 * GIB, 24 * GIB)];
    assert_eq!(chosen(&idle, None), Some(0));
}

#[test]
fn cudas_numbers_are_nvmls_where_that_is_sure() {
    let eight = eight().gpu.cards;
    assert_eq!(nvml_index(&eight, 5, None, false), Some(5));
    assert_eq!(nvml_index(&eight, 1, Some("4, 6"), false), Some(6));
    assert_eq!(nvml_index(&eight, 0, Some("GPU-5a1c"), false), None);
    assert_eq!(nvml_index(&eight, 8, None, false), None);
    let mixed = [gpu(0, "slow", (7, 5), GIB, GIB), gpu(1, "fast", (8, 9), GIB, GIB)];
    assert_eq!((nvml_index(&mixed, 0, None, false), nvml_index(&mixed, 1, None, true)), (None, Some(1)));
}
