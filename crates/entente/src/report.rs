//! `entente report`: submit, get, list, search, verify.

mod form;
mod read;
mod signature;
mod submit;
mod verify;

use crate::{
    cli::{Report, ReportCommand},
    exit::Failure,
};

pub(crate) use submit::{Submission, submit_items};

/// Runs the command.
pub(crate) async fn run(arguments: Report) -> Result<(), Failure> {
    match arguments.command {
        ReportCommand::Submit(arguments) => submit::run(arguments).await,
        ReportCommand::Get(arguments) => read::get(arguments).await,
        ReportCommand::List(arguments) => read::list(arguments).await,
        ReportCommand::Search(arguments) => read::search(arguments).await,
        ReportCommand::Verify(arguments) => verify::run(arguments).await,
    }
}
