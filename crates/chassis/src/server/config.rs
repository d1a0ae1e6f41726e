//! Where a server listens, and its limits.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use crate::config::Settings;

/// Settings of a server. [`ServerConfig::default`] has a loopback port of the system's choice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerConfig {
    /// Address of the gRPC port. Required in a configuration file.
    pub listen: SocketAddr,
    /// Address of /metrics, /livez and /readyz; absent, they are not served.
    pub admin_listen: Option<SocketAddr>,
    /// Connections open at once; one more is closed at once.
    pub connections_max: usize,
    /// Handshakes at once; one more waits in the kernel's queue.
    pub handshakes_max: usize,
    /// Longest a handshake may take.
    pub handshake_time_max: Duration,
    /// Unary calls served at once; one more is shed.
    pub calls_max: usize,
    /// Streams open at once; one more is shed.
    pub streams_max: usize,
    /// Calls at once on one connection (HTTP/2 SETTINGS_MAX_CONCURRENT_STREAMS).
    pub streams_per_connection_max: u32,
    /// Longest a unary call may take, whatever its client asks.
    pub call_time_max: Duration,
    /// Size of all headers of a request, bytes. A transaction token takes some 900.
    pub header_bytes_max: u32,
    /// A silent connection is asked for a sign of life after this long ...
    pub keepalive_interval: Duration,
    /// ... and closed when none comes for this long.
    pub keepalive_timeout: Duration,
    /// A connection is closed gently at this age, so that calls balance over replicas; absent, never.
    pub connection_age_max: Option<Duration>,
    /// Between saying NOT_SERVING and stopping to accept: time for whoever balances calls to notice.
    pub drain_notice: Duration,
    /// Longest a drain waits for calls and tasks.
    pub drain_time_max: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        ServerConfig {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            admin_listen: None,
            connections_max: 4_096,
            handshakes_max: 128,
            handshake_time_max: Duration::from_secs(5),
            calls_max: 1_024,
            streams_max: 4_096,
            streams_per_connection_max: 512,
            call_time_max: Duration::from_secs(30),
            header_bytes_max: 16 * 1024,
            keepalive_interval: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(10),
            connection_age_max: None,
            drain_notice: Duration::ZERO,
            drain_time_max: Duration::from_secs(10),
        }
    }
}

impl ServerConfig {
    /// Reads `server.*`.
    pub(crate) fn read(settings: &mut Settings) -> ServerConfig {
        let default = ServerConfig::default();
        let (short, long) = (Duration::from_millis(100), Duration::from_secs(3_600));
        let streams = settings
            .u64("server.streams_per_connection_max")
            .default(default.streams_per_connection_max.into());
        let streams = streams.range(1..=65_536).get();
        let header_bytes = settings.u64("server.header_bytes_max").default(default.header_bytes_max.into());
        let header_bytes = header_bytes.range(4_096..=1_048_576).get();
        let mut time = |key: &str, default: Duration, range: std::ops::RangeInclusive<Duration>| {
            settings.duration(key).default(default).range(range).get()
        };
        let handshake_time_max = time("server.handshake_time_max", default.handshake_time_max, short..=long);
        let call_time_max = time("server.call_time_max", default.call_time_max, short..=long);
        let keepalive_interval = time("server.keepalive_interval", default.keepalive_interval, short..=long);
        let keepalive_timeout = time("server.keepalive_timeout", default.keepalive_timeout, short..=long);
        let drain_notice = time("server.drain_notice", default.drain_notice, Duration::ZERO..=long);
        let drain_time_max = time("server.drain_time_max", default.drain_time_max, Duration::ZERO..=long);
        let mut count =
            |key: &str, default: usize| settings.usize(key).default(default).range(1..=1_000_000).get();
        ServerConfig {
            connections_max: count("server.connections_max", default.connections_max),
            handshakes_max: count("server.handshakes_max", default.handshakes_max),
            calls_max: count("server.calls_max", default.calls_max),
            streams_max: count("server.streams_max", default.streams_max),
            listen: settings.socket_addr("server.listen").required().get(),
            admin_listen: settings.socket_addr("server.admin_listen").optional().get(),
            connection_age_max: settings
                .duration("server.connection_age_max")
                .range(short..)
                .optional()
                .get(),
            handshake_time_max,
            streams_per_connection_max: u32::try_from(streams).unwrap_or(u32::MAX),
            call_time_max,
            header_bytes_max: u32::try_from(header_bytes).unwrap_or(u32::MAX),
            keepalive_interval,
            keepalive_timeout,
            drain_notice,
            drain_time_max,
        }
    }
}
