//! `berth ports`: what is shown of published ports, and the word on who may reach them.

use super::{Berth, Engine};
use serde_json::{Value, json};

fn published() -> Berth {
    let engine = Engine::new(None);
    let port = |name: &str, number: u16, changes: Value| {
        let mut row = json!({
            "container": "0123", "name": name, "host_ips": ["127.0.0.1", "::1"], "host_port": number,
            "container_port": 80, "protocol": "tcp", "url": format!("http://localhost:{number}"),
            "health": "listening", "error": null, "given_ip": null, "shared": false,
        });
        row.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        row
    };
    *engine.ports.lock().unwrap() = vec![
        port("web", 8080, json!({})),
        port("given", 8081, json!({ "host_ips": ["127.0.0.1"], "given_ip": "127.0.0.1" })),
        port("dns", 5353, json!({ "protocol": "udp", "url": "" })),
        port(
            "late",
            8082,
            json!({
                "host_ips": [], "health": "address-absent", "given_ip": "10.9.9.9",
                "error": "cannot assign requested address",
            }),
        ),
    ];
    Berth::with(engine)
}

#[tokio::test]
async fn ports_are_listed_as_a_table_as_json_and_by_a_template() {
    let berth = published();
    let (code, out, err) = berth.run(&["ports"]).await;
    assert_eq!((code, err.as_str()), (0, ""));
    let expected = "\
ADDRESS                 LISTENS ON       CONTAINER PORT   CONTAINER   STATE
http://localhost:8080   127.0.0.1, ::1   80/tcp           web         listening
http://localhost:8081   127.0.0.1        80/tcp           given       listening
localhost:5353          127.0.0.1, ::1   80/udp           dns         listening
http://localhost:8082   -                80/tcp           late        waiting: cannot assign requested address
";
    assert_eq!(out, expected);
    let (code, out, _) = berth.run(&["ports", "--format", "{{.Container}} {{.HostPort}} {{.Health}}"]).await;
    assert_eq!((code, out.lines().last().unwrap()), (0, "late 8082 waiting for its address"));
    let (code, out, _) = berth.run(&["ports", "--format", "json"]).await;
    let first: Value = serde_json::from_str(out.lines().next().unwrap()).unwrap();
    assert_eq!((code, &first["Container"], &first["Shared"]), (0, &json!("web"), &json!("false")));
    let (code, _, err) = berth.run(&["ports", "--format", "{{.Nothing}}"]).await;
    assert_eq!(code, 1);
    assert!(err.contains("Nothing"), "{err}");
    let nothing = Berth::with(Engine::new(None)).run(&["ports"]).await;
    assert_eq!(nothing, (0, "ADDRESS   LISTENS ON   CONTAINER PORT   CONTAINER   STATE\n".into(), String::new()));
}

#[tokio::test]
async fn a_port_or_all_of_them_are_opened_and_closed_at_a_word() {
    let berth = published();
    for (words, said, wish) in [
        (&["8080"][..], "port 8080/tcp (web): for everyone in the network", json!({ "port": "8080", "on": true })),
        (&["--off", "8080"], "port 8080/tcp (web): for this computer only", json!({ "port": "8080", "on": false })),
        (&["5353/UDP"], "port 5353/udp (dns): for everyone in the network", json!({ "port": "5353/UDP", "on": true })),
        (
            &["9000"],
            "port 9000/tcp: for everyone in the network, once it is published",
            json!({ "port": "9000", "on": true }),
        ),
        (
            &["--all"],
            "ports that are published without an address: for everyone in the network",
            json!({ "port": null, "on": true }),
        ),
        (
            &["--all", "--off"],
            "ports that are published without an address: for this computer only",
            json!({ "port": null, "on": false }),
        ),
    ] {
        let told = berth.run(&[&["ports", "share"], words].concat()).await;
        assert_eq!(told, (0, format!("{said}\n"), String::new()), "{words:?}");
        let asked: Value = serde_json::from_str(berth.engine.heard().last().unwrap()).unwrap();
        assert_eq!(asked, wish, "{words:?}");
    }
    berth.run(&["ports", "share", "--all"]).await;
    let (_, out, _) = berth.run(&["ports"]).await;
    assert_eq!(out.lines().filter(|line| line.ends_with("listening, shared")).count(), 2, "{out}");
}

#[tokio::test]
async fn a_word_on_sharing_that_makes_no_sense_changes_nothing_and_one_that_fails_fails_alone() {
    let berth = published();
    for (words, said) in [
        (&[][..], "berth: name a port, such as 8080 or 53/udp, or all of them with --all\n"),
        (&["--all", "8080"], "berth: name ports, or all of them with --all, and not both\n"),
    ] {
        let (code, out, err) = berth.run(&[&["ports", "share"], words].concat()).await;
        assert_eq!((code, out.as_str(), err.as_str()), (1, "", said), "{words:?}");
        assert_eq!(berth.engine.heard(), Vec::<String>::new());
    }
    let (code, out, err) = berth.run(&["ports", "share", "8081", "8080"]).await;
    assert_eq!((code, out.as_str()), (1, "port 8080/tcp (web): for everyone in the network\n"));
    let expected = "berth: port 8081 listens at 127.0.0.1, which was given when it was published\nhint: publish it without an address\n";
    assert_eq!(err, expected);
}

#[tokio::test]
async fn help_and_completion_know_the_verbs_of_networks_and_ports() {
    let berth = published();
    let (_, script, _) = berth.run(&["completion", "bash"]).await;
    let options = |verb: &str| {
        let mut lines = script.lines().skip_while(|line| line.trim() != format!("{verb})")).skip(1);
        lines.next().map(str::trim).unwrap_or_default().to_owned()
    };
    for (verb, words) in [
        ("berth__subcmd__ports", &["--format", "share"][..]),
        ("berth__subcmd__ports__subcmd__share", &["--all", "--off"]),
        ("berth__subcmd__network", &["ls", "create", "connect", "disconnect", "inspect", "rm", "prune"]),
        ("berth__subcmd__network__subcmd__create", &["--subnet", "--gateway", "--aux-address", "--internal", "--ipv6"]),
        ("berth__subcmd__network__subcmd__connect", &["--ip", "--ip6", "--alias", "--link", "--gw-priority"]),
    ] {
        for word in words {
            assert!(options(verb).split([' ', '"']).any(|known| known == *word), "{verb} {word}: {}", options(verb));
        }
    }
    for (words, said) in [
        (&["ports", "--help"][..], "Show published ports, or open them to the network"),
        (&["ports", "share", "--help"], "Open ports to everyone in the network, now and for good"),
        (&["network", "--help"], "Put a container on a network"),
        (&["network", "create", "--help"], "An address that no container gets: NAME=ADDRESS"),
    ] {
        let (code, out, _) = berth.run(words).await;
        assert_eq!(code, 0);
        assert!(out.contains(said), "{words:?}: {out}");
    }
}
