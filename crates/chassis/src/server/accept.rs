//! Connections: accepted, shaken hands with, and given the name their certificate carries. Handshakes run beside each
//! other, are bounded in number and time, and never hold up the ones that are done.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, SystemTime},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    task::JoinSet,
    time::{Sleep, sleep},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;

use super::ServerConfig;
use crate::{identity::Peer, metrics::ServerMetrics, tls::TlsIdentity};

/// Pause after the system refused to accept (no file descriptors, say), so that the loop does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// The accept loop of one port.
pub(super) struct Acceptor {
    listener: TcpListener,
    handshaking: Arc<Handshaking>,
    handshakes: Arc<Semaphore>,
    connections: Arc<Semaphore>,
    stop: CancellationToken,
}

/// What a handshake needs.
struct Handshaking {
    identity: TlsIdentity,
    time_max: Duration,
    metrics: ServerMetrics,
    kill: CancellationToken,
}

impl Acceptor {
    #[expect(clippy::too_many_arguments, reason = "the parts of one loop, given once by `serve`")]
    pub(super) fn new(
        listener: TcpListener,
        identity: TlsIdentity,
        config: &ServerConfig,
        metrics: &ServerMetrics,
        stop: CancellationToken,
        kill: CancellationToken,
    ) -> Acceptor {
        let time_max = config.handshake_time_max;
        Acceptor {
            listener,
            handshaking: Arc::new(Handshaking { identity, time_max, metrics: metrics.clone(), kill }),
            handshakes: Arc::new(Semaphore::new(config.handshakes_max)),
            connections: Arc::new(Semaphore::new(config.connections_max)),
            stop,
        }
    }

    /// Accepts until `stop`; handshakes not done by then are dropped, and so is the port.
    pub(super) async fn run(self, accepted: mpsc::Sender<io::Result<Connection>>) {
        let stop = self.stop.clone();
        stop.run_until_cancelled(self.accept(accepted)).await;
    }

    async fn accept(self, accepted: mpsc::Sender<io::Result<Connection>>) {
        let mut shaking = JoinSet::new();
        loop {
            // Ended handshakes are taken out of the set, which would grow otherwise.
            while shaking.try_join_next().is_some() {}
            // The semaphore is never closed.
            let Ok(slot) = self.handshakes.clone().acquire_owned().await else {
                return;
            };
            match self.listener.accept().await {
                Ok((stream, address)) => {
                    let Ok(place) = self.connections.clone().try_acquire_owned() else {
                        self.handshaking.metrics.connections_refused.inc();
                        continue;
                    };
                    let (handshaking, accepted) = (self.handshaking.clone(), accepted.clone());
                    shaking.spawn(async move {
                        if let Some(connection) = handshaking.shake(stream, address, place).await {
                            // Nobody takes connections any more once the server has stopped.
                            let _ = accepted.send(Ok(connection)).await;
                        }
                        drop(slot);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

impl Handshaking {
    async fn shake(
        &self,
        stream: TcpStream,
        address: SocketAddr,
        place: OwnedSemaphorePermit,
    ) -> Option<Connection> {
        // Failing costs latency, not correctness.
        let _ = stream.set_nodelay(true);
        let acceptor = TlsAcceptor::from(self.identity.server_config());
        let failure = match tokio::time::timeout(self.time_max, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => return Some(self.connection(stream, address, place)),
            Ok(Err(error)) => error,
            Err(_) => io::ErrorKind::TimedOut.into(),
        };
        self.metrics.handshake_failures.inc();
        tracing::debug!(%address, error = %failure, "handshake failed");
        None
    }

    fn connection(
        &self,
        stream: TlsStream<TcpStream>,
        address: SocketAddr,
        place: OwnedSemaphorePermit,
    ) -> Connection {
        let peer = self
            .identity
            .peer(stream.get_ref().1.peer_certificates())
            .inspect_err(|error| tracing::info!(%address, %error, "a certificate names nobody of the mesh"))
            .ok();
        self.metrics.connections.inc();
        let left = |peer: &Peer| peer.certificate_not_after.duration_since(SystemTime::now());
        let expired = peer.as_ref().map(|peer| Box::pin(sleep(left(peer).unwrap_or_default())));
        Connection {
            stream,
            expired,
            info: ConnectionInfo { peer: peer.map(Arc::new), address: address.ip().to_string().into() },
            killed: Box::pin(self.kill.clone().cancelled_owned()),
            open: self.metrics.connections.clone(),
            _place: place,
        }
    }
}

/// What is known of the other end of a connection; in the extensions of each request.
#[derive(Clone)]
pub(super) struct ConnectionInfo {
    /// Absent when the certificate is valid but names nobody of the mesh: its calls are refused, with the reason.
    pub(super) peer: Option<Arc<Peer>>,
    pub(super) address: Arc<str>,
}

/// A connection after its handshake. Reading from it fails once the server is killed, or the client's certificate has
/// expired: new calls would be refused, and no open stream may outlive the identity it was opened with.
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    expired: Option<Pin<Box<Sleep>>>,
    info: ConnectionInfo,
    killed: Pin<Box<WaitForCancellationFutureOwned>>,
    open: prometheus_client::metrics::gauge::Gauge,
    _place: OwnedSemaphorePermit,
}

impl Connection {
    fn is_cut(&mut self, context: &mut Context<'_>) -> bool {
        let expired = self.expired.as_mut().is_some_and(|expired| expired.as_mut().poll(context).is_ready());
        expired || self.killed.as_mut().poll(context).is_ready()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.open.dec();
    }
}

impl Connected for Connection {
    type ConnectInfo = ConnectionInfo;

    fn connect_info(&self) -> ConnectionInfo {
        self.info.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match Pin::new(&mut this.stream).poll_read(context, buffer) {
            Poll::Pending if this.is_cut(context) => {
                Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()))
            }
            polled @ (Poll::Ready(_) | Poll::Pending) => polled,
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(context, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
