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
    BenchResult, MeshArguments, alert, bulk,
    floor::Floor,
    mesh_process::{MeshProcess, READER, SUBMITTER, Speaker},
    objects, read,
    report::{Report, Target, median, quantile},
    unary,
};

/// Calls of one unary round.
const UNARY_CALLS: usize = 4_000;
/// Reports of the alert measure.
const ALERTS: usize = 1_000;
/// Least pairs with tracing on and off: the difference is small, so more rounds are needed to see it.
const TRACING_ROUNDS: usize = 5;
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
    pair.bulk(arguments.objects, &mut report).await?;
    pair.unary(&mut report).await?;
    pair.read(arguments.objects, &mut report).await?;
    pair.alert(folder.path(), &mut report).await?;
    report.add("memory of the mesh, peak", mesh.peak_mib(), "MiB", Target::AtMost(512.0));
    if !arguments.skip_tracing {
        drop(mesh);
        tracing_cost(&binary, folder.path(), arguments, &mut report).await?;
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
        let (mut floors, mut meshes, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        let mut floor = self.floor.client()?;
        let mut speaker = self.mesh.speaker(SUBMITTER).await?;
        let mut intake = intake(&speaker)?;
        for round in 0..self.rounds {
            speaker.refresh().await?;
            let batches = objects::batches(&objects::indicators(count));
            let bare =
                bulk::objects_per_second(&mut floor, batches.clone(), |stream| Ok(Request::new(stream)))
                    .await?;
            let through =
                bulk::objects_per_second(&mut intake, batches, |stream| speaker.request(stream)).await?;
            progress("bulk", round, bare, through);
            floors.push(bare);
            meshes.push(through);
            ratios.push(through / bare);
        }
        report.add("bulk submission, floor", median(floors), "objects/s", Target::None);
        report.add("bulk submission, intake", median(meshes), "objects/s", Target::None);
        report.add("bulk submission, intake / floor", median(ratios), "ratio", Target::AtLeast(0.30));
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

/// Unary and bulk submission on two meshes, one that traces every request and one that traces none.
async fn tracing_cost(
    binary: &Path,
    folder: &Path,
    arguments: &MeshArguments,
    report: &mut Report,
) -> BenchResult<()> {
    let traced = MeshProcess::start(binary, &folder.join("all"), 1.0)?;
    let untraced = MeshProcess::start(binary, &folder.join("none"), 0.0)?;
    let (mut unary_ratios, mut bulk_ratios) = (Vec::new(), Vec::new());
    for round in 0..arguments.rounds.max(TRACING_ROUNDS) {
        // Which one goes first alternates, so that neither always meets the warmer machine.
        let order = if round % 2 == 0 { [&traced, &untraced] } else { [&untraced, &traced] };
        let [first, second] = order;
        let (first, second) =
            (submissions(first, arguments.objects).await?, submissions(second, arguments.objects).await?);
        let (on, off) = if round % 2 == 0 { (first, second) } else { (second, first) };
        progress("tracing, unary", round, off.0, on.0);
        progress("tracing, bulk", round, off.1, on.1);
        unary_ratios.push(on.0 / off.0);
        bulk_ratios.push(on.1 / off.1);
    }
    let processor = traced.cpu_seconds() / untraced.cpu_seconds();
    report.add("processor time, all traced / none traced", processor, "ratio", Target::None);
    report.add(
        "unary submission, all traced / none traced",
        median(unary_ratios),
        "ratio",
        Target::AtLeast(0.90),
    );
    report.add(
        "bulk submission, all traced / none traced",
        median(bulk_ratios),
        "ratio",
        Target::AtLeast(0.90),
    );
    Ok(())
}

/// Unary calls and bulk objects a second.
async fn submissions(mesh: &MeshProcess, objects: usize) -> BenchResult<(f64, f64)> {
    let speaker = mesh.speaker(SUBMITTER).await?;
    let mut intake = intake(&speaker)?;
    let unary =
        unary::calls_per_second(&intake, objects::indicators(UNARY_CALLS), Some(speaker.request(())?), true)
            .await?;
    let batches = objects::batches(&objects::indicators(objects));
    let bulk = bulk::objects_per_second(&mut intake, batches, |stream| speaker.request(stream)).await?;
    Ok((unary, bulk))
}

fn intake(speaker: &Speaker) -> BenchResult<IntakeServiceClient<PeerChannel>> {
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

fn progress(what: &str, round: usize, bare: f64, through: f64) {
    println!(
        "{what}, round {}: {bare:.0}/s bare, {through:.0}/s through Entente, ratio {:.3}",
        round + 1,
        through / bare
    );
}
