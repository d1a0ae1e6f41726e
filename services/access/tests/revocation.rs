//! Revoked is revoked: what holds when a change of rights returns, whatever services and streams do meanwhile.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

#[path = "support/node.rs"]
mod node;

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use entente_chassis::lease::EpochLease;
use entente_proto::access::v1::PutPoliciesRequest;
use entente_testkit::fixtures::LABEL_SHARED;
use tokio::task::JoinHandle;

use self::node::{Client, LEASE, Node, PATIENCE, Watcher, decide};

/// A lease nobody waits for.
const LONG: Duration = Duration::from_secs(600);

/// A service that installs what it is granted, counting each lease from when it asked.
async fn installing(service: Client) -> (EpochLease, JoinHandle<()>) {
    let lease = EpochLease::new();
    let installed = lease.clone();
    let asked = Instant::now();
    let mut watcher = Watcher::open(service).await;
    let first = watcher.granted().await;
    lease.install(
        first.epoch,
        Duration::try_from(first.lease.unwrap()).unwrap().saturating_sub(asked.elapsed()),
    );
    let watching = tokio::spawn(async move {
        let mut epoch = first.epoch;
        loop {
            let asked = Instant::now();
            watcher.installed(epoch).await;
            let granted = watcher.granted().await;
            let valid_for = Duration::try_from(granted.lease.unwrap()).unwrap();
            installed.install(granted.epoch, valid_for.saturating_sub(asked.elapsed()));
            epoch = granted.epoch;
        }
    });
    (lease, watching)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_a_suspension_returns_nobody_decides_for_the_subject_and_every_service_has_installed_it() {
    let node = Node::with_lease(LONG).await;
    let (tomas, vera) = (node.person("ORS-CERT/tomas").await, node.person("ORS-CERT/vera").await);
    let watchers = [
        installing(node.workload("intake")).await,
        installing(node.workload("intake")).await,
        installing(node.workload("alerting")).await,
    ];
    let returned = Arc::new(AtomicBool::new(false));
    let deciders: Vec<JoinHandle<(usize, usize)>> = (0..4)
        .map(|_| {
            let (mut intake, token, returned) =
                (node.workload("intake"), tomas.token.clone(), returned.clone());
            tokio::spawn(async move {
                let (mut before, mut after) = (0, 0);
                while after < 50 {
                    let starts_later = returned.load(Ordering::SeqCst);
                    let answer = decide(&mut intake, &token, &[LABEL_SHARED]).await;
                    let allowed = answer.is_ok_and(|answer| answer.decisions[0].allowed);
                    assert!(!(starts_later && allowed), "allowed after the suspension returned");
                    before += usize::from(allowed);
                    after += usize::from(starts_later);
                }
                (before, after)
            })
        })
        .collect();
    tokio::task::yield_now().await;
    assert!(
        decide(&mut node.workload("intake"), &tomas.token, &[LABEL_SHARED]).await.unwrap().decisions[0]
            .allowed
    );
    let begun = Instant::now();
    let epoch = vera.suspend("ORS-CERT/tomas").await.unwrap().epoch;
    returned.store(true, Ordering::SeqCst);
    assert!(begun.elapsed() < PATIENCE, "it waited for leases instead of answers");
    for (lease, _) in &watchers {
        assert_eq!(lease.current(), Some(epoch));
    }
    for decider in deciders {
        let (before, after) = decider.await.unwrap();
        assert!(before > 0 || after >= 50);
    }
    watchers.into_iter().for_each(|(_, watching)| watching.abort());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn when_new_policies_are_answered_nobody_decides_by_the_old_ones_and_each_decision_is_by_one_set() {
    let node = Node::with_lease(LONG).await;
    let (tomas, pavo) = (node.person("ORS-CERT/tomas").await, node.person("VLD-COAST/pavo").await);
    let watcher = installing(node.workload("intake")).await;
    // The least version that may still decide: raised once the answer to a change is there.
    let least = Arc::new(AtomicU64::new(0));
    let ended = Arc::new(AtomicBool::new(false));
    let deciders: Vec<JoinHandle<usize>> = (0..4)
        .map(|_| {
            let (mut intake, token) = (node.workload("intake"), tomas.token.clone());
            let (least, ended) = (least.clone(), ended.clone());
            tokio::spawn(async move {
                let mut decided = 0;
                while !ended.load(Ordering::SeqCst) {
                    let floor = least.load(Ordering::SeqCst);
                    let answer = decide(&mut intake, &token, &[LABEL_SHARED; 8]).await.unwrap();
                    assert!(answer.epoch >= floor, "decided at {} after {floor} was answered", answer.epoch);
                    let by: BTreeSet<&[String]> =
                        answer.decisions.iter().map(|one| one.determining_policies.as_slice()).collect();
                    assert_eq!(by.len(), 1, "one answer by two sets: {by:?}");
                    decided += 1;
                }
                decided
            })
        })
        .collect();
    let mut etag = String::new();
    for number in 0..12_u8 {
        let everything = "forbid (principal, action == Entente::Action::\"read\", resource);";
        let request = PutPoliciesRequest {
            cedar: if number % 3 == 2 { String::new() } else { format!("@id(\"p{number}\") {everything}") },
            etag,
            justification: "try".to_owned(),
            request_id: format!("00000000-0000-4000-8000-0000000000{number:02x}"),
        };
        let put = pavo.client.clone().put_policies(pavo.ask(request)).await.unwrap().into_inner();
        least.store(put.epoch, Ordering::SeqCst);
        assert_eq!(watcher.0.current(), Some(put.epoch));
        let answer = decide(&mut node.workload("intake"), &tomas.token, &[LABEL_SHARED]).await.unwrap();
        assert_eq!(answer.decisions[0].allowed, number % 3 == 2);
        etag = put.policy_set.unwrap().etag;
    }
    ended.store(true, Ordering::SeqCst);
    for decider in deciders {
        assert!(decider.await.unwrap() > 0);
    }
    watcher.1.abort();
}

#[tokio::test]
async fn a_change_waits_for_the_lease_of_a_service_that_is_silent_and_no_longer() {
    let node = Node::start().await;
    let vera = node.person("ORS-CERT/vera").await;
    let asked = Instant::now();
    let mut silent = Watcher::open(node.workload("intake")).await;
    let epoch = silent.granted().await.epoch;
    let suspended = vera.suspend("ORS-CERT/ilse").await.unwrap().epoch;
    assert!(epoch < suspended);
    assert!(asked.elapsed() >= LEASE, "it returned while the service might still rely on {epoch}");
    assert!(asked.elapsed() < PATIENCE);
}

#[tokio::test]
async fn a_broken_stream_ends_no_lease() {
    let node = Node::start().await;
    let vera = node.person("ORS-CERT/vera").await;
    let asked = Instant::now();
    let mut watcher = Watcher::open(node.workload("alerting")).await;
    watcher.granted().await;
    drop(watcher);
    vera.suspend("ORS-CERT/ilse").await.unwrap();
    assert!(asked.elapsed() >= LEASE, "it returned while the service might still rely on its lease");
}

#[tokio::test]
async fn after_a_restart_leases_of_the_process_before_are_waited_for() {
    let mut node = Node::start().await;
    let vera = node.person("ORS-CERT/vera").await;
    node.stop_service().await;
    let restarted = Instant::now();
    node.start_service().await;
    let vera = node::Person { client: node.client(&node.pki.subject("ORS-CERT", "vera")), ..vera };
    vera.suspend("ORS-CERT/ilse").await.unwrap();
    assert!(restarted.elapsed() >= LEASE);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_service_that_connects_during_a_change_never_relies_on_the_epoch_before() {
    let node = Node::start().await;
    // A connection each, as separate processes have.
    let services: Vec<Client> = (0..12).map(|_| node.workload("intake")).collect();
    let vera = node.person("ORS-CERT/vera").await;
    for subject in ["ORS-CERT/ilse", "ORS-CERT/tomas"] {
        let connecting: Vec<_> =
            services.iter().cloned().map(|service| tokio::spawn(installing(service))).collect();
        let epoch = vera.suspend(subject).await.unwrap().epoch;
        // Whoever holds a lease at this moment holds one of the new epoch, and whoever gets one later, too.
        for connected in connecting {
            let (lease, watching) = connected.await.unwrap();
            let relied_on = lease.current();
            assert!(relied_on.is_none_or(|relied_on| relied_on >= epoch), "{relied_on:?} after {epoch}");
            watching.abort();
        }
    }
}

#[tokio::test]
async fn a_change_is_carried_through_although_its_caller_has_gone() {
    let node = Node::start().await;
    let (tomas, vera) = (node.person("ORS-CERT/tomas").await, node.person("ORS-CERT/vera").await);
    let mut silent = Watcher::open(node.workload("intake")).await;
    let epoch = silent.granted().await.epoch;
    let change = tokio::spawn(async move { vera.suspend("ORS-CERT/tomas").await });
    silent.installed(epoch).await;
    while silent.granted().await.epoch == epoch {
        silent.installed(epoch).await;
    }
    // The change is published and waits for this service's answer; its caller goes.
    change.abort();
    let decided = decide(&mut node.workload("intake"), &tomas.token, &[LABEL_SHARED]).await;
    assert!(decided.is_err());
}
