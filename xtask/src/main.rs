//! `cargo xtask`: what keeps the repository honest. `check` enforces the layout, `test` is the one command that passes
//! the tests, `bench` measures ratios in one run, `docs` writes what is generated, `data` tells about the real input.
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool talks through its streams"
)]

mod bench;
mod check;
mod data;
mod docs;
mod test;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

/// A command of the build.
#[derive(Parser)]
#[command(name = "cargo xtask", version, about = "Checks, tests and measures Entente")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Enforce the layout rules; lists every fault. Example: cargo xtask check
    Check,
    /// Format, lints, layout and every test: what CI runs. Example: cargo xtask test
    Test,
    /// Measure, as ratios in one run. Example: cargo xtask bench mesh
    Bench(bench::Arguments),
    /// Write the generated documents (docs/errors.md). Example: cargo xtask docs
    Docs,
    /// Tell which real input is there. Example: cargo xtask data
    Data,
}

fn main() -> ExitCode {
    let root = root();
    let outcome = match Arguments::parse().command {
        Command::Check => check::run(&root),
        Command::Test => test::run(&root),
        Command::Bench(arguments) => bench::run(&root, &arguments),
        Command::Docs => docs::write(&root),
        Command::Data => data::run(&root),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(faults) => {
            for fault in &faults {
                eprintln!("fault: {fault}");
            }
            eprintln!("{} fault(s)", faults.len());
            ExitCode::FAILURE
        }
    }
}

/// What a command ends with: nothing, or every fault found.
type Outcome = Result<(), Vec<String>>;

/// The workspace's root folder.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).unwrap_or_default()
}
