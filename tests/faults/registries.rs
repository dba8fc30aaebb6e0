//! The docker CLI at Debian's registry: TLS and a password in one configuration, a plain one that is a mirror and an
//! insecure registry.

use crate::registry::Registry;
use berth_tests::{
    Build, HOST_FROM_GUEST as HOST, Ran, Secured,
    native::{Engine, Ground},
    run, run_with,
};
use std::process::Command;

const SECURED: u16 = 5443;
const PLAIN: u16 = 5000;

#[test]
fn the_docker_command_logs_in_pushes_and_pulls_and_a_mirror_is_asked_first() {
    let ground = Ground::new();
    let dir = tempfile::tempdir().expect("a folder");
    let identity = Secured::new();
    let _secured = Registry::start(&ground, SECURED, &identity.sections(&format!("0.0.0.0:{SECURED}")));
    let _plain = Registry::plain(&ground, PLAIN);
    let settings =
        format!(r#"{{"registry-mirrors": ["http://localhost:{PLAIN}"], "insecure-registries": ["{HOST}:{PLAIN}"]}}"#);
    std::fs::write(ground.dir().join("daemon.json"), settings).expect("write");
    let engine = Engine::with_busybox(&ground);
    let command = |arguments: &[&str]| {
        let mut command = Command::new(Build::docker());
        command.env("DOCKER_CONFIG", dir.path().join("docker")).env_remove("DOCKER_HOST");
        command.arg("-H").arg(format!("unix://{}", engine.socket().display())).args(arguments);
        command
    };
    let docker = |arguments: &[&str]| run(&mut command(arguments));
    let fails = |arguments: &[&str], why: &str| {
        let ran: Ran = docker(arguments);
        assert!(ran.fails(1).contains(why), "{ran}");
        assert!(!ran.stderr.contains("canary"), "{ran}");
    };
    let server = format!("localhost:{SECURED}");
    let image = format!("{server}/team/busybox:1");
    docker(&["tag", "busybox", &image]).ok();
    fails(&["push", &image], "no basic auth credentials");
    fails(&["pull", &image], "no basic auth credentials");

    let login = ["login", "-u", "user", "--password-stdin", &server];
    let wrong = run_with(&mut command(&login), b"wrong");
    let refusal = format!("login attempt to https://{server}/v2/ failed with status: 401 Unauthorized");
    assert!(wrong.fails(1).contains(&refusal), "{wrong}");
    let right = run_with(&mut command(&login), b"canary\n");
    assert!(right.ok().contains("Login Succeeded"), "{right}");
    let again = docker(&["login", &server]);
    assert!(again.ok().contains("Login Succeeded"), "{again}");

    let pushed = docker(&["push", &image]);
    assert!(pushed.ok().contains("1: digest: sha256:"), "{pushed}");
    docker(&["rmi", &image]).ok();
    docker(&["pull", &image]).ok();
    let logged_out = docker(&["logout", &server]);
    assert_eq!(logged_out.ok(), format!("Removing login credentials for {server}"));
    docker(&["rmi", &image]).ok();
    fails(&["pull", &image], "no basic auth credentials");

    // The same registry under an address that is nobody's loopback: its certificate counts.
    fails(&["pull", &format!("{HOST}:{SECURED}/team/busybox:1")], "x509: certificate signed by unknown authority");

    let mirrored = format!("{HOST}:{PLAIN}/library/mirrored:latest");
    docker(&["tag", "busybox", &mirrored]).ok();
    docker(&["push", &mirrored]).ok();
    docker(&["rmi", &mirrored]).ok();
    let pulled = docker(&["pull", "mirrored"]);
    assert!(pulled.ok().contains("Downloaded newer image for mirrored:latest"), "{pulled}");
    let described = engine.client().request("GET", &format!("/distribution/{mirrored}/json"), None).ok();
    assert_eq!(described["Platforms"][0]["os"], "linux", "{described}");
    let found = docker(&["search", &format!("{HOST}:{PLAIN}/mirr"), "--format", "{{.Name}}"]);
    assert_eq!(found.ok(), format!("{HOST}:{PLAIN}/library/mirrored"));

    let info = docker(&["info", "--format", "{{json .RegistryConfig}}"]);
    let info: serde_json::Value = serde_json::from_str(info.ok()).expect("JSON");
    assert_eq!(info["Mirrors"], serde_json::json!([format!("http://localhost:{PLAIN}/")]));
    assert_eq!(info["IndexConfigs"][format!("{HOST}:{PLAIN}")]["Secure"], false);
}
