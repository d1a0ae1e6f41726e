//! The access service as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    entente_chassis::run::run("access", entente_access::AccessConfig::read, entente_access::start)
}
