//! The way of getting a VM on Linux: QEMU, with KVM where that works and by emulation where it does not.

use berth_machine::{Driver, Failure};
use berth_machine_qemu::QemuDriver;
use std::sync::Arc;

/// QEMU. Whether KVM works is found out by running code, which takes a moment.
///
/// # Errors
/// A [`Failure`] when finding out fails; that QEMU is missing is found by the boot.
pub async fn choose_driver() -> Result<Arc<dyn Driver>, Failure> {
    let detected = tokio::task::spawn_blocking(QemuDriver::detect).await;
    let failed = |error| Failure::new("choosing a hypervisor", error, "start the machine again with: berth up");
    Ok(Arc::new(detected.map_err(failed)?))
}
