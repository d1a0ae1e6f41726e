//! What the files hold, parsed and checked against each other, and its hand-over to handshakes.

use std::{path::Path, sync::Arc, time::SystemTime};

use arc_swap::ArcSwap;
use rustls::{
    RootCertStore, SignatureScheme,
    client::ResolvesClientCert,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::CertifiedKey,
};

use super::{TlsError, TlsFiles};
use crate::identity::{Caller, Peer, TrustDomain, sha256};

/// One reading of the files.
#[derive(Debug)]
pub(super) struct Material {
    pub(super) caller: Caller,
    pub(super) not_after: SystemTime,
    pub(super) certified_key: Arc<CertifiedKey>,
    pub(super) roots: Arc<RootCertStore>,
    pub(super) client_verifier: Arc<dyn ClientCertVerifier>,
    /// SHA-256 of each file, to see whether anything changed.
    pub(super) fingerprint: [[u8; 32]; 3],
}

impl Material {
    pub(super) fn read(
        files: &TlsFiles,
        trust_domain: &TrustDomain,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Material, TlsError> {
        let (certificate, key, bundle) = (read(&files.certificate)?, read(&files.key)?, read(&files.bundle)?);
        let chain = certificates(&files.certificate, &certificate)?;
        let identity = |source| TlsError::Identity { path: files.certificate.clone(), source };
        let leaf = chain.first().ok_or_else(|| nothing_in(&files.certificate))?;
        let peer = Peer::from_certificate(leaf, trust_domain).map_err(identity)?;
        let private = PrivateKeyDer::from_pem_slice(&key)
            .map_err(|source| TlsError::Pem { path: files.key.clone(), source })?;
        let certified_key = CertifiedKey::from_der(chain, private, provider)
            .map_err(|source| TlsError::Key { path: files.key.clone(), source })?;
        let roots = Arc::new(roots(&files.bundle, &bundle)?);
        let client_verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone())
            .build()
            .map_err(TlsError::Verifier)?;
        Ok(Material {
            caller: peer.caller,
            not_after: peer.certificate_not_after,
            certified_key: Arc::new(certified_key),
            roots,
            client_verifier,
            fingerprint: [sha256(&certificate), sha256(&key), sha256(&bundle)],
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    std::fs::read(path).map_err(|source| TlsError::Read { path: path.to_owned(), source })
}

fn certificates(path: &Path, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|source| TlsError::Pem { path: path.to_owned(), source })?;
    if found.is_empty() { Err(nothing_in(path)) } else { Ok(found) }
}

fn roots(path: &Path, pem: &[u8]) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path, pem)? {
        roots.add(certificate).map_err(|source| TlsError::Bundle { path: path.to_owned(), source })?;
    }
    Ok(roots)
}

fn nothing_in(path: &Path) -> TlsError {
    TlsError::Pem { path: path.to_owned(), source: rustls::pki_types::pem::Error::NoItemsFound }
}

/// Gives each handshake the certificate that is current, on both sides.
#[derive(Debug)]
pub(super) struct Resolver(pub(super) Arc<ArcSwap<Material>>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load().certified_key.clone())
    }
}

impl ResolvesClientCert for Resolver {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load().certified_key.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}
