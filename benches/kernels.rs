//! Pixel kernels in GB/s against a memcpy of the same bytes.
fn main() {
    divan::main();
}
