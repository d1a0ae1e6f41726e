//! Wire to this service's words and back. What passes here is well-formed; what an item holds is read by
//! `app/prepare_batch.rs`, because each item is answered for itself.

mod query;
mod submission;

use bytes::Bytes;
use entente_ledger::hash::HASH_BYTES;
use entente_proto::{
    common::{self, v1::Label},
    intake::v1 as wire,
};
use prost_types::Timestamp;

pub(crate) use query::{get, list, originator_keys, search};
pub(crate) use submission::{batch, batch_answer, submit, submit_answer};

use crate::{
    app::{Disclosed, ReadableReport},
    peers::AuditReceipt,
    store::{
        JournalVersion, LabelReference, PublicKey, StoredReport, StoredSignature, signature::encode_hashes,
    },
};

/// The answer to a get.
pub(crate) fn got(disclosed: Disclosed) -> wire::GetReportResponse {
    wire::GetReportResponse {
        report: disclosed.reports.into_iter().next().map(readable),
        receipt: Some(receipt(disclosed.receipt)),
    }
}

/// A page of a list.
pub(crate) fn listed(disclosed: Disclosed) -> wire::ListReportsResponse {
    wire::ListReportsResponse {
        reports: disclosed.reports.into_iter().map(readable).collect(),
        next_page_token: disclosed.next_page_token,
        count: disclosed.count,
        receipt: Some(receipt(disclosed.receipt)),
    }
}

/// A page of matches.
pub(crate) fn matched(disclosed: Disclosed) -> wire::SearchReportsResponse {
    wire::SearchReportsResponse {
        reports: disclosed.reports.into_iter().map(readable).collect(),
        next_page_token: disclosed.next_page_token,
        count: disclosed.count,
        receipt: Some(receipt(disclosed.receipt)),
    }
}

/// The keys of these ids.
pub(crate) fn keys(
    key_ids: Vec<String>,
    found: Vec<Option<PublicKey>>,
) -> wire::BatchGetOriginatorKeysResponse {
    let key = |(key_id, key): (String, Option<PublicKey>)| match key {
        None => wire::OriginatorKey { key_id, ..wire::OriginatorKey::default() },
        Some(PublicKey { originator, ed25519 }) => {
            wire::OriginatorKey { key_id, originator, ed25519_public_key: Bytes::copy_from_slice(&ed25519) }
        }
    };
    wire::BatchGetOriginatorKeysResponse { keys: key_ids.into_iter().zip(found).map(key).collect() }
}

/// A piece of the journal.
pub(crate) fn piece(versions: Vec<JournalVersion>) -> wire::TailJournalResponse {
    wire::TailJournalResponse { entries: versions.into_iter().map(entry).collect() }
}

fn entry(version: JournalVersion) -> wire::JournalEntry {
    let JournalVersion { report: stored, realm, timeless, traceparent, submitter } = version;
    let (position, not_before, not_after) =
        (stored.position, stored.label.not_before, stored.label.not_after);
    wire::JournalEntry {
        position: u64::try_from(position).unwrap_or_default(),
        realm: realm.to_string(),
        report: Some(report(stored, Vec::new())),
        timeless_label: Some(label(&timeless)),
        not_before,
        not_after,
        traceparent: traceparent.to_string(),
        submitter: submitter.to_string(),
    }
}

fn readable(readable: ReadableReport) -> wire::Report {
    report(readable.report, readable.obligations)
}

fn report(stored: StoredReport, obligations: Vec<String>) -> wire::Report {
    wire::Report {
        report_id: stored.report_id,
        version: stored.version,
        r#type: stored.report_type.to_string(),
        originator: stored.originator.to_string(),
        operation: stored.operation.to_string(),
        label: Some(label(&stored.label.label)),
        add_time: Some(timestamp(stored.add_time_ms)),
        content: stored.content,
        obligations,
        title: stored.title,
        severity: stored.severity,
        signature: stored.signature.map(signature),
    }
}

fn signature(signature: StoredSignature) -> wire::OriginatorSignature {
    // One allocation for the path, not one per hash: a page has thousands.
    let mut path = Bytes::from(encode_hashes(&signature.path));
    let hashes = std::iter::from_fn(|| (path.len() >= HASH_BYTES).then(|| path.split_to(HASH_BYTES)));
    wire::OriginatorSignature {
        key_id: signature.key_id.to_string(),
        ed25519: signature.ed25519,
        leaf_index: signature.leaf_index,
        leaf_count: signature.leaf_count,
        inclusion_hashes: hashes.collect(),
    }
}

fn label(label: &LabelReference) -> Label {
    Label { line: label.line.clone(), hash: Bytes::copy_from_slice(&label.hash) }
}

fn receipt(receipt: AuditReceipt) -> common::v1::Receipt {
    common::v1::Receipt {
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
