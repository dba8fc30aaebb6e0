//! Images to start containers from, made of this machine's busybox.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const BUSYBOX: &str = "/bin/busybox";
const APPLETS: [&str; 16] = [
    "sh", "true", "false", "cat", "echo", "sleep", "seq", "ls", "mount", "id", "env", "yes", "head", "dd", "ln",
    "mkdir",
];

/// `docker save` of the image `busybox:latest`.
///
/// # Panics
/// When this machine has no busybox.
#[must_use]
pub fn busybox() -> Vec<u8> {
    image("busybox", &json!({}), |_| {})
}

/// `docker save` of an image that has what busybox has, `config` on top of its configuration, and what `fill` adds.
///
/// # Panics
/// When this machine has no busybox.
#[must_use]
pub fn image(name: &str, config: &Value, fill: impl FnOnce(&mut Layer)) -> Vec<u8> {
    let mut layer = Layer(tar::Builder::new(Vec::new()));
    let program = std::fs::read(BUSYBOX).expect("busybox, from Debian's busybox-static");
    layer.file("bin/busybox", 0o755, &program);
    layer.file("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\n");
    layer.file("etc/group", 0o644, b"root:x:0:\n");
    for applet in APPLETS {
        layer.link(&format!("bin/{applet}"), "busybox");
    }
    fill(&mut layer);
    let layer = layer.0.into_inner().expect("a layer");
    let hash: String = Sha256::digest(&layer).iter().map(|byte| format!("{byte:02x}")).collect();
    let mut whole = json!({ "Env": ["PATH=/bin"], "Cmd": ["sh"] });
    for (key, value) in config.as_object().expect("an object") {
        whole[key] = value.clone();
    }
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": whole,
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{hash}")] },
    });
    let tag = format!("{name}:latest");
    let manifest = json!([{ "Config": "config.json", "RepoTags": [tag], "Layers": ["layer.tar"] }]);
    let mut archive = Layer(tar::Builder::new(Vec::new()));
    archive.file("manifest.json", 0o644, manifest.to_string().as_bytes());
    archive.file("config.json", 0o644, config.to_string().as_bytes());
    archive.file("layer.tar", 0o644, &layer);
    archive.0.into_inner().expect("an archive")
}

/// A layer being written.
pub struct Layer(tar::Builder<Vec<u8>>);

impl Layer {
    /// A file.
    ///
    /// # Panics
    /// When the path does not fit into an archive.
    pub fn file(&mut self, path: &str, mode: u32, bytes: &[u8]) {
        let mut header = tar::Header::new_gnu();
        header.set_mode(mode);
        header.set_size(bytes.len() as u64);
        self.0.append_data(&mut header, path, bytes).expect("a file");
    }

    /// A symbolic link.
    ///
    /// # Panics
    /// When a path does not fit into an archive.
    pub fn link(&mut self, path: &str, target: &str) {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        self.0.append_link(&mut header, path, target).expect("a link");
    }

    /// A directory or a named pipe.
    ///
    /// # Panics
    /// When the path does not fit into an archive.
    pub fn entry(&mut self, path: &str, kind: tar::EntryType, mode: u32) {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(0);
        self.0.append_data(&mut header, path, &[][..]).expect("an entry");
    }
}
