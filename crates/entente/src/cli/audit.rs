//! `entente audit`: what can be typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Connect;
use crate::exit::HELP;

/// `entente audit`.
#[derive(Args)]
pub(crate) struct Audit {
    #[command(subcommand)]
    pub(crate) command: AuditCommand,
}

/// What to do with the log.
#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    /// Verify a receipt offline. Example: entente audit verify receipt.json --key log.vkey
    #[command(
        after_help = "Exit codes: 0 verified; 1 the proof fails; 2 the signature fails; 65 not a receipt; 66 no file"
    )]
    Verify(AuditVerify),
    /// Show records that concern your organization. Example: entente audit show --object indicator--... --why "review"
    #[command(after_help = HELP)]
    Show(AuditShow),
}

/// `entente audit verify`.
#[derive(Args)]
pub(crate) struct AuditVerify {
    /// Receipts as `--receipt` or `--json` wrote them; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) receipts: Vec<PathBuf>,
    /// File with the log's verifier key; without it the key in the data folder's endpoints.json
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    /// Data folder of `entente up`
    #[arg(long, env = "ENTENTE_DATA", default_value = ".entente", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Print JSON, one result a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// `entente audit show`.
#[derive(Args)]
pub(crate) struct AuditShow {
    /// One record by its index
    #[arg(long, value_name = "N", conflicts_with_all = ["object", "subject", "trace"])]
    pub(crate) index: Option<u64>,
    /// Records with this object
    #[arg(long, value_name = "ID")]
    pub(crate) object: Option<String>,
    /// Records of this subject
    #[arg(long, value_name = "ORG/NAME")]
    pub(crate) subject: Option<String>,
    /// Records of this trace
    #[arg(long, value_name = "TRACE")]
    pub(crate) trace: Option<String>,
    /// Most records to print
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) limit: u32,
    /// Why the log is consulted; recorded
    #[arg(long = "why", value_name = "TEXT", required_unless_present = "index")]
    pub(crate) justification: Option<String>,
    #[command(flatten)]
    pub(crate) connect: Connect,
}
