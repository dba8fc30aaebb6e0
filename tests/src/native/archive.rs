//! An image to start containers from, made of this machine's busybox.

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
    let mut layer = tar::Builder::new(Vec::new());
    let program = std::fs::read(BUSYBOX).expect("busybox, from Debian's busybox-static");
    file(&mut layer, "bin/busybox", 0o755, &program);
    file(&mut layer, "etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\n");
    file(&mut layer, "etc/group", 0o644, b"root:x:0:\n");
    for applet in APPLETS {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        layer.append_link(&mut header, format!("bin/{applet}"), "busybox").expect("a link");
    }
    let layer = layer.into_inner().expect("a layer");
    let hash: String = Sha256::digest(&layer).iter().map(|byte| format!("{byte:02x}")).collect();
    let config = serde_json::json!({
        "architecture": "amd64", "os": "linux",
        "config": { "Env": ["PATH=/bin"], "Cmd": ["sh"] },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{hash}")] },
    });
    let manifest =
        serde_json::json!([{ "Config": "config.json", "RepoTags": ["busybox:latest"], "Layers": ["layer.tar"] }]);
    let mut archive = tar::Builder::new(Vec::new());
    file(&mut archive, "manifest.json", 0o644, manifest.to_string().as_bytes());
    file(&mut archive, "config.json", 0o644, config.to_string().as_bytes());
    file(&mut archive, "layer.tar", 0o644, &layer);
    archive.into_inner().expect("an archive")
}

fn file(archive: &mut tar::Builder<Vec<u8>>, path: &str, mode: u32, bytes: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_mode(mode);
    header.set_size(bytes.len() as u64);
    archive.append_data(&mut header, path, bytes).expect("a file");
}
