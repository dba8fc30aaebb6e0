//! What makes a registry one that asks for a password over TLS.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Where a guest finds what listens on the user's own loopback.
pub const HOST_FROM_GUEST: &str = "198.19.87.2";

/// A key, a certificate that its own key signed, and who may log in.
pub struct Secured {
    dir: tempfile::TempDir,
}

impl Secured {
    /// Who may log in.
    pub const USER: &str = "user";
    /// And by which password.
    pub const PASSWORD: &str = "canary";
    /// The password, as bcrypt has it.
    const HASH: &str = "$2y$05$abcdefghijklmnopqrstuuRprvAQdy7TukEWRpyjPPFyNaLWFtNea";

    /// Makes it, for the loopback and for the address beside it.
    ///
    /// # Panics
    /// Without openssl.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "it makes files; a default should cost nothing")]
    pub fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let names = format!("subjectAltName=DNS:localhost,IP:{HOST_FROM_GUEST}");
        let made = Command::new("openssl")
            .current_dir(&dir)
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
            .args(["-subj", "/CN=localhost", "-addext", &names, "-keyout", "key.pem", "-out", "cert.pem"])
            .output()
            .expect("openssl, from Debian's package of that name");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let users = format!("{}:{}\n", Self::USER, Self::HASH);
        std::fs::write(dir.path().join("htpasswd"), users).expect("write");
        Self { dir }
    }

    /// The certificate, which is its own authority.
    #[must_use]
    pub fn certificate(&self) -> PathBuf {
        self.dir.path().join("cert.pem")
    }

    /// The sections `http` and `auth` of the configuration of a `docker-registry` that listens on `address`.
    #[must_use]
    pub fn sections(&self, address: &str) -> String {
        let path = |name: &str| Path::join(self.dir.path(), name).display().to_string();
        format!(
            "http:\n  addr: '{address}'\n  tls: {{ certificate: '{}', key: '{}' }}\n\
             auth:\n  htpasswd: {{ realm: berth, path: '{}' }}\n",
            path("cert.pem"),
            path("key.pem"),
            path("htpasswd")
        )
    }
}
