//! The policy epoch a service may rely on, and for how long.
//!
//! Access grants a lease with each epoch it announces. A service that hears nothing more stops deciding when the lease
//! runs out, which is what lets a revocation be acknowledged without waiting for a service that cannot be reached.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{sync::watch, time::Instant};

/// The lease of one service; clones share it.
#[derive(Debug, Clone)]
pub struct EpochLease(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    epochs: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    epoch: u64,
    valid_until: Option<Instant>,
}

impl Default for EpochLease {
    fn default() -> Self {
        EpochLease::new()
    }
}

impl EpochLease {
    /// No epoch, no lease.
    pub fn new() -> EpochLease {
        let epochs = watch::Sender::new(0);
        EpochLease(Arc::new(Inner { state: Mutex::default(), epochs }))
    }

    /// The highest epoch ever installed, whether or not its lease still runs; 0 before the first.
    pub fn epoch(&self) -> u64 {
        self.state().epoch
    }

    /// The epoch in force; `None` when the lease has run out. Measured on the monotonic clock.
    pub fn current(&self) -> Option<u64> {
        let state = self.state();
        state.valid_until.filter(|until| Instant::now() < *until).map(|_| state.epoch)
    }

    /// Installs an epoch for a time from now. An epoch lower than the installed one is old news and changes nothing.
    pub fn install(&self, epoch: u64, valid_for: Duration) {
        let mut state = self.state();
        if epoch < state.epoch {
            return;
        }
        state.epoch = epoch;
        state.valid_until = Instant::now().checked_add(valid_for);
        // Sent under the lock, so that the watch never shows an older epoch than the state.
        self.0.epochs.send_if_modified(|told| std::mem::replace(told, epoch) != epoch);
    }

    /// Resolves when the epoch is another than at the call of this function (not: at its first poll), so that a caller
    /// who calls it, then reads [`EpochLease::current`], then waits, misses nothing.
    pub fn changed(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut epochs = self.0.epochs.subscribe();
        let keep = self.clone();
        async move {
            // The sender lives in `keep`, so this ends by a change alone.
            let _ = epochs.changed().await;
            drop(keep);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
