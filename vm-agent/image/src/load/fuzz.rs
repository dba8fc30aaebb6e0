//! Archives whose documents say anything anywhere.

use super::*;
use crate::ErrorKind;
use proptest::{option, prelude::*};
use serde_json::{Value, json};

const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";

fn config() -> Value {
    json!({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["sh"]}, "history": [{"created_by": "x"}],
        "rootfs": {"type": "layers", "diff_ids": [Digest::of(b"layer").to_string()]}})
}

/// Stands for the digest of what it names, which is known only when that is written.
fn stand_in(name: &str) -> String {
    Digest::of(name.as_bytes()).to_string()
}

fn manifest() -> Value {
    json!({"schemaVersion": 2, "mediaType": manifest::OCI_MANIFEST,
        "config": {"mediaType": OCI_CONFIG, "digest": stand_in("config"), "size": 1},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": Digest::of(b"layer").to_string(), "size": 5}]})
}

fn index() -> Value {
    let descriptor = |architecture: &str, name: &str| {
        json!({"mediaType": manifest::OCI_MANIFEST, "digest": stand_in("manifest"), "size": 1,
            "platform": {"os": "linux", "architecture": architecture}, "annotations": {NAME: name, REF_NAME: "v1"}})
    };
    json!({"schemaVersion": 2, "manifests": [descriptor("amd64", "app:v1"), descriptor("arm64", "app:v1"), descriptor("amd64", "b")]})
}

fn item() -> Value {
    json!([{"Config": "config.json", "RepoTags": ["app:v1", "b"], "Layers": ["layer.tar"]}])
}

fn tar(files: &[(String, Vec<u8>)]) -> tempfile::NamedTempFile {
    let mut archive = tar::Builder::new(tempfile::NamedTempFile::new().unwrap());
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, name, &bytes[..]).unwrap();
    }
    archive.into_inner().unwrap()
}

/// Images with plans, or a refusal that blames the archive.
fn check(files: &[(String, Vec<u8>)], platform: Option<&Platform>) -> Result<(), TestCaseError> {
    let file = tar(files);
    let found = Archive::open(file.path()).and_then(|archive| images(&archive, platform));
    let planned: crate::Result<Vec<()>> = found.and_then(|found| {
        let blobs = |image: &Found| image.layers.iter().map(|layer| layer.blob).collect::<Vec<_>>();
        found.iter().map(|image| plans("it", &image.config, &blobs(image)).map(drop)).collect()
    });
    if let Err(error) = planned {
        let kind = error.kind();
        prop_assert!(matches!(kind, ErrorKind::Invalid | ErrorKind::Damaged | ErrorKind::NotFound), "{}", error);
        prop_assert!(!error.to_string().trim().is_empty());
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_layout_that_says_anything_is_read_or_refused(
        config in berth_fuzz::changed(config()), manifest in berth_fuzz::changed(manifest()),
        index in berth_fuzz::changed(index()), platform in option::of(Just("linux/arm64")),
    ) {
        let path = |bytes: &[u8]| crate::save::blob_path(&Digest::of(bytes));
        let config = config.to_string().into_bytes();
        let manifest = manifest.to_string().replace(&stand_in("config"), &Digest::of(&config).to_string()).into_bytes();
        let index = index.to_string().replace(&stand_in("manifest"), &Digest::of(&manifest).to_string());
        let files = [
            ("oci-layout".to_owned(), b"{}".to_vec()), ("index.json".to_owned(), index.into_bytes()),
            (path(&manifest), manifest.clone()), (path(&config), config.clone()),
        ];
        check(&files, platform.map(|platform| platform.parse().unwrap()).as_ref())?;
    }

    #[test]
    fn an_archive_of_docker_that_says_anything_is_read_or_refused(
        config in berth_fuzz::changed(config()), manifest in berth_fuzz::changed(item()),
    ) {
        let files = [
            ("manifest.json".to_owned(), manifest.to_string().into_bytes()),
            ("config.json".to_owned(), config.to_string().into_bytes()), ("layer.tar".to_owned(), b"layer".to_vec()),
        ];
        check(&files, None)?;
    }
}
