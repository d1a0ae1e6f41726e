//! What partners, subjects and operations have in common as rows: a JSON body, keys beside it, an etag, and the first
//! answer to the request that wrote them.

use rusqlite::{Connection, OptionalExtension, params};
use serde::{Serialize, de::DeserializeOwned};

use super::PersistError;
use crate::{
    error::Error,
    store::{Changed, OperationRow, PartnerRow, RequestKey, SubjectRow},
};

/// A row with an etag.
pub(super) trait Resource: Clone + Serialize + DeserializeOwned {
    /// What it is called in the epoch log.
    const KIND: &'static str;
    /// Every row by id: etag, body.
    const ALL: &'static str;
    /// One row by id: etag, body.
    const ONE: &'static str;

    fn id(&self) -> &str;
    fn set_etag(&mut self, etag: String);
    fn upsert(&self, connection: &Connection, body: &str) -> rusqlite::Result<()>;
}

impl Resource for PartnerRow {
    const KIND: &'static str = "partner";
    const ALL: &'static str = "SELECT etag, body FROM partner ORDER BY organization_id";
    const ONE: &'static str = "SELECT etag, body FROM partner WHERE organization_id = ?1";

    fn id(&self) -> &str {
        &self.organization_id
    }

    fn set_etag(&mut self, etag: String) {
        self.etag = etag;
    }

    fn upsert(&self, connection: &Connection, body: &str) -> rusqlite::Result<()> {
        let sql = "INSERT INTO partner (organization_id, etag, body) VALUES (?1, ?2, ?3)
                   ON CONFLICT (organization_id) DO UPDATE SET etag = excluded.etag, body = excluded.body";
        connection.execute(sql, params![self.organization_id, self.etag, body]).map(|_| ())
    }
}

impl Resource for SubjectRow {
    const KIND: &'static str = "subject";
    const ALL: &'static str = "SELECT etag, body FROM subject ORDER BY subject_id";
    const ONE: &'static str = "SELECT etag, body FROM subject WHERE subject_id = ?1";

    fn id(&self) -> &str {
        &self.subject_id
    }

    fn set_etag(&mut self, etag: String) {
        self.etag = etag;
    }

    fn upsert(&self, connection: &Connection, body: &str) -> rusqlite::Result<()> {
        let sql = "INSERT INTO subject (subject_id, organization_id, person, etag, body) VALUES (?1, ?2, ?3, ?4, ?5)
                   ON CONFLICT (subject_id) DO UPDATE
                   SET person = excluded.person, etag = excluded.etag, body = excluded.body";
        let row = params![self.subject_id, self.organization_id, self.person, self.etag, body];
        connection.execute(sql, row).map(|_| ())
    }
}

impl Resource for OperationRow {
    const KIND: &'static str = "operation";
    const ALL: &'static str = "SELECT etag, body FROM operation ORDER BY operation_id";
    const ONE: &'static str = "SELECT etag, body FROM operation WHERE operation_id = ?1";

    fn id(&self) -> &str {
        &self.operation_id
    }

    fn set_etag(&mut self, etag: String) {
        self.etag = etag;
    }

    fn upsert(&self, connection: &Connection, body: &str) -> rusqlite::Result<()> {
        let sql = "INSERT INTO operation (operation_id, lead_organization_id, etag, body) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (operation_id) DO UPDATE
                   SET lead_organization_id = excluded.lead_organization_id, etag = excluded.etag, body = excluded.body";
        connection.execute(sql, params![self.operation_id, self.lead, self.etag, body]).map(|_| ())
    }
}

/// The etag of everything written at an epoch: a resource is written at most once per epoch.
pub(super) fn etag_of(epoch: u64) -> String {
    format!("e{epoch}")
}

/// The body as stored.
pub(super) fn to_json<T: Resource>(resource: &T) -> Result<String, Error> {
    serde_json::to_string(resource).map_err(|source| Error::Stored { what: T::KIND, source })
}

/// The row of an etag and a stored body.
pub(super) fn from_row<T: Resource>((etag, body): (String, String)) -> Result<T, Error> {
    let mut resource: T =
        serde_json::from_str(&body).map_err(|source| Error::Stored { what: T::KIND, source })?;
    resource.set_etag(etag);
    Ok(resource)
}

/// Every row, by id.
pub(super) fn all<T: Resource>(connection: &Connection) -> Result<Vec<T>, Error> {
    let read = || {
        let mut statement = connection.prepare_cached(T::ALL)?;
        let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<Vec<(String, String)>>>()
    };
    read().map_err(PersistError::from)?.into_iter().map(from_row).collect()
}

/// One row.
pub(super) fn one<T: Resource>(connection: &Connection, id: &str) -> Result<Option<T>, Error> {
    let read = || {
        let mut statement = connection.prepare_cached(T::ONE)?;
        statement.query_row([id], |row| Ok((row.get(0)?, row.get(1)?))).optional()
    };
    read().map_err(PersistError::from)?.map(from_row).transpose()
}

/// Whether the stored row, or its absence, is the one the caller saw.
pub(super) fn check_etag<T: Resource>(
    connection: &Connection,
    resource: &T,
    expected: &str,
) -> Result<(), Error> {
    let stored = || {
        let mut statement = connection.prepare_cached(T::ONE)?;
        statement.query_row([resource.id()], |row| row.get::<_, String>(0)).optional()
    };
    match stored().map_err(PersistError::from)? {
        None if expected.is_empty() => Ok(()),
        None => Err(Error::NotFound(resource.id().to_owned())),
        Some(_) if expected.is_empty() => Err(Error::AlreadyExists(resource.id().to_owned())),
        Some(stored) if stored == expected => Ok(()),
        Some(_) => Err(Error::EtagMismatch(resource.id().to_owned())),
    }
}

/// What the same request was answered before.
pub(super) fn earlier_answer<T: Resource>(
    connection: &Connection,
    request: &RequestKey,
) -> Result<Option<Changed<T>>, Error> {
    let read = || {
        let mut statement = connection.prepare_cached(
            "SELECT request_sha256, answer, epoch FROM request_answer WHERE subject_id = ?1 AND request_id = ?2",
        )?;
        let key = params![request.subject_id, request.request_id];
        statement.query_row(key, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).optional()
    };
    let found: Option<(Vec<u8>, String, i64)> = read().map_err(PersistError::from)?;
    let Some((digest, answer, epoch)) = found else {
        return Ok(None);
    };
    if digest != request.request_sha256 {
        return Err(Error::RequestIdReused(request.request_id.clone()));
    }
    let epoch = u64::try_from(epoch).unwrap_or_default();
    Ok(Some(Changed { resource: from_row((etag_of(epoch), answer))?, epoch }))
}

/// Keeps the answer to a request: body, epoch, time in milliseconds since 1970.
pub(super) fn keep_answer(
    connection: &Connection,
    request: &RequestKey,
    (answer, epoch, time_ms): (&str, u64, i64),
) -> Result<(), Error> {
    let sql = "INSERT INTO request_answer (subject_id, request_id, request_sha256, answer, epoch, time_ms)
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let epoch = i64::try_from(epoch).unwrap_or(i64::MAX);
    let row = params![request.subject_id, request.request_id, request.request_sha256, answer, epoch, time_ms];
    connection.execute(sql, row).map_err(PersistError::from)?;
    Ok(())
}
