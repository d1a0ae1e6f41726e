//! Every setting of audit, with unit, default and check.

use std::{path::PathBuf, time::Duration};

use entente_chassis::config::{ChassisConfig, Settings};

/// The configuration of the audit service.
pub struct AuditConfig {
    /// What every service has.
    pub chassis: ChassisConfig,
    /// Folder of `log.sqlite`, `index.sqlite`, the log key and the page-token key. Required.
    pub data_dir: PathBuf,
    /// First line of the log's checkpoints. Empty means that of the stored log or, at a first start,
    /// `audit.<trust-domain>/ops/<year>`. A log never changes its origin: another one is another log.
    pub log_origin: String,
    /// Limits of this service.
    pub limits: Limits,
}

/// Bounds of what is kept in memory and on disk.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of records waiting to be durable; further callers wait. Default 64 MiB.
    pub append_bytes_in_flight_max: usize,
    /// Spans kept that belong to no audited trace. Default 1,000,000, some 400 bytes each.
    pub spans_max: u64,
    /// How long such spans are kept. Default 24 h.
    pub span_keep: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            append_bytes_in_flight_max: 64 * 1024 * 1024,
            spans_max: 1_000_000,
            span_keep: Duration::from_secs(24 * 3_600),
        }
    }
}

impl AuditConfig {
    /// Reads the settings; faults stay in `settings` and are listed together by `finish`.
    pub fn read(settings: &mut Settings) -> AuditConfig {
        let default = Limits::default();
        AuditConfig {
            chassis: ChassisConfig::read(settings, &[]),
            data_dir: settings.path("data_dir").required().get(),
            log_origin: settings.string("log_origin").default(String::new()).get(),
            limits: Limits {
                append_bytes_in_flight_max: settings
                    .usize("limits.append_bytes_in_flight_max")
                    .default(default.append_bytes_in_flight_max)
                    .range(1024 * 1024..=1024 * 1024 * 1024)
                    .get(),
                spans_max: settings
                    .u64("limits.spans_max")
                    .default(default.spans_max)
                    .range(1_000..=1_000_000_000)
                    .get(),
                span_keep: settings
                    .duration("limits.span_keep")
                    .default(default.span_keep)
                    .range(Duration::from_secs(60)..=Duration::from_secs(366 * 24 * 3_600))
                    .get(),
            },
        }
    }
}
