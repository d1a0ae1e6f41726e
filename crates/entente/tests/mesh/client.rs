//! A client of the test's own: it can do what the command would not, such as come with a wrong certificate.

use std::{collections::BTreeMap, path::Path, time::Duration};

use entente_chassis::{
    client::{PeerChannel, PeerConfig, connect},
    tls::{TlsFiles, TlsIdentity},
};
use entente_proto::{
    access::v1::{MintTokenRequest, access_service_client::AccessServiceClient},
    audit::v1::{ListRecordsRequest, ProvenRecord, audit_service_client::AuditServiceClient},
    intake::v1::{
        FreeText, ReportItem, SubmitReportRequest, intake_service_client::IntakeServiceClient,
        report_item::Body,
    },
};
use serde_json::Value;
use tonic::Request;
use uuid::Uuid;

use crate::process::PATIENCE;

/// For its originator alone.
pub(crate) const LABEL_OWN: &str = "ENTENTE:RESTRICTED//REL TO ORG:VLD-COAST//NO ONWARD//BY VLD-COAST";

/// Where a mesh listens, as its endpoints.json says.
pub(crate) struct Endpoints(Value);

impl Endpoints {
    pub(crate) fn of(data: &Path) -> Endpoints {
        Endpoints(serde_json::from_slice(&std::fs::read(data.join("endpoints.json")).unwrap()).unwrap())
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap()
    }

    /// A channel to a service, as whoever `identity` is.
    pub(crate) fn channel(&self, service: &str, identity: &TlsIdentity) -> PeerChannel {
        let address = self.0["services"][service].as_str().unwrap().to_owned();
        connect(&PeerConfig { service: service.to_owned(), address }, identity).unwrap()
    }
}

/// The identity `up` issued to a person.
pub(crate) fn identity(data: &Path, subject: &str) -> TlsIdentity {
    load(&data.join("pki/subject").join(subject))
}

/// The identity in a folder with certificate.pem, key.pem and bundle.pem.
pub(crate) fn load(folder: &Path) -> TlsIdentity {
    let files = TlsFiles {
        certificate: folder.join("certificate.pem"),
        key: folder.join("key.pem"),
        bundle: folder.join("bundle.pem"),
    };
    TlsIdentity::load(files, "entente.example".parse().unwrap()).unwrap()
}

/// Somebody with channels and a token.
pub(crate) struct Person {
    pub(crate) intake: IntakeServiceClient<PeerChannel>,
    pub(crate) audit: AuditServiceClient<PeerChannel>,
    pub(crate) token: String,
}

impl Person {
    /// Signs in as a person of `up`.
    pub(crate) async fn of(data: &Path, subject: &str) -> Person {
        let (endpoints, identity) = (Endpoints::of(data), identity(data, subject));
        let mut access = AccessServiceClient::new(endpoints.channel("access", &identity));
        let request =
            MintTokenRequest { purpose: "CT".to_owned(), realm: "REAL".to_owned(), actions: Vec::new() };
        let token = access.mint_token(timed(request)).await.unwrap().into_inner().token;
        Person {
            intake: IntakeServiceClient::new(endpoints.channel("intake", &identity)),
            audit: AuditServiceClient::new(endpoints.channel("audit", &identity))
                .max_decoding_message_size(64 << 20),
            token,
        }
    }

    /// A call with the token and a deadline.
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        with_token(timed(message), &self.token)
    }

    /// A stream with the token.
    pub(crate) fn stream<T>(&self, message: T) -> Request<T> {
        with_token(Request::new(message), &self.token)
    }

    /// Every record that an auditor may see, in the order of the log.
    pub(crate) async fn records(&mut self, object_id: &str) -> Vec<ProvenRecord> {
        let mut ask = ListRecordsRequest {
            object_id: object_id.to_owned(),
            page_size: 500,
            justification: "a test looks at the log".to_owned(),
            ..ListRecordsRequest::default()
        };
        let mut records = Vec::new();
        loop {
            let page = self.audit.list_records(self.request(ask.clone())).await.unwrap().into_inner();
            records.extend(page.records);
            ask.page_token = page.next_page_token;
            if ask.page_token.is_empty() {
                return records;
            }
        }
    }
}

/// A call with a deadline and nothing else.
pub(crate) fn timed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE.min(Duration::from_secs(20)));
    request
}

/// Adds a token.
pub(crate) fn with_token<T>(mut request: Request<T>, token: &str) -> Request<T> {
    request.metadata_mut().insert("txn-token", token.parse().unwrap());
    request
}

/// A STIX object that nobody has submitted yet: its id and its bytes.
pub(crate) fn stix() -> (String, Vec<u8>) {
    let id = format!("indicator--{}", Uuid::new_v4());
    let object = serde_json::json!({
        "type": "indicator", "spec_version": "2.1", "id": id, "name": "address of a relay",
        "created": "2026-11-23T12:00:00.000Z", "modified": "2026-11-23T12:00:00.000Z",
        "pattern": "[ipv4-addr:value = '203.0.113.9']", "pattern_type": "stix", "valid_from": "2026-11-23T12:00:00Z",
    });
    (id, object.to_string().into_bytes())
}

/// One object as an item.
pub(crate) fn item(object: Vec<u8>) -> ReportItem {
    ReportItem { body: Some(Body::Stix(object.into())), label_line: String::new() }
}

/// A text as an item.
pub(crate) fn text(body: Vec<u8>) -> ReportItem {
    let text = FreeText { title: "A text".to_owned(), body: body.into(), ..FreeText::default() };
    ReportItem { body: Some(Body::Text(text)), label_line: String::new() }
}

/// A submission.
pub(crate) fn submission(label: &str, items: Vec<ReportItem>) -> SubmitReportRequest {
    SubmitReportRequest {
        request_id: Uuid::new_v4().to_string(),
        label_line: label.to_owned(),
        items,
        ..SubmitReportRequest::default()
    }
}

/// How often each object stands in records of acceptance.
pub(crate) fn recorded(records: &[ProvenRecord]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for record in records.iter().filter_map(|record| record.record.as_ref()) {
        let accepted = record.operation() == entente_proto::audit::v1::Operation::Collection;
        for item in record.what.iter().filter(|_| accepted).flat_map(|what| &what.items) {
            *counts.entry(item.object_id.clone()).or_default() += 1;
        }
    }
    counts
}
