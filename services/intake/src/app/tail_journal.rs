//! The journal from a position on, without end: in order, nothing skipped, woken by each commit.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

use super::App;
use crate::{error::Error, store::JournalVersion};

/// Content of one piece.
const PIECE_BYTES: usize = 1024 * 1024;
/// Sign of life when nothing is accepted.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// Where a tail stands.
pub(crate) struct Tail {
    app: Arc<App>,
    after: i64,
    head: watch::Receiver<i64>,
}

impl Tail {
    /// A tail behind a position.
    pub(crate) fn after(app: Arc<App>, after: i64) -> Tail {
        let head = app.store.head();
        Tail { app, after, head }
    }

    /// The next piece; empty as a sign of life.
    pub(crate) async fn next(&mut self) -> Result<Vec<JournalVersion>, Error> {
        let after = self.after;
        let more = self.head.wait_for(|head| *head > after);
        match tokio::time::timeout(SIGN_OF_LIFE, more).await {
            Err(_) => return Ok(Vec::new()),
            Ok(Err(_)) => return Err(Error::Draining),
            Ok(Ok(_)) => {}
        }
        // INVARIANT: there is one writer and it gives positions in commit order, so what is read has no gap that could
        // still fill.
        let versions = self.app.store.journal(self.after, PIECE_BYTES).await?;
        if let Some(last) = versions.last() {
            self.after = last.report.position;
        }
        Ok(versions)
    }
}
