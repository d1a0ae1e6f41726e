//! The intake service as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    entente_chassis::run::run("intake", entente_intake::IntakeConfig::read, entente_intake::start)
}
