//! Whom TLS trusts: the authorities of the configuration, or, on the user's own loopback, anyone.

use crate::{ImageError, NetworkConfig, Result, error::IoContext as _};
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    crypto::CryptoProvider,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _};
use std::sync::Arc;

/// For registries everywhere.
pub(super) fn strict(network: &NetworkConfig) -> Result<ClientConfig> {
    let mut roots = RootCertStore::empty();
    if let Some(path) = &network.ca_bundle {
        let bundle = std::fs::read(path).at("read", path)?;
        let (_, broken) = roots.add_parsable_certificates(certificates(&bundle));
        if broken > 0 {
            tracing::warn!(broken, path = %path.display(), "certificates of the bundle cannot be used");
        }
    }
    for pem in &network.ca_roots_pem {
        let (added, _) = roots.add_parsable_certificates(certificates(pem.as_bytes()));
        if added == 0 {
            tracing::warn!("a certificate authority of the host cannot be used");
        }
    }
    Ok(builder()?.with_root_certificates(roots).with_no_client_auth())
}

/// For registries on the user's own loopback, where docker checks nothing either.
pub(super) fn trusting() -> Result<ClientConfig> {
    let anyone = Arc::new(Anyone(provider()));
    Ok(builder()?.dangerous().with_custom_certificate_verifier(anyone).with_no_client_auth())
}

fn certificates(pem: &[u8]) -> impl Iterator<Item = CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem).filter_map(std::result::Result::ok)
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn builder() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>> {
    let builder = ClientConfig::builder_with_provider(provider());
    builder.with_safe_default_protocol_versions().map_err(|e| ImageError::Internal(format!("TLS: {e}")))
}

#[derive(Debug)]
struct Anyone(Arc<CryptoProvider>);

impl ServerCertVerifier for Anyone {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
