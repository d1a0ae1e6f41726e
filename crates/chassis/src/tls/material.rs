//! What the files hold, parsed and checked against each other, and its hand-over to handshakes.

use std::{path::Path, sync::Arc, time::SystemTime};

use arc_swap::ArcSwap;
use rustls::{
    RootCertStore, SignatureScheme,
    client::ResolvesClientCert,
    crypto::CryptoProvider,
    pki_types::{
        CertificateDer, PrivateKeyDer,
        pem::{Error::NoItemsFound, PemObject},
    },
    server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier, danger::ClientCertVerifier},
    sign::CertifiedKey,
};

use super::{FileFault, TlsError, TlsFiles};
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
        let certificate = within(&files.certificate, read)?;
        let key = within(&files.key, read)?;
        let bundle = within(&files.bundle, read)?;
        let (chain, peer) = within(&files.certificate, |_| identity(&certificate, trust_domain))?;
        let certified_key = within(&files.key, |_| {
            let private = PrivateKeyDer::from_pem_slice(&key).map_err(FileFault::Pem)?;
            CertifiedKey::from_der(chain, private, provider).map_err(FileFault::Key)
        })?;
        let roots = within(&files.bundle, |_| roots(&bundle))?;
        let client_verifier = WebPkiClientVerifier::builder_with_provider(roots.clone(), provider.clone())
            .build()
            .map_err(|error| TlsError::Setup(rustls::Error::General(error.to_string())))?;
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

/// Says of which file a fault is.
fn within<T>(path: &Path, work: impl FnOnce(&Path) -> Result<T, FileFault>) -> Result<T, TlsError> {
    work(path).map_err(|source| TlsError::File { path: path.to_owned(), source })
}

fn read(path: &Path) -> Result<Vec<u8>, FileFault> {
    std::fs::read(path).map_err(FileFault::Read)
}

fn identity(pem: &[u8], domain: &TrustDomain) -> Result<(Vec<CertificateDer<'static>>, Peer), FileFault> {
    let chain = certificates(pem)?;
    let leaf = chain.first().ok_or(FileFault::Pem(NoItemsFound))?;
    let peer = Peer::from_certificate(leaf, domain).map_err(FileFault::Identity)?;
    Ok((chain, peer))
}

fn roots(pem: &[u8]) -> Result<Arc<RootCertStore>, FileFault> {
    let certificates = certificates(pem)?;
    if certificates.is_empty() {
        return Err(FileFault::Pem(NoItemsFound));
    }
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        roots.add(certificate).map_err(FileFault::Bundle)?;
    }
    Ok(Arc::new(roots))
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, FileFault> {
    CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().map_err(FileFault::Pem)
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
