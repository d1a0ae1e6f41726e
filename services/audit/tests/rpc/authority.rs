//! Whom audit believes, and for how long.

use std::time::Duration;

use entente_chassis::status::ErrorReason;
use entente_proto::audit::v1::{GetTraceRequest, InstallAuthorityRequest, TokenKey};
use entente_testkit::eventually;

use crate::node::{Act, LEASE, Node, everything, reason};

#[tokio::test]
async fn nothing_is_read_before_access_was_heard_and_records_are_taken_all_the_same() {
    let node = Node::without_authority().await;
    assert_eq!(node.record(&[Act::of(1, "VLD-COAST/mira")]).await, [0]);
    let runa = node.auditor("VLD-COAST/runa");
    assert_eq!(reason(runa.get(0).await), ErrorReason::AccessUnavailable);
    assert_eq!(reason(runa.list(everything()).await), ErrorReason::AccessUnavailable);
}

#[tokio::test]
async fn nothing_is_read_once_the_lease_has_run_out_until_the_next() {
    let node = Node::without_authority().await;
    node.record(&[Act::of(1, "VLD-COAST/mira")]).await;
    node.install(1, Duration::from_millis(1)).await.unwrap();
    let runa = node.auditor("VLD-COAST/runa");
    let refused = eventually(async || runa.get(0).await.err()).await;
    assert_eq!(reason(Err::<(), _>(refused)), ErrorReason::AccessUnavailable);
    let trace =
        runa.client.clone().get_trace(runa.ask(GetTraceRequest { trace_id: vec![1; 16].into() })).await;
    assert_eq!(reason(trace), ErrorReason::AccessUnavailable);
    node.install(1, LEASE).await.unwrap();
    runa.get(0).await.unwrap();
}

#[tokio::test]
async fn a_word_without_ticket_installs_the_epoch_and_no_lease() {
    let node = Node::start().await;
    node.record(&[Act::of(1, "VLD-COAST/mira")]).await;
    let runa = node.auditor("VLD-COAST/runa");
    runa.get(0).await.unwrap();
    // A word that lay somewhere while the process before was still alive.
    let stale = node.install_with(1, LEASE, vec![7; 24].into()).await.unwrap();
    assert_eq!(stale.lease_left, None);
    assert_eq!(reason(runa.get(0).await), ErrorReason::AccessUnavailable);
    let counted = node.install_with(1, LEASE, stale.ticket).await.unwrap();
    assert!(Duration::try_from(counted.lease_left.unwrap()).unwrap() <= LEASE);
    runa.get(0).await.unwrap();
}

#[tokio::test]
async fn a_token_of_an_earlier_epoch_is_refused_once_the_new_one_is_acknowledged() {
    let node = Node::start().await;
    node.record(&[Act::of(1, "VLD-COAST/mira")]).await;
    let before = node.auditor("VLD-COAST/runa");
    before.get(0).await.unwrap();
    node.install(2, LEASE).await.unwrap();
    assert_eq!(reason(before.get(0).await), ErrorReason::TokenExpired);
    assert_eq!(reason(before.list(everything()).await), ErrorReason::TokenExpired);
    node.authority.set_epoch(2);
    node.auditor("VLD-COAST/runa").get(0).await.unwrap();
}

#[tokio::test]
async fn an_epoch_never_goes_back() {
    let node = Node::start().await;
    node.install(5, LEASE).await.unwrap();
    assert_eq!(reason(node.install(4, LEASE).await), ErrorReason::FieldInvalid);
    node.install(5, LEASE).await.unwrap();
}

#[tokio::test]
async fn an_authority_without_keys_epoch_or_lease_is_refused() {
    let node = Node::start().await;
    let key = TokenKey { key_id: "k".to_owned(), ed25519_public_key: vec![1; 32].into() };
    let lease = prost_types::Duration::try_from(LEASE).ok();
    let good = InstallAuthorityRequest {
        keys: vec![key.clone()],
        epoch: 9,
        lease,
        ..InstallAuthorityRequest::default()
    };
    let long = prost_types::Duration::try_from(Duration::from_secs(601)).ok();
    let short_key = TokenKey { ed25519_public_key: vec![1; 31].into(), ..key };
    let bad = [
        InstallAuthorityRequest { keys: Vec::new(), ..good.clone() },
        InstallAuthorityRequest { keys: vec![short_key], ..good.clone() },
        InstallAuthorityRequest { epoch: 0, ..good.clone() },
        InstallAuthorityRequest { lease: None, ..good.clone() },
        InstallAuthorityRequest { lease: Some(prost_types::Duration::default()), ..good.clone() },
        InstallAuthorityRequest { lease: long, ..good },
    ];
    for request in bad {
        let answer = node.workload("access").install_authority(request.clone()).await;
        assert_eq!(reason(answer), ErrorReason::FieldInvalid, "{request:?}");
    }
}
