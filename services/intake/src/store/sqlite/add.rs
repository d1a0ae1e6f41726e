//! Stores a batch: one transaction for its versions, positions, signatures, audit events and remembered answer.

use std::collections::BTreeMap;

use entente_ledger::hash::{HASH_BYTES, Hash};
use entente_persist::outbox;
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};
use uuid::Uuid;

use super::intern::{BatchNumbers, LabelNumbers};
use crate::{
    error::Error,
    store::{
        AuditItems, NewBatch, NewVersion, Outcome, RECORD_ITEMS_MAX, RequestKey,
        signature::{self, LabelledLeaf, SignedTree},
    },
};

/// What a batch changed.
#[derive(Debug, Default)]
pub(super) struct Added {
    /// One per version, in order.
    pub(super) outcomes: Vec<Outcome>,
    /// Highest position given; 0 if none was.
    pub(super) last_position: i64,
    /// Rows added per label.
    pub(super) label_rows: BTreeMap<u32, u64>,
}

/// Highest position given so far.
pub(super) fn head(connection: &Connection) -> Result<i64, Error> {
    let mut statement = connection.prepare_cached("SELECT coalesce(max(position), 0) FROM version")?;
    Ok(statement.query_row([], |row| row.get(0))?)
}

/// Stores what is new of a batch. An error leaves nothing of it.
pub(super) fn batch(connection: &Connection, batch: &NewBatch) -> Result<Added, Error> {
    if let Some(outcomes) = remembered(connection, batch)? {
        return Ok(Added { outcomes, ..Added::default() });
    }
    let numbers = BatchNumbers::intern(connection, batch)?;
    let head = head(connection)?;
    let mut rows = Rows::prepare(connection, &numbers, head)?;
    for version in &batch.versions {
        rows.add(version)?;
    }
    let Rows { outcomes, accepted, label_rows, .. } = rows;
    refuse_conflicts(batch, &outcomes)?;
    sign(connection, batch, &numbers, (head, &accepted))?;
    record(connection, batch, (head, accepted.len()))?;
    if let Some(request) = &batch.request {
        remember(connection, batch, (request, numbers.submitter_no), &outcomes)?;
    }
    let last_position = if accepted.is_empty() { 0 } else { after(head, accepted.len()) };
    Ok(Added { outcomes, last_position, label_rows })
}

fn refuse_conflicts(batch: &NewBatch, outcomes: &[Outcome]) -> Result<(), Error> {
    let conflict = |(place, outcome): (usize, &Outcome)| (*outcome == Outcome::Conflict).then_some(place);
    let conflicts: Vec<usize> = outcomes.iter().enumerate().filter_map(conflict).collect();
    if batch.all_or_nothing && !conflicts.is_empty() {
        return Err(Error::Conflicts(conflicts));
    }
    Ok(())
}

/// The statements that add rows, and what they did so far.
struct Rows<'a, 'c> {
    connection: &'c Connection,
    numbers: &'a BatchNumbers<'a>,
    head: i64,
    find_report: CachedStatement<'c>,
    insert_version: CachedStatement<'c>,
    insert_content: CachedStatement<'c>,
    outcomes: Vec<Outcome>,
    /// Leaves of the accepted versions; the first has position `head + 1`.
    accepted: Vec<LabelledLeaf>,
    label_rows: BTreeMap<u32, u64>,
}

impl<'a, 'c> Rows<'a, 'c> {
    fn prepare(
        connection: &'c Connection,
        numbers: &'a BatchNumbers<'a>,
        head: i64,
    ) -> Result<Rows<'a, 'c>, Error> {
        Ok(Rows {
            connection,
            numbers,
            head,
            find_report: connection.prepare_cached(
                "SELECT position, sibling FROM version
                 WHERE report_key = ?1 AND originator_no = ?2 AND realm_no = ?3 AND report_id = ?4 LIMIT 1",
            )?,
            insert_version: connection.prepare_cached(
                "INSERT INTO version (position, label_no, not_before, not_after, type_no, originator_no, operation_no,
                                      sibling, report_key, realm_no, version_seconds, version_nanos, dated_label_no,
                                      report_id, version, title)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
            )?,
            insert_content: connection.prepare_cached("INSERT INTO content (position, body) VALUES (?1, ?2)")?,
            outcomes: Vec::new(),
            accepted: Vec::new(),
            label_rows: BTreeMap::new(),
        })
    }

    fn add(&mut self, version: &NewVersion) -> Result<(), Error> {
        // INVARIANT: there is one writer, so between looking and adding nobody else adds; the pair realm, originator,
        // id, version stays unique without a unique index.
        let report = self.find_report(version)?;
        if report.is_some()
            && let Some(position) = self.find_version(version)?
        {
            let same = self.leaf(position)? == Some(version.leaf);
            self.outcomes.push(if same { Outcome::Unchanged } else { Outcome::Conflict });
            return Ok(());
        }
        if let Some((position, false)) = report {
            self.connection
                .prepare_cached("UPDATE version SET sibling = 1 WHERE position = ?1")?
                .execute([position])?;
        }
        let (type_no, label) = self.numbers.of(version)?;
        self.insert(version, type_no, &label, report.is_some())?;
        self.accepted.push(version.labelled_leaf());
        self.outcomes.push(Outcome::Accepted);
        let rows = self.label_rows.entry(label.label_no).or_default();
        *rows = rows.saturating_add(1);
        Ok(())
    }

    /// Some version of the same report by the same originator, and whether it knows of others.
    fn find_report(&mut self, version: &NewVersion) -> Result<Option<(i64, bool)>, Error> {
        let numbers = self.numbers;
        let key = params![version.report_key, numbers.originator_no, numbers.realm_no, version.report_id];
        Ok(self.find_report.query_row(key, |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
    }

    fn find_version(&self, version: &NewVersion) -> Result<Option<i64>, Error> {
        let numbers = self.numbers;
        let mut statement = self.connection.prepare_cached(
            "SELECT position FROM version
             WHERE report_key = ?1 AND originator_no = ?2 AND version_seconds = ?3 AND version_nanos = ?4
               AND realm_no = ?5 AND report_id = ?6",
        )?;
        let key = params![
            version.report_key,
            numbers.originator_no,
            version.version.seconds,
            version.version.nanos,
            numbers.realm_no,
            version.report_id
        ];
        Ok(statement.query_row(key, |row| row.get(0)).optional()?)
    }

    fn insert(
        &mut self,
        version: &NewVersion,
        type_no: i64,
        label: &LabelNumbers,
        sibling: bool,
    ) -> Result<(), Error> {
        let position = after(self.head, self.accepted.len()).saturating_add(1);
        let numbers = self.numbers;
        self.insert_version.execute(params![
            position,
            label.label_no,
            label.not_before,
            label.not_after,
            type_no,
            numbers.originator_no,
            label.operation_no,
            sibling,
            version.report_key,
            numbers.realm_no,
            version.version.seconds,
            version.version.nanos,
            label.dated_label_no,
            version.report_id,
            version.version.text,
            version.title,
        ])?;
        self.insert_content.execute(params![position, version.content.as_ref()])?;
        Ok(())
    }

    /// The leaf of a stored version, also of one of this very batch.
    fn leaf(&self, position: i64) -> Result<Option<Hash>, Error> {
        if let Some(place) = place_after(self.head, position) {
            return Ok(self.accepted.get(place).map(|labelled| labelled.leaf));
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT first_position, leaves FROM batch WHERE first_position <= ?1 ORDER BY first_position DESC LIMIT 1",
        )?;
        let leaf = statement.query_row([position], |row| {
            let place = place_after(row.get::<_, i64>(0)?.saturating_sub(1), position);
            let leaves = row.get_ref(1)?.as_blob()?.as_chunks::<HASH_BYTES>().0;
            Ok(place.and_then(|place| leaves.get(place)).copied().map(Hash::new))
        })?;
        Ok(leaf)
    }
}

/// Where a position lies behind another one: 0 for the next.
fn place_after(head: i64, position: i64) -> Option<usize> {
    usize::try_from(position.checked_sub(head)?.checked_sub(1)?).ok()
}

/// The position so many behind another.
fn after(head: i64, count: usize) -> i64 {
    head.saturating_add(i64::try_from(count).unwrap_or(i64::MAX))
}

fn sign(
    connection: &Connection,
    batch: &NewBatch,
    numbers: &BatchNumbers<'_>,
    (head, accepted): (i64, &[LabelledLeaf]),
) -> Result<(), Error> {
    if accepted.len() == batch.versions.len() {
        return insert_trees(connection, batch, numbers, (head, &batch.trees));
    }
    insert_trees(connection, batch, numbers, (head, &batch.key.sign(accepted)))
}

fn insert_trees(
    connection: &Connection,
    batch: &NewBatch,
    numbers: &BatchNumbers<'_>,
    (head, trees): (i64, &[SignedTree]),
) -> Result<(), Error> {
    let newest: Option<i64> = connection
        .prepare_cached("SELECT add_time_ms FROM batch ORDER BY first_position DESC LIMIT 1")?
        .query_row([], |row| row.get(0))
        .optional()?;
    // INVARIANT: times of the journal do not fall, also when the clock is set back.
    let add_time_ms = newest.map_or(batch.now_ms, |newest| newest.max(batch.now_ms));
    let mut insert = connection.prepare_cached(
        "INSERT INTO batch (first_position, add_time_ms, submitter_no, severity, key_no, signature, leaves, traceparent)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    let mut head = head;
    for tree in trees {
        insert.execute(params![
            head.saturating_add(1),
            add_time_ms,
            numbers.submitter_no,
            batch.severity,
            numbers.key_no,
            tree.signature,
            signature::encode_hashes(&tree.leaves),
            batch.traceparent,
        ])?;
        head = after(head, tree.leaves.len());
    }
    Ok(())
}

/// Puts the events into the outbox, in the transaction of what they record.
fn record(connection: &Connection, batch: &NewBatch, (head, accepted): (i64, usize)) -> Result<(), Error> {
    let last = after(head, accepted);
    let mut first = head.saturating_add(1);
    while first <= last {
        let end = last.min(after(first, RECORD_ITEMS_MAX).saturating_sub(1));
        let mut event = batch.event.clone();
        event.record_id = *Uuid::now_v7().as_bytes();
        event.items = AuditItems::Positions { first, last: end };
        outbox::enqueue(connection, &serde_json::to_vec(&event)?)?;
        first = end.saturating_add(1);
    }
    Ok(())
}

/// The answer the same request got before.
fn remembered(connection: &Connection, batch: &NewBatch) -> Result<Option<Vec<Outcome>>, Error> {
    let Some(request) = &batch.request else { return Ok(None) };
    let mut find = connection.prepare_cached(
        "SELECT request_sha256, outcomes FROM request
         WHERE submitter_no = (SELECT word_no FROM word WHERE text = ?1) AND request_id = ?2",
    )?;
    let found = find
        .query_row(params![batch.submitter, request.request_id], |row| {
            Ok((row.get::<_, [u8; 32]>(0)?, row.get::<_, Vec<u8>>(1)?))
        })
        .optional()?;
    match found {
        None => Ok(None),
        Some((sha256, _)) if sha256 != request.request_sha256 => Err(Error::RequestIdReused),
        Some((_, bytes)) => bytes.into_iter().map(outcome).collect::<Result<_, _>>().map(Some),
    }
}

fn remember(
    connection: &Connection,
    batch: &NewBatch,
    (request, submitter_no): (&RequestKey, i64),
    outcomes: &[Outcome],
) -> Result<(), Error> {
    let outcomes: Vec<u8> = outcomes.iter().copied().map(code).collect();
    connection
        .prepare_cached(
            "INSERT INTO request (submitter_no, request_id, request_sha256, outcomes, add_time_ms)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![submitter_no, request.request_id, request.request_sha256, outcomes, batch.now_ms])?;
    Ok(())
}

/// An outcome as stored.
fn code(outcome: Outcome) -> u8 {
    match outcome {
        Outcome::Accepted => 1,
        Outcome::Unchanged => 2,
        Outcome::Conflict => 3,
    }
}

fn outcome(code: u8) -> Result<Outcome, Error> {
    match code {
        1 => Ok(Outcome::Accepted),
        2 => Ok(Outcome::Unchanged),
        3 => Ok(Outcome::Conflict),
        _ => Err(Error::Stored("an outcome")),
    }
}
