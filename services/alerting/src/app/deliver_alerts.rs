//! Delivers a holder's alerts in order: decided again, recorded, and only then sent.

use std::collections::VecDeque;

use aws_lc_rs::digest::{SHA256, digest};
use entente_chassis::call::Call;
use tokio::sync::watch;

use super::{App, consumers::Turn, decide_labels::Verdict};
use crate::{
    error::Error,
    peers::{AuditReceipt, BACKGROUND_LIMIT, PeerError},
    store::{AuditAct, AuditEvent, AuditItem, ConsumerKey, Cursor, Standing, StoredAlert},
};

/// Alerts read and recorded at a time.
const PIECE_MAX: usize = 64;
/// Alerts on the way and credit together, whatever a client grants: what it may make the service remember.
const CREDIT_MAX: u32 = 4_096;
/// How often a piece is decided again because rights changed meanwhile.
const DECIDE_ATTEMPTS_MAX: usize = 8;

/// What the client asks for when it opens the stream.
pub(crate) struct Opening {
    pub(crate) consumer: String,
    pub(crate) in_flight_max: u32,
    pub(crate) from_now: bool,
}

/// One alert about to leave.
pub(crate) struct Outgoing {
    pub(crate) delivery_number: u64,
    pub(crate) attempt: u32,
    pub(crate) alert: StoredAlert,
    pub(crate) receipt: AuditReceipt,
    pub(crate) trace_id: [u8; 16],
    /// The rights it rests on: it must not leave once a later epoch is in force.
    pub(crate) epoch: u64,
}

/// An open stream of one consumer.
pub(crate) struct Delivered {
    holder: Standing,
    key: ConsumerKey,
    turn: Turn,
    bell: watch::Receiver<()>,
    /// What the client has confirmed, and what was ever sent.
    cursor: Cursor,
    /// The cursor as stored, to know whether it has to be.
    stored: Cursor,
    /// Sent before this stream was opened: sending it again is another attempt.
    sent_before: i64,
    /// Highest alert looked at, sent or withheld.
    looked_at: i64,
    next_number: u64,
    /// Sent and not yet confirmed: delivery number and alert.
    in_flight: VecDeque<(u64, i64)>,
    /// How many more may be sent.
    credit: u32,
}

impl Delivered {
    /// Forgets that the bell rang: asked before the store is read, so that no alert falls in between.
    pub(crate) fn listen(&mut self) {
        self.bell.mark_unchanged();
    }

    /// Completes with true when an alert of the holder has come, with false when a newer stream of the consumer is
    /// open.
    pub(crate) async fn woken(&mut self) -> bool {
        tokio::select! {
            _ = self.bell.changed() => true,
            () = self.turn.ended() => false,
        }
    }

    /// Highest delivery number confirmed.
    pub(crate) fn received_up_to(&self) -> u64 {
        self.cursor.received_number
    }

    /// True if the store does not know yet where this consumer stands.
    pub(crate) fn is_unsaved(&self) -> bool {
        self.cursor != self.stored
    }

    /// More alerts may be on the way.
    pub(crate) fn grant(&mut self, more: u32) {
        let on_the_way = u32::try_from(self.in_flight.len()).unwrap_or(u32::MAX);
        self.credit = self.credit.saturating_add(more).min(CREDIT_MAX.saturating_sub(on_the_way));
    }

    /// The client holds everything up to a delivery number: the cursor moves, credit comes back.
    pub(crate) fn received(&mut self, up_to: u64) {
        while let Some((number, alert_seq)) =
            self.in_flight.front().copied().filter(|(number, _)| *number <= up_to)
        {
            self.in_flight.pop_front();
            self.cursor.received_number = number;
            self.cursor.received_alert_seq = alert_seq;
            self.credit = self.credit.saturating_add(1);
            if self.in_flight.is_empty() {
                // What was withheld behind the last delivery is settled too.
                self.cursor.received_alert_seq = self.looked_at;
            }
        }
    }

    fn number(&mut self, alert: StoredAlert, receipt: AuditReceipt, call: &Call, epoch: u64) -> Outgoing {
        let delivery_number = self.next_number;
        self.next_number = self.next_number.saturating_add(1);
        self.in_flight.push_back((delivery_number, alert.alert_seq));
        self.cursor.sent_alert_seq = self.cursor.sent_alert_seq.max(alert.alert_seq);
        self.credit = self.credit.saturating_sub(1);
        let attempt = if alert.alert_seq <= self.sent_before { 2 } else { 1 };
        Outgoing { delivery_number, attempt, alert, receipt, trace_id: call.trace_id(), epoch }
    }
}

impl App {
    /// Opens the stream at the consumer's cursor, in place of an older stream of the same consumer.
    #[tracing::instrument(skip_all)]
    pub(crate) async fn open_stream(&self, call: &Call, opening: Opening) -> Result<Delivered, Error> {
        let holder = self.active_holder(call).await?;
        let key = ConsumerKey {
            realm: holder.realm.clone(),
            subject_id: holder.subject_id.clone(),
            consumer: opening.consumer,
        };
        let turn = self.consumers.take(&key).await;
        // The bell is taken before the cursor is read: an alert stored in between rings it.
        let bell = self.wake.bell(&holder.realm, &holder.subject_id);
        let cursor =
            self.store.open_cursor(&key, opening.from_now, self.limits.consumers_per_subject_max).await?;
        Ok(Delivered {
            holder,
            key,
            turn,
            bell,
            cursor,
            stored: cursor,
            sent_before: cursor.sent_alert_seq,
            looked_at: cursor.received_alert_seq,
            next_number: cursor.received_number.saturating_add(1),
            in_flight: VecDeque::new(),
            credit: opening.in_flight_max,
        })
    }

    /// Stores where the consumer stands. Losing it in a crash delivers again what was received, which is allowed; so it
    /// is stored from time to time and at the end, not at each receipt.
    pub(crate) async fn save_cursor(&self, stream: &mut Delivered) -> Result<(), Error> {
        if stream.is_unsaved() {
            self.store.move_cursor(&stream.key, stream.cursor).await?;
            stream.stored = stream.cursor;
        }
        Ok(())
    }

    /// The next alerts that may leave, recorded. Empty when there is nothing, or no credit.
    pub(crate) async fn next_deliveries(
        &self,
        call: &Call,
        stream: &mut Delivered,
    ) -> Result<Vec<Outgoing>, Error> {
        for _ in 0..DECIDE_ATTEMPTS_MAX {
            let limit = PIECE_MAX.min(usize::try_from(stream.credit).unwrap_or(PIECE_MAX));
            if limit == 0 {
                return Ok(Vec::new());
            }
            let holder = &stream.holder;
            let alerts =
                self.store.alerts_after(&holder.realm, &holder.subject_id, stream.looked_at, limit).await?;
            let Some(last) = alerts.last().map(|alert| alert.alert_seq) else { return Ok(Vec::new()) };
            let (verdict, visible) = self.visible(call, holder, alerts).await?;
            let receipts = self.record(call, &verdict, &visible).await?;
            // INVARIANT (I3): rights that changed while the record was written send nothing; the piece is looked at again.
            if self.is_in_force(verdict.epoch)? {
                stream.looked_at = last;
                if !visible.is_empty() {
                    let leaving = visible.into_iter().zip(receipts);
                    return Ok(leaving
                        .map(|(alert, receipt)| stream.number(alert, receipt, call, verdict.epoch))
                        .collect());
                }
            }
        }
        Err(Error::EpochChanged)
    }

    /// True unless rights have changed since they were decided at `epoch`.
    pub(crate) fn is_in_force(&self, epoch: u64) -> Result<bool, Error> {
        let current = self.lease.current().ok_or(Error::NoLease)?;
        // Access may have decided at an epoch that has not been heard of here yet: fresher than asked for.
        Ok(current <= epoch)
    }

    /// INVARIANT (I1): nothing leaves before its record is durable.
    async fn record(
        &self,
        call: &Call,
        verdict: &Verdict,
        alerts: &[StoredAlert],
    ) -> Result<Vec<AuditReceipt>, Error> {
        if alerts.is_empty() {
            return Ok(Vec::new());
        }
        let events = alerts
            .iter()
            .map(|alert| self.delivery_event(call, verdict, alert))
            .collect::<Result<Vec<_>, _>>()?;
        let appended = tokio::time::timeout(BACKGROUND_LIMIT, self.audit.append(call, &events)).await;
        let late = |_| PeerError::Unavailable("audit did not answer in time".to_owned());
        appended.map_err(late).and_then(|receipts| receipts).map_err(Error::Audit)
    }

    fn delivery_event(
        &self,
        call: &Call,
        verdict: &Verdict,
        alert: &StoredAlert,
    ) -> Result<AuditEvent, Error> {
        let headline = alert.body.headline.as_bytes();
        Ok(AuditEvent {
            operation: alert.body.operation.clone(),
            payload_sha256: digest(&SHA256, headline).as_ref().to_vec(),
            payload_bytes: u64::try_from(headline.len()).unwrap_or(u64::MAX),
            epoch: verdict.epoch,
            profile_id: verdict.profile_id.to_vec(),
            ..self.audit_event(call, AuditAct::Alert, vec![item(alert)])?
        })
    }
}

fn item(alert: &StoredAlert) -> AuditItem {
    AuditItem {
        object_id: alert.body.report_id.clone(),
        version: alert.body.report_version.clone(),
        label_hash: alert.body.label_hash.to_vec(),
        originator: alert.body.originator.clone(),
    }
}
