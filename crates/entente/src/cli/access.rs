//! `entente access`: what can be typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Connect;
use crate::exit::HELP;

/// `entente access`.
#[derive(Args)]
pub(crate) struct Access {
    #[command(subcommand)]
    pub(crate) command: AccessCommand,
}

/// What to ask of access.
#[derive(Subcommand)]
pub(crate) enum AccessCommand {
    /// Why a subject may or may not read under a label. Example: entente access explain --label "NOLEVEL//TLP:CLEAR//ONWARD OPEN//BY VLD-COAST"
    #[command(after_help = HELP)]
    Explain(AccessExplain),
    /// Who you are to the mesh. Example: entente access whoami
    #[command(after_help = HELP)]
    Whoami(AccessWhoami),
    /// Suspend a subject of your organization. Example: entente access suspend ORS-CERT/ilse --why "left the unit"
    #[command(after_help = HELP)]
    Suspend(AccessSuspend),
    /// The deployment's own policies, on top of the rules every node has. Example: entente access policy show
    Policy(AccessPolicy),
}

/// `entente access explain`.
#[derive(Args)]
pub(crate) struct AccessExplain {
    /// Subject; without it yourself
    #[arg(long, value_name = "ORG/NAME")]
    pub(crate) subject: Option<String>,
    /// Label line
    #[arg(long, value_name = "LINE")]
    pub(crate) label: String,
    #[command(flatten)]
    pub(crate) connect: Connect,
}

/// `entente access whoami`.
#[derive(Args)]
pub(crate) struct AccessWhoami {
    #[command(flatten)]
    pub(crate) connect: Connect,
}

/// `entente access suspend`.
#[derive(Args)]
pub(crate) struct AccessSuspend {
    /// Subject
    #[arg(value_name = "ORG/NAME")]
    pub(crate) subject: String,
    /// Why, for the record
    #[arg(long = "why", value_name = "TEXT")]
    pub(crate) justification: String,
    #[command(flatten)]
    pub(crate) connect: Connect,
}

/// `entente access policy`.
#[derive(Args)]
pub(crate) struct AccessPolicy {
    #[command(subcommand)]
    pub(crate) command: PolicyCommand,
}

/// What to do with policies.
#[derive(Subcommand)]
pub(crate) enum PolicyCommand {
    /// The policies in force, or an earlier version. Example: entente access policy show > policies.cedar
    #[command(after_help = HELP)]
    Show(PolicyShow),
    /// Which decisions would be other ones under a file. Example: entente access policy test policies.cedar
    #[command(after_help = HELP)]
    Test(PolicyTest),
    /// What a file says differently from what is in force, line by line, and which decisions it changes. Example: entente access policy diff policies.cedar
    #[command(after_help = HELP)]
    Diff(PolicyTest),
    /// Put a file in force in place of what is. Example: entente access policy apply policies.cedar --why "decided on 3 May"
    #[command(after_help = HELP)]
    Apply(PolicyApply),
}

/// `entente access policy show`.
#[derive(Args)]
pub(crate) struct PolicyShow {
    /// An earlier version, by its number
    #[arg(long = "policy-version", value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    pub(crate) version: u64,
    /// The schema that policies are written against, in place of policies
    #[arg(long)]
    pub(crate) schema: bool,
    #[command(flatten)]
    pub(crate) connect: Connect,
}

/// `entente access policy test` and `diff`.
#[derive(Args)]
pub(crate) struct PolicyTest {
    /// Cedar policies; `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// A label to decide under; may be given several times. Without it, those in use, newest first
    #[arg(long = "label", value_name = "LINE")]
    pub(crate) labels: Vec<String>,
    #[command(flatten)]
    pub(crate) connect: Connect,
}

/// `entente access policy apply`.
#[derive(Args)]
pub(crate) struct PolicyApply {
    /// Cedar policies; `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Why, for the record
    #[arg(long = "why", value_name = "TEXT")]
    pub(crate) justification: String,
    /// Only in place of this version: refused if another one has come in force since it was tested
    #[arg(long, value_name = "NUMBER")]
    pub(crate) replacing: Option<u64>,
    #[command(flatten)]
    pub(crate) connect: Connect,
}
