//! The identity of a process and its TLS: 1.3 only, both sides with certificates, X25519MLKEM768 preferred, HTTP/2.
//!
//! Certificate, key and trust bundle are read from files and read again while the process runs. Handshakes look up what
//! is current, so a reload touches no open connection; what cannot be used is logged and changes nothing. There are no
//! session tickets: a resumed session would carry on what a newer bundle or a passed expiry no longer allows.

mod material;
mod verify;

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use arc_swap::ArcSwap;
use rustls::{
    ClientConfig, ServerConfig,
    client::Resumption,
    crypto::{CryptoProvider, aws_lc_rs},
    pki_types::CertificateDer,
    server::NoServerSessionStorage,
    version::TLS13,
};

use crate::{
    identity::{Caller, IdentityError, Peer, TrustDomain},
    tasks::TaskGroup,
};
use material::{Material, Resolver};
use verify::{ClientVerifier, ServerVerifier};

/// HTTP/2 and nothing else.
const ALPN: &[u8] = b"h2";

/// Where a process finds its identity, all PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Certificate chain, own certificate first.
    pub certificate: PathBuf,
    /// Private key.
    pub key: PathBuf,
    /// Certificates of the authorities to trust.
    pub bundle: PathBuf,
}

/// Why an identity cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("`{path}` cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A file is not PEM, or has nothing of what it is for.
    #[error("`{path}` holds no usable PEM")]
    Pem {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::pki_types::pem::Error,
    },
    /// A certificate of the bundle cannot be trusted as an authority.
    #[error("`{path}` holds a certificate that is no authority's")]
    Bundle {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The key is of an unknown kind, or not that of the certificate.
    #[error("the key in `{path}` does not go with the certificate")]
    Key {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The certificate names no identity of the trust domain.
    #[error("the certificate in `{path}` is no identity of the mesh")]
    Identity {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: IdentityError,
    },
    /// The bundle makes no verifier.
    #[error("the bundle makes no verifier")]
    Verifier(#[source] rustls::client::VerifierBuilderError),
    /// The TLS library refuses the parameters.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
    /// A reload brought another identity.
    #[error("the new certificate is that of `{found}`, this process is `{expected}`")]
    AnotherIdentity {
        /// Who this process is.
        expected: String,
        /// Who the new certificate names.
        found: String,
    },
    /// A reload brought a certificate whose time is over.
    #[error("the new certificate has expired")]
    Expired,
    /// The task that read the files broke off.
    #[error("reading the files was broken off")]
    BrokenOff,
}

/// The identity of a process: its certificate, whom it trusts, and how it speaks TLS. Clones share one state.
#[derive(Clone)]
pub struct TlsIdentity(Arc<Inner>);

struct Inner {
    files: TlsFiles,
    trust_domain: TrustDomain,
    caller: Caller,
    provider: Arc<CryptoProvider>,
    current: Arc<ArcSwap<Material>>,
    server: Arc<ServerConfig>,
}

impl TlsIdentity {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// When one cannot be read, they do not fit together, or the certificate is no identity of the trust domain.
    pub fn load(files: TlsFiles, trust_domain: TrustDomain) -> Result<TlsIdentity, TlsError> {
        let provider = Arc::new(provider());
        let material = Material::read(&files, &trust_domain, &provider)?;
        let caller = material.caller.clone();
        let current = Arc::new(ArcSwap::from_pointee(material));
        let server = Arc::new(server_config(&provider, &current, &trust_domain)?);
        Ok(TlsIdentity(Arc::new(Inner { files, trust_domain, caller, provider, current, server })))
    }

    /// The SPIFFE id of this process.
    #[must_use]
    pub fn spiffe_id(&self) -> String {
        self.0.caller.spiffe_id(&self.0.trust_domain)
    }

    /// Who this process is.
    #[must_use]
    pub fn caller(&self) -> Caller {
        self.0.caller.clone()
    }

    /// The trust domain.
    #[must_use]
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.0.trust_domain
    }

    /// When the certificate in use expires.
    #[must_use]
    pub fn not_after(&self) -> SystemTime {
        self.0.current.load().not_after
    }

    /// How to accept connections. Stays the same object: what is reloaded is behind it.
    #[must_use]
    pub fn server_config(&self) -> Arc<ServerConfig> {
        self.0.server.clone()
    }

    /// How to connect to the workload `service`: whoever answers must be it.
    ///
    /// # Errors
    ///
    /// When the TLS library refuses the parameters.
    pub fn client_config(&self, service: &str) -> Result<Arc<ClientConfig>, TlsError> {
        let expected = Caller::Service { name: service.to_owned() };
        let verifier = ServerVerifier::new(&self.0.provider, &self.0.current, &self.0.trust_domain, expected);
        let mut config = ClientConfig::builder_with_provider(self.0.provider.clone())
            .with_protocol_versions(&[&TLS13])
            .map_err(TlsError::Setup)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(Resolver(self.0.current.clone())));
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        // Peers are known by SPIFFE id; a name in the clear would tell an onlooker who talks to whom.
        config.enable_sni = false;
        Ok(Arc::new(config))
    }

    /// Who is at the other end of a connection accepted with [`TlsIdentity::server_config`], from
    /// `rustls::CommonState::peer_certificates`.
    ///
    /// # Errors
    ///
    /// When there is no certificate, or it names nobody of the trust domain; the handshake lets neither through.
    pub fn peer(&self, certificates: Option<&[CertificateDer<'_>]>) -> Result<Peer, IdentityError> {
        let leaf = certificates.and_then(<[_]>::first).ok_or(IdentityError::Certificate)?;
        Peer::from_certificate(leaf, &self.0.trust_domain)
    }

    /// Reads the files again and uses them from the next handshake on. Files that did not change cost no more than
    /// the reading.
    ///
    /// # Errors
    ///
    /// When they cannot be used; then everything stays as it was.
    pub fn reload(&self) -> Result<(), TlsError> {
        let inner = &self.0;
        let new = Material::read(&inner.files, &inner.trust_domain, &inner.provider)?;
        if new.fingerprint == inner.current.load().fingerprint {
            return Ok(());
        }
        if new.caller != inner.caller {
            let found = new.caller.spiffe_id(&inner.trust_domain);
            return Err(TlsError::AnotherIdentity { expected: self.spiffe_id(), found });
        }
        if new.not_after <= SystemTime::now() {
            return Err(TlsError::Expired);
        }
        inner.current.store(Arc::new(new));
        tracing::info!(spiffe_id = self.spiffe_id(), "certificate or bundle reloaded");
        Ok(())
    }

    /// Reloads at a pace until the group is cancelled.
    pub fn spawn_reloader(&self, tasks: &TaskGroup, every: Duration) {
        let (identity, group) = (self.clone(), tasks.clone());
        tasks.spawn("certificate reload", async move {
            while group.pause(every).await.is_some() {
                let again = identity.clone();
                let done = tokio::task::spawn_blocking(move || again.reload()).await;
                if let Err(error) = done.unwrap_or(Err(TlsError::BrokenOff)) {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(error, "the identity was not reloaded; the one in use stays");
                }
            }
        });
    }
}

/// aws-lc-rs with TLS 1.3 suites only, the post-quantum hybrid first.
fn provider() -> CryptoProvider {
    let mut provider = aws_lc_rs::default_provider();
    provider.cipher_suites.retain(|suite| suite.tls13().is_some());
    provider.kx_groups = vec![
        aws_lc_rs::kx_group::X25519MLKEM768,
        aws_lc_rs::kx_group::X25519,
        aws_lc_rs::kx_group::SECP256R1,
        aws_lc_rs::kx_group::SECP384R1,
    ];
    provider
}

fn server_config(
    provider: &Arc<CryptoProvider>,
    current: &Arc<ArcSwap<Material>>,
    trust_domain: &TrustDomain,
) -> Result<ServerConfig, TlsError> {
    let verifier = ClientVerifier::new(provider, current, trust_domain);
    let mut config = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Setup)?
        .with_client_cert_verifier(Arc::new(verifier))
        .with_cert_resolver(Arc::new(Resolver(current.clone())));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}
