//! Rows that may answer a query, in the order of the list, by whichever plan is cheapest; and the test each must pass.
//!
//! INVARIANT (I2): a row the reader may not see changes neither which rows pass nor their order. Every plan gives all
//! rows of the bounds that the filter can match; the test looks at the row and at visible versions of the same report.

use std::{
    cmp::Reverse,
    collections::{BinaryHeap, HashMap, HashSet, VecDeque},
    ops::ControlFlow,
};

use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};

use super::{Waiting, intern, sql_limit};
use crate::{
    error::Error,
    store::{Query, report_key},
};

const COLUMNS: &str =
    "position, label_no, not_before, not_after, type_no, originator_no, operation_no, sibling, report_key";
/// Rows looked at between two looks at whether the caller still waits.
const CHECK_EVERY: u32 = 512;
/// Positions of one label read at a time while labels are merged: the least and the most.
const MERGE_ROWS_MIN: usize = 8;
const MERGE_ROWS_MAX: usize = 1_024;
/// Positions wanted of all labels together at first.
const MERGE_ROWS_FIRST: usize = 2_048;

/// What is looked at in a row before anything else of it is read.
pub(super) struct Candidate {
    pub(super) position: i64,
    label_no: u32,
    not_before: Option<i32>,
    not_after: Option<i32>,
    type_no: i64,
    originator_no: i64,
    operation_no: i64,
    sibling: bool,
    report_key: i64,
}

impl Candidate {
    fn read(row: &Row<'_>) -> rusqlite::Result<Candidate> {
        Ok(Candidate {
            position: row.get(0)?,
            label_no: row.get(1)?,
            not_before: row.get(2)?,
            not_after: row.get(3)?,
            type_no: row.get(4)?,
            originator_no: row.get(5)?,
            operation_no: row.get(6)?,
            sibling: row.get(7)?,
            report_key: row.get(8)?,
        })
    }
}

/// A query in numbers, within one snapshot.
pub(super) struct Search<'a> {
    connection: &'a Connection,
    waiting: &'a Waiting,
    query: &'a Query,
    /// Labels to merge over; `None` to scan.
    few: Option<Vec<u32>>,
    types: Option<Vec<i64>>,
    originator: Option<i64>,
    operations: Option<Vec<i64>>,
    realm_no: i64,
    /// Positions looked at: above, and up to.
    low: i64,
    high: i64,
    /// Newest visible position of reports that have several versions.
    newest: HashMap<(i64, String), Option<i64>>,
}

impl<'a> Search<'a> {
    /// Finds the numbers of everything the query names; `None` if something of it is stored nowhere, so that nothing
    /// can match.
    pub(super) fn of(
        connection: &'a Connection,
        waiting: &'a Waiting,
        query: &'a Query,
        few: Option<Vec<u32>>,
    ) -> Result<Option<Search<'a>>, Error> {
        let filter = &query.filter;
        let Some(realm_no) = intern::find_word(connection, &query.realm)? else { return Ok(None) };
        let originator = match &filter.originator {
            None => None,
            Some(name) => match intern::find_word(connection, name)? {
                None => return Ok(None),
                found => found,
            },
        };
        let mut types = Vec::new();
        for name in &filter.types {
            types.extend(intern::find_word(connection, name)?);
        }
        let below = |path: &String| intern::operations_below(connection, path);
        let (low, high) = bounds(connection, query)?;
        Ok(Some(Search {
            connection,
            waiting,
            query,
            few,
            types: (!filter.types.is_empty()).then_some(types),
            originator,
            operations: filter.operation.as_ref().map(below).transpose()?,
            realm_no,
            low,
            high,
            newest: HashMap::new(),
        }))
    }

    /// Gives every match in the order of the list, until `found` has enough.
    pub(super) fn each(
        &mut self,
        mut found: impl FnMut(&Candidate) -> Result<ControlFlow<()>, Error>,
    ) -> Result<(), Error> {
        if self.low >= self.high {
            return Ok(());
        }
        let mut looked_at = 0_u32;
        let mut look = |search: &mut Search<'a>, candidate: &Candidate| {
            looked_at = looked_at.wrapping_add(1);
            if looked_at.is_multiple_of(CHECK_EVERY) {
                search.waiting.check()?;
            }
            if search.passes(candidate)? { found(candidate) } else { Ok(ControlFlow::Continue(())) }
        };
        let query = self.query;
        let named =
            if query.filter.report_ids.is_empty() { None } else { Some(self.positions_of_reports()?) };
        match (&query.among, named, self.few.clone()) {
            (Some(positions), None, _) => self.each_of(positions.iter().copied(), &mut look),
            (Some(positions), Some(named), _) => {
                let named: HashSet<i64> = named.into_iter().collect();
                self.each_of(positions.iter().copied().filter(|position| named.contains(position)), &mut look)
            }
            (None, Some(named), _) => self.each_of(named.into_iter(), &mut look),
            (None, None, Some(labels)) => self.merge(labels, &mut look),
            (None, None, None) => self.scan(&mut look),
        }
    }

    fn passes(&mut self, candidate: &Candidate) -> Result<bool, Error> {
        let in_list =
            |list: &Option<Vec<i64>>, number: i64| list.as_ref().is_none_or(|list| list.contains(&number));
        let matches = self.is_visible(candidate.label_no, candidate.not_before, candidate.not_after)
            && self.originator.is_none_or(|originator| originator == candidate.originator_no)
            && in_list(&self.types, candidate.type_no)
            && in_list(&self.operations, candidate.operation_no);
        if !matches {
            return Ok(false);
        }
        if !candidate.sibling || self.query.filter.all_versions {
            return Ok(true);
        }
        Ok(self.newest_visible(candidate)? == Some(candidate.position))
    }

    fn is_visible(&self, label_no: u32, not_before: Option<i32>, not_after: Option<i32>) -> bool {
        let day = self.query.day;
        self.query.allowed.contains(label_no)
            && not_before.is_none_or(|first| first <= day)
            && not_after.is_none_or(|end| day < end)
    }

    /// The newest version of the candidate's report, of its originator, that the reader may see.
    fn newest_visible(&mut self, candidate: &Candidate) -> Result<Option<i64>, Error> {
        let report_id: String = self
            .connection
            .prepare_cached("SELECT report_id FROM version WHERE position = ?1")?
            .query_row([candidate.position], |row| row.get(0))?;
        let key = (candidate.originator_no, report_id);
        if let Some(newest) = self.newest.get(&key) {
            return Ok(*newest);
        }
        let mut statement = self.connection.prepare_cached(
            "SELECT position, label_no, not_before, not_after FROM version INDEXED BY version_by_report
             WHERE report_key = ?1 AND originator_no = ?2 AND realm_no = ?3 AND report_id = ?4 AND position <= ?5
             ORDER BY version_seconds DESC, version_nanos DESC",
        )?;
        let mut rows =
            statement.query(params![candidate.report_key, key.0, self.realm_no, key.1, self.query.upto])?;
        let mut newest = None;
        while let Some(row) = rows.next()? {
            if self.is_visible(row.get(1)?, row.get(2)?, row.get(3)?) {
                newest = Some(row.get(0)?);
                break;
            }
        }
        self.newest.insert(key, newest);
        Ok(newest)
    }

    fn scan(&mut self, look: &mut Look<'_, 'a>) -> Result<(), Error> {
        let order = if self.query.newest_first { "DESC" } else { "ASC" };
        let sql = format!(
            "SELECT {COLUMNS} FROM version NOT INDEXED WHERE position > ?1 AND position <= ?2 ORDER BY position {order}"
        );
        let mut statement = self.connection.prepare_cached(&sql)?;
        let mut rows = statement.query([self.low, self.high])?;
        while let Some(row) = rows.next()? {
            // Most rows a reader may not see end here, two numbers read.
            if !self.query.allowed.contains(row.get(1)?) {
                continue;
            }
            if look(self, &Candidate::read(row)?)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn each_of(
        &mut self,
        positions: impl Iterator<Item = i64>,
        look: &mut Look<'_, 'a>,
    ) -> Result<(), Error> {
        let sql =
            format!("SELECT {COLUMNS} FROM version WHERE position = ?1 AND position > ?2 AND position <= ?3");
        let mut statement = self.connection.prepare_cached(&sql)?;
        for position in positions {
            let found = statement.query_row([position, self.low, self.high], Candidate::read).optional()?;
            if let Some(candidate) = found
                && look(self, &candidate)?.is_break()
            {
                break;
            }
        }
        Ok(())
    }

    /// Positions of the reports named, in the order of the list.
    fn positions_of_reports(&self) -> Result<Vec<i64>, Error> {
        let mut statement = self.connection.prepare_cached(
            "SELECT position FROM version INDEXED BY version_by_report
             WHERE report_key = ?1 AND realm_no = ?2 AND report_id = ?3 AND (?4 IS NULL OR version = ?4)",
        )?;
        let filter = &self.query.filter;
        let mut positions: Vec<i64> = Vec::new();
        for report_id in &filter.report_ids {
            let key = report_key(&self.query.realm, report_id);
            let rows = statement
                .query_map(params![key, self.realm_no, report_id, filter.version], |row| row.get(0))?;
            for position in rows {
                positions.push(position?);
            }
        }
        positions.sort_unstable();
        positions.dedup();
        if self.query.newest_first {
            positions.reverse();
        }
        Ok(positions)
    }

    /// The rows of some labels, merged by position.
    fn merge(&mut self, labels: Vec<u32>, look: &mut Look<'_, 'a>) -> Result<(), Error> {
        let rows = MERGE_ROWS_FIRST.checked_div(labels.len()).unwrap_or(MERGE_ROWS_MIN);
        let mut feed = Feed {
            order: Order { newest_first: self.query.newest_first },
            rows: rows.clamp(MERGE_ROWS_MIN, MERGE_ROWS_MAX),
            statement: self.connection.prepare_cached(label_sql(self.query.newest_first))?,
            low: self.low,
            high: self.high,
        };
        let mut streams: Vec<LabelRows> = labels.into_iter().map(LabelRows::of).collect();
        let mut heap = BinaryHeap::new();
        for (place, stream) in streams.iter_mut().enumerate() {
            heap.extend(feed.next(stream)?.map(|position| Reverse((feed.order.rank(position), place))));
        }
        let positions = std::iter::from_fn(|| {
            let Reverse((rank, place)) = heap.pop()?;
            let next = streams.get_mut(place).map_or(Ok(None), |stream| feed.next(stream));
            Some(next.map(|next| {
                heap.extend(next.map(|position| Reverse((feed.order.rank(position), place))));
                feed.order.position(rank)
            }))
        });
        let sql = format!("SELECT {COLUMNS} FROM version WHERE position = ?1");
        let mut statement = self.connection.prepare_cached(&sql)?;
        for position in positions {
            let candidate = statement.query_row([position?], Candidate::read)?;
            if look(self, &candidate)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

type Look<'l, 'a> = dyn FnMut(&mut Search<'a>, &Candidate) -> Result<ControlFlow<()>, Error> + 'l;

/// The span of positions a query looks at: above the first, up to the second.
fn bounds(connection: &Connection, query: &Query) -> Result<(i64, i64), Error> {
    let before = |time: Option<i64>| time.map(|time| last_before(connection, time)).transpose();
    let mut low = before(query.filter.added_from_ms)?.unwrap_or(0);
    let mut high = before(query.filter.added_until_ms)?.unwrap_or(i64::MAX).min(query.upto);
    if let Some(after) = query.after {
        if query.newest_first {
            high = high.min(after.saturating_sub(1));
        } else {
            low = low.max(after);
        }
    }
    Ok((low, high))
}

/// The last position added before a time; the highest there can be if nothing was added since.
fn last_before(connection: &Connection, time_ms: i64) -> Result<i64, Error> {
    let mut from = connection.prepare_cached(
        "SELECT first_position, add_time_ms FROM batch WHERE first_position >= ?1 ORDER BY first_position LIMIT 1",
    )?;
    let mut newest = connection.prepare_cached("SELECT coalesce(max(first_position), 0) FROM batch")?;
    let (mut low, mut high) = (0, newest.query_row([], |row| row.get::<_, i64>(0))?.saturating_add(1));
    // INVARIANT: times do not fall as positions rise. All batches below `low` are older than the time, and none from
    // `high` on is.
    while low < high {
        let middle = low.midpoint(high);
        let found =
            from.query_row([middle], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?))).optional()?;
        match found {
            Some((first, add_time_ms)) if add_time_ms < time_ms => low = first.saturating_add(1),
            Some(_) | None => high = middle,
        }
    }
    let since = from.query_row([low], |row| row.get::<_, i64>(0)).optional()?;
    Ok(since.map_or(i64::MAX, |first| first.saturating_sub(1)))
}

fn label_sql(newest_first: bool) -> &'static str {
    if newest_first {
        "SELECT position FROM version INDEXED BY version_by_label
         WHERE label_no = ?1 AND position > ?2 AND position <= ?3 ORDER BY position DESC LIMIT ?4"
    } else {
        "SELECT position FROM version INDEXED BY version_by_label
         WHERE label_no = ?1 AND position > ?2 AND position <= ?3 ORDER BY position ASC LIMIT ?4"
    }
}

/// Turns positions into ranks that rise along the list.
#[derive(Clone, Copy)]
struct Order {
    newest_first: bool,
}

impl Order {
    fn rank(self, position: i64) -> i64 {
        if self.newest_first { position.saturating_neg() } else { position }
    }

    fn position(self, rank: i64) -> i64 {
        self.rank(rank)
    }
}

/// Positions of one label read ahead.
struct LabelRows {
    label_no: u32,
    ahead: VecDeque<i64>,
    last: Option<i64>,
    ended: bool,
}

impl LabelRows {
    fn of(label_no: u32) -> LabelRows {
        LabelRows { label_no, ahead: VecDeque::new(), last: None, ended: false }
    }
}

/// Reads positions of labels, some at a time.
struct Feed<'c> {
    order: Order,
    rows: usize,
    statement: CachedStatement<'c>,
    low: i64,
    high: i64,
}

impl Feed<'_> {
    fn next(&mut self, stream: &mut LabelRows) -> Result<Option<i64>, Error> {
        if stream.ahead.is_empty() && !stream.ended {
            self.fill(stream)?;
        }
        Ok(stream.ahead.pop_front())
    }

    fn fill(&mut self, stream: &mut LabelRows) -> Result<(), Error> {
        let (low, high) = match stream.last {
            None => (self.low, self.high),
            Some(last) if self.order.newest_first => (self.low, last.saturating_sub(1)),
            Some(last) => (last, self.high),
        };
        let rows = self
            .statement
            .query_map(params![stream.label_no, low, high, sql_limit(self.rows)], |row| row.get(0))?;
        for position in rows {
            stream.ahead.push_back(position?);
        }
        stream.ended = stream.ahead.len() < self.rows;
        stream.last = stream.ahead.back().copied();
        Ok(())
    }
}
