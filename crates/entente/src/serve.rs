//! `entente serve`: one service as the process, with its own configuration, telemetry and drain.

use std::process::ExitCode;

use entente_chassis::run::{Arguments, run_with};

use crate::{cli::Serve, exit::USAGE, mesh::Service};

/// Runs the command.
pub(crate) fn run(arguments: &Serve) -> ExitCode {
    let Some(service) = Service::IN_ORDER.into_iter().find(|service| service.name() == arguments.service)
    else {
        eprintln!("entente: no service is called `{}`", arguments.service);
        return ExitCode::from(USAGE);
    };
    let given = Arguments {
        config: arguments.config.clone(),
        settings: arguments.settings.clone(),
        check: arguments.check,
        json: arguments.json,
    };
    match service {
        Service::Audit => run_with("audit", &given, entente_audit::AuditConfig::read, entente_audit::start),
        Service::Access => {
            run_with("access", &given, entente_access::AccessConfig::read, entente_access::start)
        }
        Service::Intake => {
            run_with("intake", &given, entente_intake::IntakeConfig::read, entente_intake::start)
        }
        Service::Alerting => {
            run_with("alerting", &given, entente_alerting::AlertingConfig::read, entente_alerting::start)
        }
    }
}
