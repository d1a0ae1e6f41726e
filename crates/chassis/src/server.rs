//! The gRPC server: mutual TLS, policies, deadlines, limits, tracing, metrics, health, reflection, drain. A service
//! brings its routes and nothing else; what reaches a handler has been checked.
//!
//! Nothing is reachable without a client certificate of the mesh, and no method without a policy.

mod accept;
mod answer;
mod authorize;
mod config;
mod deadline;
mod guard;
mod limits;
mod observe;
mod running;
mod standard;

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicBool},
};

use thiserror::Error;
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{service::Routes, transport::server::Router};

pub use config::ServerConfig;
pub use running::Running;

use crate::{
    metrics::{Metrics, admin},
    policy::{Policies, PolicyError},
    tasks::TaskGroup,
    tls::TlsIdentity,
    token::TokenVerifier,
};

/// Largest message a service takes or gives unless it says otherwise (`max_decoding_message_size` of its generated
/// server): gRPC's own default.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Largest message of bulk paths: a batch of reports, a page, a piece of the journal.
pub const BULK_MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// HTTP/2 window of a connection. Larger than any bandwidth-delay product between neighbours, so that a bulk stream
/// never waits for credit, and the most a connection can make us buffer.
const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;
/// HTTP/2 window of a stream: half of the connection's, so that one stream cannot starve the others.
const STREAM_WINDOW_BYTES: u32 = 4 * 1024 * 1024;
/// Streams reset by the client before they were accepted, after which the connection is closed (CVE-2023-44487; h2's
/// own default is 20).
const PENDING_RESETS_MAX: usize = 20;
/// Streams we reset for a client's errors, after which the connection is closed (CVE-2025-8671).
const LOCAL_ERROR_RESETS_MAX: usize = 256;
/// Connections accepted and not yet taken over by HTTP/2.
const ACCEPTED_MAX: usize = 64;

/// Why a server could not start.
#[derive(Debug, Error)]
pub enum ServerError {
    /// An address could not be bound.
    #[error("`{address}` cannot be listened on")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A policy is missing.
    #[error("a policy is missing")]
    Policy(#[source] PolicyError),
    /// The descriptors for reflection do not decode.
    #[error("reflection cannot be offered")]
    Reflection(#[source] tonic_reflection::server::Error),
}

/// A server before it is bound.
pub struct Server {
    name: String,
    config: ServerConfig,
    identity: TlsIdentity,
    policies: Policies,
    tokens: Option<TokenVerifier>,
    metrics: Metrics,
}

impl Server {
    /// The server of the service `name`. Without a verifier every RPC that needs a token is refused.
    #[expect(
        clippy::too_many_arguments,
        reason = "the six parts a server is made of, each given once by `start`"
    )]
    pub fn new(
        name: &str,
        config: ServerConfig,
        identity: TlsIdentity,
        policies: Policies,
        tokens: Option<TokenVerifier>,
        metrics: Metrics,
    ) -> Server {
        Server { name: name.to_owned(), config, identity, policies, tokens, metrics }
    }

    /// Binds the ports.
    ///
    /// # Errors
    ///
    /// When an address cannot be had.
    pub async fn bind(self) -> Result<Bound, ServerError> {
        let standard =
            standard::Standard::build(self.policies.services()).await.map_err(ServerError::Reflection)?;
        let (listener, local_addr) = listen(self.config.listen).await?;
        let admin = match self.config.admin_listen {
            Some(address) => Some(listen(address).await?),
            None => None,
        };
        Ok(Bound { server: self, listener, local_addr, admin, standard })
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServerError> {
    let bind = |source| ServerError::Bind { address, source };
    let listener = TcpListener::bind(address).await.map_err(bind)?;
    let local_addr = listener.local_addr().map_err(bind)?;
    Ok((listener, local_addr))
}

/// A server whose ports are bound; connections wait until it serves.
pub struct Bound {
    server: Server,
    listener: TcpListener,
    local_addr: SocketAddr,
    admin: Option<(TcpListener, SocketAddr)>,
    standard: standard::Standard,
}

impl Bound {
    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Where the administrators' endpoint listens.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.admin.as_ref().map(|(_, address)| *address)
    }

    /// Serves `routes` with health and reflection. `tasks` are the service's own; [`Running::drain`] ends them too.
    pub fn serve(self, routes: Routes, tasks: TaskGroup) -> Running {
        let admin_addr = self.admin_addr();
        let Bound { server, listener, local_addr, admin, standard } = self;
        let Server { name, config, identity, mut policies, tokens, metrics } = server;
        standard::Standard::allow(&mut policies);
        let probe = standard.probe();
        let (routes, health) = standard.add_to(routes);
        let (stop, kill) = (CancellationToken::new(), CancellationToken::new());
        let limits = limits::Limits::new(&config);
        let guard = guard::Guard::new(guard::Parts {
            service: &name,
            policies: &policies,
            tokens,
            metrics: &metrics,
            limits: limits.clone(),
            call_time_max: config.call_time_max,
            stop: stop.clone(),
        });
        let (connections, accepted) = mpsc::channel(ACCEPTED_MAX);
        let acceptor =
            accept::Acceptor::new(listener, identity, &config, metrics.server(), stop.clone(), kill.clone());
        let router = transport(&config).layer(guard).add_routes(routes);
        let ready = Arc::new(AtomicBool::new(true));
        let admin = admin.map(|(listener, _)| {
            tokio::spawn(admin::serve(listener, metrics.clone(), ready.clone(), probe, kill.clone()))
        });
        tracing::info!(service = name, %local_addr, "listening");
        Running::new(running::Parts {
            name,
            local_addr,
            admin_addr,
            drain_notice: config.drain_notice,
            drain_time_max: config.drain_time_max,
            health,
            ready,
            limits,
            acceptor: tokio::spawn(acceptor.run(connections)),
            served: tokio::spawn(serve_accepted(router, accepted, stop.clone())),
            stop,
            kill,
            admin,
            tasks,
        })
    }
}

type Guarded = tower_layer::Stack<guard::Guard, tower_layer::Identity>;

/// HTTP/2 on every accepted connection until `stop`, then until the last one is closed.
async fn serve_accepted(
    router: Router<Guarded>,
    accepted: mpsc::Receiver<io::Result<accept::Connection>>,
    stop: CancellationToken,
) {
    let incoming = ReceiverStream::new(accepted);
    if let Err(error) = router.serve_with_incoming_shutdown(incoming, stop.cancelled()).await {
        tracing::error!(error = &error as &dyn std::error::Error, "the server ended");
    }
}

fn transport(config: &ServerConfig) -> tonic::transport::Server {
    let mut server = tonic::transport::Server::builder()
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .max_concurrent_streams(config.streams_per_connection_max)
        .http2_max_header_list_size(config.header_bytes_max)
        .http2_max_pending_accept_reset_streams(Some(PENDING_RESETS_MAX))
        .http2_max_local_error_reset_streams(Some(LOCAL_ERROR_RESETS_MAX))
        .http2_keepalive_interval(Some(config.keepalive_interval))
        .http2_keepalive_timeout(Some(config.keepalive_timeout));
    if let Some(age) = config.connection_age_max {
        server = server.max_connection_age(age);
    }
    server
}
