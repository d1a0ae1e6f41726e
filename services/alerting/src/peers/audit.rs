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
use prost_types::Timestamp;

use super::{Audit, AuditReceipt, PeerError, access::error};
use crate::store::{AuditAct, AuditEvent, AuditItem};

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
        let operation = match event.act {
            AuditAct::Alert => Operation::Alert,
            AuditAct::Alteration => Operation::Alteration,
        };
        let time = timestamp(event.occur_time_ms);
        AuditRecord {
            record_id: event.record_id.to_vec().into(),
            operation: operation.into(),
            // One record for the whole act: the bytes that leave are in it, and the receipt the client gives moves its cursor.
            phase: Phase::Single.into(),
            who: Some(self.who(event)),
            what: Some(what(event)),
            why: Some(Why {
                purpose: event.purpose.clone(),
                justification: event.justification.clone(),
                operation: event.operation.clone(),
                realm: event.realm.clone(),
            }),
            decision: Some(Decision {
                effect: Effect::Permit.into(),
                epoch: event.epoch,
                profile_id: event.profile_id.clone().into(),
                ..Decision::default()
            }),
            r#where: Some(Where {
                trace_id: event.trace_id.to_vec().into(),
                span_id: event.span_id.to_vec().into(),
                service_name: "alerting".to_owned(),
                rpc_method: event.rpc_method.clone(),
            }),
            when: Some(When { occur_time: Some(time), decide_time: Some(time) }),
            ..AuditRecord::default()
        }
    }

    fn who(&self, event: &AuditEvent) -> Who {
        Who {
            subject: event.subject.clone(),
            subject_organization: event.subject.split('/').next().unwrap_or_default().to_owned(),
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

fn what(event: &AuditEvent) -> What {
    What {
        items: event.items.iter().map(item).collect(),
        item_count: u64::try_from(event.items.len()).unwrap_or(u64::MAX),
        payload_sha256: event.payload_sha256.clone().into(),
        payload_bytes: event.payload_bytes,
        ..What::default()
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

fn timestamp(milliseconds: i64) -> Timestamp {
    crate::convert::timestamp(milliseconds)
}
