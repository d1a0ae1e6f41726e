//! Bulk submission: objects a second over one acknowledged stream, through intake and over the floor.

use std::time::{Duration, Instant};

use entente_chassis::client::PeerChannel;
use entente_proto::intake::v1::{
    SearchReportsRequest, SubmitReportsRequest, intake_service_client::IntakeServiceClient,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Request;

use super::{BenchResult, mesh_process::Speaker};

/// Batches sent ahead of their answers; the server reads no more than 16.
const AHEAD_MAX: usize = 8;
/// Longest wait for the text index, as long as intake lets a call take.
const SEARCH_LIMIT: Duration = Duration::from_secs(30);
/// In the name of one object of each round.
const SOUGHT: &str = "Relay 0";

/// Sends the batches and waits for every answer; objects a second, all of them accepted.
pub(crate) async fn objects_per_second(
    client: &mut IntakeServiceClient<PeerChannel>,
    batches: Vec<SubmitReportsRequest>,
    sign: impl FnOnce(
        ReceiverStream<SubmitReportsRequest>,
    ) -> BenchResult<Request<ReceiverStream<SubmitReportsRequest>>>,
) -> BenchResult<f64> {
    let sent: usize = batches.iter().map(|batch| batch.items.len()).sum();
    let expected = batches.len();
    let (sender, receiver) = mpsc::channel(AHEAD_MAX);
    let request = sign(ReceiverStream::new(receiver))?;
    let start = Instant::now();
    let feeder = tokio::spawn(async move {
        for batch in batches {
            if sender.send(batch).await.is_err() {
                return;
            }
        }
    });
    let mut answers = client.submit_reports(request).await?.into_inner();
    let (mut accepted, mut answered) = (0_u64, 0_usize);
    while let Some(answer) = answers.message().await? {
        accepted += u64::from(answer.accepted_count);
        answered += 1;
        if let Some(refused) = answer.refused.first() {
            return Err(format!("a generated object was refused: {refused:?}").into());
        }
    }
    feeder.await?;
    if answered != expected || accepted != u64::try_from(sent)? {
        return Err(
            format!("{accepted} of {sent} objects accepted in {answered} of {expected} batches").into()
        );
    }
    Ok(per_second(sent, start))
}

/// Searches once, which waits until everything submitted before is in the text index; objects a second since `start`.
pub(crate) async fn searchable_per_second(
    client: &mut IntakeServiceClient<PeerChannel>,
    speaker: &Speaker,
    count: usize,
    start: Instant,
) -> BenchResult<f64> {
    let request = SearchReportsRequest {
        query: format!("\"{SOUGHT}\""),
        page_size: 1,
        without_content: true,
        ..SearchReportsRequest::default()
    };
    let mut request = speaker.request(request)?;
    request.set_timeout(SEARCH_LIMIT);
    if client.search_reports(request).await?.into_inner().reports.is_empty() {
        return Err("a generated object was not found".into());
    }
    Ok(per_second(count, start))
}

/// A count over the time since `start`.
#[expect(clippy::cast_precision_loss, reason = "counts of a benchmark are far below 2^52")]
pub(crate) fn per_second(count: usize, start: Instant) -> f64 {
    count as f64 / start.elapsed().as_secs_f64()
}
