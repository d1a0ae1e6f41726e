//! The client of audit.

use async_trait::async_trait;
use entente_chassis::{call::Call, client::PeerChannel};
use entente_proto::{
    audit::v1::{
        AppendRequest, AuditRecord, Decision, Effect, Item, Operation, Phase, What, When, Where, Who, Why,
        audit_service_client::AuditServiceClient,
    },
    common::v1::Receipt,
};

use super::{Audit, AuditReceipt, PeerError, access::error};
use crate::{
    convert::timestamp,
    store::{AuditAct, AuditEvent, AuditItem, AuditItems},
};

/// Audit over gRPC.
pub(crate) struct AuditClient {
    client: AuditServiceClient<PeerChannel>,
    service_identity: String,
}

impl AuditClient {
    /// `service_identity` is this workload's SPIFFE id, written into each record.
    pub(crate) fn new(channel: PeerChannel, service_identity: String) -> AuditClient {
        AuditClient { client: AuditServiceClient::new(channel), service_identity }
    }

    fn record(&self, event: &AuditEvent) -> AuditRecord {
        let time = timestamp(event.occur_time_ms);
        AuditRecord {
            record_id: event.record_id.to_vec().into(),
            operation: operation(event.act).into(),
            // One record for the whole act, written before anything leaves.
            phase: Phase::Single.into(),
            who: Some(self.who(event)),
            what: Some(what(event)),
            why: Some(Why {
                purpose: event.purpose.clone(),
                justification: String::new(),
                operation: event.operation.clone(),
                realm: event.realm.clone(),
            }),
            decision: Some(decision(event)),
            r#where: Some(Where {
                trace_id: event.trace_id.to_vec().into(),
                span_id: event.span_id.to_vec().into(),
                service_name: "intake".to_owned(),
                rpc_method: event.rpc_method.clone(),
            }),
            when: Some(When { occur_time: Some(time), decide_time: Some(time) }),
            ..AuditRecord::default()
        }
    }

    fn who(&self, event: &AuditEvent) -> Who {
        Who {
            subject: event.subject.clone(),
            subject_organization: event.organization.clone(),
            authentication: format!("mtls/aal{}", event.aal),
            client_certificate_sha256: event.certificate_sha256.clone().into(),
            service_identity: self.service_identity.clone(),
            recipients: Vec::new(),
            transaction_id: event.transaction_id.clone(),
        }
    }
}

#[async_trait]
impl Audit for AuditClient {
    async fn append(&self, call: &Call, events: &[AuditEvent]) -> Result<Vec<AuditReceipt>, PeerError> {
        let request = AppendRequest { records: events.iter().map(|event| self.record(event)).collect() };
        let answer =
            self.client.clone().append(call.outgoing(request)).await.map_err(|status| error(&status))?;
        let receipts: Vec<AuditReceipt> = answer.into_inner().receipts.into_iter().map(receipt).collect();
        if receipts.len() != events.len() {
            return Err(PeerError::Malformed("one receipt per record was expected"));
        }
        Ok(receipts)
    }
}

fn operation(act: AuditAct) -> Operation {
    match act {
        AuditAct::Collection => Operation::Collection,
        AuditAct::Consultation => Operation::Consultation,
        AuditAct::Disclosure => Operation::Disclosure,
        AuditAct::Denial => Operation::Denial,
    }
}

fn decision(event: &AuditEvent) -> Decision {
    let (effect, reason) = match event.act {
        AuditAct::Collection | AuditAct::Consultation | AuditAct::Disclosure => (Effect::Permit, ""),
        // One word for both: the record, too, must not tell one from the other.
        AuditAct::Denial => (Effect::Deny, "absent_or_not_permitted"),
    };
    Decision {
        effect: effect.into(),
        reason: reason.to_owned(),
        epoch: event.epoch,
        profile_id: event.profile_id.clone().into(),
        obligations: event.obligations.clone(),
    }
}

fn what(event: &AuditEvent) -> What {
    let items = match &event.items {
        AuditItems::Listed(items) => items.as_slice(),
        // Resolved before they come here (`app/record_read.rs`).
        AuditItems::Positions { .. } => &[],
    };
    // A denial names what was asked for; nothing of it was in the answer.
    let answered = match event.act {
        AuditAct::Collection | AuditAct::Consultation | AuditAct::Disclosure => items.len(),
        AuditAct::Denial => 0,
    };
    What {
        items: items.iter().map(item).collect(),
        item_count: u64::try_from(answered).unwrap_or(u64::MAX),
        query_sha256: event.query_sha256.clone().into(),
        payload_sha256: event.payload_sha256.clone().into(),
        payload_bytes: event.payload_bytes,
    }
}

fn item(item: &AuditItem) -> Item {
    Item {
        object_id: item.object_id.clone(),
        version: item.version.clone(),
        label_hash: item.label_hash.clone().into(),
        originator: item.originator.clone(),
    }
}

fn receipt(receipt: Receipt) -> AuditReceipt {
    AuditReceipt {
        log_origin: receipt.log_origin,
        entry_index: receipt.entry_index,
        entry: receipt.entry.to_vec(),
        tree_size: receipt.tree_size,
        inclusion_hashes: receipt.inclusion_hashes.into_iter().map(|hash| hash.to_vec()).collect(),
        checkpoint: receipt.checkpoint,
        trace_id: receipt.trace_id.to_vec(),
    }
}
