//! A `docker-registry` process of its own for each test, and how images get into it.

use crate::fixture::{Blob, FixtureImage};
use berth_image::{Digest, ImageStore, NetworkConfig, Progress, PullEvent, Reference, StoreConfig};
use std::{
    net::TcpListener,
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

pub(crate) struct Registry {
    process: Child,
    pub(crate) port: u16,
    scheme: &'static str,
    _dir: tempfile::TempDir,
    http: reqwest::Client,
}

impl Registry {
    pub(crate) async fn start() -> Self {
        Self::with("").await
    }

    /// With more lines for its configuration.
    pub(crate) async fn with(more: &str) -> Self {
        Self::launch(more, "http").await
    }

    /// With `cert.pem` and `key.pem` of a directory.
    pub(crate) async fn with_tls(dir: &std::path::Path) -> Self {
        let dir = dir.display();
        Self::launch(&format!("  tls:\n    certificate: {dir}/cert.pem\n    key: {dir}/key.pem\n"), "https").await
    }

    /// With a `tls` section that lets nobody in without the certificate of a directory.
    pub(crate) async fn with_client_certificates(more: &str, dir: &std::path::Path) -> Self {
        let pem = ["cert.pem", "key.pem"].map(|name| std::fs::read(dir.join(name)).unwrap()).concat();
        let identity = reqwest::Identity::from_pem(&pem).unwrap();
        Self::launch_with(more, "https", |http| http.identity(identity)).await
    }

    async fn launch(more: &str, scheme: &'static str) -> Self {
        Self::launch_with(more, scheme, |http| http).await
    }

    async fn launch_with(
        more: &str,
        scheme: &'static str,
        own: impl FnOnce(reqwest::ClientBuilder) -> reqwest::ClientBuilder,
    ) -> Self {
        // Another test may have been first.
        rustls::crypto::ring::default_provider().install_default().ok();
        let dir = store_dir();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = dir.path().join("config.yml");
        let storage = dir.path().join("storage");
        let text = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n{more}",
            storage.display()
        );
        std::fs::write(&config, text).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry is installed (apt install docker-registry)");
        let http = own(reqwest::Client::builder().no_proxy().danger_accept_invalid_certs(true)).build().unwrap();
        let registry = Self { process, port, scheme, _dir: dir, http };
        let began = Instant::now();
        while registry.http.get(registry.url("")).send().await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(20), "docker-registry does not answer");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        registry
    }

    pub(crate) fn name(&self, image: &str) -> Reference {
        format!("127.0.0.1:{}/{image}", self.port).parse().unwrap()
    }

    fn url(&self, rest: &str) -> String {
        format!("{}://127.0.0.1:{}/v2/{rest}", self.scheme, self.port)
    }

    pub(crate) async fn push(&self, name: &str, tag: &str, image: &FixtureImage) {
        self.push_blob(name, &image.config).await;
        for layer in &image.layers {
            self.push_blob(name, &layer.blob).await;
        }
        self.push_manifest(name, tag, &image.manifest, image.media_type).await;
    }

    pub(crate) async fn push_blob(&self, name: &str, blob: &Blob) {
        let begun = self.http.post(self.url(&format!("{name}/blobs/uploads/"))).send().await.unwrap();
        let mut location: reqwest::Url = begun.headers()["location"].to_str().unwrap().parse().unwrap();
        location.query_pairs_mut().append_pair("digest", &blob.digest.to_string());
        let put = self.http.put(location).body(blob.bytes.clone()).send().await.unwrap();
        assert_eq!(put.status(), 201, "{}", put.text().await.unwrap());
    }

    pub(crate) async fn push_manifest(&self, name: &str, tag: &str, manifest: &[u8], media_type: &str) {
        let put = self.http.put(self.url(&format!("{name}/manifests/{tag}")));
        let put = put.header("content-type", media_type).body(manifest.to_vec()).send().await.unwrap();
        assert_eq!(put.status(), 201, "{}", put.text().await.unwrap());
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

/// A store in a directory of its own.
pub(crate) struct TestStore {
    pub(crate) store: ImageStore,
    pub(crate) dir: tempfile::TempDir,
}

/// A directory for a store. In memory: flushes then wait for no one else's writes, and what a flush is for is the
/// business of the power-cut tests.
pub(crate) fn store_dir() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

pub(crate) async fn store() -> TestStore {
    let dir = store_dir();
    TestStore { store: open(dir.path()).await, dir }
}

pub(crate) async fn open(root: &std::path::Path) -> ImageStore {
    ImageStore::open(StoreConfig { root: root.to_owned(), network: NetworkConfig::default() }).await.unwrap()
}

impl TestStore {
    /// How many files of each kind there are: blobs, layers, things in the making.
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        let count = |name: &str| std::fs::read_dir(self.dir.path().join(name)).unwrap().count();
        (count("blobs/sha256"), count("layers"), count("tmp"))
    }

    pub(crate) fn diff(&self, chain_id: &Digest) -> std::path::PathBuf {
        self.dir.path().join("layers").join(chain_id.hex()).join("diff")
    }
}

/// Progress that is kept.
#[derive(Clone, Default)]
pub(crate) struct Events(Arc<Mutex<Vec<PullEvent>>>);

impl Events {
    pub(crate) fn sink(&self) -> Progress {
        let events = self.0.clone();
        Arc::new(move |event| events.lock().unwrap().push(event))
    }

    pub(crate) fn all(&self) -> Vec<PullEvent> {
        self.0.lock().unwrap().clone()
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.all().iter().map(ToString::to_string).collect()
    }

    pub(crate) fn count(&self, text: &str) -> usize {
        self.texts().iter().filter(|event| *event == text).count()
    }
}

pub(crate) fn quiet() -> Progress {
    Arc::new(|_| {})
}
