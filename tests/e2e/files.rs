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

    // In and out, with both.
    std::fs::write(path("in.txt"), "from outside\n").expect("write");
    home.docker(&["cp", &path("in.txt"), "box:/in.txt"]).ok();
    assert_eq!(home.docker(&["exec", "box", "cat", "/in.txt"]).ok(), "from outside");
    home.berth(&["cp", &path("in.txt"), "box:/in2.txt"]).ok();
    assert_eq!(home.berth(&["exec", "box", "cat", "/in2.txt"]).ok(), "from outside");
    home.docker(&["cp", "box:/in2.txt", &path("out.txt")]).ok();
    home.berth(&["cp", "box:/in.txt", &path("out2.txt")]).ok();
    for out in ["out.txt", "out2.txt"] {
        assert_eq!(std::fs::read_to_string(path(out)).expect("read"), "from outside\n");
    }

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

    // What takes room, in the same words.
    home.docker(&["run", "--name", "idle", "-v", "data:/data", "made:1", "sh", "-c", "echo 0123456789 > /data/file"])
        .ok();
    home.docker(&["volume", "create", "spare"]).ok();
    let fields = "{{.Type}} {{.TotalCount}} {{.Active}} {{.Size}} {{.Reclaimable}}";
    for format in [&[][..], &["--format", fields], &["--format", "json"]] {
        let words = [&["system", "df"], format].concat();
        assert_eq!(home.berth(&words).ok(), home.docker(&words).ok(), "{format:?}");
    }
    // But for the containers, whose ages go on.
    let lasting = |text: &str| {
        let (images, rest) = text.split_once("\nContainers space usage:").expect("containers");
        let (_, volumes) = rest.split_once("\nLocal Volumes space usage:").expect("volumes");
        (images.to_owned(), volumes.trim_end().to_owned())
    };
    let all = ["system", "df", "-v"];
    assert_eq!(lasting(home.berth(&all).ok()), lasting(home.docker(&all).ok()));
    let shown = home.berth(&["system", "df", "--format", fields]);
    assert!(shown.ok().contains("Images 3 2 ") && shown.ok().contains("Local Volumes 2 1 "), "{shown}");
}

/// Every line of docker's table of what lands where, done by both into places of their own.
#[test]
fn a_copy_lands_where_docker_puts_it() {
    let (registry, home) = (Registry::start(), Home::up());
    let image = registry.image("busybox:latest");
    home.berth(&["pull", &image]).ok();
    let script = "mkdir -p /src/sub /old; echo one > /src/sub/f; ln -s sub /src/link; chmod 640 /src/sub/f; sleep 3600";
    home.docker(&["run", "-d", "--name", "box", &image, "sh", "-c", script]).ok();
    home.docker(&["exec", "box", "sh", "-c", "until [ -L /src/link ]; do sleep 0.1; done"]).ok();
    let place = |by: &str| home.path().join(by);
    let out = |by: &str, arguments: &[&str]| match by {
        "docker" => home.docker(arguments),
        _ => home.berth(arguments),
    };

    // Out: the source, the destination below a folder with the directory `dir` and the file `file`.
    for (number, (options, source, destination)) in [
        (&[][..], "/src", "dir"),
        (&[], "/src", "new"),
        (&[], "/src/.", "dir"),
        (&[], "/src/.", "new"),
        (&[], "/src/sub/f", "dir/"),
        (&[], "/src/sub/f", "file"),
        (&[], "/src/sub/f", "new"),
        (&[], "/src/link", "new"),
        (&[], "/src/link/", "new"),
        (&["-L"], "/src/link", "new"),
        (&["-L"], "/src/link", "dir"),
        (&["-a"], "/src/sub", "new"),
        (&[], "/src", "file"),
        (&[], "/src/sub/f", "new/"),
        (&[], "/src/sub/f", "none/new"),
        (&[], "/src/none", "new"),
        (&[], "/src/sub/f/", "new"),
    ]
    .into_iter()
    .enumerate()
    {
        let done = ["docker", "berth"].map(|by| {
            let folder = place(by).join(number.to_string());
            std::fs::create_dir_all(folder.join("dir")).expect("a folder");
            std::fs::write(folder.join("file"), "old").expect("a file");
            let to = format!("{}/{destination}", folder.display());
            let answer = out(by, &[&["cp"][..], options, &[&format!("box:{source}"), &to]].concat());
            (answer.code, tree(&folder), answer.to_string())
        });
        assert_eq!(done[0].0, done[1].0, "{source} {destination}: {} | {}", done[0].2, done[1].2);
        assert_eq!(done[0].1, done[1].1, "{source} {destination}: {} | {}", done[0].2, done[1].2);
    }

    // In: the same the other way round.
    let local = place("local");
    std::fs::create_dir_all(local.join("src/sub")).expect("a folder");
    std::fs::write(local.join("src/sub/f"), "two").expect("a file");
    std::os::unix::fs::symlink("sub", local.join("src/link")).expect("a link");
    for (number, (options, source, destination)) in [
        (&[][..], "src", "dir"),
        (&[], "src", "new"),
        (&[], "src/.", "dir"),
        (&[], "src/.", "new"),
        (&[], "src/sub/f", "dir/"),
        (&[], "src/sub/f", "file"),
        (&[], "src/sub/f", "new"),
        (&[], "src/sub/f", "link"),
        (&[], "src/sub/f", "dirlink"),
        (&[], "src/link", "new"),
        (&["-L"], "src/link", "new"),
        (&["-L"], "src/link", "dir"),
        (&["-a"], "src/sub", "new"),
        (&[], "src", "file"),
        (&[], "src/sub/f", "new/"),
        (&[], "src/sub/f", "none/new"),
        (&[], "src/none", "new"),
        (&[], "src/sub/f", "null"),
    ]
    .into_iter()
    .enumerate()
    {
        let done = ["docker", "berth"].map(|by| {
            let folder = format!("/{by}{number}");
            let make = format!(
                "mkdir -p {folder}/dir; cd {folder}; echo old > file; ln -s made link; ln -s dir dirlink; ln -s /dev/null null"
            );
            home.docker(&["exec", "box", "sh", "-c", &make]).ok();
            let from = format!("{}/{source}", local.display());
            let answer = out(by, &[&["cp"][..], options, &[&from, &format!("box:{folder}/{destination}")]].concat());
            let look = format!("cd {folder}; find . | sort | xargs stat -c '%N %F %a %u:%g'; find . -type f | sort | xargs cat");
            let seen = home.docker(&["exec", "box", "sh", "-c", &look]);
            (answer.code, seen.to_string().replace(&folder, ""), answer.to_string())
        });
        assert_eq!(done[0].0, done[1].0, "{source} {destination}: {} | {}", done[0].2, done[1].2);
        assert_eq!(done[0].1, done[1].1, "{source} {destination}: {} | {}", done[0].2, done[1].2);
    }
}

/// Every path below `folder`: what it is, its permissions, and its content or target.
fn tree(folder: &std::path::Path) -> std::collections::BTreeMap<String, String> {
    use std::os::unix::fs::PermissionsExt;
    let mut found = std::collections::BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).expect("a folder") {
            let path = entry.expect("an entry").path();
            let metadata = std::fs::symlink_metadata(&path).expect("metadata");
            let content = if metadata.is_dir() {
                folders.push(path.clone());
                String::new()
            } else if metadata.is_symlink() {
                std::fs::read_link(&path).expect("a link").display().to_string()
            } else {
                std::fs::read_to_string(&path).expect("text")
            };
            let name = path.strip_prefix(folder).expect("below").display().to_string();
            found.insert(name, format!("{:o} {content}", metadata.permissions().mode()));
        }
    }
    found
}
