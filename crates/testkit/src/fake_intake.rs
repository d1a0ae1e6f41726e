//! A journal in memory: a test pushes versions, whoever tails it gets them at once and in order.

use std::{
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use entente_chassis::{server::Running, status::Fault};
use entente_domain::{label::Label, registry::Registry};
use entente_proto::{
    common::v1::{ErrorReason, Severity},
    intake::v1::{
        BatchGetOriginatorKeysRequest, BatchGetOriginatorKeysResponse, GetReportRequest, GetReportResponse,
        JournalEntry, ListReportsRequest, ListReportsResponse, Report, SearchReportsRequest,
        SearchReportsResponse, SubmitReportRequest, SubmitReportResponse, SubmitReportsRequest,
        SubmitReportsResponse, TailJournalRequest, TailJournalResponse,
        intake_service_server::{IntakeService, IntakeServiceServer},
    },
};
use futures::{Stream, stream};
use tokio::sync::watch;
use tonic::{Request, Response, Status, Streaming, service::Routes};

use crate::{TestPki, fixtures, labels, listener};

/// Versions of one piece.
const PIECE_MAX: usize = 500;

/// An intake service that only has a journal.
pub struct FakeIntake {
    state: Arc<State>,
    address: String,
    running: Running,
}

struct State {
    registry: Registry,
    journal: Mutex<Vec<JournalEntry>>,
    signal: watch::Sender<Signal>,
    failing: AtomicBool,
    tailed: Mutex<Vec<u64>>,
}

/// What tells open tails to look.
#[derive(Debug, Clone, Copy, Default)]
struct Signal {
    /// Rises to send a sign of life.
    pulses: u64,
    /// Rises to end every open tail.
    breaks: u64,
}

/// One version, as a test tells it; what is left out is of the coast guard of Valdoria, for both partners of TIDEWALL.
#[derive(Debug, Clone)]
pub struct FakeVersion {
    /// Id; empty means one made from its position.
    pub report_id: String,
    /// Version.
    pub version: String,
    /// STIX type.
    pub report_type: String,
    /// Originating organization.
    pub originator: String,
    /// Operation path.
    pub operation: String,
    /// Title of free text.
    pub title: String,
    /// Severity.
    pub severity: Severity,
    /// Label line: realm and embargo come from it.
    pub label_line: String,
    /// The bytes.
    pub content: Vec<u8>,
    /// Who submitted it.
    pub submitter: String,
}

impl FakeVersion {
    /// Free text.
    pub fn text(title: &str, body: &str) -> FakeVersion {
        FakeVersion {
            report_id: String::new(),
            version: "2026-11-23T10:00:00Z".to_owned(),
            report_type: "x-entente-text".to_owned(),
            originator: "VLD-COAST".to_owned(),
            operation: String::new(),
            title: title.to_owned(),
            severity: Severity::Unspecified,
            label_line: fixtures::LABEL_SHARED.to_owned(),
            content: body.as_bytes().to_vec(),
            submitter: "VLD-COAST/mira".to_owned(),
        }
    }

    /// A STIX object; type, id and version are read from it.
    pub fn stix(object: &serde_json::Value) -> FakeVersion {
        let text = |name: &str| object[name].as_str().unwrap_or_default().to_owned();
        FakeVersion {
            report_id: text("id"),
            version: text("modified"),
            report_type: text("type"),
            content: object.to_string().into_bytes(),
            ..FakeVersion::text("", "")
        }
    }

    /// The same under another label.
    pub fn under(self, label_line: &str) -> FakeVersion {
        FakeVersion { label_line: label_line.to_owned(), ..self }
    }

    /// The same, submitted by somebody else.
    pub fn by(self, submitter: &str) -> FakeVersion {
        FakeVersion { submitter: submitter.to_owned(), ..self }
    }

    /// The same, of an operation.
    pub fn of_operation(self, operation: &str) -> FakeVersion {
        FakeVersion { operation: operation.to_owned(), ..self }
    }

    /// The same, as grave as this.
    pub fn as_grave_as(self, severity: Severity) -> FakeVersion {
        FakeVersion { severity, ..self }
    }
}

impl FakeIntake {
    /// Starts it as the workload `intake`.
    pub async fn start(pki: &TestPki) -> FakeIntake {
        let state = Arc::new(State {
            registry: fixtures::registry(),
            journal: Mutex::default(),
            signal: watch::Sender::default(),
            failing: AtomicBool::new(false),
            tailed: Mutex::default(),
        });
        let routes = Routes::new(IntakeServiceServer::new(Service(state.clone())));
        let (address, running) =
            listener::serve("intake", "entente.intake.v1.IntakeService", pki.service("intake"), None, routes)
                .await;
        FakeIntake { state, address: address.to_string(), running }
    }

    /// host:port.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// Adds a version to the journal; gives its position.
    pub fn push(&self, version: FakeVersion) -> u64 {
        self.push_all([version])
    }

    /// Adds versions to the journal as one; gives the position of the last.
    pub fn push_all(&self, versions: impl IntoIterator<Item = FakeVersion>) -> u64 {
        let mut journal = self.state.journal.lock().unwrap();
        for version in versions {
            let position = journal.len() as u64 + 1;
            journal.push(self.state.entry(position, version));
        }
        self.state.signal.send_modify(|_| ());
        journal.len() as u64
    }

    /// Sends a sign of life to every open tail.
    pub fn sign_of_life(&self) {
        self.state.signal.send_modify(|signal| signal.pulses += 1);
    }

    /// Ends every open tail, as a broken connection does.
    pub fn break_off(&self) {
        self.state.signal.send_modify(|signal| signal.breaks += 1);
    }

    /// While true, no tail opens.
    pub fn fail(&self, failing: bool) {
        self.state.failing.store(failing, Ordering::SeqCst);
    }

    /// The positions after which the journal was asked for, in order.
    pub fn tailed_after(&self) -> Vec<u64> {
        self.state.tailed.lock().unwrap().clone()
    }

    /// Ends it.
    pub async fn stop(self) {
        self.break_off();
        self.running.drain().await;
    }
}

impl State {
    fn entry(&self, position: u64, version: FakeVersion) -> JournalEntry {
        let label = Label::parse(&version.label_line, &self.registry, None).unwrap();
        let resolved = labels::resolve(&label, &self.registry);
        let made_id = format!("x-entente-text--00000000-0000-4000-8000-{position:012}");
        let report = Report {
            report_id: if version.report_id.is_empty() { made_id } else { version.report_id },
            version: version.version,
            r#type: version.report_type,
            originator: version.originator,
            operation: version.operation,
            label: resolved.label,
            add_time: Some(prost_types::Timestamp { seconds: 1_795_435_200, nanos: 0 }),
            content: version.content.into(),
            title: version.title,
            severity: version.severity.into(),
            ..Report::default()
        };
        JournalEntry {
            position,
            realm: resolved.realm,
            report: Some(report),
            timeless_label: resolved.timeless,
            not_before: resolved.not_before,
            not_after: resolved.not_after,
            traceparent: String::new(),
            submitter: version.submitter,
        }
    }

    fn after(&self, position: u64) -> Vec<JournalEntry> {
        let journal = self.journal.lock().unwrap();
        journal.iter().skip(position as usize).take(PIECE_MAX).cloned().collect()
    }
}

/// An open tail.
struct Tail {
    state: Arc<State>,
    signals: watch::Receiver<Signal>,
    seen: Signal,
    position: u64,
    ended: bool,
}

impl Tail {
    async fn next(&mut self) -> Option<Result<TailJournalResponse, Status>> {
        while !self.ended {
            let signal = *self.signals.borrow_and_update();
            if signal.breaks != self.seen.breaks {
                self.ended = true;
                return Some(Err(refuse(
                    ErrorReason::PeerUnavailable,
                    "the fake journal was told to break off",
                )));
            }
            let entries = self.state.after(self.position);
            if !entries.is_empty() || signal.pulses != self.seen.pulses {
                self.seen = signal;
                self.position += entries.len() as u64;
                return Some(Ok(TailJournalResponse { entries }));
            }
            self.signals.changed().await.ok()?;
        }
        None
    }
}

fn refuse(reason: ErrorReason, message: &str) -> Status {
    Fault::new(reason, message).into_status([0; 16])
}

fn not_here() -> Status {
    refuse(ErrorReason::NotFound, "the fake intake service does not do that")
}

struct Service(Arc<State>);

type Boxed<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl IntakeService for Service {
    type TailJournalStream = Boxed<TailJournalResponse>;
    type SubmitReportsStream = Boxed<SubmitReportsResponse>;

    async fn tail_journal(
        &self,
        request: Request<TailJournalRequest>,
    ) -> Result<Response<Self::TailJournalStream>, Status> {
        if self.0.failing.load(Ordering::SeqCst) {
            return Err(refuse(ErrorReason::PeerUnavailable, "the fake intake service was told to fail"));
        }
        let position = request.into_inner().after_position;
        self.0.tailed.lock().unwrap().push(position);
        let signals = self.0.signal.subscribe();
        let seen = *signals.borrow();
        let tail = Tail { state: self.0.clone(), signals, seen, position, ended: false };
        let pieces = stream::unfold(tail, |mut tail| async move { Some((tail.next().await?, tail)) });
        Ok(Response::new(Box::pin(pieces)))
    }

    async fn submit_report(
        &self,
        _request: Request<SubmitReportRequest>,
    ) -> Result<Response<SubmitReportResponse>, Status> {
        Err(not_here())
    }

    async fn submit_reports(
        &self,
        _request: Request<Streaming<SubmitReportsRequest>>,
    ) -> Result<Response<Self::SubmitReportsStream>, Status> {
        Err(not_here())
    }

    async fn get_report(
        &self,
        _request: Request<GetReportRequest>,
    ) -> Result<Response<GetReportResponse>, Status> {
        Err(not_here())
    }

    async fn list_reports(
        &self,
        _request: Request<ListReportsRequest>,
    ) -> Result<Response<ListReportsResponse>, Status> {
        Err(not_here())
    }

    async fn search_reports(
        &self,
        _request: Request<SearchReportsRequest>,
    ) -> Result<Response<SearchReportsResponse>, Status> {
        Err(not_here())
    }

    async fn batch_get_originator_keys(
        &self,
        _request: Request<BatchGetOriginatorKeysRequest>,
    ) -> Result<Response<BatchGetOriginatorKeysResponse>, Status> {
        Err(not_here())
    }
}
