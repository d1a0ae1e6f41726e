//! Transaction tokens and the keys that verify them.

use std::time::{Duration, SystemTime};

use entente_chassis::{status::ErrorReason, token::TokenVerifier};
use entente_proto::{
    access::v1::{ListTokenKeysRequest, MintTokenRequest},
    audit::v1::Operation,
};
use entente_testkit::{TRUST_DOMAIN, eventually};

use crate::{
    fields,
    node::{Node, decide},
    reason,
};

fn mint(purpose: &str, realm: &str, actions: &[&str]) -> MintTokenRequest {
    MintTokenRequest {
        purpose: purpose.to_owned(),
        realm: realm.to_owned(),
        actions: actions.iter().map(|action| (*action).to_owned()).collect(),
    }
}

/// What a service does that verifies tokens.
async fn verifier(node: &Node) -> TokenVerifier {
    let answer = node.workload("intake").list_token_keys(ListTokenKeysRequest {}).await.unwrap().into_inner();
    assert_eq!(answer.trust_domain, TRUST_DOMAIN);
    let keys =
        answer.keys.into_iter().map(|key| (key.key_id, key.ed25519_public_key.as_ref().try_into().unwrap()));
    let verifier = TokenVerifier::new(TRUST_DOMAIN.parse().unwrap(), node.clock.clone());
    verifier.set_keys(keys.collect());
    verifier
}

#[tokio::test]
async fn a_certificate_is_exchanged_for_a_token_that_says_who_asks_and_for_what() {
    let node = Node::start().await;
    let mut mira = node.client(&node.pki.subject("VLD-COAST", "mira"));
    let minted = mira.mint_token(mint("CT", "", &[])).await.unwrap().into_inner();
    let claims = verifier(&node).await.verify(&minted.token).unwrap();
    assert_eq!(claims.sub, "VLD-COAST/mira");
    assert_eq!(claims.scope, "read submit subscribe purpose:CT");
    assert_eq!(claims.iss, format!("spiffe://{TRUST_DOMAIN}/svc/access"));
    assert_eq!(claims.req_wl, format!("spiffe://{TRUST_DOMAIN}/subject/VLD-COAST/mira"));
    assert_eq!((claims.tctx.realm.as_str(), claims.tctx.purpose.as_str()), ("REAL", "CT"));
    assert_eq!((claims.tctx.aal, claims.tctx.org.as_str()), (2, "VLD-COAST"));
    assert_eq!((claims.exp - claims.iat, claims.tctx.epoch), (300, minted.epoch));
    assert_eq!(claims.txn, minted.transaction_id);
    assert_eq!(minted.expire_time.unwrap().seconds, i64::try_from(claims.exp).unwrap());
    assert_eq!(claims.rctx.certificate_sha256.len(), 64);
}

#[tokio::test]
async fn a_token_holds_no_more_than_what_was_asked_and_is_granted() {
    let node = Node::start().await;
    let mut ilse = node.client(&node.pki.subject("ORS-CERT", "ilse"));
    let minted = ilse.mint_token(mint("CT", "EXERCISE:LANTERN-26", &["read"])).await.unwrap().into_inner();
    let claims = verifier(&node).await.verify(&minted.token).unwrap();
    assert_eq!(
        (claims.scope.as_str(), claims.tctx.realm.as_str()),
        ("read purpose:CT", "EXERCISE:LANTERN-26")
    );
    assert_eq!(reason(ilse.mint_token(mint("CT", "", &["submit"])).await), ErrorReason::RoleMissing);
    assert_eq!(reason(ilse.mint_token(mint("BORDER", "", &[])).await), ErrorReason::PurposeNotGranted);
    assert_eq!(fields(ilse.mint_token(mint("", "", &[])).await), ["purpose"]);
    let wrong = ilse.mint_token(mint("CT", "EXERCISE:OTHER", &["read", "rule"])).await;
    assert_eq!(fields(wrong), ["actions[1]", "realm"]);
}

#[tokio::test]
async fn a_token_never_outlives_the_certificate_it_was_exchanged_for() {
    let node = Node::start().await;
    let mut mira = node.client(&node.pki.subject("VLD-COAST", "mira"));
    node.clock.set(SystemTime::now() + Duration::from_secs(24 * 3_600 - 60));
    let minted = mira.mint_token(mint("CT", "", &[])).await.unwrap().into_inner();
    let claims = verifier(&node).await.verify(&minted.token).unwrap();
    assert!((1..=60).contains(&(claims.exp - claims.iat)), "{} s", claims.exp - claims.iat);
}

#[tokio::test]
async fn nobody_unknown_or_suspended_is_given_a_token() {
    let node = Node::start().await;
    let mut stranger = node.client(&node.pki.subject("VLD-COAST", "nobody"));
    assert_eq!(reason(stranger.mint_token(mint("CT", "", &[])).await), ErrorReason::SubjectInactive);
    node.person("VLD-COAST/pavo").await.suspend("VLD-COAST/mira").await.unwrap();
    let mut mira = node.client(&node.pki.subject("VLD-COAST", "mira"));
    assert_eq!(reason(mira.mint_token(mint("CT", "", &[])).await), ErrorReason::SubjectInactive);
}

#[tokio::test]
async fn tokens_keys_and_registry_outlive_a_restart() {
    let mut node = Node::start().await;
    let mira = node.person("VLD-COAST/mira").await;
    let keys =
        node.workload("intake").list_token_keys(ListTokenKeysRequest {}).await.unwrap().into_inner().keys;
    node.person("VLD-COAST/pavo").await.suspend("VLD-COAST/runa").await.unwrap();
    node.stop_service().await;
    node.start_service().await;
    let again =
        node.workload("intake").list_token_keys(ListTokenKeysRequest {}).await.unwrap().into_inner().keys;
    assert_eq!(again, keys);
    let answer = decide(&mut node.workload("intake"), &mira.token, &[]).await.unwrap();
    assert_eq!(answer.subject_id, "VLD-COAST/mira");
    let mut runa = node.client(&node.pki.subject("VLD-COAST", "runa"));
    let asked = runa.mint_token(mint("CT", "", &[])).await;
    assert_eq!(reason(asked), ErrorReason::SubjectInactive, "the registry file was imported again");
}

#[tokio::test]
async fn audit_is_told_keys_and_epoch_and_of_every_key_made() {
    let node = Node::start().await;
    let keys =
        node.workload("intake").list_token_keys(ListTokenKeysRequest {}).await.unwrap().into_inner().keys;
    let told = eventually(async || node.audit.authorities().into_iter().next()).await;
    assert_eq!(told.keys.len(), 1);
    assert_eq!(told.keys[0].ed25519_public_key, keys[0].ed25519_public_key);
    assert_eq!(Duration::try_from(told.lease.unwrap()).unwrap(), crate::node::LEASE);
    let epoch = node.person("VLD-COAST/pavo").await.suspend("VLD-COAST/mira").await.unwrap().epoch;
    assert!(told.epoch < epoch);
    assert!(
        node.audit.authorities().iter().any(|told| told.epoch == epoch),
        "the change did not wait for audit"
    );
    let recorded = eventually(async || {
        let records = node.audit.records();
        records.into_iter().find(|record| record.operation == i32::from(Operation::KeyEvent))
    });
    assert_eq!(recorded.await.what.unwrap().items[0].object_id, keys[0].key_id);
}

#[tokio::test]
async fn a_day_later_a_second_key_is_listed_before_it_signs() {
    let mut node = Node::start().await;
    let before =
        node.workload("intake").list_token_keys(ListTokenKeysRequest {}).await.unwrap().into_inner().keys;
    node.stop_service().await;
    node.clock.advance(Duration::from_secs(24 * 3_600 - 60));
    node.start_service().await;
    let keys =
        node.workload("intake").list_token_keys(ListTokenKeysRequest {}).await.unwrap().into_inner().keys;
    assert_eq!((keys.len(), &keys[0]), (2, &before[0]));
    let token = node.person("VLD-COAST/mira").await.token;
    let old = TokenVerifier::new(TRUST_DOMAIN.parse().unwrap(), node.clock.clone());
    old.set_keys(vec![(keys[0].key_id.clone(), keys[0].ed25519_public_key.as_ref().try_into().unwrap())]);
    assert!(old.verify(&token).is_ok(), "the new key signs before services can know it");
    let made = eventually(async || {
        let records = node.audit.records();
        let events = records.into_iter().filter(|record| record.operation == i32::from(Operation::KeyEvent));
        let ids: Vec<String> =
            events.flat_map(|event| event.what.unwrap().items).map(|item| item.object_id).collect();
        (ids.len() == 2).then_some(ids)
    });
    assert_eq!(made.await, [keys[0].key_id.clone(), keys[1].key_id.clone()]);
}
