//! The client of audit.

use async_trait::async_trait;
use entente_chassis::{call::Call, client::PeerChannel, status};
use entente_proto::{
    audit::v1::{
        AppendRequest, AuditRecord, Decision, Effect, InstallAuthorityRequest, Item, Operation, Phase,
        TokenKey, What, When, Where, Who, Why, audit_service_client::AuditServiceClient,
    },
    common::v1::Receipt,
};
use tonic::Status;

use super::{Audit, AuditReceipt, Authority, Installed, PeerError};
use crate::{
    convert::timestamp,
    store::{AuditAct, AuditDecision, AuditEvent, AuditObject},
};

/// Audit over gRPC.
pub struct AuditClient {
    client: AuditServiceClient<PeerChannel>,
    service_identity: String,
}

impl AuditClient {
    /// `service_identity` is this workload's SPIFFE id, written into each record.
    pub fn new(channel: PeerChannel, service_identity: String) -> AuditClient {
        AuditClient { client: AuditServiceClient::new(channel), service_identity }
    }

    fn record(&self, event: &AuditEvent) -> AuditRecord {
        let operation = match event.act {
            AuditAct::PolicyChange => Operation::PolicyChange,
            AuditAct::Consultation => Operation::AuditConsultation,
            AuditAct::KeyEvent => Operation::KeyEvent,
        };
        let time = timestamp(event.occur_time_ms);
        AuditRecord {
            record_id: event.record_id.to_vec().into(),
            operation: operation.into(),
            phase: Phase::Single.into(),
            who: Some(self.who(event)),
            what: Some(What {
                items: event.objects.iter().map(item).collect(),
                item_count: event.object_count,
                ..What::default()
            }),
            why: Some(Why {
                purpose: event.purpose.clone(),
                justification: event.justification.clone(),
                realm: event.realm.clone(),
                ..Why::default()
            }),
            decision: Some(decision(event.epoch, event.decision.as_ref())),
            r#where: Some(Where {
                trace_id: event.trace_id.to_vec().into(),
                span_id: event.span_id.to_vec().into(),
                service_name: "access".to_owned(),
                rpc_method: event.rpc_method.clone(),
            }),
            when: Some(When { occur_time: Some(time), decide_time: Some(time) }),
            ..AuditRecord::default()
        }
    }

    fn who(&self, event: &AuditEvent) -> Who {
        let by_certificate =
            if event.subject.is_empty() { String::new() } else { format!("mtls/aal{}", event.aal) };
        Who {
            subject: event.subject.clone(),
            subject_organization: event.subject.split('/').next().unwrap_or_default().to_owned(),
            authentication: by_certificate,
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

    async fn install(&self, call: &Call, authority: &Authority) -> Result<Installed, PeerError> {
        let key = |(key_id, public_key): &(String, [u8; 32])| TokenKey {
            key_id: key_id.clone(),
            ed25519_public_key: public_key.to_vec().into(),
        };
        let request = InstallAuthorityRequest {
            keys: authority.keys.iter().map(key).collect(),
            epoch: authority.epoch,
            lease: prost_types::Duration::try_from(authority.lease).ok(),
            ticket: authority.ticket.clone().into(),
        };
        let answer = self.client.clone().install_authority(call.outgoing(request)).await;
        let answer = answer.map_err(|status| error(&status))?.into_inner();
        let lease_left = answer.lease_left.and_then(|left| left.try_into().ok());
        Ok(Installed { ticket: answer.ticket.to_vec(), lease_left: lease_left.unwrap_or_default() })
    }
}

fn decision(epoch: u64, told: Option<&AuditDecision>) -> Decision {
    match told {
        Some(told) => Decision {
            effect: if told.allowed { Effect::Permit.into() } else { Effect::Deny.into() },
            reason: told.reason.clone(),
            epoch,
            profile_id: told.profile_id.clone().into(),
            obligations: told.obligations.clone(),
        },
        None => Decision { effect: Effect::Permit.into(), epoch, ..Decision::default() },
    }
}

fn item(object: &AuditObject) -> Item {
    Item {
        object_id: object.object_id.clone(),
        version: object.version.clone(),
        label_hash: object.label_hash.clone().into(),
        originator: object.organization.clone(),
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

/// What a status of a peer means here: a reason of its own is kept, everything else is an outage.
fn error(status: &Status) -> PeerError {
    match status::reason_of(status) {
        Some(reason) if status::code(reason) != tonic::Code::Unavailable => PeerError::Refused(reason),
        Some(_) | None => PeerError::Unavailable(status.message().to_owned()),
    }
}
