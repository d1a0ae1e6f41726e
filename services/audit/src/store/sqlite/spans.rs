//! Spans in SQLite: a ring, in which those of audited traces stay.

use entente_persist::PersistError;
use rusqlite::{Connection, Row, params};

use super::{count, signed};
use crate::{
    error::Error,
    store::{SpanBounds, SpanRow},
};

/// Spans looked at in one transaction, so that a prune never holds up the spans coming in.
const LOOKED_AT_ONCE: usize = 5_000;

pub(super) fn add(connection: &Connection, spans: &[SpanRow], receive_time_ms: i64) -> Result<(), Error> {
    let mut statement = connection
        .prepare_cached(
            "INSERT OR IGNORE INTO span (trace_id, span_id, parent_span_id, name, service_name, start_ns, end_ns, error,
                                         attributes, receive_time_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )
        .map_err(PersistError::from)?;
    for span in spans {
        let attributes = serde_json::to_string(&span.attributes).map_err(|_| Error::Stored("attributes"))?;
        let values = params![
            span.trace_id,
            span.span_id,
            span.parent_span_id.map(Vec::from).unwrap_or_default(),
            span.name,
            span.service_name,
            span.start_ns,
            span.end_ns,
            span.error,
            attributes,
            receive_time_ms
        ];
        statement.execute(values).map_err(PersistError::from)?;
    }
    Ok(())
}

pub(super) fn of_trace(
    connection: &Connection,
    trace_id: [u8; 16],
    limit: usize,
) -> Result<Vec<SpanRow>, Error> {
    let mut statement = connection
        .prepare_cached(
            "SELECT span_id, parent_span_id, name, service_name, start_ns, end_ns, error, attributes FROM span
             WHERE trace_id = ?1 ORDER BY start_ns, span_id LIMIT ?2",
        )
        .map_err(PersistError::from)?;
    let mut rows = statement.query(params![trace_id, count(limit)]).map_err(PersistError::from)?;
    let mut spans = Vec::new();
    while let Some(row) = rows.next().map_err(PersistError::from)? {
        spans.push(span(row, trace_id)?);
    }
    Ok(spans)
}

fn span(row: &Row<'_>, trace_id: [u8; 16]) -> Result<SpanRow, Error> {
    let parent: Vec<u8> = row.get(1).map_err(PersistError::from)?;
    let attributes: String = row.get(7).map_err(PersistError::from)?;
    Ok(SpanRow {
        trace_id,
        span_id: row.get(0).map_err(PersistError::from)?,
        parent_span_id: parent.try_into().ok(),
        name: row.get(2).map_err(PersistError::from)?,
        service_name: row.get(3).map_err(PersistError::from)?,
        start_ns: row.get(4).map_err(PersistError::from)?,
        end_ns: row.get(5).map_err(PersistError::from)?,
        error: row.get(6).map_err(PersistError::from)?,
        attributes: serde_json::from_str(&attributes).map_err(|_| Error::Stored("attributes"))?,
    })
}

/// Goes on where the last prune stopped: a span looked at was either removed or belongs to an audited trace. Spans come in
/// order of time, so the first one within bounds ends it.
pub(super) fn prune(connection: &Connection, bounds: SpanBounds) -> Result<bool, PersistError> {
    let (looked_at, newest): (i64, i64) = connection.query_row(
        "SELECT looked_at, (SELECT coalesce(max(span_seq), 0) FROM span) FROM progress",
        [],
        |row| Ok((row.get(0)?, row.get(1)?)),
    )?;
    let room_from = newest.saturating_sub(signed(bounds.newest_max));
    let last: Option<i64> = connection
        .prepare_cached(
            "SELECT max(span_seq) FROM
                 (SELECT span_seq, receive_time_ms FROM span WHERE span_seq > ?1 ORDER BY span_seq LIMIT ?2)
             WHERE span_seq <= ?3 OR receive_time_ms < ?4",
        )?
        .query_row(params![looked_at, count(LOOKED_AT_ONCE), room_from, bounds.received_from_ms], |row| {
            row.get(0)
        })?;
    let Some(last) = last else { return Ok(false) };
    connection
        .prepare_cached(
            "DELETE FROM span WHERE span_seq > ?1 AND span_seq <= ?2
             AND NOT EXISTS (SELECT 1 FROM audited_trace WHERE audited_trace.trace_id = span.trace_id)",
        )?
        .execute(params![looked_at, last])?;
    connection.prepare_cached("UPDATE progress SET looked_at = ?1")?.execute([last])?;
    Ok(true)
}
