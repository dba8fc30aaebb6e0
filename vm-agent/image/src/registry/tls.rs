//! Whom TLS trusts: the authorities of the configuration, or, where the user wants it so, anyone.

use crate::{ImageError, NetworkConfig, Result, error::IoContext as _};
use berth_protocol::settings::RegistryCertificates;
use rustls::{
    ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::CryptoProvider,
    server::ParsedCertificate,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime, pem::PemObject as _};
use std::sync::Arc;

/// The authorities that are trusted everywhere.
pub(super) fn roots(network: &NetworkConfig) -> Result<RootCertStore> {
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
    Ok(roots)
}

/// For registries everywhere.
pub(super) fn strict(roots: RootCertStore) -> Result<ClientConfig> {
    Ok(builder()?.with_root_certificates(roots).with_no_client_auth())
}

/// For one registry: with its authorities besides `roots`, or, without these, trusting it whatever it shows; and with
/// the certificate that it wants to see. The reason when they cannot be used.
pub(super) fn own(
    own: &RegistryCertificates,
    roots: Option<RootCertStore>,
) -> std::result::Result<ClientConfig, String> {
    let builder = builder().map_err(|e| e.to_string())?;
    let builder = match roots {
        None => builder.dangerous().with_custom_certificate_verifier(Arc::new(Anyone(provider()))),
        Some(roots) if own.authorities.is_empty() => builder.with_root_certificates(roots),
        Some(mut roots) => {
            for pem in &own.authorities {
                if roots.add_parsable_certificates(certificates(pem.as_bytes())).0 == 0 {
                    return Err("an authority (*.crt) holds no certificate in PEM form".into());
                }
            }
            let strict = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
            let authorities = own.authorities.iter().flat_map(|pem| certificates(pem.as_bytes())).collect();
            let strict = strict.map_err(|e| format!("the authorities: {e}"))?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(OrItself { strict, authorities }))
        }
    };
    let Some(client) = &own.client else { return Ok(builder.with_no_client_auth()) };
    let chain: Vec<_> = certificates(client.chain.as_bytes()).collect();
    let key = PrivateKeyDer::from_pem_slice(client.key.as_bytes());
    let key = key.map_err(|_| "the client's key (*.key) holds no private key in PEM form that can be read")?;
    builder.with_client_auth_cert(chain, key).map_err(|e| format!("the client's certificate and key: {e}"))
}

/// For registries on the user's own loopback and those called insecure, where docker checks nothing either.
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

/// As everywhere, and a certificate that is one of the authorities itself, as `openssl req -x509` makes it and docker's
/// manual tells to use it.
#[derive(Debug)]
struct OrItself {
    strict: Arc<WebPkiServerVerifier>,
    authorities: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for OrItself {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        match self.strict.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // That an authority stands in a server's place is found after its dates were looked at.
            Err(rustls::Error::InvalidCertificate(rustls::CertificateError::Other(_)))
                if self.authorities.iter().any(|authority| authority == end_entity) =>
            {
                verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
                Ok(ServerCertVerified::assertion())
            }
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.strict.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.strict.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.strict.supported_verify_schemes()
    }
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
