//! The index: each reader's records by term, and the ring of spans.

use std::collections::BTreeMap;

use entente_audit::store::{
    IndexStore, IndexedRecord, Search, SpanBounds, SpanRow, Term, sqlite::SqliteIndex,
};

const MIRA: &str = "VLD-COAST/mira";

fn indexed(index: u64, reader: &str, terms: &[Term]) -> IndexedRecord {
    let terms = terms.iter().map(|term| (reader.into(), term.clone())).collect();
    IndexedRecord { index, terms, trace_id: None }
}

fn search(reader: &str, terms: &[Term]) -> Search {
    Search { reader: reader.to_owned(), terms: terms.to_vec(), from: 0, until: 100, limit: 100 }
}

fn object(id: &str) -> Term {
    Term::Object(id.to_owned())
}

fn subject(id: &str) -> Term {
    Term::Subject(id.to_owned())
}

async fn filled(folder: &std::path::Path) -> SqliteIndex {
    let index = SqliteIndex::open(folder).unwrap();
    let records = vec![
        indexed(0, "A", &[Term::Any, object("x"), subject(MIRA)]),
        indexed(1, "B", &[Term::Any, object("x"), subject(MIRA)]),
        indexed(2, "A", &[Term::Any, object("x")]),
        indexed(3, "A", &[Term::Any, object("y"), subject(MIRA), Term::Trace([9; 16])]),
    ];
    index.add(records, 4).await.unwrap();
    index
}

#[tokio::test]
async fn a_reader_finds_its_own_records_by_every_term_and_their_combination() {
    let folder = tempfile::tempdir().unwrap();
    let index = filled(folder.path()).await;
    let found = async |reader: &str, terms: &[Term]| index.find(search(reader, terms)).await.unwrap();
    assert_eq!(found("A", &[Term::Any]).await, [0, 2, 3]);
    assert_eq!(found("A", &[object("x")]).await, [0, 2]);
    assert_eq!(found("A", &[object("x"), subject(MIRA)]).await, [0]);
    assert_eq!(found("A", &[Term::Trace([9; 16]), object("x")]).await, [0; 0]);
    assert_eq!(found("A", &[Term::Trace([9; 16]), object("y"), subject(MIRA)]).await, [3]);
    assert_eq!(found("B", &[Term::Any]).await, [1]);
    assert_eq!(found("C", &[Term::Any]).await, [0; 0]);
}

#[tokio::test]
async fn a_search_keeps_to_its_range_and_limit() {
    let folder = tempfile::tempdir().unwrap();
    let index = filled(folder.path()).await;
    let in_range = Search { from: 1, until: 3, ..search("A", &[Term::Any]) };
    assert_eq!(index.find(in_range).await.unwrap(), [2]);
    let limited = Search { limit: 2, ..search("A", &[Term::Any]) };
    assert_eq!(index.find(limited).await.unwrap(), [0, 2]);
}

#[tokio::test]
async fn progress_and_terms_survive_a_reopening() {
    let folder = tempfile::tempdir().unwrap();
    drop(filled(folder.path()).await);
    let index = SqliteIndex::open(folder.path()).unwrap();
    assert_eq!(index.indexed().await.unwrap(), 4);
    assert_eq!(index.find(search("A", &[object("y")])).await.unwrap(), [3]);
}

fn span(trace: u8, number: u8) -> SpanRow {
    SpanRow {
        trace_id: [trace; 16],
        span_id: [number; 8],
        parent_span_id: (number > 1).then_some([1; 8]),
        name: "GetReport".to_owned(),
        service_name: "intake".to_owned(),
        start_ns: 100 - i64::from(number),
        end_ns: 200,
        error: number == 2,
        attributes: BTreeMap::from([("rpc.method".to_owned(), "GetReport".to_owned())]),
    }
}

#[tokio::test]
async fn spans_of_a_trace_come_by_start_once_each() {
    let folder = tempfile::tempdir().unwrap();
    let index = SqliteIndex::open(folder.path()).unwrap();
    index.add_spans(vec![span(7, 1), span(7, 2), span(8, 3)], 1_000).await.unwrap();
    index.add_spans(vec![span(7, 2)], 2_000).await.unwrap();
    assert_eq!(index.spans([7; 16], 10).await.unwrap(), [span(7, 2), span(7, 1)]);
    assert_eq!(index.spans([7; 16], 1).await.unwrap().len(), 1);
}

async fn prune(index: &SqliteIndex, received_from_ms: i64, newest_max: u64) {
    while index.prune_spans(SpanBounds { received_from_ms, newest_max }).await.unwrap() {}
}

#[tokio::test]
async fn old_spans_go_and_those_of_audited_traces_stay() {
    let folder = tempfile::tempdir().unwrap();
    let index = SqliteIndex::open(folder.path()).unwrap();
    index.add_spans(vec![span(1, 1), span(2, 2)], 1_000).await.unwrap();
    index.add_spans(vec![span(3, 3)], 2_000).await.unwrap();
    index.add(vec![IndexedRecord { index: 0, terms: Vec::new(), trace_id: Some([2; 16]) }], 1).await.unwrap();
    prune(&index, 1_500, 100).await;
    let left = async |trace: u8| index.spans([trace; 16], 10).await.unwrap().len();
    assert_eq!((left(1).await, left(2).await, left(3).await), (0, 1, 1));
    prune(&index, 3_000, 100).await;
    assert_eq!((left(2).await, left(3).await), (1, 0));
}

#[tokio::test]
async fn spans_beyond_the_number_kept_go_oldest_first() {
    let folder = tempfile::tempdir().unwrap();
    let index = SqliteIndex::open(folder.path()).unwrap();
    for trace in 1..=10 {
        index.add_spans(vec![span(trace, trace)], 1_000).await.unwrap();
    }
    prune(&index, 0, 3).await;
    let mut left = Vec::new();
    for trace in 1..=10_u8 {
        left.extend(index.spans([trace; 16], 10).await.unwrap().iter().map(|span| span.trace_id[0]));
    }
    assert_eq!(left, [8, 9, 10]);
}
