//! P4: a pull from a registry on loopback, one layer of 220 MB and 20 of 11 MB, gzip and zstd, against dockerd, podman and
//! skopeo; until it says that it is done ("returned"), and until all of it is on the disk ("durable").
//!
//! The limit is the slowest stage by itself, with as many threads as there are layers and processors: fetching the blobs,
//! hashing what they hold, decompressing them, or writing their files and flushing.

mod images;
mod stages;

use crate::dockerd::Dockerd;
use crate::figure::{Figure, line};
use crate::place;
use berth_tests::native::{Client, Engine, Ground};
use berth_tests::{HOST_FROM_GUEST, configuration, eventually, get};
use images::{Compression, Image};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PORT: u16 = 50_917;
/// Files of this machine that the layers are made of.
const SOURCE: &str = "/usr";
const MIB: usize = 1_000_000;

/// Prints a line per image and column, in milliseconds, and who else was measured.
pub(crate) fn run(rounds: u32) {
    let storage = tempfile::tempdir_in("/var/tmp").expect("a folder");
    let here = Registry::start(Command::new("docker-registry"), storage.path());
    let plain = images::plain(Path::new(SOURCE), 220 * MIB);
    let many: Vec<&[u8]> = plain.chunks(11 * MIB).collect();
    let mut all = Vec::new();
    for compression in [Compression::Gzip, Compression::Zstd] {
        all.push(Image::new("one", compression, &[images::layer(0, &plain)]));
        let layers: Vec<_> = many.iter().enumerate().map(|(number, part)| images::layer(number, part)).collect();
        all.push(Image::new("many", compression, &layers));
    }
    all.iter().for_each(|image| image.push(PORT));

    let peer = Dockerd::start();
    let ground = Ground::new();
    // Our engine looks for the user's loopback at the machine's host: here both are in one place.
    let added = ground.command("ip").args(["address", "add", &format!("{HOST_FROM_GUEST}/32"), "dev", "lo"]).status();
    assert!(added.expect("ip").success());
    let engine = Engine::start(&ground);
    let versions: [&[&str]; 4] = [
        &["dockerd", "--version"],
        &["podman", "--version"],
        &["skopeo", "--version"],
        &["docker-registry", "--version"],
    ];
    place::describe(ground.dir(), &versions);
    // The namespaces of the engines have loopbacks of their own.
    let _ours = Registry::start(ground.command("docker-registry"), storage.path());
    let _theirs = peer.as_ref().map(|peer| Registry::start(peer.ground().command("docker-registry"), storage.path()));
    for image in &all {
        measure(rounds, image, &engine, &ground, peer.as_ref());
    }
    drop(here);
}

fn measure(rounds: u32, image: &Image, engine: &Engine, ground: &Ground, peer: Option<&Dockerd>) {
    let folder = tempfile::tempdir_in("/var/tmp").expect("a folder");
    let mut pullers = vec![Puller::new(
        "ours",
        ground.dir(),
        engine_pull(engine.client(), image),
        engine_remove(engine.client(), image),
    )];
    if let Some(peer) = peer {
        let place = peer.ground().dir();
        pullers.push(Puller::new(
            "dockerd",
            place,
            engine_pull(peer.client(), image),
            engine_remove(peer.client(), image),
        ));
    }
    pullers.extend(tools(folder.path(), image));
    let mut limit = Figure::default();
    let mut stages = [(); 4].map(|()| Figure::default());
    for round in 1..=rounds {
        let took = stages::run(image, PORT);
        limit.add(took.into_iter().fold(0.0, f64::max));
        stages.iter_mut().zip(took).for_each(|(figure, took)| figure.add(took));
        pullers.iter_mut().for_each(Puller::once);
        let said: Vec<_> = pullers.iter().map(Puller::said).collect();
        println!("round {round}, {}: so far {} limit ({limit})", image.name(), said.join(" "));
    }
    let stages: Vec<_> = stages::NAMES.iter().zip(&stages).map(|(name, figure)| format!("{name} ({figure})")).collect();
    println!("  stages of {}: {}", image.name(), stages.join(" "));
    let nobody = Figure::default();
    let dockerd = pullers.iter().find(|puller| puller.name == "dockerd");
    let ours = &pullers[0];
    let returned = dockerd.map_or(&nobody, |peer| &peer.returned);
    let durable = dockerd.map_or(&nobody, |peer| &peer.durable);
    line(&format!("pull-{}-returned [ms]", image.name()), &ours.returned, returned, &limit);
    line(&format!("pull-{}-durable [ms]", image.name()), &ours.durable, durable, &limit);
}

/// Somebody who pulls.
struct Puller<'a> {
    name: &'static str,
    /// On the filesystem that has to be flushed.
    place: &'a Path,
    /// Why it cannot pull this image.
    pull: Box<dyn FnMut() -> Result<(), String> + 'a>,
    remove: Box<dyn FnMut() + 'a>,
    returned: Figure,
    durable: Figure,
    cannot: bool,
}

impl<'a> Puller<'a> {
    fn new(
        name: &'static str,
        place: &'a Path,
        pull: impl FnMut() -> Result<(), String> + 'a,
        remove: impl FnMut() + 'a,
    ) -> Self {
        let (pull, remove) = (Box::new(pull), Box::new(remove));
        Self { name, place, pull, remove, returned: Figure::default(), durable: Figure::default(), cannot: false }
    }

    fn once(&mut self) {
        if self.cannot {
            return;
        }
        settle();
        let from = Instant::now();
        if let Err(why) = (self.pull)() {
            println!("note: {} cannot pull this: {why}", self.name);
            self.cannot = true;
            return;
        }
        self.returned.add(millis(from));
        flush(self.place);
        self.durable.add(millis(from));
        (self.remove)();
    }

    fn said(&self) -> String {
        format!("{} (returned {}; durable {})", self.name, self.returned, self.durable)
    }
}

fn engine_pull<'a>(mut client: Client, image: &'a Image) -> impl FnMut() -> Result<(), String> + 'a {
    move || {
        let path = format!("/images/create?fromImage=127.0.0.1:{PORT}/{}&tag={}", image.repository, image.tag());
        let answer = client.request("POST", &path, None);
        let text = answer.text();
        match text.lines().find(|line| line.contains("\"error\"")) {
            None if answer.status == 200 => Ok(()),
            error => Err(error.unwrap_or(&text).to_owned()),
        }
    }
}

fn engine_remove<'a>(mut client: Client, image: &'a Image) -> impl FnMut() + 'a {
    move || {
        let name = format!("/images/127.0.0.1:{PORT}/{}:{}", image.repository, image.tag());
        assert_eq!(client.request("DELETE", &name, None).status, 200);
    }
}

/// podman and skopeo, where they are installed; skopeo only copies the blobs and unpacks nothing.
fn tools<'a>(folder: &'a Path, image: &'a Image) -> Vec<Puller<'a>> {
    let source = format!("docker://127.0.0.1:{PORT}/{}:{}", image.repository, image.tag());
    let store = move |arguments: &[&str]| {
        let mut command = Command::new("podman");
        command.args(["--root"]).arg(folder.join("podman")).arg("--runroot").arg(folder.join("run"));
        command.args(["--storage-driver", "overlay"]).args(arguments);
        ran(command)
    };
    let from = source.clone();
    let podman = Puller::new(
        "podman",
        folder,
        move || store(&["pull", "-q", "--tls-verify=false", &from]),
        move || store(&["rmi", "-a", "-f"]).expect("podman rmi"),
    );
    let copied = folder.join("skopeo");
    let to = format!("dir:{}", copied.display());
    let skopeo = Puller::new(
        "skopeo",
        folder,
        move || {
            let mut command = Command::new("skopeo");
            command.args(["copy", "-q", "--src-tls-verify=false", &source, &to]);
            ran(command)
        },
        move || std::fs::remove_dir_all(&copied).expect("skopeo's folder"),
    );
    vec![podman, skopeo]
}

fn ran(mut command: Command) -> Result<(), String> {
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() { Ok(()) } else { Err(said.lines().next_back().unwrap_or("it failed").to_owned()) }
}

/// What an earlier one left to be written must not slow the next.
fn settle() {
    nix::unistd::sync();
    std::thread::sleep(Duration::from_millis(200));
}

fn flush(place: &Path) {
    let folder = std::fs::File::open(place).expect("the folder");
    rustix::fs::syncfs(folder).expect("a flush");
}

fn millis(from: Instant) -> f64 {
    from.elapsed().as_secs_f64() * 1e3
}

/// A registry on the loopback of whoever is its command.
struct Registry {
    process: Child,
    _config: tempfile::NamedTempFile,
}

impl Registry {
    fn start(mut command: Command, storage: &Path) -> Self {
        use std::io::Write as _;
        let outside = command.get_program() == "docker-registry";
        let mut config = tempfile::NamedTempFile::new_in("/var/tmp").expect("a config file");
        let sections = format!("http: {{ addr: '0.0.0.0:{PORT}' }}\n");
        config.write_all(configuration(storage, &sections).as_bytes()).expect("write the config");
        command.arg("serve").arg(config.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let process = command.spawn().expect("docker-registry is installed");
        if outside {
            let url = format!("http://127.0.0.1:{PORT}/v2/");
            eventually("the registry answers", Duration::from_secs(20), || get(&url).ok());
        } else {
            std::thread::sleep(Duration::from_secs(2));
        }
        Self { process, _config: config }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.process.kill().ok();
        self.process.wait().ok();
    }
}
