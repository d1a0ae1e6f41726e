//! SPIFFE ids: what is read, and what is refused.

use entente_chassis::identity::{Caller, IdentityError, TrustDomain};

fn domain() -> TrustDomain {
    "entente.test".parse().unwrap()
}

#[test]
fn an_id_printed_reads_back_as_the_same_caller() {
    let service = Caller::Service { name: "intake".into() };
    let subject = Caller::Subject { organization: "VLD-COAST".into(), name: "mira".into() };
    for caller in [service, subject] {
        assert_eq!(Caller::from_uri(&caller.spiffe_id(&domain()), &domain()), Ok(caller));
    }
}

#[test]
fn an_id_of_another_trust_domain_is_nobody_here() {
    for uri in [
        "spiffe://entente.other/svc/intake",
        "spiffe://ENTENTE.test/svc/intake",
        "spiffe://entente.test./svc/a",
    ] {
        assert!(
            matches!(Caller::from_uri(uri, &domain()), Err(IdentityError::OtherTrustDomain { .. })),
            "{uri}"
        );
    }
}

#[test]
fn what_is_neither_workload_nor_subject_is_refused() {
    let refused = [
        "",
        "https://entente.test/svc/intake",
        "spiffe://entente.test",
        "spiffe://entente.test/",
        "spiffe://entente.test/svc",
        "spiffe://entente.test/svc/",
        "spiffe://entente.test/svc/intake/",
        "spiffe://entente.test/svc/a/b",
        "spiffe://entente.test/svc/..",
        "spiffe://entente.test/svc/in%20take",
        "spiffe://entente.test/svc/intake?x=1",
        "spiffe://entente.test/subject/VLD-COAST",
        "spiffe://entente.test/subject//mira",
        "spiffe://entente.test/subject/VLD-COAST/mira/x",
        "spiffe://entente.test/other/VLD-COAST/mira",
    ];
    for uri in refused {
        assert!(Caller::from_uri(uri, &domain()).is_err(), "{uri}");
    }
    assert!(
        Caller::from_uri(&format!("spiffe://entente.test/svc/{}", "a".repeat(2_048)), &domain()).is_err()
    );
}

#[test]
fn a_trust_domain_has_lower_case_letters_digits_and_few_signs() {
    for good in ["entente.test", "a", "node-1_x.example"] {
        assert_eq!(good.parse::<TrustDomain>().unwrap().to_string(), good);
    }
    for bad in ["", "Entente.test", "a/b", "a b", "a:1", "ä.test", &"a".repeat(256)] {
        assert!(bad.parse::<TrustDomain>().is_err(), "{bad}");
    }
}
