//! An access service in memory: decides with `entente-domain` over the fixtures, holds an epoch, suspends subjects.

use std::{
    collections::BTreeMap,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use entente_chassis::{
    clock::{self, Clock, SystemClock},
    server::Running,
    status::Fault,
    token::TokenVerifier,
};
use entente_domain::{
    day::Day,
    decision::{self, Derivation, ObjectState, Session},
    label::Label,
    profile::profile_id,
    registry::Registry,
    subject::{PreparedSubject, Subject},
};
use entente_proto::{
    access::v1::{
        BatchGetLabelsRequest, BatchGetLabelsResponse, CheckSubmitRequest, CheckSubmitResponse,
        DecideLabelsRequest, DecideLabelsResponse, ExplainAccessRequest, ExplainAccessResponse,
        GetPoliciesRequest, GetPoliciesResponse, GetSelfRequest, GetSelfResponse, LabelDecision, LabelFault,
        ListOperationsRequest, ListOperationsResponse, ListPartnersRequest, ListPartnersResponse,
        ListSubjectsRequest, ListSubjectsResponse, ListTokenKeysRequest, ListTokenKeysResponse,
        MintTokenRequest, MintTokenResponse, PutOperationRequest, PutOperationResponse, PutPartnerRequest,
        PutPartnerResponse, PutPoliciesRequest, PutPoliciesResponse, PutSubjectRequest, PutSubjectResponse,
        StandingSubject, SubmitDecision, SuspendSubjectRequest, SuspendSubjectResponse, TestPoliciesRequest,
        TestPoliciesResponse, TokenKey, WatchEpochRequest, WatchEpochResponse,
        access_service_server::{AccessService, AccessServiceServer},
        decide_labels_request::Behalf,
    },
    common::{self, v1::ErrorReason},
};
use futures::{Stream, StreamExt, stream};
use tokio::sync::watch;
use tonic::{Request, Response, Status, Streaming, service::Routes};

use crate::{TRUST_DOMAIN, TestAuthority, TestPki, fixtures, labels, listener, pki::trust_domain};

/// How long a watcher may rely on an epoch: long, so that a slow test machine never lets it run out by itself.
const LEASE: Duration = Duration::from_secs(600);

/// An access service that a test can tell to suspend people and to fail.
pub struct FakeAccess {
    state: Arc<State>,
    address: String,
    running: Running,
}

struct State {
    authority: TestAuthority,
    clock: Arc<dyn Clock>,
    verifier: TokenVerifier,
    registry: Registry,
    subjects: Mutex<BTreeMap<String, Subject>>,
    /// Levels that were lowered; everyone else has what the token says.
    assurance: Mutex<BTreeMap<String, u8>>,
    epoch: watch::Sender<u64>,
    installed: watch::Sender<u64>,
    failing: AtomicBool,
    asked: Mutex<Vec<usize>>,
    refused: AtomicUsize,
}

impl FakeAccess {
    /// Starts it as the workload `access`, by the clock on the wall.
    pub async fn start(pki: &TestPki) -> FakeAccess {
        FakeAccess::start_at(pki, Arc::new(SystemClock)).await
    }

    /// Starts it as the workload `access`: it decides and mints tokens by this clock.
    pub async fn start_at(pki: &TestPki, clock: Arc<dyn Clock>) -> FakeAccess {
        let authority = TestAuthority::at(clock.clone());
        let verifier = TokenVerifier::new(trust_domain(), clock.clone());
        verifier.set_keys(authority.keys());
        let state = Arc::new(State {
            authority,
            clock,
            verifier: verifier.clone(),
            registry: fixtures::registry(),
            subjects: Mutex::new(fixtures::subjects()),
            assurance: Mutex::default(),
            epoch: watch::channel(1).0,
            installed: watch::channel(0).0,
            failing: AtomicBool::new(false),
            asked: Mutex::default(),
            refused: AtomicUsize::new(0),
        });
        let routes = Routes::new(AccessServiceServer::new(Service(state.clone())));
        let identity = pki.service("access");
        let (address, running) =
            listener::serve("access", "entente.access.v1.AccessService", identity, Some(verifier), routes)
                .await;
        FakeAccess { state, address: address.to_string(), running }
    }

    /// host:port.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// The authority whose tokens it and every service believe.
    pub fn authority(&self) -> &TestAuthority {
        &self.state.authority
    }

    /// The policy epoch.
    pub fn epoch(&self) -> u64 {
        *self.state.epoch.borrow()
    }

    /// How many labels each DecideLabels call asked for, in order.
    pub fn labels_asked(&self) -> Vec<usize> {
        self.state.asked.lock().unwrap().clone()
    }

    /// How many DecideLabels calls were for somebody without rights.
    pub fn refusals(&self) -> usize {
        self.state.refused.load(Ordering::SeqCst)
    }

    /// While true, every call is refused.
    pub fn fail(&self, failing: bool) {
        self.state.failing.store(failing, Ordering::SeqCst);
    }

    /// Suspends a subject, raises the epoch and returns when a watcher has installed it. Waits for one watcher: a test
    /// of one service has one.
    pub async fn suspend(&self, subject_id: &str) {
        self.change(subject_id, |subject| subject.active = false).await;
    }

    /// Changes what a subject holds, raises the epoch and returns when a watcher has installed it.
    pub async fn change(&self, subject_id: &str, change: impl FnOnce(&mut Subject)) {
        if let Some(subject) = self.state.subjects.lock().unwrap().get_mut(subject_id) {
            change(subject);
        }
        self.raise_epoch();
        self.heard().await;
    }

    /// Lowers a subject's assurance level, which its profile does not tell, and raises the epoch as `change` does.
    pub async fn lower_assurance(&self, subject_id: &str, level: u8) {
        self.state.assurance.lock().unwrap().insert(subject_id.to_owned(), level);
        self.raise_epoch();
        self.heard().await;
    }

    /// Returns when a watcher has installed the epoch in force.
    pub async fn heard(&self) {
        let epoch = self.epoch();
        let mut installed = self.state.installed.subscribe();
        installed.wait_for(|installed| *installed >= epoch).await.unwrap();
    }

    /// Raises the epoch without a change of rights.
    pub fn raise_epoch(&self) -> u64 {
        self.state.epoch.send_modify(|epoch| *epoch += 1);
        let epoch = self.epoch();
        self.state.authority.set_epoch(epoch);
        epoch
    }

    /// Ends it.
    pub async fn stop(self) {
        self.running.drain().await;
    }
}

fn refuse(reason: ErrorReason, message: &str) -> Status {
    Fault::new(reason, message).into_status([0; 16])
}

fn not_here() -> Status {
    refuse(ErrorReason::NotFound, "the fake access service does not do that")
}

impl State {
    fn available(&self) -> Result<(), Status> {
        if self.failing.load(Ordering::SeqCst) {
            return Err(refuse(ErrorReason::StoreFailed, "the fake access service was told to fail"));
        }
        Ok(())
    }

    fn subject(&self, subject_id: &str) -> Result<Subject, Status> {
        let subjects = self.subjects.lock().unwrap();
        let subject = subjects.get(subject_id).filter(|subject| subject.active).cloned();
        subject.ok_or_else(|| refuse(ErrorReason::SubjectInactive, "the subject is suspended"))
    }

    fn behalf(&self, behalf: Option<Behalf>) -> Result<StandingSubject, Status> {
        match behalf {
            Some(Behalf::StandingSubject(standing)) => Ok(standing),
            Some(Behalf::TransactionToken(token)) => {
                let claims = self
                    .verifier
                    .verify(&token)
                    .map_err(|_| refuse(ErrorReason::TokenInvalid, "bad token"))?;
                Ok(StandingSubject {
                    subject_id: claims.sub.clone(),
                    purpose: claims.tctx.purpose.clone(),
                    realm: claims.tctx.realm.clone(),
                    assurance_level: claims.tctx.aal.into(),
                })
            }
            None => Err(refuse(ErrorReason::FieldInvalid, "behalf is required")),
        }
    }

    fn today(&self) -> Day {
        Day::from_unix_days(clock::today(self.clock.as_ref()))
    }

    fn session(&self, standing: &StandingSubject) -> Session {
        let asserted = u8::try_from(standing.assurance_level).unwrap();
        let lowered = self.assurance.lock().unwrap().get(&standing.subject_id).copied();
        Session {
            realm: standing.realm.parse().unwrap(),
            purpose: standing.purpose.as_str().into(),
            aal: lowered.map_or(asserted, |level| level.min(asserted)),
        }
    }

    fn decide(&self, request: DecideLabelsRequest) -> Result<DecideLabelsResponse, Status> {
        let standing = self.behalf(request.behalf)?;
        let subject = self.subject(&standing.subject_id).inspect_err(|_| {
            self.refused.fetch_add(1, Ordering::SeqCst);
        })?;
        let session = self.session(&standing);
        let prepared = PreparedSubject::new(&subject, &[], self.today());
        self.asked.lock().unwrap().push(request.labels.len());
        let decide = |wire: &common::v1::Label| {
            let label = Label::parse(&wire.line, &self.registry, None).unwrap();
            match decision::read(&prepared, &label, &session, &self.registry, ObjectState::Live) {
                Ok(obligations) => LabelDecision {
                    allowed: true,
                    obligations: obligations.iter().map(ToString::to_string).collect(),
                    ..LabelDecision::default()
                },
                Err(reason) => LabelDecision { reason: reason.to_string(), ..LabelDecision::default() },
            }
        };
        Ok(DecideLabelsResponse {
            profile_id: profile_id(&subject, &[], self.today()).as_bytes().to_vec().into(),
            epoch: *self.epoch.borrow(),
            day: self.today().unix_days(),
            decisions: request.labels.iter().map(decide).collect(),
            subject_id: standing.subject_id,
            organization_id: subject.org.to_string(),
            assurance_level: u32::from(session.aal),
        })
    }

    fn check(
        &self,
        standing: &StandingSubject,
        request: &CheckSubmitRequest,
    ) -> Result<CheckSubmitResponse, Status> {
        let subject = self.subject(&standing.subject_id)?;
        let organization = subject.org.to_string();
        let decisions =
            request.label_lines.iter().map(|line| self.submit(standing, &subject, line)).collect();
        let operation_known = request.operation.is_empty()
            || fixtures::operations(&organization).contains(request.operation.as_str());
        Ok(CheckSubmitResponse {
            decisions,
            epoch: *self.epoch.borrow(),
            subject_id: standing.subject_id.clone(),
            organization_id: organization,
            operation_known,
        })
    }

    fn submit(&self, standing: &StandingSubject, subject: &Subject, line: &str) -> SubmitDecision {
        let label = match Label::parse(line, &self.registry, None) {
            Ok(label) => label,
            Err(error) => {
                let fault = LabelFault { code: error.code.to_string(), description: error.to_string() };
                return SubmitDecision {
                    reason: "label_invalid".to_owned(),
                    faults: vec![fault],
                    ..SubmitDecision::default()
                };
            }
        };
        let codes = label.validate(&self.registry, true);
        let faults: Vec<LabelFault> = codes
            .iter()
            .map(|code| LabelFault { code: code.to_string(), description: String::new() })
            .collect();
        let session = self.session(standing);
        let prepared = PreparedSubject::new(subject, &[], self.today());
        let decided = decision::submit(&prepared, &label, &session, &self.registry, Derivation::default());
        SubmitDecision {
            allowed: decided.is_ok(),
            reason: decided.err().map(|reason| reason.to_string()).unwrap_or_default(),
            faults,
            label: Some(labels::resolve(&label, &self.registry)),
            ..SubmitDecision::default()
        }
    }
}

struct Service(Arc<State>);

#[tonic::async_trait]
impl AccessService for Service {
    type WatchEpochStream = Pin<Box<dyn Stream<Item = Result<WatchEpochResponse, Status>> + Send>>;

    async fn list_token_keys(
        &self,
        _request: Request<ListTokenKeysRequest>,
    ) -> Result<Response<ListTokenKeysResponse>, Status> {
        self.0.available()?;
        let key =
            |(key_id, key): (String, [u8; 32])| TokenKey { key_id, ed25519_public_key: key.to_vec().into() };
        let keys = self.0.authority.keys().into_iter().map(key).collect();
        Ok(Response::new(ListTokenKeysResponse { keys, trust_domain: TRUST_DOMAIN.to_owned() }))
    }

    async fn decide_labels(
        &self,
        request: Request<DecideLabelsRequest>,
    ) -> Result<Response<DecideLabelsResponse>, Status> {
        self.0.available()?;
        self.0.decide(request.into_inner()).map(Response::new)
    }

    async fn check_submit(
        &self,
        request: Request<CheckSubmitRequest>,
    ) -> Result<Response<CheckSubmitResponse>, Status> {
        self.0.available()?;
        let call = entente_chassis::call::Call::of(&request)?;
        let token = call.token().map(|token| Behalf::TransactionToken(token.to_owned()));
        let standing = self.0.behalf(token)?;
        self.0.check(&standing, request.get_ref()).map(Response::new)
    }

    async fn watch_epoch(
        &self,
        request: Request<Streaming<WatchEpochRequest>>,
    ) -> Result<Response<Self::WatchEpochStream>, Status> {
        self.0.available()?;
        let state = self.0.clone();
        let mut answers = request.into_inner();
        tokio::spawn(async move {
            while let Some(Ok(answer)) = answers.next().await {
                state
                    .installed
                    .send_modify(|installed| *installed = (*installed).max(answer.installed_epoch));
            }
        });
        let mut epochs = self.0.epoch.subscribe();
        epochs.mark_changed();
        let pushed = stream::unfold(epochs, |mut epochs| async move {
            epochs.changed().await.ok()?;
            let epoch = *epochs.borrow_and_update();
            let lease = prost_types::Duration::try_from(LEASE).ok();
            Some((Ok(WatchEpochResponse { epoch, lease }), epochs))
        });
        Ok(Response::new(Box::pin(pushed)))
    }

    async fn batch_get_labels(
        &self,
        _request: Request<BatchGetLabelsRequest>,
    ) -> Result<Response<BatchGetLabelsResponse>, Status> {
        Err(not_here())
    }

    async fn mint_token(
        &self,
        _request: Request<MintTokenRequest>,
    ) -> Result<Response<MintTokenResponse>, Status> {
        Err(not_here())
    }

    async fn explain_access(
        &self,
        _request: Request<ExplainAccessRequest>,
    ) -> Result<Response<ExplainAccessResponse>, Status> {
        Err(not_here())
    }

    async fn get_self(&self, _request: Request<GetSelfRequest>) -> Result<Response<GetSelfResponse>, Status> {
        Err(not_here())
    }

    async fn list_partners(
        &self,
        _request: Request<ListPartnersRequest>,
    ) -> Result<Response<ListPartnersResponse>, Status> {
        Err(not_here())
    }

    async fn put_partner(
        &self,
        _request: Request<PutPartnerRequest>,
    ) -> Result<Response<PutPartnerResponse>, Status> {
        Err(not_here())
    }

    async fn list_subjects(
        &self,
        _request: Request<ListSubjectsRequest>,
    ) -> Result<Response<ListSubjectsResponse>, Status> {
        Err(not_here())
    }

    async fn put_subject(
        &self,
        _request: Request<PutSubjectRequest>,
    ) -> Result<Response<PutSubjectResponse>, Status> {
        Err(not_here())
    }

    async fn suspend_subject(
        &self,
        _request: Request<SuspendSubjectRequest>,
    ) -> Result<Response<SuspendSubjectResponse>, Status> {
        Err(not_here())
    }

    async fn list_operations(
        &self,
        _request: Request<ListOperationsRequest>,
    ) -> Result<Response<ListOperationsResponse>, Status> {
        Err(not_here())
    }

    async fn put_operation(
        &self,
        _request: Request<PutOperationRequest>,
    ) -> Result<Response<PutOperationResponse>, Status> {
        Err(not_here())
    }

    async fn get_policies(
        &self,
        _request: Request<GetPoliciesRequest>,
    ) -> Result<Response<GetPoliciesResponse>, Status> {
        Err(not_here())
    }

    async fn test_policies(
        &self,
        _request: Request<TestPoliciesRequest>,
    ) -> Result<Response<TestPoliciesResponse>, Status> {
        Err(not_here())
    }

    async fn put_policies(
        &self,
        _request: Request<PutPoliciesRequest>,
    ) -> Result<Response<PutPoliciesResponse>, Status> {
        Err(not_here())
    }
}
