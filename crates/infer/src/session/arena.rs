//! One arena for all sessions on a CPU.
#![allow(unsafe_code)]

use ort::AsPointer;
use ort::environment::Environment;
use ort::memory::{AllocationDevice, AllocatorType, MemoryInfo, MemoryType};
use ort::sys::OrtStatusPtr;
use std::ffi::{CStr, c_int};
use std::ptr::null_mut;

/// ONNX Runtime's code for an arena that grows by what it lacks; by default it doubles.
const AS_REQUESTED: c_int = 1;
/// Whatever ONNX Runtime has as its default.
const DEFAULT: c_int = -1;

/// Adds an arena in main memory to `environment`, for the sessions that are built
/// [`with_env_allocators`](ort::session::builder::SessionBuilder::with_env_allocators). Otherwise each has its own, and what
/// one has freed is lost to the others: some 35 MB of a job with the profile `fast` (docs/optimization_techniques.md,
/// "Memory").
///
/// # Errors
/// What ONNX Runtime says.
pub(super) fn share(environment: &Environment) -> Result<(), String> {
    let memory = MemoryInfo::new(AllocationDevice::CPU, 0, AllocatorType::Arena, MemoryType::Default);
    let memory = memory.map_err(|e| e.to_string())?;
    let api = ort::api();
    let mut config = null_mut();
    // SAFETY: a maximum of 0 means none; `config` is written before it is used, which is only where that succeeded.
    check(unsafe { (api.CreateArenaCfg)(0, AS_REQUESTED, DEFAULT, DEFAULT, &mut config) })?;
    // SAFETY: the three pointers are valid for the call, which copies what it needs from the last two; ONNX Runtime guards
    // the environment with a lock of its own, as for the sessions that are created in it.
    let registered =
        check(unsafe { (api.CreateAndRegisterAllocator)(environment.ptr().cast_mut(), memory.ptr(), config) });
    // SAFETY: it was created above, and nobody uses it after this.
    unsafe { (api.ReleaseArenaCfg)(config) };
    registered
}

/// What a status means; frees it.
fn check(status: OrtStatusPtr) -> Result<(), String> {
    if status.0.is_null() {
        return Ok(());
    }
    let api = ort::api();
    // SAFETY: a status that isn't null has a message, a C string that lives as long as it does.
    let message = unsafe { CStr::from_ptr((api.GetErrorMessage)(status.0)) }.to_string_lossy().into_owned();
    // SAFETY: it came from ONNX Runtime, and nobody uses it after this.
    unsafe { (api.ReleaseStatus)(status.0) };
    Err(message)
}

#[cfg(test)]
mod tests {
    use crate::DeviceChoice;
    use crate::session::runtime;

    #[test]
    fn sessions_can_share_an_arena() {
        assert!(runtime::load(DeviceChoice::Cpu, None).unwrap().shares_arena);
    }
}
