//! From submission to alert: the time from sending a report until the entitled partner holds its alert, at a steady rate.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use bytes::Bytes;
use entente_chassis::client::PeerChannel;
use entente_proto::{
    alerting::v1::{
        CreateInterestRequest, Credit, Interest, Open, Received, StreamAlertsRequest, StreamAlertsResponse,
        Term, alerting_service_client::AlertingServiceClient, stream_alerts_request, stream_alerts_response,
        term,
    },
    intake::v1::intake_service_client::IntakeServiceClient,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use uuid::Uuid;

use super::{BenchResult, mesh_process::Speaker, unary::submission};

/// Reports a second.
pub(crate) const RATE: u32 = 100;
/// Longest wait for an alert; beyond it the run is a failure, not a figure.
const ALERT_LIMIT: Duration = Duration::from_secs(10);
const CONSUMER: &str = "bench";

/// Submits every body at the steady rate and gives the time to each alert in milliseconds.
pub(crate) async fn latencies_ms(
    submitter: &Speaker,
    reader: &Speaker,
    bodies: Vec<Bytes>,
) -> BenchResult<Vec<f64>> {
    let mut alerts = AlertStream::open(reader).await?;
    let expected = bodies.len();
    let intake = IntakeServiceClient::new(submitter.channel("intake")?);
    let (sent, mut sent_times) = mpsc::unbounded_channel();
    let mut calls = tokio::task::JoinSet::new();
    let pace = pace(intake, submitter, bodies, sent, &mut calls);
    let watch = async {
        let mut arrived = HashMap::new();
        while arrived.len() < expected {
            let (report_id, when) = tokio::time::timeout(ALERT_LIMIT, alerts.next())
                .await
                .map_err(|_| "an alert did not come")??;
            arrived.entry(report_id).or_insert(when);
        }
        BenchResult::Ok(arrived)
    };
    let (paced, arrived) = tokio::join!(pace, watch);
    paced?;
    let arrived = arrived?;
    while let Some(call) = calls.join_next().await {
        call??;
    }
    let mut times = Vec::with_capacity(expected);
    while let Ok((report_id, start)) = sent_times.try_recv() {
        let when: &Instant = arrived.get(&report_id).ok_or("an alert of another report")?;
        times.push(when.duration_since(start).as_secs_f64() * 1_000.0);
    }
    Ok(times)
}

type Sent = mpsc::UnboundedSender<(String, Instant)>;

async fn pace(
    intake: IntakeServiceClient<PeerChannel>,
    submitter: &Speaker,
    bodies: Vec<Bytes>,
    sent: Sent,
    calls: &mut tokio::task::JoinSet<BenchResult<()>>,
) -> BenchResult<()> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / RATE);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    for body in bodies {
        ticks.tick().await;
        let object: serde_json::Value = serde_json::from_slice(&body)?;
        let report_id = object.get("id").and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let request = submitter.request(submission(&body))?;
        let mut intake = intake.clone();
        // Bounded by the number of bodies of the run.
        sent.send((report_id, Instant::now()))?;
        calls.spawn(async move {
            intake.submit_report(request).await?;
            Ok(())
        });
    }
    Ok(())
}

struct AlertStream {
    frames: mpsc::Sender<StreamAlertsRequest>,
    answers: Streaming<StreamAlertsResponse>,
}

impl AlertStream {
    /// An interest in the generated indicators, and a stream behind all present alerts.
    async fn open(reader: &Speaker) -> BenchResult<AlertStream> {
        let mut client = AlertingServiceClient::new(reader.channel("alerting")?);
        let term = |term: term::Term| Term { term: Some(term) };
        let interest = Interest {
            display_name: "bench".to_owned(),
            terms: vec![term(term::Term::ObjectType("indicator".to_owned()))],
            ..Interest::default()
        };
        let request =
            CreateInterestRequest { interest: Some(interest), request_id: Uuid::new_v4().to_string() };
        client.create_interest(reader.request(request)?).await?;
        let (frames, receiver) = mpsc::channel(64);
        let open = Open { consumer: CONSUMER.to_owned(), in_flight_max: 256, from_now: true };
        frames.send(frame(stream_alerts_request::Frame::Open(open))).await?;
        frames.send(frame(stream_alerts_request::Frame::Credit(Credit { more: 0 }))).await?;
        let mut answers =
            client.stream_alerts(reader.request(ReceiverStream::new(receiver))?).await?.into_inner();
        // The sign of life at the opening: from here on every alert comes.
        answers.message().await?;
        Ok(AlertStream { frames, answers })
    }

    /// The next alert: its report and when it came.
    async fn next(&mut self) -> BenchResult<(String, Instant)> {
        loop {
            let answer = self.answers.message().await?.ok_or("the alert stream ended")?;
            let now = Instant::now();
            if let Some(stream_alerts_response::Frame::Delivery(delivery)) = answer.frame {
                let received = Received { up_to: delivery.delivery_number };
                self.frames.send(frame(stream_alerts_request::Frame::Received(received))).await?;
                return Ok((delivery.alert.unwrap_or_default().report_id, now));
            }
        }
    }
}

fn frame(frame: stream_alerts_request::Frame) -> StreamAlertsRequest {
    StreamAlertsRequest { frame: Some(frame) }
}
