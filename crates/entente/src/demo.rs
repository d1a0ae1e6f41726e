//! `entente demo`: the story of one report, told and checked step by step over a real mesh.
//!
//! Partners, people, ships and addresses of the story are invented. Each step says what it claims, asks the mesh, and
//! holds or does not; the command ends with 0 only if every step held.

mod cast;
mod hidden;
mod narrator;
mod outage;
mod proof;
mod revocation;
mod telling;

use std::{
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use crate::{
    cli::Demo,
    exit::Failure,
    mesh::{self, Mesh, MeshOptions},
};

use cast::Cast;
use narrator::Narrator;

/// How long the story waits for something that comes by itself: an alert, a span, a restarted service.
const PATIENCE: Duration = Duration::from_secs(30);
/// Pause before asking again.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// Runs the command.
pub(crate) async fn run(arguments: Demo) -> Result<(), Failure> {
    let mut narrator = Narrator::new(arguments.json);
    let folder = Folder::of(&arguments)?;
    narrator.title("Entente: one report, from submission to alert to proof");
    narrator.tell(
        "Three partners who only partly trust each other share a mesh: the coast guard of Valdoria (VLD-COAST), the CERT \
         of Orsenna (ORS-CERT) and the maritime ISAC of the Kestrel Isles (KSI-ISAC). Valdoria and Orsenna run operation \
         TIDEWALL together; the Isles take no part in it. All of them are invented, the mesh is real: four services in \
         this process, mutual TLS between them and to everyone who calls.",
    );
    let options = MeshOptions {
        data: folder.path(),
        listen: IpAddr::V4(Ipv4Addr::LOCALHOST),
        telemetry: mesh::telemetry("off", 1.0),
    };
    let mut mesh = Mesh::start(options, |_, _| {}).await?;
    let told = tell(&mut narrator, &mut mesh).await;
    mesh.stop().await;
    if let Err(failure) = told {
        narrator.broken(&failure);
    }
    narrator.finish(arguments.data.as_deref())
}

async fn tell(narrator: &mut Narrator, mesh: &mut Mesh) -> Result<(), Failure> {
    let cast = Cast::assemble(mesh)?;
    telling::sign_in(narrator, &cast).await?;
    let mut waiting = telling::ask_to_be_told(narrator, &cast).await?;
    let report = telling::submit(narrator, &cast).await?;
    let mut read = telling::alert_and_read(narrator, &cast, &mut waiting, &report).await?;
    read.receipts.extend(hidden::nothing_to_see(narrator, &cast, &mut waiting, &report).await?);
    proof::receipts(narrator, mesh, &read.receipts)?;
    proof::trace(narrator, &cast, &read.trace_id).await?;
    outage::audit_stops(narrator, mesh, &cast, &report).await?;
    revocation::revoke(narrator, &cast, &report).await?;
    cast.tidy_up(&waiting.interests).await
}

/// Where the story's mesh keeps its data.
enum Folder {
    Kept(std::path::PathBuf),
    Temporary(tempfile::TempDir),
}

impl Folder {
    fn of(arguments: &Demo) -> Result<Folder, Failure> {
        match &arguments.data {
            Some(path) => Ok(Folder::Kept(path.clone())),
            None => tempfile::tempdir()
                .map(Folder::Temporary)
                .map_err(|error| Failure::internal(format!("a temporary folder: {error}"))),
        }
    }

    fn path(&self) -> std::path::PathBuf {
        match self {
            Folder::Kept(path) => path.clone(),
            Folder::Temporary(folder) => folder.path().to_owned(),
        }
    }
}
