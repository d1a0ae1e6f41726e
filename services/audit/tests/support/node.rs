//! The real audit service; services that append, access that says whom to believe, people who read.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use entente_audit::{AuditConfig, Limits, start};
use entente_chassis::{
    client::{self, PeerChannel, PeerConfig},
    config::ChassisConfig,
    metrics::Metrics,
    run::{Deps, RunningService, StartError},
    status::{ErrorReason, reason_of},
    tls::TlsIdentity,
};
use entente_ledger::{
    commitment::{OpenedSection, Opening},
    hash::Hash,
    note::VerifyingKey,
    receipt::{Receipt, VerifiedReceipt},
};
use entente_proto::{
    audit::v1::{
        AppendRequest, AuditRecord, Decision, Effect, GetLogRequest, GetRecordRequest, GetRecordResponse,
        InstallAuthorityRequest, InstallAuthorityResponse, Item, ListRecordsRequest, ListRecordsResponse,
        Operation, Phase, ProvenRecord, Recipient, TokenKey, What, Where, Who, Why,
        audit_service_client::AuditServiceClient, get_record_request::By,
    },
    common,
};
use entente_testkit::{FakeClock, TRUST_DOMAIN, TestAuthority, TestPki};
use tempfile::TempDir;
use tonic::{Request, Status};

/// A lease that no test outlives.
pub(crate) const LEASE: Duration = Duration::from_secs(600);
/// A client of the service under test.
pub(crate) type Client = AuditServiceClient<PeerChannel>;

/// Everything around one audit service.
pub(crate) struct Node {
    pub(crate) pki: TestPki,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) authority: TestAuthority,
    folder: TempDir,
    service: Option<RunningService>,
}

impl Node {
    /// A node with an empty log, whose access has installed epoch 1.
    pub(crate) async fn start() -> Node {
        let node = Node::without_authority().await;
        node.install(1, LEASE).await.unwrap();
        node
    }

    /// The same before access was heard.
    pub(crate) async fn without_authority() -> Node {
        let clock = Arc::new(FakeClock::default());
        let authority = TestAuthority::at(clock.clone());
        let folder = tempfile::tempdir().unwrap();
        let mut node = Node { pki: TestPki::new(), clock, authority, folder, service: None };
        node.start_service().await.unwrap();
        node
    }

    /// Starts the service on the data there is.
    pub(crate) async fn start_service(&mut self) -> Result<(), StartError> {
        let chassis = ChassisConfig::for_process(
            TRUST_DOMAIN.parse().unwrap(),
            self.pki.service_files("audit"),
            ([127, 0, 0, 1], 0).into(),
            [].into(),
        );
        let config = AuditConfig {
            chassis,
            data_dir: self.data_dir(),
            log_origin: String::new(),
            limits: Limits::default(),
        };
        let deps = Deps { clock: self.clock.clone(), metrics: Metrics::new("audit") };
        self.service = Some(start(config, deps).await?);
        Ok(())
    }

    /// Ends the service in good order; its data stays.
    pub(crate) async fn stop_service(&mut self) {
        self.service.take().unwrap().drain().await;
    }

    /// The folder of the log.
    pub(crate) fn data_dir(&self) -> PathBuf {
        Path::new(self.folder.path()).join("data")
    }

    /// A connection with any identity.
    pub(crate) fn channel(&self, identity: &TlsIdentity) -> PeerChannel {
        let address = self.service.as_ref().unwrap().local_addr().to_string();
        client::connect(&PeerConfig { service: "audit".to_owned(), address }, identity).unwrap()
    }

    /// A workload.
    pub(crate) fn workload(&self, name: &str) -> Client {
        AuditServiceClient::new(self.channel(&self.pki.service(name)))
    }

    /// Access says which epoch is in force, as it does from its second word on.
    pub(crate) async fn install(&self, epoch: u64, lease: Duration) -> Result<(), Status> {
        let ticket = self.install_with(epoch, lease, Bytes::new()).await?.ticket;
        self.install_with(epoch, lease, ticket).await.map(drop)
    }

    /// Access says which epoch is in force, with a ticket.
    pub(crate) async fn install_with(
        &self,
        epoch: u64,
        lease: Duration,
        ticket: Bytes,
    ) -> Result<InstallAuthorityResponse, Status> {
        let key = |(key_id, public_key): (String, [u8; 32])| TokenKey {
            key_id,
            ed25519_public_key: public_key.to_vec().into(),
        };
        let request = InstallAuthorityRequest {
            keys: self.authority.keys().into_iter().map(key).collect(),
            epoch,
            lease: lease.try_into().ok(),
            ticket,
        };
        Ok(self.workload("access").install_authority(request).await?.into_inner())
    }

    /// Intake records; gives the receipts.
    pub(crate) async fn append(&self, records: Vec<AuditRecord>) -> Result<Vec<common::v1::Receipt>, Status> {
        Ok(self.workload("intake").append(AppendRequest { records }).await?.into_inner().receipts)
    }

    /// Intake records acts; gives their indices.
    pub(crate) async fn record(&self, acts: &[Act<'_>]) -> Vec<u64> {
        let receipts = self.append(acts.iter().map(Act::record).collect()).await.unwrap();
        receipts.iter().map(|receipt| receipt.entry_index).collect()
    }

    /// Somebody with a token that allows everything asked for.
    pub(crate) fn person(&self, subject_id: &str, actions: &[&str]) -> Person {
        let (organization, name) = subject_id.split_once('/').unwrap();
        let client = AuditServiceClient::new(self.channel(&self.pki.subject(organization, name)));
        Person { client, token: self.authority.token(subject_id, "CT", actions) }
    }

    /// An auditor.
    pub(crate) fn auditor(&self, subject_id: &str) -> Person {
        self.person(subject_id, &["audit"])
    }

    /// The key that verifies the log.
    pub(crate) async fn key(&self) -> VerifyingKey {
        let log = self.workload("intake").get_log(GetLogRequest {}).await.unwrap().into_inner();
        VerifyingKey::parse(&log.verifier_key).unwrap()
    }

    /// Checks a receipt.
    pub(crate) async fn verified(&self, receipt: &common::v1::Receipt) -> VerifiedReceipt {
        from_wire(receipt).verify(&self.key().await).unwrap()
    }

    /// Checks a record: its place, and that what was opened is what was committed to.
    pub(crate) async fn check(&self, record: &ProvenRecord) {
        let proof = record.proof.as_ref().unwrap();
        assert_eq!((proof.entry_index, &proof.entry), (record.entry_index, &record.entry));
        let verified = self.verified(proof).await;
        opening(record).verify(&verified.entry).unwrap();
    }
}

fn from_wire(receipt: &common::v1::Receipt) -> Receipt {
    Receipt {
        origin: receipt.log_origin.clone(),
        index: receipt.entry_index,
        entry: receipt.entry.to_vec(),
        tree_size: receipt.tree_size,
        path: receipt.inclusion_hashes.iter().map(|hash| Hash::from_slice(hash).unwrap()).collect(),
        checkpoint: receipt.checkpoint.clone(),
    }
}

fn opening(record: &ProvenRecord) -> Opening {
    let section = |section: &entente_proto::audit::v1::Section| match section.digest.is_empty() {
        true => OpenedSection::Open {
            salt: section.salt.as_ref().try_into().unwrap(),
            body: section.body.to_vec(),
        },
        false => OpenedSection::DigestOnly(Hash::from_slice(&section.digest).unwrap()),
    };
    Opening { sections: record.sections.iter().map(section).collect() }
}

/// Numbers of the sections of which only the digest is shown.
pub(crate) fn withheld(record: &ProvenRecord) -> Vec<u32> {
    let withheld = record.sections.iter().filter(|section| !section.digest.is_empty());
    withheld.map(|section| section.field).collect()
}

/// A person who calls.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) client: Client,
    pub(crate) token: String,
}

impl Person {
    /// A request with the person's token.
    pub(crate) fn ask<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("txn-token", self.token.parse().unwrap());
        request
    }

    /// A record by its index.
    pub(crate) async fn get(&self, index: u64) -> Result<GetRecordResponse, Status> {
        let request = self.ask(GetRecordRequest { by: Some(By::EntryIndex(index)) });
        Ok(self.client.clone().get_record(request).await?.into_inner())
    }

    /// One page of records.
    pub(crate) async fn list(&self, request: ListRecordsRequest) -> Result<ListRecordsResponse, Status> {
        Ok(self.client.clone().list_records(self.ask(request)).await?.into_inner())
    }

    /// The names of all records a filter finds, page by page.
    pub(crate) async fn list_all(&self, filter: ListRecordsRequest) -> Vec<String> {
        let (mut names, mut request) = (Vec::new(), filter);
        loop {
            let page = self.list(request.clone()).await.unwrap();
            names.extend(page.records.iter().map(name_of));
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                return names;
            }
        }
    }
}

/// A filter that finds everything.
pub(crate) fn everything() -> ListRecordsRequest {
    ListRecordsRequest { justification: "spot check".to_owned(), ..ListRecordsRequest::default() }
}

/// The name an act was given, from its record.
pub(crate) fn name_of(record: &ProvenRecord) -> String {
    let record = record.record.clone().unwrap();
    let number = u128::from_be_bytes(record.record_id.as_ref().try_into().unwrap());
    if number < 1_000_000 { format!("act {number}") } else { format!("{:?}", record.operation()) }
}

/// An act of a subject, as intake would record it.
#[derive(Clone, Copy)]
pub(crate) struct Act<'a> {
    pub(crate) number: u128,
    pub(crate) subject: &'a str,
    /// Object and originator.
    pub(crate) items: &'a [(&'a str, &'a str)],
    pub(crate) recipients: &'a [&'a str],
    pub(crate) trace: u8,
    pub(crate) realm: &'a str,
}

impl Act<'_> {
    /// An act on nothing.
    pub(crate) const fn of(number: u128, subject: &str) -> Act<'_> {
        Act { number, subject, items: &[], recipients: &[], trace: 1, realm: "REAL" }
    }

    /// Its record.
    pub(crate) fn record(&self) -> AuditRecord {
        let home = |subject: &str| subject.split('/').next().unwrap().to_owned();
        let item = |(object_id, originator): &(&str, &str)| Item {
            object_id: (*object_id).to_owned(),
            originator: (*originator).to_owned(),
            ..Item::default()
        };
        let recipient = |subject: &&str| Recipient {
            organization: home(subject),
            subject: (*subject).to_owned(),
            channel: "grpc".to_owned(),
        };
        AuditRecord {
            record_id: self.number.to_be_bytes().to_vec().into(),
            operation: Operation::Disclosure.into(),
            phase: Phase::Single.into(),
            who: Some(Who {
                subject: self.subject.to_owned(),
                subject_organization: home(self.subject),
                service_identity: format!("spiffe://{TRUST_DOMAIN}/svc/intake"),
                recipients: self.recipients.iter().map(recipient).collect(),
                ..Who::default()
            }),
            what: Some(What { items: self.items.iter().map(item).collect(), ..What::default() }),
            why: Some(Why { realm: self.realm.to_owned(), purpose: "CT".to_owned(), ..Why::default() }),
            decision: Some(Decision { effect: Effect::Permit.into(), epoch: 1, ..Decision::default() }),
            r#where: Some(Where {
                trace_id: vec![self.trace; 16].into(),
                span_id: vec![1; 8].into(),
                service_name: "intake".to_owned(),
                rpc_method: "/x/Y".to_owned(),
            }),
            ..AuditRecord::default()
        }
    }
}

/// The reason of a refusal.
pub(crate) fn reason<T: std::fmt::Debug>(answer: Result<T, Status>) -> ErrorReason {
    reason_of(&answer.unwrap_err()).unwrap()
}
