//! Systems without an adapter of ours yet: everything works but the VM, and that says so.

use berth_machine::{Driver, Failure};
use std::sync::Arc;

/// There is none to choose from.
///
/// # Errors
/// Always: the machine's failure on this system.
pub async fn choose_driver() -> Result<Arc<dyn Driver>, Failure> {
    Err(Failure::new(
        "choosing a hypervisor",
        format!(
            "this version of Berth has no way of running a VM on {} ({})",
            std::env::consts::OS,
            std::env::consts::ARCH
        ),
        "use Berth on 64-bit Intel or AMD Linux until the release that brings it",
    ))
}
