//! The audit service as a process of its own.

use std::process::ExitCode;

fn main() -> ExitCode {
    entente_chassis::run::run("audit", entente_audit::AuditConfig::read, entente_audit::start)
}
