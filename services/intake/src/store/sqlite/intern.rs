//! Words, labels and keys stored once and named by number.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    error::Error,
    store::{LabelUse, NewBatch, NewVersion, ResolvedLabel, signature::OriginatorKey},
};

/// The number of a word, if it is stored.
pub(super) fn find_word(connection: &Connection, text: &str) -> Result<Option<i64>, Error> {
    let mut statement = connection.prepare_cached("SELECT word_no FROM word WHERE text = ?1")?;
    Ok(statement.query_row([text], |row| row.get(0)).optional()?)
}

/// The number of a word, stored when new.
fn word(connection: &Connection, text: &str) -> Result<i64, Error> {
    if let Some(word_no) = find_word(connection, text)? {
        return Ok(word_no);
    }
    connection.prepare_cached("INSERT INTO word (text) VALUES (?1)")?.execute([text])?;
    Ok(connection.last_insert_rowid())
}

/// The numbers of an operation path and of those below it.
pub(super) fn operations_below(connection: &Connection, path: &str) -> Result<Vec<i64>, Error> {
    // `0` follows `/`: the range holds exactly what starts with the path and a slash.
    let mut statement = connection.prepare_cached(
        "SELECT word_no FROM word WHERE text = ?1 OR (text > ?1 || '/' AND text < ?1 || '0')",
    )?;
    let rows = statement.query_map([path], |row| row.get(0))?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// A label as rows name it.
#[derive(Debug, Clone, Copy)]
pub(super) struct LabelNumbers {
    pub(super) label_no: u32,
    pub(super) dated_label_no: i64,
    pub(super) operation_no: i64,
    pub(super) not_before: Option<i32>,
    pub(super) not_after: Option<i32>,
}

/// Everything a batch names.
pub(super) struct BatchNumbers<'a> {
    pub(super) realm_no: i64,
    pub(super) originator_no: i64,
    pub(super) submitter_no: i64,
    pub(super) key_no: i64,
    labels: Vec<LabelNumbers>,
    types: HashMap<&'a str, i64>,
}

impl<'a> BatchNumbers<'a> {
    /// Finds or stores all of it, each once however many versions name it.
    pub(super) fn intern(connection: &Connection, batch: &'a NewBatch) -> Result<BatchNumbers<'a>, Error> {
        let originator_no = word(connection, &batch.originator)?;
        let mut types: HashMap<&str, i64> = HashMap::new();
        for version in &batch.versions {
            if !types.contains_key(version.report_type.as_str()) {
                types.insert(&version.report_type, word(connection, &version.report_type)?);
            }
        }
        Ok(BatchNumbers {
            realm_no: word(connection, &batch.realm)?,
            originator_no,
            submitter_no: word(connection, &batch.submitter)?,
            key_no: key(connection, &batch.key, originator_no)?,
            labels: batch.labels.iter().map(|used| label_use(connection, used)).collect::<Result<_, _>>()?,
            types,
        })
    }

    /// The numbers of a version's type and label.
    pub(super) fn of(&self, version: &NewVersion) -> Result<(i64, LabelNumbers), Error> {
        let type_no = self.types.get(version.report_type.as_str()).copied();
        let label = self.labels.get(version.label).copied();
        type_no.zip(label).ok_or(Error::Stored("a label of a batch"))
    }
}

fn key(connection: &Connection, key: &OriginatorKey, originator_no: i64) -> Result<i64, Error> {
    let mut find = connection.prepare_cached("SELECT key_no FROM signing_key WHERE key_id = ?1")?;
    if let Some(key_no) = find.query_row([key.key_id()], |row| row.get(0)).optional()? {
        return Ok(key_no);
    }
    connection.execute(
        "INSERT INTO signing_key (key_id, originator_no, public_key) VALUES (?1, ?2, ?3)",
        params![key.key_id(), originator_no, key.public_key()],
    )?;
    Ok(connection.last_insert_rowid())
}

fn label_use(connection: &Connection, used: &LabelUse) -> Result<LabelNumbers, Error> {
    let label = &used.label;
    let label_no = timeless_label(connection, label)?;
    let dated_label_no = dated_label(connection, label, label_no)?;
    let operation_no = word(connection, &used.operation)?;
    let (not_before, not_after) = (label.not_before, label.not_after);
    Ok(LabelNumbers { label_no, dated_label_no, operation_no, not_before, not_after })
}

fn timeless_label(connection: &Connection, label: &ResolvedLabel) -> Result<u32, Error> {
    let mut find = connection.prepare_cached("SELECT label_no FROM label WHERE hash = ?1")?;
    if let Some(label_no) = find.query_row([label.timeless.hash], |row| row.get(0)).optional()? {
        return Ok(label_no);
    }
    let realm_no = word(connection, &label.realm)?;
    connection.execute(
        "INSERT INTO label (hash, line, realm_no, names_persons) VALUES (?1, ?2, ?3, ?4)",
        params![label.timeless.hash, label.timeless.line, realm_no, label.names_persons],
    )?;
    u32::try_from(connection.last_insert_rowid()).map_err(|_| Error::Stored("a label number"))
}

fn dated_label(connection: &Connection, label: &ResolvedLabel, label_no: u32) -> Result<i64, Error> {
    let mut find = connection.prepare_cached("SELECT dated_label_no FROM dated_label WHERE hash = ?1")?;
    if let Some(dated_label_no) = find.query_row([label.dated.hash], |row| row.get(0)).optional()? {
        return Ok(dated_label_no);
    }
    connection.execute(
        "INSERT INTO dated_label (hash, line, label_no, not_before, not_after, review_by)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            label.dated.hash,
            label.dated.line,
            label_no,
            label.not_before,
            label.not_after,
            label.review_by
        ],
    )?;
    Ok(connection.last_insert_rowid())
}
