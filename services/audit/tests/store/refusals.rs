//! A store that was changed behind the service's back is refused rather than signed.

use std::{path::Path, sync::Arc};

use entente_audit::{
    Error,
    store::{Batch, LogStore, sqlite::SqliteLog},
};
use rusqlite::Connection;

use super::log::{ORIGIN, OpenLog, record};

/// A closed log of 300 records.
async fn closed_log(folder: &Path) {
    let open = OpenLog::open(folder).await.unwrap();
    open.log.append((0..300).map(record).collect()).await.unwrap();
    open.close().await;
}

/// Changes the file with the triggers out of the way.
fn tamper(folder: &Path, statement: &str) {
    let connection = Connection::open(folder.join("log.sqlite")).unwrap();
    let triggers: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    for trigger in triggers {
        connection.execute_batch(&format!("DROP TRIGGER {trigger}")).unwrap();
    }
    connection.execute_batch(statement).unwrap();
}

async fn refusal(folder: &Path) -> Error {
    OpenLog::open(folder).await.err().unwrap()
}

#[tokio::test]
async fn a_changed_entry_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path()).await;
    let other =
        "UPDATE record SET entry = (SELECT entry FROM record WHERE entry_index = 1) WHERE entry_index = 299";
    tamper(folder.path(), other);
    assert!(matches!(refusal(folder.path()).await, Error::HeadMismatch { .. }));
}

#[tokio::test]
async fn a_changed_tile_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path()).await;
    tamper(folder.path(), "UPDATE tile SET hashes = zeroblob(8192)");
    assert!(matches!(refusal(folder.path()).await, Error::HeadMismatch { .. }));
}

#[tokio::test]
async fn a_removed_record_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path()).await;
    tamper(folder.path(), "DELETE FROM record WHERE entry_index = 299");
    let error = refusal(folder.path()).await;
    assert!(matches!(error, Error::SizeMismatch { head: 300, stored: 299 } | Error::Prove(_)), "{error:?}");
}

#[tokio::test]
async fn a_head_set_back_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path()).await;
    tamper(folder.path(), "UPDATE head SET size = 256");
    assert!(matches!(refusal(folder.path()).await, Error::SizeMismatch { head: 256, stored: 300 }));
}

#[tokio::test]
async fn another_key_or_origin_is_another_log() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path()).await;
    let clock = Arc::new(entente_chassis::clock::SystemClock);
    let origin = OpenLog::open_as(folder.path(), "audit.entente.test/ops/2027", clock).await;
    assert!(matches!(origin.err().unwrap(), Error::AnotherLog { stored, .. } if stored == ORIGIN));
    std::fs::remove_file(folder.path().join("log.key")).unwrap();
    assert!(matches!(refusal(folder.path()).await, Error::AnotherLog { .. }));
}

#[tokio::test]
async fn the_file_itself_refuses_to_change_or_drop_what_was_logged() {
    let folder = tempfile::tempdir().unwrap();
    closed_log(folder.path()).await;
    let connection = Connection::open(folder.path().join("log.sqlite")).unwrap();
    for statement in [
        "DELETE FROM record WHERE entry_index = 5",
        "UPDATE record SET entry = zeroblob(50)",
        "UPDATE record SET append_time_ms = 0",
        "DELETE FROM tile",
        "UPDATE tile SET hashes = zeroblob(8192)",
        "UPDATE head SET size = 5",
        "DELETE FROM head",
    ] {
        assert!(connection.execute_batch(statement).is_err(), "{statement}");
    }
    connection.execute_batch("UPDATE record SET sections = x'' WHERE entry_index = 5").unwrap();
}

#[tokio::test]
async fn a_second_sequencer_on_the_same_file_appends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let open = OpenLog::open(folder.path()).await.unwrap();
    let second = SqliteLog::open(folder.path()).unwrap();
    let stale = Arc::new(second.open().await.unwrap().frontier);
    open.append_one(1).await;
    for record_number in [1, 2] {
        let records = vec![record(record_number), record(3)];
        let batch = Batch { records, frontier: stale.clone(), append_time_ms: 1 };
        assert!(second.append(batch).await.is_err());
    }
    assert_eq!(
        second.scan(0, 10, usize::MAX).await.unwrap().len(),
        1,
        "a refused batch leaves nothing behind"
    );
    open.append_one(4).await;
}
