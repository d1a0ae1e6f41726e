//! `entente serve`: one service as the process, with its own configuration, telemetry and drain.

use std::process::ExitCode;

use entente_chassis::run::Arguments;

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
    let _ = (service, &given);
    ExitCode::from(USAGE)
}
