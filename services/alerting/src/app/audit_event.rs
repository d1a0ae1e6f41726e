//! What is recorded of an act, filled in from the call that does it.

use entente_chassis::call::Call;
use uuid::Uuid;

use super::{App, holder};
use crate::{
    error::Error,
    store::{AuditAct, AuditEvent, AuditItem},
};

impl App {
    /// The record of an act of the caller on `items`.
    pub(super) fn audit_event(
        &self,
        call: &Call,
        act: AuditAct,
        items: Vec<AuditItem>,
    ) -> Result<AuditEvent, Error> {
        let subject = holder(call)?;
        Ok(AuditEvent {
            record_id: *Uuid::now_v7().as_bytes(),
            act,
            subject: subject.subject_id,
            transaction_id: call.claims().map(|claims| claims.txn.clone()).unwrap_or_default(),
            certificate_sha256: call.peer().certificate_sha256.to_vec(),
            aal: subject.aal,
            purpose: subject.purpose,
            realm: subject.realm,
            operation: String::new(),
            justification: String::new(),
            items,
            payload_sha256: Vec::new(),
            payload_bytes: 0,
            epoch: self.lease.epoch(),
            profile_id: Vec::new(),
            trace_id: call.trace_id(),
            span_id: call.span_id(),
            rpc_method: call.method().to_owned(),
            occur_time_ms: self.now_ms(),
        })
    }
}

/// An object that carries no label of its own.
pub(super) fn plain_item(object_id: &str) -> AuditItem {
    AuditItem {
        object_id: object_id.to_owned(),
        version: String::new(),
        label_hash: Vec::new(),
        originator: String::new(),
    }
}
