//! Berth, the window and tray
fn main() {}
