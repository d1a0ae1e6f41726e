//! What is wrong with a record that a service wants to append: every fault, with its field.

use entente_proto::audit::v1::{AuditRecord, Effect, Operation, Phase, What, Where, Who, Why};

use super::record::Writer;
use crate::error::FieldFault;

/// Items of a record, recipients of a record, duties of a decision.
const ITEMS_MAX: usize = 1_000;
const RECIPIENTS_MAX: usize = 1_000;
const OBLIGATIONS_MAX: usize = 10_000;
/// Characters of a name or a path; of an object's id (STIX 2.1: a type of 250, two hyphens, a UUID); of a justification.
const NAME_CHARS_MAX: usize = 256;
const OBJECT_ID_CHARS_MAX: usize = 512;
const JUSTIFICATION_CHARS_MAX: usize = 1_000;

/// Faults found so far, below one path.
struct Faults<'a> {
    path: &'a str,
    found: Vec<FieldFault>,
}

impl Faults<'_> {
    fn add(&mut self, field: &str, description: impl Into<String>) {
        self.found.push(FieldFault::new(format!("{}.{field}", self.path), description));
    }

    fn text(&mut self, field: &str, text: &str, chars_max: usize) {
        if text.chars().count() > chars_max {
            self.add(field, format!("is longer than {chars_max} characters"));
        }
    }

    /// Bytes of a fixed number, or none.
    fn bytes(&mut self, field: &str, bytes: &[u8], wanted: usize) {
        if !bytes.is_empty() && bytes.len() != wanted {
            self.add(field, format!("has {} bytes, not {wanted}", bytes.len()));
        }
    }

    fn count(&mut self, field: &str, count: usize, most: usize) {
        if count > most {
            self.add(field, format!("has {count} elements, above {most}"));
        }
    }
}

/// Every fault of the record at `path`.
pub(super) fn record_faults(path: &str, record: &AuditRecord, writer: &Writer) -> Vec<FieldFault> {
    let mut faults = Faults { path, found: Vec::new() };
    if record.record_id.len() != 16 {
        faults.add("record_id", "must be a UUID of 16 bytes");
    }
    match Operation::try_from(record.operation) {
        Ok(Operation::Unspecified) | Err(_) => {
            faults.add("operation", "is required, one of the known operations")
        }
        Ok(_) => {}
    }
    phase(&mut faults, record);
    who(&mut faults, record.who.as_ref(), writer);
    place(&mut faults, record.r#where.as_ref(), writer);
    if let Some(what) = &record.what {
        items(&mut faults, what);
    }
    if let Some(why) = &record.why {
        reasons(&mut faults, why);
    }
    if let Some(decision) = &record.decision {
        if matches!(Effect::try_from(decision.effect), Ok(Effect::Unspecified) | Err(_)) {
            faults.add("decision.effect", "is required, one of the known effects");
        }
        faults.text("decision.reason", &decision.reason, NAME_CHARS_MAX);
        faults.bytes("decision.profile_id", &decision.profile_id, 32);
        faults.count("decision.obligations", decision.obligations.len(), OBLIGATIONS_MAX);
    }
    if let Some(outcome) = &record.outcome {
        faults.text("outcome.status", &outcome.status, NAME_CHARS_MAX);
    }
    faults.found
}

fn phase(faults: &mut Faults<'_>, record: &AuditRecord) {
    match Phase::try_from(record.phase) {
        Ok(Phase::Outcome) if record.intent_record_id.len() != 16 => {
            faults.add("intent_record_id", "is required with PHASE_OUTCOME, 16 bytes");
        }
        Ok(Phase::Intent | Phase::Single) if !record.intent_record_id.is_empty() => {
            faults.add("intent_record_id", "goes with PHASE_OUTCOME only");
        }
        Ok(Phase::Outcome | Phase::Intent | Phase::Single) => {}
        Ok(Phase::Unspecified) | Err(_) => faults.add("phase", "is required, one of the known phases"),
    }
}

/// A service writes for itself alone: its own identity stands in each of its records.
fn who(faults: &mut Faults<'_>, who: Option<&Who>, writer: &Writer) {
    let Some(who) = who else {
        return faults.add("who", "is required");
    };
    if who.service_identity != writer.spiffe_id {
        faults.add(
            "who.service_identity",
            format!("must be the SPIFFE id of the caller, `{}`", writer.spiffe_id),
        );
    }
    faults.text("who.subject", &who.subject, NAME_CHARS_MAX);
    faults.text("who.subject_organization", &who.subject_organization, NAME_CHARS_MAX);
    let home = who.subject.split_once('/').map(|(organization, _)| organization);
    if !who.subject.is_empty() && home != Some(who.subject_organization.as_str()) {
        faults.add("who.subject_organization", "must be the organization in `who.subject`");
    }
    faults.text("who.authentication", &who.authentication, NAME_CHARS_MAX);
    faults.text("who.transaction_id", &who.transaction_id, NAME_CHARS_MAX);
    faults.bytes("who.client_certificate_sha256", &who.client_certificate_sha256, 32);
    faults.count("who.recipients", who.recipients.len(), RECIPIENTS_MAX);
    for recipient in &who.recipients {
        faults.text("who.recipients.organization", &recipient.organization, NAME_CHARS_MAX);
        faults.text("who.recipients.subject", &recipient.subject, NAME_CHARS_MAX);
        faults.text("who.recipients.channel", &recipient.channel, NAME_CHARS_MAX);
    }
}

fn place(faults: &mut Faults<'_>, place: Option<&Where>, writer: &Writer) {
    let Some(place) = place else {
        return faults.add("where", "is required");
    };
    if place.service_name != writer.service_name {
        faults
            .add("where.service_name", format!("must be the name of the caller, `{}`", writer.service_name));
    }
    faults.bytes("where.trace_id", &place.trace_id, 16);
    faults.bytes("where.span_id", &place.span_id, 8);
    faults.text("where.rpc_method", &place.rpc_method, NAME_CHARS_MAX);
}

fn items(faults: &mut Faults<'_>, what: &What) {
    faults.count("what.items", what.items.len(), ITEMS_MAX);
    faults.bytes("what.query_sha256", &what.query_sha256, 32);
    faults.bytes("what.payload_sha256", &what.payload_sha256, 32);
    for item in &what.items {
        faults.text("what.items.object_id", &item.object_id, OBJECT_ID_CHARS_MAX);
        faults.text("what.items.version", &item.version, NAME_CHARS_MAX);
        faults.text("what.items.originator", &item.originator, NAME_CHARS_MAX);
        faults.bytes("what.items.label_hash", &item.label_hash, 32);
    }
}

fn reasons(faults: &mut Faults<'_>, why: &Why) {
    faults.text("why.purpose", &why.purpose, NAME_CHARS_MAX);
    faults.text("why.operation", &why.operation, NAME_CHARS_MAX);
    faults.text("why.realm", &why.realm, NAME_CHARS_MAX);
    faults.text("why.justification", &why.justification, JUSTIFICATION_CHARS_MAX);
}
