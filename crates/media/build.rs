//! Tells the compiler which FFmpeg the bindings are for, where our own code differs.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(ffmpeg_9)");
    // The build script of ffmpeg-sys-next sets it.
    if std::env::var("DEP_FFMPEG_FFMPEG_9_0").as_deref() == Ok("true") {
        println!("cargo::rustc-cfg=ffmpeg_9");
    }
}
