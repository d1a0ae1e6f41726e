//! Channels to other workloads of the mesh: mutual TLS to whoever holds the peer's SPIFFE id, made by the first call and
//! made anew when lost or when there is a new certificate, always with the certificate and bundle that are current then.

mod channel;

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::{AlertDescription, ClientConfig, pki_types::ServerName};
use tokio::{io::AsyncBufReadExt, net::TcpStream};
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::{Channel, Endpoint};
use tower_service::Service;

pub use channel::PeerChannel;

use crate::{
    status::ErrorReason,
    tls::{TlsError, TlsIdentity},
};

/// Pace at which a process looks for new certificates: well under the shortest life an authority gives them.
pub const RELOAD_EVERY: Duration = Duration::from_secs(10);

/// Longest TCP connect and TLS handshake together.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// A connection that is silent for this long is asked whether it lives.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);
/// And is given up when it does not say so within this time.
const KEEPALIVE_LIMIT: Duration = Duration::from_secs(10);
/// Bytes in flight on one stream: a bulk stream fills 1 Gbit/s over 30 ms with it.
const STREAM_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// Bytes in flight on one connection.
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;
/// Largest headers taken.
const HEADER_BYTES_MAX: u32 = 32 * 1024;

/// Where a workload is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerConfig {
    /// Its name: the last segment of its SPIFFE id.
    pub service: String,
    /// `host:port`.
    pub address: String,
}

/// Why a channel cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// Not `host:port`.
    #[error("`{address}` is no address of `{service}`: write host:port")]
    Address {
        /// The workload.
        service: String,
        /// What was given.
        address: String,
    },
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] TlsError),
}

/// A channel to a workload; nothing is sent before the first call. To be called within a tokio runtime.
pub fn connect(peer: &PeerConfig, identity: &TlsIdentity) -> Result<PeerChannel, ClientError> {
    let (endpoint, connector) = parts(peer, identity)?;
    Ok(PeerChannel::new(endpoint, connector, identity.clone()))
}

/// A channel for a library that knows tonic's alone. It is made anew only when it is lost: at the latest when the
/// certificate it was made with expires.
pub(crate) fn connect_plain(peer: &PeerConfig, identity: &TlsIdentity) -> Result<Channel, ClientError> {
    let (endpoint, connector) = parts(peer, identity)?;
    Ok(endpoint.connect_with_connector_lazy(connector))
}

fn parts(peer: &PeerConfig, identity: &TlsIdentity) -> Result<(Endpoint, Connector), ClientError> {
    let wrong = || ClientError::Address { service: peer.service.clone(), address: peer.address.clone() };
    let uri: Uri = format!("https://{}/", peer.address).parse().map_err(|_| wrong())?;
    let bare = uri
        .authority()
        .is_some_and(|authority| authority.as_str() == peer.address && !peer.address.contains('@'));
    if !bare || uri.host().is_none_or(str::is_empty) || uri.port_u16().is_none() {
        return Err(wrong());
    }
    let connector = Connector {
        service: peer.service.as_str().into(),
        address: peer.address.as_str().into(),
        config: identity.client_config(&peer.service)?,
    };
    let endpoint = Endpoint::from(uri)
        .http2_keep_alive_interval(KEEPALIVE_EVERY)
        .keep_alive_timeout(KEEPALIVE_LIMIT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_max_header_list_size(HEADER_BYTES_MAX);
    Ok((endpoint, connector))
}

/// Why a connection was not made. Callers find it with [`crate::status::describe`].
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No TCP connection, or one that broke before the handshake was over.
    #[error("`{service}` cannot be reached")]
    Unreachable {
        /// The workload.
        service: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Whoever answered is not to be trusted, or speaks no TLS that we speak.
    #[error("what answered is not `{service}`")]
    NotTrusted {
        /// The workload.
        service: String,
        /// Why.
        #[source]
        source: rustls::Error,
    },
    /// The workload refused our certificate.
    #[error("`{service}` refused this certificate: {}", alert_text(*.alert))]
    CertificateRefused {
        /// The workload.
        service: String,
        /// What it said.
        alert: AlertDescription,
    },
}

impl ConnectError {
    /// The reason to show for it.
    pub fn reason(&self) -> ErrorReason {
        match self {
            ConnectError::Unreachable { .. } | ConnectError::NotTrusted { .. } => {
                ErrorReason::PeerUnavailable
            }
            ConnectError::CertificateRefused { .. } => ErrorReason::IdentityInvalid,
        }
    }

    fn of(service: &str, source: io::Error) -> ConnectError {
        let service = service.to_owned();
        let tls = source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()).cloned();
        match tls {
            Some(rustls::Error::AlertReceived(alert)) if CERTIFICATE_ALERTS.contains(&alert) => {
                ConnectError::CertificateRefused { service, alert }
            }
            Some(error) => ConnectError::NotTrusted { service, source: error },
            None => ConnectError::Unreachable { service, source },
        }
    }
}

/// The alerts by which a server says that it is our certificate that it does not take.
const CERTIFICATE_ALERTS: [AlertDescription; 9] = [
    AlertDescription::BadCertificate,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnknownCA,
    AlertDescription::AccessDenied,
    AlertDescription::DecryptError,
    AlertDescription::CertificateRequired,
];

fn alert_text(alert: AlertDescription) -> String {
    let text = if alert == AlertDescription::CertificateExpired {
        "it has expired, or has not begun; get a new one"
    } else if alert == AlertDescription::CertificateUnknown {
        "its SPIFFE id is missing, malformed or of another trust domain"
    } else {
        "it is not of an authority trusted there"
    };
    format!("{text} ({alert:?})")
}

/// Makes one mutual-TLS connection per call.
#[derive(Clone)]
struct Connector {
    service: Arc<str>,
    address: Arc<str>,
    config: Arc<ClientConfig>,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move {
            let opened = tokio::time::timeout(CONNECT_LIMIT, open(&this.address, this.config)).await;
            let opened = opened.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            opened.map(TokioIo::new).map_err(|source| ConnectError::of(&this.service, source))
        })
    }
}

async fn open(address: &str, config: Arc<ClientConfig>) -> io::Result<TlsStream<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    // Never sent (no SNI) and never checked (the SPIFFE id is); the TLS library wants a name all the same.
    let unused = ServerName::try_from("peer.invalid").map_err(io::Error::other)?;
    let mut stream = TlsConnector::from(config).connect(unused, stream).await?;
    // In TLS 1.3 the client is done before the server has looked at its certificate. The server's first words (HTTP/2
    // settings) or its alert show what came of that; a call sent earlier would fail with a broken pipe in place of it.
    if stream.fill_buf().await?.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(stream)
}
