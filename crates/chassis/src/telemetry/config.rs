//! Where logs and spans go.

use crate::config::Settings;

/// Form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Settings of logs and traces.
#[derive(Debug, Clone, PartialEq)]
pub struct TelemetryConfig {
    /// Collector that takes OTLP over gRPC without TLS, such as `http://localhost:4317`: one beside the service, or one
    /// that a mesh proxy leads to. Goes before `otlp_peer`.
    pub otlp_endpoint: Option<String>,
    /// Service of the mesh that takes OTLP over mutual TLS. Default `audit`; empty: none.
    pub otlp_peer: Option<String>,
    /// Share of traces that are kept, 0 to 1; those of disclosures always are. Default 1.
    pub trace_ratio: f64,
    /// Form of log lines.
    pub log_format: LogFormat,
    /// What is logged, in the syntax of `tracing_subscriber::EnvFilter`. Default `info`.
    pub log_filter: String,
}

impl Default for TelemetryConfig {
    fn default() -> Self {
        TelemetryConfig {
            otlp_endpoint: None,
            otlp_peer: Some("audit".to_owned()),
            trace_ratio: 1.0,
            log_format: LogFormat::Text,
            log_filter: "info".to_owned(),
        }
    }
}

impl TelemetryConfig {
    /// Reads `telemetry.*`. A process of its own logs JSON by default.
    pub(crate) fn read(settings: &mut Settings) -> TelemetryConfig {
        let plain_http = |endpoint: &String| {
            if endpoint.starts_with("http://") {
                Ok(())
            } else {
                Err("an http:// address with port".to_owned())
            }
        };
        let filter = |text: &String| {
            let parsed = tracing_subscriber::EnvFilter::try_new(text);
            parsed.map(|_| ()).map_err(|_| "a log filter, such as `info,entente_intake=debug`".to_owned())
        };
        let default = TelemetryConfig::default();
        let peer = settings.string("telemetry.otlp_peer").default("audit".to_owned()).get();
        TelemetryConfig {
            otlp_endpoint: settings.string("telemetry.otlp_endpoint").check(plain_http).optional().get(),
            otlp_peer: Some(peer).filter(|peer| !peer.is_empty()),
            trace_ratio: settings
                .f64("telemetry.trace_ratio")
                .default(default.trace_ratio)
                .range(0.0..=1.0)
                .get(),
            log_format: settings.setting("telemetry.log_format").default(LogFormat::Json).get(),
            log_filter: settings
                .string("telemetry.log_filter")
                .default(default.log_filter)
                .check(filter)
                .get(),
        }
    }

    /// Whether spans are made at all.
    pub fn traces(&self) -> bool {
        self.otlp_endpoint.is_some() || self.otlp_peer.is_some()
    }
}
