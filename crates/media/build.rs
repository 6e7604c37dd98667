//! Tells the compiler which FFmpeg the bindings are for, where our own code differs.

fn main() {
    for (cfg, variable) in [("ffmpeg_8", "DEP_FFMPEG_FFMPEG_8_0"), ("ffmpeg_9", "DEP_FFMPEG_FFMPEG_9_0")] {
        println!("cargo::rustc-check-cfg=cfg({cfg})");
        // The build script of ffmpeg-sys-next sets it.
        if std::env::var(variable).as_deref() == Ok("true") {
            println!("cargo::rustc-cfg={cfg}");
        }
    }
}
