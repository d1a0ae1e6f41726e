//! `entente audit`: verify receipts without trusting the mesh, and consult the log.

mod proof;
mod show;
mod verify;

use crate::{
    cli::{Audit, AuditCommand},
    exit::Failure,
};

pub(crate) use proof::{LogKey, Verdict};
pub(crate) use show::{records, trace_bytes};

/// Runs the command.
pub(crate) async fn run(arguments: Audit) -> Result<(), Failure> {
    match arguments.command {
        AuditCommand::Verify(arguments) => verify::run(&arguments),
        AuditCommand::Show(arguments) => show::run(arguments).await,
    }
}
