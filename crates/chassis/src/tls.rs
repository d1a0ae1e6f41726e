//! The identity of a process and its TLS: 1.3 only, both sides with certificates, X25519MLKEM768 preferred, HTTP/2.
//!
//! Certificate, key and trust bundle are read from files and read again while the process runs. Handshakes look up what
//! is current, so a reload touches no open connection; what cannot be used is logged and changes nothing. There are no
//! session tickets: a resumed session would carry on what a newer bundle or a passed expiry no longer allows.

mod material;
mod verify;

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
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
use verify::{ClientVerifier, ServerVerifier, Trust};

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
    /// One of the files is not what it should be.
    #[error("`{path}` cannot be used")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: FileFault,
    },
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

/// What is wrong with a file.
#[derive(Debug, thiserror::Error)]
pub enum FileFault {
    /// It cannot be read.
    #[error("it cannot be read")]
    Read(#[source] std::io::Error),
    /// It is not PEM, or has nothing in it of what it is for.
    #[error("it holds no usable PEM")]
    Pem(#[source] rustls::pki_types::pem::Error),
    /// A certificate in it cannot be trusted as an authority.
    #[error("it makes no trust bundle")]
    Bundle(#[source] rustls::Error),
    /// The key is of an unknown kind, or not that of the certificate.
    #[error("it holds a key that does not go with the certificate")]
    Key(#[source] rustls::Error),
    /// The certificate names no identity of the trust domain.
    #[error("it holds no identity of the mesh")]
    Identity(#[source] IdentityError),
}

/// The identity of a process: its certificate, whom it trusts, and how it speaks TLS. Clones share one state.
#[derive(Clone)]
pub struct TlsIdentity(Arc<Inner>);

struct Inner {
    files: TlsFiles,
    caller: Caller,
    trust: Trust,
    server: Arc<ServerConfig>,
    version: AtomicU64,
}

impl TlsIdentity {
    /// Reads the files.
    pub fn load(files: TlsFiles, trust_domain: TrustDomain) -> Result<TlsIdentity, TlsError> {
        let provider = Arc::new(provider());
        let material = Material::read(&files, &trust_domain, &provider)?;
        let caller = material.caller.clone();
        let current = Arc::new(ArcSwap::from_pointee(material));
        let trust = Trust { provider, current, trust_domain };
        let server = Arc::new(server_config(&trust)?);
        Ok(TlsIdentity(Arc::new(Inner { files, caller, trust, server, version: AtomicU64::new(0) })))
    }

    /// The SPIFFE id of this process.
    pub fn spiffe_id(&self) -> String {
        self.0.caller.spiffe_id(self.trust_domain())
    }

    /// Who this process is.
    pub fn caller(&self) -> Caller {
        self.0.caller.clone()
    }

    /// The trust domain.
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.0.trust.trust_domain
    }

    /// Rises with each reload that brought something new.
    pub fn version(&self) -> u64 {
        self.0.version.load(Ordering::Acquire)
    }

    /// When the certificate in use expires.
    pub fn not_after(&self) -> SystemTime {
        self.0.trust.current.load().not_after
    }

    /// How to accept connections. Stays the same object: what is reloaded is behind it.
    pub fn server_config(&self) -> Arc<ServerConfig> {
        self.0.server.clone()
    }

    /// How to connect to the workload `service`: whoever answers must be it.
    pub fn client_config(&self, service: &str) -> Result<Arc<ClientConfig>, TlsError> {
        let expected = Caller::Service { name: service.to_owned() };
        let trust = &self.0.trust;
        let verifier = ServerVerifier { trust: trust.clone(), expected };
        let mut config = ClientConfig::builder_with_provider(trust.provider.clone())
            .with_protocol_versions(&[&TLS13])
            .map_err(TlsError::Setup)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(Arc::new(Resolver(trust.current.clone())));
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        // Peers are known by SPIFFE id; a name in the clear would tell an onlooker who talks to whom.
        config.enable_sni = false;
        Ok(Arc::new(config))
    }

    /// Who is at the other end of a connection accepted with [`TlsIdentity::server_config`], from
    /// `rustls::CommonState::peer_certificates`.
    pub fn peer(&self, certificates: Option<&[CertificateDer<'_>]>) -> Result<Peer, IdentityError> {
        let leaf = certificates.and_then(<[_]>::first).ok_or(IdentityError::Certificate)?;
        Peer::from_certificate(leaf, self.trust_domain())
    }

    /// Reads the files again and uses them from the next handshake on. Files that did not change cost no more than
    /// the reading.
    pub fn reload(&self) -> Result<(), TlsError> {
        let Inner { files, caller, trust, version, .. } = self.0.as_ref();
        let new = Material::read(files, &trust.trust_domain, &trust.provider)?;
        if new.fingerprint == trust.current.load().fingerprint {
            return Ok(());
        }
        if new.caller != *caller {
            let found = new.caller.spiffe_id(&trust.trust_domain);
            return Err(TlsError::AnotherIdentity { expected: self.spiffe_id(), found });
        }
        if new.not_after <= SystemTime::now() {
            return Err(TlsError::Expired);
        }
        trust.current.store(Arc::new(new));
        // Behind the certificate: who sees the version connects with it.
        version.fetch_add(1, Ordering::Release);
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

fn server_config(trust: &Trust) -> Result<ServerConfig, TlsError> {
    let mut config = ServerConfig::builder_with_provider(trust.provider.clone())
        .with_protocol_versions(&[&TLS13])
        .map_err(TlsError::Setup)?
        .with_client_cert_verifier(Arc::new(ClientVerifier(trust.clone())))
        .with_cert_resolver(Arc::new(Resolver(trust.current.clone())));
    config.alpn_protocols = vec![ALPN.to_vec()];
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}
