//! `entente pki`: what can be typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::exit::HELP;

/// `entente pki`.
#[derive(Args)]
pub(crate) struct Pki {
    #[command(subcommand)]
    pub(crate) command: PkiCommand,
}

/// What to do with certificates.
#[derive(Subcommand)]
pub(crate) enum PkiCommand {
    /// Make a development CA. Example: entente pki init --dir pki --trust-domain entente.example
    #[command(after_help = HELP)]
    Init(PkiInit),
    /// Issue a certificate. Example: entente pki issue --dir pki --subject VLD-COAST/mira --out mira
    #[command(after_help = HELP)]
    Issue(PkiIssue),
    /// Say what is in a certificate. Example: entente pki inspect mira/certificate.pem
    #[command(after_help = HELP)]
    Inspect(PkiInspect),
}

/// `entente pki init`.
#[derive(Args)]
pub(crate) struct PkiInit {
    /// Folder of the CA
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// Trust domain
    #[arg(long)]
    pub(crate) trust_domain: String,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `entente pki issue`.
#[derive(Args)]
pub(crate) struct PkiIssue {
    /// Folder of the CA
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: PathBuf,
    /// A workload, such as intake
    #[arg(long, value_name = "NAME", conflicts_with = "subject", required_unless_present = "subject")]
    pub(crate) service: Option<String>,
    /// A person or partner system
    #[arg(long, value_name = "ORG/NAME")]
    pub(crate) subject: Option<String>,
    /// Folder for certificate.pem, key.pem and bundle.pem
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Days until it expires
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=825))]
    pub(crate) days: u32,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `entente pki inspect`.
#[derive(Args)]
pub(crate) struct PkiInspect {
    /// PEM file
    pub(crate) certificate: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
