//! The development authority: kept, guarded, and careful what it signs.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, SystemTime},
};

use entente_chassis::{
    identity::{Caller, TrustDomain},
    pki::{DevelopmentCa, Lifetime, PkiError},
    tls::TlsIdentity,
};

const HOUR: Duration = Duration::from_secs(3_600);

fn domain() -> TrustDomain {
    "entente.test".parse().unwrap()
}

fn mira() -> Caller {
    Caller::Subject { organization: "VLD-COAST".into(), name: "mira".into() }
}

fn hour() -> Lifetime {
    let now = SystemTime::now();
    Lifetime { not_before: now - HOUR, not_after: now + HOUR }
}

#[test]
fn an_authority_loaded_again_issues_under_the_same_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let first = DevelopmentCa::create(&domain()).unwrap();
    first.save(folder.path()).unwrap();
    first.save(folder.path()).unwrap();
    let again = DevelopmentCa::load(folder.path()).unwrap();
    assert_eq!(again.trust_domain(), &domain());
    assert_eq!(again.bundle_pem(), first.bundle_pem());
    let files =
        again.issue(&mira(), hour()).unwrap().save(&folder.path().join("mira"), &first.bundle_pem()).unwrap();
    let identity = TlsIdentity::load(files, domain()).unwrap();
    assert_eq!(identity.spiffe_id(), "spiffe://entente.test/subject/VLD-COAST/mira");
}

#[test]
fn private_keys_are_readable_by_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let authority = DevelopmentCa::create(&domain()).unwrap();
    authority.save(folder.path()).unwrap();
    let files =
        authority.issue(&mira(), hour()).unwrap().save(folder.path(), &authority.bundle_pem()).unwrap();
    for key in [folder.path().join("ca.key"), files.key] {
        assert_eq!(fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600, "{}", key.display());
    }
}

#[test]
fn a_key_of_another_authority_is_noticed() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    DevelopmentCa::create(&domain()).unwrap().save(folder.path()).unwrap();
    DevelopmentCa::create(&domain()).unwrap().save(other.path()).unwrap();
    fs::copy(other.path().join("ca.key"), folder.path().join("ca.key")).unwrap();
    assert!(matches!(DevelopmentCa::load(folder.path()), Err(PkiError::OtherKey(_))));
    assert!(matches!(DevelopmentCa::load(&folder.path().join("nowhere")), Err(PkiError::File { .. })));
}

#[test]
fn names_that_make_no_id_get_no_certificate() {
    let authority = DevelopmentCa::create(&domain()).unwrap();
    for name in ["", "..", "mira/x", "mira x", "m\u{ef}ra"] {
        let caller = Caller::Service { name: name.to_owned() };
        assert!(matches!(authority.issue(&caller, hour()), Err(PkiError::Identity(_))), "{name}");
    }
}
