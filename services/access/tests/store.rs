//! What the store promises: one suite, run for each store there is.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::path::Path;

use entente_access::{
    error::Error,
    store::{
        AuditAct, AuditEvent, AuditObject, Change, LabelRow, OperationRow, PartnerRow, PolicySetRow,
        PolicyStore, RequestKey, Store, StoredRegistry, SubjectRow, sqlite::SqliteStore,
    },
};
use entente_persist::{DatabaseConfig, PersistError, outbox};

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(DatabaseConfig::at(folder.join("access.sqlite"))).unwrap()
}

/// How many records wait for audit.
async fn waiting(store: &SqliteStore) -> u64 {
    store.database().read(outbox::waiting).await.unwrap()
}

fn event(object_id: &str) -> AuditEvent {
    AuditEvent {
        record_id: [1; 16],
        act: AuditAct::PolicyChange,
        subject: "VLD-COAST/pavo".to_owned(),
        transaction_id: "t".to_owned(),
        certificate_sha256: vec![2; 32],
        aal: 2,
        purpose: "CT".to_owned(),
        realm: "REAL".to_owned(),
        justification: String::new(),
        objects: vec![AuditObject {
            object_id: object_id.to_owned(),
            version: String::new(),
            label_hash: Vec::new(),
            organization: "VLD-COAST".to_owned(),
        }],
        object_count: 1,
        decision: None,
        epoch: 0,
        trace_id: [3; 16],
        span_id: [4; 8],
        rpc_method: "/x/Y".to_owned(),
        occur_time_ms: 1_000,
    }
}

fn partner(id: &str) -> PartnerRow {
    PartnerRow { organization_id: id.to_owned(), active: true, ..PartnerRow::default() }
}

fn subject(id: &str) -> SubjectRow {
    SubjectRow {
        subject_id: id.to_owned(),
        organization_id: "VLD-COAST".to_owned(),
        person: Some(id.to_ascii_uppercase()),
        kind: "person".to_owned(),
        active: true,
        assurance_level: 2,
        ..SubjectRow::default()
    }
}

fn change<T>(resource: T, etag: &str, request_id: &str) -> Change<T> {
    Change {
        resource,
        expected_etag: etag.to_owned(),
        request: RequestKey {
            subject_id: "VLD-COAST/pavo".to_owned(),
            request_id: request_id.to_owned(),
            request_sha256: [5; 32],
        },
        event: event("VLD-COAST"),
    }
}

fn registry() -> StoredRegistry {
    StoredRegistry {
        realms: ["EXERCISE:LANTERN-26".to_owned()].into(),
        partners: vec![partner("ORS-CERT"), partner("VLD-COAST")],
        subjects: vec![subject("VLD-COAST/mira")],
        operations: vec![OperationRow {
            operation_id: "TIDEWALL".to_owned(),
            lead: "VLD-COAST".to_owned(),
            ..OperationRow::default()
        }],
        ..StoredRegistry::default()
    }
}

#[tokio::test]
async fn a_registry_is_imported_once_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    assert!(store.import_registry(registry(), event("registry")).await.unwrap());
    let loaded = store.load_registry().await.unwrap();
    assert_eq!((loaded.epoch, loaded.partners.len(), loaded.realms.len()), (2, 2, 1));
    assert_eq!(loaded.subjects[0].etag, "e2");
    assert!(!store.import_registry(registry(), event("registry")).await.unwrap());
    assert_eq!(waiting(&store).await, 1);
    drop(store);
    assert_eq!(open(folder.path()).load_registry().await.unwrap(), loaded);
}

#[tokio::test]
async fn every_change_raises_the_epoch_gives_an_etag_and_leaves_a_record() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let first = store.put_partner(change(partner("VLD-COAST"), "", "a")).await.unwrap();
    let second = store.put_subject(change(subject("VLD-COAST/mira"), "", "b")).await.unwrap();
    let suspended = store.suspend_subject("VLD-COAST/mira", event("VLD-COAST/mira")).await.unwrap();
    assert_eq!((first.epoch, second.epoch, suspended), (2, 3, 4));
    assert_eq!(waiting(&store).await, 3);
    let again = store.suspend_subject("VLD-COAST/mira", event("VLD-COAST/mira")).await.unwrap();
    assert_eq!((again, waiting(&store).await), (4, 3), "one already suspended changes nothing");
    let loaded = store.load_registry().await.unwrap();
    assert_eq!((loaded.epoch, loaded.subjects[0].active, loaded.subjects[0].etag.as_str()), (4, false, "e4"));
}

#[tokio::test]
async fn a_change_needs_the_etag_of_what_is_stored() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let refused = store.put_partner(change(partner("VLD-COAST"), "e1", "a")).await;
    assert!(matches!(refused, Err(Error::NotFound(_))));
    let stored = store.put_partner(change(partner("VLD-COAST"), "", "b")).await.unwrap().resource;
    let refused = store.put_partner(change(partner("VLD-COAST"), "", "c")).await;
    assert!(matches!(refused, Err(Error::AlreadyExists(_))));
    store.put_partner(change(partner("VLD-COAST"), &stored.etag, "d")).await.unwrap();
    let refused = store.put_partner(change(partner("VLD-COAST"), &stored.etag, "e")).await;
    assert!(matches!(refused, Err(Error::EtagMismatch(_))));
    assert_eq!(store.load_registry().await.unwrap().epoch, 3, "a refused change raises no epoch");
    assert_eq!(waiting(&store).await, 2, "and leaves no record");
}

#[tokio::test]
async fn the_same_request_gives_the_first_answer_until_it_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let first = store.put_partner(change(partner("VLD-COAST"), "", "a")).await.unwrap();
    assert_eq!(store.put_partner(change(partner("VLD-COAST"), "", "a")).await.unwrap(), first);
    let mut other = change(partner("ORS-CERT"), "", "a");
    other.request.request_sha256 = [6; 32];
    assert!(matches!(store.put_partner(other).await, Err(Error::RequestIdReused(_))));
    store.forget_answers(1_001).await.unwrap();
    let refused = store.put_partner(change(partner("VLD-COAST"), "", "a")).await;
    assert!(matches!(refused, Err(Error::AlreadyExists(_))));
}

#[tokio::test]
async fn two_subjects_never_share_the_name_by_which_an_audience_names_a_person() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.import_registry(registry(), event("registry")).await.unwrap();
    let refused = store.put_subject(change(subject("VLD-COAST/Mira"), "", "a")).await;
    assert!(matches!(refused, Err(Error::Fields(_))));
    assert!(store.put_subject(change(subject("VLD-COAST/mara"), "", "b")).await.is_ok());
}

#[tokio::test]
async fn an_operation_changes_its_lead_and_keeps_its_id() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.import_registry(registry(), event("registry")).await.unwrap();
    let mut operation = store.load_registry().await.unwrap().operations.remove(0);
    operation.lead = "ORS-CERT".to_owned();
    let etag = operation.etag.clone();
    store.put_operation(change(operation, &etag, "a")).await.unwrap();
    assert_eq!(store.load_registry().await.unwrap().operations[0].lead, "ORS-CERT");
}

#[tokio::test]
async fn a_label_in_the_dictionary_never_changes() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let row = |line: &str| LabelRow { hash: [7; 32], timeless_hash: [8; 32], line: line.to_owned() };
    store.intern_labels(vec![row("first")]).await.unwrap();
    store.intern_labels(vec![row("second")]).await.unwrap();
    let lines = store.lines_by_hash(vec![[9; 32], [7; 32]]).await.unwrap();
    assert_eq!(lines, [None, Some("first".to_owned())]);
    for sql in ["UPDATE label SET line = 'other'", "DELETE FROM label"] {
        let tampered: Result<(), PersistError> =
            store.database().write(move |connection| Ok(connection.execute(sql, []).map(|_| ())?)).await;
        assert!(tampered.is_err(), "{sql}");
    }
}

fn policies(cedar: &str) -> PolicySetRow {
    PolicySetRow { cedar: cedar.to_owned(), author: "VLD-COAST/pavo".to_owned(), ..PolicySetRow::default() }
}

#[tokio::test]
async fn a_set_of_policies_is_versioned_by_its_epoch_and_none_is_ever_lost() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    assert_eq!(store.load_registry().await.unwrap().policies, None);
    let first = store.put_policies(change(policies("a"), "", "a")).await.unwrap();
    let row = first.resource.clone();
    assert_eq!((first.epoch, row.version, row.etag.as_str()), (2, 2, "e2"));
    assert_eq!(store.put_policies(change(policies("a"), "", "a")).await.unwrap(), first);
    let refused = store.put_policies(change(policies("b"), "", "b")).await;
    assert!(matches!(refused, Err(Error::AlreadyExists(_))));
    let refused = store.put_policies(change(policies("b"), "e1", "c")).await;
    assert!(matches!(refused, Err(Error::EtagMismatch(_))));
    let second = store.put_policies(change(policies("b"), "e2", "d")).await.unwrap();
    let loaded = store.load_registry().await.unwrap();
    assert_eq!((loaded.epoch, loaded.policies), (3, Some(second.resource.clone())));
    assert_eq!(waiting(&store).await, 2);
    assert_eq!(store.policies_of_version(2).await.unwrap(), Some(row));
    assert_eq!(store.policies_of_version(3).await.unwrap(), Some(second.resource));
    assert_eq!(store.policies_of_version(1).await.unwrap(), None);
    for sql in ["UPDATE policy_set SET body = '{}'", "DELETE FROM policy_set"] {
        let tampered: Result<(), PersistError> =
            store.database().write(move |connection| Ok(connection.execute(sql, []).map(|_| ())?)).await;
        assert!(tampered.is_err(), "{sql}");
    }
}

#[tokio::test]
async fn the_newest_labels_come_first_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let row = |hash: u8, timeless: u8, line: &str| LabelRow {
        hash: [hash; 32],
        timeless_hash: [timeless; 32],
        line: line.to_owned(),
    };
    let rows = vec![row(1, 1, "old"), row(2, 3, "dated"), row(3, 3, "without"), row(4, 4, "new")];
    store.intern_labels(rows).await.unwrap();
    assert_eq!(store.newest_labels(9).await.unwrap(), ["new", "dated", "old"]);
    assert_eq!(store.newest_labels(2).await.unwrap(), ["new", "dated"]);
}

#[tokio::test]
async fn what_the_service_does_itself_is_on_its_way_to_audit() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.record(event("key")).await.unwrap();
    assert_eq!(waiting(&store).await, 1);
}
