//! A channel that moves to a new connection when its process gets another certificate: a connection keeps the one it was
//! made with, and ends with it. Calls under way end on the old connection; none is cut.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use http::{Request, Response};
use tonic::{
    body::Body,
    transport::{self, Channel, Endpoint},
};
use tower_service::Service;

use super::Connector;
use crate::tls::TlsIdentity;

/// A channel to one workload. Cheap to clone; clones share the connection.
pub struct PeerChannel {
    shared: Arc<Shared>,
    /// The connection this clone last used; none before its first call.
    used: Option<Connection>,
}

struct Shared {
    endpoint: Endpoint,
    connector: Connector,
    identity: TlsIdentity,
    newest: Mutex<Connection>,
}

/// A connection, made by its first call, and the version of the identity from which on it was to be made.
#[derive(Clone)]
struct Connection {
    version: u64,
    channel: Channel,
}

impl PeerChannel {
    pub(super) fn new(endpoint: Endpoint, connector: Connector, identity: TlsIdentity) -> PeerChannel {
        let version = identity.version();
        let channel = endpoint.connect_with_connector_lazy(connector.clone());
        let newest = Mutex::new(Connection { version, channel });
        PeerChannel { shared: Arc::new(Shared { endpoint, connector, identity, newest }), used: None }
    }
}

impl Shared {
    /// The connection of a version, or of a later one.
    fn connection(&self, version: u64) -> Connection {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.version < version {
            let channel = self.endpoint.connect_with_connector_lazy(self.connector.clone());
            *newest = Connection { version, channel };
        }
        newest.clone()
    }
}

impl Clone for PeerChannel {
    /// A clone that is only kept must not keep an old connection open.
    fn clone(&self) -> Self {
        PeerChannel { shared: self.shared.clone(), used: None }
    }
}

impl fmt::Debug for PeerChannel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("PeerChannel").field(self.shared.endpoint.uri()).finish()
    }
}

impl Service<Request<Body>> for PeerChannel {
    type Response = Response<Body>;
    type Error = transport::Error;
    type Future = <Channel as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let version = self.shared.identity.version();
        let used = self.used.take().filter(|used| used.version >= version);
        let used = self.used.insert(used.unwrap_or_else(|| self.shared.connection(version)));
        used.channel.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let shared = &self.shared;
        // Ready was asked before, as the contract of a service has it.
        let used = self.used.get_or_insert_with(|| shared.connection(shared.identity.version()));
        used.channel.call(request)
    }
}
