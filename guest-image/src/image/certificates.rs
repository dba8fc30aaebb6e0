//! The certificate authorities the guest trusts: Mozilla's, as Debian packages them.

use crate::debian::tree::{Tree, TreeError};

/// Folder of the single certificates.
const FOLDER: &str = "usr/share/ca-certificates/mozilla/";
/// Fewer than this is not Mozilla's list (it has about 145): the package has changed its shape.
const FEWEST: usize = 50;

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub enum CertificatesError {
    /// A file is missing.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Too few to be right.
    #[error(
        "package ca-certificates has {0} certificates, at least {FEWEST} were expected; look at src/image/certificates.rs"
    )]
    TooFew(usize),
}

/// One PEM file of all of them, in the order of their names.
pub(crate) fn bundle(tree: &Tree) -> Result<Vec<u8>, CertificatesError> {
    let mut out = Vec::new();
    let mut count = 0;
    for path in tree.under(FOLDER).filter(|path| path.ends_with(".crt")) {
        let pem = tree.file(path)?;
        out.extend_from_slice(pem);
        if !pem.ends_with(b"\n") {
            out.push(b'\n');
        }
        count += 1;
    }
    if count < FEWEST { Err(CertificatesError::TooFew(count)) } else { Ok(out) }
}
