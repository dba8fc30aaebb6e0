//! Wrong input: one clear sentence, the right exit code, nothing left half-made.

use berth_tests::{Home, Registry, free_port};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixStream;

#[test]
fn each_is_one_clear_line_and_leaves_nothing() {
    let (registry, home) = (Registry::start(), Home::up());
    let image = registry.image("busybox:latest");

    let unknown = home.docker(&["pull", &registry.image("nothing:here")]);
    assert!(unknown.fails(1).contains("manifest unknown") || unknown.stderr.contains("not found"), "{unknown}");
    let down = home.docker(&["pull", &format!("localhost:{}/busybox", free_port())]);
    assert!(down.fails(1).contains("connection refused"), "{down}");
    let missing = home.docker(&["run", "--pull", "never", "nothing-of-the-kind"]);
    assert!(missing.fails(125).contains("No such image: nothing-of-the-kind:latest"), "{missing}");
    assert!(home.berth(&["pull", "busybox:a:b"]).fails(1).contains("invalid reference format"));
    assert_eq!(home.docker(&["images", "-q"]).ok(), "");

    home.docker(&["run", "-d", "--name", "taken", &image, "sleep", "600"]).ok();
    let conflict = home.docker(&["run", "-d", "--name", "taken", &image, "true"]);
    assert!(conflict.fails(125).contains("The container name \"/taken\" is already in use by container"), "{conflict}");
    let absent = home.docker(&["run", "--rm", &image, "no-such-program"]);
    assert!(absent.fails(127).contains("exec: \"no-such-program\": executable file not found in $PATH"), "{absent}");
    let denied = home.berth(&["run", "--rm", &image, "/etc"]);
    assert!(denied.fails(126).contains("permission denied") || denied.stderr.contains("is a directory"), "{denied}");
    assert!(home.docker(&["stop", "nobody"]).fails(1).contains("No such container: nobody"));
    assert!(home.berth(&["logs", "nobody"]).fails(1).contains("No such container: nobody"));
    assert_eq!(home.docker(&["ps", "-aq"]).ok().lines().count(), 1, "only `taken` is there");
    words_that_make_no_sense_are_told_as_docker_tells_them(&home, &image);
}

fn words_that_make_no_sense_are_told_as_docker_tells_them(home: &Home, image: &str) {
    for words in [
        &["inspect", "-f", "{{.Nope}}", "taken"][..],
        &["inspect", "-f", "{{.State.Nope}}", "taken"],
        &["inspect", "-f", "{{.State.Health.Status}}", "taken"],
        &["inspect", "-f", "{{json .Config.Nope}}", "taken"],
        &["inspect", "-f", "{{.Name.First}}", "taken"],
        &["inspect", "-f", "{{.State.Health}} {{.SizeRw}} {{.Config.Labels.nope}} {{.HostConfig.Binds}}", "taken"],
        &["inspect", "-f", "{{html .Name}} {{.Config.Cmd | js}} {{urlquery .Path .Args}}", "taken"],
        &["ps", "--format", "{{.Nope}}"],
        &["ps", "--format", "{{.Names.First}}"],
        &["images", "--format", "{{.Nope}}"],
        &["history", "--format", "{{.Nope}}", image],
        &["system", "df", "--format", "{{.Nope}}"],
        &["info", "-f", "{{.Nope}}"],
        &["ps", "--all=x"],
        &["run", "-d=yes", image, "true"],
        &["run", "--rm=", image, "true"],
        &["ps", "--all=0", "--no-trunc=F", "--format", "{{.Names}}"],
    ] {
        let (docker, berth) = (home.docker(words), home.berth(words));
        let said = |text: &str| text.trim().lines().next().unwrap_or_default().trim_start_matches("berth: ").to_owned();
        assert_eq!((docker.code, docker.stdout.trim()), (berth.code, berth.stdout.trim()), "{docker}\n{berth}");
        assert_eq!(said(&docker.stderr), said(&berth.stderr), "{words:?}");
    }
}

#[test]
fn a_port_that_is_taken_fails_the_run_and_names_its_holder() {
    let (registry, home) = (Registry::start(), Home::up());
    let image = registry.image("busybox:latest");
    let holder = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = holder.local_addr().expect("its address").port();
    let publish = format!("{port}:80");

    let refused = home.docker(&["run", "-d", "--name", "late", "-p", &publish, &image, "sleep", "600"]);
    let text = refused.fails(125);
    assert!(text.contains("address already in use") && text.contains(&port.to_string()), "{refused}");
    assert!(text.contains(&format!("pid {}", std::process::id())), "the holder is this very process: {refused}");
    assert!(!home.docker(&["ps"]).ok().contains("late"), "it does not run");

    drop(holder);
    home.docker(&["start", "late"]).ok();
    let second = home.docker(&["run", "-d", "-p", &publish, &image, "sleep", "600"]);
    assert!(second.fails(125).contains("port is already allocated"), "{second}");
}

#[test]
fn a_malformed_request_gets_400() {
    let home = Home::up();
    for (request, status) in [
        (
            "POST /v1.47/containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{\"Image\":",
            "400",
        ),
        ("GET /v9.99/containers/json HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
        ("GET /v1.47/no/such/page HTTP/1.1\r\nHost: x\r\n\r\n", "404"),
    ] {
        let mut stream = UnixStream::connect(home.socket()).expect("the socket");
        stream.write_all(request.as_bytes()).expect("write");
        stream.shutdown(std::net::Shutdown::Write).expect("half-close");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}\n{answer}");
        assert!(answer.contains("{\"message\":\""), "{answer}");
    }
    assert_eq!(home.docker(&["ps", "-aq"]).ok(), "");
}

#[test]
fn without_a_machine_every_command_says_what_to_do() {
    let home = Home::new();
    let listed = home.berth(&["ps"]);
    assert!(listed.fails(1).contains("berth up"), "{listed}");
    assert_eq!(home.status()["state"], "stopped");
}
