//! Reads rows into reports: pages, counts and the journal.

use std::{collections::HashMap, ops::ControlFlow, sync::Arc};

use bytes::Bytes;
use entente_ledger::proof::MemoryTree;
use rusqlite::{CachedStatement, Connection, params};

use super::{Waiting, candidates::Search};
use crate::{
    error::Error,
    store::{
        DatedLabel, Extent, JournalVersion, LabelReference, Page, Query, StoredReport, StoredSignature,
        signature,
    },
};

/// What a query finds, as far as the extent goes.
pub(super) fn page(
    connection: &Connection,
    waiting: &Waiting,
    query: &Query,
    (few, extent): (Option<Vec<u32>>, Extent),
) -> Result<Page, Error> {
    let mut page = Page::default();
    let Some(mut search) = Search::of(connection, waiting, query, few)? else { return Ok(page) };
    let mut reader = Reader::new(connection)?;
    let mut bytes = 0_usize;
    search.each(|candidate| {
        if page.reports.len() >= extent.reports_max {
            page.more = true;
            return Ok(ControlFlow::Break(()));
        }
        let content = if extent.with_content { reader.content(candidate.position)? } else { Bytes::new() };
        let report = reader.report(candidate.position, content, extent.with_content)?;
        bytes = bytes.saturating_add(report.bytes());
        let first = page.reports.is_empty() && extent.at_least_one;
        if bytes > extent.bytes_max && !first {
            page.more = true;
            return Ok(ControlFlow::Break(()));
        }
        page.reports.push(report);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(page)
}

/// How many reports a query finds.
pub(super) fn count(
    connection: &Connection,
    waiting: &Waiting,
    query: &Query,
    few: Option<Vec<u32>>,
) -> Result<u64, Error> {
    let mut count = 0_u64;
    if let Some(mut search) = Search::of(connection, waiting, query, few)? {
        search.each(|_| {
            count = count.saturating_add(1);
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(count)
}

/// Versions after a position, about `bytes_max` in all.
pub(super) fn journal(
    connection: &Connection,
    after: i64,
    bytes_max: usize,
) -> Result<Vec<JournalVersion>, Error> {
    let mut statement = connection
        .prepare_cached("SELECT position, body FROM content WHERE position > ?1 ORDER BY position")?;
    let mut rows = statement.query([after])?;
    let mut reader = Reader::new(connection)?;
    let (mut versions, mut bytes) = (Vec::new(), 0_usize);
    while let Some(row) = rows.next()? {
        let version = reader.journal_version(row.get(0)?, Bytes::from(row.get::<_, Vec<u8>>(1)?))?;
        bytes = bytes.saturating_add(version.report.bytes()).saturating_add(version.timeless.line.len());
        versions.push(version);
        if bytes >= bytes_max {
            break;
        }
    }
    Ok(versions)
}

/// What versions of one batch share.
struct Batch {
    first_position: i64,
    next_position: i64,
    add_time_ms: i64,
    severity: i32,
    submitter_no: i64,
    traceparent: Arc<str>,
    key_id: Arc<str>,
    signature: Bytes,
    leaves: Vec<u8>,
    /// Hashed when the first path in it is asked for.
    tree: Option<MemoryTree>,
}

/// A row of `version`; type, originator and operation as numbers of words.
struct VersionRow {
    words: [i64; 3],
    dated_label_no: i64,
    report_id: String,
    version: String,
    title: String,
}

/// Reads reports one after the other and remembers what neighbours share. The two statements of every row are held, not
/// looked up anew.
struct Reader<'c> {
    connection: &'c Connection,
    content: CachedStatement<'c>,
    version: CachedStatement<'c>,
    words: HashMap<i64, Arc<str>>,
    labels: HashMap<i64, Arc<DatedLabel>>,
    timeless: HashMap<u32, (i64, Arc<LabelReference>)>,
    batch: Option<Batch>,
}

impl<'c> Reader<'c> {
    fn new(connection: &'c Connection) -> Result<Reader<'c>, Error> {
        let content = connection.prepare_cached("SELECT body FROM content WHERE position = ?1")?;
        let version = connection.prepare_cached(
            "SELECT type_no, originator_no, operation_no, dated_label_no, report_id, version, title
             FROM version WHERE position = ?1",
        )?;
        Ok(Reader {
            connection,
            content,
            version,
            words: HashMap::new(),
            labels: HashMap::new(),
            timeless: HashMap::new(),
            batch: None,
        })
    }

    fn content(&mut self, position: i64) -> Result<Bytes, Error> {
        Ok(Bytes::from(self.content.query_row([position], |row| row.get::<_, Vec<u8>>(0))?))
    }

    fn report(&mut self, position: i64, content: Bytes, signed: bool) -> Result<StoredReport, Error> {
        let row = self.version.query_row([position], |row| {
            Ok(VersionRow {
                words: [row.get(0)?, row.get(1)?, row.get(2)?],
                dated_label_no: row.get(3)?,
                report_id: row.get(4)?,
                version: row.get(5)?,
                title: row.get(6)?,
            })
        })?;
        let signature = if signed { Some(self.signature(position)?) } else { None };
        let [type_no, originator_no, operation_no] = row.words;
        let report_type = self.word(type_no)?;
        let originator = self.word(originator_no)?;
        let operation = self.word(operation_no)?;
        let label = self.label(row.dated_label_no)?;
        let batch = self.batch(position)?;
        Ok(StoredReport {
            position,
            report_id: row.report_id,
            version: row.version,
            report_type,
            originator,
            operation,
            label,
            add_time_ms: batch.add_time_ms,
            title: row.title,
            severity: batch.severity,
            content,
            signature,
        })
    }

    fn journal_version(&mut self, position: i64, content: Bytes) -> Result<JournalVersion, Error> {
        let report = self.report(position, content, false)?;
        let (realm_no, timeless) = self.timeless(report.label.label_no)?;
        let batch = self.batch(position)?;
        let (traceparent, submitter_no) = (batch.traceparent.clone(), batch.submitter_no);
        Ok(JournalVersion {
            report,
            realm: self.word(realm_no)?,
            timeless,
            traceparent,
            submitter: self.word(submitter_no)?,
        })
    }

    fn word(&mut self, word_no: i64) -> Result<Arc<str>, Error> {
        if let Some(word) = self.words.get(&word_no) {
            return Ok(word.clone());
        }
        let mut statement = self.connection.prepare_cached("SELECT text FROM word WHERE word_no = ?1")?;
        let word: Arc<str> = statement.query_row([word_no], |row| row.get(0))?;
        self.words.insert(word_no, word.clone());
        Ok(word)
    }

    fn label(&mut self, dated_label_no: i64) -> Result<Arc<DatedLabel>, Error> {
        if let Some(label) = self.labels.get(&dated_label_no) {
            return Ok(label.clone());
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT label_no, line, hash, not_before, not_after, review_by FROM dated_label WHERE dated_label_no = ?1",
        )?;
        let label = statement.query_row([dated_label_no], |row| {
            Ok(DatedLabel {
                label_no: row.get(0)?,
                label: LabelReference { line: row.get(1)?, hash: row.get(2)? },
                not_before: row.get(3)?,
                not_after: row.get(4)?,
                review_by: row.get(5)?,
            })
        })?;
        let label = Arc::new(label);
        self.labels.insert(dated_label_no, label.clone());
        Ok(label)
    }

    fn timeless(&mut self, label_no: u32) -> Result<(i64, Arc<LabelReference>), Error> {
        if let Some(known) = self.timeless.get(&label_no) {
            return Ok(known.clone());
        }
        let mut statement =
            self.connection.prepare_cached("SELECT realm_no, line, hash FROM label WHERE label_no = ?1")?;
        let found = statement.query_row([label_no], |row| {
            Ok((row.get(0)?, Arc::new(LabelReference { line: row.get(1)?, hash: row.get(2)? })))
        })?;
        self.timeless.insert(label_no, found.clone());
        Ok(found)
    }

    /// The batch of a position; neighbours are mostly of the same one.
    fn batch(&mut self, position: i64) -> Result<&mut Batch, Error> {
        let known =
            self.batch.take().filter(|batch| (batch.first_position..batch.next_position).contains(&position));
        let batch = match known {
            Some(batch) => batch,
            None => read_batch(self.connection, position)?,
        };
        Ok(self.batch.insert(batch))
    }

    fn signature(&mut self, position: i64) -> Result<StoredSignature, Error> {
        let batch = self.batch(position)?;
        let leaf_index = u64::try_from(position.saturating_sub(batch.first_position)).unwrap_or(u64::MAX);
        let tree = match &mut batch.tree {
            Some(tree) => tree,
            none => {
                let leaves =
                    signature::decode_hashes(&batch.leaves).ok_or(Error::Stored("the leaves of a batch"))?;
                none.insert(MemoryTree::new(leaves))
            }
        };
        Ok(StoredSignature {
            key_id: batch.key_id.clone(),
            ed25519: batch.signature.clone(),
            leaf_index,
            leaf_count: tree.size(),
            path: tree.inclusion_path(leaf_index).ok_or(Error::Stored("a place in a batch"))?,
        })
    }
}

fn read_batch(connection: &Connection, position: i64) -> Result<Batch, Error> {
    let mut statement = connection.prepare_cached(
        "SELECT first_position, add_time_ms, severity, submitter_no, traceparent, key_id, signature, leaves
         FROM batch JOIN signing_key USING (key_no)
         WHERE first_position <= ?1 ORDER BY first_position DESC LIMIT 1",
    )?;
    let batch = statement.query_row(params![position], |row| {
        let first_position: i64 = row.get(0)?;
        let leaves: Vec<u8> = row.get(7)?;
        let count = leaves.len().checked_div(entente_ledger::hash::HASH_BYTES).unwrap_or_default();
        Ok(Batch {
            first_position,
            next_position: first_position.saturating_add(i64::try_from(count).unwrap_or(i64::MAX)),
            add_time_ms: row.get(1)?,
            severity: row.get(2)?,
            submitter_no: row.get(3)?,
            traceparent: row.get(4)?,
            key_id: row.get(5)?,
            signature: Bytes::from(row.get::<_, Vec<u8>>(6)?),
            leaves,
            tree: None,
        })
    })?;
    Ok(batch)
}
