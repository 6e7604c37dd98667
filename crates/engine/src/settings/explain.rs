//! What the rules make of settings that are left open, on a machine: for those who ask what will
//! apply. A job takes GPU, threads, queue and warm-up from the same rules once its video is known
//! and the device has really been loaded; its precision the provider chooses.

use super::{Settings, Sources};
use crate::tune::cuda::CudaGpus;
use crate::tune::rules::{self, Choice, ModelLoad, Processor};
use vrseg_hardware::Machine;
use vrseg_infer::cache::{SLOW_MODEL, Tiers};
use vrseg_infer::{DeviceChoice, Precision};
use vrseg_infer::{Kind, Model, registry, runtime};

impl Sources {
    /// Adds what the rules make of open settings on `machine`.
    pub fn explain(&mut self, settings: &Settings, machine: &Machine) {
        let model = self.explain_model(settings);
        let gpus = CudaGpus::from_environment(&machine.gpu.cards);
        let on = match settings.device.choice {
            DeviceChoice::Cpu => Processor::Cpu(&machine.cpu),
            DeviceChoice::OpenVino => Processor::OpenVino(&machine.cpu),
            DeviceChoice::Cuda(n) => Processor::Cuda(gpus.gpu(n)),
            DeviceChoice::TensorRt(n) => Processor::TensorRt(gpus.gpu(n)),
            DeviceChoice::Auto => match gpus.auto() {
                Some(Choice { value: number, why }) => {
                    self.rule("device.name", format!("cuda:{number}"), format!("{why}, if it really loads"));
                    Processor::Cuda(gpus.gpu(number))
                }
                None => {
                    let why = machine.gpu.note.as_deref().unwrap_or("no GPU");
                    let why = why.split(';').next().unwrap_or(why);
                    let installed = runtime::has_openvino(settings.device.ort_library.as_deref());
                    let gains = model.as_ref().is_some_and(|m| m.manifest.bf16);
                    let exact = settings.model.precision == Precision::Fp32;
                    let choice = rules::openvino(&machine.cpu, installed, gains, exact);
                    let name = if choice.value { "openvino" } else { "cpu" };
                    self.rule("device.name", name, format!("{why}; {}", choice.why));
                    if choice.value { Processor::OpenVino(&machine.cpu) } else { Processor::Cpu(&machine.cpu) }
                }
            },
        };
        let fp32 = settings.model.precision == Precision::Fp32;
        if settings.model.precision == Precision::Auto {
            let recurrent = model.as_ref().is_some_and(|m| m.manifest.kind == Kind::Recurrent);
            let choice = rules::precision(on, false, recurrent);
            self.rule("model.precision", choice.value, choice.why);
        }
        if let (Processor::Cuda(_), None) = (on, settings.device.session.tf32) {
            self.rule("device.tf32", !fp32, "set by the precision");
        }
        if settings.device.session.warmup.is_none() {
            let choice = rules::warmup(on);
            self.rule("performance.warmup", choice.value, choice.why);
        }
        let mut cores = settings.processing.threads;
        if cores == 0 {
            let choice = rules::threads(&machine.cpu);
            cores = choice.value;
            self.rule("processing.threads", choice.value, choice.why);
        }
        let share = rules::Threads::share(cores, 1, !on.is_gpu());
        let mut threads = settings.device.threads;
        if threads == 0 {
            threads = share.infer;
            self.rule("device.threads", threads, format!("the model's share of {cores}, with decoder and encoder"));
        }
        if let (Some(model), 0) = (&model, settings.model.batch_size) {
            let manifest = &model.manifest;
            let size = settings.model.input_size.filter(|_| size_is_for(settings, &manifest.name));
            let side = size.unwrap_or(manifest.input.size) as usize;
            let recurrent = manifest.kind == Kind::Recurrent;
            // Most videos here are stereo.
            let load = ModelLoad { model: &manifest.name, recurrent, views: 2, pixels: side * side };
            let choice = rules::batch(on, &load, vrseg_infer::sessions(load.views, threads, model.bytes()));
            self.rule("model.batch_size", choice.value, choice.why);
        }
        let split = settings.processing.split;
        for (name, set, value) in [
            ("processing.decode_threads", split.decode, share.decode),
            ("processing.workers", split.workers, share.compose),
            ("processing.encode_threads", split.encode, share.encode),
        ] {
            if set == 0 {
                self.rule(name, value, format!("its share of {cores}"));
            }
        }
        if settings.processing.queue_bytes == 0 {
            let choice = rules::queue(&machine.memory);
            self.rule("processing.queue_mb", choice.value >> 20, choice.why);
        }
        if settings.processing.max_memory.is_none() {
            let choice = rules::max_memory(&machine.memory, 0);
            if choice.value < u64::MAX {
                self.rule("processing.max_memory", format!("{}M", choice.value >> 20), choice.why);
            }
        }
        if settings.processing.cache.tiers == Tiers::Auto {
            let least = SLOW_MODEL * 1e3;
            let why = format!("also on disk where the model needs more than {least} ms per picture");
            self.rule("processing.cache", "memory", why);
        }
        for (name, rival) in [("output.crf", "output.bitrate"), ("output.bitrate", "output.crf")] {
            if !self.get(name).is_null() && self.beaten(name, rival) {
                self.rule(name, "not used", format!("{rival} comes from a stronger layer"));
            }
        }
    }

    fn explain_model(&mut self, settings: &Settings) -> Option<Model> {
        let found = match &settings.model.name {
            Some(name) => registry::find(name),
            None => registry::find_first(&settings.model.prefer),
        };
        let model = found.ok()?;
        let manifest = &model.manifest;
        if settings.model.name.is_none() {
            self.rule("model.name", manifest.name.clone(), "the first of model.prefer that is installed");
        }
        if settings.model.input_size.is_none() {
            self.rule("model.input_size", manifest.input.size, format!("best for {}", manifest.name));
        } else if !size_is_for(settings, &manifest.name) {
            let first = settings.model.input_size_for.as_deref().unwrap_or_default();
            let why = format!("best for {}; the profile's value is for {first}", manifest.name);
            self.rule("model.input_size", manifest.input.size, why);
        }
        Some(model)
    }
}

/// Whether the size that is set is meant for that model.
fn size_is_for(settings: &Settings, model: &str) -> bool {
    settings.model.input_size_for.as_deref().is_none_or(|name| name == model)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Loader;
    use vrseg_hardware::{ComputeCapability, Cpu, Gpu, GpuLoad, Memory};

    #[test]
    fn open_settings_on_a_reference_machine() {
        let mut machine = Machine {
            cpu: Cpu { logical: 64, usable: 64, physical: 32, ..Cpu::default() },
            memory: Memory { total: 128 << 30, available: 100 << 30, ..Memory::default() },
            ..Machine::default()
        };
        machine.gpu.cards.push(Gpu {
            name: "NVIDIA GeForce RTX 3090".into(),
            compute_capability: Some(ComputeCapability { major: 8, minor: 6 }),
            memory_total: Some(24 << 30),
            load: GpuLoad { memory_free: Some(23 << 30), ..GpuLoad::default() },
            ..Gpu::default()
        });
        let loader = Loader { profile: Some("fast".into()), ..Loader::default() };
        let (settings, mut sources) = loader.load().expect("settings");
        sources.explain(&settings, &machine);
        let lines: Vec<_> = sources.to_yaml().lines().filter(|l| l.contains("rule")).map(str::to_owned).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
