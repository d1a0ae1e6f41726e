//! The alerting service as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    entente_chassis::run::run("alerting", entente_alerting::AlertingConfig::read, entente_alerting::start)
}
