//! Images to and from the tools of others: Debian's docker, buildah, podman, skopeo and umoci, as they are.

use crate::{
    fixture::{FixtureImage, FixtureLayer, files, layer},
    load::{docker_archive, load_for},
    registry::{Registry, TestStore, store, store_dir},
    save::save,
};
use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const BUSYBOX: &str = "/bin/busybox";

/// Runs a tool in `dir`; what it printed.
fn run(dir: &Path, program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program).args(arguments).current_dir(dir).output();
    let done = done.unwrap_or_else(|e| panic!("{program} is installed (apt install {program}): {e}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(done.status.success(), "{program} {arguments:?}: {}{}", text(&done.stdout), text(&done.stderr));
    text(&done.stdout).trim().to_owned()
}

/// The archive of a directory.
fn packed(dir: &Path) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_dir_all("", dir).unwrap();
    archive.into_inner().unwrap()
}

/// `bin/busybox` and what prints `hello` with it.
fn program() -> FixtureLayer {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    let program = std::fs::read(BUSYBOX).unwrap();
    header.set_mode(0o755);
    header.set_size(program.len() as u64);
    archive.append_data(&mut header, "bin/busybox", &program[..]).unwrap();
    layer(archive.into_inner().unwrap(), crate::fixture::Compression::Gzip)
}

/// An image of two layers whose command says hello.
fn image() -> FixtureImage {
    FixtureImage::with_command(vec![program(), files(&[("etc/word", b"hello")])], &["/bin/busybox", "cat", "/etc/word"])
}

/// The first thing said of a load, and the file of an image's uppermost layer that has `name`.
async fn loaded(archive: &[u8], name: &str) -> (String, Vec<u8>) {
    let test = store().await;
    let said = load_for(&test, archive, None).await.unwrap();
    (said[0].clone(), file(&test, &said[0], name).await)
}

async fn file(test: &TestStore, said: &str, name: &str) -> Vec<u8> {
    let image = test.store.resolve(said.rsplit_once(": ").unwrap().1).await.unwrap();
    let layers = image.layers.iter().rev().map(|layer| test.diff(&layer.chain_id).join(name));
    layers.into_iter().find_map(|path| std::fs::read(path).ok()).unwrap_or_else(|| panic!("no {name}"))
}

/// Podman with a store of its own. Cgroups of both versions at once are not to its taste: here it sees none.
fn podman(dir: &Path, arguments: &str) -> String {
    let own = "--root podman --runroot podman-run --storage-driver vfs --cgroup-manager cgroupfs --events-backend none";
    let hidden = "umount -R /sys/fs/cgroup; mount -t tmpfs none /sys/fs/cgroup";
    run(dir, "unshare", &["-m", "sh", "-ec", &format!("{hidden}; podman {own} {arguments}")])
}

const RUN: &str = "run --rm --cgroups=disabled --network=none --ulimit nofile=1024:1024 --ulimit nproc=1000:1000";

#[tokio::test(flavor = "multi_thread")]
async fn what_buildah_made_is_loaded() {
    let dir = store_dir();
    std::fs::create_dir(dir.path().join("files")).unwrap();
    std::fs::write(dir.path().join("files/word"), "from buildah").unwrap();
    let buildah = |arguments: &str| {
        let arguments = format!("--root b --runroot br --storage-driver vfs {arguments}");
        run(dir.path(), "buildah", &arguments.split(' ').collect::<Vec<_>>())
    };
    let container = buildah("from scratch");
    buildah(&format!("copy -q {container} files /etc"));
    buildah(&format!("config --cmd cat --env A=b {container}"));
    buildah(&format!("commit -q {container} localhost/made:v1"));
    for kind in ["docker-archive", "oci-archive"] {
        buildah(&format!("push -q localhost/made:v1 {kind}:{kind}.tar:localhost/made:v1"));
        let archive = std::fs::read(dir.path().join(format!("{kind}.tar"))).unwrap();
        let (said, word) = loaded(&archive, "etc/word").await;
        assert_eq!((said.as_str(), word), ("Loaded image: localhost/made:v1", b"from buildah".to_vec()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_umoci_and_skopeo_made_is_loaded() {
    let dir = store_dir();
    std::fs::write(dir.path().join("word"), "from umoci").unwrap();
    run(dir.path(), "umoci", &["init", "--layout", "layout"]);
    run(dir.path(), "umoci", &["new", "--image", "layout:latest"]);
    run(dir.path(), "umoci", &["insert", "--image", "layout:latest", "word", "/etc/word"]);
    run(dir.path(), "umoci", &["config", "--image", "layout:latest", "--config.cmd", "cat"]);
    // A layout has tags but no names.
    let (said, word) = loaded(&packed(&dir.path().join("layout")), "etc/word").await;
    assert!(said.starts_with("Loaded image ID: sha256:"), "{said}");
    assert_eq!(word, b"from umoci");

    run(dir.path(), "skopeo", &["copy", "oci:layout:latest", "docker-archive:docker.tar:team/app:v2"]);
    let (said, word) = loaded(&std::fs::read(dir.path().join("docker.tar")).unwrap(), "etc/word").await;
    assert_eq!((said.as_str(), word), ("Loaded image: team/app:v2", b"from umoci".to_vec()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_docker_made_is_loaded_and_docker_loads_what_is_saved() {
    let dir = store_dir();
    let docker = Dockerd::start(dir.path());
    std::fs::create_dir(dir.path().join("context")).unwrap();
    std::fs::write(dir.path().join("context/word"), "from docker").unwrap();
    std::fs::write(
        dir.path().join("context/Dockerfile"),
        "FROM scratch\nCOPY word /etc/word\nENV A=b\nCMD [\"cat\"]\n",
    )
    .unwrap();
    docker.run(&["build", "-q", "-t", "team/made:v1", "context"]);
    docker.run(&["save", "-o", "made.tar", "team/made:v1"]);
    let (said, word) = loaded(&std::fs::read(dir.path().join("made.tar")).unwrap(), "etc/word").await;
    assert_eq!((said.as_str(), word), ("Loaded image: team/made:v1", b"from docker".to_vec()));

    let test = store().await;
    let image = image();
    load_for(&test, &docker_archive(&image, &["ours:v1", "ours:v2"]), None).await.unwrap();
    std::fs::write(dir.path().join("ours.tar"), save(&test, &["ours"]).await.unwrap()).unwrap();
    assert_eq!(docker.run(&["load", "-i", "ours.tar"]), "Loaded image: ours:v1\nLoaded image: ours:v2");
    assert_eq!(docker.run(&["inspect", "-f", "{{.Id}}", "ours:v1"]), image.id().to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_saved_is_run_by_podman_and_unpacked_by_umoci() {
    let dir = store_dir();
    let test = store().await;
    load_for(&test, &docker_archive(&image(), &["team/ours:v1"]), None).await.unwrap();
    std::fs::write(dir.path().join("ours.tar"), save(&test, &["team/ours:v1"]).await.unwrap()).unwrap();
    for kind in ["docker-archive", "oci-archive"] {
        run(dir.path(), "skopeo", &["copy", &format!("{kind}:ours.tar"), &format!("oci:{kind}:v1")]);
        run(dir.path(), "umoci", &["unpack", "--image", &format!("{kind}:v1"), &format!("{kind}-files")]);
        assert_eq!(std::fs::read(dir.path().join(format!("{kind}-files/rootfs/etc/word"))).unwrap(), b"hello");
    }
    assert_eq!(podman(dir.path(), "load -q -i ours.tar"), "Loaded image: docker.io/team/ours:v1");
    assert_eq!(podman(dir.path(), &format!("{RUN} docker.io/team/ours:v1")), "hello");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_pushed_is_pulled_and_run_by_podman_and_unpacked_by_umoci() {
    let dir = store_dir();
    let (registry, test) = (Registry::start().await, store().await);
    let name = registry.name("ours:v1");
    load_for(&test, &docker_archive(&image(), &[&name.familiar()]), None).await.unwrap();
    test.store.push(&name, None, None, std::sync::Arc::new(|_| {})).await.unwrap();
    let from = format!("docker://{}", name.familiar());
    run(dir.path(), "skopeo", &["copy", "--src-tls-verify=false", &from, "oci:layout:v1"]);
    run(dir.path(), "umoci", &["unpack", "--image", "layout:v1", "files"]);
    assert_eq!(std::fs::read(dir.path().join("files/rootfs/etc/word")).unwrap(), b"hello");
    let pulled = podman(dir.path(), &format!("pull -q --tls-verify=false {}", name.familiar()));
    assert_eq!(pulled, image().id().hex());
    assert_eq!(podman(dir.path(), &format!("{RUN} {}", name.familiar())), "hello");
}

/// Debian's dockerd, with nothing but images.
struct Dockerd {
    process: Child,
    dir: PathBuf,
}

impl Dockerd {
    fn start(dir: &Path) -> Self {
        let place = |name: &str| dir.join("docker").join(name).display().to_string();
        std::fs::create_dir(dir.join("docker")).unwrap();
        let log = std::fs::File::create(place("log")).unwrap();
        // It keeps things in /run whatever it is told; none of them may stay.
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-ec", "mount -t tmpfs run /run; exec dockerd \"$@\"", "dockerd"]);
        command.args(["--data-root", &place("data"), "--exec-root", &place("exec"), "--pidfile", &place("pid")]);
        command.args(["--host", &format!("unix://{}", place("socket")), "--storage-driver", "vfs"]);
        command.args(["--bridge", "none", "--iptables=false", "--ip6tables=false"]);
        let process = command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let mut docker = Self { process, dir: dir.to_owned() };
        let started = Instant::now();
        while !Path::new(&place("socket")).exists() {
            let ended = docker.process.try_wait().unwrap();
            assert!(
                ended.is_none() && started.elapsed() < Duration::from_secs(60),
                "dockerd does not answer (apt install docker.io): {}",
                std::fs::read_to_string(place("log")).unwrap()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        docker
    }

    fn run(&self, arguments: &[&str]) -> String {
        let host = format!("unix://{}", self.dir.join("docker/socket").display());
        let mut command = Command::new("docker");
        command.args(["-H", &host]).args(arguments).current_dir(&self.dir).env("DOCKER_BUILDKIT", "0");
        let done = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        assert!(done.status.success(), "docker {arguments:?}: {}{}", text(&done.stdout), text(&done.stderr));
        text(&done.stdout)
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        // Its containerd ends with it when it is asked to end.
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        self.process.wait().unwrap();
    }
}
