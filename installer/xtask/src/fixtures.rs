//! The test images, made from Debian packages and put into the storage of a registry:
//! `busybox` (an index, OCI, gzip), `web` (OCI, zstd), `nginx` (docker schema 2, gzip), `python3` (OCI, gzip), `tools`
//! (what people try a network with, OCI, zstd), `postgres` (OCI, zstd).

mod registry;
pub(crate) mod rootfs;

use crate::checkout::Checkout;
use crate::oci::{Compression, Defaults, Family, Image, Layer, LayerBuilder, push};
use crate::stamp::Stamp;
use crate::steps::Note;
use anyhow::{Context, Result};
use rootfs::Rootfs;

const ARCH: &str = "amd64";
const NAMES: [&str; 6] = ["busybox", "web", "nginx", "python3", "tools", "postgres"];
/// What Debian's postgres is linked with for its just-in-time compiler, which no test needs, and what sets up clusters.
const LEFT_OUT_OF_POSTGRES: [&str; 10] = [
    "usr/lib/llvm-19",
    "usr/lib/x86_64-linux-gnu/libLLVM.so.19.1",
    "usr/lib/x86_64-linux-gnu/libz3.so.4",
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/lib/x86_64-linux-gnu/perl",
    "usr/lib/x86_64-linux-gnu/perl-base",
    "usr/lib/postgresql/17/lib/bitcode",
    "usr/bin/perl5.40.1",
    "usr/share/i18n",
    "usr/share/perl",
];

/// Builds and pushes all of them, unless they stand already.
pub(crate) fn build(checkout: &Checkout, note: &Note) -> Result<()> {
    let storage = checkout.fixture_registry();
    let sources =
        [checkout.root.join("installer/xtask/src/fixtures"), checkout.root.join("installer/xtask/src/fixtures.rs")];
    let stamp = Stamp::of(checkout, "fixtures", &sources, &storage.to_string_lossy())?;
    let kept = storage.join("docker/registry/v2/repositories");
    if stamp.is_fresh(&NAMES.map(|name| kept.join(name).join("_manifests/tags/latest"))) {
        note.set("unchanged");
        return Ok(());
    }
    let registry = registry::Running::start(&storage)?;
    for (name, image, index) in [
        ("busybox", busybox(checkout, note)?, Some(ARCH)),
        ("web", web(checkout, note)?, None),
        ("nginx", nginx(checkout, note)?, None),
        ("python3", python3(checkout, note)?, None),
        ("tools", tools(checkout, note)?, None),
        ("postgres", postgres(checkout, note)?, None),
    ] {
        note.set(format!("pushing {name}"));
        push(&image, &registry.address(), name, "latest", index).with_context(|| format!("cannot push {name}"))?;
    }
    note.set(NAMES.join(" "));
    stamp.keep()
}

/// Debian's static busybox with a link for each of its programs; the lowest layer of several images.
pub(crate) fn busybox_layer(checkout: &Checkout, note: &Note) -> Result<Layer> {
    let root = Rootfs::of(checkout, "busybox", &["busybox-static"], rootfs::Dependencies::Without, note)?;
    let program = std::fs::read(root.file(&["usr/bin/busybox", "bin/busybox"])?)?;
    let mut layer = LayerBuilder::new("Debian busybox-static");
    for folder in ["bin", "dev", "etc", "proc", "root", "sys", "usr", "var"] {
        layer.dir(folder, 0o755)?;
    }
    layer.dir("tmp", 0o1777)?.dir("usr/bin", 0o755)?.file("bin/busybox", 0o755, &program)?;
    layer
        .file("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")?
        .file("etc/group", 0o644, b"root:x:0:\nnogroup:x:65534:\n")?;
    for applet in root.run_listing("busybox", &["usr/bin/busybox", "bin/busybox"], "--list")? {
        if applet != "busybox" {
            layer.link(&format!("bin/{applet}"), "busybox")?;
        }
    }
    layer.finish(Compression::Gzip)
}

fn busybox(checkout: &Checkout, note: &Note) -> Result<Image> {
    let defaults = Defaults { cmd: &["sh"], ..Defaults::default() };
    Ok(Image::new(ARCH, vec![busybox_layer(checkout, note)?], Family::Oci, &defaults))
}

/// A static web server: busybox's httpd and one page.
fn web(checkout: &Checkout, note: &Note) -> Result<Image> {
    let mut site = LayerBuilder::new("a page");
    site.dir("srv", 0o755)?.file(
        "srv/index.html",
        0o644,
        b"<!doctype html><title>web</title><p>a page from the test image web</p>\n",
    )?;
    let defaults = Defaults {
        cmd: &["httpd", "-f", "-vv", "-p", "80", "-h", "/srv"],
        expose: Some("80/tcp"),
        stop_signal: Some("SIGKILL"),
        ..Defaults::default()
    };
    let layers = vec![busybox_layer(checkout, note)?, site.finish(Compression::Zstd)?];
    Ok(Image::new(ARCH, layers, Family::Oci, &defaults))
}

fn nginx(checkout: &Checkout, note: &Note) -> Result<Image> {
    let root = Rootfs::of(checkout, "nginx", &["nginx"], rootfs::Dependencies::With, note)?;
    let mut system = LayerBuilder::new("Debian nginx and its libraries");
    system.tree(root.path())?;
    let mut setup = LayerBuilder::new("configuration");
    setup
        .file(
            "etc/passwd",
            0o644,
            b"root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\n",
        )?
        .file("etc/group", 0o644, b"root:x:0:\nadm:x:4:\nwww-data:x:33:\n")?
        .file("etc/nginx/nginx.conf", 0o644, include_bytes!("fixtures/nginx.conf"))?
        .dir("var/log/nginx", 0o755)?
        .link("var/log/nginx/access.log", "/dev/stdout")?
        .link("var/log/nginx/error.log", "/dev/stderr")?
        .dir("var/lib/nginx", 0o755)?
        .dir("run", 0o755)?
        .dir("tmp", 0o1777)?;
    let defaults = Defaults {
        cmd: &["nginx", "-g", "daemon off;"],
        expose: Some("80/tcp"),
        stop_signal: Some("SIGQUIT"),
        ..Defaults::default()
    };
    Ok(Image::new(
        ARCH,
        vec![system.finish(Compression::Gzip)?, setup.finish(Compression::Gzip)?],
        Family::Docker,
        &defaults,
    ))
}

fn python3(checkout: &Checkout, note: &Note) -> Result<Image> {
    let root = Rootfs::of(checkout, "python3", &["python3"], rootfs::Dependencies::With, note)?;
    let mut system = LayerBuilder::new("Debian python3 and its libraries");
    system.tree(root.path())?;
    let defaults = Defaults { cmd: &["python3"], ..Defaults::default() };
    Ok(Image::new(ARCH, vec![system.finish(Compression::Gzip)?], Family::Oci, &defaults))
}

/// curl, dig, getent, iperf3 and python3 beside busybox.
fn tools(checkout: &Checkout, note: &Note) -> Result<Image> {
    let packages = ["busybox-static", "libc-bin", "curl", "bind9-dnsutils", "iperf3", "python3"];
    let root = Rootfs::of(checkout, "tools", &packages, rootfs::Dependencies::With, note)?;
    root.link_busybox()?;
    let mut system = LayerBuilder::new("Debian curl, dig, iperf3, python3 and their libraries");
    system.tree(root.path())?.dir("tmp", 0o1777)?;
    let defaults = Defaults { cmd: &["sh"], stop_signal: Some("SIGKILL"), ..Defaults::default() };
    Ok(Image::new(ARCH, vec![system.finish(Compression::Zstd)?], Family::Oci, &defaults))
}

/// A database of its own at each start, open to everyone who reaches it.
fn postgres(checkout: &Checkout, note: &Note) -> Result<Image> {
    let packages = ["busybox-static", "postgresql-17", "postgresql-client-17"];
    let root = Rootfs::of(checkout, "postgres", &packages, rootfs::Dependencies::With, note)?;
    root.leave_out(&LEFT_OUT_OF_POSTGRES)?;
    root.link_busybox()?;
    let mut system = LayerBuilder::new("Debian postgresql and its libraries");
    system.tree(root.path())?;
    let mut setup = LayerBuilder::new("a cluster at the first start");
    setup
        .file("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\npostgres:x:70:70::/data:/bin/sh\n")?
        .file("etc/group", 0o644, b"root:x:0:\npostgres:x:70:\n")?
        .dir("tmp", 0o1777)?
        .dir("data", 0o1777)?
        .file("usr/bin/serve", 0o755, include_bytes!("fixtures/postgres.sh"))?;
    let defaults = Defaults {
        cmd: &["serve"],
        expose: Some("5432/tcp"),
        stop_signal: Some("SIGINT"),
        user: Some("postgres"),
        ..Defaults::default()
    };
    let layers = vec![system.finish(Compression::Zstd)?, setup.finish(Compression::Zstd)?];
    Ok(Image::new(ARCH, layers, Family::Oci, &defaults))
}
