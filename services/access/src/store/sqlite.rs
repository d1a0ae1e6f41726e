//! The store on SQLite. Each method is one transaction; the group commit is `entente-persist`'s.

mod dictionary;
mod policies;
mod resource;

use std::collections::BTreeSet;

use async_trait::async_trait;
use entente_persist::{Database, DatabaseConfig, Migration, PersistError, outbox};
use rusqlite::{Connection, params};

use self::resource::{Resource, etag_of};
use super::{
    AuditEvent, Change, Changed, LabelRow, OperationRow, PartnerRow, PolicySetRow, Store, StoredRegistry,
    SubjectRow,
};
use crate::error::{Error, FieldFault};

const MIGRATIONS: [Migration; 3] = [
    Migration { name: "0001_registry", sql: include_str!("../../migrations/sqlite/0001_registry.sql") },
    outbox::OUTBOX_MIGRATION,
    Migration { name: "0002_policies", sql: include_str!("../../migrations/sqlite/0002_policies.sql") },
];

/// The SQLite store.
#[derive(Clone)]
pub struct SqliteStore {
    database: Database,
}

impl SqliteStore {
    /// Opens or creates the file.
    ///
    /// # Errors
    /// When the file cannot be opened, or is of a newer version.
    pub fn open(config: DatabaseConfig) -> Result<SqliteStore, PersistError> {
        Ok(SqliteStore { database: Database::open(config, &MIGRATIONS)? })
    }

    /// The database, for the outbox worker.
    pub fn database(&self) -> &Database {
        &self.database
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn load_registry(&self) -> Result<StoredRegistry, Error> {
        self.database.read(load_registry).await
    }

    async fn import_registry(&self, registry: StoredRegistry, event: AuditEvent) -> Result<bool, Error> {
        self.database.write(move |connection| import_registry(connection, &registry, event.clone())).await
    }

    async fn put_partner(&self, change: Change<PartnerRow>) -> Result<Changed<PartnerRow>, Error> {
        self.database.write(move |connection| put(connection, &change)).await
    }

    async fn put_subject(&self, change: Change<SubjectRow>) -> Result<Changed<SubjectRow>, Error> {
        self.database
            .write(move |connection| {
                check_person(connection, &change.resource)?;
                put(connection, &change)
            })
            .await
    }

    async fn put_operation(&self, change: Change<OperationRow>) -> Result<Changed<OperationRow>, Error> {
        self.database.write(move |connection| put(connection, &change)).await
    }

    async fn suspend_subject(&self, subject_id: &str, event: AuditEvent) -> Result<u64, Error> {
        let subject_id = subject_id.to_owned();
        self.database.write(move |connection| suspend_subject(connection, &subject_id, event.clone())).await
    }

    async fn intern_labels(&self, labels: Vec<LabelRow>) -> Result<(), Error> {
        self.database.write(move |connection| dictionary::intern(connection, &labels)).await
    }

    async fn lines_by_hash(&self, hashes: Vec<[u8; 32]>) -> Result<Vec<Option<String>>, Error> {
        self.database.read(move |connection| dictionary::lines_by_hash(connection, &hashes)).await
    }

    async fn record(&self, event: AuditEvent) -> Result<(), Error> {
        self.database.write(move |connection| enqueue(connection, &event)).await
    }

    async fn forget_answers(&self, time_ms: i64) -> Result<(), Error> {
        self.database
            .write(move |connection| {
                connection
                    .execute("DELETE FROM request_answer WHERE time_ms < ?1", [time_ms])
                    .map_err(PersistError::from)?;
                Ok(())
            })
            .await
    }
}

fn load_registry(connection: &Connection) -> Result<StoredRegistry, Error> {
    Ok(StoredRegistry {
        epoch: epoch(connection)?,
        realms: realms(connection)?,
        partners: resource::all::<PartnerRow>(connection)?,
        subjects: resource::all::<SubjectRow>(connection)?,
        operations: resource::all::<OperationRow>(connection)?,
        policies: resource::all::<PolicySetRow>(connection)?.pop(),
    })
}

fn epoch(connection: &Connection) -> Result<u64, Error> {
    let epoch: i64 = connection
        .query_row("SELECT epoch FROM policy_epoch", [], |row| row.get(0))
        .map_err(PersistError::from)?;
    Ok(u64::try_from(epoch).unwrap_or_default())
}

fn realms(connection: &Connection) -> Result<BTreeSet<String>, Error> {
    let read = || {
        let mut statement = connection.prepare_cached("SELECT realm FROM realm")?;
        statement.query_map([], |row| row.get(0))?.collect::<rusqlite::Result<BTreeSet<String>>>()
    };
    Ok(read().map_err(PersistError::from)?)
}

/// Raises the epoch and notes what it changed.
///
/// INVARIANT: called in the transaction of the change itself. Between a change and its epoch a watcher could otherwise
/// install an epoch whose rights it has not seen.
fn raise_epoch(connection: &Connection, kind: &str, resource_id: &str, time_ms: i64) -> Result<u64, Error> {
    let raised: i64 = connection
        .query_row("UPDATE policy_epoch SET epoch = epoch + 1 RETURNING epoch", [], |row| row.get(0))
        .map_err(PersistError::from)?;
    connection
        .execute(
            "INSERT INTO epoch_log (epoch, kind, resource_id, time_ms) VALUES (?1, ?2, ?3, ?4)",
            params![raised, kind, resource_id, time_ms],
        )
        .map_err(PersistError::from)?;
    Ok(u64::try_from(raised).unwrap_or_default())
}

/// Adds or replaces a resource, with the epoch, the record for audit and the answer to the request.
///
/// INVARIANT: all of it in one transaction. Otherwise a crash could leave rights in force that no epoch announces and
/// no record shows.
fn put<T: Resource>(connection: &Connection, change: &Change<T>) -> Result<Changed<T>, Error> {
    if let Some(earlier) = resource::earlier_answer(connection, &change.request)? {
        return Ok(earlier);
    }
    resource::check_etag(connection, &change.resource, &change.expected_etag)?;
    let epoch = raise_epoch(connection, T::KIND, change.resource.id(), change.event.occur_time_ms)?;
    let mut stored = change.resource.clone();
    stored.set_etag(etag_of(epoch));
    let body = resource::to_json(&stored)?;
    stored.upsert(connection, &body).map_err(PersistError::from)?;
    resource::keep_answer(connection, &change.request, (&body, epoch, change.event.occur_time_ms))?;
    enqueue_change(connection, change.event.clone(), epoch)?;
    Ok(Changed { resource: stored, epoch })
}

/// A person token names one person: two subjects whose names differ in case only would share it.
fn check_person(connection: &Connection, subject: &SubjectRow) -> Result<(), Error> {
    let taken: bool = connection
        .query_row(
            "SELECT EXISTS (SELECT 1 FROM subject WHERE person = ?1 AND subject_id <> ?2)",
            params![subject.person, subject.subject_id],
            |row| row.get(0),
        )
        .map_err(PersistError::from)?;
    if !taken {
        return Ok(());
    }
    let what_to_do = "another subject of that name exists, but for upper and lower case; choose another name";
    Err(Error::Fields(vec![FieldFault::new("subject.subject_id", what_to_do)]))
}

fn suspend_subject(connection: &Connection, subject_id: &str, event: AuditEvent) -> Result<u64, Error> {
    let Some(mut subject) = resource::one::<SubjectRow>(connection, subject_id)? else {
        return Err(Error::NotFound(subject_id.to_owned()));
    };
    if !subject.active {
        return epoch(connection);
    }
    let raised = raise_epoch(connection, "suspension", subject_id, event.occur_time_ms)?;
    subject.active = false;
    subject.set_etag(etag_of(raised));
    let body = resource::to_json(&subject)?;
    subject.upsert(connection, &body).map_err(PersistError::from)?;
    enqueue_change(connection, event, raised)?;
    Ok(raised)
}

fn import_registry(
    connection: &Connection,
    registry: &StoredRegistry,
    event: AuditEvent,
) -> Result<bool, Error> {
    let filled: bool = connection
        .query_row("SELECT EXISTS (SELECT 1 FROM partner)", [], |row| row.get(0))
        .map_err(PersistError::from)?;
    if filled {
        return Ok(false);
    }
    let raised = raise_epoch(connection, "import", "registry", event.occur_time_ms)?;
    for realm in &registry.realms {
        connection
            .execute("INSERT OR IGNORE INTO realm (realm) VALUES (?1)", [realm])
            .map_err(PersistError::from)?;
    }
    insert_all(connection, &registry.partners, raised)?;
    insert_all(connection, &registry.subjects, raised)?;
    insert_all(connection, &registry.operations, raised)?;
    enqueue_change(connection, event, raised)?;
    Ok(true)
}

fn insert_all<T: Resource>(connection: &Connection, resources: &[T], epoch: u64) -> Result<(), Error> {
    for resource in resources {
        let mut stored = resource.clone();
        stored.set_etag(etag_of(epoch));
        let body = resource::to_json(&stored)?;
        stored.upsert(connection, &body).map_err(PersistError::from)?;
    }
    Ok(())
}

/// The record of a change names the epoch it made, which is known only here.
fn enqueue_change(connection: &Connection, mut event: AuditEvent, epoch: u64) -> Result<(), Error> {
    event.epoch = epoch;
    for object in &mut event.objects {
        object.version = etag_of(epoch);
    }
    enqueue(connection, &event)
}

fn enqueue(connection: &Connection, event: &AuditEvent) -> Result<(), Error> {
    let bytes =
        serde_json::to_vec(event).map_err(|source| Error::Stored { what: "an audit event", source })?;
    outbox::enqueue(connection, &bytes)?;
    Ok(())
}
