//! Who may rely on which epoch, and until when: what lets a revocation promise that it holds everywhere.
//!
//! A holder asks, and each answer grants it the epoch in force for one lease, counted from the moment the holder asked.
//! The holder asks again by saying what it has installed. So the holder's lease can never outlast what is noted here,
//! however long an answer travels or a process sleeps: it was asked for before it was granted. Audit, which asks nobody,
//! gives a ticket with each answer in place of asking.
//!
//! A change of rights publishes its epoch and then waits until every holder that may still rely on an older epoch has
//! installed the new one, or its lease has run out. A broken stream ends no lease: its holder may live on.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until},
};

/// What clocks may differ in rate: a lease is waited for a tenth longer than it was granted (label semantics, e).
const MARGIN_DIVISOR: u32 = 10;
/// Leases of one service granted per lease: three may be lost before reads stop.
const RENEWALS_PER_LEASE: u32 = 4;

/// Every lease that may still be relied on.
pub(crate) struct Leases {
    lease: Duration,
    table: Mutex<Table>,
    /// The epoch in force; 0 while it is not known.
    epoch: watch::Sender<u64>,
    /// Rung at each acknowledgement.
    acknowledged: Notify,
}

#[derive(Default)]
struct Table {
    /// The epoch in force; none while it is not known.
    epoch: Option<u64>,
    holders: HashMap<u64, Holder>,
    next_holder: u64,
}

/// A stream of a service, or audit.
struct Holder {
    /// Highest epoch installed.
    installed: u64,
    /// Epoch of the latest grant.
    granted: u64,
    /// When the latest grant has surely run out.
    until: Instant,
    /// When the grants of older epochs than `granted` have surely run out.
    older_until: Instant,
    /// Nothing will be granted any more.
    gone: bool,
}

impl Leases {
    /// No holder yet. After a restart, leases of the process before may still be relied on: they are waited for as
    /// those of one holder that never answers.
    pub(crate) fn new(lease: Duration, after_restart: bool) -> Leases {
        let mut table = Table::default();
        if after_restart {
            let now = Instant::now();
            let id = table.add(now);
            table.grant(id, 0, now + with_margin(lease));
            table.leave(id);
        }
        Leases { lease, table: Mutex::new(table), epoch: watch::channel(0).0, acknowledged: Notify::new() }
    }

    /// How long each grant holds.
    pub(crate) fn lease(&self) -> Duration {
        self.lease
    }

    /// How often a holder is answered when nothing changes.
    pub(crate) fn renew_every(&self) -> Duration {
        self.lease / RENEWALS_PER_LEASE
    }

    /// Puts an epoch in force: every later grant is of it. `None` while it is not known which one is: nothing is granted.
    pub(crate) fn publish(&self, epoch: Option<u64>) {
        // INVARIANT: the table knows the epoch before anyone is told. A holder granted the older one after this could
        // otherwise be missed by the change that waits for it.
        self.table().epoch = epoch;
        self.epoch.send_replace(epoch.unwrap_or_default());
    }

    /// Hears of each epoch published.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.epoch.subscribe()
    }

    /// A new holder, without a lease yet.
    pub(crate) fn join(self: &Arc<Self>) -> Held {
        let id = self.table().add(Instant::now());
        Held { leases: self.clone(), id }
    }

    /// Returns when nobody can rely on an epoch older than `epoch` any more.
    pub(crate) async fn settled(&self, epoch: u64) {
        loop {
            let acknowledged = self.acknowledged.notified();
            tokio::pin!(acknowledged);
            // Listening starts before the table is read, so that no acknowledgement falls in between.
            acknowledged.as_mut().enable();
            let Some(until) = self.table().waits_until(epoch, Instant::now()) else {
                return;
            };
            tokio::select! {
                () = acknowledged => {}
                () = sleep_until(until) => {}
            }
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A holder's place in the table; its lease runs on after this is dropped.
pub(crate) struct Held {
    leases: Arc<Leases>,
    id: u64,
}

impl Held {
    /// Grants the epoch in force for one lease, which the holder counts from an instant before now. None while the epoch
    /// is not known.
    pub(crate) fn grant(&self) -> Option<u64> {
        let until = Instant::now() + with_margin(self.leases.lease);
        let mut table = self.leases.table();
        let epoch = table.epoch?;
        table.grant(self.id, epoch, until);
        Some(epoch)
    }

    /// The holder has installed an epoch.
    pub(crate) fn acknowledge(&self, epoch: u64) {
        self.leases.table().acknowledge(self.id, epoch);
        self.leases.acknowledged.notify_waiters();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.leases.table().leave(self.id);
    }
}

impl Table {
    fn add(&mut self, now: Instant) -> u64 {
        // Holders that are gone leave the table with their leases, so it is bounded by streams per lease.
        self.holders.retain(|_, holder| !holder.gone || holder.until > now || holder.older_until > now);
        let id = self.next_holder;
        self.next_holder = self.next_holder.wrapping_add(1);
        let holder = Holder { installed: 0, granted: 0, until: now, older_until: now, gone: false };
        self.holders.insert(id, holder);
        id
    }

    fn grant(&mut self, id: u64, epoch: u64, until: Instant) {
        let Some(holder) = self.holders.get_mut(&id) else {
            return;
        };
        if epoch > holder.granted {
            holder.older_until = holder.older_until.max(holder.until);
            holder.granted = epoch;
        }
        holder.until = holder.until.max(until);
    }

    fn acknowledge(&mut self, id: u64, epoch: u64) {
        let Some(holder) = self.holders.get_mut(&id) else {
            return;
        };
        // What was never granted cannot have been installed from here.
        holder.installed = holder.installed.max(epoch.min(holder.granted));
    }

    fn leave(&mut self, id: u64) {
        if let Some(holder) = self.holders.get_mut(&id) {
            holder.gone = true;
        }
    }

    /// Until when somebody may rely on an epoch older than `epoch`; none when nobody may.
    fn waits_until(&self, epoch: u64, now: Instant) -> Option<Instant> {
        let relied_on = |holder: &Holder| {
            if holder.granted >= epoch { holder.older_until } else { holder.until }
        };
        let behind = self.holders.values().filter(|holder| holder.installed < epoch);
        behind.map(relied_on).filter(|until| *until > now).max()
    }
}

fn with_margin(lease: Duration) -> Duration {
    lease + lease / MARGIN_DIVISOR
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(2);

    #[test]
    fn a_change_waits_for_a_holder_of_an_older_epoch_and_for_nobody_else() {
        let now = Instant::now();
        let mut table = Table::default();
        let (behind, ahead, without) = (table.add(now), table.add(now), table.add(now));
        table.grant(behind, 4, now + LEASE);
        table.grant(ahead, 5, now + 3 * LEASE);
        assert_eq!(table.waits_until(5, now), Some(now + LEASE));
        table.grant(behind, 5, now + 2 * LEASE);
        assert_eq!(table.waits_until(5, now), Some(now + LEASE), "the grant of 5 may not have arrived");
        table.acknowledge(behind, 5);
        table.acknowledge(without, 5);
        assert_eq!(table.waits_until(5, now), None);
    }

    #[test]
    fn a_lease_outlives_its_stream() {
        let now = Instant::now();
        let mut table = Table::default();
        let holder = table.add(now);
        table.grant(holder, 1, now + LEASE);
        table.leave(holder);
        table.add(now);
        assert_eq!(table.waits_until(2, now), Some(now + LEASE));
        assert_eq!(table.waits_until(2, now + LEASE), None);
        table.add(now + LEASE);
        assert_eq!(table.holders.len(), 2, "the one gone has left with its lease");
    }

    #[test]
    fn an_epoch_that_was_never_granted_is_not_acknowledged() {
        let now = Instant::now();
        let mut table = Table::default();
        let holder = table.add(now);
        table.grant(holder, 1, now + LEASE);
        table.acknowledge(holder, u64::MAX);
        assert_eq!(table.waits_until(2, now), Some(now + LEASE));
    }

    #[tokio::test]
    async fn after_a_restart_the_leases_of_the_process_before_are_waited_for() {
        let lease = Duration::from_millis(20);
        let leases = Leases::new(lease, true);
        leases.publish(Some(7));
        let begun = Instant::now();
        leases.settled(7).await;
        assert!(begun.elapsed() >= lease);
        Leases::new(Duration::from_secs(3_600), false).settled(7).await;
    }

    #[tokio::test]
    async fn nothing_is_granted_while_the_epoch_is_not_known() {
        let leases = Arc::new(Leases::new(LEASE, false));
        let held = leases.join();
        assert_eq!(held.grant(), None);
        leases.publish(Some(3));
        assert_eq!(held.grant(), Some(3));
        leases.publish(None);
        assert_eq!(held.grant(), None);
    }
}
