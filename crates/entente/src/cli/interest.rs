//! `entente interest`: what can be typed.

use clap::{Args, Subcommand};

use super::Connect;
use crate::exit::HELP;

/// `entente interest`.
#[derive(Args)]
pub(crate) struct Interest {
    #[command(subcommand)]
    pub(crate) command: InterestCommand,
}

/// What to do with interests.
#[derive(Subcommand)]
pub(crate) enum InterestCommand {
    /// Add one; all its terms must hold. Example: entente interest add --type indicator --value 192.0.2.7
    #[command(after_help = HELP)]
    Add(InterestAdd),
    /// List yours. Example: entente interest list
    #[command(after_help = HELP)]
    List(InterestList),
    /// Remove one. Example: entente interest remove 019a...
    #[command(after_help = HELP)]
    Remove(InterestRemove),
}

/// `entente interest add`.
#[derive(Args)]
pub(crate) struct InterestAdd {
    /// What you call it
    #[arg(long, default_value = "")]
    pub(crate) name: String,
    /// STIX type; x-entente-text for free text
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) object_type: Option<String>,
    /// Exact address, domain, URL, e-mail address or hash
    #[arg(long)]
    pub(crate) value: Option<String>,
    /// Words in this order
    #[arg(long)]
    pub(crate) phrase: Option<String>,
    /// Originating organization
    #[arg(long)]
    pub(crate) originator: Option<String>,
    /// Operation path, or one above
    #[arg(long)]
    pub(crate) operation: Option<String>,
    /// This severity or graver
    #[arg(long, value_parser = ["minor", "moderate", "severe", "extreme"])]
    pub(crate) min_severity: Option<String>,
    #[command(flatten)]
    pub(crate) connect: Connect,
}

/// `entente interest list`.
#[derive(Args)]
pub(crate) struct InterestList {
    #[command(flatten)]
    pub(crate) connect: Connect,
}

/// `entente interest remove`.
#[derive(Args)]
pub(crate) struct InterestRemove {
    /// Id of the interest
    pub(crate) interest_id: String,
    #[command(flatten)]
    pub(crate) connect: Connect,
}
