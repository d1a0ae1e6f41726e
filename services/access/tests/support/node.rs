//! The real access service beside a fake audit; people and services that call it over mutual TLS.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use entente_access::{AccessConfig, start};
use entente_chassis::{
    client::{self, PeerChannel, PeerConfig},
    config::ChassisConfig,
    metrics::Metrics,
    run::{Deps, RunningService},
    tls::TlsIdentity,
};
use entente_proto::{
    access::v1::{
        DecideLabelsRequest, DecideLabelsResponse, MintTokenRequest, SuspendSubjectRequest,
        SuspendSubjectResponse, WatchEpochRequest, WatchEpochResponse,
        access_service_client::AccessServiceClient, decide_labels_request::Behalf,
    },
    common::v1::Label,
};
use entente_testkit::{FakeAudit, FakeClock, TRUST_DOMAIN, TestPki, fixtures};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Status, Streaming};

/// A lease short enough to wait for in a test.
pub(crate) const LEASE: Duration = Duration::from_millis(200);
/// Longest any test waits for one thing.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A client of the service under test.
pub(crate) type Client = AccessServiceClient<PeerChannel>;

/// Everything around one access service.
pub(crate) struct Node {
    pub(crate) pki: TestPki,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) audit: FakeAudit,
    folder: TempDir,
    lease: Duration,
    service: Option<RunningService>,
}

impl Node {
    /// A node with the registry of [`registry`] and the lease [`LEASE`].
    pub(crate) async fn start() -> Node {
        Node::with_lease(LEASE).await
    }

    /// The same with another lease.
    pub(crate) async fn with_lease(lease: Duration) -> Node {
        let pki = TestPki::new();
        let audit = FakeAudit::start(&pki).await;
        let clock = Arc::new(FakeClock::at(SystemTime::now()));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("registry.json"), registry().to_string()).unwrap();
        let mut node = Node { pki, clock, audit, folder, lease, service: None };
        node.start_service().await;
        node
    }

    /// Starts the service on the store there is.
    pub(crate) async fn start_service(&mut self) {
        let deps = Deps { clock: self.clock.clone(), metrics: Metrics::new("access") };
        self.service = Some(start(self.config(), deps).await.unwrap());
    }

    /// Its configuration.
    pub(crate) fn config(&self) -> AccessConfig {
        let chassis = ChassisConfig::for_process(
            TRUST_DOMAIN.parse().unwrap(),
            self.pki.service_files("access"),
            ([127, 0, 0, 1], 0).into(),
            [("audit".to_owned(), self.audit.address())].into(),
        );
        AccessConfig {
            registry_file: Some(self.folder.path().join("registry.json")),
            custodian: Some("VLD-COAST".to_owned()),
            lease: self.lease,
            ..AccessConfig::new(chassis, self.folder.path().join("data"))
        }
    }

    /// Ends the service in good order; the store stays.
    pub(crate) async fn stop_service(&mut self) {
        self.service.take().unwrap().drain().await;
    }

    /// host:port of the service.
    pub(crate) fn address(&self) -> String {
        self.service.as_ref().unwrap().local_addr().to_string()
    }

    /// A connection with any identity.
    pub(crate) fn channel(&self, identity: &TlsIdentity) -> PeerChannel {
        let peer = PeerConfig { service: "access".to_owned(), address: self.address() };
        client::connect(&peer, identity).unwrap()
    }

    /// A client with any identity.
    pub(crate) fn client(&self, identity: &TlsIdentity) -> Client {
        AccessServiceClient::new(self.channel(identity))
    }

    /// A workload.
    pub(crate) fn workload(&self, name: &str) -> Client {
        self.client(&self.pki.service(name))
    }

    /// Somebody with a token for CT and everything their roles allow.
    pub(crate) async fn person(&self, subject_id: &str) -> Person {
        let (organization, name) = subject_id.split_once('/').unwrap();
        let mut client = self.client(&self.pki.subject(organization, name));
        let asked = MintTokenRequest { purpose: "CT".to_owned(), ..MintTokenRequest::default() };
        let token = client.mint_token(asked).await.unwrap().into_inner().token;
        Person { client, token }
    }
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
        asked(message, &self.token)
    }

    /// Suspends a subject.
    pub(crate) async fn suspend(&self, subject_id: &str) -> Result<SuspendSubjectResponse, Status> {
        let suspend = SuspendSubjectRequest {
            subject_id: subject_id.to_owned(),
            justification: "left the unit".to_owned(),
        };
        self.client.clone().suspend_subject(self.ask(suspend)).await.map(tonic::Response::into_inner)
    }
}

/// A request with a token.
pub(crate) fn asked<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("txn-token", token.parse().unwrap());
    request
}

/// An open epoch watch.
pub(crate) struct Watcher {
    requests: mpsc::Sender<WatchEpochRequest>,
    grants: Streaming<WatchEpochResponse>,
}

impl Watcher {
    /// Opens a watch and asks for the first grant.
    pub(crate) async fn open(mut service: Client) -> Watcher {
        let (requests, receiver) = mpsc::channel(8);
        requests.send(WatchEpochRequest { installed_epoch: 0 }).await.unwrap();
        let grants = service.watch_epoch(ReceiverStream::new(receiver)).await.unwrap().into_inner();
        Watcher { requests, grants }
    }

    /// The next grant.
    pub(crate) async fn granted(&mut self) -> WatchEpochResponse {
        tokio::time::timeout(PATIENCE, self.grants.message()).await.unwrap().unwrap().unwrap()
    }

    /// Says what is installed.
    pub(crate) async fn installed(&self, epoch: u64) {
        self.requests.send(WatchEpochRequest { installed_epoch: epoch }).await.unwrap();
    }
}

/// Asks what the holder of a token may read.
pub(crate) async fn decide(
    client: &mut Client,
    token: &str,
    lines: &[&str],
) -> Result<DecideLabelsResponse, Status> {
    let request = DecideLabelsRequest {
        behalf: Some(Behalf::TransactionToken(token.to_owned())),
        labels: lines.iter().map(|line| label(line)).collect(),
        at_least_as_fresh_as: 0,
    };
    client.decide_labels(request).await.map(tonic::Response::into_inner)
}

/// A label as services send it.
pub(crate) fn label(line: &str) -> Label {
    let hash = entente_domain::label::Label::parse(line, &fixtures::registry(), None)
        .map(|label| label.hash().as_bytes().to_vec())
        .unwrap_or_default();
    Label { line: line.to_owned(), hash: hash.into() }
}

/// Three partners and their people, of whom VLD-COAST and ORS-CERT run TIDEWALL together.
pub(crate) fn registry() -> Value {
    let subject = |id: &str, roles: &[&str], tidewall: bool| {
        let grants = if tidewall { json!([{ "path": "OP:TIDEWALL", "tree": true }]) } else { json!([]) };
        json!({
            "subject_id": id, "roles": roles, "purposes": fixtures::PURPOSES, "grants": grants,
            "clearances": { "ENTENTE": "SECRET" },
        })
    };
    let everything = ["reader", "submitter", "subscriber"];
    json!({
        "realms": [fixtures::EXERCISE],
        "partners": [
            { "organization_id": "VLD-COAST", "nation": "XVA", "groups": ["TIDEWALL-CELL"] },
            { "organization_id": "ORS-CERT", "nation": "XOR", "groups": ["TIDEWALL-CELL", "CERT-NET"] },
            { "organization_id": "KSI-ISAC", "nation": "XKE", "groups": ["CERT-NET"] },
        ],
        "subjects": [
            subject("VLD-COAST/mira", &everything, true),
            subject("VLD-COAST/pavo", &["policy_admin"], false),
            subject("VLD-COAST/runa", &["auditor"], false),
            subject("ORS-CERT/tomas", &everything, true),
            subject("ORS-CERT/ilse", &["reader", "subscriber"], true),
            subject("ORS-CERT/vera", &["policy_admin"], false),
            subject("KSI-ISAC/jonas", &everything, false),
            subject("KSI-ISAC/nele", &["policy_admin", "auditor"], false),
        ],
        "operations": [{
            "operation_id": "TIDEWALL", "lead_organization_id": "VLD-COAST",
            "organization_ids": ["VLD-COAST", "ORS-CERT"],
            "components": [{ "component_id": "OPERATIONAL", "phases": [{ "phase_id": "P1" }, { "phase_id": "P2" }] }],
        }],
    })
}
