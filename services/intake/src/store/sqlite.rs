//! The store on SQLite: one file for the journal, one for the text index. The group commit is `entente-persist`'s.

mod add;
mod candidates;
mod intern;
mod plan;
mod reports;
#[cfg(test)]
mod tests;
mod text;

use std::{
    path::Path,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    task::Poll,
};

use async_trait::async_trait;
use entente_persist::{Database, DatabaseConfig, Durability, Migration, PersistError, outbox};
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::watch;

use self::{add::Added, plan::LabelCounts};
use super::{
    AuditItem, Extent, InternedLabel, JournalVersion, LabelReference, NewBatch, Outcome, Page, PublicKey,
    Query, Store, TextTerm,
};
use crate::error::Error;

const MIGRATIONS: [Migration; 2] = [
    Migration { name: "0001_reports", sql: include_str!("../../migrations/sqlite/0001_reports.sql") },
    outbox::OUTBOX_MIGRATION,
];
const TEXT_MIGRATIONS: [Migration; 1] =
    [Migration { name: "0001_text", sql: include_str!("../../migrations/sqlite/0001_text.sql") }];

/// Page caches, KiB: the tree behind `version_by_report` is written all over, so it should fit.
const WRITER_CACHE_KIB: u32 = 48 * 1024;
const READER_CACHE_KIB: u32 = 8 * 1024;
const TEXT_WRITER_CACHE_KIB: u32 = 8 * 1024;
/// An object of a kilobyte and a half leaves much of a small page empty: writing at 16 KiB costs a third less than at 4.
const PAGE_BYTES: u32 = 16 * 1024;
/// Pages in the WAL from which a commit checkpoints, 64 MiB: a page of the index is then written back once for many
/// commits.
const WAL_PAGES_MAX: u32 = 4 * 1024;
/// Answers forgotten in one transaction.
const FORGET_MAX: i64 = 10_000;

/// The SQLite store.
#[derive(Clone)]
pub(crate) struct SqliteStore {
    database: Database,
    text: Database,
    shared: Arc<Shared>,
}

/// What is known without asking a file.
struct Shared {
    head: watch::Sender<i64>,
    indexed: watch::Sender<i64>,
    labels: RwLock<LabelCounts>,
}

impl SqliteStore {
    /// Opens or creates the files in a folder.
    pub(crate) async fn open(folder: &Path) -> Result<SqliteStore, Error> {
        let config = DatabaseConfig {
            writer_cache_kib: WRITER_CACHE_KIB,
            reader_cache_kib: READER_CACHE_KIB,
            page_bytes: PAGE_BYTES,
            wal_pages_max: WAL_PAGES_MAX,
            ..DatabaseConfig::at(folder.join("intake.sqlite"))
        };
        let text_config = DatabaseConfig {
            durability: Durability::Checkpoint,
            readers: 2,
            writer_cache_kib: TEXT_WRITER_CACHE_KIB,
            ..DatabaseConfig::at(folder.join("text.sqlite"))
        };
        let database = Database::open(config, &MIGRATIONS)?;
        let text = Database::open(text_config, &TEXT_MIGRATIONS)?;
        let (head, labels) = database
            .read(|connection| Ok::<_, Error>((add::head(connection)?, LabelCounts::load(connection)?)))
            .await?;
        let indexed = text.read(text::reached).await?;
        let shared = Shared {
            head: watch::Sender::new(head),
            indexed: watch::Sender::new(indexed),
            labels: RwLock::new(labels),
        };
        Ok(SqliteStore { database, text, shared: Arc::new(shared) })
    }

    /// The database of the journal, for the outbox worker.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }

    /// Runs a read that gives up once nobody waits for it.
    async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection, &Waiting) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let gone = Arc::new(AtomicBool::new(false));
        let _leaving = Leaving(gone.clone());
        self.database.read(move |connection| work(connection, &Waiting(gone))).await
    }
}

/// Sets the flag when the future that waits is dropped.
struct Leaving(Arc<AtomicBool>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Tells a long read whether its caller still waits.
pub(super) struct Waiting(Arc<AtomicBool>);

impl Waiting {
    fn check(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Relaxed) { Err(Error::Abandoned) } else { Ok(()) }
    }
}

impl Shared {
    /// What a commit changed, before its caller hears of it.
    fn committed(&self, added: &Added) {
        self.labels.write().unwrap_or_else(PoisonError::into_inner).add(&added.label_rows);
        self.head.send_if_modified(|head| raise(head, added.last_position));
    }
}

fn raise(position: &mut i64, to: i64) -> bool {
    let higher = to > *position;
    if higher {
        *position = to;
    }
    higher
}

#[async_trait]
impl Store for SqliteStore {
    async fn add_batch(&self, batch: NewBatch) -> Result<Vec<Outcome>, Error> {
        let (database, shared) = (self.database.clone(), self.shared.clone());
        let mut write = Box::pin(async move {
            let added = database.write(move |connection| add::batch(connection, &batch)).await?;
            shared.committed(&added);
            Ok(added.outcomes)
        });
        // The first poll queues the write, so that the order of calls is the order of positions. A task of its own takes
        // over from there: a caller that goes away must not keep the tail from hearing of the commit.
        if let Poll::Ready(done) = futures::poll!(write.as_mut()) {
            return done;
        }
        tokio::spawn(write).await.map_err(Error::Task)?
    }

    fn head(&self) -> watch::Receiver<i64> {
        self.shared.head.subscribe()
    }

    fn labels_upto(&self) -> u32 {
        self.shared.labels.read().unwrap_or_else(PoisonError::into_inner).upto()
    }

    async fn labels_after(
        &self,
        realm: &str,
        names_persons: bool,
        after: u32,
        limit: usize,
    ) -> Result<Vec<InternedLabel>, Error> {
        let realm = realm.to_owned();
        self.read(move |connection, _| labels_after(connection, &realm, names_persons, after, limit)).await
    }

    async fn page(&self, query: Query, extent: Extent) -> Result<Page, Error> {
        let few = self.few_visible(&query);
        self.read(move |connection, waiting| reports::page(connection, waiting, &query, (few, extent))).await
    }

    async fn count(&self, query: Query) -> Result<u64, Error> {
        let few = self.few_visible(&query);
        self.read(move |connection, waiting| reports::count(connection, waiting, &query, few)).await
    }

    async fn journal(&self, after: i64, bytes_max: usize) -> Result<Vec<JournalVersion>, Error> {
        self.read(move |connection, _| reports::journal(connection, after, bytes_max)).await
    }

    async fn public_keys(&self, key_ids: Vec<String>) -> Result<Vec<Option<PublicKey>>, Error> {
        self.read(move |connection, _| key_ids.iter().map(|key_id| public_key(connection, key_id)).collect())
            .await
    }

    async fn audit_items(&self, first: i64, last: i64) -> Result<Vec<AuditItem>, Error> {
        self.read(move |connection, _| audit_items(connection, first, last)).await
    }

    async fn forget_requests(&self, before_ms: i64) -> Result<usize, Error> {
        self.database
            .write(move |connection| {
                let forgotten = connection.execute(
                    "DELETE FROM request WHERE (submitter_no, request_id) IN
                         (SELECT submitter_no, request_id FROM request WHERE add_time_ms < ?1 LIMIT ?2)",
                    params![before_ms, FORGET_MAX],
                )?;
                Ok(forgotten)
            })
            .await
    }

    fn indexed(&self) -> watch::Receiver<i64> {
        self.shared.indexed.subscribe()
    }

    async fn index_texts(&self, texts: Vec<(i64, String)>, upto: i64) -> Result<(), Error> {
        self.text.write(move |connection| text::add(connection, &texts, upto)).await?;
        self.shared.indexed.send_if_modified(|indexed| raise(indexed, upto));
        Ok(())
    }

    async fn text_matches(&self, terms: &[TextTerm], upto: i64, limit: usize) -> Result<Vec<i64>, Error> {
        let expression = text::expression(terms);
        self.text.read(move |connection| text::matches(connection, &expression, upto, limit)).await
    }
}

impl SqliteStore {
    /// The labels to merge over when the reader may see little; `None` when scanning the journal is cheaper.
    fn few_visible(&self, query: &Query) -> Option<Vec<u32>> {
        self.shared.labels.read().unwrap_or_else(PoisonError::into_inner).few(&query.allowed)
    }
}

fn labels_after(
    connection: &Connection,
    realm: &str,
    names_persons: bool,
    after: u32,
    limit: usize,
) -> Result<Vec<InternedLabel>, Error> {
    let Some(realm_no) = intern::find_word(connection, realm)? else { return Ok(Vec::new()) };
    let mut statement = connection.prepare_cached(
        "SELECT label_no, line, hash FROM label
         WHERE label_no > ?1 AND realm_no = ?2 AND names_persons = ?3 ORDER BY label_no LIMIT ?4",
    )?;
    let rows = statement.query_map(params![after, realm_no, names_persons, sql_limit(limit)], |row| {
        let label = LabelReference { line: row.get(1)?, hash: row.get(2)? };
        Ok(InternedLabel { label_no: row.get(0)?, label })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

fn public_key(connection: &Connection, key_id: &str) -> Result<Option<PublicKey>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT word.text, signing_key.public_key FROM signing_key JOIN word ON word_no = originator_no
         WHERE key_id = ?1",
    )?;
    let found = statement
        .query_row([key_id], |row| Ok(PublicKey { originator: row.get(0)?, ed25519: row.get(1)? }))
        .optional()?;
    Ok(found)
}

fn audit_items(connection: &Connection, first: i64, last: i64) -> Result<Vec<AuditItem>, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT version.report_id, version.version, dated_label.hash, word.text
         FROM version
         JOIN dated_label USING (dated_label_no)
         JOIN word ON word.word_no = version.originator_no
         WHERE version.position BETWEEN ?1 AND ?2 ORDER BY version.position",
    )?;
    let rows = statement.query_map([first, last], |row| {
        Ok(AuditItem {
            object_id: row.get(0)?,
            version: row.get(1)?,
            label_hash: row.get(2)?,
            originator: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A limit as SQL takes it.
fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Error {
        Error::Store(PersistError::from(error))
    }
}
