//! The `vrseg` program.

fn main() -> std::process::ExitCode {
    vrseg::cli::main()
}
