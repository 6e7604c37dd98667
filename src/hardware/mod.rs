//! What this machine is: cores that this process may use, and the GPU's name.

/// Cores that this process may use: affinity and cgroup limits count, not the host's size.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// The first NVIDIA GPU's name (`gpu`), or nothing: the CPU's name helps nobody to choose.
pub fn device_name(gpu: bool) -> Option<String> {
    if !gpu {
        return None;
    }
    let nvml = nvml_wrapper::Nvml::init().ok()?;
    nvml.device_by_index(0).ok()?.name().ok()
}
