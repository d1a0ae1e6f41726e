//! What the tests of the server share: a CA, a token key, and two services whose handlers a test holds by the hand.

use std::{
    pin::Pin,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use entente_chassis::{
    call::Call,
    client::{self, PeerChannel, PeerConfig},
    clock::SystemClock,
    identity::{Caller, TrustDomain},
    metrics::Metrics,
    pki::{DevelopmentCa, Lifetime},
    policy::Policies,
    server::{Running, Server, ServerConfig},
    status::{ErrorReason, Fault},
    tasks::TaskGroup,
    tls::{TlsFiles, TlsIdentity},
    token::{Claims, RequesterContext, SigningKey, TokenVerifier, TransactionContext, mint},
};
use entente_proto::{
    alerting::v1::{
        AcknowledgeAlertRequest, AcknowledgeAlertResponse, CreateInterestRequest, CreateInterestResponse,
        DeleteInterestRequest, DeleteInterestResponse, ListInterestsRequest, ListInterestsResponse,
        StreamAlertsRequest, StreamAlertsResponse,
        alerting_service_server::{AlertingService, AlertingServiceServer},
    },
    audit::v1::{
        AppendRequest, AppendResponse, GetConsistencyProofRequest, GetConsistencyProofResponse,
        GetLogRequest, GetLogResponse, GetRecordRequest, GetRecordResponse, GetTraceRequest,
        GetTraceResponse, InstallAuthorityRequest, InstallAuthorityResponse, ListRecordsRequest,
        ListRecordsResponse,
        audit_service_server::{AuditService, AuditServiceServer},
    },
};
use futures::{Stream, StreamExt, stream};
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tonic::{Request, Response, Status, Streaming, service::Routes};

const HOUR: Duration = Duration::from_secs(3_600);
const KEY_ID: &str = "test-key";
/// An InstallAuthority with this epoch panics.
pub(crate) const BROKEN_EPOCH: u64 = 13;

pub(crate) struct Mesh {
    authority: DevelopmentCa,
    folder: TempDir,
    key: SigningKey,
}

impl Mesh {
    pub(crate) fn new() -> Mesh {
        Mesh {
            authority: DevelopmentCa::create(&domain()).unwrap(),
            folder: tempfile::tempdir().unwrap(),
            key: SigningKey::generate().unwrap(),
        }
    }

    pub(crate) fn files(&self, caller: &Caller) -> TlsFiles {
        self.files_for(caller, HOUR)
    }

    /// A certificate that holds for this long from now.
    pub(crate) fn files_for(&self, caller: &Caller, time: Duration) -> TlsFiles {
        let now = SystemTime::now();
        let issued =
            self.authority.issue(caller, Lifetime { not_before: now - HOUR, not_after: now + time }).unwrap();
        let folder = self.folder.path().join(caller.spiffe_id(&domain()).replace('/', "_"));
        issued.save(&folder, &self.authority.bundle_pem()).unwrap()
    }

    pub(crate) fn identity(&self, caller: &Caller) -> TlsIdentity {
        TlsIdentity::load(self.files(caller), domain()).unwrap()
    }

    pub(crate) fn claims(&self, subject_id: &str, scope: &str) -> Claims {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        Claims {
            iss: "spiffe://entente.test/svc/access".to_owned(),
            aud: "entente.test".to_owned(),
            iat: now,
            exp: now + 300,
            txn: "txn-1".to_owned(),
            sub: subject_id.to_owned(),
            scope: scope.to_owned(),
            req_wl: "spiffe://entente.test/svc/access".to_owned(),
            tctx: TransactionContext {
                profile: "00".repeat(32),
                realm: "REAL".to_owned(),
                purpose: "oversight".to_owned(),
                aal: 2,
                epoch: 1,
                org: subject_id.split('/').next().unwrap().to_owned(),
            },
            rctx: RequesterContext::default(),
        }
    }

    pub(crate) fn token(&self, claims: &Claims) -> String {
        mint(&self.key, KEY_ID, claims).unwrap()
    }

    fn verifier(&self) -> TokenVerifier {
        let verifier = TokenVerifier::new(domain(), Arc::new(SystemClock));
        verifier.set_keys(vec![(KEY_ID.to_owned(), self.key.public_key())]);
        verifier
    }

    /// The two services behind one server with the workload name `name`.
    pub(crate) async fn serve(&self, name: &'static str, config: ServerConfig) -> Served {
        let probe = Probe::default();
        let tasks = TaskGroup::new(name);
        let services = ["entente.audit.v1.AuditService", "entente.alerting.v1.AlertingService"];
        let policies = Policies::from_descriptors(entente_proto::FILE_DESCRIPTOR_SET, &services).unwrap();
        let metrics = Metrics::new(name);
        let identity = self.identity(&service(name));
        let server = Server::new(name, config, identity, policies, Some(self.verifier()), metrics);
        let routes = Routes::new(AuditServiceServer::new(Audit(probe.clone())))
            .add_service(AlertingServiceServer::new(Alerting { tasks: tasks.clone() }));
        let running = server.bind().await.unwrap().serve(routes, tasks);
        Served { name, running, probe }
    }

    /// A channel of `caller` to a served server; each call of this is another connection.
    pub(crate) fn channel(&self, served: &Served, caller: &Caller) -> PeerChannel {
        channel(served, &self.identity(caller))
    }
}

pub(crate) struct Served {
    pub(crate) name: &'static str,
    pub(crate) running: Running,
    pub(crate) probe: Probe,
}

pub(crate) fn channel(served: &Served, identity: &TlsIdentity) -> PeerChannel {
    let peer =
        PeerConfig { service: served.name.to_owned(), address: served.running.local_addr().to_string() };
    client::connect(&peer, identity).unwrap()
}

pub(crate) fn domain() -> TrustDomain {
    "entente.test".parse().unwrap()
}

pub(crate) fn service(name: &str) -> Caller {
    Caller::Service { name: name.to_owned() }
}

pub(crate) fn mira() -> Caller {
    Caller::Subject { organization: "VLD-COAST".to_owned(), name: "mira".to_owned() }
}

/// What handlers tell a test, and how a test holds them.
#[derive(Clone)]
pub(crate) struct Probe {
    /// A permit per Append that has entered its handler.
    pub(crate) entered: Arc<Semaphore>,
    /// A permit lets one Append with a record go on.
    pub(crate) gate: Arc<Semaphore>,
    /// Every call that reached a handler.
    pub(crate) calls: Arc<Mutex<Vec<Call>>>,
}

impl Default for Probe {
    fn default() -> Self {
        Probe {
            entered: Arc::new(Semaphore::new(0)),
            gate: Arc::new(Semaphore::new(0)),
            calls: Arc::default(),
        }
    }
}

impl Probe {
    pub(crate) async fn wait_entered(&self) {
        self.entered.acquire().await.unwrap().forget();
    }

    pub(crate) fn last_call(&self) -> Call {
        self.calls.lock().unwrap().last().unwrap().clone()
    }

    fn seen<T>(&self, request: &Request<T>) -> Result<Call, Status> {
        let call = Call::of(request)?;
        self.calls.lock().unwrap().push(call.clone());
        Ok(call)
    }
}

pub(crate) struct Audit(pub(crate) Probe);

fn absent(call: &Call) -> Status {
    Fault::new(ErrorReason::NotFound, "nothing of that name is there for you").into_status(call.trace_id())
}

#[tonic::async_trait]
impl AuditService for Audit {
    /// Waits at the gate if it has records.
    async fn append(&self, request: Request<AppendRequest>) -> Result<Response<AppendResponse>, Status> {
        self.0.seen(&request)?;
        if !request.get_ref().records.is_empty() {
            self.0.entered.add_permits(1);
            self.0.gate.acquire().await.unwrap().forget();
        }
        Ok(Response::new(AppendResponse::default()))
    }

    async fn install_authority(
        &self,
        request: Request<InstallAuthorityRequest>,
    ) -> Result<Response<InstallAuthorityResponse>, Status> {
        self.0.seen(&request)?;
        assert_ne!(request.get_ref().epoch, BROKEN_EPOCH, "the handler breaks on purpose");
        Ok(Response::new(InstallAuthorityResponse::default()))
    }

    async fn get_log(&self, request: Request<GetLogRequest>) -> Result<Response<GetLogResponse>, Status> {
        self.0.seen(&request)?;
        Ok(Response::new(GetLogResponse::default()))
    }

    async fn get_consistency_proof(
        &self,
        request: Request<GetConsistencyProofRequest>,
    ) -> Result<Response<GetConsistencyProofResponse>, Status> {
        Err(absent(&self.0.seen(&request)?))
    }

    async fn get_record(
        &self,
        request: Request<GetRecordRequest>,
    ) -> Result<Response<GetRecordResponse>, Status> {
        Err(absent(&self.0.seen(&request)?))
    }

    async fn list_records(
        &self,
        request: Request<ListRecordsRequest>,
    ) -> Result<Response<ListRecordsResponse>, Status> {
        let _span = tracing::info_span!(target: "entente_test", "list_records").entered();
        self.0.seen(&request)?;
        Ok(Response::new(ListRecordsResponse::default()))
    }

    async fn get_trace(
        &self,
        request: Request<GetTraceRequest>,
    ) -> Result<Response<GetTraceResponse>, Status> {
        Err(absent(&self.0.seen(&request)?))
    }
}

struct Alerting {
    tasks: TaskGroup,
}

type Alerts = Pin<Box<dyn Stream<Item = Result<StreamAlertsResponse, Status>> + Send>>;

#[tonic::async_trait]
impl AlertingService for Alerting {
    type StreamAlertsStream = Alerts;

    /// One frame, then silence until the service stops.
    async fn stream_alerts(
        &self,
        request: Request<Streaming<StreamAlertsRequest>>,
    ) -> Result<Response<Alerts>, Status> {
        let call = Call::of(&request)?;
        let stopped = self.tasks.cancellation();
        let end = async move {
            stopped.cancelled().await;
            Err(Fault::new(ErrorReason::Draining, "open the stream again").into_status(call.trace_id()))
        };
        let frames = stream::iter([Ok(StreamAlertsResponse::default())]).chain(stream::once(end));
        Ok(Response::new(Box::pin(frames)))
    }

    async fn create_interest(
        &self,
        request: Request<CreateInterestRequest>,
    ) -> Result<Response<CreateInterestResponse>, Status> {
        Err(absent(&Call::of(&request)?))
    }

    async fn list_interests(
        &self,
        request: Request<ListInterestsRequest>,
    ) -> Result<Response<ListInterestsResponse>, Status> {
        Err(absent(&Call::of(&request)?))
    }

    async fn delete_interest(
        &self,
        request: Request<DeleteInterestRequest>,
    ) -> Result<Response<DeleteInterestResponse>, Status> {
        Err(absent(&Call::of(&request)?))
    }

    async fn acknowledge_alert(
        &self,
        request: Request<AcknowledgeAlertRequest>,
    ) -> Result<Response<AcknowledgeAlertResponse>, Status> {
        Err(absent(&Call::of(&request)?))
    }
}
