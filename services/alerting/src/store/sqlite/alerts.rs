//! Alerts as rows: made together with the journal position, held under embargo, acknowledged.

use entente_persist::PersistError;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{record, rows};
use crate::{
    error::Error,
    store::{AuditEvent, NewAlert, Standing, StoredAlert},
};

const COLUMNS: &str = "alert_seq, alert_id, not_after_day, match_time_ms, body";

pub(super) fn progress(connection: &Connection) -> Result<i64, Error> {
    connection
        .query_row("SELECT position FROM progress", [], |row| row.get(0))
        .map_err(|error| PersistError::from(error).into())
}

pub(super) fn add(connection: &Connection, alerts: &[NewAlert], position: i64) -> Result<(), Error> {
    for alert in alerts {
        let body = rows::to_json("an alert", &alert.body)?;
        match alert.held_until_day {
            Some(day) => hold(connection, alert, day, &body),
            None => insert(connection, alert, &body),
        }
        .map_err(PersistError::from)?;
    }
    // INVARIANT: alerts and position change as one, so a crash neither loses a match nor makes it twice.
    connection
        .prepare_cached("UPDATE progress SET position = max(position, ?1)")
        .and_then(|mut statement| statement.execute([position]))
        .map_err(PersistError::from)?;
    Ok(())
}

fn insert(connection: &Connection, alert: &NewAlert, body: &str) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO alert (alert_id, realm, subject_id, not_after_day, match_time_ms, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![
            alert.alert_id,
            alert.realm,
            alert.subject_id,
            alert.not_after_day,
            alert.match_time_ms,
            body
        ])
}

fn hold(connection: &Connection, alert: &NewAlert, day: i32, body: &str) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO held_alert
                 (alert_id, realm, subject_id, not_before_day, not_after_day, match_time_ms, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            alert.alert_id,
            alert.realm,
            alert.subject_id,
            day,
            alert.not_after_day,
            alert.match_time_ms,
            body
        ])
}

/// Holders of held alerts whose day has come.
pub(super) fn due(connection: &Connection, today: i32) -> Result<Vec<(String, String)>, Error> {
    let holders = connection
        .prepare_cached("SELECT DISTINCT realm, subject_id FROM held_alert WHERE not_before_day <= ?1")
        .and_then(|mut statement| {
            let rows = statement.query_map([today], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect::<Result<Vec<(String, String)>, _>>()
        })
        .map_err(PersistError::from)?;
    Ok(holders)
}

pub(super) fn release(connection: &Connection, today: i32) -> Result<(), Error> {
    connection
        .execute(
            "INSERT OR IGNORE INTO alert (alert_id, realm, subject_id, not_after_day, match_time_ms, body)
             SELECT alert_id, realm, subject_id, not_after_day, match_time_ms, body
             FROM held_alert WHERE not_before_day <= ?1 ORDER BY match_time_ms, alert_id",
            [today],
        )
        .and_then(|_| connection.execute("DELETE FROM held_alert WHERE not_before_day <= ?1", [today]))
        .map_err(PersistError::from)?;
    Ok(())
}

pub(super) fn after(
    connection: &Connection,
    realm: &str,
    subject_id: &str,
    after: i64,
    limit: usize,
) -> Result<Vec<StoredAlert>, Error> {
    let sql = format!(
        "SELECT {COLUMNS} FROM alert WHERE realm = ?1 AND subject_id = ?2 AND alert_seq > ?3 ORDER BY alert_seq LIMIT ?4"
    );
    let mut statement = connection.prepare_cached(&sql).map_err(PersistError::from)?;
    let mut rows =
        statement.query(params![realm, subject_id, after, rows::count(limit)]).map_err(PersistError::from)?;
    let mut alerts = Vec::new();
    while let Some(row) = rows.next().map_err(PersistError::from)? {
        alerts.push(alert(row)?);
    }
    Ok(alerts)
}

pub(super) fn one(
    connection: &Connection,
    holder: &Standing,
    alert_id: &str,
) -> Result<Option<StoredAlert>, Error> {
    let sql = format!("SELECT {COLUMNS} FROM alert WHERE alert_id = ?1 AND realm = ?2 AND subject_id = ?3");
    let mut statement = connection.prepare_cached(&sql).map_err(PersistError::from)?;
    let mut rows =
        statement.query(params![alert_id, holder.realm, holder.subject_id]).map_err(PersistError::from)?;
    rows.next().map_err(PersistError::from)?.map(alert).transpose()
}

fn alert(row: &Row<'_>) -> Result<StoredAlert, Error> {
    let body: String = row.get(4).map_err(PersistError::from)?;
    Ok(StoredAlert {
        alert_seq: row.get(0).map_err(PersistError::from)?,
        alert_id: row.get(1).map_err(PersistError::from)?,
        not_after_day: row.get(2).map_err(PersistError::from)?,
        match_time_ms: row.get(3).map_err(PersistError::from)?,
        body: serde_json::from_str(&body).map_err(|source| Error::Stored { what: "an alert", source })?,
    })
}

pub(super) fn acknowledge(
    connection: &Connection,
    holder: &Standing,
    alert_id: &str,
    note: &str,
    event: &AuditEvent,
) -> Result<Option<i64>, Error> {
    let added = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO acknowledgement (alert_id, subject_id, note, acknowledge_time_ms)
             SELECT alert_id, subject_id, ?4, ?5 FROM alert WHERE alert_id = ?1 AND subject_id = ?2 AND realm = ?3",
        )
        .and_then(|mut statement| {
            statement.execute(params![alert_id, holder.subject_id, holder.realm, note, event.occur_time_ms])
        })
        .map_err(PersistError::from)?;
    if added > 0 {
        record(connection, event)?;
    }
    let time = connection
        .prepare_cached(
            "SELECT acknowledge_time_ms FROM acknowledgement WHERE alert_id = ?1 AND subject_id = ?2",
        )
        .and_then(|mut statement| {
            statement.query_row(params![alert_id, holder.subject_id], |row| row.get(0)).optional()
        })
        .map_err(PersistError::from)?;
    Ok(time)
}
