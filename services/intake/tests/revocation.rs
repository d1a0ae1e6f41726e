//! Revoked is revoked (I3): once access says so, no later read succeeds, and none that runs gives anything away.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on must stop")]

#[path = "support/mesh.rs"]
#[expect(dead_code, reason = "rpc.rs uses what is not used here")]
mod mesh;

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use entente_proto::{common::v1::ErrorReason, intake::v1::ListReportsRequest};
use entente_testkit::fixtures::{LABEL_OPEN, LABEL_SHARED};
use mesh::{Mesh, malware, malware_id, refused};

#[tokio::test]
async fn a_suspended_reader_reads_nothing_more() {
    let mesh = Mesh::start().await;
    mesh.person("VLD-COAST", "mira").submit(LABEL_OPEN, vec![malware(1, 1, "x")]).await.unwrap();
    let (mut tomas, mut ilse) = (mesh.person("ORS-CERT", "tomas"), mesh.person("ORS-CERT", "ilse"));
    tomas.get(&malware_id(1)).await.unwrap();
    ilse.get(&malware_id(1)).await.unwrap();
    mesh.access.suspend("ORS-CERT/tomas").await;
    assert_eq!(refused(tomas.get(&malware_id(1)).await), ErrorReason::SubjectInactive);
    assert_eq!(refused(tomas.list(ListReportsRequest::default()).await), ErrorReason::SubjectInactive);
    assert_eq!(refused(tomas.search("x").await), ErrorReason::SubjectInactive);
    // Whoever has the same profile reads on.
    ilse.get(&malware_id(1)).await.unwrap();
}

#[tokio::test]
async fn a_suspended_submitter_submits_nothing_more() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    mira.submit(LABEL_OPEN, vec![malware(1, 1, "x")]).await.unwrap();
    mesh.access.suspend("VLD-COAST/mira").await;
    assert_eq!(
        refused(mira.submit(LABEL_OPEN, vec![malware(2, 1, "x")]).await),
        ErrorReason::SubjectInactive
    );
}

#[tokio::test]
async fn who_loses_a_grant_no_longer_sees_what_it_opened() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    mira.submit(LABEL_SHARED, vec![malware(1, 1, "x")]).await.unwrap();
    mira.submit(LABEL_OPEN, vec![malware(2, 1, "x")]).await.unwrap();
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    assert_eq!(tomas.everything().await.unwrap().len(), 2);
    mesh.access.change("ORS-CERT/tomas", |tomas| tomas.grants.clear()).await;
    assert_eq!(tomas.everything().await.unwrap().len(), 1);
    assert_eq!(refused(tomas.get(&malware_id(1)).await), ErrorReason::NotFound);
}

#[tokio::test]
async fn who_loses_assurance_does_not_share_what_a_colleague_of_the_same_profile_may_see() {
    const SECRET: &str = "ENTENTE:SECRET//REL TO ORG:ORS-CERT, ORG:VLD-COAST//ORCON//BY VLD-COAST";
    let mesh = Mesh::start().await;
    mesh.person("VLD-COAST", "mira").submit(SECRET, vec![malware(1, 1, "x")]).await.unwrap();
    let (mut tomas, mut ilse) = (mesh.person("ORS-CERT", "tomas"), mesh.person("ORS-CERT", "ilse"));
    assert_eq!(ilse.everything().await.unwrap().len(), 1);
    mesh.access.lower_assurance("ORS-CERT/ilse", 1).await;
    // What is kept for the profile is kept from tomas's question.
    assert_eq!(tomas.everything().await.unwrap().len(), 1);
    assert!(ilse.everything().await.unwrap().is_empty());
    assert_eq!(refused(ilse.get(&malware_id(1)).await), ErrorReason::NotFound);
}

#[tokio::test]
async fn of_reads_that_run_while_a_reader_is_suspended_none_that_starts_later_succeeds() {
    let mesh = Mesh::start().await;
    mesh.person("VLD-COAST", "mira").submit(LABEL_OPEN, vec![malware(1, 1, "x")]).await.unwrap();
    let tomas = mesh.person("ORS-CERT", "tomas");
    let suspended = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..8)
        .map(|_| {
            let (mut tomas, suspended) = (tomas.clone(), suspended.clone());
            tokio::spawn(async move {
                let mut before = 0;
                loop {
                    let later = suspended.load(Ordering::SeqCst);
                    match tomas.get(&malware_id(1)).await {
                        Ok(_) if later => panic!("a read that started later succeeded"),
                        Ok(_) => before += 1,
                        Err(status) if later => {
                            assert_eq!(refused::<()>(Err(status)), ErrorReason::SubjectInactive);
                            return before;
                        }
                        Err(_) => {}
                    }
                }
            })
        })
        .collect();
    // Something must be read before, or the test shows nothing.
    let mut warm = tomas.clone();
    for _ in 0..20 {
        warm.get(&malware_id(1)).await.unwrap();
    }
    mesh.access.suspend("ORS-CERT/tomas").await;
    suspended.store(true, Ordering::SeqCst);
    let mut before = 0;
    for reader in readers {
        before += reader.await.unwrap();
    }
    assert!(before > 0);
}

#[tokio::test]
async fn without_access_nothing_new_is_decided() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    mira.submit(LABEL_OPEN, vec![malware(1, 1, "x")]).await.unwrap();
    mesh.access.fail(true);
    assert_eq!(refused(mira.get(&malware_id(1)).await), ErrorReason::AccessUnavailable);
    let other = "NOLEVEL//REL TO ORG:ORS-CERT, ORG:VLD-COAST//NO ONWARD//BY VLD-COAST";
    assert_eq!(refused(mira.submit(other, vec![malware(2, 1, "x")]).await), ErrorReason::AccessUnavailable);
    // The lease still runs, so what was decided under it holds.
    mira.submit(LABEL_OPEN, vec![malware(3, 1, "x")]).await.unwrap();
}
