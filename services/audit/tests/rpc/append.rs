//! Appending, the log itself, its consistency, and what happens around a restart.

use entente_chassis::status::{ErrorReason, describe};
use entente_ledger::{hash::Hash, proof::verify_consistency};
use entente_proto::audit::v1::{
    AppendRequest, AuditRecord, GetConsistencyProofRequest, GetLogRequest, Operation, Phase,
};

use crate::node::{Act, Node, reason};

#[tokio::test]
async fn records_get_receipts_that_verify_in_order() {
    let node = Node::start().await;
    let acts: Vec<_> =
        (0..300).map(|number| Act { trace: 7, ..Act::of(number, "VLD-COAST/mira") }.record()).collect();
    let receipts = node.append(acts).await.unwrap();
    assert_eq!(receipts.len(), 300);
    for (receipt, index) in receipts.iter().zip(0..) {
        assert_eq!(node.verified(receipt).await.index, index);
        assert_eq!(receipt.trace_id, vec![7; 16]);
    }
}

#[tokio::test]
async fn a_repeated_record_gets_its_first_entry_again() {
    let node = Node::start().await;
    let first = node.append(vec![Act::of(1, "VLD-COAST/mira").record()]).await.unwrap().remove(0);
    node.record(&[Act::of(2, "VLD-COAST/mira"), Act::of(3, "VLD-COAST/mira")]).await;
    let again = node.append(vec![Act::of(1, "VLD-COAST/mira").record()]).await.unwrap().remove(0);
    assert_eq!((again.entry_index, &again.entry, again.tree_size), (0, &first.entry, 3));
    node.verified(&again).await;
}

#[tokio::test]
async fn every_fault_of_every_record_is_listed_and_nothing_is_appended() {
    let node = Node::start().await;
    let good = Act::of(1, "VLD-COAST/mira").record();
    let bad = AuditRecord {
        record_id: vec![1; 15].into(),
        operation: Operation::Unspecified.into(),
        phase: Phase::Outcome.into(),
        ..good.clone()
    };
    let status = node.append(vec![good, bad]).await.unwrap_err();
    let described = describe(&status);
    assert_eq!(described.reason, Some(ErrorReason::FieldInvalid));
    let fields: Vec<_> = described.fields.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["records[1].record_id", "records[1].operation", "records[1].intent_record_id"]);
    assert_eq!(node.record(&[Act::of(5, "VLD-COAST/mira")]).await, [0]);
}

#[tokio::test]
async fn a_service_cannot_write_in_the_name_of_another() {
    let node = Node::start().await;
    let of_intake = Act::of(1, "VLD-COAST/mira").record();
    let answer = node.workload("alerting").append(AppendRequest { records: vec![of_intake] }).await;
    let described = describe(&answer.unwrap_err());
    let fields: Vec<_> = described.fields.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!(fields, ["records[0].who.service_identity", "records[0].where.service_name"]);
}

#[tokio::test]
async fn none_and_too_many_records_are_refused() {
    let node = Node::start().await;
    assert_eq!(reason(node.append(Vec::new()).await), ErrorReason::FieldInvalid);
    let many = (0..1_001).map(|number| Act::of(number, "VLD-COAST/mira").record()).collect();
    assert_eq!(reason(node.append(many).await), ErrorReason::FieldInvalid);
}

#[tokio::test]
async fn a_record_too_large_is_refused_with_the_limit() {
    let node = Node::start().await;
    let (object, originator) = ("é".repeat(512), "é".repeat(256));
    let items: Vec<_> = (0..1_000).map(|_| (object.as_str(), originator.as_str())).collect();
    let large = Act { items: &items, ..Act::of(1, "VLD-COAST/mira") }.record();
    assert_eq!(reason(node.append(vec![large]).await), ErrorReason::TooLarge);
}

#[tokio::test]
async fn an_older_tree_is_a_prefix_of_the_newest() {
    let node = Node::start().await;
    let old = node.append(vec![Act::of(0, "VLD-COAST/mira").record()]).await.unwrap().remove(0);
    let old = node.verified(&old).await;
    let more: Vec<_> = (1..600).map(|number| Act::of(number, "VLD-COAST/mira")).collect();
    node.record(&more).await;
    let mira = node.person("VLD-COAST/mira", &[]);
    let asked = GetConsistencyProofRequest { old_size: old.tree_size };
    let proof = mira.client.clone().get_consistency_proof(asked).await.unwrap().into_inner();
    let newest = node.append(vec![Act::of(599, "VLD-COAST/mira").record()]).await.unwrap().remove(0);
    let newest = node.verified(&newest).await;
    let hashes: Vec<Hash> = proof.hashes.iter().map(|hash| Hash::from_slice(hash).unwrap()).collect();
    verify_consistency(old.tree_size, &old.root, newest.tree_size, &newest.root, &hashes).unwrap();
    let beyond =
        mira.client.clone().get_consistency_proof(GetConsistencyProofRequest { old_size: 601 }).await;
    assert_eq!(reason(beyond), ErrorReason::FieldInvalid);
}

#[tokio::test]
async fn the_log_tells_its_origin_key_and_newest_checkpoint_and_keeps_them_over_a_restart() {
    let mut node = Node::start().await;
    node.record(&[Act::of(1, "VLD-COAST/mira")]).await;
    let before = node.workload("alerting").get_log(GetLogRequest {}).await.unwrap().into_inner();
    assert_eq!(before.log_origin, "audit.entente.test/ops/2026");
    node.stop_service().await;
    node.start_service().await.unwrap();
    let mira = node.person("VLD-COAST/mira", &[]);
    let after = mira.client.clone().get_log(GetLogRequest {}).await.unwrap().into_inner();
    assert_eq!(after, before, "the same tree is signed as the same note");
    assert_eq!(node.record(&[Act::of(2, "VLD-COAST/mira")]).await, [1]);
}

#[tokio::test]
async fn an_older_log_put_in_place_is_refused_at_start() {
    let mut node = Node::start().await;
    node.record(&[Act::of(1, "VLD-COAST/mira")]).await;
    node.stop_service().await;
    let (log, backup) = (node.data_dir().join("log.sqlite"), node.data_dir().join("backup"));
    std::fs::copy(&log, &backup).unwrap();
    node.start_service().await.unwrap();
    node.install(1, crate::node::LEASE).await.unwrap();
    node.record(&[Act::of(2, "VLD-COAST/mira")]).await;
    // Reading waits for the index, so the index has seen the second record.
    node.auditor("VLD-COAST/runa").list(crate::node::everything()).await.unwrap();
    node.stop_service().await;
    std::fs::copy(&backup, &log).unwrap();
    let refused = node.start_service().await.unwrap_err();
    let cause = std::error::Error::source(&refused).map(ToString::to_string).unwrap_or_default();
    assert!(format!("{refused}: {cause}").contains("an older log was put in place"), "{refused}: {cause}");
}

#[tokio::test]
async fn without_its_index_the_log_is_searched_all_the_same() {
    let mut node = Node::start().await;
    node.record(&[Act::of(1, "VLD-COAST/mira"), Act::of(2, "VLD-COAST/mira")]).await;
    node.stop_service().await;
    std::fs::remove_file(node.data_dir().join("index.sqlite")).unwrap();
    node.start_service().await.unwrap();
    node.install(1, crate::node::LEASE).await.unwrap();
    let found = node.auditor("VLD-COAST/runa").list_all(crate::node::everything()).await;
    assert_eq!(found, ["act 1", "act 2"]);
}
