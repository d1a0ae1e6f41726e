//! `entente alert`: what can be typed.

use clap::{Args, Subcommand};

use super::Connect;
use crate::exit::HELP;

/// `entente alert`.
#[derive(Args)]
pub(crate) struct Alert {
    #[command(subcommand)]
    pub(crate) command: AlertCommand,
}

/// What to do with alerts.
#[derive(Subcommand)]
pub(crate) enum AlertCommand {
    /// Print alerts as they come, until interrupted. Example: entente alert watch --consumer console
    #[command(after_help = HELP)]
    Watch(AlertWatch),
    /// Take note of an alert. Example: entente alert ack 3f2c... --note "patrol informed"
    #[command(after_help = HELP)]
    Ack(AlertAck),
}

/// `entente alert watch`.
#[derive(Args)]
pub(crate) struct AlertWatch {
    /// Name of the cursor: two consoles have two
    #[arg(long, default_value = "default")]
    pub(crate) consumer: String,
    /// Start behind all present alerts when the cursor is new
    #[arg(long)]
    pub(crate) from_now: bool,
    /// End after so many alerts
    #[arg(long, value_name = "N")]
    pub(crate) limit: Option<u64>,
    #[command(flatten)]
    pub(crate) connect: Connect,
}

/// `entente alert ack`.
#[derive(Args)]
pub(crate) struct AlertAck {
    /// Id of the alert
    pub(crate) alert_id: String,
    /// A note
    #[arg(long, default_value = "")]
    pub(crate) note: String,
    #[command(flatten)]
    pub(crate) connect: Connect,
}
