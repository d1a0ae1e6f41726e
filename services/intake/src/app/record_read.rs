//! Records what is read before it leaves, and what was accepted after it was.

use std::collections::BTreeSet;

use aws_lc_rs::digest::{Context, SHA256, digest};
use entente_chassis::call::Call;

use super::{
    App, Caller,
    decide_labels::Verdict,
    read_reports::{Found, Lookup},
};
use crate::{
    error::Error,
    peers::{AuditReceipt, PeerError},
    store::{AuditAct, AuditEvent, AuditItem, AuditItems, RECORD_ITEMS_MAX, StoredReport},
};

/// Content up to which hashing costs less than handing it to another thread.
const INLINE_BYTES_MAX: usize = 128 * 1024;
/// Items of one call to audit: some 300 KB.
const CALL_ITEMS_MAX: usize = 2 * RECORD_ITEMS_MAX;

impl Lookup {
    /// SHA-256 of the query as understood here: what page tokens are bound to and what is recorded.
    pub(super) fn sha256(&self) -> Result<Vec<u8>, Error> {
        let (name, query) = match self {
            Lookup::Get(request) => ("get", serde_json::to_vec(request)?),
            Lookup::List(request) => ("list", serde_json::to_vec(request)?),
            Lookup::Search(request) => ("search", serde_json::to_vec(request)?),
        };
        let mut context = Context::new(&SHA256);
        context.update(name.as_bytes());
        context.update(b"\n");
        context.update(&query);
        Ok(context.finish().as_ref().to_vec())
    }
}

impl App {
    /// Appends the record of a read; an empty answer is recorded too. A report that was not found is a denial, and takes
    /// the same way as one that was: neither the answer nor the time it takes tells why.
    pub(super) async fn record_read(
        &self,
        call: &Call,
        (reader, verdict): (&Caller, &Verdict),
        (lookup, query_sha256): (&Lookup, &[u8]),
        found: Found,
    ) -> Result<(Found, AuditReceipt), Error> {
        let mut event = match lookup {
            Lookup::Get(request) if found.reports.is_empty() => {
                let mut event = self.audit_event(call, AuditAct::Denial)?;
                event.items = AuditItems::Listed(vec![AuditItem {
                    object_id: request.report_id.clone(),
                    version: request.version.clone().unwrap_or_default(),
                    label_hash: Vec::new(),
                    originator: request.originator.clone().unwrap_or_default(),
                }]);
                event
            }
            Lookup::Get(_) | Lookup::List(_) | Lookup::Search(_) => {
                let mut event = self.audit_event(call, act(reader, &found))?;
                event.items = AuditItems::Listed(found.reports.iter().map(item).collect());
                event.operation = operation(&found);
                event
            }
        };
        let (found, payload) = hash_payload(found).await?;
        event.query_sha256 = query_sha256.to_vec();
        event.payload_sha256 = payload.sha256;
        event.payload_bytes = payload.bytes;
        event.epoch = verdict.epoch;
        event.profile_id = verdict.profile_id.to_vec();
        let labels: BTreeSet<u32> = found.reports.iter().map(|report| report.label.label_no).collect();
        let duties: BTreeSet<&String> =
            labels.iter().flat_map(|label_no| verdict.duties(*label_no)).collect();
        event.obligations = duties.into_iter().cloned().collect();
        let receipts = self.audit.append(call, &[event]).await.map_err(Error::Audit)?;
        let receipt = receipts.into_iter().next();
        Ok((found, receipt.ok_or(Error::Audit(PeerError::Malformed("no receipt")))?))
    }

    /// Delivers events of the outbox, the items of each read from the journal, a bounded number of items a call.
    pub(crate) async fn deliver_events(
        &self,
        call: impl Fn() -> Call,
        events: Vec<AuditEvent>,
    ) -> Result<(), Error> {
        let (mut group, mut items) = (Vec::new(), 0_usize);
        for mut event in events {
            if let AuditItems::Positions { first, last } = event.items {
                event.items = AuditItems::Listed(self.store.audit_items(first, last).await?);
            }
            items = items.saturating_add(item_count(&event));
            group.push(event);
            if items >= CALL_ITEMS_MAX || group.len() >= RECORD_ITEMS_MAX {
                self.audit.append(&call(), &group).await.map_err(Error::Audit)?;
                (group, items) = (Vec::new(), 0);
            }
        }
        if !group.is_empty() {
            self.audit.append(&call(), &group).await.map_err(Error::Audit)?;
        }
        Ok(())
    }
}

fn item_count(event: &AuditEvent) -> usize {
    match &event.items {
        AuditItems::Listed(items) => items.len(),
        AuditItems::Positions { .. } => 0,
    }
}

/// Reading what one's own organization originated is a consultation; anything else discloses.
fn act(reader: &Caller, found: &Found) -> AuditAct {
    let own = found.reports.iter().all(|report| *report.originator == *reader.organization);
    if own { AuditAct::Consultation } else { AuditAct::Disclosure }
}

/// The operation that all reports belong to; empty if they differ.
fn operation(found: &Found) -> String {
    let mut operations = found.reports.iter().map(|report| &report.operation);
    let first = operations.next();
    first
        .filter(|first| operations.all(|other| other == *first))
        .map(|first| first.to_string())
        .unwrap_or_default()
}

fn item(report: &StoredReport) -> AuditItem {
    AuditItem {
        object_id: report.report_id.clone(),
        version: report.version.clone(),
        label_hash: report.label.label.hash.to_vec(),
        originator: report.originator.to_string(),
    }
}

struct Payload {
    sha256: Vec<u8>,
    bytes: u64,
}

async fn hash_payload(found: Found) -> Result<(Found, Payload), Error> {
    let bytes = found.reports.iter().map(|report| report.content.len()).fold(0, usize::saturating_add);
    let payload = move |sha256| Payload { sha256, bytes: u64::try_from(bytes).unwrap_or(u64::MAX) };
    if bytes <= INLINE_BYTES_MAX {
        let sha256 = sha256(&found.reports);
        return Ok((found, payload(sha256)));
    }
    let hashed = tokio::task::spawn_blocking(move || {
        let sha256 = sha256(&found.reports);
        (found, sha256)
    });
    let (found, sha256) = hashed.await.map_err(Error::Task)?;
    Ok((found, payload(sha256)))
}

fn sha256(reports: &[StoredReport]) -> Vec<u8> {
    let [only] = reports else {
        let mut context = Context::new(&SHA256);
        reports.iter().for_each(|report| context.update(&report.content));
        return context.finish().as_ref().to_vec();
    };
    digest(&SHA256, &only.content).as_ref().to_vec()
}
