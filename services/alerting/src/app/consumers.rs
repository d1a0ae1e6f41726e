//! One stream per consumer: a newer one ends the older and starts where that one stopped, so that two streams never
//! number the same alerts and a client that reconnects need not wait for its lost connection to be noticed.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{OwnedMutexGuard, watch};

use crate::store::ConsumerKey;

/// The consumers with an open stream.
#[derive(Default)]
pub(super) struct Consumers(Mutex<HashMap<ConsumerKey, Consumer>>);

#[derive(Default)]
struct Consumer {
    /// Number of the newest stream.
    newest: watch::Sender<u64>,
    /// Held by the stream that is served.
    turn: Arc<tokio::sync::Mutex<()>>,
}

/// The right to serve a consumer, until it is dropped.
pub(super) struct Turn {
    newest: watch::Receiver<u64>,
    number: u64,
    _held: OwnedMutexGuard<()>,
}

impl Consumers {
    /// Asks the stream that is served now to end, and waits until it has.
    pub(super) async fn take(&self, key: &ConsumerKey) -> Turn {
        let (newest, number, turn) = self.announce(key);
        Turn { newest, number, _held: turn.lock_owned().await }
    }

    fn announce(&self, key: &ConsumerKey) -> (watch::Receiver<u64>, u64, Arc<tokio::sync::Mutex<()>>) {
        let mut consumers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Consumers without a stream go when a new one comes, so the map is bounded by open streams.
        consumers.retain(|_, consumer| consumer.newest.receiver_count() > 0);
        let consumer = consumers.entry(key.clone()).or_default();
        let newest = consumer.newest.subscribe();
        consumer.newest.send_modify(|number| *number += 1);
        let number = *newest.borrow();
        (newest, number, consumer.turn.clone())
    }
}

impl Turn {
    /// Completes when a newer stream of the consumer has opened.
    pub(super) async fn ended(&mut self) {
        let number = self.number;
        // The sender lives as long as this receiver does.
        let _ = self.newest.wait_for(|newest| *newest != number).await;
    }
}
