//! What access does, one file per act; this one holds what they share.

mod audit_event;
mod change_rights;
mod check_submit;
mod decide_labels;
mod explain_access;
mod get_labels;
mod get_policies;
mod get_self;
mod import_registry;
mod in_force;
mod label_cache;
mod leases;
mod list_operations;
mod list_partners;
mod list_subjects;
mod mint_token;
mod page;
mod policies;
mod proposal;
mod put_operation;
mod put_partner;
mod put_policies;
mod put_subject;
mod rotate_keys;
mod suspend_subject;
mod test_policies;
mod token_keys;

use std::{
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};

use arc_swap::ArcSwapOption;
use entente_chassis::{
    call::Call, clock::Clock, identity::TrustDomain, tasks::TaskGroup, token::TokenVerifier,
};
use entente_domain::day::Day;
use entente_persist::PageTokenKey;
use tokio::sync::{Mutex, Notify};

pub(crate) use check_submit::{Resolved, SubmitDecision, SubmitDecisions, SubmitRequest};
pub(crate) use decide_labels::{Behalf, Decided, DecisionRequest, Decisions, LabelReference, Standing};
pub(crate) use explain_access::{ExplainRequest, ExplainedCondition, Explanation};
pub(crate) use get_policies::ToldPolicies;
pub(crate) use import_registry::import_registry;
pub(crate) use in_force::InForce;
pub(crate) use leases::{Held, Leases};
pub(crate) use mint_token::{MintRequest, Minted};
pub(crate) use page::{Page, PageRequest};
pub(crate) use policies::{PolicyInfo, SCHEMA};
pub(crate) use proposal::{
    ComponentProposal, GrantProposal, OperationProposal, PartnerProposal, PhaseProposal, SubjectProposal,
    VettingProposal,
};
pub(crate) use put_policies::{PolicySetView, PutPoliciesRequest};
pub(crate) use suspend_subject::{SuspendRequest, Suspension};
pub(crate) use test_policies::{DecisionChange, TestPoliciesRequest, TestedPolicies};
pub(crate) use token_keys::TokenKeys;

use crate::{
    error::Error,
    peers::Audit,
    store::{RequestKey, Store},
};

/// Role of those who administer an organization's subjects and operations.
const POLICY_ADMIN: &str = "policy_admin";
/// Role of those who may look into an organization's record.
const AUDITOR: &str = "auditor";

/// The access service without its wire.
pub(crate) struct App {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) audit: Arc<dyn Audit>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: TokenKeys,
    pub(crate) leases: Arc<Leases>,
    pub(crate) outbox_wake: Arc<Notify>,
    /// Rung when the keys that verify tokens changed.
    pub(crate) keys_changed: Notify,
    settings: Settings,
    tokens: TokenVerifier,
    page_tokens: PageTokenKey,
    tasks: TaskGroup,
    /// The registry all answers come from. None while it is not known what the store holds: then nothing is decided.
    in_force: ArcSwapOption<InForce>,
    interned: check_submit::Interned,
    /// Held from a change's commit until its epoch is published, so that epochs are published in order.
    changing: Mutex<()>,
}

/// What the app is told once.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Trust domain of the tokens.
    pub(crate) trust_domain: TrustDomain,
    /// SPIFFE id of this service: the issuer of tokens.
    pub(crate) issuer: String,
    /// The organization that keeps the node and admits partners.
    pub(crate) custodian: Option<String>,
    /// Longest life of a token.
    pub(crate) token_lifetime: Duration,
}

/// What the app is made of.
pub(crate) struct Parts {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) audit: Arc<dyn Audit>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) keys: TokenKeys,
    pub(crate) leases: Arc<Leases>,
    pub(crate) outbox_wake: Arc<Notify>,
    pub(crate) settings: Settings,
    pub(crate) tokens: TokenVerifier,
    pub(crate) page_tokens: PageTokenKey,
    pub(crate) tasks: TaskGroup,
}

impl App {
    /// The app with the stored registry in force.
    pub(crate) async fn build(parts: Parts) -> Result<Arc<App>, Error> {
        let app = App {
            store: parts.store,
            audit: parts.audit,
            clock: parts.clock,
            keys: parts.keys,
            leases: parts.leases,
            outbox_wake: parts.outbox_wake,
            keys_changed: Notify::new(),
            settings: parts.settings,
            tokens: parts.tokens,
            page_tokens: parts.page_tokens,
            tasks: parts.tasks,
            in_force: ArcSwapOption::empty(),
            interned: check_submit::Interned::default(),
            changing: Mutex::new(()),
        };
        app.reload().await?;
        Ok(Arc::new(app))
    }

    /// Milliseconds since 1970-01-01.
    pub(crate) fn now_ms(&self) -> i64 {
        let since = self.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }

    /// The UTC day.
    pub(crate) fn today(&self) -> Day {
        Day::from_unix_seconds(self.now_ms().div_euclid(1_000))
    }

    /// Trust domain that tokens are for.
    pub(crate) fn trust_domain(&self) -> String {
        self.settings.trust_domain.to_string()
    }

    /// The registry that answers come from now.
    pub(crate) fn in_force(&self) -> Result<Arc<InForce>, Error> {
        self.in_force.load_full().ok_or(Error::RegistryUnknown)
    }

    /// True while it is not known what the store holds.
    pub(crate) fn is_unknown(&self) -> bool {
        self.in_force.load().is_none()
    }

    /// Refuses an answer made under an epoch that is no longer in force: nothing leaves under rights that have ended.
    fn still_at(&self, epoch: u64) -> Result<(), Error> {
        if self.in_force()?.epoch() == epoch { Ok(()) } else { Err(Error::EpochChanged) }
    }

    /// The subject of a call, with its rights as they are now: a token never revives a right.
    fn caller(&self, call: &Call) -> Result<Caller, Error> {
        let claims = call.claims().ok_or(Error::NoSubject)?;
        let registry = self.in_force()?;
        let member = registry.active_member(&claims.sub)?;
        Ok(Caller { registry, member })
    }

    /// The subject of a call, who must be a policy administrator now.
    fn administrator(&self, call: &Call) -> Result<Caller, Error> {
        let caller = self.caller(call)?;
        if caller.has_role(POLICY_ADMIN) { Ok(caller) } else { Err(Error::RoleMissing(POLICY_ADMIN)) }
    }

    fn is_custodian(&self, organization: &str) -> bool {
        self.settings.custodian.as_deref() == Some(organization)
    }
}

/// Who calls, under the registry in force when the call began.
struct Caller {
    registry: Arc<InForce>,
    member: Arc<in_force::Member>,
}

impl Caller {
    fn subject_id(&self) -> &str {
        &self.member.row.subject_id
    }

    fn organization(&self) -> &str {
        &self.member.row.organization_id
    }

    fn has_role(&self, role: &str) -> bool {
        self.member.row.roles.contains(role)
    }

    /// What makes a change the same change again: who, under which id, and the whole of what was asked.
    fn request_key<T: serde::Serialize>(
        &self,
        request_id: &str,
        asked: &T,
        etag: &str,
    ) -> Result<RequestKey, Error> {
        let bytes = serde_json::to_vec(&(asked, etag))
            .map_err(|source| Error::Stored { what: "a request", source })?;
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
        Ok(RequestKey {
            subject_id: self.subject_id().to_owned(),
            request_id: request_id.to_owned(),
            request_sha256: digest.as_ref().try_into().unwrap_or_default(),
        })
    }
}
