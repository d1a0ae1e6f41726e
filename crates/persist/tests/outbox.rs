//! The outbox delivers everything, in order, however often the receiver fails.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::sync::{Arc, Mutex};

use entente_persist::{
    Database, DatabaseConfig, PersistError,
    outbox::{self, OUTBOX_MIGRATION, OutboxEvent, OutboxWorker},
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

#[derive(Debug, thiserror::Error)]
#[error("the receiver is away")]
struct Away;

/// A receiver that fails every second delivery after taking it: what it took comes again.
#[derive(Default)]
struct Receiver {
    taken: Mutex<Vec<OutboxEvent>>,
    calls: Mutex<u64>,
    all_here: Notify,
}

impl Receiver {
    fn take(&self, events: Vec<OutboxEvent>, wanted: i64) -> Result<(), Away> {
        let mut calls = self.calls.lock().unwrap();
        *calls += 1;
        let last = events.last().map(|event| event.seq).unwrap_or_default();
        self.taken.lock().unwrap().extend(events);
        if *calls % 2 == 1 {
            return Err(Away);
        }
        if last == wanted {
            self.all_here.notify_one();
        }
        Ok(())
    }
}

fn open(folder: &std::path::Path) -> Database {
    Database::open(DatabaseConfig::at(folder.join("outbox.sqlite")), &[OUTBOX_MIGRATION]).unwrap()
}

async fn fill(database: &Database, payloads: Vec<Vec<u8>>) {
    let fill = move |connection: &rusqlite::Connection| {
        payloads.iter().try_for_each(|payload| outbox::enqueue(connection, payload))
    };
    database.write(fill).await.unwrap();
}

/// Runs a worker until the last of `wanted` events was accepted, then until it is cancelled.
async fn deliver_all(database: &Database, receiver: &Arc<Receiver>, wanted: i64) {
    let (cancellation, wake) = (CancellationToken::new(), Arc::new(Notify::new()));
    let taker = receiver.clone();
    let deliver = move |events| {
        let taker = taker.clone();
        async move { taker.take(events, wanted) }
    };
    let worker = tokio::spawn(OutboxWorker::run(database.clone(), deliver, cancellation.clone(), wake));
    receiver.all_here.notified().await;
    // The deletion follows the acknowledgement: the worker is stopped once it is done.
    while database.read(outbox::waiting).await.unwrap() > 0 {
        tokio::task::yield_now().await;
    }
    cancellation.cancel();
    worker.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn everything_arrives_in_order_once_the_receiver_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    fill(&database, (0..1_200_u32).map(|number| number.to_be_bytes().to_vec()).collect()).await;
    let receiver = Arc::new(Receiver::default());
    deliver_all(&database, &receiver, 1_200).await;
    let taken = receiver.taken.lock().unwrap();
    let mut first_sights: Vec<i64> = Vec::new();
    for event in taken.iter() {
        if first_sights.last().is_none_or(|last| event.seq > *last) {
            first_sights.push(event.seq);
        }
    }
    assert_eq!(first_sights, (1..=1_200).collect::<Vec<_>>());
    assert_eq!(*receiver.calls.lock().unwrap(), 6, "500 + 500 + 200, each of them twice");
}

#[tokio::test(start_paused = true)]
async fn a_delivery_is_bounded_in_bytes_and_a_large_event_goes_alone() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    let large = vec![1; 3 * 1024 * 1024];
    fill(&database, vec![vec![0; 600_000], vec![0; 600_000], large, vec![0; 10]]).await;
    let receiver = Arc::new(Receiver::default());
    deliver_all(&database, &receiver, 4).await;
    assert_eq!(*receiver.calls.lock().unwrap(), 8, "four deliveries, each of them twice");
}

#[tokio::test]
async fn events_outlive_a_reopening_and_numbers_are_not_used_again() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    fill(&database, vec![b"first".to_vec()]).await;
    deliver_all(&database, &Arc::new(Receiver::default()), 1).await;
    fill(&database, vec![b"second".to_vec()]).await;
    drop(database);
    let receiver = Arc::new(Receiver::default());
    deliver_all(&open(folder.path()), &receiver, 2).await;
    let second = OutboxEvent { seq: 2, payload: b"second".to_vec() };
    assert_eq!(receiver.taken.lock().unwrap().first(), Some(&second));
}

#[tokio::test]
async fn an_event_of_a_failed_write_is_never_delivered() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    let failing = |connection: &rusqlite::Connection| -> Result<(), PersistError> {
        outbox::enqueue(connection, b"never")?;
        Err(PersistError::Closed)
    };
    assert!(database.write(failing).await.is_err());
    assert_eq!(database.read(outbox::waiting).await.unwrap(), 0);
}
