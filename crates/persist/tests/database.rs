//! What the database promises: group commit with isolation, durability across a reopening, migrations that only add.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::{path::Path, sync::mpsc};

use entente_persist::{Database, DatabaseConfig, Migration, PersistError};
use rusqlite::{Connection, params};

const NUMBERS: Migration =
    Migration { name: "0001_numbers", sql: "CREATE TABLE number (value INTEGER PRIMARY KEY) STRICT" };

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("told to fail")]
    Told,
    #[error("persist")]
    Persist(#[from] PersistError),
}

fn open(folder: &Path) -> Database {
    Database::open(DatabaseConfig::at(folder.join("data/numbers.sqlite")), &[NUMBERS]).unwrap()
}

fn insert(connection: &Connection, value: i64) -> Result<(), PersistError> {
    connection.execute("INSERT INTO number (value) VALUES (?1)", params![value])?;
    Ok(())
}

async fn numbers(database: &Database) -> Vec<i64> {
    let read = database.read(|connection| {
        let mut statement = connection.prepare("SELECT value FROM number ORDER BY value")?;
        let rows = statement.query_map([], |row| row.get(0))?;
        Ok::<Vec<i64>, PersistError>(rows.collect::<Result<_, _>>()?)
    });
    read.await.unwrap()
}

/// Holds the writing thread until the sender is used, so that what is queued meanwhile is one group.
fn hold(database: &Database) -> (mpsc::Sender<()>, tokio::task::JoinHandle<()>) {
    let (release, held) = mpsc::channel();
    let database = database.clone();
    let holding = tokio::spawn(async move {
        let wait = move |_: &Connection| {
            held.recv().unwrap();
            Ok::<(), PersistError>(())
        };
        database.write(wait).await.unwrap();
    });
    (release, holding)
}

#[tokio::test]
async fn one_failing_write_leaves_the_others_of_its_group_alone() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    let (release, holding) = hold(&database);
    let writes = (0..10_i64).map(|value| {
        let database = database.clone();
        tokio::spawn(async move {
            let write = move |connection: &Connection| {
                insert(connection, value)?;
                if value % 3 == 0 { Err(Failure::Told) } else { Ok(value) }
            };
            database.write(write).await
        })
    });
    let writes: Vec<_> = writes.collect();
    // Every task runs until its write is queued.
    tokio::task::yield_now().await;
    release.send(()).unwrap();
    holding.await.unwrap();
    for (write, value) in writes.into_iter().zip(0..) {
        match write.await.unwrap() {
            Ok(stored) => assert_eq!((stored, value % 3 == 0), (value, false)),
            Err(Failure::Told) => assert_eq!(value % 3, 0),
            Err(Failure::Persist(error)) => panic!("{error:?}"),
        }
    }
    assert_eq!(numbers(&database).await, [1, 2, 4, 5, 7, 8]);
}

#[tokio::test]
async fn a_write_that_panics_is_undone_and_the_next_one_runs() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    let panicking = |connection: &Connection| -> Result<(), PersistError> {
        insert(connection, 1)?;
        panic!("on purpose");
    };
    let panicked = database.write(panicking).await;
    assert!(matches!(panicked, Err(PersistError::Panicked)), "{panicked:?}");
    database.write(|connection| insert(connection, 2)).await.unwrap();
    assert_eq!(numbers(&database).await, [2]);
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_the_file_was_copied_away_without_closing() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    database.write(|connection| insert(connection, 7)).await.unwrap();
    // A copy of the files as they are now is what a crash would leave.
    let crashed = tempfile::tempdir().unwrap();
    std::fs::create_dir(crashed.path().join("data")).unwrap();
    for name in ["numbers.sqlite", "numbers.sqlite-wal"] {
        std::fs::copy(folder.path().join("data").join(name), crashed.path().join("data").join(name)).unwrap();
    }
    assert_eq!(numbers(&open(crashed.path())).await, [7]);
}

#[tokio::test]
async fn dropping_the_database_waits_for_queued_writes() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    let (release, holding) = hold(&database);
    let queued = database.clone();
    let write = tokio::spawn(async move { queued.write(|connection| insert(connection, 3)).await });
    tokio::task::yield_now().await;
    release.send(()).unwrap();
    drop(database);
    holding.await.unwrap();
    write.await.unwrap().unwrap();
    assert_eq!(numbers(&open(folder.path())).await, [3]);
}

#[tokio::test]
async fn a_closed_database_is_one_file() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    database.write(|connection| insert(connection, 1)).await.unwrap();
    drop(database);
    let names: Vec<_> = std::fs::read_dir(folder.path().join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["numbers.sqlite"]);
}

#[tokio::test]
async fn the_wal_is_bounded_under_writes_without_a_pause() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data/numbers.sqlite");
    let config = DatabaseConfig { wal_pages_max: 16, ..DatabaseConfig::at(&path) };
    let database = Database::open(config, &[NUMBERS]).unwrap();
    for value in 0..1_000 {
        database.write(move |connection| insert(connection, value)).await.unwrap();
    }
    let wal = std::fs::metadata(path.with_extension("sqlite-wal")).unwrap().len();
    assert!(wal < 4 * 2 * 16 * 4_200, "{wal} bytes of WAL");
}

#[tokio::test]
async fn a_reader_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    assert!(matches!(database.read(|connection| insert(connection, 1)).await, Err(PersistError::Sqlite(_))));
}

#[test]
fn migrations_are_applied_once_and_only_add() {
    let folder = tempfile::tempdir().unwrap();
    let config = || DatabaseConfig::at(folder.path().join("numbers.sqlite"));
    let more = Migration { name: "0002_words", sql: "CREATE TABLE word (value TEXT) STRICT" };
    drop(Database::open(config(), &[NUMBERS]).unwrap());
    drop(Database::open(config(), &[NUMBERS, more]).unwrap());
    drop(Database::open(config(), &[NUMBERS, more]).unwrap());
}

#[test]
fn a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = || DatabaseConfig::at(folder.path().join("numbers.sqlite"));
    let more = Migration { name: "0002_words", sql: "CREATE TABLE word (value TEXT) STRICT" };
    drop(Database::open(config(), &[NUMBERS, more]).unwrap());
    let refused = Database::open(config(), &[NUMBERS]).map(drop);
    assert!(matches!(refused, Err(PersistError::SchemaNewer { applied: 2, known: 1 })), "{refused:?}");
}

#[test]
fn an_edited_migration_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let config = || DatabaseConfig::at(folder.path().join("numbers.sqlite"));
    drop(Database::open(config(), &[NUMBERS]).unwrap());
    let edited = Migration { sql: "CREATE TABLE number (value TEXT PRIMARY KEY) STRICT", ..NUMBERS };
    let refused = Database::open(config(), &[edited]).map(drop);
    assert!(matches!(refused, Err(PersistError::SchemaAltered { position: 0, .. })), "{refused:?}");
}

#[test]
fn a_migration_that_fails_leaves_the_schema_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let config = || DatabaseConfig::at(folder.path().join("numbers.sqlite"));
    let broken =
        Migration { name: "0002_words", sql: "CREATE TABLE word (value TEXT) STRICT; SELECT nonsense" };
    assert!(Database::open(config(), &[NUMBERS, broken]).is_err());
    drop(Database::open(config(), &[NUMBERS]).unwrap());
}
