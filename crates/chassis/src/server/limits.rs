//! How much is served at once. What exceeds it is refused at once and cheaply: waiting would only make everybody late.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::sync::Notify;

use super::ServerConfig;

/// The limits of one server.
#[derive(Clone)]
pub(super) struct Limits {
    /// Unary calls.
    pub(super) calls: Limit,
    /// Streams, which stay open for long and so must not use up the places of calls.
    pub(super) streams: Limit,
}

impl Limits {
    pub(super) fn new(config: &ServerConfig) -> Limits {
        Limits { calls: Limit::new(config.calls_max), streams: Limit::new(config.streams_max) }
    }
}

/// A number of places.
#[derive(Clone)]
pub(super) struct Limit {
    most: usize,
    taken: Arc<Taken>,
}

struct Taken {
    count: AtomicUsize,
    none: Notify,
}

impl Limit {
    fn new(most: usize) -> Limit {
        Limit { most, taken: Arc::new(Taken { count: AtomicUsize::new(0), none: Notify::new() }) }
    }

    /// A place, if one is free.
    pub(super) fn take(&self) -> Option<Place> {
        let before = self.taken.count.fetch_add(1, Ordering::AcqRel);
        let place = Place(self.taken.clone());
        // One too many gives its place back by being dropped.
        (before < self.most).then_some(place)
    }

    /// Waits until no place is taken.
    pub(super) async fn none_taken(&self) {
        loop {
            let freed = self.taken.none.notified();
            if self.taken.count.load(Ordering::Acquire) == 0 {
                return;
            }
            freed.await;
        }
    }
}

/// A place taken; dropping it frees it.
pub(super) struct Place(Arc<Taken>);

impl Drop for Place {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_place_given_back_can_be_taken_again() {
        let limit = Limit::new(2);
        let (first, second) = (limit.take(), limit.take());
        assert!(first.is_some() && second.is_some() && limit.take().is_none());
        drop(first);
        let third = limit.take();
        assert!(third.is_some());
        drop((second, third));
        limit.none_taken().await;
    }
}
