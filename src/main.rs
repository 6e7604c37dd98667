//! The `vrseg` program.
#![allow(unsafe_code)] // One call, which only a program without threads may make.

fn main() -> std::process::ExitCode {
    // Libraries read them when they are loaded. The user's own value of FFmpeg's wins; that ONNX Runtime gathers no
    // telemetry is no choice.
    let ffmpeg = vrseg_media::environment().iter().filter(|(name, _)| std::env::var_os(name).is_none());
    for (name, value) in ffmpeg.chain(vrseg_infer::runtime::ENVIRONMENT) {
        // SAFETY: this is the only thread: none was started before `main`, and none is before this loop ends.
        unsafe { std::env::set_var(name, value) };
    }
    vrseg::cli::main()
}
