//! Which labels a holder may read: asked of access once per holder, purpose, label and epoch.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, PoisonError},
};

use entente_chassis::{call::Call, status::ErrorReason};

use super::App;
use crate::{
    error::Error,
    peers::{Behalf, Decisions, LabelReference, PeerError},
    store::Standing,
};

/// How often a question is put again because the epoch rose meanwhile.
const ATTEMPTS_MAX: usize = 8;

/// Decisions at one epoch on one day. A new epoch or day empties it: nothing is ever patched.
pub(super) struct Cache {
    decided: Mutex<Decided>,
    entries_max: usize,
}

#[derive(Default)]
struct Decided {
    epoch: u64,
    day: i32,
    entries: usize,
    holders: HashMap<Standing, Holder>,
}

/// What is known of one holder.
#[derive(Clone, Default)]
struct Holder {
    profile_id: Option<[u8; 32]>,
    /// Set if access refuses to decide for the holder at all.
    refused: Option<ErrorReason>,
    allowed: HashMap<[u8; 32], bool>,
}

/// When decisions hold.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Time {
    epoch: u64,
    day: i32,
}

/// What the cache knows of a question.
struct Known {
    profile_id: Option<[u8; 32]>,
    refused: Option<ErrorReason>,
    /// Per label asked, in order.
    allowed: Vec<Option<bool>>,
}

impl Cache {
    pub(super) fn new(entries_max: usize) -> Cache {
        Cache { decided: Mutex::default(), entries_max }
    }

    fn known(&self, time: Time, holder: &Standing, labels: &[LabelReference]) -> Known {
        let decided = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        let same_time = decided.epoch == time.epoch && decided.day == time.day;
        match decided.holders.get(holder).filter(|_| same_time) {
            Some(known) => Known {
                profile_id: known.profile_id,
                refused: known.refused,
                allowed: labels.iter().map(|label| known.allowed.get(&label.hash).copied()).collect(),
            },
            None => Known { profile_id: None, refused: None, allowed: vec![None; labels.len()] },
        }
    }

    fn put(&self, time: Time, holder: &Standing, added: Holder) {
        let mut decided = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        if decided.epoch > time.epoch {
            return;
        }
        let entries = added.allowed.len() + 1;
        let full = decided.entries + entries > self.entries_max;
        if decided.epoch != time.epoch || decided.day != time.day || full {
            *decided = Decided { epoch: time.epoch, day: time.day, ..Decided::default() };
        }
        decided.entries += entries;
        let known = decided.holders.entry(holder.clone()).or_default();
        known.profile_id = added.profile_id.or(known.profile_id);
        known.refused = added.refused.or(known.refused);
        known.allowed.extend(added.allowed);
    }
}

/// Decisions in the order asked, and the epoch they hold at.
#[derive(Debug, Clone)]
pub(super) struct Verdict {
    pub(super) epoch: u64,
    pub(super) profile_id: [u8; 32],
    pub(super) allowed: Vec<bool>,
}

impl App {
    /// Decides at the epoch in force or a later one; without a lease nothing is decided. No labels asks only whether the
    /// holder has rights at all.
    ///
    /// # Errors
    ///
    /// `Error::Access` with a reason when the holder has no rights (any more).
    pub(super) async fn decide(
        &self,
        call: &Call,
        behalf: Behalf<'_>,
        labels: &[LabelReference],
    ) -> Result<Verdict, Error> {
        let mut epoch = self.lease.current().ok_or(Error::NoLease)?;
        for _ in 0..ATTEMPTS_MAX {
            let time = Time { epoch, day: self.today() };
            let known = self.decisions.known(time, behalf.holder(), labels);
            if let Some(reason) = known.refused {
                return Err(Error::Access(PeerError::Refused(reason)));
            }
            let missing = missing(labels, &known.allowed);
            if let (Some(profile_id), true) = (known.profile_id, missing.is_empty()) {
                return Ok(Verdict {
                    epoch,
                    profile_id,
                    allowed: known.allowed.into_iter().map(is_allowed).collect(),
                });
            }
            let decisions = self.ask(call, behalf, &missing, time).await?;
            if decisions.epoch == epoch {
                return Ok(verdict(labels, known, &missing, &decisions));
            }
            // The epoch rose while access was asked: what was known before does not count any more.
            epoch = epoch.max(decisions.epoch);
        }
        Err(Error::EpochChanged)
    }

    async fn ask(
        &self,
        call: &Call,
        behalf: Behalf<'_>,
        labels: &[LabelReference],
        time: Time,
    ) -> Result<Decisions, Error> {
        let holder = behalf.holder();
        match self.access.decide(call, behalf, labels, time.epoch).await {
            Ok(decisions) => {
                let allowed =
                    labels.iter().map(|label| label.hash).zip(decisions.allowed.iter().copied()).collect();
                let decided = Holder { profile_id: Some(decisions.profile_id), refused: None, allowed };
                // Decided on another day (clocks differ around midnight): good for this question, not for keeping.
                if decisions.day == time.day {
                    self.decisions.put(Time { epoch: decisions.epoch, day: time.day }, holder, decided);
                }
                Ok(decisions)
            }
            Err(error) => {
                if let PeerError::Refused(reason) = &error
                    && has_no_rights(*reason)
                {
                    self.decisions.put(time, holder, Holder { refused: Some(*reason), ..Holder::default() });
                }
                Err(Error::Access(error))
            }
        }
    }
}

/// True for a refusal that says that the holder has no rights, rather than that access could not decide.
pub(super) fn has_no_rights(reason: ErrorReason) -> bool {
    matches!(reason, ErrorReason::SubjectInactive | ErrorReason::RoleMissing | ErrorReason::PurposeNotGranted)
}

/// The labels not known yet, each once.
fn missing(labels: &[LabelReference], known: &[Option<bool>]) -> Vec<LabelReference> {
    let mut seen = HashSet::new();
    let unknown = labels.iter().zip(known).filter(|(_, known)| known.is_none()).map(|(label, _)| label);
    unknown.filter(|label| seen.insert(label.hash)).cloned().collect()
}

fn verdict(
    labels: &[LabelReference],
    known: Known,
    asked: &[LabelReference],
    decisions: &Decisions,
) -> Verdict {
    let answered: HashMap<[u8; 32], bool> =
        asked.iter().map(|label| label.hash).zip(decisions.allowed.iter().copied()).collect();
    let allowed = labels.iter().zip(known.allowed);
    let allowed =
        allowed.map(|(label, known)| is_allowed(known.or_else(|| answered.get(&label.hash).copied())));
    Verdict { epoch: decisions.epoch, profile_id: decisions.profile_id, allowed: allowed.collect() }
}

/// What was not decided is not allowed.
fn is_allowed(decided: Option<bool>) -> bool {
    decided.unwrap_or(false)
}
