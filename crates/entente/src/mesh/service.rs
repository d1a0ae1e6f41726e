//! The four services as `entente up` starts them.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use entente_access::AccessConfig;
use entente_alerting::AlertingConfig;
use entente_audit::AuditConfig;
use entente_chassis::{
    config::Settings,
    run::{Deps, RunningService, StartError},
    tls::TlsFiles,
};
use entente_intake::IntakeConfig;
use toml::{Table, Value};

use crate::exit::{Failure, REFUSED};

/// The partner of `registry.toml` that keeps the node and admits the others.
const CUSTODIAN: &str = "VLD-COAST";

/// A service of the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    /// The audit log.
    Audit,
    /// Who may do what.
    Access,
    /// Reports.
    Intake,
    /// Interests and alerts.
    Alerting,
}

impl Service {
    /// Each after those it calls.
    pub(crate) const IN_ORDER: [Service; 4] =
        [Service::Audit, Service::Access, Service::Intake, Service::Alerting];

    /// Its name in identities, addresses and folders.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Service::Audit => "audit",
            Service::Access => "access",
            Service::Intake => "intake",
            Service::Alerting => "alerting",
        }
    }

    /// Whom it calls.
    pub(super) fn calls(self) -> &'static [Service] {
        match self {
            Service::Audit => &[],
            Service::Access => &[Service::Audit],
            Service::Intake => &[Service::Access, Service::Audit],
            Service::Alerting => &[Service::Access, Service::Audit, Service::Intake],
        }
    }
}

/// Where and as what a service is started.
pub(super) struct Place {
    pub(super) trust_domain: String,
    pub(super) tls: TlsFiles,
    pub(super) listen: SocketAddr,
    pub(super) admin_listen: SocketAddr,
    pub(super) peers: BTreeMap<String, String>,
    pub(super) data_dir: PathBuf,
    pub(super) registry: PathBuf,
}

/// Starts a service with the configuration it would read from a file: what is not set here has its default.
pub(super) async fn start(service: Service, place: Place) -> Result<RunningService, Failure> {
    let mut settings = Settings::new(service.name()).toml(&place.settings(service).to_string());
    let deps = Deps::system(service.name());
    let started = match service {
        Service::Audit => {
            let config = AuditConfig::read(&mut settings);
            finish(service, settings)?;
            entente_audit::start(config, deps).await
        }
        Service::Access => {
            let config = AccessConfig::read(&mut settings);
            finish(service, settings)?;
            entente_access::start(config, deps).await
        }
        Service::Intake => {
            let config = IntakeConfig::read(&mut settings);
            finish(service, settings)?;
            entente_intake::start(config, deps).await
        }
        Service::Alerting => {
            let config = AlertingConfig::read(&mut settings);
            finish(service, settings)?;
            entente_alerting::start(config, deps).await
        }
    };
    started.map_err(|error| not_started(service, &error))
}

fn finish(service: Service, settings: Settings) -> Result<(), Failure> {
    settings.finish().map_err(|faults| {
        let failure = Failure::internal(format!("{} refuses its settings", service.name()));
        faults.iter().fold(failure, |failure, fault| failure.detail(fault.to_string()))
    })
}

fn not_started(service: Service, error: &StartError) -> Failure {
    let mut failure = Failure::new(REFUSED, format!("{} did not start: {error}", service.name()));
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        failure = failure.detail(error.to_string());
        cause = error.source();
    }
    failure
}

impl Place {
    fn settings(&self, service: Service) -> Table {
        let peers = self.peers.iter().map(|(name, address)| (name.clone(), text(address)));
        let mut settings = table([
            ("trust_domain", text(&self.trust_domain)),
            ("data_dir", path(&self.data_dir)),
            (
                "tls",
                Value::Table(table([
                    ("certificate", path(&self.tls.certificate)),
                    ("key", path(&self.tls.key)),
                    ("bundle", path(&self.tls.bundle)),
                ])),
            ),
            (
                "server",
                Value::Table(table([
                    ("listen", text(self.listen)),
                    ("admin_listen", text(self.admin_listen)),
                ])),
            ),
            ("peers", Value::Table(peers.collect())),
        ]);
        if service == Service::Access {
            settings.insert("registry_file".to_owned(), path(&self.registry));
            settings.insert("custodian".to_owned(), text(CUSTODIAN));
        }
        settings
    }
}

fn table<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

fn text(value: impl ToString) -> Value {
    Value::String(value.to_string())
}

fn path(path: &Path) -> Value {
    text(path.display())
}
