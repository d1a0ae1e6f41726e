//! Starts a fake behind the real chassis: real mutual TLS, real policies, a port of the system's choice.

use std::net::SocketAddr;

use entente_chassis::{
    metrics::Metrics,
    policy::Policies,
    server::{Running, Server, ServerConfig},
    tasks::TaskGroup,
    tls::TlsIdentity,
    token::TokenVerifier,
};
use tonic::service::Routes;

/// Serves `routes` as the service `name`, whose RPCs are those of the proto service `full_name`.
pub(crate) async fn serve(
    name: &'static str,
    full_name: &str,
    identity: TlsIdentity,
    tokens: Option<TokenVerifier>,
    routes: Routes,
) -> (SocketAddr, Running) {
    let policies = Policies::from_descriptors(entente_proto::FILE_DESCRIPTOR_SET, &[full_name]).unwrap();
    let config = ServerConfig { listen: ([127, 0, 0, 1], 0).into(), ..ServerConfig::default() };
    let server = Server::new(name, config, identity, policies, tokens, Metrics::new(name));
    let bound = server.bind().await.unwrap();
    let address = bound.local_addr();
    (address, bound.serve(routes, TaskGroup::new(name)))
}
