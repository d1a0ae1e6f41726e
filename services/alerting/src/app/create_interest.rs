//! Adds a standing interest: stored, recorded, and in the index before the answer leaves.

use std::sync::PoisonError;

use entente_chassis::call::Call;
use uuid::Uuid;

use super::{App, audit_event::plain_item};
use crate::{
    error::Error,
    store::{AuditAct, Created, Interest, NewInterest, Term},
};

/// An interest as parsed from the wire.
pub(crate) struct NewInterestRequest {
    pub(crate) display_name: String,
    pub(crate) terms: Vec<Term>,
    pub(crate) request_id: String,
    /// SHA-256 of the request, to tell a repetition from another request.
    pub(crate) request_sha256: [u8; 32],
}

impl App {
    /// Adds the interest; the same request again gives the first answer.
    #[tracing::instrument(skip_all, fields(terms = request.terms.len()))]
    pub(crate) async fn create_interest(
        &self,
        call: &Call,
        request: NewInterestRequest,
    ) -> Result<Interest, Error> {
        if !request.terms.iter().any(narrows) {
            return Err(Error::TooBroad);
        }
        let holder = self.active_holder(call).await?;
        let interest_id = Uuid::now_v7().to_string();
        let event = self.audit_event(call, AuditAct::Alteration, vec![plain_item(&interest_id)])?;
        let new = NewInterest {
            interest_id,
            holder,
            display_name: request.display_name,
            terms: request.terms,
            create_time_ms: self.now_ms(),
            request_id: request.request_id,
            request_sha256: request.request_sha256,
            holder_max: self.limits.interests_per_subject_max,
            event,
        };
        // One change at a time: a deletion that overtook its creation would leave the interest in the index.
        let _change = self.changes.lock().await;
        let Created { interest, is_new } = self.store.create_interest(new).await?;
        if is_new {
            // In the index before the answer leaves, so that every version accepted after it meets the interest. One
            // that an earlier request made is there already, or was deleted since.
            self.index.write().unwrap_or_else(PoisonError::into_inner).add(interest.clone());
            self.outbox_wake.notify_one();
        }
        Ok(interest)
    }
}

/// True if a term can fail for some report of its kind: a severity alone matches whole streams.
fn narrows(term: &Term) -> bool {
    match term {
        Term::ObjectType(_)
        | Term::IndicatorValue(_)
        | Term::Phrase(_)
        | Term::Originator(_)
        | Term::Operation(_) => true,
        Term::MinSeverity(_) => false,
    }
}
