//! `entente report submit`: STIX in bulk over one acknowledged stream, free text by single calls.

use std::path::Path;

use bytes::Bytes;
use entente_proto::intake::v1::{
    FreeText, ItemOutcome, ItemResult, ReportItem, SubmitReportRequest, SubmitReportsRequest,
    SubmitReportsResponse, report_item::Body,
};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use uuid::Uuid;

use crate::{
    cli::Submit,
    exit::{Failure, UNAVAILABLE},
    input::{self, Input},
    output, progress,
    session::Session,
};

/// Objects and bytes of one batch; the server takes 2,000 and 4 MiB.
const BATCH_ITEMS_MAX: usize = 1_000;
const BATCH_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Batches sent ahead of their answers; the server reads no more than 16.
const AHEAD_MAX: usize = 8;
/// Refused items shown one by one.
const SHOWN_MAX: usize = 20;

/// What goes with every item of a submission.
#[derive(Debug, Clone, Default)]
pub(crate) struct Submission {
    pub(crate) label_line: String,
    pub(crate) operation: String,
    pub(crate) severity: i32,
}

/// What became of the items.
#[derive(Debug, Default)]
struct Tally {
    accepted: u64,
    unchanged: u64,
    /// Place in the file, what was wrong.
    refused: Vec<(usize, String)>,
}

/// Runs the command.
pub(super) async fn run(arguments: Submit) -> Result<(), Failure> {
    let session = Session::open(&arguments.connect)?;
    let label_line = arguments.label.clone().or_else(|| session.profile.default_label.clone());
    let submission = Submission {
        label_line: label_line.ok_or_else(|| {
            Failure::usage("no label: say --label LINE, or give the profile a default_label; none is assumed")
        })?,
        operation: arguments.operation.clone().unwrap_or_default(),
        severity: output::parse_severity(arguments.severity.as_deref()),
    };
    let (mut refused, mut stored) = (0, 0);
    for path in &arguments.files {
        let name =
            if path == Path::new("-") { "standard input".to_owned() } else { path.display().to_string() };
        let tally = match input::read(path, arguments.text)? {
            Input::Stix(objects) => {
                let bar = progress::objects(&name, objects.len(), arguments.connect.json);
                let tally =
                    submit_stix(&session, &submission, &objects, |done| bar.set_position(done)).await?;
                bar.finish_and_clear();
                tally
            }
            Input::Text(body) => submit_text(&session, &submission, arguments.title.clone(), body).await?,
        };
        report(&name, &submission, &tally, arguments.connect.json);
        refused += tally.refused.len();
        stored += tally.accepted + tally.unchanged;
    }
    if refused > 0 {
        return Err(Failure::data(format!("{refused} item(s) refused; the other {stored} are stored")));
    }
    Ok(())
}

/// Submits objects in order; `progress` hears how many are answered.
async fn submit_stix(
    session: &Session,
    submission: &Submission,
    objects: &[Bytes],
    progress: impl Fn(u64),
) -> Result<Tally, Failure> {
    let (sender, receiver) = mpsc::channel(AHEAD_MAX);
    let starts = batch_starts(objects);
    let batches: Vec<SubmitReportsRequest> = starts
        .iter()
        .zip(1_u64..)
        .map(|((start, end), number)| {
            batch(submission, number, objects.get(*start..*end).unwrap_or_default())
        })
        .collect();
    let feeder = tokio::spawn(async move {
        for batch in batches {
            if sender.send(batch).await.is_err() {
                return;
            }
        }
    });
    let request = session.stream_request(ReceiverStream::new(receiver)).await?;
    let mut answers = session.intake()?.submit_reports(request).await?.into_inner();
    let mut tally = Tally::default();
    let mut answered = 0_usize;
    let broken = loop {
        let answer = match answers.message().await {
            Ok(Some(answer)) => answer,
            Ok(None) => break None,
            Err(status) => break Some(status),
        };
        let Some((start, end)) = starts.get(answered).copied() else { break None };
        tally.add(start, answer);
        answered += 1;
        progress(u64::try_from(end).unwrap_or(u64::MAX));
    };
    feeder.abort();
    if answered == starts.len() {
        return Ok(tally);
    }
    let early = || Failure::new(UNAVAILABLE, "the stream ended early");
    let kept = format!("{} objects were stored; run the command again for the rest", tally.accepted);
    Err(broken.map_or_else(early, Failure::from).detail(kept))
}

impl Tally {
    fn add(&mut self, start: usize, answer: SubmitReportsResponse) {
        self.accepted += u64::from(answer.accepted_count);
        self.unchanged += u64::from(answer.unchanged_count);
        for item in answer.refused {
            let result = item.result.unwrap_or_default();
            let faults: Vec<String> =
                result.faults.iter().map(|fault| format!("{}: {}", fault.field, fault.description)).collect();
            let place = start + usize::try_from(item.item_index).unwrap_or_default();
            self.refused
                .push((place, format!("{} {} {}", result.report_id, result.reason, faults.join("; "))));
        }
    }
}

/// Start and end of each batch.
fn batch_starts(objects: &[Bytes]) -> Vec<(usize, usize)> {
    let mut batches = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (index, object) in objects.iter().enumerate() {
        let full = index - start >= BATCH_ITEMS_MAX || bytes + object.len() > BATCH_BYTES_MAX;
        if full && index > start {
            batches.push((start, index));
            (start, bytes) = (index, 0);
        }
        bytes += object.len();
    }
    if start < objects.len() {
        batches.push((start, objects.len()));
    }
    batches
}

fn batch(submission: &Submission, batch_number: u64, objects: &[Bytes]) -> SubmitReportsRequest {
    let item =
        |object: &Bytes| ReportItem { body: Some(Body::Stix(object.clone())), label_line: String::new() };
    SubmitReportsRequest {
        batch_number,
        label_line: submission.label_line.clone(),
        operation: submission.operation.clone(),
        severity: submission.severity,
        items: objects.iter().map(item).collect(),
    }
}

async fn submit_text(
    session: &Session,
    submission: &Submission,
    title: Option<String>,
    body: Bytes,
) -> Result<Tally, Failure> {
    let text = FreeText { title: title.unwrap_or_default(), body, ..FreeText::default() };
    let item = ReportItem { body: Some(Body::Text(text)), label_line: String::new() };
    let mut tally = Tally::default();
    for result in submit_items(session, submission, vec![item]).await? {
        match result.outcome() {
            ItemOutcome::Accepted => tally.accepted += 1,
            ItemOutcome::Unchanged => tally.unchanged += 1,
            ItemOutcome::Refused | ItemOutcome::Unspecified => tally.refused.push((0, result.reason)),
        }
    }
    Ok(tally)
}

/// Submits items as one: all are stored or none is.
pub(crate) async fn submit_items(
    session: &Session,
    submission: &Submission,
    items: Vec<ReportItem>,
) -> Result<Vec<ItemResult>, Failure> {
    let request = SubmitReportRequest {
        request_id: Uuid::new_v4().to_string(),
        label_line: submission.label_line.clone(),
        operation: submission.operation.clone(),
        severity: submission.severity,
        items,
    };
    Ok(session.intake()?.submit_report(session.request(request).await?).await?.into_inner().results)
}

fn report(name: &str, submission: &Submission, tally: &Tally, json: bool) {
    if json {
        let refused: Vec<_> =
            tally.refused.iter().map(|(place, why)| json!({ "item": place, "why": why })).collect();
        output::json_line(&json!({
            "file": name, "label": submission.label_line, "accepted": tally.accepted, "unchanged": tally.unchanged,
            "refused": refused,
        }));
        return;
    }
    println!(
        "{name}: {} accepted, {} unchanged, {} refused",
        tally.accepted,
        tally.unchanged,
        tally.refused.len()
    );
    println!("  label {}", submission.label_line);
    for (place, why) in tally.refused.iter().take(SHOWN_MAX) {
        println!("  item {place}: {why}");
    }
    if tally.refused.len() > SHOWN_MAX {
        println!("  and {} more; --json lists all", tally.refused.len() - SHOWN_MAX);
    }
}
