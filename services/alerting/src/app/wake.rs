//! Wakes the open streams of a holder when an alert of theirs is stored, and nobody else's.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use tokio::sync::watch;

/// A bell per holder with an open stream. A stream that is busy while it rings finds it rung afterwards.
#[derive(Default)]
pub(super) struct Wake(Mutex<HashMap<(String, String), watch::Sender<()>>>);

impl Wake {
    /// The bell of a holder; it lives as long as a stream holds it.
    pub(super) fn bell(&self, realm: &str, subject_id: &str) -> watch::Receiver<()> {
        let mut bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Bells of ended streams go when a new one comes, so the map is bounded by open streams.
        bells.retain(|_, bell| bell.receiver_count() > 0);
        bells.entry((realm.to_owned(), subject_id.to_owned())).or_default().subscribe()
    }

    /// Rings for a holder.
    pub(super) fn ring(&self, realm: &str, subject_id: &str) {
        let bells = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bell) = bells.get(&(realm.to_owned(), subject_id.to_owned())) {
            bell.send_replace(());
        }
    }
}
