//! Which of a holder's stored alerts may be told now: the label is decided again each time one leaves.

use entente_chassis::{call::Call, status::ErrorReason};

use super::{App, decide_labels::Verdict};
use crate::{
    error::Error,
    peers::{Behalf, LabelReference, PeerError},
    store::{Standing, StoredAlert},
};

impl App {
    /// The alerts that the caller may read today, with the verdict that rests on.
    pub(super) async fn visible(
        &self,
        call: &Call,
        holder: &Standing,
        alerts: Vec<StoredAlert>,
    ) -> Result<(Verdict, Vec<StoredAlert>), Error> {
        let token = call.token().ok_or(Error::NoSubject)?;
        let labels: Vec<LabelReference> = alerts.iter().map(timeless).collect();
        let verdict = match self.decide(call, Behalf::Token { token, holder }, &labels).await {
            Err(Error::Access(PeerError::Refused(ErrorReason::TokenExpired))) => {
                return Err(Error::TokenExpired);
            }
            other => other?,
        };
        let today = self.today();
        let visible = alerts
            .into_iter()
            .zip(&verdict.allowed)
            .filter(|(alert, allowed)| **allowed && alert.not_after_day.is_none_or(|day| today < day))
            .map(|(alert, _)| alert)
            .collect();
        Ok((verdict, visible))
    }

    /// The caller, if access knows it as active: whoever is suspended finds every door of this service shut.
    pub(super) async fn active_holder(&self, call: &Call) -> Result<Standing, Error> {
        let holder = super::holder(call)?;
        self.visible(call, &holder, Vec::new()).await?;
        Ok(holder)
    }
}

fn timeless(alert: &StoredAlert) -> LabelReference {
    LabelReference { line: alert.body.timeless_line.clone(), hash: alert.body.timeless_hash }
}
