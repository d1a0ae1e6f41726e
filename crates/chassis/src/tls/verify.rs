//! Who is let through a handshake: a chain to the current bundle, and a SPIFFE id of the trust domain.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, PeerIncompatible, SignatureScheme,
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
use crate::identity::{Caller, IdentityError, Peer, TrustDomain};

/// Checks those who connect to us.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    provider: Arc<CryptoProvider>,
    current: Arc<ArcSwap<Material>>,
    trust_domain: TrustDomain,
}

impl ClientVerifier {
    pub(super) fn new(
        provider: &Arc<CryptoProvider>,
        current: &Arc<ArcSwap<Material>>,
        trust_domain: &TrustDomain,
    ) -> ClientVerifier {
        let (provider, current, trust_domain) = (provider.clone(), current.clone(), trust_domain.clone());
        ClientVerifier { provider, current, trust_domain }
    }
}

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
        let verified = self.current.load().client_verifier.verify_client_cert(end_entity, intermediates, now)?;
        Peer::from_certificate(end_entity, &self.trust_domain).map_err(nobody)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls13RequiredForQuic.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Checks those we connect to: in place of a host name, the workload's SPIFFE id.
#[derive(Debug)]
pub(super) struct ServerVerifier {
    provider: Arc<CryptoProvider>,
    current: Arc<ArcSwap<Material>>,
    trust_domain: TrustDomain,
    expected: Caller,
}

impl ServerVerifier {
    pub(super) fn new(
        provider: &Arc<CryptoProvider>,
        current: &Arc<ArcSwap<Material>>,
        trust_domain: &TrustDomain,
        expected: Caller,
    ) -> ServerVerifier {
        let (provider, current, trust_domain) = (provider.clone(), current.clone(), trust_domain.clone());
        ServerVerifier { provider, current, trust_domain, expected }
    }
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
        let algorithms = self.provider.signature_verification_algorithms.all;
        let roots = self.current.load().roots.clone();
        verify_server_cert_signed_by_trust_anchor(&certificate, &roots, intermediates, now, algorithms)?;
        let peer = Peer::from_certificate(end_entity, &self.trust_domain).map_err(nobody)?;
        if peer.caller != self.expected {
            let found = peer.caller.spiffe_id(&self.trust_domain);
            let expected = self.expected.spiffe_id(&self.trust_domain);
            return Err(refusal(OtherServer { expected, found }));
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(PeerIncompatible::Tls13RequiredForQuic.into())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Another workload than the one called answered.
#[derive(Debug, thiserror::Error)]
#[error("`{found}` answered in place of `{expected}`")]
struct OtherServer {
    expected: String,
    found: String,
}

fn nobody(error: IdentityError) -> Error {
    refusal(error)
}

fn refusal(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(error))))
}
