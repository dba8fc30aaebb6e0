//! OCI runtime and per-container monitor
fn main() {}
