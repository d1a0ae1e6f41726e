//! Follows intake's journal: every piece is matched as it comes, and the position is kept.

use std::{sync::Arc, time::Duration};

use entente_chassis::tasks::TaskGroup;
use futures::StreamExt;
use tokio::time::{Instant, timeout};

use super::RETRY_PAUSE;
use crate::{
    app::App,
    error::Error,
    peers::{Journal, JournalVersion, PeerError},
};

/// Silence after which the journal's connection is taken for broken: intake gives a sign of life every five seconds.
const SILENCE_MAX: Duration = Duration::from_secs(20);
/// A position at which no alert was made is stored at this pace: what a crash works on again, to no effect.
const STORE_POSITION_EVERY: Duration = Duration::from_secs(1);

/// How far the journal is worked on, and how far the store knows of it.
struct Reached {
    position: i64,
    stored: i64,
    stored_at: Instant,
}

/// Follows the journal until the group is cancelled.
pub(super) async fn follow(app: Arc<App>, journal: Arc<dyn Journal>, tasks: TaskGroup) {
    let mut reached = loop {
        match app.store.progress().await {
            Ok(position) => break Reached { position, stored: position, stored_at: Instant::now() },
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                "the journal position cannot be read"
            ),
        }
        if tasks.pause(RETRY_PAUSE).await.is_none() {
            return;
        }
    };
    while let Some(ended) = tasks.until_cancelled(tail(&app, journal.as_ref(), &mut reached)).await {
        match ended {
            // Peers come up when they do; a peer that answers nonsense is another matter.
            Err(Error::Journal(PeerError::Unavailable(_)) | Error::NoLease | Error::Access(_)) | Ok(()) => {
                tracing::debug!(position = reached.position, "the journal broke off");
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    position = reached.position,
                    "the journal broke off"
                );
            }
        }
        if tasks.pause(RETRY_PAUSE).await.is_none() {
            break;
        }
    }
    if let Err(error) = reached.store(&app).await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the journal position could not be stored");
    }
}

/// Works on pieces until something fails. A piece that could not be matched whole (access away, say) is asked for again.
async fn tail(app: &App, journal: &dyn Journal, reached: &mut Reached) -> Result<(), Error> {
    let mut pieces = journal.tail(reached.position).await.map_err(Error::Journal)?;
    loop {
        let silent = |_| Error::Journal(PeerError::Unavailable("the journal fell silent".to_owned()));
        let Some(piece) = timeout(SILENCE_MAX, pieces.next()).await.map_err(silent)? else { return Ok(()) };
        let versions = piece.map_err(Error::Journal)?;
        app.release_held_if_due().await?;
        reached.work_on(app, &versions).await?;
    }
}

impl Reached {
    async fn work_on(&mut self, app: &App, versions: &[JournalVersion]) -> Result<(), Error> {
        if let Some(stored) = app.match_versions(versions).await? {
            self.stored = stored;
            self.stored_at = Instant::now();
        }
        if let Some(last) = versions.last() {
            self.position = last.position;
        }
        if self.stored_at.elapsed() >= STORE_POSITION_EVERY { self.store(app).await } else { Ok(()) }
    }

    async fn store(&mut self, app: &App) -> Result<(), Error> {
        if self.stored < self.position {
            app.store.add_alerts(Vec::new(), self.position).await?;
            self.stored = self.position;
        }
        self.stored_at = Instant::now();
        Ok(())
    }
}
