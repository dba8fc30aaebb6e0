//! `boot.json` of one boot, and its secret.

use crate::{guest::clock, platform};
use berth_machine::{Driver, Failure, cpio};
use berth_protocol::boot::{BootConfig, PATH, Secret};

/// The guest's host name.
const HOSTNAME: &str = "berth";

/// A new secret, and the archive that tells it to the guest.
///
/// # Errors
/// A [`Failure`] when the system has no random numbers.
pub(crate) fn make(driver: &dyn Driver) -> Result<(Secret, Vec<u8>), Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::new("writing the boot configuration", why, "try again, and report this when it stays")
    };
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| failed(&error))?;
    let secret = Secret::new(bytes);
    let config = BootConfig {
        secret: secret.clone(),
        clock_unix_nanos: clock::unix_nanos(),
        hostname: HOSTNAME.into(),
        uplink: driver.uplink(),
        ca_roots_pem: platform::added_ca_roots(),
    };
    let json = serde_json::to_vec(&config).map_err(|error| failed(&error))?;
    Ok((secret, cpio::one_file(PATH, &json)))
}
