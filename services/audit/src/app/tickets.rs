//! From when a lease counts. Access cannot know how long its word travels, or how long this process sleeps before it reads
//! it; so each answer to access carries a ticket with the moment it was made, access sends it back with its next word,
//! and the lease counts from that moment. However late the word arrives, access waits for the lease no longer.

use std::time::{Duration, Instant};

use uuid::Uuid;

/// Makes and reads the tickets of this process; those of an earlier one are worth nothing.
pub(super) struct Tickets {
    process: Uuid,
    started: Instant,
}

impl Tickets {
    pub(super) fn new() -> Tickets {
        Tickets { process: Uuid::new_v4(), started: Instant::now() }
    }

    /// A ticket of now.
    pub(super) fn ticket(&self) -> Vec<u8> {
        let since = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        [self.process.as_bytes().as_slice(), &since.to_be_bytes()].concat()
    }

    /// What is left of a lease that counts from a ticket; nothing without one of this process.
    pub(super) fn left(&self, lease: Duration, ticket: &[u8]) -> Duration {
        self.age(ticket).map_or(Duration::ZERO, |age| lease.saturating_sub(age))
    }

    fn age(&self, ticket: &[u8]) -> Option<Duration> {
        let (process, since) = ticket.split_first_chunk::<16>()?;
        let since = u64::from_be_bytes(since.try_into().ok()?);
        let made = Duration::from_millis(since);
        (process == self.process.as_bytes()).then(|| self.started.elapsed().checked_sub(made))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEASE: Duration = Duration::from_secs(2);

    #[test]
    fn a_lease_counts_from_its_ticket_and_an_old_one_is_worth_nothing() {
        let now = Instant::now();
        let tickets =
            Tickets { started: now.checked_sub(Duration::from_secs(10)).unwrap(), ..Tickets::new() };
        let of = |since_ms: u64| [tickets.process.as_bytes().as_slice(), &since_ms.to_be_bytes()].concat();
        let left = tickets.left(LEASE, &of(9_000));
        assert!(left <= Duration::from_secs(1) && left > Duration::from_millis(500), "{left:?}");
        assert_eq!(tickets.left(LEASE, &of(7_000)), Duration::ZERO);
        assert!(tickets.left(LEASE, &tickets.ticket()) > Duration::from_secs(1));
    }

    #[test]
    fn no_ticket_that_of_another_process_and_one_of_the_future_give_no_lease() {
        let (tickets, other) = (Tickets::new(), Tickets::new());
        let future = [tickets.process.as_bytes().as_slice(), &u64::MAX.to_be_bytes()].concat();
        for ticket in [&[][..], &[1; 24], &other.ticket(), &future] {
            assert_eq!(tickets.left(LEASE, ticket), Duration::ZERO);
        }
    }
}
