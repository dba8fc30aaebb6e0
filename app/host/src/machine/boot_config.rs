//! `boot.json` of one boot, and its secret.

use super::{certificates, proxies};
use crate::{guest::clock, platform, routes};
use berth_api::BerthHome;
use berth_machine::{Failure, cpio};
use berth_protocol::{
    boot::{BootConfig, PATH, Secret, Uplink},
    settings::EngineSettings,
};
use std::io::ErrorKind;

/// The guest's host name.
const HOSTNAME: &str = "berth";

/// A new secret, and the archive that tells it to the guest.
///
/// # Errors
/// A [`Failure`] when the system has no random numbers, or the user's settings make no sense.
pub(crate) fn make(home: &BerthHome) -> Result<(Secret, Vec<u8>), Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::new("writing the boot configuration", why, "try again, and report this when it stays")
    };
    let mut engine = engine_settings(home)?;
    proxies::complete(&mut engine.proxies, |name| std::env::var(name).ok());
    proxies::seen_from_guest(&mut engine.proxies);
    let registry_certificates = certificates::read(&home.certs_dir())?;
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| failed(&error))?;
    let secret = Secret::new(bytes);
    let config = BootConfig {
        secret: secret.clone(),
        clock_unix_nanos: clock::unix_nanos(),
        hostname: HOSTNAME.into(),
        uplink: Uplink::Frames,
        ca_roots_pem: platform::added_ca_roots(),
        registry_certificates,
        engine,
        host_routes: routes::read(),
    };
    let json = serde_json::to_vec(&config).map_err(|error| failed(&error))?;
    Ok((secret, cpio::one_file(PATH, &json)))
}

/// What the user's `daemon.json` says; nothing without the file.
fn engine_settings(home: &BerthHome) -> Result<EngineSettings, Failure> {
    let path = home.daemon_json();
    let failed = |why: &dyn std::fmt::Display| {
        Failure::new(
            "reading the settings of the engine",
            format_args!("{}: {why}", path.display()),
            "mend the file, then start the machine with: berth up",
        )
    };
    match std::fs::read(&path) {
        Ok(json) => EngineSettings::read(&json, |path| std::fs::read_to_string(path)).map_err(|why| failed(&why)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(EngineSettings::default()),
        Err(error) => Err(failed(&error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_of_the_engine_are_optional_and_a_wrong_file_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let home = BerthHome::at(folder.path());
        assert_eq!(engine_settings(&home).unwrap(), EngineSettings::default());
        std::fs::write(home.daemon_json(), r#"{"log-driver": "local"}"#).unwrap();
        assert_eq!(engine_settings(&home).unwrap().log_driver, "local");
        std::fs::write(home.daemon_json(), r#"{"log-drivers": "local"}"#).unwrap();
        let said = engine_settings(&home).unwrap_err().to_string();
        assert!(said.contains("daemon.json: unknown field `log-drivers`") && said.contains("berth up"), "{said}");
    }
}
