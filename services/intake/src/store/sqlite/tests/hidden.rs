//! Unseen is absent (I2): every page and count is the same in a store that never held what the reader may not see, and
//! the same whichever plan finds it.

use std::{collections::BTreeSet, ops::ControlFlow};

use proptest::{prelude::*, sample::select};

use super::*;
use crate::store::sqlite::{Waiting, candidates::Search};

const DAY: i32 = 100;
const TYPES: [&str; 2] = ["indicator", "malware"];
const ORIGINATORS: [&str; 2] = ["VLD-COAST", "ORS-CERT"];
const OPERATIONS: [&str; 4] = ["", "TIDEWALL", "TIDEWALL/SOCIETAL", "TIDEWALLS"];
/// Labels, each with the days it may be read on.
const LABELS: usize = 6;

#[derive(Debug, Clone)]
struct Row {
    originator: &'static str,
    draft: Draft,
    operation: usize,
    not_before: Option<i32>,
    not_after: Option<i32>,
    /// Rows of one batch stand together.
    batch: usize,
}

impl Row {
    fn key(&self) -> (&'static str, u32, Option<u32>) {
        (self.originator, self.draft.id, self.draft.second)
    }

    fn is_visible(&self, allowed: &BTreeSet<usize>) -> bool {
        allowed.contains(&self.draft.label)
            && self.not_before.is_none_or(|day| day <= DAY)
            && self.not_after.is_none_or(|day| DAY < day)
    }
}

prop_compose! {
    fn row()(
        originator in select(&ORIGINATORS[..]),
        id in 0_u32..8,
        second in proptest::option::weighted(0.9, 0_u32..5),
        label in 0..LABELS,
        report_type in select(&TYPES[..]),
        operation in 0..OPERATIONS.len(),
        not_before in proptest::option::weighted(0.2, DAY - 1..DAY + 2),
        not_after in proptest::option::weighted(0.2, DAY - 1..DAY + 2),
        batch in 0_usize..4,
    ) -> Row {
        let draft = Draft { id, second, content: format!("{originator} {id} {second:?}"), label, report_type };
        Row { originator, draft, operation, not_before, not_after, batch }
    }
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec(row(), 0..40).prop_map(|mut rows| {
        let mut keys = BTreeSet::new();
        rows.retain(|row| keys.insert(row.key()));
        rows.sort_by_key(|row| row.batch);
        rows
    })
}

prop_compose! {
    fn filter()(
        types in prop::collection::vec(select(&["indicator", "malware", "tool"][..]), 0..2),
        ids in prop::collection::vec(0_u32..9, 0..4),
        originator in proptest::option::of(select(&["VLD-COAST", "ORS-CERT", "KSI-ISAC"][..])),
        operation in proptest::option::of(select(&["TIDEWALL", "TIDEWALL/SOCIETAL", "NONE"][..])),
        from in proptest::option::weighted(0.3, 0_i64..6),
        until in proptest::option::weighted(0.3, 0_i64..6),
        all_versions: bool,
    ) -> Filter {
        Filter {
            types: types.into_iter().map(str::to_owned).collect(),
            report_ids: ids.into_iter().map(report_id).collect(),
            originator: originator.map(str::to_owned),
            operation: operation.map(str::to_owned),
            version: None,
            added_from_ms: from.map(|batch| batch * 1_000),
            added_until_ms: until.map(|batch| batch * 1_000),
            all_versions,
        }
    }
}

/// A store that holds some rows, and the numbers its labels got.
async fn filled(rows: &[&Row]) -> (TempDir, SqliteStore, Vec<Option<u32>>) {
    let (folder, store) = open().await;
    // Every row has a dated label of its own; the timeless one behind it is one of six.
    for row in rows {
        let mut label = label(&format!("LABEL {}", row.draft.label));
        (label.not_before, label.not_after) = (row.not_before, row.not_after);
        label.dated.line = format!("{} {:?} {:?}", label.dated.line, row.not_before, row.not_after);
        label.dated.hash = digest(&SHA256, label.dated.line.as_bytes()).as_ref().try_into().unwrap();
        let draft = Draft { label: 0, ..row.draft.clone() };
        let new = batch(row.originator, &[(label, OPERATIONS[row.operation])], &[draft]);
        store.add_batch(NewBatch { now_ms: 1_000 * i64::try_from(row.batch).unwrap(), ..new }).await.unwrap();
    }
    let interned = store.labels_after(REALM, false, 0, 100).await.unwrap();
    let number = |place: usize| {
        let line = format!("LABEL {place}");
        interned.iter().find(|label| label.label.line == line).map(|label| label.label_no)
    };
    (folder, store, (0..LABELS).map(number).collect())
}

fn query_for(
    numbers: &[Option<u32>],
    allowed: &BTreeSet<usize>,
    filter: &Filter,
    newest_first: bool,
) -> Query {
    let numbers = allowed.iter().filter_map(|place| numbers[*place]);
    Query { day: DAY, filter: filter.clone(), newest_first, ..query(numbers) }
}

/// What a reader is told, page by page: nothing of it may depend on positions.
async fn pages(store: &SqliteStore, query: &Query, size: usize) -> Vec<Vec<(String, String, Bytes)>> {
    let (mut pages, mut after) = (Vec::new(), None);
    loop {
        let extent = Extent { reports_max: size, ..ALL };
        let page = store.page(Query { after, ..query.clone() }, extent).await.unwrap();
        after = page.reports.last().map(|report| report.position);
        pages.push(
            page.reports
                .into_iter()
                .map(|report| (report.report_id, report.version, report.content))
                .collect(),
        );
        if !page.more {
            return pages;
        }
    }
}

/// Positions that a query finds by a plan of the test's choice.
async fn planned(store: &SqliteStore, query: &Query, few: Option<Vec<u32>>) -> Vec<i64> {
    let query = query.clone();
    store
        .read(move |connection, waiting: &Waiting| {
            let mut positions = Vec::new();
            if let Some(mut search) = Search::of(connection, waiting, &query, few)? {
                search.each(|candidate| {
                    positions.push(candidate.position);
                    Ok(ControlFlow::Continue(()))
                })?;
            }
            Ok(positions)
        })
        .await
        .unwrap()
}

/// The rows a filter means, by the plainest reading of it.
fn naive<'r>(rows: &[&'r Row], filter: &Filter) -> Vec<&'r Row> {
    let is_below =
        |path: &str, operation: &str| operation == path || operation.starts_with(&format!("{path}/"));
    let is_newest = |row: &Row| {
        let same = |other: &&&Row| (other.originator, other.draft.id) == (row.originator, row.draft.id);
        rows.iter().filter(same).all(|other| other.draft.second <= row.draft.second)
    };
    let holds = |row: &&&'r Row| {
        let added = 1_000 * i64::try_from(row.batch).unwrap();
        (filter.types.is_empty() || filter.types.iter().any(|name| name == row.draft.report_type))
            && (filter.report_ids.is_empty() || filter.report_ids.contains(&report_id(row.draft.id)))
            && filter.originator.as_deref().is_none_or(|name| name == row.originator)
            && filter.operation.as_deref().is_none_or(|path| is_below(path, OPERATIONS[row.operation]))
            && filter.added_from_ms.is_none_or(|from| added >= from)
            && filter.added_until_ms.is_none_or(|until| added < until)
            && (filter.all_versions || is_newest(row))
    };
    rows.iter().filter(holds).copied().collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn pages_and_counts_are_the_same_with_the_hidden_rows_deleted(
        rows in rows(),
        allowed in prop::collection::btree_set(0..LABELS, 0..LABELS),
        filters in prop::collection::vec((filter(), any::<bool>(), 1_usize..7), 6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let whole: Vec<&Row> = rows.iter().collect();
            let visible: Vec<&Row> = rows.iter().filter(|row| row.is_visible(&allowed)).collect();
            let (_one, everything, numbers) = filled(&whole).await;
            let (_other, only_visible, visible_numbers) = filled(&visible).await;
            for (filter, newest_first, size) in &filters {
                let query = query_for(&numbers, &allowed, filter, *newest_first);
                let clean = query_for(&visible_numbers, &allowed, filter, *newest_first);
                let told = pages(&everything, &query, *size).await;
                assert_eq!(told, pages(&only_visible, &clean, *size).await, "{filter:?}");
                assert!(told.iter().rev().skip(1).all(|page| page.len() == *size), "a page before the last is not full");
                let count = everything.count(query.clone()).await.unwrap();
                assert_eq!(count, only_visible.count(clean).await.unwrap());

                let mut expected: Vec<String> = naive(&visible, filter).iter().map(|row| row.draft.content.clone()).collect();
                if *newest_first {
                    expected.reverse();
                }
                let contents: Vec<String> =
                    told.into_iter().flatten().map(|(_, _, content)| String::from_utf8(content.to_vec()).unwrap()).collect();
                assert_eq!(contents, expected, "{filter:?}");

                let scanned = planned(&everything, &query, None).await;
                let labels = query.allowed.iter().collect();
                assert_eq!(scanned, planned(&everything, &query, Some(labels)).await);
                assert_eq!(count, scanned.len() as u64);
            }
        });
    }
}

#[tokio::test]
async fn what_comes_after_a_list_began_changes_nothing_in_it() {
    let (_folder, store) = open().await;
    let drafts: Vec<Draft> = (0..10).map(|id| Draft::of(id, 1, "{}")).collect();
    store.add_batch(batch("VLD-COAST", &open_label(), &drafts)).await.unwrap();
    for newest_first in [false, true] {
        let list =
            Query { upto: *store.head().borrow(), newest_first, filter: Filter::default(), ..query([1]) };
        let before = pages(&store, &list, 3).await;
        // A newer version of each, and something new.
        let second = if newest_first { 3 } else { 2 };
        let newer: Vec<Draft> = (0..12).map(|id| Draft::of(id, second, "{}")).collect();
        store.add_batch(batch("VLD-COAST", &open_label(), &newer)).await.unwrap();
        assert_eq!(pages(&store, &list, 3).await, before);
    }
}

#[tokio::test]
async fn labels_are_merged_in_order_across_many_pieces() {
    let (_folder, store) = open().await;
    let labels: Vec<(ResolvedLabel, &str)> =
        (0..40).map(|number| (label(&format!("L{number}")), "")).collect();
    let draft = |id: u32| Draft { label: (id % 40) as usize, ..Draft::of(id, 1, "{}") };
    let drafts: Vec<Draft> = (0..4_000).map(draft).collect();
    store.add_batch(batch("VLD-COAST", &labels, &drafts)).await.unwrap();
    for newest_first in [false, true] {
        let query = Query { newest_first, ..query([3, 5, 30]) };
        let scanned = planned(&store, &query, None).await;
        assert_eq!(scanned.len(), 300);
        assert_eq!(planned(&store, &query, Some(vec![3, 5, 30])).await, scanned);
        let bounded = Query { after: Some(scanned[7]), ..query };
        assert_eq!(planned(&store, &bounded, Some(vec![3, 5, 30])).await, scanned[8..]);
    }
}
