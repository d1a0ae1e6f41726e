//! Wire to this service's words and back. What passes here is well-formed.

use aws_lc_rs::digest::{SHA256, digest};
use entente_proto::{
    alerting::v1::{self as wire, term},
    common::{self, v1::Severity},
};
use entente_stix::indicator::IndicatorValue;
use prost::Message;
use prost_types::Timestamp;
use uuid::Uuid;

use crate::{
    app::{NewInterestRequest, Opening, Outgoing},
    error::{Error, FieldFault},
    peers::AuditReceipt,
    store::{Interest, Term},
};

/// Terms of one interest.
const TERMS_MAX: usize = 16;
/// Characters of a name and of a phrase.
const TEXT_CHARS_MAX: usize = 200;
/// Words of a phrase.
const PHRASE_WORDS_MAX: usize = 10;
/// Interests of one page.
const PAGE_SIZE_MAX: u32 = 1_000;
const PAGE_SIZE_DEFAULT: u32 = 100;
/// Characters of a consumer's name and of a note.
const CONSUMER_CHARS_MAX: usize = 64;
const NOTE_CHARS_MAX: usize = 1_000;
/// Alerts on the way unreceived.
const IN_FLIGHT_MAX: u32 = 256;
const IN_FLIGHT_DEFAULT: u32 = 64;

/// A request for an interest; every fault is listed.
pub(crate) fn new_interest(request: &wire::CreateInterestRequest) -> Result<NewInterestRequest, Error> {
    let mut faults = Vec::new();
    let interest = request.interest.clone().unwrap_or_default();
    if request.interest.is_none() {
        faults.push(FieldFault::new("interest", "is required"));
    } else if interest.terms.is_empty() || interest.terms.len() > TERMS_MAX {
        faults.push(FieldFault::new("interest.terms", format!("send 1 to {TERMS_MAX} terms")));
    }
    if interest.display_name.chars().count() > TEXT_CHARS_MAX {
        faults.push(FieldFault::new(
            "interest.display_name",
            format!("is longer than {TEXT_CHARS_MAX} characters"),
        ));
    }
    if !interest.interest_id.is_empty() {
        faults.push(FieldFault::new("interest.interest_id", "is given by the service: leave it empty"));
    }
    if Uuid::parse_str(&request.request_id).is_err() {
        faults.push(FieldFault::new("request_id", "must be a UUID"));
    }
    let mut terms = Vec::new();
    for (index, term) in interest.terms.iter().enumerate() {
        match parse_term(term) {
            Ok(term) => terms.push(term),
            Err(description) => faults.push(FieldFault::new(format!("interest.terms[{index}]"), description)),
        }
    }
    if !faults.is_empty() {
        return Err(Error::Fields(faults));
    }
    let request_sha256 = digest(&SHA256, &interest.encode_to_vec()).as_ref().try_into().unwrap_or([0; 32]);
    let display_name = interest.display_name;
    Ok(NewInterestRequest { display_name, terms, request_id: request.request_id.clone(), request_sha256 })
}

fn parse_term(term: &wire::Term) -> Result<Term, String> {
    match &term.term {
        None => Err("say what must hold".to_owned()),
        Some(term::Term::ObjectType(name)) if is_type(name) => Ok(Term::ObjectType(name.clone())),
        Some(term::Term::ObjectType(name)) => {
            Err(format!("`{name}` is not a STIX type: use a-z, 0-9 and hyphens"))
        }
        Some(term::Term::IndicatorValue(value)) => match IndicatorValue::classify(value) {
            Some(value) => Ok(Term::IndicatorValue(value.value().to_owned())),
            None => Err(format!("`{value}` is not an address, domain, URL, e-mail address or hash")),
        },
        Some(term::Term::Phrase(phrase)) => parse_phrase(phrase),
        Some(term::Term::Originator(name)) if is_path(name, 1) => Ok(Term::Originator(name.clone())),
        Some(term::Term::Originator(name)) => Err(format!("`{name}` is not the name of an organization")),
        Some(term::Term::Operation(path)) if is_path(path, 4) => Ok(Term::Operation(path.clone())),
        Some(term::Term::Operation(path)) => Err(format!("`{path}` is not an operation path such as A/B/C")),
        Some(term::Term::MinSeverity(number)) => match Severity::try_from(*number) {
            Ok(Severity::Minor | Severity::Moderate | Severity::Severe | Severity::Extreme) => {
                Ok(Term::MinSeverity(*number))
            }
            Ok(Severity::Unspecified | Severity::Unknown) | Err(_) => {
                Err("must be MINOR or graver".to_owned())
            }
        },
    }
}

fn parse_phrase(phrase: &str) -> Result<Term, String> {
    let words = crate::app::phrase_words(phrase);
    if words.is_empty() {
        return Err("has no word".to_owned());
    }
    if words.len() > PHRASE_WORDS_MAX || phrase.chars().count() > TEXT_CHARS_MAX {
        return Err(format!("is longer than {PHRASE_WORDS_MAX} words or {TEXT_CHARS_MAX} characters"));
    }
    Ok(Term::Phrase(words))
}

/// A STIX type name (STIX 2.1 section 3.1).
fn is_type(name: &str) -> bool {
    (3..=250).contains(&name.len())
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// One to `segments_max` registered names joined by `/`.
fn is_path(path: &str, segments_max: usize) -> bool {
    let is_name = |name: &str| {
        (1..=63).contains(&name.len())
            && name.starts_with(|first: char| first.is_ascii_uppercase() || first.is_ascii_digit())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"._-".contains(&byte))
    };
    path.split('/').count() <= segments_max && path.split('/').all(is_name)
}

/// Size of a page.
pub(crate) fn page_size(asked: u32) -> Result<usize, Error> {
    if asked > PAGE_SIZE_MAX {
        let fault = FieldFault::new("page_size", format!("is above {PAGE_SIZE_MAX}"));
        return Err(Error::Fields(vec![fault]));
    }
    let size = if asked == 0 { PAGE_SIZE_DEFAULT } else { asked };
    Ok(usize::try_from(size).unwrap_or(usize::MAX))
}

/// An id that is looked up, not parsed: bounded, so that it can be logged.
pub(crate) fn id<'a>(field: &str, id: &'a str) -> Result<&'a str, Error> {
    if id.is_empty() || id.len() > 64 {
        return Err(Error::Fields(vec![FieldFault::new(field, "is required, at most 64 characters")]));
    }
    Ok(id)
}

/// A person's note.
pub(crate) fn note(note: &str) -> Result<&str, Error> {
    if note.chars().count() > NOTE_CHARS_MAX {
        return Err(Error::Fields(vec![FieldFault::new(
            "note",
            format!("is longer than {NOTE_CHARS_MAX} characters"),
        )]));
    }
    Ok(note)
}

/// The first frame of a stream.
pub(crate) fn opening(open: &wire::Open) -> Result<Opening, Error> {
    let mut faults = Vec::new();
    let consumer = if open.consumer.is_empty() { "default" } else { &open.consumer };
    let fits = consumer.len() <= CONSUMER_CHARS_MAX
        && consumer.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !fits {
        faults.push(FieldFault::new("open.consumer", "use 1 to 64 of a-z, 0-9 and -"));
    }
    if open.in_flight_max > IN_FLIGHT_MAX {
        faults.push(FieldFault::new("open.in_flight_max", format!("is above {IN_FLIGHT_MAX}")));
    }
    if !faults.is_empty() {
        return Err(Error::Fields(faults));
    }
    let in_flight_max = if open.in_flight_max == 0 { IN_FLIGHT_DEFAULT } else { open.in_flight_max };
    Ok(Opening { consumer: consumer.to_owned(), in_flight_max, from_now: open.from_now })
}

/// An interest for its owner.
pub(crate) fn interest(interest: Interest) -> wire::Interest {
    wire::Interest {
        interest_id: interest.interest_id,
        display_name: interest.display_name,
        terms: interest.terms.into_iter().map(term).collect(),
        create_time: Some(timestamp(interest.create_time_ms)),
    }
}

fn term(term: Term) -> wire::Term {
    let term = match term {
        Term::ObjectType(name) => term::Term::ObjectType(name),
        Term::IndicatorValue(value) => term::Term::IndicatorValue(value),
        Term::Phrase(words) => term::Term::Phrase(words.join(" ")),
        Term::Originator(name) => term::Term::Originator(name),
        Term::Operation(path) => term::Term::Operation(path),
        Term::MinSeverity(severity) => term::Term::MinSeverity(severity),
    };
    wire::Term { term: Some(term) }
}

/// An alert on its way.
pub(crate) fn delivery(outgoing: Outgoing, realm_is_real: bool) -> wire::Delivery {
    let body = outgoing.alert.body;
    let status = if realm_is_real { wire::AlertStatus::Actual } else { wire::AlertStatus::Exercise };
    wire::Delivery {
        delivery_number: outgoing.delivery_number,
        attempt: outgoing.attempt,
        receipt: Some(receipt(outgoing.receipt)),
        alert: Some(wire::Alert {
            alert_id: outgoing.alert.alert_id,
            status: status.into(),
            interest_id: body.interest_id,
            interest_name: body.interest_name,
            report_id: body.report_id,
            report_version: body.report_version,
            report_type: body.report_type,
            originator: body.originator,
            operation: body.operation,
            headline: body.headline,
            severity: body.severity,
            label: Some(common::v1::Label { line: body.label_line, hash: body.label_hash.to_vec().into() }),
            add_time: Some(timestamp(body.add_time_ms)),
            match_time: Some(timestamp(outgoing.alert.match_time_ms)),
            trace_id: outgoing.trace_id.to_vec().into(),
        }),
    }
}

fn receipt(receipt: AuditReceipt) -> common::v1::Receipt {
    common::v1::Receipt {
        log_origin: receipt.log_origin,
        entry_index: receipt.entry_index,
        entry: receipt.entry.into(),
        tree_size: receipt.tree_size,
        inclusion_hashes: receipt.inclusion_hashes.into_iter().map(Into::into).collect(),
        checkpoint: receipt.checkpoint,
        trace_id: receipt.trace_id.into(),
    }
}

/// Milliseconds since 1970-01-01 as the wire has them.
pub(crate) fn timestamp(milliseconds: i64) -> Timestamp {
    let nanos = i32::try_from(milliseconds.rem_euclid(1_000) * 1_000_000).unwrap_or_default();
    Timestamp { seconds: milliseconds.div_euclid(1_000), nanos }
}
