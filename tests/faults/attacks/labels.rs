//! Labels and annotations, which are data.

use super::{remove, start};
use crate::count;
use crate::odds::Odds;
use berth_tests::native::{Client, Engine, Ground, image};
use serde_json::{Value, json};
use std::path::Path;

/// Labels that have been configuration somewhere, or look as if they were.
const KNOWN: [(&str, &str); 18] = [
    ("io.containerd.runc.v2.group", "x"),
    ("run.oci.hooks.stderr", "/dev/null"),
    ("run.oci.keep_original_groups", "1"),
    ("run.oci.seccomp.receiver", "/tmp/socket"),
    ("run.oci.mount_context_type", "rootcontext"),
    ("run.oci.handler", "krun"),
    ("module.wasm.image/variant", "compat"),
    ("org.systemd.property.DeviceAllow", "'/dev/sda rwm'"),
    ("org.criu.config", "/etc/shadow"),
    ("io.kubernetes.cri-o.Devices", "/dev/sda"),
    ("io.katacontainers.config.hypervisor.path", "/bin/sh"),
    ("com.docker.compose.project", "../../etc"),
    ("cdi.k8s.io/vendor", "vendor.com/gpu=all"),
    ("devices.nvidia.com/gpu", "all"),
    ("oci.io/hooks.prestart", "/bin/sh"),
    ("berth.privileged", "true"),
    ("privileged", "true"),
    ("\u{0}\n\"}", "\"},\"privileged\":true"),
];

/// CVE-2026-94603, CVE-2026-53488: no label or annotation, of the request or of the image, changes what a container is
/// made of.
#[test]
fn labels_are_data() {
    let ground = Ground::new();
    let engine = Engine::start(&ground);
    let mut client = engine.client();
    let known: Value = KNOWN.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    client.load(&image("plain", &json!({}), |_| {}));
    client.load(&image("labelled", &json!({ "Labels": known }), |_| {}));
    let plain = spec(&mut client, ground.dir(), "plain", &json!({}), &json!({}));
    assert!(plain.contains("\"sleep\""));
    assert_eq!(spec(&mut client, ground.dir(), "labelled", &json!({}), &json!({})), plain, "labels of the image");
    for (name, value) in KNOWN {
        let one = json!({ name: value });
        assert_eq!(spec(&mut client, ground.dir(), "plain", &one, &json!({})), plain, "label {name}");
        assert_eq!(spec(&mut client, ground.dir(), "plain", &json!({}), &one), plain, "annotation {name}");
    }
    let mut odds = Odds::new();
    for _ in 0..count(20) {
        let (labels, annotations) = (any(&mut odds), any(&mut odds));
        let found = spec(&mut client, ground.dir(), "plain", &labels, &annotations);
        assert_eq!(found, plain, "labels {labels}, annotations {annotations}");
    }
}

/// Up to eight labels: parts of known names and of options, and any character at all.
fn any(odds: &mut Odds) -> Value {
    let words: Vec<&str> = KNOWN
        .iter()
        .flat_map(|(name, value)| name.split(['.', '/']).chain([*value]))
        .chain([
            "HostConfig",
            "Binds",
            "/:/host",
            "CapAdd",
            "ALL",
            "linux",
            "process",
            "seccomp",
            "..",
            "/",
            ".",
            "=",
            "\u{202e}",
        ])
        .collect();
    let text = |odds: &mut Odds| -> String {
        let part = |odds: &mut Odds| match odds.below(4) {
            0 => char::from_u32(u32::try_from(odds.below(0x3000)).expect("small")).unwrap_or('x').to_string(),
            1 => ["\0", "\n", "\"", "\\", "{", "}", ","][usize::try_from(odds.below(7)).expect("small")].to_owned(),
            _ => (*odds.pick(&words)).to_owned(),
        };
        (0..=odds.below(5)).map(|_| part(odds)).collect()
    };
    (0..odds.below(9)).map(|_| (text(odds), json!(text(odds)))).collect()
}

/// The specification of a container that was started with these labels and annotations.
fn spec(client: &mut Client, dir: &Path, image: &str, labels: &Value, annotations: &Value) -> String {
    let host = json!({ "NetworkMode": "none", "Annotations": annotations });
    let body = json!({
        "Image": image, "Cmd": ["sleep", "100000"], "HostConfig": host, "Labels": labels, "Hostname": "same",
    });
    let id = client.create("labelled", &body);
    start(client, &id);
    let text = std::fs::read_to_string(dir.join("run/containers").join(&id).join("config.json"));
    remove(client, &id);
    text.expect("config.json").replace(&id, "ID")
}
