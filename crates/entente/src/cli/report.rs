//! `entente report`: what can be typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Connect;
use crate::exit::HELP;

/// `entente report`.
#[derive(Args)]
pub(crate) struct Report {
    #[command(subcommand)]
    pub(crate) command: ReportCommand,
}

/// What to do with reports.
#[derive(Subcommand)]
pub(crate) enum ReportCommand {
    /// Submit STIX 2.1 or free text. Example: entente report submit bundle.json.gz --label "NOLEVEL//TLP:CLEAR//ONWARD OPEN//BY VLD-COAST"
    #[command(after_help = HELP)]
    Submit(Submit),
    /// Read one report. Example: entente report get indicator--8e2e2d2b-17d4-4cbf-938f-98ee46b3cd3f
    #[command(after_help = HELP)]
    Get(Get),
    /// List reports. Example: entente report list --type indicator --operation TIDEWALL --count
    #[command(after_help = HELP)]
    List(List),
    /// Search reports by text. Example: entente report search 'ferry "north pier"'
    #[command(after_help = HELP)]
    Search(Search),
    /// Verify originators' signatures. Example: entente report verify report.json --key coast-guard.vkey
    #[command(after_help = VERIFY_HELP)]
    Verify(Verify),
}

/// Exit codes of `entente report verify`; those of `entente audit verify` where they mean the same.
const VERIFY_HELP: &str = "Exit codes: 0 verified; 1 the label or the place in the signed tree does not fit, or no such report; \
2 the originator did not sign this as it stands; 64 usage or configuration; 65 not a report; 66 no file; \
69 unavailable, try again; 70 internal fault; 77 not permitted";

/// `entente report submit`.
#[derive(Args)]
pub(crate) struct Submit {
    /// Files: a bundle, an array, one object, JSON lines, or text; gzip is seen by itself; - is standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Label line; without it the profile's default_label
    #[arg(long, value_name = "LINE")]
    pub(crate) label: Option<String>,
    /// Operation path, such as TIDEWALL/OPERATIONAL/P2
    #[arg(long, value_name = "PATH")]
    pub(crate) operation: Option<String>,
    /// The originator's assessment
    #[arg(long, value_parser = ["unknown", "minor", "moderate", "severe", "extreme"])]
    pub(crate) severity: Option<String>,
    /// Title of free text
    #[arg(long)]
    pub(crate) title: Option<String>,
    /// Take the files as free text, whatever they hold
    #[arg(long)]
    pub(crate) text: bool,
    #[command(flatten)]
    pub(crate) connect: Connect,
}

/// `entente report get`.
#[derive(Args)]
pub(crate) struct Get {
    /// Id of the report
    pub(crate) report_id: String,
    /// Version; without it the newest you may see
    #[arg(long)]
    pub(crate) version: Option<String>,
    /// Originator, where several submitted under the same id
    #[arg(long)]
    pub(crate) originator: Option<String>,
    /// Write the receipt here
    #[arg(long, value_name = "FILE")]
    pub(crate) receipt: Option<PathBuf>,
    /// Write the originator's verifier key here
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connect: Connect,
}

/// Which reports.
#[derive(Args, Clone, Default)]
pub(crate) struct Filter {
    /// STIX type; may be repeated
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) types: Vec<String>,
    /// Id; may be repeated
    #[arg(long = "id", value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// Originating organization
    #[arg(long)]
    pub(crate) originator: Option<String>,
    /// Operation path, or one above
    #[arg(long)]
    pub(crate) operation: Option<String>,
    /// Added at or after, RFC 3339
    #[arg(long, value_name = "TIME")]
    pub(crate) added_from: Option<String>,
    /// Added before, RFC 3339
    #[arg(long, value_name = "TIME")]
    pub(crate) added_until: Option<String>,
    /// Every version, not the newest alone
    #[arg(long)]
    pub(crate) all_versions: bool,
    /// Most reports to print
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) limit: u32,
    /// Count every match
    #[arg(long)]
    pub(crate) count: bool,
}

/// `entente report list`.
#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) filter: Filter,
    /// Newest first
    #[arg(long)]
    pub(crate) newest_first: bool,
    #[command(flatten)]
    pub(crate) connect: Connect,
}

/// `entente report search`.
#[derive(Args)]
pub(crate) struct Search {
    /// Words, all of which must be there; "quoted phrases"; prefix*
    pub(crate) query: String,
    #[command(flatten)]
    pub(crate) filter: Filter,
    #[command(flatten)]
    pub(crate) connect: Connect,
}

/// `entente report verify`.
#[derive(Args)]
pub(crate) struct Verify {
    /// Reports as `report get`, `list` or `search` printed them with --json; - is standard input
    #[arg(value_name = "FILE", required_unless_present = "id")]
    pub(crate) files: Vec<PathBuf>,
    /// A report of the mesh, read as by `report get`
    #[arg(long, value_name = "ID", conflicts_with = "files")]
    pub(crate) id: Option<String>,
    /// File with verifier keys of originators, one a line; without it the mesh is asked for the keys
    #[arg(long, value_name = "FILE")]
    pub(crate) key: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) connect: Connect,
}
