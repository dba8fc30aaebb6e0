//! QEMU keeps the promises of the VM port.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod fixture;

use berth_machine::{Driver, contract};
use berth_machine_qemu::QemuDriver;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn qemu_keeps_the_contract() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let driver = QemuDriver::detect();
    println!("{}", driver.acceleration().why());
    contract::check(&driver, fixture::spec(dir.path())).await;
}
