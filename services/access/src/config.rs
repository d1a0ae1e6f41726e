//! Every setting of access, with unit, default and check.

use std::{path::PathBuf, time::Duration};

use entente_chassis::config::{ChassisConfig, Settings};

/// Longest life of a token (label semantics, b.2).
const TOKEN_LIFETIME_MAX: Duration = Duration::from_secs(300);
/// How long a service may rely on an epoch (label semantics, e).
const LEASE: Duration = Duration::from_secs(2);
/// How long a key signs.
const ROTATE_EVERY: Duration = Duration::from_secs(24 * 3_600);

/// The configuration of the access service.
pub struct AccessConfig {
    /// What every service has.
    pub chassis: ChassisConfig,
    /// Folder of `access.sqlite`, the token keys and the page-token key. Required.
    pub data_dir: PathBuf,
    /// Registry imported into an empty store: TOML, or JSON if the name ends so. None starts with nobody.
    pub registry_file: Option<PathBuf>,
    /// The organization whose policy administrators admit partners, keep their charters, and keep the deployment's
    /// policies. None: nobody does.
    pub custodian: Option<String>,
    /// How long a service may rely on an epoch without hearing again: the longest a revocation waits for a service that
    /// is silent, less a tenth. Default 2 s; 100 ms to 30 s. When it is made shorter, the first start with the new value
    /// must come after a pause of the old one.
    pub lease: Duration,
    /// Tokens and the keys that sign them.
    pub tokens: TokenSettings,
}

/// Tokens and the keys that sign them.
#[derive(Debug, Clone, Copy)]
pub struct TokenSettings {
    /// Life of a token. Default and most 5 min, least 10 s.
    pub lifetime: Duration,
    /// How long a key signs before the next one does. Default 24 h; 15 min to 90 days.
    pub rotate_every: Duration,
}

impl Default for TokenSettings {
    fn default() -> TokenSettings {
        TokenSettings { lifetime: TOKEN_LIFETIME_MAX, rotate_every: ROTATE_EVERY }
    }
}

impl AccessConfig {
    /// The defaults, for several services in one process and for tests.
    #[must_use]
    pub fn new(chassis: ChassisConfig, data_dir: PathBuf) -> AccessConfig {
        AccessConfig {
            chassis,
            data_dir,
            registry_file: None,
            custodian: None,
            lease: LEASE,
            tokens: TokenSettings::default(),
        }
    }

    /// Reads the settings; faults stay in `settings` and are listed together by `finish`.
    pub fn read(settings: &mut Settings) -> AccessConfig {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        AccessConfig {
            chassis: ChassisConfig::read(settings, &["audit"]),
            data_dir: settings.path("data_dir").required().get(),
            registry_file: settings.path("registry_file").optional().get(),
            custodian: settings.string("custodian").check(|name| is_organization(name)).optional().get(),
            lease: settings
                .duration("lease")
                .default(LEASE)
                .range(Duration::from_millis(100)..=Duration::from_secs(30))
                .get(),
            tokens: TokenSettings {
                lifetime: settings
                    .duration("tokens.lifetime")
                    .default(TOKEN_LIFETIME_MAX)
                    .range(Duration::from_secs(10)..=TOKEN_LIFETIME_MAX)
                    .get(),
                rotate_every: settings
                    .duration("tokens.rotate_every")
                    .default(ROTATE_EVERY)
                    .range(minutes(15)..=minutes(90 * 24 * 60))
                    .get(),
            },
        }
    }
}

fn is_organization(name: &str) -> Result<(), String> {
    let checked = entente_domain::ids::OrganizationId::new(name);
    checked.map(|_| ()).map_err(|_| "the name of an organization, such as VLD-COAST".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fault_of_the_settings_is_listed() {
        let text = r#"
            data_dir = "data"
            custodian = "harbor"
            lease = "1h"
            tokens = { lifetime = "10m", rotate_every = "1m" }
        "#;
        let mut settings = Settings::new("access").toml(text);
        AccessConfig::read(&mut settings);
        let keys: Vec<String> = settings.finish().unwrap_err().into_iter().map(|fault| fault.key).collect();
        for key in ["custodian", "lease", "tokens.lifetime", "tokens.rotate_every", "peers.audit"] {
            assert!(keys.iter().any(|fault| fault == key), "{key} is not among {keys:?}");
        }
    }
}
