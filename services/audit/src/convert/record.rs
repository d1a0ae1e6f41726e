//! A record on the wire and as sections. The body of section `n` is the protobuf encoding of an `AuditRecord` with field
//! `n` alone, so the bodies of a record, one after the other, are the record.

use entente_chassis::{call::Call, identity::Caller};
use entente_ledger::commitment::{OpenedSection, Opening};
use entente_proto::audit::v1::{
    AuditRecord, Decision, Effect, Item, Operation, Phase, What, When, Where, Who, Why,
};
use prost::Message;

use super::{record_faults::record_faults, timestamp};
use crate::{
    app::{Consultation, Facts, NewRecord},
    error::{Error, FieldFault},
    store::sections::{SECTIONS, Unsalted},
};

/// Records of one request.
const RECORDS_MAX: usize = 1_000;
/// Bytes of one record: 1,000 items with the longest ids, and the duties of as many labels.
const RECORD_BYTES_MAX: usize = 1024 * 1024;
/// Wire type of a varint field.
const VARINT: u8 = 0;
/// Wire type of a field with a length.
const DELIMITED: u8 = 2;

/// The workload that appends.
pub(crate) struct Writer {
    /// Its name, such as `intake`.
    pub(crate) service_name: String,
    /// Its SPIFFE id.
    pub(crate) spiffe_id: String,
}

/// Records to append; every fault is listed.
pub(crate) fn new_records(records: &[AuditRecord], writer: &Writer) -> Result<Vec<NewRecord>, Error> {
    if records.is_empty() || records.len() > RECORDS_MAX {
        let fault = FieldFault::new("records", format!("send 1 to {RECORDS_MAX} records"));
        return Err(Error::Fields(vec![fault]));
    }
    let faults: Vec<FieldFault> = records
        .iter()
        .enumerate()
        .flat_map(|(position, record)| record_faults(&format!("records[{position}]"), record, writer))
        .collect();
    if !faults.is_empty() {
        return Err(Error::Fields(faults));
    }
    records.iter().enumerate().map(|(position, record)| new_record(position, record)).collect()
}

fn new_record(position: usize, record: &AuditRecord) -> Result<NewRecord, Error> {
    let bytes = record.encoded_len();
    if bytes > RECORD_BYTES_MAX {
        return Err(Error::TooLarge { position, bytes, most: RECORD_BYTES_MAX });
    }
    encode(record, bytes).ok_or(Error::Stored("record id"))
}

/// A record as sections; `None` when its id has not 16 bytes.
fn encode(record: &AuditRecord, bytes: usize) -> Option<NewRecord> {
    let trace_id = record.r#where.as_ref().and_then(|place| place.trace_id.as_ref().try_into().ok());
    Some(NewRecord {
        record_id: record.record_id.as_ref().try_into().ok()?,
        trace_id,
        sections: sections(record, bytes),
    })
}

fn sections(record: &AuditRecord, bytes: usize) -> Unsalted {
    let mut sections = Unsalted::with_room(bytes);
    sections.push(|buffer| bytes_field(1, &record.record_id, buffer));
    sections.push(|buffer| enum_field(2, record.operation, buffer));
    sections.push(|buffer| enum_field(3, record.phase, buffer));
    sections.push(|buffer| bytes_field(4, &record.intent_record_id, buffer));
    sections.push(|buffer| message_field(5, record.who.as_ref(), buffer));
    sections.push(|buffer| message_field(6, record.what.as_ref(), buffer));
    sections.push(|buffer| message_field(7, record.why.as_ref(), buffer));
    sections.push(|buffer| message_field(8, record.decision.as_ref(), buffer));
    sections.push(|buffer| message_field(9, record.r#where.as_ref(), buffer));
    sections.push(|buffer| message_field(10, record.when.as_ref(), buffer));
    sections.push(|buffer| message_field(11, record.outcome.as_ref(), buffer));
    sections
}

/// Numbers up to 15 have a key of one byte. A buffer grows, so encoding into it does not fail.
fn bytes_field(number: u8, value: &[u8], buffer: &mut Vec<u8>) {
    if !value.is_empty() {
        buffer.push(number << 3 | DELIMITED);
        prost::encode_length_delimiter(value.len(), buffer).unwrap_or_default();
        buffer.extend_from_slice(value);
    }
}

fn enum_field(number: u8, value: i32, buffer: &mut Vec<u8>) {
    if value != 0 {
        buffer.push(number << 3 | VARINT);
        // Values of our enums are small and not negative: unknown ones were refused.
        prost::encode_length_delimiter(usize::try_from(value).unwrap_or_default(), buffer)
            .unwrap_or_default();
    }
}

fn message_field(number: u8, value: Option<&impl Message>, buffer: &mut Vec<u8>) {
    if let Some(message) = value {
        buffer.push(number << 3 | DELIMITED);
        message.encode_length_delimited(buffer).unwrap_or_default();
    }
}

/// The record in the opened sections; `None` when they do not decode.
pub(crate) fn decode(opening: &Opening) -> Option<AuditRecord> {
    decode_some(opening, |_| true)
}

/// What decides whom a record concerns; `None` when it does not decode.
pub(crate) fn facts(opening: &Opening) -> Option<Facts> {
    let record = decode_some(opening, |number| matches!(number, 5 | 6 | 7 | 9))?;
    let (who, what) = (record.who.unwrap_or_default(), record.what.unwrap_or_default());
    let trace_id = record.r#where.and_then(|place| place.trace_id.as_ref().try_into().ok());
    Some(Facts {
        realm: record.why.unwrap_or_default().realm,
        subject: who.subject,
        organization: who.subject_organization,
        recipients: who
            .recipients
            .into_iter()
            .map(|recipient| (recipient.organization, recipient.subject))
            .collect(),
        items: what.items.into_iter().map(|item| (item.object_id, item.originator)).collect(),
        trace_id,
    })
}

fn decode_some(opening: &Opening, wanted: impl Fn(usize) -> bool) -> Option<AuditRecord> {
    let mut bytes = Vec::new();
    for (number, section) in (1..=SECTIONS).zip(&opening.sections) {
        match section {
            OpenedSection::Open { salt: _, body } if wanted(number) => bytes.extend_from_slice(body),
            OpenedSection::Open { .. } | OpenedSection::DigestOnly(_) => {}
        }
    }
    AuditRecord::decode(bytes.as_slice()).ok()
}

/// Where, when and under which rights the log was consulted.
pub(crate) struct Consulted<'a> {
    pub(crate) record_id: [u8; 16],
    pub(crate) service_identity: &'a str,
    pub(crate) epoch: u64,
    pub(crate) time_ms: i64,
}

/// The record of a consultation of the log; `None` for a call that carries no subject.
pub(crate) fn of_consultation(
    call: &Call,
    by: &Consulted<'_>,
    consultation: Consultation,
) -> Option<NewRecord> {
    let claims = call.claims()?;
    let time = timestamp(by.time_ms);
    let item = |object_id: String| Item { object_id, ..Item::default() };
    let record = AuditRecord {
        record_id: by.record_id.to_vec().into(),
        operation: Operation::AuditConsultation.into(),
        phase: Phase::Single.into(),
        who: Some(Who {
            subject: claims.sub.clone(),
            subject_organization: claims.tctx.org.clone(),
            authentication: format!("mtls/aal{}", claims.tctx.aal),
            client_certificate_sha256: certificate(call).into(),
            service_identity: by.service_identity.to_owned(),
            recipients: Vec::new(),
            transaction_id: claims.txn.clone(),
        }),
        what: Some(What {
            items: consultation.objects.into_iter().map(item).collect(),
            item_count: u64::try_from(consultation.item_count).unwrap_or(u64::MAX),
            query_sha256: consultation.query_sha256.to_vec().into(),
            payload_sha256: consultation.payload_sha256.map(Vec::from).unwrap_or_default().into(),
            payload_bytes: 0,
        }),
        why: Some(Why {
            purpose: claims.tctx.purpose.clone(),
            justification: consultation.justification,
            operation: String::new(),
            realm: claims.tctx.realm.clone(),
        }),
        decision: Some(Decision { effect: Effect::Permit.into(), epoch: by.epoch, ..Decision::default() }),
        r#where: Some(Where {
            trace_id: call.trace_id().to_vec().into(),
            span_id: call.span_id().to_vec().into(),
            service_name: "audit".to_owned(),
            rpc_method: call.method().to_owned(),
        }),
        when: Some(When { occur_time: Some(time), decide_time: Some(time) }),
        ..AuditRecord::default()
    };
    encode(&record, record.encoded_len())
}

/// The certificate of a subject that called by itself. Of a forwarded call the forwarder's says nothing of the subject.
fn certificate(call: &Call) -> Vec<u8> {
    match &call.peer().caller {
        Caller::Subject { .. } => call.peer().certificate_sha256.to_vec(),
        Caller::Service { .. } => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn opening_of(record: &AuditRecord) -> Opening {
        let new = encode(record, record.encoded_len()).unwrap();
        assert_eq!(new.sections.count(), SECTIONS);
        let (_, stored) = new.sections.salt(&[[1; 32]; SECTIONS]);
        crate::store::sections::decode(&stored).unwrap()
    }

    prop_compose! {
        fn any_record()(
            id in any::<[u8; 16]>(),
            operation in 0..40_i32,
            subject in prop::option::of(".{0,200}"),
            items in prop::collection::vec((".{0,80}", ".{0,20}"), 0..20),
            trace in prop::option::of(any::<[u8; 16]>()),
            realm in prop::option::of(".{0,20}"),
        ) -> AuditRecord {
            let item = |(object_id, originator)| Item { object_id, originator, ..Item::default() };
            AuditRecord {
                record_id: id.to_vec().into(),
                operation,
                phase: 3,
                who: subject.map(|subject| Who { subject, ..Who::default() }),
                what: Some(What { items: items.into_iter().map(item).collect(), ..What::default() }),
                why: realm.map(|realm| Why { realm, ..Why::default() }),
                r#where: trace.map(|trace| Where { trace_id: trace.to_vec().into(), ..Where::default() }),
                ..AuditRecord::default()
            }
        }
    }

    proptest! {
        #[test]
        fn the_sections_one_after_the_other_are_the_record(record in any_record()) {
            let opening = opening_of(&record);
            prop_assert_eq!(decode(&opening), Some(record.clone()));
            let bodies = opening.sections.iter().flat_map(|section| match section {
                OpenedSection::Open { body, .. } => body.clone(),
                OpenedSection::DigestOnly(_) => Vec::new(),
            });
            prop_assert_eq!(bodies.collect::<Vec<_>>(), record.encode_to_vec());
        }
    }

    #[test]
    fn the_stored_form_and_its_commitment_stay_what_they_are() {
        let record = AuditRecord {
            record_id: (0..16).collect::<Vec<u8>>().into(),
            operation: Operation::Disclosure.into(),
            phase: Phase::Single.into(),
            who: Some(Who { subject: "VLD-COAST/mira".into(), ..Who::default() }),
            what: Some(What { item_count: 300, ..What::default() }),
            why: Some(Why { realm: "REAL".into(), ..Why::default() }),
            ..AuditRecord::default()
        };
        let salts = std::array::from_fn(|section| [u8::try_from(section).unwrap(); 32]);
        let (digests, stored) = encode(&record, record.encoded_len()).unwrap().sections.salt(&salts);
        let hex: String = stored.iter().map(|byte| format!("{byte:02x}")).collect();
        let commitment = entente_ledger::commitment::record_commitment(&digests);
        let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/record-1.txt");
        entente_testkit::assert_golden(golden, &format!("sections {hex}\ncommitment {commitment}\n"));
    }

    #[test]
    fn facts_are_read_from_the_sections_they_stand_in() {
        let record = AuditRecord {
            record_id: vec![1; 16].into(),
            who: Some(Who {
                subject: "VLD-COAST/mira".into(),
                subject_organization: "VLD-COAST".into(),
                ..Who::default()
            }),
            why: Some(Why { realm: "REAL".into(), ..Why::default() }),
            ..AuditRecord::default()
        };
        let facts = facts(&opening_of(&record)).unwrap();
        assert_eq!((facts.subject.as_str(), facts.organization.as_str()), ("VLD-COAST/mira", "VLD-COAST"));
        assert_eq!((facts.realm.as_str(), facts.trace_id, facts.items.len()), ("REAL", None, 0));
    }
}
