//! What tracing costs: unary and bulk submission on two meshes, one that traces every request and one that traces none.

use std::path::Path;

use super::{
    BenchResult, MeshArguments, bulk,
    mesh::{UNARY_CALLS, intake, progress},
    mesh_process::{MeshProcess, SUBMITTER},
    objects,
    report::{Report, Target, median},
    unary,
};

/// Least pairs with tracing on and off: the difference is small, so more rounds are needed to see it.
const TRACING_ROUNDS: usize = 7;

/// A mesh that traces every request and one that traces none, and what each did.
struct Meshes {
    traced: MeshProcess,
    untraced: MeshProcess,
}

/// Measures both, alternating.
pub(crate) async fn measure(
    binary: &Path,
    folder: &Path,
    arguments: &MeshArguments,
    report: &mut Report,
) -> BenchResult<()> {
    let meshes = Meshes {
        traced: MeshProcess::start(binary, &folder.join("all"), 1.0)?,
        untraced: MeshProcess::start(binary, &folder.join("none"), 0.0)?,
    };
    let (mut unary, mut bulk) = (Vec::new(), Vec::new());
    for round in 0..arguments.rounds.max(TRACING_ROUNDS) {
        let (on, off) = meshes.pair(round, async |mesh| unary_per_second(mesh).await).await?;
        progress("tracing, unary", round, off, on);
        unary.push(on / off);
        let (on, off) =
            meshes.pair(round, async |mesh| bulk_per_second(mesh, arguments.objects).await).await?;
        progress("tracing, bulk", round, off, on);
        bulk.push(on / off);
    }
    meshes.idle().await?;
    let processor = meshes.traced.cpu_seconds() / meshes.untraced.cpu_seconds();
    report.add("processor time, all traced / none traced", processor, "ratio", Target::None);
    let least = Target::AtLeast(0.90);
    report.add("unary submission, all traced / none traced", median(unary), "ratio", least);
    report.add("bulk submission, all traced / none traced", median(bulk), "ratio", least);
    Ok(())
}

impl Meshes {
    /// One round on both, with and without traces. Each is measured while both rest: what one puts off would otherwise be
    /// done while the other is measured.
    async fn pair(
        &self,
        round: usize,
        work: impl AsyncFn(&MeshProcess) -> BenchResult<f64>,
    ) -> BenchResult<(f64, f64)> {
        // Which one goes first alternates, so that neither always meets the warmer machine.
        let traced_first = round.is_multiple_of(2);
        let (first, second) =
            if traced_first { (&self.traced, &self.untraced) } else { (&self.untraced, &self.traced) };
        self.idle().await?;
        let first = work(first).await?;
        self.idle().await?;
        let second = work(second).await?;
        Ok(if traced_first { (first, second) } else { (second, first) })
    }

    async fn idle(&self) -> BenchResult<()> {
        tokio::try_join!(self.traced.idle(), self.untraced.idle())?;
        Ok(())
    }
}

async fn unary_per_second(mesh: &MeshProcess) -> BenchResult<f64> {
    let speaker = mesh.speaker(SUBMITTER).await?;
    let bodies = objects::indicators(UNARY_CALLS);
    unary::calls_per_second(&intake(&speaker)?, bodies, Some(speaker.request(())?), true).await
}

async fn bulk_per_second(mesh: &MeshProcess, count: usize) -> BenchResult<f64> {
    let speaker = mesh.speaker(SUBMITTER).await?;
    let batches = objects::batches(&objects::indicators(count));
    bulk::objects_per_second(&mut intake(&speaker)?, batches, |stream| speaker.request(stream)).await
}
