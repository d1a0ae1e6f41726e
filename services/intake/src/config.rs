//! Every setting of intake, with unit, default and check.

use std::path::PathBuf;

use entente_chassis::config::{ChassisConfig, Settings};

/// The configuration of the intake service.
pub struct IntakeConfig {
    /// What every service has.
    pub chassis: ChassisConfig,
    /// Folder of `intake.sqlite`, `text.sqlite`, `keys/` and the page-token key. Required.
    pub data_dir: PathBuf,
    /// Limits of this service.
    pub limits: Limits,
}

/// Bounds of what is kept in memory and of what may wait.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bulk streams open at once. Default 8.
    pub bulk_streams_max: usize,
    /// Of these, bulk streams of one partner. Default 4.
    pub bulk_streams_per_partner_max: usize,
    /// Content of batches being worked on, of all streams together. Default 64 MiB.
    pub bulk_bytes_max: usize,
    /// Versions that may wait for the text index before submissions are slowed. Default 200,000.
    pub index_backlog_max: u64,
    /// Readers, and label lines of submitters, whose decisions are kept for the epoch in force. Default 10,000.
    pub decision_cache_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bulk_streams_max: 8,
            bulk_streams_per_partner_max: 4,
            bulk_bytes_max: 64 * 1024 * 1024,
            index_backlog_max: 200_000,
            decision_cache_max: 10_000,
        }
    }
}

impl IntakeConfig {
    /// Reads the settings; faults stay in `settings` and are listed together by `finish`.
    pub fn read(settings: &mut Settings) -> IntakeConfig {
        let default = Limits::default();
        let bulk_bytes = 8 * 1024 * 1024..=1024 * 1024 * 1024;
        let (streams, bytes) = (default.bulk_streams_max, default.bulk_bytes_max);
        let partner_streams = default.bulk_streams_per_partner_max;
        let (backlog, cache) = (default.index_backlog_max, default.decision_cache_max);
        IntakeConfig {
            chassis: ChassisConfig::read(settings, &["access", "audit"]),
            data_dir: settings.path("data_dir").required().get(),
            limits: Limits {
                bulk_streams_max: settings
                    .usize("limits.bulk_streams_max")
                    .default(streams)
                    .range(1..=1_000)
                    .get(),
                bulk_streams_per_partner_max: settings
                    .usize("limits.bulk_streams_per_partner_max")
                    .default(partner_streams)
                    .range(1..=1_000)
                    .get(),
                bulk_bytes_max: settings
                    .usize("limits.bulk_bytes_max")
                    .default(bytes)
                    .range(bulk_bytes)
                    .get(),
                index_backlog_max: settings
                    .u64("limits.index_backlog_max")
                    .default(backlog)
                    .range(1_000..=100_000_000)
                    .get(),
                decision_cache_max: settings
                    .usize("limits.decision_cache_max")
                    .default(cache)
                    .range(100..=1_000_000)
                    .get(),
            },
        }
    }
}
