//! `docker compose`, as Debian ships it, with an application of three services.

use berth_tests::{Build, Home, Ran, Registry, eventually, get, run};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What the emulated machine may take.
const PATIENCE: Duration = Duration::from_secs(60);
const COMPOSE: &str = include_str!("compose.yaml");

#[test]
fn an_application_goes_up_changes_and_goes_down() {
    let (registry, home, folder) = (Registry::start(), Home::up(), tempfile::tempdir().expect("a folder"));
    let images = ["nginx", "busybox", "tools"].map(|name| (name, registry.image(&format!("{name}:latest"))));
    let composed = Project { home: &home, folder: folder.path() };
    composed.write(&images, "80");

    composed.asks(&["up", "--detach", "--quiet-pull"]).ok();
    let states = composed.asks(&["ps", "--format", "{{.Name}} {{.State}} {{.Health}}"]);
    let mut states: Vec<_> = states.ok().lines().map(str::trim_end).collect();
    states.sort_unstable();
    let expected =
        ["shop-client-1 running", "shop-client-2 running", "shop-store-1 running healthy", "shop-web-1 running"];
    assert_eq!(states, expected);
    let page = || composed.page().filter(|page| page.contains("Welcome to nginx!"));
    eventually("the page of the service", PATIENCE, page);

    // Replicas in turn under one name, and only to those who share a network with them.
    let both = || {
        let found = composed.asks(&["exec", "-T", "store", "getent", "ahosts", "client"]).stdout;
        let addresses: std::collections::BTreeSet<_> =
            found.lines().filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect();
        (addresses.len() == 2).then_some(())
    };
    eventually("both replicas under the service's name", PATIENCE, both);
    assert_ne!(composed.asks(&["exec", "-T", "store", "getent", "hosts", "web"]).code, Some(0), "web is in front");
    composed.asks(&["exec", "-T", "client", "ping", "-c", "1", "web"]).ok();

    let logs = composed.asks(&["logs", "--no-log-prefix", "client"]);
    assert_eq!(logs.ok().matches("a client").count(), 2, "{logs}");
    assert_eq!(composed.asks(&["run", "--rm", "-T", "client", "echo", "once"]).ok(), "once");
    composed.asks(&["up", "--detach", "--scale", "client=3"]).ok();
    assert_eq!(composed.asks(&["ps", "--quiet", "client"]).ok().lines().count(), 3);

    // What changed is made anew, the rest stays.
    let before = composed.asks(&["ps", "--quiet", "store"]);
    let port = composed.port();
    composed.write(&images, "8080");
    composed.asks(&["up", "--detach"]).ok();
    assert_ne!(composed.port(), port, "the service has another port now");
    assert_eq!(composed.asks(&["ps", "--quiet", "store"]).ok(), before.ok());
    assert_eq!(composed.asks(&["ps", "--quiet", "client"]).ok().lines().count(), 2);

    composed.asks(&["down", "--volumes"]).ok();
    assert_eq!(home.docker(&["ps", "-aq"]).ok(), "");
    assert_eq!(home.docker(&["volume", "ls", "-q"]).ok(), "");
    assert_eq!(home.docker(&["network", "ls", "--format", "{{.Name}}"]).ok(), "bridge\nhost\nnone");
}

/// An application in a folder.
struct Project<'a> {
    home: &'a Home,
    folder: &'a Path,
}

impl Project<'_> {
    /// Writes its file, for these images and the container's port that is published.
    fn write(&self, images: &[(&str, String)], port: &str) {
        let filled = images.iter().fold(COMPOSE.replace("PORT", port), |text, (name, image)| {
            text.replace(&format!("image: {name}"), &format!("image: {image}"))
        });
        std::fs::write(self.folder.join("compose.yaml"), filled).expect("the folder");
    }

    fn asks(&self, arguments: &[&str]) -> Ran {
        let plugins = self.home.path().join("docker-config/cli-plugins");
        std::fs::create_dir_all(&plugins).expect("the config of docker");
        let plugin = plugins.join("docker-compose");
        if !plugin.exists() {
            std::os::unix::fs::symlink(Build::tool("docker-compose"), plugin).expect("a link");
        }
        let mut command: Command = self.home.docker_command(&["compose"]);
        run(command.args(arguments).current_dir(self.folder))
    }

    /// The port of the host that leads to the service.
    fn port(&self) -> String {
        let all = self.asks(&["ps", "--format", "{{.Ports}}", "web"]);
        all.ok().to_owned()
    }

    fn page(&self) -> Option<String> {
        let at = self.asks(&["port", "web", "80"]);
        get(&format!("http://{}/", at.ok())).ok().map(|page| page.body)
    }
}
