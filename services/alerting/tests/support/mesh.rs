//! The real alerting service between a fake access, audit and intake; people who call it over mutual TLS.
#![expect(dead_code, reason = "each test file uses its part")]

use std::{sync::Arc, time::Duration};

use entente_alerting::{AlertingConfig, Limits, start};
use entente_chassis::{
    client::{self, PeerChannel, PeerConfig},
    config::ChassisConfig,
    metrics::Metrics,
    run::Deps,
    status::{ErrorReason, reason_of},
    tls::TlsIdentity,
};
use entente_proto::alerting::v1::{
    AcknowledgeAlertRequest, Alert, CreateInterestRequest, Credit, DeleteInterestRequest, Delivery, Interest,
    ListInterestsRequest, Open, Received, StreamAlertsRequest, StreamAlertsResponse, Term,
    alerting_service_client::AlertingServiceClient, stream_alerts_request, stream_alerts_response, term,
};
use entente_testkit::{FakeAccess, FakeAudit, FakeClock, FakeIntake, TRUST_DOMAIN, TestPki, eventually};
use tempfile::TempDir;
use tokio::{
    runtime::Runtime,
    sync::{mpsc, oneshot},
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Code, Request, Status, Streaming};

/// Longest any test waits for one thing.
const PATIENCE: Duration = Duration::from_secs(30);

/// Everything around one alerting service.
pub(crate) struct Mesh {
    pub(crate) pki: TestPki,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) access: FakeAccess,
    pub(crate) audit: FakeAudit,
    pub(crate) intake: FakeIntake,
    pub(crate) limits: Limits,
    data: TempDir,
    service: Option<Process>,
}

/// The service runs on threads of its own, so that it can be torn down as a crash does.
struct Process {
    runtime: Runtime,
    address: String,
    drain: oneshot::Sender<()>,
}

impl Mesh {
    /// A mesh whose alerting service has heard of the epoch.
    pub(crate) async fn start() -> Mesh {
        let mut mesh = Mesh::without_service().await;
        mesh.start_service().await;
        mesh
    }

    /// The same before its alerting service is started.
    pub(crate) async fn without_service() -> Mesh {
        let (pki, clock) = (TestPki::new(), Arc::new(FakeClock::default()));
        let access = FakeAccess::start_at(&pki, clock.clone()).await;
        let (audit, intake) = (FakeAudit::start(&pki).await, FakeIntake::start(&pki).await);
        let limits = Limits {
            interests_per_subject_max: 1_000,
            consumers_per_subject_max: 32,
            decision_cache_max: 100_000,
        };
        let data = tempfile::tempdir().unwrap();
        Mesh { pki, clock, access, audit, intake, limits, data, service: None }
    }

    pub(crate) async fn start_service(&mut self) {
        let peers = [
            ("access", self.access.address()),
            ("audit", self.audit.address()),
            ("intake", self.intake.address()),
        ];
        let chassis = ChassisConfig::for_process(
            TRUST_DOMAIN.parse().unwrap(),
            self.pki.service_files("alerting"),
            ([127, 0, 0, 1], 0).into(),
            peers.map(|(name, address)| (name.to_owned(), address)).into(),
        );
        let config = AlertingConfig { chassis, data_dir: self.data.path().to_owned(), limits: self.limits };
        let deps = Deps { clock: self.clock.clone(), metrics: Metrics::new("alerting") };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let ((told, address), (drain, drained)) = (oneshot::channel(), oneshot::channel());
        runtime.spawn(async move {
            let running = start(config, deps).await.unwrap();
            told.send(running.local_addr().to_string()).unwrap();
            if drained.await.is_ok() {
                running.drain().await;
            }
        });
        self.service = Some(Process { runtime, address: address.await.unwrap(), drain });
        self.ready().await;
    }

    /// Waits until the service knows epoch and token keys: until then it answers nobody.
    async fn ready(&self) {
        self.access.heard().await;
        let mut person = self.person("VLD-COAST", "mira");
        eventually(async || match person.interests().await {
            Ok(_) => Some(()),
            Err(status) => {
                assert!(matches!(status.code(), Code::Unauthenticated | Code::Unavailable), "{status}");
                None
            }
        })
        .await;
    }

    /// Ends the service where it stands: no drain, no goodbye, nothing saved that was not saved before.
    pub(crate) fn crash(&mut self) {
        if let Some(service) = self.service.take() {
            service.runtime.shutdown_background();
        }
    }

    /// Tells the service to end in good order, and does not wait for it.
    pub(crate) fn drain(&mut self) -> Runtime {
        let Process { runtime, drain, .. } = self.service.take().unwrap();
        drain.send(()).unwrap();
        runtime
    }

    /// host:port of the service.
    pub(crate) fn address(&self) -> &str {
        &self.service.as_ref().unwrap().address
    }

    /// A connection to the service with any identity.
    pub(crate) fn channel(&self, identity: &TlsIdentity) -> PeerChannel {
        let peer = PeerConfig { service: "alerting".to_owned(), address: self.address().to_owned() };
        client::connect(&peer, identity).unwrap()
    }

    /// Somebody who works for real, on CT.
    pub(crate) fn person(&self, organization: &str, name: &str) -> Person {
        let subject_id = format!("{organization}/{name}");
        let token = self.access.authority().token(&subject_id, "CT", &["subscribe"]);
        self.person_with(organization, name, token)
    }

    /// Somebody who plays the exercise.
    pub(crate) fn player(&self, organization: &str, name: &str) -> Person {
        let mut claims =
            self.access.authority().claims(&format!("{organization}/{name}"), "CT", &["subscribe"]);
        claims.tctx.realm = entente_testkit::fixtures::EXERCISE.to_owned();
        self.person_with(organization, name, self.access.authority().token_with(&claims))
    }

    fn person_with(&self, organization: &str, name: &str, token: String) -> Person {
        let channel = self.channel(&self.pki.subject(organization, name));
        Person { client: AlertingServiceClient::new(channel), token }
    }

    /// The clock of everyone moves on.
    pub(crate) fn advance_days(&self, days: u64) {
        self.clock.advance(Duration::from_secs(days * 86_400));
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        self.crash();
    }
}

/// Somebody with a certificate and a token.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) client: AlertingServiceClient<PeerChannel>,
    pub(crate) token: String,
}

impl Person {
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(PATIENCE);
        request.metadata_mut().insert("txn-token", self.token.parse().unwrap());
        request
    }

    pub(crate) async fn create(&mut self, name: &str, terms: Vec<term::Term>) -> Result<Interest, Status> {
        let request_id = request_id();
        self.create_as(&request_id, name, terms).await
    }

    pub(crate) async fn create_as(
        &mut self,
        request_id: &str,
        name: &str,
        terms: Vec<term::Term>,
    ) -> Result<Interest, Status> {
        let terms = terms.into_iter().map(|term| Term { term: Some(term) }).collect();
        let interest = Interest { display_name: name.to_owned(), terms, ..Interest::default() };
        let message = CreateInterestRequest { interest: Some(interest), request_id: request_id.to_owned() };
        let request = self.request(message);
        Ok(self.client.create_interest(request).await?.into_inner().interest.unwrap())
    }

    pub(crate) async fn interests(&mut self) -> Result<Vec<Interest>, Status> {
        Ok(self.interests_page(0, "").await?.0)
    }

    pub(crate) async fn interests_page(
        &mut self,
        page_size: u32,
        page_token: &str,
    ) -> Result<(Vec<Interest>, String), Status> {
        let request = self.request(ListInterestsRequest { page_size, page_token: page_token.to_owned() });
        let page = self.client.list_interests(request).await?.into_inner();
        Ok((page.interests, page.next_page_token))
    }

    pub(crate) async fn delete(&mut self, interest_id: &str) -> Result<(), Status> {
        let request = self.request(DeleteInterestRequest { interest_id: interest_id.to_owned() });
        self.client.delete_interest(request).await.map(|_| ())
    }

    pub(crate) async fn acknowledge(
        &mut self,
        alert_id: &str,
        note: &str,
    ) -> Result<prost_types::Timestamp, Status> {
        let message = AcknowledgeAlertRequest { alert_id: alert_id.to_owned(), note: note.to_owned() };
        let request = self.request(message);
        Ok(self.client.acknowledge_alert(request).await?.into_inner().acknowledge_time.unwrap())
    }

    /// Opens the default cursor from the oldest alert on.
    pub(crate) async fn watch(&mut self) -> Alerts {
        self.watch_with(Open::default()).await
    }

    pub(crate) async fn watch_with(&mut self, open: Open) -> Alerts {
        let (frames, receiver) = mpsc::channel(64);
        frames.send(frame(stream_alerts_request::Frame::Open(open))).await.unwrap();
        let mut request = Request::new(ReceiverStream::new(receiver));
        request.metadata_mut().insert("txn-token", self.token.parse().unwrap());
        let answers = self.client.stream_alerts(request).await.unwrap().into_inner();
        Alerts { frames, answers }
    }
}

/// An open stream as its client sees it.
pub(crate) struct Alerts {
    frames: mpsc::Sender<StreamAlertsRequest>,
    answers: Streaming<StreamAlertsResponse>,
}

impl Alerts {
    /// Waits for the first sign of life: the stream is open, whatever happens to its holder now.
    pub(crate) async fn opened(&mut self) -> u64 {
        let answer = timeout(PATIENCE, self.answers.message()).await.unwrap().unwrap().unwrap();
        let first = match answer.frame.unwrap() {
            stream_alerts_response::Frame::Heartbeat(heartbeat) => Some(heartbeat.received_up_to),
            stream_alerts_response::Frame::Delivery(_) => None,
        };
        first.expect("a delivery before the first sign of life")
    }

    /// The next delivery.
    pub(crate) async fn next(&mut self) -> Delivery {
        self.try_next().await.unwrap().expect("the stream ended")
    }

    /// The next alert, whatever its number.
    pub(crate) async fn next_alert(&mut self) -> Alert {
        self.next().await.alert.unwrap()
    }

    /// The next delivery, `None` at an orderly end.
    pub(crate) async fn try_next(&mut self) -> Result<Option<Delivery>, Status> {
        loop {
            let answer = timeout(PATIENCE, self.answers.message()).await.expect("nothing was delivered")?;
            match answer.map(|answer| answer.frame.unwrap()) {
                Some(stream_alerts_response::Frame::Delivery(delivery)) => return Ok(Some(delivery)),
                Some(stream_alerts_response::Frame::Heartbeat(_)) => {}
                None => return Ok(None),
            }
        }
    }

    /// Why the stream ends, if nothing is delivered before.
    pub(crate) async fn refusal(&mut self) -> ErrorReason {
        let status =
            self.try_next().await.expect_err("something was delivered, or the stream ended in order");
        reason_of(&status).unwrap()
    }

    pub(crate) async fn received(&self, up_to: u64) {
        self.frames.send(frame(stream_alerts_request::Frame::Received(Received { up_to }))).await.unwrap();
    }

    pub(crate) async fn grant(&self, more: u32) {
        self.frames.send(frame(stream_alerts_request::Frame::Credit(Credit { more }))).await.unwrap();
    }

    pub(crate) async fn send(&self, raw: StreamAlertsRequest) {
        self.frames.send(raw).await.unwrap();
    }

    /// Ends the stream in order: everything sent before is taken in first.
    pub(crate) async fn finish(self) {
        let Alerts { frames, mut answers } = self;
        drop(frames);
        while timeout(PATIENCE, answers.message()).await.unwrap().unwrap().is_some() {}
    }
}

pub(crate) fn frame(frame: stream_alerts_request::Frame) -> StreamAlertsRequest {
    StreamAlertsRequest { frame: Some(frame) }
}

pub(crate) fn phrase(words: &str) -> Vec<term::Term> {
    vec![term::Term::Phrase(words.to_owned())]
}

/// A UUID nobody has used before.
pub(crate) fn request_id() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("00000000-0000-4000-8000-{:012}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The reason of a refusal.
pub(crate) fn refused<T: std::fmt::Debug>(outcome: Result<T, Status>) -> ErrorReason {
    reason_of(&outcome.unwrap_err()).unwrap()
}
