//! What every service has: its identity, where it listens, whom it calls, where its spans go.

use std::{collections::BTreeMap, net::SocketAddr};

use super::Settings;
use crate::{identity::TrustDomain, server::ServerConfig, telemetry::TelemetryConfig, tls::TlsFiles};

/// The settings common to all services.
#[derive(Clone)]
pub struct ChassisConfig {
    /// SPIFFE trust domain of the mesh. Required.
    pub trust_domain: TrustDomain,
    /// Certificate chain, key and bundle, PEM. Required.
    pub tls: TlsFiles,
    /// Where and how it listens.
    pub server: ServerConfig,
    /// host:port of each service it calls, by name. Required for each.
    pub peers: BTreeMap<String, String>,
    /// Logs and traces.
    pub telemetry: TelemetryConfig,
}

impl ChassisConfig {
    /// Reads the common settings; `peers` are the services this one calls.
    pub fn read(settings: &mut Settings, peers: &[&str]) -> ChassisConfig {
        let config = ChassisConfig {
            trust_domain: settings.setting("trust_domain").required().get(),
            tls: TlsFiles {
                certificate: settings.path("tls.certificate").required().get(),
                key: settings.path("tls.key").required().get(),
                bundle: settings.path("tls.bundle").required().get(),
            },
            server: ServerConfig::read(settings),
            peers: peers.iter().map(|name| ((*name).to_owned(), peer(settings, name))).collect(),
            telemetry: TelemetryConfig::read(settings),
        };
        settings.chassis = Some(config.clone());
        config
    }

    /// The defaults, for several services in one process and for tests.
    pub fn for_process(
        trust_domain: TrustDomain,
        tls: TlsFiles,
        listen: SocketAddr,
        peers: BTreeMap<String, String>,
    ) -> ChassisConfig {
        let server = ServerConfig { listen, ..ServerConfig::default() };
        ChassisConfig { trust_domain, tls, server, peers, telemetry: TelemetryConfig::default() }
    }
}

fn peer(settings: &mut Settings, name: &str) -> String {
    let host_and_port = |address: &String| {
        let port =
            address.rsplit_once(':').and_then(|(host, port)| (!host.is_empty()).then(|| port.parse::<u16>()));
        if matches!(port, Some(Ok(_))) { Ok(()) } else { Err("host:port".to_owned()) }
    };
    settings.string(&format!("peers.{name}")).required().check(host_and_port).get()
}
