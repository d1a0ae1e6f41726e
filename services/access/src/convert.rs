//! Wire to this service's words and back. What passes here is well-formed.

mod policies;
mod registry;

use entente_proto::{
    access::v1::{self as wire, decide_labels_request},
    common::v1::{Label, Receipt},
};
use prost_types::Timestamp;
use uuid::Uuid;

pub(crate) use policies::{
    policies_changed, policies_told, put_policies_request, test_policies_request, tested_policies,
};
pub(crate) use registry::{
    operation, operation_proposal, partner, partner_proposal, subject, subject_proposal,
};

use crate::{
    app::{
        Behalf, Decided, DecisionRequest, Decisions, ExplainRequest, ExplainedCondition, Explanation,
        LabelReference, MintRequest, Minted, PageRequest, Resolved, Standing, SubmitDecision,
        SubmitDecisions, SubmitRequest, SuspendRequest, Suspension,
    },
    error::{Error, FieldFault},
    peers::AuditReceipt,
};

/// Labels of one DecideLabels call.
const LABELS_MAX: usize = 10_000;
/// Bytes of a label line.
const LINE_BYTES_MAX: usize = 4_096;
/// Label lines of one CheckSubmit call.
const LINES_MAX: usize = 64;
/// Hashes of one BatchGetLabels call.
const HASHES_MAX: usize = 1_000;
/// Entries of one page.
const PAGE_SIZE_MAX: u32 = 1_000;
const PAGE_SIZE_DEFAULT: u32 = 100;
/// Characters of a justification.
const JUSTIFICATION_CHARS_MAX: usize = 1_000;
/// Bytes of a name, purpose, realm or path that is only looked up.
const NAME_BYTES_MAX: usize = 256;
/// Action families of one token.
const ACTIONS_MAX: usize = 8;

fn field<T>(name: &str, description: impl Into<String>) -> Result<T, Error> {
    Err(Error::Fields(vec![FieldFault::new(name, description)]))
}

/// A text that is looked up, not parsed: bounded, so that it can be logged.
fn name(field_name: &str, text: &str) -> Result<String, Error> {
    if text.len() > NAME_BYTES_MAX {
        return field(field_name, format!("is longer than {NAME_BYTES_MAX} bytes"));
    }
    Ok(text.to_owned())
}

fn required_name(field_name: &str, text: &str) -> Result<String, Error> {
    if text.is_empty() { field(field_name, "is required") } else { name(field_name, text) }
}

/// A request for a token.
pub(crate) fn mint(request: &wire::MintTokenRequest) -> Result<MintRequest, Error> {
    if request.actions.len() > ACTIONS_MAX {
        return field("actions", format!("has more than {ACTIONS_MAX} entries"));
    }
    let realm = if request.realm.is_empty() { "REAL" } else { &request.realm };
    Ok(MintRequest {
        purpose: required_name("purpose", &request.purpose)?,
        realm: name("realm", realm)?,
        actions: request.actions.clone(),
    })
}

/// A token for its subject.
pub(crate) fn minted(minted: Minted) -> wire::MintTokenResponse {
    wire::MintTokenResponse {
        token: minted.token,
        expire_time: Some(timestamp(minted.expire_time_ms)),
        transaction_id: minted.transaction_id,
        epoch: minted.epoch,
    }
}

/// The keys that verify tokens.
pub(crate) fn token_keys(keys: Vec<(String, [u8; 32])>, trust_domain: String) -> wire::ListTokenKeysResponse {
    let key = |(key_id, key): (String, [u8; 32])| wire::TokenKey {
        key_id,
        ed25519_public_key: key.to_vec().into(),
    };
    wire::ListTokenKeysResponse { keys: keys.into_iter().map(key).collect(), trust_domain }
}

/// Labels to decide.
pub(crate) fn decision_request(request: wire::DecideLabelsRequest) -> Result<DecisionRequest, Error> {
    if request.labels.len() > LABELS_MAX {
        return field("labels", format!("has more than {LABELS_MAX} entries"));
    }
    if let Some(index) = request.labels.iter().position(|label| label.line.len() > LINE_BYTES_MAX) {
        return field(&format!("labels[{index}].line"), format!("is longer than {LINE_BYTES_MAX} bytes"));
    }
    let behalf = match request.behalf {
        Some(decide_labels_request::Behalf::TransactionToken(token)) => Behalf::Token(token),
        Some(decide_labels_request::Behalf::StandingSubject(standing)) => {
            Behalf::Standing(self::standing(&standing)?)
        }
        None => {
            return field("behalf", "say on whose behalf: a transaction token, or a standing subject");
        }
    };
    let label = |label: Label| LabelReference { line: label.line, hash: label.hash.to_vec() };
    let labels = request.labels.into_iter().map(label).collect();
    Ok(DecisionRequest { behalf, labels, at_least_as_fresh_as: request.at_least_as_fresh_as })
}

fn standing(standing: &wire::StandingSubject) -> Result<Standing, Error> {
    let aal = u8::try_from(standing.assurance_level).unwrap_or_default();
    if !(1..=3).contains(&aal) {
        return field("standing_subject.assurance_level", "must be 1, 2 or 3");
    }
    Ok(Standing {
        subject_id: required_name("standing_subject.subject_id", &standing.subject_id)?,
        purpose: required_name("standing_subject.purpose", &standing.purpose)?,
        realm: required_name("standing_subject.realm", &standing.realm)?,
        aal,
    })
}

/// Decisions for a service.
pub(crate) fn decisions(decisions: Decisions) -> wire::DecideLabelsResponse {
    let decision = |decided: Decided| wire::LabelDecision {
        allowed: decided.allowed,
        reason: decided.reason.to_owned(),
        obligations: decided.obligations,
        determining_policies: decided.policies,
    };
    wire::DecideLabelsResponse {
        profile_id: decisions.profile_id.to_vec().into(),
        epoch: decisions.epoch,
        day: decisions.day.unix_days(),
        decisions: decisions.decisions.into_iter().map(decision).collect(),
        subject_id: decisions.subject_id,
        organization_id: decisions.organization_id,
        assurance_level: decisions.aal.into(),
    }
}

/// Label lines to submit under.
pub(crate) fn submit_request(request: wire::CheckSubmitRequest) -> Result<SubmitRequest, Error> {
    if request.label_lines.is_empty() || request.label_lines.len() > LINES_MAX {
        return field("label_lines", format!("send 1 to {LINES_MAX} lines"));
    }
    if let Some(index) = request.label_lines.iter().position(|line| line.len() > LINE_BYTES_MAX) {
        return field(&format!("label_lines[{index}]"), format!("is longer than {LINE_BYTES_MAX} bytes"));
    }
    let operation = name("operation", &request.operation)?;
    Ok(SubmitRequest { label_lines: request.label_lines, operation })
}

/// Submit decisions for intake.
pub(crate) fn submit_decisions(decisions: SubmitDecisions) -> wire::CheckSubmitResponse {
    wire::CheckSubmitResponse {
        decisions: decisions.decisions.into_iter().map(submit_decision).collect(),
        epoch: decisions.epoch,
        subject_id: decisions.subject_id,
        organization_id: decisions.organization_id,
        operation_known: decisions.operation_known,
    }
}

fn submit_decision(decision: SubmitDecision) -> wire::SubmitDecision {
    let fault = |(code, description): (&str, String)| wire::LabelFault { code: code.to_owned(), description };
    wire::SubmitDecision {
        allowed: decision.allowed,
        reason: decision.reason.to_owned(),
        faults: decision.faults.into_iter().map(fault).collect(),
        label: decision.label.map(resolved),
        determining_policies: decision.policies,
    }
}

fn resolved(resolved: Resolved) -> wire::ResolvedLabel {
    let Resolved { label, line, timeless, timeless_line } = resolved;
    wire::ResolvedLabel {
        banner: format!("({line})"),
        label: Some(Label { line, hash: label.hash().as_bytes().to_vec().into() }),
        timeless: Some(Label { line: timeless_line, hash: timeless.hash().as_bytes().to_vec().into() }),
        not_before: label.not_before().map(|day| day.unix_days()),
        not_after: label.not_after().map(|day| day.unix_days()),
        review_by: label.review_by().map(|day| day.unix_days()),
        realm: label.realm().to_string(),
        originators: label.originators().iter().map(ToString::to_string).collect(),
        operations: label.operations().map(str::to_owned).collect(),
        names_persons: label.names_persons(),
    }
}

/// Hashes to look up.
pub(crate) fn hashes(request: &wire::BatchGetLabelsRequest) -> Result<Vec<[u8; 32]>, Error> {
    if request.hashes.is_empty() || request.hashes.len() > HASHES_MAX {
        return field("hashes", format!("send 1 to {HASHES_MAX} hashes"));
    }
    let mut hashes = Vec::with_capacity(request.hashes.len());
    for (index, hash) in request.hashes.iter().enumerate() {
        match <[u8; 32]>::try_from(hash.as_ref()) {
            Ok(hash) => hashes.push(hash),
            Err(_) => return field(&format!("hashes[{index}]"), "must have 32 bytes"),
        }
    }
    Ok(hashes)
}

/// Labels by the hashes asked; an unknown one has an empty line.
pub(crate) fn labels(hashes: Vec<[u8; 32]>, lines: Vec<Option<String>>) -> wire::BatchGetLabelsResponse {
    let label = |(hash, line): ([u8; 32], Option<String>)| Label {
        line: line.unwrap_or_default(),
        hash: hash.to_vec().into(),
    };
    wire::BatchGetLabelsResponse { labels: hashes.into_iter().zip(lines).map(label).collect() }
}

/// A question why.
pub(crate) fn explain_request(request: &wire::ExplainAccessRequest) -> Result<ExplainRequest, Error> {
    if request.label_line.is_empty() || request.label_line.len() > LINE_BYTES_MAX {
        return field("label_line", format!("is required, at most {LINE_BYTES_MAX} bytes"));
    }
    Ok(ExplainRequest {
        subject_id: name("subject_id", &request.subject_id)?,
        label_line: request.label_line.clone(),
        purpose: name("purpose", &request.purpose)?,
    })
}

/// The answer why.
pub(crate) fn explanation(explanation: Explanation) -> wire::ExplainAccessResponse {
    let condition = |condition: ExplainedCondition| wire::Condition {
        name: condition.name.to_owned(),
        required: condition.required,
        held: condition.held,
        holds: condition.holds,
    };
    let allowed = explanation.outcome.is_ok();
    let (reason, obligations, determining_policies) = match explanation.outcome {
        Ok(obligations) => ("", obligations, Vec::new()),
        Err(refusal) => (refusal.reason, refusal.obligations, refusal.policies),
    };
    wire::ExplainAccessResponse {
        allowed,
        reason: reason.to_owned(),
        conditions: explanation.conditions.into_iter().map(condition).collect(),
        epoch: explanation.epoch,
        receipt: Some(receipt(explanation.receipt)),
        obligations,
        determining_policies,
    }
}

/// A suspension to make.
pub(crate) fn suspend_request(request: &wire::SuspendSubjectRequest) -> Result<SuspendRequest, Error> {
    let justification = justification(&request.justification)?;
    let subject_id = required_name("subject_id", &request.subject_id)?;
    Ok(SuspendRequest { subject_id, justification })
}

fn justification(text: &str) -> Result<String, Error> {
    if text.trim().is_empty() || text.chars().count() > JUSTIFICATION_CHARS_MAX {
        return field("justification", format!("is required, at most {JUSTIFICATION_CHARS_MAX} characters"));
    }
    Ok(text.to_owned())
}

/// A suspension made.
pub(crate) fn suspension(suspension: &Suspension) -> wire::SuspendSubjectResponse {
    let suspend_time = Some(timestamp(suspension.suspend_time_ms));
    wire::SuspendSubjectResponse { epoch: suspension.epoch, suspend_time }
}

/// The page asked for.
pub(crate) fn page(page_size: u32, page_token: &str) -> Result<PageRequest, Error> {
    if page_size > PAGE_SIZE_MAX {
        return field("page_size", format!("is above {PAGE_SIZE_MAX}"));
    }
    let size = if page_size == 0 { PAGE_SIZE_DEFAULT } else { page_size };
    Ok(PageRequest {
        page_size: usize::try_from(size).unwrap_or(usize::MAX),
        page_token: page_token.to_owned(),
    })
}

/// What stands beside a changed resource: its etag, and the request's id.
pub(crate) fn change(etag_field: &str, etag: &str, request_id: &str) -> Result<(String, String), Error> {
    match Uuid::parse_str(request_id) {
        Ok(id) => Ok((name(etag_field, etag)?, id.to_string())),
        Err(_) => field("request_id", "must be a UUID"),
    }
}

/// Proof of a record.
pub(crate) fn receipt(receipt: AuditReceipt) -> Receipt {
    Receipt {
        log_origin: receipt.log_origin,
        entry_index: receipt.entry_index,
        entry: receipt.entry.into(),
        tree_size: receipt.tree_size,
        inclusion_hashes: receipt.inclusion_hashes.into_iter().map(Into::into).collect(),
        checkpoint: receipt.checkpoint,
        trace_id: receipt.trace_id.into(),
    }
}

/// Milliseconds since 1970-01-01 as the wire has them.
pub(crate) fn timestamp(milliseconds: i64) -> Timestamp {
    let nanos = i32::try_from(milliseconds.rem_euclid(1_000) * 1_000_000).unwrap_or_default();
    Timestamp { seconds: milliseconds.div_euclid(1_000), nanos }
}
