//! One epoch watch: a service asks, is granted the epoch in force for one lease, installs it, and asks again.
//!
//! Each answer belongs to one request, and the service counts its lease from the moment it sent that request. So nothing
//! that delays an answer can lengthen a lease.

use std::{sync::Arc, time::Duration};

use entente_chassis::call::Call;
use entente_proto::access::v1::{WatchEpochRequest, WatchEpochResponse};
use futures::{Stream, StreamExt, stream};
use tokio::{sync::watch::Receiver, time::sleep};
use tokio_util::sync::CancellationToken;
use tonic::{Status, Streaming};

use super::refuse;
use crate::{
    app::{App, Held},
    error::Error,
};

/// An open watch.
pub(super) struct Watch {
    app: Arc<App>,
    call: Call,
    draining: CancellationToken,
    requests: Streaming<WatchEpochRequest>,
    held: Held,
    changes: Receiver<u64>,
    first: bool,
}

impl Watch {
    /// A watch that has granted nothing yet.
    pub(super) fn new(
        app: Arc<App>,
        call: Call,
        draining: CancellationToken,
        requests: Streaming<WatchEpochRequest>,
    ) -> Watch {
        let (held, changes) = (app.leases.join(), app.leases.changes());
        Watch { app, call, draining, requests, held, changes, first: true }
    }

    /// Serves the watch until the client goes or the service drains. It does its work while it is read, in no task of its
    /// own.
    pub(super) fn run(self) -> impl Stream<Item = Result<WatchEpochResponse, Status>> {
        stream::unfold(Some(self), |watch| async move {
            let mut watch = watch?;
            match watch.next().await {
                Ok(Some(grant)) => Some((Ok(grant), Some(watch))),
                Ok(None) => None,
                Err(error) => Some((Err(refuse(&watch.call, &error)), None)),
            }
        })
    }

    /// The next grant: at once for the first request and when the epoch changes, otherwise when it is time to renew.
    async fn next(&mut self) -> Result<Option<WatchEpochResponse>, Error> {
        let request = tokio::select! {
            request = self.requests.next() => request,
            () = self.draining.cancelled() => return Err(Error::Draining),
        };
        let Some(Ok(request)) = request else {
            return Ok(None);
        };
        self.held.acknowledge(request.installed_epoch);
        if !self.first {
            self.pause(self.app.leases.renew_every()).await?;
        }
        self.first = false;
        loop {
            // Marked as seen before the grant: an epoch published in between is granted now or wakes the next pause.
            self.changes.mark_unchanged();
            if let Some(epoch) = self.held.grant() {
                let lease = prost_types::Duration::try_from(self.app.leases.lease()).ok();
                return Ok(Some(WatchEpochResponse { epoch, lease }));
            }
            self.pause(Duration::MAX).await?;
        }
    }

    async fn pause(&mut self, longest: Duration) -> Result<(), Error> {
        tokio::select! {
            () = sleep(longest) => Ok(()),
            // The sender lives in the app, which lives here.
            _ = self.changes.changed() => Ok(()),
            () = self.draining.cancelled() => Err(Error::Draining),
        }
    }
}
