//! Every setting of alerting, with unit, default and check.

use std::path::PathBuf;

use entente_chassis::config::{ChassisConfig, Settings};

/// The configuration of the alerting service.
pub struct AlertingConfig {
    /// What every service has.
    pub chassis: ChassisConfig,
    /// Folder of `alerting.sqlite` and the page-token key. Required.
    pub data_dir: PathBuf,
    /// Limits of this service.
    pub limits: Limits,
}

/// Bounds of what callers may ask and what is kept in memory.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Live interests of one subject in one realm. Default 1,000.
    pub interests_per_subject_max: u64,
    /// Named cursors of one subject in one realm. Default 32.
    pub consumers_per_subject_max: u64,
    /// Decisions kept for the epoch in force. Default 100,000, some 200 bytes each.
    pub decision_cache_max: usize,
}

impl AlertingConfig {
    /// Reads the settings; faults stay in `settings` and are listed together by `finish`.
    pub fn read(settings: &mut Settings) -> AlertingConfig {
        AlertingConfig {
            chassis: ChassisConfig::read(settings, &["access", "audit", "intake"]),
            data_dir: settings.path("data_dir").required().get(),
            limits: Limits {
                interests_per_subject_max: settings
                    .u64("limits.interests_per_subject_max")
                    .default(1_000)
                    .range(1..=100_000)
                    .get(),
                consumers_per_subject_max: settings
                    .u64("limits.consumers_per_subject_max")
                    .default(32)
                    .range(1..=10_000)
                    .get(),
                decision_cache_max: settings
                    .usize("limits.decision_cache_max")
                    .default(100_000)
                    .range(1_000..=10_000_000)
                    .get(),
            },
        }
    }
}
