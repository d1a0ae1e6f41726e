//! Unary submission at a fixed number in flight: calls a second, and the empty round trip.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

use bytes::Bytes;
use entente_chassis::client::PeerChannel;
use entente_proto::intake::v1::{
    GetReportRequest, ItemOutcome, SubmitReportRequest, intake_service_client::IntakeServiceClient,
};
use tonic::Request;
use uuid::Uuid;

use super::{BenchResult, bulk::per_second, mesh_process::LABEL, objects};

/// Calls in flight.
pub(crate) const IN_FLIGHT: usize = 16;

/// One object a call, `IN_FLIGHT` at a time; calls a second. `checked` asks that every item is accepted.
pub(crate) async fn calls_per_second(
    client: &IntakeServiceClient<PeerChannel>,
    bodies: Vec<Bytes>,
    token: Option<Request<()>>,
    checked: bool,
) -> BenchResult<f64> {
    let count = bodies.len();
    let bodies = Arc::new(bodies);
    let next = Arc::new(AtomicUsize::new(0));
    let metadata = token.map(|request| request.into_parts().0).unwrap_or_default();
    let start = Instant::now();
    let mut callers = tokio::task::JoinSet::new();
    for _ in 0..IN_FLIGHT {
        let (mut client, bodies, next, metadata) =
            (client.clone(), bodies.clone(), next.clone(), metadata.clone());
        callers.spawn(async move {
            while let Some(body) = bodies.get(next.fetch_add(1, Ordering::Relaxed)) {
                let mut request = Request::new(submission(body));
                *request.metadata_mut() = metadata.clone();
                let answer = client.submit_report(request).await?.into_inner();
                if checked && !answer.results.iter().all(|result| result.outcome() == ItemOutcome::Accepted) {
                    return Err(format!("a generated object was not accepted: {answer:?}").into());
                }
            }
            BenchResult::Ok(())
        });
    }
    while let Some(done) = callers.join_next().await {
        done??;
    }
    Ok(per_second(count, start))
}

/// One object as a submission.
pub(crate) fn submission(body: &Bytes) -> SubmitReportRequest {
    SubmitReportRequest {
        request_id: Uuid::new_v4().to_string(),
        label_line: LABEL.to_owned(),
        operation: String::new(),
        severity: 0,
        items: vec![objects::item(body)],
    }
}

/// Empty round trips one after the other; each in milliseconds.
pub(crate) async fn round_trips_ms(
    client: &mut IntakeServiceClient<PeerChannel>,
    count: usize,
) -> BenchResult<Vec<f64>> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let start = Instant::now();
        client.get_report(GetReportRequest::default()).await?;
        times.push(start.elapsed().as_secs_f64() * 1_000.0);
    }
    Ok(times)
}
