//! What can be typed. Each command says in its help what it does, with an example and its exit codes.

mod access;
mod alert;
mod audit;
mod interest;
mod pki;
mod report;

use std::{net::IpAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};

use crate::exit::HELP;

pub(crate) use access::{
    Access, AccessCommand, AccessExplain, AccessSuspend, AccessWhoami, PolicyApply, PolicyCommand,
    PolicyShow, PolicyTest,
};
pub(crate) use alert::{Alert, AlertAck, AlertCommand, AlertWatch};
pub(crate) use audit::{Audit, AuditCommand, AuditShow, AuditVerify};
pub(crate) use interest::{Interest, InterestAdd, InterestCommand, InterestList, InterestRemove};
pub(crate) use pki::{Pki, PkiCommand, PkiInit, PkiInspect, PkiIssue};
pub(crate) use report::{Filter, Get, List, Report, ReportCommand, Search, Submit, Verify};

/// Intelligence sharing between partners who only partly trust each other.
#[derive(Parser)]
#[command(name = "entente", version, about, long_about = None, after_help = HELP)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Run the whole mesh on this machine. Example: entente up --data ./mesh
    Up(Up),
    /// Tell the story of one report, from submission to alert to proof. Example: entente demo
    Demo(Demo),
    /// Run one service, as in Kubernetes. Example: entente serve intake --config intake.toml
    Serve(Serve),
    /// Submit and read reports. Example: entente report submit bundle.json --label "NOLEVEL//TLP:CLEAR//ONWARD OPEN//BY VLD-COAST"
    Report(Report),
    /// Standing interests. Example: entente interest add --phrase "night ferry"
    Interest(Interest),
    /// Watch and acknowledge alerts. Example: entente alert watch
    Alert(Alert),
    /// Verify receipts and consult the log. Example: entente audit verify receipt.json
    Audit(Audit),
    /// Draw the trace of an audited request. Example: entente trace 4bf92f3577b34da6a3ce929d0e0e4736
    Trace(Trace),
    /// Who may read what, and why. Example: entente access explain --subject ORS-CERT/tomas --label "..."
    Access(Access),
    /// Development certificates. Example: entente pki inspect certificate.pem
    Pki(Pki),
}

/// Which mesh, and who speaks.
#[derive(Args, Clone, Default)]
pub(crate) struct Connect {
    /// Data folder of a running `entente up`
    #[arg(long, env = "ENTENTE_DATA", default_value = ".entente", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Who speaks: a profile's name below DIR/profiles, or a file. Default: the first person of `entente up`
    #[arg(long, env = "ENTENTE_PROFILE", value_name = "NAME|FILE")]
    pub(crate) profile: Option<String>,
    /// Purpose asserted, in place of the profile's
    #[arg(long)]
    pub(crate) purpose: Option<String>,
    /// Realm, in place of the profile's: REAL or EXERCISE:<name>
    #[arg(long)]
    pub(crate) realm: Option<String>,
    /// Print JSON, one result a line
    #[arg(long)]
    pub(crate) json: bool,
}

/// `entente up`.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Up {
    /// Folder of everything the mesh keeps; made when missing
    #[arg(long, env = "ENTENTE_DATA", default_value = ".entente", value_name = "DIR")]
    pub(crate) data: PathBuf,
    /// Address to listen on
    #[arg(long, default_value = "127.0.0.1", value_name = "IP")]
    pub(crate) listen: IpAddr,
    /// Share of requests that are traced, 0 to 1
    #[arg(long, default_value_t = 1.0, value_name = "RATIO")]
    pub(crate) trace_ratio: f64,
    /// Print endpoints.json when ready, and nothing else
    #[arg(long)]
    pub(crate) json: bool,
}

/// `entente demo`.
#[derive(Args)]
#[command(after_help = "Exit codes: 0 if every step of the story held; 1 if one did not; 70 internal fault")]
pub(crate) struct Demo {
    /// Keep the mesh's data here instead of in a folder that goes away
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// Print one JSON object per step
    #[arg(long)]
    pub(crate) json: bool,
}

/// `entente serve`.
#[derive(Args)]
#[command(after_help = "Settings also come from the environment (ENTENTE_INTAKE__SERVER__LISTEN) and --set \
server.listen=0.0.0.0:7443. Exit codes: 0 stopped; 1 could not start; 64 configuration, every fault listed")]
pub(crate) struct Serve {
    /// Which service
    #[arg(value_parser = ["intake", "access", "alerting", "audit"])]
    pub(crate) service: String,
    /// Configuration file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// A setting, over file and environment
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(crate) settings: Vec<String>,
    /// Check the configuration and end
    #[arg(long)]
    pub(crate) check: bool,
    /// Print faults as JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// `entente trace`.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Trace {
    /// Trace id, 32 hexadecimal digits
    pub(crate) trace_id: String,
    #[command(flatten)]
    pub(crate) connect: Connect,
}
