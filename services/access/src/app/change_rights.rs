//! A change of rights: committed with its epoch, in force here at once, and answered when it is in force everywhere.

use std::{future::Future, sync::Arc};

use tokio::sync::oneshot;

use super::{App, InForce};
use crate::error::Error;

impl App {
    /// Commits a change, puts it in force, and returns when no service relies on the epoch before any more: each lease
    /// holder has installed `epoch_of` the outcome, or its lease has run out.
    ///
    /// Once begun, a change is carried through even if its caller goes: between commit and publication nobody may stop
    /// it, or rights would be stored that no decision follows.
    pub(super) async fn change<T, F>(self: &Arc<Self>, commit: F, epoch_of: fn(&T) -> u64) -> Result<T, Error>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let app = self.clone();
        self.tasks.spawn("change of rights", async move {
            // A caller who has gone needs no answer.
            let _ = answer.send(app.commit_and_publish(commit).await);
        });
        let outcome = answered.await.map_err(|_| Error::ChangeBrokenOff)??;
        self.leases.settled(epoch_of(&outcome)).await;
        Ok(outcome)
    }

    async fn commit_and_publish<T, F>(&self, commit: F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>> + Send,
    {
        let _turn = self.changing.lock().await;
        let outcome = commit.await;
        if outcome.as_ref().err().is_none_or(leaves_doubt) {
            self.reload().await?;
            self.outbox_wake.notify_one();
        }
        outcome
    }

    /// Reads the registry anew and puts it in force. If that fails, nothing is in force: no decision is made and no
    /// lease granted until it succeeds.
    pub(crate) async fn reload(&self) -> Result<(), Error> {
        let earlier = self.in_force.load_full();
        let stored = self.store.load_registry().await;
        match stored.and_then(|stored| InForce::build(stored, earlier.as_deref())) {
            Ok(registry) => {
                let epoch = registry.epoch();
                // INVARIANT (I3): decisions follow the new rights before anyone hears of the new epoch. A service that
                // has installed an epoch must not be answered under rights from before it.
                self.in_force.store(Some(Arc::new(registry)));
                self.leases.publish(Some(epoch));
                Ok(())
            }
            Err(error) => {
                self.in_force.store(None);
                self.leases.publish(None);
                Err(error)
            }
        }
    }

    /// Tries again to learn what is in force, in turn with changes.
    pub(crate) async fn reload_if_unknown(&self) -> Result<(), Error> {
        let _turn = self.changing.lock().await;
        if self.is_unknown() { self.reload().await } else { Ok(()) }
    }
}

/// Whether the store may have committed although it answered with this error.
fn leaves_doubt(error: &Error) -> bool {
    matches!(error, Error::Store(_))
}
