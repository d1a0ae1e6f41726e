//! Wire to this service's words and back. What passes here is well-formed.

pub(crate) mod record;
mod record_faults;
pub(crate) mod spans;

use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use entente_ledger::{
    commitment::{OpenedSection, Opening},
    hash::Hash,
};
use entente_proto::{
    audit::v1::{self as wire, get_record_request::By},
    common::v1::Receipt,
};
use prost::{Message, bytes::Bytes};
use prost_types::Timestamp;

use crate::{
    app::{Authority, Installed, ListRequest, ProvenRecord, RecordName, RecordReceipt},
    error::{Error, FieldFault},
};

/// Records of one page.
const PAGE_SIZE_MAX: u32 = 500;
const PAGE_SIZE_DEFAULT: u32 = 100;
/// Characters of a justification, and of an id or subject that is looked up.
const JUSTIFICATION_CHARS_MAX: usize = 1_000;
const NAME_CHARS_MAX: usize = 512;
/// Keys of one authority: the present and the coming one of a few issuers.
const KEYS_MAX: usize = 64;
/// Longest lease: it bounds how long a revocation may take to be acknowledged.
const LEASE_MAX: Duration = Duration::from_secs(600);

/// Keys, epoch and lease; every fault is listed.
pub(crate) fn authority(request: wire::InstallAuthorityRequest) -> Result<Authority, Error> {
    let mut faults = Vec::new();
    if request.keys.is_empty() || request.keys.len() > KEYS_MAX {
        faults.push(FieldFault::new("keys", format!("send 1 to {KEYS_MAX} keys")));
    }
    let mut keys = Vec::new();
    for (position, key) in request.keys.into_iter().enumerate() {
        match <[u8; 32]>::try_from(key.ed25519_public_key.as_ref()) {
            Ok(public_key) if !key.key_id.is_empty() && key.key_id.len() <= NAME_CHARS_MAX => {
                keys.push((key.key_id, public_key));
            }
            Ok(_) | Err(_) => faults.push(FieldFault::new(
                format!("keys[{position}]"),
                "needs a key_id and an ed25519_public_key of 32 bytes",
            )),
        }
    }
    if request.epoch == 0 {
        faults.push(FieldFault::new("epoch", "is required"));
    }
    let lease = request.lease.and_then(|lease| Duration::try_from(lease).ok());
    let lease = lease.filter(|lease| !lease.is_zero() && *lease <= LEASE_MAX).unwrap_or_default();
    if lease.is_zero() {
        faults.push(FieldFault::new(
            "lease",
            format!("must be above zero and at most {} s", LEASE_MAX.as_secs()),
        ));
    }
    if faults.is_empty() {
        Ok(Authority { keys, epoch: request.epoch, lease, ticket: request.ticket.to_vec() })
    } else {
        Err(Error::Fields(faults))
    }
}

/// What is installed.
pub(crate) fn installed(installed: Installed) -> wire::InstallAuthorityResponse {
    let left = Some(installed.lease_left).filter(|left| !left.is_zero());
    wire::InstallAuthorityResponse {
        ticket: installed.ticket.into(),
        lease_left: left.and_then(|left| left.try_into().ok()),
    }
}

/// Which record is asked for.
pub(crate) fn record_name(request: &wire::GetRecordRequest) -> Result<RecordName, Error> {
    match &request.by {
        Some(By::EntryIndex(index)) => Ok(RecordName::Index(*index)),
        Some(By::RecordId(id)) => match <[u8; 16]>::try_from(id.as_ref()) {
            Ok(id) => Ok(RecordName::Id(id)),
            Err(_) => Err(one_fault("record_id", "must have 16 bytes")),
        },
        None => Err(one_fault("by", "is required: entry_index or record_id")),
    }
}

/// Which trace is asked for.
pub(crate) fn trace_id(request: &wire::GetTraceRequest) -> Result<[u8; 16], Error> {
    request.trace_id.as_ref().try_into().map_err(|_| one_fault("trace_id", "is required, 16 bytes"))
}

/// A list of records; every fault is listed.
pub(crate) fn list_request(request: wire::ListRecordsRequest) -> Result<ListRequest, Error> {
    let mut faults = Vec::new();
    let filter_sha256 = filter_sha256(&request);
    for (field, text) in [("object_id", &request.object_id), ("subject", &request.subject)] {
        if text.chars().count() > NAME_CHARS_MAX {
            faults.push(FieldFault::new(field, format!("is longer than {NAME_CHARS_MAX} characters")));
        }
    }
    let trace_id = <[u8; 16]>::try_from(request.trace_id.as_ref()).ok();
    if trace_id.is_none() && !request.trace_id.is_empty() {
        faults.push(FieldFault::new("trace_id", "must have 16 bytes"));
    }
    if request.page_size > PAGE_SIZE_MAX {
        faults.push(FieldFault::new("page_size", format!("is above {PAGE_SIZE_MAX}")));
    }
    let justified = (1..=JUSTIFICATION_CHARS_MAX).contains(&request.justification.chars().count());
    if !justified || request.justification.trim().is_empty() {
        let what_to_do =
            format!("is required: say in at most {JUSTIFICATION_CHARS_MAX} characters why you look");
        faults.push(FieldFault::new("justification", what_to_do));
    }
    let mut time = |field: &str, time: Option<Timestamp>| {
        let milliseconds = time.map(milliseconds);
        if milliseconds == Some(None) {
            faults.push(FieldFault::new(field, "is not a time"));
        }
        milliseconds.flatten()
    };
    let (from_time_ms, until_time_ms) =
        (time("from_time", request.from_time), time("until_time", request.until_time));
    if !faults.is_empty() {
        return Err(Error::Fields(faults));
    }
    let page_size = if request.page_size == 0 { PAGE_SIZE_DEFAULT } else { request.page_size };
    Ok(ListRequest {
        object_id: Some(request.object_id).filter(|id| !id.is_empty()),
        subject: Some(request.subject).filter(|subject| !subject.is_empty()),
        trace_id,
        from_time_ms,
        until_time_ms,
        page_size: usize::try_from(page_size).unwrap_or(usize::MAX),
        page_token: request.page_token,
        justification: request.justification,
        filter_sha256,
    })
}

/// The digest of a request, by which its record tells what was asked.
pub(crate) fn sha256_of(request: &impl Message) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, &request.encode_to_vec()).as_ref());
    hash
}

/// Of the filter alone: pages of one list may differ in size and in the words of their justification.
fn filter_sha256(request: &wire::ListRecordsRequest) -> [u8; 32] {
    sha256_of(&wire::ListRecordsRequest {
        page_size: 0,
        page_token: String::new(),
        justification: String::new(),
        ..request.clone()
    })
}

fn one_fault(field: &str, description: &str) -> Error {
    Error::Fields(vec![FieldFault::new(field, description)])
}

/// A record with what proves it.
pub(crate) fn proven_record(proven: ProvenRecord) -> wire::ProvenRecord {
    wire::ProvenRecord {
        entry_index: proven.record.index,
        entry: proven.record.entry.to_vec().into(),
        record: record::decode(&proven.opening),
        sections: sections(proven.opening),
        proof: Some(receipt(proven.proof, None)),
        append_time: Some(timestamp(proven.record.append_time_ms)),
    }
}

fn sections(opening: Opening) -> Vec<wire::Section> {
    let section = |(field, section)| match section {
        OpenedSection::Open { salt, body } => {
            wire::Section { field, salt: salt.to_vec().into(), body: body.into(), digest: Bytes::new() }
        }
        OpenedSection::DigestOnly(digest) => {
            wire::Section { field, digest: hash(&digest), ..wire::Section::default() }
        }
    };
    (1..).zip(opening.sections).map(section).collect()
}

/// A receipt; its trace is that of the record, or else of the call.
pub(crate) fn receipt(proof: RecordReceipt, call_trace_id: Option<[u8; 16]>) -> Receipt {
    let RecordReceipt { receipt, trace_id } = proof;
    Receipt {
        log_origin: receipt.origin,
        entry_index: receipt.index,
        entry: receipt.entry.into(),
        tree_size: receipt.tree_size,
        inclusion_hashes: hashes(&receipt.path),
        checkpoint: receipt.checkpoint,
        trace_id: trace_id.or(call_trace_id).map(Vec::from).unwrap_or_default().into(),
    }
}

/// Hashes as they travel, all in one buffer.
pub(crate) fn hashes(hashes: &[Hash]) -> Vec<Bytes> {
    let joined: Bytes = hashes.iter().flat_map(|hash| *hash.as_bytes()).collect::<Vec<u8>>().into();
    let starts = (0..hashes.len()).map(|place| place * 32);
    starts.map(|start| joined.slice(start..start + 32)).collect()
}

fn hash(hash: &Hash) -> Bytes {
    Bytes::copy_from_slice(hash.as_bytes())
}

/// Milliseconds since 1970-01-01 as the wire has them.
pub(crate) fn timestamp(milliseconds: i64) -> Timestamp {
    let nanos = i32::try_from(milliseconds.rem_euclid(1_000) * 1_000_000).unwrap_or_default();
    Timestamp { seconds: milliseconds.div_euclid(1_000), nanos }
}

/// Milliseconds since 1970-01-01, a part of one counted as whole, so that "at or after" keeps its meaning.
fn milliseconds(time: Timestamp) -> Option<i64> {
    let nanos = i64::from(time.nanos);
    if !(0..1_000_000_000).contains(&nanos) {
        return None;
    }
    let whole = time.seconds.checked_mul(1_000)?.checked_add(nanos / 1_000_000)?;
    whole.checked_add(i64::from(nanos % 1_000_000 > 0))
}
