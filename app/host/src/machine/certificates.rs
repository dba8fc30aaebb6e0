//! `certs.d`: certificates of single registries, in docker's layout.
//!
//! A folder is named for its registry, `HOST[:PORT]`. Each `*.crt`
//! in it is an authority; a `*.cert` with the `*.key` of its name is what this side shows to the registry.

use berth_machine::Failure;
use berth_protocol::settings::{ClientCertificate, RegistryCertificates};
use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fmt::Display,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

/// What all folders hold, by registry; nothing without `certs.d`.
///
/// # Errors
/// A [`Failure`] that names the file that cannot be used.
pub(super) fn read(folder: &Path) -> Result<BTreeMap<String, RegistryCertificates>, Failure> {
    let registries = match entries(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
        entries => entries.map_err(|error| failed(folder, &error))?,
    };
    let mut all = BTreeMap::new();
    for path in registries.into_iter().filter(|path| path.is_dir()) {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let found = registry(&path)?;
        if found != RegistryCertificates::default() {
            all.insert(name.to_owned(), found);
        }
    }
    Ok(all)
}

fn registry(folder: &Path) -> Result<RegistryCertificates, Failure> {
    let mut found = RegistryCertificates::default();
    for path in entries(folder).map_err(|error| failed(folder, &error))? {
        match path.extension().and_then(OsStr::to_str) {
            Some("crt") => found.authorities.push(pem(&path, "CERTIFICATE")?),
            Some("cert") => {
                let key = path.with_extension("key");
                if !key.exists() {
                    let why = format!(
                        "missing key {} for client certificate {}; CA certificates must use the extension .crt",
                        shown(&key),
                        shown(&path)
                    );
                    return Err(failed(folder, &why));
                }
                if found.client.is_some() {
                    return Err(failed(folder, &"there are several client certificates (*.cert); keep one"));
                }
                let (chain, key) = (pem(&path, "CERTIFICATE")?, pem(&key, "PRIVATE KEY")?);
                found.client = Some(ClientCertificate { chain, key });
            }
            Some("key") if !path.with_extension("cert").exists() => {
                let why = format!(
                    "missing client certificate {} for key {}",
                    shown(&path.with_extension("cert")),
                    shown(&path)
                );
                return Err(failed(folder, &why));
            }
            _ => {}
        }
    }
    Ok(found)
}

/// A file that holds at least one of `what`.
fn pem(path: &Path, what: &str) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| failed(path, &error))?;
    let holds =
        text.lines().any(|line| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&format!("{what}-----")));
    if holds { Ok(text) } else { Err(failed(path, &format!("it holds no {what} in PEM form"))) }
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths: Vec<_> = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}

fn shown(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn failed(path: &Path, why: &dyn Display) -> Failure {
    Failure::new(
        "reading the certificates of registries",
        format_args!("{}: {why}", path.display()),
        "mend or remove the file, then start the machine with: berth up",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n";
    const KEY: &str = "-----BEGIN EC PRIVATE KEY-----\ncanary\n-----END EC PRIVATE KEY-----\n";

    #[test]
    fn dockers_layout_is_read_and_what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let certs = folder.path().join("certs.d");
        assert_eq!(read(&certs).unwrap(), BTreeMap::new());
        let own = certs.join("r.example:5000");
        std::fs::create_dir_all(&own).unwrap();
        std::fs::create_dir_all(certs.join("empty.example")).unwrap();
        let put = |name: &str, text: &str| std::fs::write(own.join(name), text).unwrap();
        put("ca.crt", CERTIFICATE);
        put("README", "x");
        assert_eq!(read(&certs).unwrap()["r.example:5000"].authorities, [CERTIFICATE]);
        put("client.cert", CERTIFICATE);
        let said = read(&certs).unwrap_err().to_string();
        assert!(said.contains("missing key client.key for client certificate client.cert"), "{said}");
        put("client.key", KEY);
        let all = read(&certs).unwrap();
        assert_eq!(all.keys().collect::<Vec<_>>(), ["r.example:5000"]);
        assert_eq!(all["r.example:5000"].client.as_ref().unwrap().key, KEY);
        put("other.key", KEY);
        let said = read(&certs).unwrap_err().to_string();
        assert!(said.contains("missing client certificate other.cert for key other.key"), "{said}");
        put("other.cert", CERTIFICATE);
        assert!(read(&certs).unwrap_err().to_string().contains("several client certificates"));
        put("ca.crt", KEY);
        let said = read(&certs).unwrap_err().to_string();
        assert!(said.contains("ca.crt: it holds no CERTIFICATE in PEM form") && !said.contains("canary"), "{said}");
    }
}
