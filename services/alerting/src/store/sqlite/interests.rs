//! Interests as rows.

use entente_persist::PersistError;
use rusqlite::{Connection, Params, Row, params};

use super::{record, rows};
use crate::{
    error::Error,
    store::{AuditEvent, Created, Interest, NewInterest, Standing},
};

const COLUMNS: &str =
    "interest_seq, interest_id, realm, subject_id, purpose, aal, display_name, terms, create_time_ms";

pub(super) fn create(connection: &Connection, new: &NewInterest) -> Result<Created, Error> {
    if let Some(interest) = earlier(connection, new)? {
        return Ok(Created { interest, is_new: false });
    }
    let live: i64 = connection
        .prepare_cached(
            "SELECT count(*) FROM interest WHERE realm = ?1 AND subject_id = ?2 AND delete_time_ms IS NULL",
        )
        .and_then(|mut statement| {
            statement.query_row(params![new.holder.realm, new.holder.subject_id], |row| row.get(0))
        })
        .map_err(PersistError::from)?;
    if live >= rows::number(new.holder_max) {
        return Err(Error::TooManyInterests(new.holder_max));
    }
    let interest_seq = insert(connection, new)?;
    record(connection, &new.event)?;
    let interest = Interest {
        interest_seq,
        interest_id: new.interest_id.clone(),
        holder: new.holder.clone(),
        display_name: new.display_name.clone(),
        terms: new.terms.clone(),
        create_time_ms: new.create_time_ms,
    };
    Ok(Created { interest, is_new: true })
}

fn insert(connection: &Connection, new: &NewInterest) -> Result<i64, Error> {
    let terms = rows::to_json("terms of an interest", &new.terms)?;
    connection
        .prepare_cached(
            "INSERT INTO interest (interest_id, realm, subject_id, purpose, aal, display_name, terms, create_time_ms,
                                   request_id, request_sha256)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                new.interest_id,
                new.holder.realm,
                new.holder.subject_id,
                new.holder.purpose,
                new.holder.aal,
                new.display_name,
                terms,
                new.create_time_ms,
                new.request_id,
                new.request_sha256,
            ])
        })
        .map_err(PersistError::from)?;
    Ok(connection.last_insert_rowid())
}

/// The interest that the same request made before, deleted or not.
fn earlier(connection: &Connection, new: &NewInterest) -> Result<Option<Interest>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM interest WHERE subject_id = ?1 AND request_id = ?2");
    let found = select(connection, &sql, params![new.holder.subject_id, new.request_id])?;
    let Some(interest) = found.into_iter().next() else { return Ok(None) };
    let digest: Vec<u8> = connection
        .query_row(
            "SELECT request_sha256 FROM interest WHERE interest_seq = ?1",
            [interest.interest_seq],
            |row| row.get(0),
        )
        .map_err(PersistError::from)?;
    let same = digest == new.request_sha256 && interest.holder == new.holder;
    if same { Ok(Some(interest)) } else { Err(Error::RequestIdReused(new.request_id.clone())) }
}

pub(super) fn delete(
    connection: &Connection,
    holder: &Standing,
    interest_id: &str,
    now_ms: i64,
    event: &AuditEvent,
) -> Result<bool, Error> {
    let ended = connection
        .prepare_cached(
            "UPDATE interest SET delete_time_ms = ?1
             WHERE interest_id = ?2 AND subject_id = ?3 AND realm = ?4 AND delete_time_ms IS NULL",
        )
        .and_then(|mut statement| {
            statement.execute(params![now_ms, interest_id, holder.subject_id, holder.realm])
        })
        .map_err(PersistError::from)?;
    if ended > 0 {
        record(connection, event)?;
    }
    Ok(ended > 0)
}

pub(super) fn of_holder(
    connection: &Connection,
    holder: &Standing,
    after: i64,
    limit: usize,
) -> Result<Vec<Interest>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM interest
         WHERE realm = ?1 AND subject_id = ?2 AND interest_seq > ?3 AND delete_time_ms IS NULL
         ORDER BY interest_seq LIMIT ?4"
    );
    select(connection, &sql, params![holder.realm, holder.subject_id, after, rows::count(limit)])
}

pub(super) fn all(connection: &Connection, after: i64, limit: usize) -> Result<Vec<Interest>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM interest WHERE interest_seq > ?1 AND delete_time_ms IS NULL ORDER BY interest_seq LIMIT ?2"
    );
    select(connection, &sql, params![after, rows::count(limit)])
}

fn select(connection: &Connection, sql: &str, parameters: impl Params) -> Result<Vec<Interest>, Error> {
    let mut statement = connection.prepare_cached(sql).map_err(PersistError::from)?;
    let mut rows = statement.query(parameters).map_err(PersistError::from)?;
    let mut interests = Vec::new();
    while let Some(row) = rows.next().map_err(PersistError::from)? {
        let (interest, terms) = interest(row).map_err(PersistError::from)?;
        let terms = serde_json::from_str(&terms)
            .map_err(|source| Error::Stored { what: "terms of an interest", source })?;
        interests.push(Interest { terms, ..interest });
    }
    Ok(interests)
}

fn interest(row: &Row<'_>) -> rusqlite::Result<(Interest, String)> {
    let holder =
        Standing { realm: row.get(2)?, subject_id: row.get(3)?, purpose: row.get(4)?, aal: row.get(5)? };
    let interest = Interest {
        interest_seq: row.get(0)?,
        interest_id: row.get(1)?,
        holder,
        display_name: row.get(6)?,
        terms: Vec::new(),
        create_time_ms: row.get(8)?,
    };
    Ok((interest, row.get(7)?))
}
