//! The `vrseg` program: parse, run, exit code.
fn main() {}
