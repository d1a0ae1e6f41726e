//! Whether a submitter may use label lines: asked of access once per submitter, line, operation, epoch and day.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

use entente_chassis::call::Call;

use super::{App, Caller};
use crate::{
    error::{Error, FieldFault, Refusal},
    peers::{PeerError, SubmitCheck, SubmitDecision},
    store::LabelUse,
};

/// Lines of one question to access (the proto allows no more).
const LINES_MAX: usize = 64;
/// Bytes of a label line (the proto of `Label`).
const LINE_BYTES_MAX: usize = 4_096;

/// What became of a label line: how to use it, or why it is refused.
pub(super) type LineCheck = Result<LabelUse, (Refusal, Vec<FieldFault>)>;

/// Lines that may be used, at one epoch on one day. A new epoch or day empties it: nothing is ever patched. What is
/// refused is asked again.
pub(super) struct Cache {
    allowed: Mutex<Allowed>,
    entries_max: usize,
}

#[derive(Default)]
struct Allowed {
    epoch: u64,
    day: i32,
    uses: HashMap<Key, LabelUse>,
}

/// Submitter, operation asked for, line.
type Key = (Caller, String, String);

impl Cache {
    pub(super) fn new(entries_max: usize) -> Cache {
        Cache { allowed: Mutex::default(), entries_max }
    }

    fn get(&self, (epoch, day): (u64, i32), key: &Key) -> Option<LabelUse> {
        let allowed = self.allowed.lock().unwrap_or_else(PoisonError::into_inner);
        if (allowed.epoch, allowed.day) == (epoch, day) { allowed.uses.get(key).cloned() } else { None }
    }

    fn put(&self, (epoch, day): (u64, i32), key: Key, used: LabelUse) {
        let mut allowed = self.allowed.lock().unwrap_or_else(PoisonError::into_inner);
        if allowed.epoch > epoch {
            return;
        }
        if (allowed.epoch, allowed.day) != (epoch, day) || allowed.uses.len() >= self.entries_max {
            *allowed = Allowed { epoch, day, uses: HashMap::new() };
        }
        allowed.uses.insert(key, used);
    }
}

impl App {
    /// Checks each line, in as few questions as possible. Access being away is an error; a refused line is an answer.
    pub(super) async fn check_labels(
        &self,
        call: &Call,
        caller: &Caller,
        lines: BTreeSet<&str>,
        operation: &str,
    ) -> Result<BTreeMap<String, LineCheck>, Error> {
        let day = entente_chassis::clock::today(self.clock.as_ref());
        let in_force = self.lease.current();
        let mut checks = BTreeMap::new();
        let mut unknown = Vec::new();
        for line in lines {
            let key = (caller.clone(), operation.to_owned(), line.to_owned());
            if line.len() > LINE_BYTES_MAX {
                let fault = FieldFault::new("label_line", format!("is longer than {LINE_BYTES_MAX} bytes"));
                checks.insert(key.2, Err((Refusal::LabelInvalid, vec![fault])));
            } else if let Some(used) = in_force.and_then(|epoch| self.labels.get((epoch, day), &key)) {
                checks.insert(key.2, Ok(used));
            } else {
                unknown.push(key.2);
            }
        }
        for lines in unknown.chunks(LINES_MAX) {
            let check = self.access.check_submit(call, lines, operation).await.map_err(Error::Access)?;
            if check.organization != caller.organization {
                return Err(Error::Access(PeerError::Malformed("another organization than the token's")));
            }
            for (line, decision) in lines.iter().zip(&check.decisions) {
                let checked = line_check(caller, operation, &check, decision);
                if let Ok(used) = &checked {
                    let key = (caller.clone(), operation.to_owned(), line.clone());
                    self.labels.put((check.epoch, day), key, used.clone());
                }
                checks.insert(line.clone(), checked);
            }
        }
        Ok(checks)
    }
}

fn line_check(caller: &Caller, operation: &str, check: &SubmitCheck, decision: &SubmitDecision) -> LineCheck {
    let refused = |refusal, field: &str, text: String| Err((refusal, vec![FieldFault::new(field, text)]));
    if !check.operation_known {
        let text = format!("`{operation}` is not an operation your organization takes part in");
        return refused(Refusal::OperationUnknown, "operation", text);
    }
    match decision {
        SubmitDecision::Invalid(faults) => Err((Refusal::LabelInvalid, faults.clone())),
        SubmitDecision::Denied(reason) => refused(
            Refusal::LabelNotPermitted,
            "label_line",
            format!("you may not submit under it: {reason}"),
        ),
        SubmitDecision::Allowed(label) if label.realm != caller.realm => {
            let text = format!("is of the realm {}, your token of {}", label.realm, caller.realm);
            refused(Refusal::LabelNotPermitted, "label_line", text)
        }
        SubmitDecision::Allowed(label) => {
            let operation = match label.operations.as_slice() {
                [only] if operation.is_empty() => only.clone(),
                _ => operation.to_owned(),
            };
            Ok(LabelUse { label: Arc::new(label.clone()), operation })
        }
    }
}
