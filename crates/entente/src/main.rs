//! The `entente` command: the whole mesh on one machine, its services one by one, and what operators and analysts type.
//!
//! A command is one file named by its noun. Rules live in the services: nothing here decides who may see what, and
//! nothing opens a store.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line talks through its streams")]

mod access;
mod alert;
mod audit;
mod cli;
mod demo;
mod exit;
mod input;
mod interest;
mod mesh;
mod output;
mod pki;
mod profile;
mod progress;
mod report;
mod serve;
mod session;
mod trace;
mod up;
mod waterfall;

use std::process::ExitCode;

use clap::Parser;

use crate::{
    cli::{Arguments, Command},
    exit::Failure,
};

/// The static image has no other allocator than musl's, which serialises all threads; everywhere else this one is
/// merely faster.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() && wants_json() => {
            return Failure::usage(error.to_string().trim_end()).report(true);
        }
        Err(error) => {
            // Help and version are no faults.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(exit::USAGE) } else { ExitCode::SUCCESS };
        }
    };
    match run(arguments) {
        Ok(code) => code,
        Err(failure) => failure.report(wants_json()),
    }
}

/// Whether the command line asks for JSON, even one that does not parse.
fn wants_json() -> bool {
    std::env::args_os().take_while(|argument| argument != "--").any(|argument| argument == "--json")
}

fn run(arguments: Arguments) -> Result<ExitCode, Failure> {
    // `serve` brings its own runtime and telemetry: it is the process of one service.
    if let Command::Serve(serve) = &arguments.command {
        return Ok(serve::run(serve));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(format!("the runtime did not start: {error}")))?;
    runtime.block_on(dispatch(arguments.command)).map(|()| ExitCode::SUCCESS)
}

async fn dispatch(command: Command) -> Result<(), Failure> {
    match command {
        Command::Up(arguments) => up::run(arguments).await,
        Command::Demo(arguments) => demo::run(arguments).await,
        Command::Serve(_) => Ok(()),
        Command::Report(arguments) => report::run(arguments).await,
        Command::Interest(arguments) => interest::run(arguments).await,
        Command::Alert(arguments) => alert::run(arguments).await,
        Command::Audit(arguments) => audit::run(arguments).await,
        Command::Trace(arguments) => trace::run(arguments).await,
        Command::Access(arguments) => access::run(arguments).await,
        Command::Pki(arguments) => pki::run(arguments),
    }
}
