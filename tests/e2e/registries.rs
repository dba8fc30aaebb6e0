//! Registries that ask for a password over TLS, and what the user's files say of registries, through a boot of the machine:
//! with the docker CLI and with `berth`.

use crate::user::User;
use berth_tests::{HOST_FROM_GUEST, Home, Registry, Secured, run_with};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

#[test]
fn registries_are_logged_in_at_trusted_and_mirrored_as_the_users_files_say() {
    let identity = Secured::new();
    let (source, secured, plain) = (Registry::start(), Registry::secured(&identity), Registry::empty());
    let home = Home::new();
    // Under this address the registry is nobody's loopback: its certificate counts.
    let server = format!("{HOST_FROM_GUEST}:{}", secured.port());
    let insecure = format!("{HOST_FROM_GUEST}:{}", plain.port());
    let certs = home.path().join("certs.d").join(&server);
    std::fs::create_dir_all(&certs).expect("a folder");
    std::fs::copy(identity.certificate(), certs.join("ca.crt")).expect("copy");
    let settings = format!(
        r#"{{"registry-mirrors": ["http://localhost:{}"], "insecure-registries": ["{insecure}"]}}"#,
        plain.port()
    );
    std::fs::write(home.path().join("daemon.json"), settings).expect("write");
    home.berth(&["up"]).ok();
    let busybox = source.image("busybox:latest");
    home.berth(&["pull", &busybox]).ok();

    for user in User::both(&home, &busybox) {
        let (name, asks) = (user.name, |arguments: &[&str]| user.asks(arguments));
        let image = format!("{server}/{name}/busybox:1");
        asks(&["tag", &busybox, &image]).ok();
        let refused = asks(&["push", &image]);
        assert!(refused.fails(1).contains("no basic auth credentials"), "{refused}");

        let login = ["login", "-u", Secured::USER, "--password-stdin", &server];
        let wrong = run_with(&mut user.command(&login), b"wrong");
        let refusal = format!("login attempt to https://{server}/v2/ failed with status: 401 Unauthorized");
        assert!(wrong.fails(1).contains(&refusal), "{wrong}");
        let right = run_with(&mut user.command(&login), Secured::PASSWORD.as_bytes());
        assert!(right.ok().contains("Login Succeeded"), "{right}");
        asks(&["push", &image]).ok();
        asks(&["rmi", &image]).ok();
        assert_eq!(asks(&["run", "--rm", &image, "echo", "pulled"]).ok(), "pulled");
        let out = asks(&["logout", &server]);
        assert!(out.ok().contains(&format!("Removing login credentials for {server}")), "{out}");
        asks(&["rmi", &image]).ok();
        let refused = asks(&["pull", &image]);
        assert!(refused.fails(1).contains("no basic auth credentials"), "{refused}");

        // An insecure registry takes it, and, as the mirror that it is, gives it for a name of docker's own.
        let mirrored = format!("{insecure}/library/{name}:latest");
        asks(&["tag", &busybox, &mirrored]).ok();
        asks(&["push", &mirrored]).ok();
        asks(&["rmi", &mirrored]).ok();
        let pulled = asks(&["pull", name]);
        assert!(pulled.ok().contains(&format!("Downloaded newer image for {name}:latest")), "{pulled}");
        let found = asks(&["search", &format!("{insecure}/{name}"), "--format", "{{.Name}}"]);
        assert_eq!(found.ok(), format!("{insecure}/library/{name}"));
    }
    the_desktops_keychain_keeps_a_login(&home, &server, &busybox);
}

/// With the Secret Service of a desktop: GNOME's, in a session of its own for each command, its keyring in one place.
fn the_desktops_keychain_keeps_a_login(home: &Home, server: &str, busybox: &str) {
    let image = format!("{server}/kept/busybox:1");
    home.berth(&["tag", busybox, &image]).ok();
    let keyrings = home.path().join("desktop");
    std::fs::create_dir_all(&keyrings).expect("a folder");
    std::fs::set_permissions(&keyrings, Permissions::from_mode(0o700)).expect("its mode");
    let at_the_desktop = |arguments: &[&str], input: &str| {
        let berth = home.berth_command(arguments);
        let mut session = Command::new("dbus-run-session");
        session.args(["--", "sh", "-c", UNLOCKED, "sh"]).arg(berth.get_program()).args(berth.get_args());
        session.envs(berth.get_envs().filter_map(|(name, value)| Some((name, value?))));
        session.env("XDG_DATA_HOME", &keyrings).env("XDG_RUNTIME_DIR", &keyrings);
        run_with(&mut session, input.as_bytes())
    };
    let login = ["login", "-u", Secured::USER, "--password-stdin", server];
    let said = at_the_desktop(&login, Secured::PASSWORD);
    assert!(said.ok().contains("Login Succeeded"), "{said}");
    assert!(!said.stderr.contains("unencrypted"), "{said}");
    let config = std::fs::read_to_string(home.path().join("docker-config/config.json")).expect("docker's file");
    let config: serde_json::Value = serde_json::from_str(&config).expect("JSON");
    assert_eq!(config["auths"][server], serde_json::json!({}), "the secret is elsewhere");

    at_the_desktop(&["push", &image], "").ok();
    let outside = home.berth(&["push", &image]);
    assert!(outside.fails(1).contains("no basic auth credentials"), "{outside}");
    at_the_desktop(&["logout", server], "").ok();
    let gone = at_the_desktop(&["push", &image], "");
    assert!(gone.fails(1).contains("no basic auth credentials"), "{gone}");
}

/// Unlocks the keyring of a session, then becomes the command.
const UNLOCKED: &str = r#"printf word | gnome-keyring-daemon --unlock --components=secrets > /dev/null && exec "$@""#;
