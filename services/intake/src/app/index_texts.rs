//! Brings the text index up to the journal: in journal order, by a worker, so that submissions do not wait for it.

use std::time::Duration;

use entente_stix::{json::Document, object::search_text};

use super::{App, prepare_batch::TEXT_TYPE};
use crate::{error::Error, store::JournalVersion};

/// Content read and indexed in one transaction.
const PIECE_BYTES: usize = 4 * 1024 * 1024;
/// While versions keep coming at shorter intervals than this, other work waits: their latency comes first.
const QUIET: Duration = Duration::from_millis(50);
/// Versions that may wait for quiet: a burst is taken in first and indexed afterwards. A search waits for no quiet.
const WAITING_MAX: i64 = 100_000;

impl App {
    /// Waits until there is something to index and the time is right.
    pub(crate) async fn index_wanted(&self) -> Result<(), Error> {
        let indexed = *self.store.indexed().borrow();
        let mut head = self.store.head();
        head.wait_for(|head| *head > indexed).await.map_err(|_| Error::Draining)?;
        let too_many = head.wait_for(|head| head.saturating_sub(indexed) > WAITING_MAX);
        let mut searched = self.searched_upto.subscribe();
        tokio::select! {
            () = self.quiet() => Ok(()),
            wanted = searched.wait_for(|searched| *searched > indexed) => wanted.map(|_| ()).map_err(|_| Error::Draining),
            many = too_many => many.map(|_| ()).map_err(|_| Error::Draining),
        }
    }

    /// Indexes until nothing is left, or until more is accepted that no search waits for.
    pub(crate) async fn index_texts(&self) -> Result<(), Error> {
        let head = self.store.head();
        while self.index_piece().await? {
            let waits = *self.searched_upto.borrow() > *self.store.indexed().borrow();
            if head.has_changed().unwrap_or(true) && !waits {
                break;
            }
        }
        Ok(())
    }

    /// Returns once nothing has been accepted for a moment.
    pub(crate) async fn quiet(&self) {
        let mut head = self.store.head();
        head.mark_unchanged();
        while let Ok(Ok(())) = tokio::time::timeout(QUIET, head.changed()).await {}
    }

    /// Indexes one piece of the journal; false when there is nothing left.
    #[tracing::instrument(skip_all)]
    async fn index_piece(&self) -> Result<bool, Error> {
        let indexed = *self.store.indexed().borrow();
        let versions = self.store.journal(indexed, PIECE_BYTES).await?;
        let Some(last) = versions.last().map(|version| version.report.position) else { return Ok(false) };
        let read = tokio::task::spawn_blocking(move || versions.iter().map(text).collect());
        let texts: Vec<(i64, String)> = read.await.map_err(Error::Task)?;
        self.store.index_texts(texts, last).await?;
        Ok(true)
    }
}

/// The text of a version, by position.
fn text(version: &JournalVersion) -> (i64, String) {
    let report = &version.report;
    let text = if *report.report_type == *TEXT_TYPE {
        format!("{}\n{}", report.title, String::from_utf8_lossy(&report.content))
    } else {
        // Intake refuses what does not parse, so there is always a document.
        Document::parse(&report.content).map(|document| search_text(&document)).unwrap_or_default()
    };
    (report.position, text)
}
