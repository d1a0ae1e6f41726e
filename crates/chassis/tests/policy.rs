//! Policies come with the descriptors, or the service does not start.

use entente_chassis::policy::{Policies, PolicyError};
use entente_proto::common::v1::{CallerKind, RpcPolicy};
use prost::Message;

const AUDIT: &str = "entente.audit.v1.AuditService";

#[test]
fn every_method_of_a_service_has_the_policy_its_proto_states() {
    let policies = Policies::from_descriptors(entente_proto::FILE_DESCRIPTOR_SET, &[AUDIT]).unwrap();
    assert_eq!(policies.methods().count(), 7);
    let list = policies.get("/entente.audit.v1.AuditService/ListRecords").unwrap();
    assert_eq!(list.callers, [i32::from(CallerKind::Subject)]);
    assert_eq!(
        (list.subject_token, list.action.as_str(), list.discloses, list.mutates),
        (true, "audit", true, false)
    );
    assert!(policies.get("/entente.audit.v1.AuditService/Nothing").is_none());
}

#[test]
fn a_method_without_policy_stops_the_start_and_all_such_are_named() {
    // Decoding and encoding with prost loses the option: it knows no extensions.
    let without =
        prost_types::FileDescriptorSet::decode(entente_proto::FILE_DESCRIPTOR_SET).unwrap().encode_to_vec();
    let error = Policies::from_descriptors(&without, &[AUDIT]).unwrap_err();
    let PolicyError::Methods(faults) = &error else { unreachable!("{error}") };
    assert_eq!(faults.len(), 7);
    assert!(error.to_string().contains("/entente.audit.v1.AuditService/Append: has no policy"), "{error}");
}

#[test]
fn a_service_that_is_not_there_has_no_policies() {
    let error = Policies::from_descriptors(entente_proto::FILE_DESCRIPTOR_SET, &["entente.none.v1.None"])
        .unwrap_err();
    assert!(matches!(error, PolicyError::NoService(_)));
}

#[test]
fn a_policy_that_lets_nobody_in_or_contradicts_itself_is_refused() {
    let service = i32::from(CallerKind::Service);
    let subject = i32::from(CallerKind::Subject);
    let named = || vec!["intake".to_owned()];
    let refused = [
        RpcPolicy::default(),
        RpcPolicy { callers: vec![0], ..RpcPolicy::default() },
        RpcPolicy { callers: vec![subject, 99], ..RpcPolicy::default() },
        RpcPolicy { callers: vec![service], ..RpcPolicy::default() },
        RpcPolicy { callers: vec![subject], services: named(), ..RpcPolicy::default() },
        RpcPolicy { callers: vec![subject], action: "read".to_owned(), ..RpcPolicy::default() },
    ];
    for policy in refused {
        assert!(Policies::default().allow("/a.B/C", policy.clone()).is_err(), "{policy:?}");
    }
    let good = RpcPolicy { callers: vec![service], services: named(), ..RpcPolicy::default() };
    let mut policies = Policies::default();
    policies.allow("/a.B/C", good).unwrap();
    assert_eq!(policies.methods().collect::<Vec<_>>(), ["/a.B/C"]);
}
