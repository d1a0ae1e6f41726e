//! Who is let through a handshake: a chain to the current bundle, and a SPIFFE id of the trust domain.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::{
    CertificateError, DigitallySignedStruct as Signature, DistinguishedName, Error, OtherError,
    PeerIncompatible, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor,
    },
    crypto::{CryptoProvider, verify_tls13_signature},
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::{
        ParsedCertificate,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};

use super::material::Material;
use crate::identity::{Caller, Peer, TrustDomain};

type Checked = Result<HandshakeSignatureValid, Error>;

/// What both sides check with.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) current: Arc<ArcSwap<Material>>,
    pub(super) trust_domain: TrustDomain,
}

impl Trust {
    fn peer(&self, certificate: &CertificateDer<'_>) -> Result<Peer, Error> {
        Peer::from_certificate(certificate, &self.trust_domain).map_err(refusal)
    }

    fn verify_signature(&self, said: &[u8], by: &CertificateDer<'_>, signature: &Signature) -> Checked {
        verify_tls13_signature(said, by, signature, &self.provider.signature_verification_algorithms)
    }

    fn schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Checks those who connect to us.
#[derive(Debug)]
pub(super) struct ClientVerifier(pub(super) Trust);

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // A client of the mesh has one certificate; hints would only tell strangers whom we trust.
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified =
            self.0.current.load().client_verifier.verify_client_cert(end_entity, intermediates, now)?;
        self.0.peer(end_entity)?;
        Ok(verified)
    }

    fn verify_tls12_signature(&self, _: &[u8], _: &CertificateDer<'_>, _: &Signature) -> Checked {
        Err(PeerIncompatible::Tls12NotOfferedOrEnabled.into())
    }

    fn verify_tls13_signature(&self, said: &[u8], by: &CertificateDer<'_>, signature: &Signature) -> Checked {
        self.0.verify_signature(said, by, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.schemes()
    }
}

/// Checks those we connect to: in place of a host name, the workload's SPIFFE id.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    pub(super) trust: Trust,
    pub(super) expected: Caller,
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let certificate = ParsedCertificate::try_from(end_entity)?;
        let algorithms = self.trust.provider.signature_verification_algorithms.all;
        let roots = self.trust.current.load().roots.clone();
        verify_server_cert_signed_by_trust_anchor(&certificate, &roots, intermediates, now, algorithms)?;
        let peer = self.trust.peer(end_entity)?;
        if peer.caller != self.expected {
            let found = peer.caller.spiffe_id(&self.trust.trust_domain);
            let expected = self.expected.spiffe_id(&self.trust.trust_domain);
            return Err(refusal(OtherServer { expected, found }));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(&self, _: &[u8], _: &CertificateDer<'_>, _: &Signature) -> Checked {
        Err(PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig.into())
    }

    fn verify_tls13_signature(&self, said: &[u8], by: &CertificateDer<'_>, signature: &Signature) -> Checked {
        self.trust.verify_signature(said, by, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.trust.schemes()
    }
}

/// Another workload than the one called answered.
#[derive(Debug, thiserror::Error)]
#[error("`{found}` answered in place of `{expected}`")]
struct OtherServer {
    expected: String,
    found: String,
}

fn refusal(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Refusal(Box::new(error))))))
}

/// The TLS library prints what it wraps in debug form; this says it in words there too.
#[derive(thiserror::Error)]
#[error("{0}")]
struct Refusal(Box<dyn std::error::Error + Send + Sync>);

impl std::fmt::Debug for Refusal {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{self}")
    }
}
