//! `entente access`: what can be typed.

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
