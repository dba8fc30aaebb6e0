use crate::{
    fixture::{FixtureImage, OCI_INDEX, files, index, tar},
    registry::{TestStore, store},
};
use berth_image::{Digest, ErrorKind, LoadEvent, Platform};
use serde_json::json;
use std::{
    io::Write as _,
    sync::{Arc, Mutex},
};

fn image() -> FixtureImage {
    FixtureImage::new(vec![files(&[("a", b"a")]), files(&[("b", b"b")])])
}

/// As `docker save` wrote it for years: layers plain, in directories, the configuration named after its digest.
pub(crate) fn docker_archive(image: &FixtureImage, tags: &[&str]) -> Vec<u8> {
    let config = format!("{}.json", image.id().hex());
    let layers: Vec<String> = (0..image.layers.len()).map(|n| format!("layer-{n}/layer.tar")).collect();
    let manifest = json!([{"Config": config, "RepoTags": tags, "Layers": layers}]).to_string();
    let mut files: Vec<(&str, &[u8])> = vec![(&config, &image.config.bytes), ("manifest.json", manifest.as_bytes())];
    for (path, layer) in layers.iter().zip(&image.layers) {
        files.push((path, &layer.plain));
    }
    tar(&files)
}

fn oci_layout(image: &FixtureImage, annotations: &serde_json::Value, wrap: bool) -> Vec<u8> {
    let path = |digest: &Digest| format!("blobs/sha256/{}", digest.hex());
    let inner = index(&[("amd64", image)]);
    let (target, media_type) = if wrap { (&inner, OCI_INDEX) } else { (&image.manifest, image.media_type) };
    let outer = json!({"schemaVersion": 2, "manifests": [{"mediaType": media_type, "size": target.len(),
        "digest": Digest::of(target).to_string(), "annotations": annotations}]})
    .to_string();
    let mut files: Vec<(String, &[u8])> = vec![
        ("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#),
        ("index.json".into(), outer.as_bytes()),
        (path(&Digest::of(&inner)), &inner),
        (path(&Digest::of(&image.manifest)), &image.manifest),
        (path(&image.id()), &image.config.bytes),
    ];
    for layer in &image.layers {
        files.push((path(&layer.blob.digest), &layer.blob.bytes));
    }
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    tar(&files)
}

async fn load(test: &TestStore, archive: &[u8]) -> Result<Vec<String>, berth_image::ImageError> {
    load_for(test, archive, None).await
}

/// What was said of images; layers are told too, each to its end.
pub(crate) async fn load_for(
    test: &TestStore,
    archive: &[u8],
    platform: Option<&str>,
) -> Result<Vec<String>, berth_image::ImageError> {
    let said = Arc::new(Mutex::new(Vec::new()));
    let progress = {
        let said = said.clone();
        Arc::new(move |event: LoadEvent| match event {
            LoadEvent::Layer { current, total, .. } => assert!(current > 0 && current <= total),
            event => said.lock().unwrap().push(event.to_string()),
        })
    };
    let platform: Option<Platform> = platform.map(|platform| platform.parse().unwrap());
    test.store.load(archive, platform.as_ref(), progress).await?;
    let said = said.lock().unwrap().clone();
    Ok(said)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_docker_archive_is_loaded_plain_and_compressed() {
    let image = image();
    let archive = docker_archive(&image, &["app:v1", "team/app"]);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&archive).unwrap();
    for archive in [archive.clone(), gzip.finish().unwrap(), zstd::encode_all(&archive[..], 1).unwrap()] {
        let test = store().await;
        assert_eq!(load(&test, &archive).await.unwrap(), ["Loaded image: app:v1", "Loaded image: team/app:latest"]);
        let loaded = test.store.resolve("app:v1").await.unwrap();
        assert_eq!((loaded.id, loaded.layers.len(), loaded.digests.len()), (image.id(), 2, 0));
        assert_eq!(std::fs::read(test.diff(&loaded.layers[0].chain_id).join("a")).unwrap(), b"a");
        assert_eq!(test.counts().2, 0);
        // Loading it again is fine.
        load(&test, &archive).await.unwrap();
        assert_eq!(test.store.list().await.unwrap().len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oci_layout_is_loaded_with_and_without_a_name() {
    let image = image();
    for (annotations, wrap, line) in [
        (json!({"io.containerd.image.name": "docker.io/library/app:v1"}), false, "Loaded image: app:v1".to_owned()),
        (json!({"org.opencontainers.image.ref.name": "team/app:v2"}), true, "Loaded image: team/app:v2".to_owned()),
        (json!({"org.opencontainers.image.ref.name": "latest"}), false, format!("Loaded image ID: {}", image.id())),
    ] {
        let test = store().await;
        assert_eq!(load(&test, &oci_layout(&image, &annotations, wrap)).await.unwrap(), [line]);
        let loaded = test.store.resolve(&image.id().short()).await.unwrap();
        assert_eq!(loaded.manifest, Some(Digest::of(&image.manifest)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_archive_is_refused_with_a_reason_and_leaves_nothing() {
    let image = image();
    let mut other = image.clone();
    other.layers[1] = files(&[("b", b"other")]);
    let mut wrong_config = image.clone();
    wrong_config.config.bytes.push(b' ');
    let whole = docker_archive(&image, &["app"]);
    let cases = [
        (docker_archive(&other, &["app"]), ErrorKind::Damaged, "the content of a layer"),
        (docker_archive(&wrong_config, &["app"]), ErrorKind::Damaged, "in the archive is damaged"),
        (oci_layout(&wrong_config, &json!({}), false), ErrorKind::Damaged, "in the archive is damaged"),
        (tar(&[("etc/", b""), ("etc/passwd", b"")]), ErrorKind::Invalid, "neither a docker archive nor an OCI layout"),
        (tar(&[("manifest.json", br#"[{"Config":"x.json","Layers":[]}]"#)]), ErrorKind::Invalid, "lacks x.json"),
        (whole[..whole.len() / 2].to_vec(), ErrorKind::Invalid, "archive"),
        (docker_archive(&image, &["App:v1"]), ErrorKind::Invalid, "must be lowercase"),
        (b"no tar at all, and longer than a name could be".repeat(20), ErrorKind::Invalid, "archive"),
        (vec![], ErrorKind::Invalid, "neither"),
    ];
    for (archive, kind, words) in cases {
        let test = store().await;
        let error = load(&test, &archive).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(test.counts(), (0, 0, 0), "{error}");
    }
}
