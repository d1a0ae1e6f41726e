//! What the stores promise, run for each store there is: the log only grows and proves it; the index finds what is there.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "store/index.rs"]
mod index;
#[path = "support/log.rs"]
mod log;
#[path = "store/refusals.rs"]
mod refusals;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use entente_audit::store::LogStore;
use entente_ledger::{checkpoint::Checkpoint, hash::Hash, note::Note, proof::verify_consistency};
use entente_testkit::FakeClock;

use self::log::{ORIGIN, OpenLog, record};

/// Size and root in a checkpoint.
fn tree_of(checkpoint: &str) -> (u64, Hash) {
    let checkpoint = Checkpoint::parse(Note::parse(checkpoint.as_bytes()).unwrap().text()).unwrap();
    (checkpoint.size, checkpoint.root)
}

#[tokio::test]
async fn every_receipt_verifies_however_the_records_were_batched() {
    let folder = tempfile::tempdir().unwrap();
    let open = OpenLog::open(folder.path()).await.unwrap();
    let mut next = 0;
    // Across the border of a tile, onto it, and over several at once.
    for count in [1, 1, 2, 250, 2, 1, 255, 1, 700, 3] {
        let records = (next..next + count).map(record).collect();
        let receipts = open.log.append(records).await.unwrap();
        for (receipt, number) in receipts.iter().zip(next..) {
            assert_eq!(open.verified(receipt).index, number);
            assert_eq!(open.stored_number(receipt).await, number);
        }
        next += count;
    }
    let head = open.log.head();
    let entries: Vec<_> = open.store.scan(0, 2_000, usize::MAX).await.unwrap();
    let few = open.store.scan(7, 2_000, 1).await.unwrap();
    assert_eq!(few.iter().map(|stored| stored.index).collect::<Vec<_>>(), [7], "bytes bound what is held");
    let leaves: Vec<Hash> =
        entries.iter().map(|stored| entente_ledger::hash::leaf_hash(&stored.entry)).collect();
    assert_eq!((head.tree.size, head.tree.root), (next, entente_ledger::tree::root_of(&leaves)));
    open.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_appends_each_get_their_own_place() {
    let folder = tempfile::tempdir().unwrap();
    let open = Arc::new(OpenLog::open(folder.path()).await.unwrap());
    let appends = (0..2_000).map(|number| {
        let open = open.clone();
        tokio::spawn(async move { (number, open.append_one(number).await) })
    });
    let mut places = std::collections::BTreeSet::new();
    for append in appends.collect::<Vec<_>>() {
        let (number, receipt) = append.await.unwrap();
        assert_eq!(open.stored_number(&receipt).await, number);
        assert!(places.insert(receipt.index));
    }
    assert_eq!(places, (0..2_000).collect());
}

#[tokio::test]
async fn a_record_id_that_is_known_gets_the_first_entry_again() {
    let folder = tempfile::tempdir().unwrap();
    let open = OpenLog::open(folder.path()).await.unwrap();
    let first = open.append_one(7).await;
    open.log.append((100..400).map(record).collect()).await.unwrap();
    let again = open.log.append(vec![record(8), record(7), record(8)]).await.unwrap();
    assert_eq!((again[1].index, &again[1].entry), (first.index, &first.entry));
    assert_eq!((again[0].index, &again[0].entry), (again[2].index, &again[2].entry));
    again.iter().for_each(|receipt| drop(open.verified(receipt)));
    let size = open.log.head().tree.size;
    assert_eq!(size, 302);
    let only_known = open.log.append(vec![record(7)]).await.unwrap();
    assert_eq!((open.verified(&only_known[0]).tree_size, open.log.head().tree.size), (size, size));
    open.close().await;
}

#[tokio::test]
async fn a_log_opened_again_goes_on_as_the_same_log() {
    let folder = tempfile::tempdir().unwrap();
    let (mut old, mut next) = (Vec::new(), 0);
    for count in [0, 255, 1, 1, 511, 65_536, 3] {
        let open = OpenLog::open(folder.path()).await.unwrap();
        let head = open.log.head();
        assert_eq!(head.tree.size, next);
        if count > 0 {
            open.log.append((next..next + count).map(record).collect()).await.unwrap();
        }
        next += count;
        let now = open.log.head();
        for (size, root) in &old {
            let proof = open.log.consistency(&now, *size).await.unwrap();
            verify_consistency(*size, root, now.tree.size, &now.tree.root, &proof).unwrap();
        }
        assert_eq!(tree_of(&now.checkpoint), (now.tree.size, now.tree.root));
        let some: Vec<u64> =
            [0, 254, 255, 256, 65_000].into_iter().filter(|index| *index < now.tree.size).collect();
        let stored = open.store.records(some).await.unwrap();
        let entries = stored.iter().map(|stored| (stored.index, stored.entry.to_vec())).collect();
        open.log.prove(&now, entries).await.unwrap().iter().for_each(|receipt| drop(open.verified(receipt)));
        old.push((now.tree.size, now.tree.root));
        open.close().await;
    }
}

#[tokio::test]
async fn times_never_go_back_and_records_are_found_by_them() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(FakeClock::at(SystemTime::UNIX_EPOCH + Duration::from_secs(100)));
    let open = OpenLog::open_as(folder.path(), ORIGIN, clock.clone()).await.unwrap();
    for (number, seconds) in [(0, 100), (1, 200), (2, 150), (3, 300)] {
        clock.set(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        open.append_one(number).await;
    }
    let times: Vec<i64> = open
        .store
        .scan(0, 10, usize::MAX)
        .await
        .unwrap()
        .iter()
        .map(|stored| stored.append_time_ms)
        .collect();
    assert_eq!(times, [100_000, 200_000, 200_000, 300_000]);
    for (time_ms, first) in
        [(0, 0), (100_000, 0), (100_001, 1), (200_000, 1), (200_001, 3), (300_000, 3), (300_001, 4)]
    {
        assert_eq!(open.store.first_at(time_ms, 4).await.unwrap(), first, "{time_ms}");
    }
    open.close().await;
}

#[tokio::test]
async fn what_was_queued_is_durable_when_the_sequencer_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let open = OpenLog::open(folder.path()).await.unwrap();
    let log = open.log.clone();
    let queued: Vec<_> = (0..20)
        .map(|number| {
            let log = log.clone();
            tokio::spawn(async move { log.append(vec![record(number)]).await })
        })
        .collect();
    tokio::task::yield_now().await;
    open.close().await;
    for append in queued {
        append.await.unwrap().unwrap();
    }
    assert!(log.append(vec![record(21)]).await.is_err(), "a log that has ended takes nothing more");
    drop(log);
    assert_eq!(OpenLog::open(folder.path()).await.unwrap().log.head().tree.size, 20);
}
