//! Cursors as rows.

use entente_persist::PersistError;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::rows;
use crate::{
    error::Error,
    store::{ConsumerKey, Cursor},
};

pub(super) fn open(
    connection: &Connection,
    key: &ConsumerKey,
    from_now: bool,
    holder_max: u64,
) -> Result<Cursor, Error> {
    let found = connection
        .prepare_cached(
            "SELECT received_alert_seq, received_number, sent_alert_seq FROM consumer
             WHERE realm = ?1 AND subject_id = ?2 AND consumer = ?3",
        )
        .and_then(|mut statement| {
            statement.query_row(params![key.realm, key.subject_id, key.consumer], cursor).optional()
        })
        .map_err(PersistError::from)?;
    if let Some(cursor) = found {
        return Ok(cursor);
    }
    let kept: i64 =
        holder_value(connection, "SELECT count(*) FROM consumer WHERE realm = ?1 AND subject_id = ?2", key)?;
    if kept >= rows::number(holder_max) {
        return Err(Error::TooManyConsumers(holder_max));
    }
    let newest = "SELECT coalesce(max(alert_seq), 0) FROM alert WHERE realm = ?1 AND subject_id = ?2";
    let start = if from_now { holder_value(connection, newest, key)? } else { 0 };
    connection
        .prepare_cached(
            "INSERT INTO consumer (realm, subject_id, consumer, received_alert_seq, received_number, sent_alert_seq)
             VALUES (?1, ?2, ?3, ?4, 0, ?4)",
        )
        .and_then(|mut statement| statement.execute(params![key.realm, key.subject_id, key.consumer, start]))
        .map_err(PersistError::from)?;
    Ok(Cursor { received_alert_seq: start, received_number: 0, sent_alert_seq: start })
}

fn holder_value(connection: &Connection, sql: &str, key: &ConsumerKey) -> Result<i64, Error> {
    connection
        .prepare_cached(sql)
        .and_then(|mut statement| statement.query_row(params![key.realm, key.subject_id], |row| row.get(0)))
        .map_err(|error| PersistError::from(error).into())
}

pub(super) fn advance(connection: &Connection, key: &ConsumerKey, cursor: Cursor) -> Result<(), Error> {
    // Replicas may race: the cursor never goes back.
    connection
        .prepare_cached(
            "UPDATE consumer SET
                 received_alert_seq = max(received_alert_seq, ?4),
                 received_number = max(received_number, ?5),
                 sent_alert_seq = max(sent_alert_seq, ?6)
             WHERE realm = ?1 AND subject_id = ?2 AND consumer = ?3",
        )
        .and_then(|mut statement| {
            statement.execute(params![
                key.realm,
                key.subject_id,
                key.consumer,
                cursor.received_alert_seq,
                rows::number(cursor.received_number),
                cursor.sent_alert_seq
            ])
        })
        .map_err(PersistError::from)?;
    Ok(())
}

fn cursor(row: &Row<'_>) -> rusqlite::Result<Cursor> {
    let number: i64 = row.get(1)?;
    Ok(Cursor {
        received_alert_seq: row.get(0)?,
        received_number: u64::try_from(number).unwrap_or_default(),
        sent_alert_seq: row.get(2)?,
    })
}
