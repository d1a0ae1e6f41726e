//! The store on SQLite. Each method is one statement or one transaction; the group commit is `entente-persist`'s.

mod alerts;
mod cursors;
mod interests;
mod rows;

use async_trait::async_trait;
use entente_persist::{Database, DatabaseConfig, Migration, PersistError, outbox};
use rusqlite::Connection;

use super::{
    AuditEvent, ConsumerKey, Created, Cursor, Interest, NewAlert, NewInterest, Standing, Store, StoredAlert,
};
use crate::error::Error;

const MIGRATIONS: [Migration; 2] = [
    Migration { name: "0001_alerts", sql: include_str!("../../migrations/sqlite/0001_alerts.sql") },
    outbox::OUTBOX_MIGRATION,
];

/// The SQLite store.
#[derive(Clone)]
pub(crate) struct SqliteStore {
    database: Database,
}

impl SqliteStore {
    /// Opens or creates the file.
    pub(crate) fn open(config: DatabaseConfig) -> Result<SqliteStore, PersistError> {
        Ok(SqliteStore { database: Database::open(config, &MIGRATIONS)? })
    }

    /// The database, for the outbox worker.
    pub(crate) fn database(&self) -> &Database {
        &self.database
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn create_interest(&self, new: NewInterest) -> Result<Created, Error> {
        self.database.write(move |connection| interests::create(connection, &new)).await
    }

    async fn delete_interest(
        &self,
        holder: &Standing,
        interest_id: &str,
        now_ms: i64,
        event: AuditEvent,
    ) -> Result<bool, Error> {
        let (holder, interest_id) = (holder.clone(), interest_id.to_owned());
        self.database
            .write(move |connection| interests::delete(connection, &holder, &interest_id, now_ms, &event))
            .await
    }

    async fn list_interests(
        &self,
        holder: &Standing,
        after: i64,
        limit: usize,
    ) -> Result<Vec<Interest>, Error> {
        let holder = holder.clone();
        self.database.read(move |connection| interests::of_holder(connection, &holder, after, limit)).await
    }

    async fn all_interests(&self, after: i64, limit: usize) -> Result<Vec<Interest>, Error> {
        self.database.read(move |connection| interests::all(connection, after, limit)).await
    }

    async fn progress(&self) -> Result<i64, Error> {
        self.database.read(alerts::progress).await
    }

    async fn add_alerts(&self, alerts: Vec<NewAlert>, position: i64) -> Result<(), Error> {
        self.database.write(move |connection| alerts::add(connection, &alerts, position)).await
    }

    async fn release_held(&self, today: i32) -> Result<Vec<(String, String)>, Error> {
        // Asked first without writing: on nearly every call there is nothing to do.
        let holders = self.database.read(move |connection| alerts::due(connection, today)).await?;
        if !holders.is_empty() {
            self.database.write(move |connection| alerts::release(connection, today)).await?;
        }
        Ok(holders)
    }

    async fn open_cursor(&self, key: &ConsumerKey, from_now: bool, holder_max: u64) -> Result<Cursor, Error> {
        let key = key.clone();
        self.database.write(move |connection| cursors::open(connection, &key, from_now, holder_max)).await
    }

    async fn move_cursor(&self, key: &ConsumerKey, cursor: Cursor) -> Result<(), Error> {
        let key = key.clone();
        self.database.write(move |connection| cursors::advance(connection, &key, cursor)).await
    }

    async fn alerts_after(
        &self,
        realm: &str,
        subject_id: &str,
        after: i64,
        limit: usize,
    ) -> Result<Vec<StoredAlert>, Error> {
        let (realm, subject_id) = (realm.to_owned(), subject_id.to_owned());
        self.database
            .read(move |connection| alerts::after(connection, &realm, &subject_id, after, limit))
            .await
    }

    async fn alert(&self, holder: &Standing, alert_id: &str) -> Result<Option<StoredAlert>, Error> {
        let (holder, alert_id) = (holder.clone(), alert_id.to_owned());
        self.database.read(move |connection| alerts::one(connection, &holder, &alert_id)).await
    }

    async fn acknowledge(
        &self,
        holder: &Standing,
        alert_id: &str,
        note: &str,
        event: AuditEvent,
    ) -> Result<Option<i64>, Error> {
        let (holder, alert_id, note) = (holder.clone(), alert_id.to_owned(), note.to_owned());
        self.database
            .write(move |connection| alerts::acknowledge(connection, &holder, &alert_id, &note, &event))
            .await
    }
}

/// Puts an event into the outbox, in the transaction of what it records.
fn record(connection: &Connection, event: &AuditEvent) -> Result<(), Error> {
    let bytes =
        serde_json::to_vec(event).map_err(|source| Error::Stored { what: "an audit event", source })?;
    outbox::enqueue(connection, &bytes)?;
    Ok(())
}
