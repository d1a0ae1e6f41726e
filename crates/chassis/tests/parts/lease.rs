//! The epoch lease, on paused time.

use std::time::Duration;

use entente_chassis::lease::EpochLease;
use futures::FutureExt;

#[tokio::test(start_paused = true)]
async fn a_lease_runs_out_but_its_epoch_is_remembered() {
    let lease = EpochLease::new();
    assert_eq!((lease.epoch(), lease.current()), (0, None));
    lease.install(7, Duration::from_secs(10));
    tokio::time::advance(Duration::from_secs(9)).await;
    assert_eq!(lease.current(), Some(7));
    lease.install(7, Duration::from_secs(10));
    tokio::time::advance(Duration::from_secs(9)).await;
    assert_eq!(lease.current(), Some(7));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!((lease.epoch(), lease.current()), (7, None));
}

#[tokio::test(start_paused = true)]
async fn an_older_epoch_neither_replaces_nor_prolongs() {
    let lease = EpochLease::new();
    lease.install(7, Duration::from_secs(1));
    lease.install(6, Duration::from_secs(60));
    assert_eq!(lease.current(), Some(7));
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(lease.current(), None);
}

#[tokio::test]
async fn a_change_between_asking_and_waiting_is_not_missed() {
    let lease = EpochLease::new();
    lease.install(1, Duration::from_secs(60));
    let changed = lease.changed();
    lease.install(1, Duration::from_secs(60));
    let still = lease.changed();
    assert_eq!(still.now_or_never(), None, "prolonging is no change");
    lease.install(2, Duration::from_secs(60));
    assert_eq!(changed.now_or_never(), Some(()));
}
