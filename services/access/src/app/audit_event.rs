//! What is recorded of an act, filled in from the call that does it.

use entente_chassis::call::Call;
use uuid::Uuid;

use super::{App, Caller};
use crate::{
    error::Error,
    peers::AuditReceipt,
    store::{AuditAct, AuditEvent, AuditObject},
};

impl App {
    /// The record of an act of the caller on `objects`.
    pub(super) fn audit_event(
        &self,
        call: &Call,
        caller: &Caller,
        act: AuditAct,
        objects: Vec<AuditObject>,
    ) -> AuditEvent {
        let mut event = self.own_event(call, act, objects);
        if let Some(claims) = call.claims() {
            event.transaction_id.clone_from(&claims.txn);
            event.purpose.clone_from(&claims.tctx.purpose);
            event.realm.clone_from(&claims.tctx.realm);
            event.aal = claims.tctx.aal;
        }
        event.subject = caller.subject_id().to_owned();
        event.certificate_sha256 = call.peer().certificate_sha256.to_vec();
        event.epoch = caller.registry.epoch();
        event
    }

    /// The record of an act of the service itself.
    pub(super) fn own_event(&self, call: &Call, act: AuditAct, objects: Vec<AuditObject>) -> AuditEvent {
        let epoch = self.in_force().map(|registry| registry.epoch()).unwrap_or_default();
        own_event(call, self.now_ms(), epoch, (act, objects))
    }

    /// Records what is about to be told. INVARIANT (I1): nothing leaves before its record is durable.
    pub(super) async fn disclose(&self, call: &Call, event: AuditEvent) -> Result<AuditReceipt, Error> {
        let epoch = event.epoch;
        let receipts = self.audit.append(call, &[event]).await.map_err(Error::Audit)?;
        self.still_at(epoch)?;
        Ok(receipts.into_iter().next().unwrap_or_default())
    }
}

/// The record of an act of the service itself, before there is an app.
pub(super) fn own_event(
    call: &Call,
    now_ms: i64,
    epoch: u64,
    (act, objects): (AuditAct, Vec<AuditObject>),
) -> AuditEvent {
    AuditEvent {
        record_id: *Uuid::now_v7().as_bytes(),
        act,
        subject: String::new(),
        transaction_id: String::new(),
        certificate_sha256: Vec::new(),
        aal: 0,
        purpose: String::new(),
        realm: "REAL".to_owned(),
        justification: String::new(),
        object_count: u64::try_from(objects.len()).unwrap_or(u64::MAX),
        objects,
        decision: None,
        epoch,
        trace_id: call.trace_id(),
        span_id: call.span_id(),
        rpc_method: call.method().to_owned(),
        occur_time_ms: now_ms,
    }
}

/// A resource of the registry.
pub(super) fn object(object_id: &str, etag: &str, organization: &str) -> AuditObject {
    AuditObject {
        object_id: object_id.to_owned(),
        version: etag.to_owned(),
        label_hash: Vec::new(),
        organization: organization.to_owned(),
    }
}
