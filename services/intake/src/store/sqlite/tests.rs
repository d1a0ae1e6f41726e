//! The store by itself: what is unique, what is signed, what is remembered; and that hidden rows change nothing.

mod hidden;

use std::sync::Arc;

use aws_lc_rs::{
    digest::{SHA256, digest},
    rand::SystemRandom,
    signature::{ED25519, Ed25519KeyPair, UnparsedPublicKey},
};
use bytes::Bytes;
use entente_ledger::proof::{MemoryTree, verify_inclusion};
use entente_stix::timestamp::StixTimestamp;
use roaring::RoaringBitmap;
use tempfile::TempDir;

use super::SqliteStore;
use crate::{
    error::Error,
    store::{
        AuditAct, AuditEvent, AuditItems, Extent, Filter, LabelReference, LabelUse, NewBatch, NewVersion,
        Outcome, Query, RequestKey, ResolvedLabel, Store, StoredReport, TextTerm, Version, report_key,
        signature::{OriginatorKey, Statement},
    },
};

const REALM: &str = "REAL";
const ALL: Extent = Extent { reports_max: 1_000, bytes_max: 1 << 30, at_least_one: true, with_content: true };

/// A version as tests write it.
#[derive(Debug, Clone)]
struct Draft {
    id: u32,
    /// Second of its version; `None` for a report without versions.
    second: Option<u32>,
    content: String,
    label: usize,
    report_type: &'static str,
}

impl Draft {
    fn of(id: u32, second: u32, content: &str) -> Draft {
        Draft { id, second: Some(second), content: content.to_owned(), label: 0, report_type: "indicator" }
    }
}

fn report_id(id: u32) -> String {
    format!("indicator--00000000-0000-4000-8000-{id:012}")
}

fn label(name: &str) -> ResolvedLabel {
    let hash = |text: &str| digest(&SHA256, text.as_bytes()).as_ref().try_into().unwrap();
    ResolvedLabel {
        dated: LabelReference { line: name.to_owned(), hash: hash(name) },
        timeless: LabelReference { line: name.to_owned(), hash: hash(name) },
        not_before: None,
        not_after: None,
        review_by: None,
        realm: REALM.to_owned(),
        operations: Vec::new(),
        names_persons: false,
    }
}

fn key() -> Arc<OriginatorKey> {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    Arc::new(OriginatorKey::from_pkcs8(pkcs8.as_ref()).unwrap())
}

fn event() -> AuditEvent {
    AuditEvent {
        record_id: [0; 16],
        act: AuditAct::Collection,
        subject: "VLD-COAST/mira".into(),
        organization: "VLD-COAST".into(),
        transaction_id: String::new(),
        certificate_sha256: Vec::new(),
        aal: 2,
        purpose: "CT".into(),
        realm: REALM.into(),
        operation: String::new(),
        items: AuditItems::Listed(Vec::new()),
        query_sha256: Vec::new(),
        payload_sha256: Vec::new(),
        payload_bytes: 0,
        epoch: 1,
        profile_id: Vec::new(),
        obligations: Vec::new(),
        trace_id: [1; 16],
        span_id: [1; 8],
        rpc_method: String::new(),
        occur_time_ms: 0,
    }
}

/// A batch of drafts under labels, each label with its operation.
fn batch(originator: &str, labels: &[(ResolvedLabel, &str)], drafts: &[Draft]) -> NewBatch {
    let key = key();
    let labels: Vec<LabelUse> = labels
        .iter()
        .map(|(label, operation)| LabelUse {
            label: Arc::new(label.clone()),
            operation: (*operation).to_owned(),
        })
        .collect();
    let versions: Vec<NewVersion> = drafts.iter().map(|draft| version(originator, &labels, draft)).collect();
    let leaves: Vec<_> = versions.iter().map(NewVersion::labelled_leaf).collect();
    NewBatch {
        realm: REALM.into(),
        originator: originator.into(),
        submitter: format!("{originator}/mira"),
        severity: 3,
        traceparent: "00-1-1-00".into(),
        now_ms: 1_000,
        trees: key.sign(&leaves),
        labels,
        versions,
        key,
        all_or_nothing: false,
        request: None,
        event: event(),
    }
}

fn version(originator: &str, labels: &[LabelUse], draft: &Draft) -> NewVersion {
    let time =
        |second: u32| StixTimestamp::parse(&format!("2026-01-01T00:{:02}:{:02}Z", second / 60, second % 60));
    let version = draft.second.map_or_else(Version::none, |second| Version::at(&time(second).unwrap()));
    let report_id = report_id(draft.id);
    let content = Bytes::from(draft.content.clone());
    let label_hash = &labels[draft.label].label.dated.hash;
    let statement = Statement {
        originator,
        report_id: &report_id,
        version: &version.text,
        label_hash,
        content: &content,
        title: "",
    };
    let leaf = statement.leaf();
    NewVersion {
        report_key: report_key(REALM, &report_id),
        report_type: draft.report_type.to_owned(),
        title: String::new(),
        label: draft.label,
        report_id,
        version,
        content,
        leaf,
    }
}

fn query(allowed: impl IntoIterator<Item = u32>) -> Query {
    Query {
        realm: REALM.into(),
        allowed: Arc::new(allowed.into_iter().collect::<RoaringBitmap>()),
        day: 100,
        filter: Filter { all_versions: true, ..Filter::default() },
        upto: i64::MAX,
        after: None,
        newest_first: false,
        among: None,
    }
}

async fn all(store: &SqliteStore, query: Query) -> Vec<StoredReport> {
    store.page(query, ALL).await.unwrap().reports
}

async fn open() -> (TempDir, SqliteStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(folder.path()).await.unwrap();
    (folder, store)
}

fn open_label() -> Vec<(ResolvedLabel, &'static str)> {
    vec![(label("OPEN"), "")]
}

use Outcome::{Accepted, Conflict, Unchanged};

#[tokio::test]
async fn the_same_again_changes_nothing_and_something_else_under_the_same_key_is_a_conflict() {
    let (_folder, store) = open().await;
    let labels = vec![(label("OPEN"), ""), (label("CLOSED"), "")];
    let first = Draft::of(1, 1, "{}");
    let outcomes = store.add_batch(batch("VLD-COAST", &labels, std::slice::from_ref(&first))).await.unwrap();
    assert_eq!(outcomes, [Accepted]);
    let relabelled = Draft { label: 1, ..first.clone() };
    let drafts =
        [first.clone(), Draft::of(1, 1, "{ }"), relabelled, Draft::of(1, 2, "{}"), Draft::of(1, 2, "{}")];
    let outcomes = store.add_batch(batch("VLD-COAST", &labels, &drafts)).await.unwrap();
    assert_eq!(outcomes, [Unchanged, Conflict, Conflict, Accepted, Unchanged]);
    // Another originator has reports of its own, whatever their ids.
    let outcomes = store.add_batch(batch("ORS-CERT", &labels, &[Draft::of(1, 1, "{ }")])).await.unwrap();
    assert_eq!(outcomes, [Accepted]);
    assert_eq!(*store.head().borrow(), 3);
}

#[tokio::test]
async fn one_conflict_refuses_all_where_all_or_nothing_was_asked() {
    let (_folder, store) = open().await;
    store.add_batch(batch("VLD-COAST", &open_label(), &[Draft::of(1, 1, "{}")])).await.unwrap();
    let drafts = [Draft::of(2, 1, "{}"), Draft::of(1, 1, "{ }")];
    let batch = NewBatch { all_or_nothing: true, ..batch("VLD-COAST", &open_label(), &drafts) };
    match store.add_batch(batch).await {
        Err(Error::Conflicts(places)) => assert_eq!(places, [1]),
        other => panic!("{other:?}"),
    }
    assert_eq!(all(&store, query([1])).await.len(), 1);
    assert_eq!(*store.head().borrow(), 1);
}

#[tokio::test]
async fn the_same_request_gets_its_first_answer_and_another_under_its_id_is_refused() {
    let (_folder, store) = open().await;
    let request = RequestKey { request_id: [1; 16], request_sha256: [1; 32] };
    let ask = |request: RequestKey| {
        let batch = batch("VLD-COAST", &open_label(), &[Draft::of(1, 1, "{}")]);
        store.add_batch(NewBatch { request: Some(request), ..batch })
    };
    assert_eq!(ask(request).await.unwrap(), [Accepted]);
    assert_eq!(ask(request).await.unwrap(), [Accepted]);
    let reused = ask(RequestKey { request_sha256: [2; 32], ..request }).await;
    assert!(matches!(reused, Err(Error::RequestIdReused)));
    assert_eq!(store.forget_requests(1_000).await.unwrap(), 0);
    assert_eq!(store.forget_requests(1_001).await.unwrap(), 1);
    assert_eq!(ask(request).await.unwrap(), [Unchanged]);
}

#[tokio::test]
async fn every_version_is_signed_in_its_place_also_when_parts_of_the_batch_were_there() {
    let (_folder, store) = open().await;
    let drafts: Vec<Draft> = (0..300).map(|id| Draft::of(id, 1, &format!("{{\"n\":{id}}}"))).collect();
    store.add_batch(batch("VLD-COAST", &open_label(), &drafts[10..20])).await.unwrap();
    let second = batch("VLD-COAST", &open_label(), &drafts);
    let public = second.key.public_key().to_vec();
    let labels = second.labels.clone();
    store.add_batch(second).await.unwrap();
    let reports = all(&store, query([1])).await;
    assert_eq!(reports.len(), 300);
    for report in &reports[10..] {
        let signature = report.signature.as_ref().unwrap();
        let id: usize = report.report_id.rsplit('-').next().unwrap().parse().unwrap();
        let leaf = version("VLD-COAST", &labels, &drafts[id]).leaf;
        let first =
            usize::try_from(report.position).unwrap() - 1 - usize::try_from(signature.leaf_index).unwrap();
        let count = usize::try_from(signature.leaf_count).unwrap();
        let tree: Vec<_> = reports[first..first + count]
            .iter()
            .map(|report| {
                let id: usize = report.report_id.rsplit('-').next().unwrap().parse().unwrap();
                version("VLD-COAST", &labels, &drafts[id]).leaf
            })
            .collect();
        let root = MemoryTree::new(tree).root();
        verify_inclusion(&leaf, signature.leaf_index, signature.leaf_count, &signature.path, &root).unwrap();
        let message = [b"entente.versions.v1\n".as_slice(), root.as_bytes()].concat();
        UnparsedPublicKey::new(&ED25519, &public).verify(&message, &signature.ed25519).unwrap();
    }
}

#[tokio::test]
async fn a_batch_of_many_versions_is_recorded_in_pieces_that_name_each_once() {
    let (_folder, store) = open().await;
    let drafts: Vec<Draft> = (0..1_500).map(|id| Draft::of(id, 1, "{}")).collect();
    store.add_batch(batch("VLD-COAST", &open_label(), &drafts)).await.unwrap();
    let events: Vec<AuditEvent> = store
        .database()
        .read(|connection| {
            let mut statement = connection.prepare("SELECT payload FROM outbox ORDER BY seq")?;
            let payloads = statement.query_map([], |row| row.get::<_, Vec<u8>>(0))?;
            Ok::<_, Error>(
                payloads.map(|payload| serde_json::from_slice(&payload.unwrap()).unwrap()).collect(),
            )
        })
        .await
        .unwrap();
    let spans: Vec<AuditItems> = events.iter().map(|event| event.items.clone()).collect();
    let span = |first, last| AuditItems::Positions { first, last };
    assert_eq!(spans, [span(1, 1_000), span(1_001, 1_500)]);
    assert_ne!(events[0].record_id, events[1].record_id);
    let items = store.audit_items(1_001, 1_500).await.unwrap();
    assert_eq!(items.len(), 500);
    assert_eq!(
        (items[0].object_id.as_str(), items[0].originator.as_str()),
        (report_id(1_000).as_str(), "VLD-COAST")
    );
    assert_eq!(items[0].label_hash, label("OPEN").dated.hash);
}

#[tokio::test]
async fn the_journal_gives_every_version_once_in_order_whatever_the_size_of_its_pieces() {
    let (_folder, store) = open().await;
    for start in [0, 40, 80] {
        let drafts: Vec<Draft> = (start..start + 40).map(|id| Draft::of(id, 1, &"x".repeat(100))).collect();
        store.add_batch(batch("VLD-COAST", &open_label(), &drafts)).await.unwrap();
    }
    let (mut after, mut positions) = (0, Vec::new());
    loop {
        let piece = store.journal(after, 5_000).await.unwrap();
        let Some(last) = piece.last() else { break };
        assert!((2..12).contains(&piece.len()), "what surrounds the content counts too: {}", piece.len());
        after = last.report.position;
        positions.extend(piece.iter().map(|version| version.report.position));
        assert!(
            piece.iter().all(|version| &*version.submitter == "VLD-COAST/mira" && &*version.realm == REALM)
        );
    }
    assert_eq!(positions, (1..=120).collect::<Vec<i64>>());
}

#[tokio::test]
async fn what_is_known_without_asking_is_the_same_after_reopening() {
    let (folder, store) = open().await;
    let labels = vec![(label("OPEN"), ""), (label("CLOSED"), "")];
    let drafts = [Draft::of(1, 1, "{}"), Draft { label: 1, ..Draft::of(2, 1, "{}") }];
    store.add_batch(batch("VLD-COAST", &labels, &drafts)).await.unwrap();
    store.index_texts(vec![(1, "night ferry".into()), (2, "day ferry".into())], 2).await.unwrap();
    drop(store);
    let store = SqliteStore::open(folder.path()).await.unwrap();
    assert_eq!((*store.head().borrow(), *store.indexed().borrow(), store.labels_upto()), (2, 2, 2));
    let labels = store.labels_after(REALM, false, 0, 10).await.unwrap();
    assert_eq!(labels.iter().map(|label| label.label_no).collect::<Vec<_>>(), [1, 2]);
    assert!(store.labels_after("EXERCISE:X", false, 0, 10).await.unwrap().is_empty());
    assert!(store.labels_after(REALM, true, 0, 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn texts_are_found_by_words_phrases_and_prefixes_newest_first() {
    let (_folder, store) = open().await;
    let texts = ["The night ferry left", "ferry at night", "Fähre T1059.003", "ferries"];
    let texts: Vec<(i64, String)> = (1..).zip(texts.map(str::to_owned)).collect();
    store.index_texts(texts.clone(), 4).await.unwrap();
    // A piece indexed twice, as after a crash, is not found twice.
    store.index_texts(texts, 4).await.unwrap();
    let find = async |terms: &[TextTerm]| store.text_matches(terms, 100, 10).await.unwrap();
    let word = |text: &str| TextTerm::Phrase(text.to_owned());
    assert_eq!(find(&[word("FERRY"), word("night")]).await, [2, 1]);
    assert_eq!(find(&[word("night ferry")]).await, [1]);
    assert_eq!(find(&[TextTerm::Prefix("ferr".into())]).await, [4, 2, 1]);
    assert_eq!(find(&[word("T1059.003"), word("fahre")]).await, [3]);
    assert_eq!(find(&[word("night OR day")]).await, [0_i64; 0]);
    assert_eq!(store.text_matches(&[word("ferry")], 1, 10).await.unwrap(), [1]);
}
