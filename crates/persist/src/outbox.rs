//! The outbox: what must reach a peer is stored in the transaction of what it tells about, and delivered afterwards for as
//! long as it takes. Delivered at least once, in order; the receiver recognises repetitions by an id in the payload.

use std::{future::Future, sync::Arc, time::Duration};

use rusqlite::{Connection, params};
use tokio::{sync::Notify, time};
use tokio_util::sync::CancellationToken;

use crate::{database::Database, error::PersistError, migration::Migration};

/// The table of the outbox. Put it into the list of a service's migrations.
pub const OUTBOX_MIGRATION: Migration = Migration {
    name: "outbox",
    sql: "CREATE TABLE outbox (seq INTEGER PRIMARY KEY AUTOINCREMENT, payload BLOB NOT NULL) STRICT",
};

/// Events of one delivery.
const EVENTS_MAX: usize = 500;
/// Bytes of one delivery; a single larger event still goes, alone.
const BYTES_MAX: usize = 1024 * 1024;
/// First pause after a failure; doubled at each further one.
const BACKOFF_MIN: Duration = Duration::from_millis(100);
/// Longest pause.
const BACKOFF_MAX: Duration = Duration::from_secs(10);
/// The table is looked at this often even if nobody rings.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// An event on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEvent {
    /// Its number: rises with each event, never used again.
    pub seq: i64,
    /// What the service stored.
    pub payload: Vec<u8>,
}

/// Adds an event, in the transaction of the caller. Ring the worker's bell after the commit.
///
/// # Errors
///
/// When SQLite fails.
pub fn enqueue(connection: &Connection, payload: &[u8]) -> Result<(), PersistError> {
    connection.prepare_cached("INSERT INTO outbox (payload) VALUES (?1)")?.execute(params![payload])?;
    Ok(())
}

/// Number of events waiting.
///
/// # Errors
///
/// When SQLite fails.
pub fn waiting(connection: &Connection) -> Result<u64, PersistError> {
    let count: i64 = connection.query_row("SELECT count(*) FROM outbox", [], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or_default())
}

/// Delivers events until cancelled.
pub struct OutboxWorker;

impl OutboxWorker {
    /// Gives `deliver` up to 500 events or 1 MiB at a time, deletes them once it returns `Ok`, and tries again after a
    /// growing pause (at most ten seconds) when it does not. Sleeps until `wake` rings while there is nothing to do.
    pub async fn run<F, D, E>(
        database: Database,
        mut deliver: F,
        cancellation: CancellationToken,
        wake: Arc<Notify>,
    ) where
        F: FnMut(Vec<OutboxEvent>) -> D + Send,
        D: Future<Output = Result<(), E>> + Send,
        E: std::error::Error,
    {
        let mut backoff = BACKOFF_MIN;
        loop {
            let delivered = tokio::select! {
                biased;
                () = cancellation.cancelled() => return,
                delivered = deliver_next(&database, &mut deliver) => delivered,
            };
            match delivered {
                Ok(Progress::Delivered) => backoff = BACKOFF_MIN,
                Ok(Progress::Empty) => {
                    tokio::select! {
                        () = cancellation.cancelled() => return,
                        () = wake.notified() => {}
                        () = time::sleep(LOOK_EVERY) => {}
                    }
                }
                Err(Halted { error }) => {
                    tracing::warn!(
                        error,
                        pause_ms = backoff.as_millis(),
                        "the outbox could not be delivered"
                    );
                    tokio::select! {
                        () = cancellation.cancelled() => return,
                        () = time::sleep(backoff) => {}
                    }
                    backoff = backoff.saturating_mul(2).min(BACKOFF_MAX);
                }
            }
        }
    }
}

enum Progress {
    Delivered,
    Empty,
}

/// Why a round did not finish; only ever logged.
struct Halted {
    error: String,
}

async fn deliver_next<F, D, E>(database: &Database, deliver: &mut F) -> Result<Progress, Halted>
where
    F: FnMut(Vec<OutboxEvent>) -> D,
    D: Future<Output = Result<(), E>>,
    E: std::error::Error,
{
    let events = database.read(oldest).await.map_err(|error: PersistError| halted(&error))?;
    let Some(last) = events.last().map(|event| event.seq) else {
        return Ok(Progress::Empty);
    };
    deliver(events).await.map_err(|error| halted(&error))?;
    // INVARIANT: numbers rise in commit order, so nothing up to `last` can still appear.
    database
        .write(move |connection| forget(connection, last))
        .await
        .map_err(|error: PersistError| halted(&error))?;
    Ok(Progress::Delivered)
}

/// The whole chain of an error on one line.
fn halted(error: &dyn std::error::Error) -> Halted {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    Halted { error: text }
}

fn oldest(connection: &Connection) -> Result<Vec<OutboxEvent>, PersistError> {
    let mut statement = connection.prepare_cached("SELECT seq, payload FROM outbox ORDER BY seq LIMIT ?1")?;
    let mut rows = statement.query([i64::try_from(EVENTS_MAX).unwrap_or(i64::MAX)])?;
    let (mut events, mut bytes) = (Vec::new(), 0_usize);
    while let Some(row) = rows.next()? {
        let event = OutboxEvent { seq: row.get(0)?, payload: row.get(1)? };
        bytes = bytes.saturating_add(event.payload.len());
        if bytes > BYTES_MAX && !events.is_empty() {
            break;
        }
        events.push(event);
    }
    Ok(events)
}

fn forget(connection: &Connection, last: i64) -> Result<(), PersistError> {
    connection.prepare_cached("DELETE FROM outbox WHERE seq <= ?1")?.execute([last])?;
    Ok(())
}
