//! ListReports, and what each reader sees: exactly what the labels allow, and no sign of the rest.

use std::time::Duration;

use entente_proto::{
    common::v1::ErrorReason,
    intake::v1::{ListReportsRequest, ListReportsResponse, Report, ReportFilter, SubmitReportRequest},
};
use entente_testkit::fixtures::{LABEL_EXERCISE, LABEL_OPEN, LABEL_OWN, LABEL_SHARED};

use super::mesh::{Mesh, Person, malware, malware_id, refused, stix, submission, under, version};

fn ids(reports: &[Report]) -> Vec<String> {
    reports.iter().map(|report| report.report_id.clone()).collect()
}

fn numbered(numbers: impl IntoIterator<Item = u32>) -> Vec<String> {
    numbers.into_iter().map(malware_id).collect()
}

async fn list(person: &mut Person, filter: ReportFilter) -> Vec<String> {
    let message = ListReportsRequest {
        filter: Some(filter),
        page_size: 1_000,
        with_count: true,
        ..ListReportsRequest::default()
    };
    let page = person.list(message).await.unwrap();
    assert_eq!(page.count, Some(page.reports.len() as u64));
    ids(&page.reports)
}

/// Three labels in turn: own, shared, open.
async fn mixed(mesh: &Mesh, count: u32) {
    let mut mira = mesh.person("VLD-COAST", "mira");
    for (place, label) in [LABEL_OWN, LABEL_SHARED, LABEL_OPEN].into_iter().enumerate() {
        let numbers = (0..count).filter(|number| *number as usize % 3 == place);
        mira.submit(label, numbers.map(|number| malware(number, 1, "x")).collect()).await.unwrap();
    }
}

#[tokio::test]
async fn each_reader_sees_what_the_labels_allow() {
    let mesh = Mesh::start().await;
    mixed(&mesh, 9).await;
    let sees = async |organization: &str, name: &str| {
        let mut ids = ids(&mesh.person(organization, name).everything().await.unwrap());
        ids.sort();
        ids
    };
    assert_eq!(sees("VLD-COAST", "mira").await, numbered(0..9));
    assert_eq!(sees("ORS-CERT", "tomas").await, numbered([1, 2, 4, 5, 7, 8]));
    assert_eq!(sees("KSI-ISAC", "jonas").await, numbered([2, 5, 8]));
    let mut jonas = mesh.person("KSI-ISAC", "jonas");
    assert_eq!(refused(jonas.get(&malware_id(1)).await), ErrorReason::NotFound);
    assert_eq!(refused(jonas.get(&malware_id(77)).await), ErrorReason::NotFound);
    jonas.get(&malware_id(2)).await.unwrap();
}

#[tokio::test]
async fn a_signature_tells_nothing_of_what_came_in_the_same_batch_under_another_label() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let hidden = |number| under(LABEL_OWN, malware(number, 1, "x"));
    let items =
        vec![hidden(1), malware(2, 1, "x"), hidden(3), malware(4, 1, "x"), malware(5, 1, "x"), hidden(6)];
    mira.submit(LABEL_OPEN, items).await.unwrap();
    let mut jonas = mesh.person("KSI-ISAC", "jonas");
    let mut places = Vec::new();
    for report in jonas.everything().await.unwrap() {
        let signature = report.signature.unwrap();
        places.push((signature.leaf_index, signature.leaf_count, signature.inclusion_hashes.len()));
    }
    places.sort_unstable();
    assert_eq!(places, [(0, 1, 0), (0, 2, 1), (1, 2, 1)]);
}

#[tokio::test]
async fn absent_and_forbidden_are_refused_with_the_same_words() {
    let mesh = Mesh::start().await;
    mixed(&mesh, 3).await;
    let mut jonas = mesh.person("KSI-ISAC", "jonas");
    let told = async |jonas: &mut Person, id: &str| {
        let described = entente_chassis::status::describe(&jonas.get(id).await.unwrap_err());
        (described.message, described.reason, described.fields, described.retry_after)
    };
    assert_eq!(told(&mut jonas, &malware_id(1)).await, told(&mut jonas, &malware_id(77)).await);
}

#[tokio::test]
async fn pages_are_full_and_stay_as_they_were_while_more_comes() {
    let mesh = Mesh::start().await;
    mixed(&mesh, 30).await;
    let mut jonas = mesh.person("KSI-ISAC", "jonas");
    for newest_first in [false, true] {
        let mut message = ListReportsRequest {
            page_size: 4,
            with_count: true,
            newest_first,
            without_content: true,
            ..ListReportsRequest::default()
        };
        let mut pages: Vec<ListReportsResponse> = Vec::new();
        loop {
            let page = jonas.list(message.clone()).await.unwrap();
            message.page_token = page.next_page_token.clone();
            let ended = page.next_page_token.is_empty();
            pages.push(page);
            if ended {
                break;
            }
            // A newer version of what was or will be listed, and something new.
            let round = pages.len() as u32 + if newest_first { 10 } else { 0 };
            let mut mira = mesh.person("VLD-COAST", "mira");
            let items = vec![malware(29, 1 + round, "newer"), malware(100 + round, 1, "new")];
            mira.submit(LABEL_OPEN, items).await.unwrap();
        }
        let sizes: Vec<usize> = pages.iter().map(|page| page.reports.len()).collect();
        let before = pages[0].count.unwrap();
        assert!(sizes.iter().rev().skip(1).all(|size| *size == 4), "{sizes:?}");
        assert!(pages.iter().all(|page| page.count == Some(before)), "counts moved");
        assert_eq!(sizes.iter().sum::<usize>() as u64, before);
        assert!(pages.iter().flat_map(|page| &page.reports).all(|report| report.content.is_empty()));
    }
}

#[tokio::test]
async fn a_page_token_is_good_for_its_reader_query_and_epoch_alone() {
    let mesh = Mesh::start().await;
    mixed(&mesh, 9).await;
    let (mut mira, mut tomas) = (mesh.person("VLD-COAST", "mira"), mesh.person("ORS-CERT", "tomas"));
    let message = ListReportsRequest { page_size: 2, ..ListReportsRequest::default() };
    let page_token = mira.list(message.clone()).await.unwrap().next_page_token;
    let next = ListReportsRequest { page_token, ..message };
    mira.list(next.clone()).await.unwrap();
    // Page size is not part of the query.
    mira.list(ListReportsRequest { page_size: 3, ..next.clone() }).await.unwrap();
    assert_eq!(refused(tomas.list(next.clone()).await), ErrorReason::PageTokenInvalid);
    let other = ListReportsRequest { newest_first: true, ..next.clone() };
    assert_eq!(refused(mira.list(other).await), ErrorReason::PageTokenInvalid);
    let bent = ListReportsRequest { page_token: format!("{}A", next.page_token), ..next.clone() };
    assert_eq!(refused(mira.list(bent).await), ErrorReason::PageTokenInvalid);
    mesh.access.raise_epoch();
    mesh.access.heard().await;
    assert_eq!(refused(mira.list(next).await), ErrorReason::PageTokenInvalid);
}

#[tokio::test]
async fn a_list_is_narrowed_by_type_id_originator_operation_and_time() {
    let mesh = Mesh::start().await;
    let (mut mira, mut tomas) = (mesh.person("VLD-COAST", "mira"), mesh.person("ORS-CERT", "tomas"));
    let of = |operation: &str, number| SubmitReportRequest {
        operation: operation.into(),
        ..submission(LABEL_SHARED, vec![malware(number, 1, "x")])
    };
    mira.submit_as(of("TIDEWALL", 1)).await.unwrap();
    mesh.clock.advance(Duration::from_secs(60));
    mira.submit_as(of("TIDEWALL/SOCIETAL", 2)).await.unwrap();
    mesh.clock.advance(Duration::from_secs(60));
    let label = "NOLEVEL//TLP:CLEAR//ONWARD OPEN//BY ORS-CERT";
    let address = "ipv4-addr--ff26c055-6336-5bc5-b98d-13d6226742dd";
    let item = stix(&format!(r#"{{"type":"ipv4-addr","id":"{address}","value":"192.0.2.7"}}"#));
    tomas.submit(label, vec![item, malware(1, 1, "theirs")]).await.unwrap();

    let by = ReportFilter::default;
    let mira = &mut mira;
    assert_eq!(
        list(mira, ReportFilter { types: vec!["ipv4-addr".into(), "tool".into()], ..by() }).await,
        [address]
    );
    assert_eq!(list(mira, ReportFilter { originator: "VLD-COAST".into(), ..by() }).await, numbered([1, 2]));
    let both = vec![malware_id(1), malware_id(77)];
    assert_eq!(list(mira, ReportFilter { report_ids: both, ..by() }).await, numbered([1, 1]));
    assert_eq!(list(mira, ReportFilter { operation: "TIDEWALL".into(), ..by() }).await, numbered([1, 2]));
    assert_eq!(
        list(mira, ReportFilter { operation: "TIDEWALL/SOCIETAL".into(), ..by() }).await,
        numbered([2])
    );
    let added = mira.everything().await.unwrap()[1].add_time;
    assert_eq!(list(mira, ReportFilter { added_until_time: added, ..by() }).await, numbered([1]));
    let since = list(mira, ReportFilter { added_from_time: added, ..by() }).await;
    assert_eq!(since, [malware_id(2), address.to_owned(), malware_id(1)]);
    assert!(list(mira, ReportFilter { originator: "KSI-ISAC".into(), ..by() }).await.is_empty());
}

#[tokio::test]
async fn an_older_visible_version_stands_where_the_newest_is_hidden() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    mira.submit(LABEL_OPEN, vec![malware(1, 1, "old")]).await.unwrap();
    mira.submit(LABEL_OWN, vec![malware(1, 2, "new")]).await.unwrap();
    let mut jonas = mesh.person("KSI-ISAC", "jonas");
    let newest = |person: Person| async move {
        let mut person = person;
        let listed = person.list(ListReportsRequest::default()).await.unwrap().reports;
        let got = person.get(&malware_id(1)).await.unwrap().report.unwrap().version;
        (listed.into_iter().map(|report| report.version).collect::<Vec<_>>(), got)
    };
    assert_eq!(newest(mira.clone()).await, (vec![version(2)], version(2)));
    assert_eq!(newest(jonas.clone()).await, (vec![version(1)], version(1)));
    assert_eq!(jonas.everything().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_page_is_cut_before_its_content_is_too_large_and_loses_nothing() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    for number in 0..8 {
        mira.submit(LABEL_OPEN, vec![malware(number, 1, &"x".repeat(700_000))]).await.unwrap();
    }
    let mut message = ListReportsRequest { page_size: 100, ..ListReportsRequest::default() };
    let mut sizes = Vec::new();
    loop {
        let page = mira.list(message.clone()).await.unwrap();
        sizes.push(page.reports.len());
        message.page_token = page.next_page_token;
        if message.page_token.is_empty() {
            break;
        }
    }
    assert_eq!(sizes, [4, 4]);
}

#[tokio::test]
async fn a_label_that_names_a_person_is_decided_for_that_person() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let label = "NOLEVEL//REL TO ORG:VLD-COAST, PERSON:ORS-CERT/TOMAS//NO ONWARD//BY VLD-COAST";
    mira.submit(label, vec![malware(1, 1, "x")]).await.unwrap();
    mira.submit(LABEL_OPEN, vec![malware(2, 1, "x")]).await.unwrap();
    let (mut tomas, mut ilse) = (mesh.person("ORS-CERT", "tomas"), mesh.person("ORS-CERT", "ilse"));
    for _ in 0..2 {
        assert_eq!(ids(&tomas.everything().await.unwrap()), numbered([1, 2]));
        assert_eq!(ids(&ilse.everything().await.unwrap()), numbered([2]));
    }
}

#[tokio::test]
async fn an_embargo_ends_and_a_term_comes_on_their_days() {
    let mesh = Mesh::start().await;
    let mut mira = mesh.person("VLD-COAST", "mira");
    let dated = |dates: &str| {
        format!("NOLEVEL//REL TO ORG:KSI-ISAC, ORG:VLD-COAST//NO ONWARD//{dates}//BY VLD-COAST")
    };
    mira.submit(&dated("FROM 2026-11-25"), vec![malware(1, 1, "x")]).await.unwrap();
    mira.submit(&dated("UNTIL 2026-11-25"), vec![malware(2, 1, "x")]).await.unwrap();
    let on = async |mesh: &Mesh| {
        let reports = mesh.person("KSI-ISAC", "jonas").everything().await.unwrap();
        let duties = reports.iter().flat_map(|report| report.obligations.clone()).collect::<Vec<_>>();
        (ids(&reports), duties)
    };
    let (seen, duties) = on(&mesh).await;
    assert_eq!(seen, numbered([2]));
    assert_eq!(duties, ["audit_before_disclosure", "delete_by:2026-11-25"]);
    mesh.clock.advance(Duration::from_secs(2 * 86_400));
    assert_eq!(on(&mesh).await.0, numbered([1]));
    // Both labels are one without their dates: access was asked about one.
    assert!(mesh.access.labels_asked().iter().all(|asked| *asked <= 1));
}

#[tokio::test]
async fn exercise_and_real_never_meet() {
    let mesh = Mesh::start().await;
    let (mut real, mut player) = (mesh.person("VLD-COAST", "mira"), mesh.player("VLD-COAST", "mira"));
    real.submit(LABEL_OPEN, vec![malware(1, 1, "real")]).await.unwrap();
    player.submit(LABEL_EXERCISE, vec![malware(1, 1, "played"), malware(2, 1, "played")]).await.unwrap();
    assert_eq!(ids(&real.everything().await.unwrap()), numbered([1]));
    assert_eq!(ids(&player.everything().await.unwrap()), numbered([1, 2]));
    assert_eq!(refused(real.get(&malware_id(2)).await), ErrorReason::NotFound);
    let played = player.get(&malware_id(1)).await.unwrap().report.unwrap();
    assert!(played.obligations.contains(&"exercise_banner".to_owned()));
    assert_eq!(player.search("real").await.unwrap().count, Some(0));
}

#[tokio::test]
async fn access_is_asked_once_per_label_profile_and_epoch() {
    let mesh = Mesh::start().await;
    mixed(&mesh, 9).await;
    let asked = || mesh.access.labels_asked().into_iter().sum::<usize>();
    let before = asked();
    let mut tomas = mesh.person("ORS-CERT", "tomas");
    for _ in 0..5 {
        tomas.everything().await.unwrap();
    }
    assert_eq!(asked() - before, 3);
    // Of the same profile: nothing but who she is has to be asked.
    mesh.person("ORS-CERT", "ilse").everything().await.unwrap();
    mesh.person("VLD-COAST", "mira")
        .submit(
            "NOLEVEL//REL TO ORG:ORS-CERT, ORG:VLD-COAST//NO ONWARD//BY VLD-COAST",
            vec![malware(50, 1, "x")],
        )
        .await
        .unwrap();
    tomas.everything().await.unwrap();
    let again = asked() - before;
    assert!((4..=7).contains(&again), "{again} labels were asked for");
    mesh.access.raise_epoch();
    mesh.access.heard().await;
    tomas.everything().await.unwrap();
    assert_eq!(asked() - before, again + 4);
}
