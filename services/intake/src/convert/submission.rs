//! Submissions: what comes, and what became of it.

use aws_lc_rs::digest::{SHA256, digest};
use entente_domain::ids::OperationPath;
use entente_proto::{
    common::v1::Severity,
    intake::v1::{self as wire, report_item::Body},
};
use prost::Message;
use uuid::Uuid;

use crate::{
    app::{BatchAnswer, Item, ItemAnswer, ItemBody, Submission, SubmitRequest},
    error::{Error, FieldFault, RefusedItem},
    status::refusal_name,
    store::RequestKey,
};

/// Items of a unary submission and of a batch, and their content together (the proto).
const SUBMIT_ITEMS_MAX: usize = 1_000;
const BATCH_ITEMS_MAX: usize = 2_000;
const CONTENT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A unary submission; every fault outside the items is listed.
pub(crate) fn submit(request: wire::SubmitReportRequest) -> Result<SubmitRequest, Error> {
    let request_sha256 = digest(&SHA256, &request.encode_to_vec()).as_ref().try_into().unwrap_or([0; 32]);
    let wire::SubmitReportRequest { request_id, label_line, operation, severity, items } = request;
    let mut faults = Vec::new();
    let request_id = Uuid::parse_str(&request_id).ok();
    if request_id.is_none() {
        faults.push(FieldFault::new("request_id", "must be a UUID"));
    }
    let submission = submission((label_line, operation, severity, items), SUBMIT_ITEMS_MAX, &mut faults)?;
    match request_id {
        Some(request_id) if faults.is_empty() => {
            let request = RequestKey { request_id: *request_id.as_bytes(), request_sha256 };
            Ok(SubmitRequest { request, submission })
        }
        Some(_) | None => Err(Error::Fields(faults)),
    }
}

/// A batch and its number.
pub(crate) fn batch(request: wire::SubmitReportsRequest) -> Result<(u64, Submission), Error> {
    let wire::SubmitReportsRequest { batch_number, label_line, operation, severity, items } = request;
    let mut faults = Vec::new();
    let submission = submission((label_line, operation, severity, items), BATCH_ITEMS_MAX, &mut faults)?;
    if faults.is_empty() { Ok((batch_number, submission)) } else { Err(Error::Fields(faults)) }
}

type Parts = (String, String, i32, Vec<wire::ReportItem>);

fn submission(
    (label_line, operation, severity, items): Parts,
    items_max: usize,
    faults: &mut Vec<FieldFault>,
) -> Result<Submission, Error> {
    if items.is_empty() || items.len() > items_max {
        faults.push(FieldFault::new("items", format!("send 1 to {items_max} items")));
    }
    if !operation.is_empty() && OperationPath::new(operation.as_str()).is_err() {
        let text = format!("`{}` is not an operation path such as A/B/C", cut(&operation));
        faults.push(FieldFault::new("operation", text));
    }
    if Severity::try_from(severity).is_err() {
        faults.push(FieldFault::new("severity", format!("{severity} is not a severity")));
    }
    let items = items.into_iter().map(item).collect();
    let submission = Submission { label_line, operation, severity, items };
    let bytes = submission.content_bytes();
    if bytes > CONTENT_BYTES_MAX {
        return Err(Error::TooLarge { bytes, bytes_max: CONTENT_BYTES_MAX });
    }
    Ok(submission)
}

fn item(item: wire::ReportItem) -> Item {
    let body = match item.body {
        None => ItemBody::Missing,
        Some(Body::Stix(bytes)) => ItemBody::Stix(bytes),
        Some(Body::Text(wire::FreeText { title, body, report_id, modified })) => {
            ItemBody::Text { title, body, report_id, modified }
        }
    };
    Item { label_line: item.label_line, body }
}

/// What became of the items of a unary submission.
pub(crate) fn submit_answer(answers: Vec<ItemAnswer>) -> wire::SubmitReportResponse {
    let result = |answer: ItemAnswer| wire::ItemResult {
        report_id: answer.report_id,
        version: answer.version,
        outcome: if answer.unchanged { wire::ItemOutcome::Unchanged } else { wire::ItemOutcome::Accepted }
            .into(),
        reason: String::new(),
        faults: Vec::new(),
    };
    wire::SubmitReportResponse { results: answers.into_iter().map(result).collect() }
}

/// What became of a batch.
pub(crate) fn batch_answer(batch_number: u64, answer: BatchAnswer) -> wire::SubmitReportsResponse {
    wire::SubmitReportsResponse {
        batch_number,
        accepted_count: answer.accepted_count,
        unchanged_count: answer.unchanged_count,
        refused: answer.refused.into_iter().map(refused).collect(),
    }
}

fn refused(refused: RefusedItem) -> wire::RefusedItem {
    let fault = |fault: FieldFault| wire::ItemFault { field: fault.field, description: fault.description };
    wire::RefusedItem {
        item_index: u32::try_from(refused.place).unwrap_or(u32::MAX),
        result: Some(wire::ItemResult {
            report_id: refused.report_id,
            version: refused.version,
            outcome: wire::ItemOutcome::Refused.into(),
            reason: refusal_name(refused.refusal).to_owned(),
            faults: refused.faults.into_iter().map(fault).collect(),
        }),
    }
}

/// The start of a sender's text, short enough for a message.
fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}
