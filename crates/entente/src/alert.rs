//! `entente alert`: watch alerts as they come, and take note of them.

mod stream;

use std::{io::Write as _, time::Duration};

use entente_chassis::status::{self, ErrorReason};
use entente_proto::alerting::v1::{AcknowledgeAlertRequest, Alert, AlertStatus, Delivery};
use serde_json::{Value, json};
use tonic::Status;

use crate::{
    cli::{self, AlertAck, AlertCommand, AlertWatch},
    exit::Failure,
    output, progress,
    session::Session,
};

pub(crate) use stream::AlertStream;

/// Pause before a stream that broke is opened again.
const REOPEN_AFTER: Duration = Duration::from_secs(1);

/// Runs the command.
pub(crate) async fn run(arguments: cli::Alert) -> Result<(), Failure> {
    match arguments.command {
        AlertCommand::Watch(arguments) => watch(arguments).await,
        AlertCommand::Ack(arguments) => acknowledge(arguments).await,
    }
}

async fn watch(arguments: AlertWatch) -> Result<(), Failure> {
    let session = Session::open(&arguments.connect)?;
    eprintln!(
        "waiting for alerts of {} as consumer {}; Ctrl-C ends",
        session.profile.subject, arguments.consumer
    );
    let mut left = arguments.limit.unwrap_or(u64::MAX);
    let mut said = String::new();
    while left > 0 {
        let ended = match AlertStream::open(&session, &arguments.consumer, arguments.from_now).await {
            Ok(stream) => follow(stream, &mut left, arguments.connect.json).await?,
            Err(failure) if failure.is_unavailable() => Ended::Outage(failure.to_string()),
            Err(failure) => return Err(failure),
        };
        match ended {
            Ended::Enough => {}
            Ended::Renewable => session.renew().await,
            Ended::Outage(why) => {
                // An outage is told once, not every second.
                if why != said {
                    eprintln!("no alerts for the moment: {why}; trying again until they come");
                    said = why;
                }
                tokio::time::sleep(REOPEN_AFTER).await;
                session.renew().await;
            }
        }
    }
    Ok(())
}

/// How following a stream ended.
enum Ended {
    /// Enough alerts came.
    Enough,
    /// The token came to its end, or rights changed: with a new token the stream goes on.
    Renewable,
    /// The mesh cannot be reached, or is stopping.
    Outage(String),
}

async fn follow(mut stream: AlertStream, left: &mut u64, json: bool) -> Result<Ended, Failure> {
    while *left > 0 {
        let delivery = match stream.next().await {
            Ok(Some(delivery)) => delivery,
            Ok(None) => return Ok(Ended::Outage("the mesh closed the stream".to_owned())),
            Err(status) => return ended(status),
        };
        if json {
            output::json_line(&delivery_json(&delivery))
        } else {
            print(&delivery)
        }
        // An alert counts as received once it stands on the screen or in the pipe.
        std::io::stdout().flush().map_err(|error| Failure::internal(format!("standard output: {error}")))?;
        stream.received(delivery.delivery_number).await;
        *left -= 1;
    }
    stream.close().await;
    Ok(Ended::Enough)
}

fn ended(status: Status) -> Result<Ended, Failure> {
    let renewable = [ErrorReason::TokenExpired, ErrorReason::EpochChanged];
    if status::reason_of(&status).is_some_and(|reason| renewable.contains(&reason)) {
        return Ok(Ended::Renewable);
    }
    let failure = Failure::from(status);
    if failure.is_unavailable() { Ok(Ended::Outage(failure.to_string())) } else { Err(failure) }
}

async fn acknowledge(arguments: AlertAck) -> Result<(), Failure> {
    let session = Session::open(&arguments.connect)?;
    let request =
        AcknowledgeAlertRequest { alert_id: arguments.alert_id.clone(), note: arguments.note.clone() };
    let request = session.request(request).await?;
    let mut alerting = session.alerting()?;
    let answer = progress::waiting("taking note", alerting.acknowledge_alert(request)).await?.into_inner();
    let time = output::time(answer.acknowledge_time);
    if arguments.connect.json {
        output::json_line(&json!({ "alert_id": arguments.alert_id, "acknowledge_time": time }));
    } else {
        println!("alert {} first acknowledged {time}", arguments.alert_id);
    }
    Ok(())
}

fn delivery_json(delivery: &Delivery) -> Value {
    let alert = delivery.alert.clone().unwrap_or_default();
    json!({
        "delivery_number": delivery.delivery_number,
        "attempt": delivery.attempt,
        "alert_id": alert.alert_id,
        "status": status_name(&alert),
        "interest_id": alert.interest_id,
        "interest_name": alert.interest_name,
        "report_id": alert.report_id,
        "report_version": alert.report_version,
        "report_type": alert.report_type,
        "originator": alert.originator,
        "operation": alert.operation,
        "headline": alert.headline,
        "severity": output::severity(alert.severity),
        "label": output::line(alert.label.as_ref()),
        "add_time": output::time(alert.add_time),
        "match_time": output::time(alert.match_time),
        "trace_id": hex::encode(&alert.trace_id),
        "receipt": delivery.receipt.as_ref().map(output::receipt_json),
    })
}

fn status_name(alert: &Alert) -> &'static str {
    match alert.status() {
        AlertStatus::Actual => "actual",
        AlertStatus::Exercise => "exercise",
        AlertStatus::Unspecified => "",
    }
}

fn print(delivery: &Delivery) {
    let alert = delivery.alert.clone().unwrap_or_default();
    let exercise = if alert.status() == AlertStatus::Exercise { "EXERCISE " } else { "" };
    println!("{exercise}alert {} · {}", delivery.delivery_number, output::line(alert.label.as_ref()));
    println!("  {}", alert.headline);
    println!("  {} from {}, added {}", alert.report_id, alert.originator, output::time(alert.add_time));
    println!("  alert id {}", alert.alert_id);
    println!("  {}", output::receipt_line(delivery.receipt.as_ref()));
}
