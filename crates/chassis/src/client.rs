//! Channels to other workloads of the mesh: mutual TLS to whoever holds the peer's SPIFFE id, made by the first call and
//! made anew when lost, always with the certificate and bundle that are current then.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::Uri;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, client::TlsStream};
use tonic::transport::Endpoint;
use tower_service::Service;

use crate::tls::{TlsError, TlsIdentity};

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

/// A channel to one workload. Cheap to clone; clones share the connection.
pub type PeerChannel = tonic::transport::Channel;

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

/// A channel to a workload; nothing is sent before the first call.
///
/// # Errors
///
/// When the address is none. Must be called within a tokio runtime.
pub fn connect(peer: &PeerConfig, identity: &TlsIdentity) -> Result<PeerChannel, ClientError> {
    let wrong = || ClientError::Address { service: peer.service.clone(), address: peer.address.clone() };
    let uri: Uri = format!("https://{}/", peer.address).parse().map_err(|_| wrong())?;
    let bare = uri.authority().is_some_and(|authority| authority.as_str() == peer.address && !peer.address.contains('@'));
    if !bare || uri.port_u16().is_none() {
        return Err(wrong());
    }
    let connector = Connector { address: peer.address.as_str().into(), config: identity.client_config(&peer.service)? };
    let endpoint = Endpoint::from(uri)
        .http2_keep_alive_interval(KEEPALIVE_EVERY)
        .keep_alive_timeout(KEEPALIVE_LIMIT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .http2_max_header_list_size(HEADER_BYTES_MAX);
    Ok(endpoint.connect_with_connector_lazy(connector))
}

/// Makes one mutual-TLS connection per call.
#[derive(Clone)]
struct Connector {
    address: Arc<str>,
    config: Arc<ClientConfig>,
}

impl Service<Uri> for Connector {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _uri: Uri) -> Self::Future {
        let Connector { address, config } = self.clone();
        Box::pin(async move { tokio::time::timeout(CONNECT_LIMIT, open(&address, config)).await? })
    }
}

async fn open(address: &str, config: Arc<ClientConfig>) -> std::io::Result<TokioIo<TlsStream<TcpStream>>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    // Never sent (no SNI) and never checked (the SPIFFE id is); the TLS library wants a name all the same.
    let unused = ServerName::try_from("peer.invalid").map_err(std::io::Error::other)?;
    Ok(TokioIo::new(TlsConnector::from(config).connect(unused, stream).await?))
}
