//! `cargo xtask bench mesh`: each measure of the mesh beside its floor, alternating, in one run.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use entente_chassis::client::PeerChannel;
use entente_proto::intake::v1::intake_service_client::IntakeServiceClient;
use tonic::Request;

use super::{
    BenchResult, MeshArguments, Part, alert, bulk,
    floor::Floor,
    mesh_process::{MeshProcess, READER, SUBMITTER, Speaker},
    objects, read,
    report::{Report, Target, median, quantile},
    tracing_cost, unary,
};

/// Calls of one unary round.
pub(crate) const UNARY_CALLS: usize = 4_000;
/// Reports of the alert measure.
const ALERTS: usize = 1_000;
/// Empty round trips and bare fdatasyncs.
const PROBES: usize = 1_000;
/// Largest answer: a page.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Measures and writes `target/bench/mesh.json`.
pub(crate) async fn run(root: &Path, arguments: &MeshArguments) -> BenchResult<()> {
    let binary = build(root)?;
    let folder = tempfile::tempdir()?;
    println!("machine: {}", machine());
    println!(
        "data: generated indicators of about 1.4 KB, {} a bulk round, {} rounds",
        arguments.objects, arguments.rounds
    );
    let floor_folder = folder.path().join("floor");
    std::fs::create_dir_all(&floor_folder)?;
    let floor = Floor::start(&floor_folder)?;
    let mesh = MeshProcess::start(&binary, &folder.path().join("traced"), 1.0)?;
    let mut report = Report::default();
    let pair = Pair { floor: &floor, mesh: &mesh, rounds: arguments.rounds };
    if arguments.wants(Part::Bulk) {
        pair.bulk(arguments.objects, &mut report).await?;
    } else if arguments.wants(Part::Read) {
        pair.fill(arguments.objects).await?;
    }
    if arguments.wants(Part::Unary) {
        pair.unary(&mut report).await?;
    }
    if arguments.wants(Part::Read) {
        pair.read(arguments.objects, &mut report).await?;
    }
    if arguments.wants(Part::Alert) {
        pair.alert(folder.path(), &mut report).await?;
    }
    report.add("memory of the mesh, peak", mesh.peak_mib(), "MiB", Target::AtMost(512.0));
    drop(mesh);
    if arguments.wants(Part::Tracing) {
        tracing_cost::measure(&binary, folder.path(), arguments, &mut report).await?;
    }
    report.finish(&root.join("target/bench/mesh.json"))
}

fn build(root: &Path) -> BenchResult<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["build", "--release", "--package", "entente"])
        .current_dir(root)
        .status()?;
    if !status.success() {
        return Err("the release build failed".into());
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    Ok(target.join("release/entente"))
}

/// Processors and memory, as the figures need them beside them.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total =
        memory.lines().find_map(|line| line.strip_prefix("MemTotal:")).unwrap_or_default().trim().to_owned();
    format!("{cores} cores, memory {total}; client, floor and mesh share it")
}

struct Pair<'a> {
    floor: &'a Floor,
    mesh: &'a MeshProcess,
    rounds: usize,
}

impl Pair<'_> {
    async fn bulk(&self, count: usize, report: &mut Report) -> BenchResult<()> {
        let (mut floors, mut meshes, mut ratios, mut searchable) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut floor = self.floor.client()?;
        let mut speaker = self.mesh.speaker(SUBMITTER).await?;
        let mut intake = intake(&speaker)?;
        for round in 0..self.rounds {
            speaker.refresh().await?;
            let batches = objects::batches(&objects::indicators(count));
            self.mesh.idle().await?;
            let bare =
                bulk::objects_per_second(&mut floor, batches.clone(), |stream| Ok(Request::new(stream)))
                    .await?;
            let start = Instant::now();
            let through =
                bulk::objects_per_second(&mut intake, batches, |stream| speaker.request(stream)).await?;
            searchable.push(bulk::searchable_per_second(&mut intake, &speaker, count, start).await?);
            progress("bulk", round, bare, through);
            floors.push(bare);
            meshes.push(through);
            ratios.push(through / bare);
        }
        report.add("bulk submission, floor", median(floors), "objects/s", Target::None);
        report.add("bulk submission, intake", median(meshes), "objects/s", Target::None);
        report.add("bulk submission, until searchable", median(searchable), "objects/s", Target::None);
        report.add("bulk submission, intake / floor", median(ratios), "ratio", Target::AtLeast(0.30));
        Ok(())
    }

    /// Puts reports into the mesh that no part before has put there.
    async fn fill(&self, count: usize) -> BenchResult<()> {
        let speaker = self.mesh.speaker(SUBMITTER).await?;
        let batches = objects::batches(&objects::indicators(count));
        bulk::objects_per_second(&mut intake(&speaker)?, batches, |stream| speaker.request(stream)).await?;
        Ok(())
    }

    async fn unary(&self, report: &mut Report) -> BenchResult<()> {
        let (mut floors, mut meshes, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let floor = self.floor.client()?;
        let mut speaker = self.mesh.speaker(SUBMITTER).await?;
        let intake = intake(&speaker)?;
        for round in 0..self.rounds {
            speaker.refresh().await?;
            let bodies = objects::indicators(UNARY_CALLS);
            self.mesh.idle().await?;
            let bare = unary::calls_per_second(&floor, bodies.clone(), None, false).await?;
            let through = unary::calls_per_second(&intake, bodies, Some(speaker.request(())?), true).await?;
            progress("unary", round, bare, through);
            floors.push(bare);
            meshes.push(through);
            ratios.push(through / bare);
        }
        report.add("unary submission at 16 in flight, floor", median(floors), "calls/s", Target::None);
        report.add("unary submission at 16 in flight, intake", median(meshes), "calls/s", Target::None);
        report.add("unary submission, intake / floor", median(ratios), "ratio", Target::AtLeast(0.25));
        Ok(())
    }

    async fn read(&self, count: usize, report: &mut Report) -> BenchResult<()> {
        let (mut floors, mut meshes, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let mut floor = self.floor.client()?;
        let mut speaker = self.mesh.speaker(READER).await?;
        let mut intake = intake(&speaker)?;
        for round in 0..self.rounds {
            speaker.refresh().await?;
            self.mesh.idle().await?;
            let bare = read::bare_stream(&mut floor, count).await?;
            let through = read::pages(&mut intake, &speaker, count).await?;
            progress("read", round, bare, through);
            floors.push(bare);
            meshes.push(through);
            ratios.push(through / bare);
        }
        report.add("read, bare stream of one object a message", median(floors), "objects/s", Target::None);
        report.add(
            "read, pages of 1,000 with decision and record",
            median(meshes),
            "objects/s",
            Target::None,
        );
        report.add("read, intake / floor", median(ratios), "ratio", Target::AtLeast(0.30));
        Ok(())
    }

    async fn alert(&self, folder: &Path, report: &mut Report) -> BenchResult<()> {
        let submitter = self.mesh.speaker(SUBMITTER).await?;
        let reader = self.mesh.speaker(READER).await?;
        let mut floor = self.floor.client()?;
        self.mesh.idle().await?;
        unary::round_trips_ms(&mut floor, PROBES).await?;
        let round_trip = median(unary::round_trips_ms(&mut floor, PROBES).await?);
        let sync = median(syncs_ms(&folder.join("probe"), PROBES)?);
        let times = alert::latencies_ms(&submitter, &reader, objects::indicators(ALERTS)).await?;
        let unit = round_trip + 2.0 * sync;
        let slow = quantile(times.clone(), 0.99);
        println!("alert: median {:.2} ms, p99 {slow:.2} ms; unit {unit:.3} ms", median(times.clone()));
        report.add("empty mutual-TLS round trip, median", round_trip, "ms", Target::None);
        report.add("fdatasync of one object, median", sync, "ms", Target::None);
        report.add("submit to alert at 100 reports/s, median", median(times), "ms", Target::None);
        report.add("submit to alert at 100 reports/s, p99", slow, "ms", Target::None);
        report.add(
            "submit to alert p99 / (round trip + 2 fdatasync)",
            slow / unit,
            "ratio",
            Target::AtMost(10.0),
        );
        Ok(())
    }
}

/// The client of intake for a speaker.
pub(crate) fn intake(speaker: &Speaker) -> BenchResult<IntakeServiceClient<PeerChannel>> {
    Ok(IntakeServiceClient::new(speaker.channel("intake")?)
        .max_decoding_message_size(ANSWER_BYTES_MAX)
        .max_encoding_message_size(ANSWER_BYTES_MAX))
}

/// Bare appends of one object with fdatasync; each in milliseconds.
fn syncs_ms(path: &Path, count: usize) -> BenchResult<Vec<f64>> {
    let mut file: File = OpenOptions::new().create(true).append(true).open(path)?;
    let object = objects::indicators(1).pop().unwrap_or_default();
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        file.write_all(&object)?;
        file.sync_data()?;
        times.push(start.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(times)
}

/// Tells one round.
pub(crate) fn progress(what: &str, round: usize, bare: f64, through: f64) {
    println!(
        "{what}, round {}: {bare:.0}/s bare, {through:.0}/s through Entente, ratio {:.3}",
        round + 1,
        through / bare
    );
}
