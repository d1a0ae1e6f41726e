//! `cargo xtask bench`: speed as ratios, measured side by side in one run on whatever machine this is.

mod alert;
mod bulk;
mod floor;
mod mesh;
mod mesh_process;
mod objects;
mod read;
mod report;
mod tracing_cost;
mod unary;

use std::path::{Path, PathBuf};

use crate::Outcome;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    /// The mesh against bare tonic and bare fdatasync. Example: cargo xtask bench mesh
    Mesh(MeshArguments),
    /// The floor: a bare mutual-TLS server, started by `bench mesh` as a process of its own.
    #[command(hide = true)]
    Floor {
        /// Folder with the floor's certificates and files.
        folder: PathBuf,
    },
}

/// How much of it.
#[derive(clap::Args)]
pub(crate) struct MeshArguments {
    /// Rounds of each pair; the median ratio counts
    #[arg(long, default_value_t = 3)]
    pub(crate) rounds: usize,
    /// Objects of one bulk round
    #[arg(long, default_value_t = 60_000)]
    pub(crate) objects: usize,
    /// Measure only these parts
    #[arg(long, value_enum, value_delimiter = ',')]
    pub(crate) only: Vec<Part>,
}

/// A part of the benchmark that can be run by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Part {
    /// Submission over one acknowledged stream
    Bulk,
    /// Submission, one object a call
    Unary,
    /// Pages of reports
    Read,
    /// From submission to alert
    Alert,
    /// Submission with tracing on and off
    Tracing,
}

impl MeshArguments {
    /// Whether a part is to be run: every one unless some are named.
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.only.is_empty() || self.only.contains(&part)
    }
}

/// Runs one benchmark.
pub(crate) fn run(root: &Path, arguments: &Arguments) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| vec![format!("the runtime did not start: {error}")])?;
    let done = match &arguments.command {
        Command::Mesh(arguments) => runtime.block_on(mesh::run(root, arguments)),
        Command::Floor { folder } => runtime.block_on(floor::serve(folder)),
    };
    done.map_err(|error| vec![describe(error.as_ref())])
}

/// What goes wrong in a benchmark ends it; nobody handles it.
pub(crate) type BenchResult<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
