//! Files of a container as a user handles them, with `berth` and with the docker CLI, in one machine.

use berth_tests::{Home, Registry};

#[test]
fn files_go_in_and_out_and_become_an_image() {
    let (registry, home) = (Registry::start(), Home::up());
    let image = registry.image("busybox:latest");
    home.berth(&["pull", &image]).ok();
    let script = "echo inside > /made; rm /etc/passwd; sleep 3600";
    home.docker(&["run", "-d", "--name", "box", &image, "sh", "-c", script]).ok();
    let path = |name: &str| home.path().join(name).to_str().expect("UTF-8").to_owned();

    // In and out with docker cp.
    std::fs::write(path("in.txt"), "from outside\n").expect("write");
    home.docker(&["cp", &path("in.txt"), "box:/in.txt"]).ok();
    assert_eq!(home.docker(&["exec", "box", "cat", "/in.txt"]).ok(), "from outside");
    home.docker(&["cp", "box:/in.txt", &path("out.txt")]).ok();
    assert_eq!(std::fs::read_to_string(path("out.txt")).expect("read"), "from outside\n");

    // What changed, in the same words.
    let changed = home.berth(&["diff", "box"]);
    for line in ["A /made", "D /etc/passwd", "A /in.txt", "C /etc"] {
        assert!(changed.ok().lines().any(|had| had == line), "{line}: {changed}");
    }
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(lines(changed.ok()), lines(home.docker(&["diff", "box"]).ok()));

    // The whole of it as an archive.
    for (name, export) in [
        ("berth.tar", home.berth(&["export", "-o", &path("berth.tar"), "box"])),
        ("docker.tar", home.docker(&["export", "-o", &path("docker.tar"), "box"])),
    ] {
        export.ok();
        let mut archive = tar::Archive::new(std::fs::File::open(path(name)).expect("open"));
        let found = archive.entries().expect("entries").any(|entry| {
            let entry = entry.expect("an entry");
            entry.path().expect("a path").to_string_lossy().trim_start_matches("./") == "in.txt"
        });
        assert!(found, "{name} has no in.txt");
    }
    let refused = home.berth(&["export", "-o", &path("none.tar"), "none"]);
    assert!(refused.fails(1).contains("No such container"), "{refused}");
    assert!(!std::fs::exists(path("none.tar")).expect("look"), "a failed export leaves no file");

    // An image of it, which runs with its changed settings.
    let id = home.berth(&["commit", "-m", "made", "-c", "ENV WORD=kept", "box", "made:1"]).ok().to_owned();
    assert!(id.starts_with("sha256:"), "{id}");
    home.docker(&["commit", "-a", "someone", "--pause=false", "box", "made:2"]).ok();
    let ran = home.docker(&["run", "--rm", "made:1", "sh", "-c", "cat /in.txt; echo $WORD"]);
    assert_eq!(ran.ok(), "from outside\nkept");
    assert_eq!(home.berth(&["run", "--rm", "made:2", "cat", "/made"]).ok(), "inside");
}
