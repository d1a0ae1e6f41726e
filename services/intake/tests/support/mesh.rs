//! The real intake service between a fake access and a fake audit; people who call it over mutual TLS.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use entente_chassis::{
    client::{self, PeerChannel, PeerConfig},
    config::ChassisConfig,
    metrics::Metrics,
    run::Deps,
    status::{ErrorReason, describe, reason_of},
    tls::TlsIdentity,
};
use entente_intake::{IntakeConfig, Limits, start};
use entente_proto::intake::v1::{
    BatchGetOriginatorKeysRequest, FreeText, GetReportRequest, GetReportResponse, ItemResult, JournalEntry,
    ListReportsRequest, ListReportsResponse, OriginatorKey, Report, ReportFilter, ReportItem,
    SearchReportsRequest, SearchReportsResponse, SubmitReportRequest, SubmitReportsRequest,
    SubmitReportsResponse, TailJournalRequest, TailJournalResponse,
    intake_service_client::IntakeServiceClient, report_item::Body,
};
use entente_testkit::{FakeAccess, FakeAudit, FakeClock, TRUST_DOMAIN, TestPki, eventually, fixtures};
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

/// Everything around one intake service.
pub(crate) struct Mesh {
    pub(crate) pki: TestPki,
    pub(crate) clock: Arc<FakeClock>,
    pub(crate) access: FakeAccess,
    pub(crate) audit: FakeAudit,
    pub(crate) data: TempDir,
    /// The service runs on threads of its own, so that it can be torn down as a crash does.
    service: Option<(Runtime, String)>,
    drain: Option<(oneshot::Sender<()>, oneshot::Receiver<()>)>,
}

impl Mesh {
    /// A mesh whose intake service has heard of the epoch.
    pub(crate) async fn start() -> Mesh {
        let (pki, clock) = (TestPki::new(), Arc::new(FakeClock::default()));
        let access = FakeAccess::start_at(&pki, clock.clone()).await;
        let audit = FakeAudit::start(&pki).await;
        let data = tempfile::tempdir().unwrap();
        let mut mesh = Mesh { pki, clock, access, audit, data, service: None, drain: None };
        mesh.start_service().await;
        mesh
    }

    pub(crate) async fn start_service(&mut self) {
        let peers = [("access", self.access.address()), ("audit", self.audit.address())];
        let chassis = ChassisConfig::for_process(
            TRUST_DOMAIN.parse().unwrap(),
            self.pki.service_files("intake"),
            ([127, 0, 0, 1], 0).into(),
            peers.map(|(name, address)| (name.to_owned(), address)).into(),
        );
        let limits = Limits { bulk_streams_max: 3, bulk_streams_per_partner_max: 2, ..Limits::default() };
        let config = IntakeConfig { chassis, data_dir: self.data.path().to_owned(), limits };
        let deps = Deps { clock: self.clock.clone(), metrics: Metrics::new("intake") };
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (told, address) = oneshot::channel();
        let ((drain, asked), (drained, done)) = (oneshot::channel(), oneshot::channel());
        runtime.spawn(async move {
            let running = start(config, deps).await.unwrap();
            told.send(running.local_addr().to_string()).unwrap();
            // Kept until the runtime goes, unless somebody asks.
            if asked.await.is_ok() {
                running.drain().await;
                drained.send(()).unwrap();
            }
            std::future::pending::<()>().await;
        });
        self.drain = Some((drain, done));
        self.service = Some((runtime, address.await.unwrap()));
        self.ready().await;
    }

    /// Waits until the service knows epoch and token keys: until then it answers nobody.
    async fn ready(&self) {
        self.access.heard().await;
        let mut probe = self.person("VLD-COAST", "mira");
        eventually(async || match probe.get("indicator--00000000-0000-4000-8000-00000000dead").await {
            Ok(_) => Some(()),
            Err(status) if status.code() == Code::NotFound => Some(()),
            Err(status) => {
                // A service that just started audits nothing while audit is told to fail; it is ready all the same.
                assert!(matches!(status.code(), Code::Unauthenticated | Code::Unavailable), "{status}");
                (reason_of(&status) == Some(ErrorReason::AuditUnavailable)).then_some(())
            }
        })
        .await;
    }

    /// Ends the service where it stands: no drain, no goodbye.
    pub(crate) fn crash(&mut self) {
        if let Some((runtime, _)) = self.service.take() {
            runtime.shutdown_background();
        }
    }

    /// Ends the service in order.
    pub(crate) async fn drain(&mut self) {
        let (drain, done) = self.drain.take().unwrap();
        drain.send(()).unwrap();
        timeout(PATIENCE, done).await.expect("the drain did not end").unwrap();
    }

    /// A connection to the service with any identity.
    pub(crate) fn channel(&self, identity: &TlsIdentity) -> PeerChannel {
        let address = self.service.as_ref().unwrap().1.clone();
        client::connect(&PeerConfig { service: "intake".to_owned(), address }, identity).unwrap()
    }

    /// Somebody who works for real, on CT.
    pub(crate) fn person(&self, organization: &str, name: &str) -> Person {
        let subject_id = format!("{organization}/{name}");
        let token = self.access.authority().token(&subject_id, "CT", &["read", "submit"]);
        self.person_with(organization, name, token)
    }

    /// Somebody who plays the exercise.
    pub(crate) fn player(&self, organization: &str, name: &str) -> Person {
        let subject_id = format!("{organization}/{name}");
        let mut claims = self.access.authority().claims(&subject_id, "CT", &["read", "submit"]);
        claims.tctx.realm = fixtures::EXERCISE.to_owned();
        self.person_with(organization, name, self.access.authority().token_with(&claims))
    }

    pub(crate) fn person_with(&self, organization: &str, name: &str, token: String) -> Person {
        let channel = self.channel(&self.pki.subject(organization, name));
        Person { client: client(channel), token }
    }

    /// The journal behind a position, as alerting reads it.
    pub(crate) async fn tail(&self, after_position: u64) -> Tail {
        let mut client = client(self.channel(&self.pki.service("alerting")));
        let request = TailJournalRequest { after_position };
        Tail { pieces: client.tail_journal(request).await.unwrap().into_inner(), ahead: Vec::new() }
    }
}

impl Drop for Mesh {
    fn drop(&mut self) {
        self.crash();
    }
}

fn client(channel: PeerChannel) -> IntakeServiceClient<PeerChannel> {
    IntakeServiceClient::new(channel).max_decoding_message_size(64 << 20).max_encoding_message_size(64 << 20)
}

/// An open tail.
pub(crate) struct Tail {
    pieces: Streaming<TailJournalResponse>,
    ahead: Vec<JournalEntry>,
}

impl Tail {
    /// Why the tail ends.
    pub(crate) async fn refusal(mut self) -> ErrorReason {
        loop {
            match timeout(PATIENCE, self.pieces.message()).await.expect("nothing came") {
                Ok(Some(_)) => {}
                ended => return reason_of(&ended.expect_err("the tail ended in order")).unwrap(),
            }
        }
    }

    /// The next entry, signs of life left out.
    pub(crate) async fn next(&mut self) -> JournalEntry {
        while self.ahead.is_empty() {
            let piece = timeout(PATIENCE, self.pieces.message()).await.expect("nothing came").unwrap();
            self.ahead = piece.expect("the tail ended").entries;
            self.ahead.reverse();
        }
        self.ahead.pop().unwrap()
    }
}

/// Somebody with a certificate and a token.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) client: IntakeServiceClient<PeerChannel>,
    pub(crate) token: String,
}

impl Person {
    pub(crate) fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.set_timeout(PATIENCE);
        request.metadata_mut().insert("txn-token", self.token.parse().unwrap());
        request
    }

    /// Submits items under a label.
    pub(crate) async fn submit(
        &mut self,
        label_line: &str,
        items: Vec<ReportItem>,
    ) -> Result<Vec<ItemResult>, Status> {
        self.submit_as(submission(label_line, items)).await
    }

    pub(crate) async fn submit_as(
        &mut self,
        message: SubmitReportRequest,
    ) -> Result<Vec<ItemResult>, Status> {
        let request = self.request(message);
        Ok(self.client.submit_report(request).await?.into_inner().results)
    }

    /// Opens a bulk submission.
    pub(crate) async fn bulk(&mut self) -> Result<Bulk, Status> {
        let (batches, receiver) = mpsc::channel(64);
        let mut request = Request::new(ReceiverStream::new(receiver));
        request.metadata_mut().insert("txn-token", self.token.parse().unwrap());
        Ok(Bulk { batches, answers: self.client.submit_reports(request).await?.into_inner() })
    }

    pub(crate) async fn get(&mut self, report_id: &str) -> Result<GetReportResponse, Status> {
        self.get_as(GetReportRequest { report_id: report_id.to_owned(), ..GetReportRequest::default() }).await
    }

    pub(crate) async fn get_as(&mut self, message: GetReportRequest) -> Result<GetReportResponse, Status> {
        let request = self.request(message);
        Ok(self.client.get_report(request).await?.into_inner())
    }

    /// The public keys of these ids.
    pub(crate) async fn keys(&mut self, key_ids: &[&str]) -> Result<Vec<OriginatorKey>, Status> {
        let key_ids = key_ids.iter().map(|key_id| (*key_id).to_owned()).collect();
        let request = self.request(BatchGetOriginatorKeysRequest { key_ids });
        Ok(self.client.batch_get_originator_keys(request).await?.into_inner().keys)
    }

    pub(crate) async fn list(&mut self, message: ListReportsRequest) -> Result<ListReportsResponse, Status> {
        let request = self.request(message);
        Ok(self.client.list_reports(request).await?.into_inner())
    }

    /// Everything the person may see, oldest first.
    pub(crate) async fn everything(&mut self) -> Result<Vec<Report>, Status> {
        let filter = Some(ReportFilter { all_versions: true, ..ReportFilter::default() });
        let message = ListReportsRequest { filter, page_size: 1_000, ..ListReportsRequest::default() };
        Ok(self.list(message).await?.reports)
    }

    pub(crate) async fn search(&mut self, query: &str) -> Result<SearchReportsResponse, Status> {
        let message = SearchReportsRequest {
            query: query.to_owned(),
            with_count: true,
            ..SearchReportsRequest::default()
        };
        self.search_as(message).await
    }

    pub(crate) async fn search_as(
        &mut self,
        message: SearchReportsRequest,
    ) -> Result<SearchReportsResponse, Status> {
        let request = self.request(message);
        Ok(self.client.search_reports(request).await?.into_inner())
    }
}

/// An open bulk submission.
pub(crate) struct Bulk {
    batches: mpsc::Sender<SubmitReportsRequest>,
    answers: Streaming<SubmitReportsResponse>,
}

impl Bulk {
    pub(crate) async fn send(&self, batch_number: u64, label_line: &str, items: Vec<ReportItem>) {
        let label_line = label_line.to_owned();
        let batch =
            SubmitReportsRequest { batch_number, label_line, items, ..SubmitReportsRequest::default() };
        self.batches.send(batch).await.unwrap();
    }

    pub(crate) async fn answer(&mut self) -> Result<SubmitReportsResponse, Status> {
        Ok(timeout(PATIENCE, self.answers.message()).await.expect("no answer")?.expect("the stream ended"))
    }

    /// Ends the submission in order.
    pub(crate) async fn finish(self) {
        let Bulk { batches, mut answers } = self;
        drop(batches);
        while timeout(PATIENCE, answers.message()).await.unwrap().unwrap().is_some() {}
    }
}

/// A submission with a request id nobody has used before.
pub(crate) fn submission(label_line: &str, items: Vec<ReportItem>) -> SubmitReportRequest {
    let label_line = label_line.to_owned();
    SubmitReportRequest { request_id: request_id(), label_line, items, ..SubmitReportRequest::default() }
}

/// A UUID nobody has used before.
pub(crate) fn request_id() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("00000000-0000-4000-8000-{:012}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Id of the n-th malware of a test.
pub(crate) fn malware_id(number: u32) -> String {
    format!("malware--00000000-0000-4000-8000-{number:012}")
}

/// The n-th malware in the version of a second.
pub(crate) fn malware(number: u32, second: u32, name: &str) -> ReportItem {
    let id = malware_id(number);
    // White space that a parser would not keep.
    stix(&format!(
        "{{ \"type\": \"malware\",  \"spec_version\": \"2.1\", \"id\": \"{id}\", \"is_family\": false,\n \
         \"created\": \"2026-01-01T00:00:00.000Z\", \"modified\": \"{}\", \"name\": \"{name}\" }}",
        version(second)
    ))
}

/// The version of a second.
pub(crate) fn version(second: u32) -> String {
    format!("2026-01-01T00:00:{second:02}.000Z")
}

pub(crate) fn stix(json: &str) -> ReportItem {
    ReportItem { body: Some(Body::Stix(Bytes::copy_from_slice(json.as_bytes()))), label_line: String::new() }
}

pub(crate) fn text(title: &str, body: &str) -> ReportItem {
    text_item(FreeText { title: title.to_owned(), body: body.to_owned().into(), ..FreeText::default() })
}

pub(crate) fn text_item(text: FreeText) -> ReportItem {
    ReportItem { body: Some(Body::Text(text)), label_line: String::new() }
}

pub(crate) fn under(label_line: &str, item: ReportItem) -> ReportItem {
    ReportItem { label_line: label_line.to_owned(), ..item }
}

/// The exact bytes of an item.
pub(crate) fn bytes_of(item: &ReportItem) -> Bytes {
    match item.body.clone().unwrap() {
        Body::Stix(bytes) => bytes,
        Body::Text(text) => text.body,
    }
}

/// The reason of a refusal.
pub(crate) fn refused<T: std::fmt::Debug>(outcome: Result<T, Status>) -> ErrorReason {
    reason_of(&outcome.unwrap_err()).unwrap()
}

/// Reason and fields of a refusal.
pub(crate) fn faults<T: std::fmt::Debug>(outcome: Result<T, Status>) -> (ErrorReason, Vec<String>) {
    let described = describe(&outcome.unwrap_err());
    (described.reason.unwrap(), described.fields.into_iter().map(|(field, _)| field).collect())
}
