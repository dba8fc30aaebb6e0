//! Debian's registry beside an engine, on its ground.

use berth_tests::native::{Client, Engine, Ground};
use berth_tests::{Build, HOST_FROM_GUEST as HOST, configuration, eventually, run};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A registry that had nothing; it ends with this value.
pub(crate) struct Registry {
    process: Child,
    port: u16,
    _storage: tempfile::TempDir,
}

impl Registry {
    /// One that anybody may use.
    pub(crate) fn plain(ground: &Ground, port: u16) -> Self {
        Self::start(ground, port, &format!("http:\n  addr: '0.0.0.0:{port}'\n"))
    }

    /// One with these sections in its configuration.
    pub(crate) fn start(ground: &Ground, port: u16, sections: &str) -> Self {
        // The engine looks for the user's loopback there; on this ground both are in one place.
        let address = format!("{HOST}/32");
        let added = ground.command("ip").args(["address", "replace", &address, "dev", "lo"]).status();
        assert!(added.expect("ip").success());
        let storage = tempfile::tempdir_in("/var/tmp").expect("a folder");
        let config = storage.path().join("config.yml");
        std::fs::write(&config, configuration(storage.path(), sections)).expect("write");
        let mut command = ground.command("docker-registry");
        command.arg("serve").arg(config).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("docker-registry, from Debian's package of that name");
        let registry = Self { process, port, _storage: storage };
        let listens = format!("exec 3<>/dev/tcp/{HOST}/{port}");
        eventually("the registry answers", Duration::from_secs(20), || {
            let tried = ground.command("bash").args(["-c", &listens]).stderr(Stdio::null()).status().expect("bash");
            tried.success().then_some(())
        });
        registry
    }

    /// As typed behind `pull`.
    pub(crate) fn image(&self, name: &str) -> String {
        format!("localhost:{}/{name}", self.port)
    }

    /// Moves an image of the engine into it.
    pub(crate) fn take(&self, engine: &Engine, name: &str) {
        let mut client = engine.client();
        let image = self.image(name);
        assert_eq!(client.request("POST", &format!("/images/{name}/tag?repo={image}&tag=latest"), None).status, 201);
        let mut docker = Command::new(Build::docker());
        run(docker.arg("-H").arg(format!("unix://{}", engine.socket().display())).args(["push", &image])).ok();
        for name in [name, &image] {
            assert_eq!(client.request("DELETE", &format!("/images/{name}"), None).status, 200);
        }
    }

    /// Pulls an image from it: why it failed, if it did.
    pub(crate) fn pull(&self, client: &mut Client, name: &str) -> Option<String> {
        let path = format!("/images/create?fromImage={}&tag=latest", self.image(name));
        let answer = client.request("POST", &path, None);
        Some(answer.text()).filter(|text| answer.status != 200 || text.contains("\"error\""))
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
