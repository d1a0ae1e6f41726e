//! Generated STIX objects of the size of real ones (1.4 KB): the benchmark says that they are generated.

use bytes::Bytes;
use entente_proto::intake::v1::{ReportItem, SubmitReportsRequest, report_item::Body};
use uuid::Uuid;

use super::mesh_process::LABEL;

/// Objects of one batch.
pub(crate) const BATCH_OBJECTS: usize = 1_000;

/// Words of the descriptions; ours.
const WORDS: [&str; 24] = [
    "harbour", "ferry", "night", "relay", "lantern", "pier", "courier", "ledger", "signal", "drift",
    "anchor", "crane", "manifest", "customs", "tide", "survey", "beacon", "channel", "convoy", "dredger",
    "keel", "lock", "mooring", "quay",
];

/// `count` indicators that no earlier call made.
pub(crate) fn indicators(count: usize) -> Vec<Bytes> {
    (0..count).map(indicator).collect()
}

fn indicator(number: usize) -> Bytes {
    let id = Uuid::new_v4();
    let bits = id.as_u128();
    // Three addresses per 30 bits of the id: distinct objects have distinct text, as real ones do.
    let address = |shift: u32| {
        let part = (bits >> shift) & 0x00ff_ffff;
        format!("10.{}.{}.{}", part >> 16, (part >> 8) & 0xff, part & 0xff)
    };
    let word = |index: u32| {
        let place = usize::try_from((bits >> (index % 120)) & 0xff).unwrap_or_default() % WORDS.len();
        WORDS.get(place).copied().unwrap_or_default()
    };
    let description: Vec<&str> = (0..120).map(word).collect();
    let text = format!(
        r#"{{"type":"indicator","spec_version":"2.1","id":"indicator--{id}","created":"2026-03-01T08:00:00.000Z","modified":"2026-03-01T08:00:00.000Z","name":"Relay {number} {}","description":"{}","indicator_types":["malicious-activity"],"pattern":"[ipv4-addr:value = '{}' OR ipv4-addr:value = '{}']","pattern_type":"stix","pattern_version":"2.1","valid_from":"2026-03-01T08:00:00Z","confidence":70,"lang":"en","labels":["generated","benchmark"],"external_references":[{{"source_name":"benchmark","external_id":"B-{number}"}}]}}"#,
        word(7),
        description.join(" "),
        address(0),
        address(30),
    );
    Bytes::from(text)
}

/// The objects as bulk batches.
pub(crate) fn batches(objects: &[Bytes]) -> Vec<SubmitReportsRequest> {
    objects
        .chunks(BATCH_OBJECTS)
        .zip(1_u64..)
        .map(|(objects, batch_number)| SubmitReportsRequest {
            batch_number,
            label_line: LABEL.to_owned(),
            operation: String::new(),
            severity: 0,
            items: objects.iter().map(item).collect(),
        })
        .collect()
}

/// One object as an item.
pub(crate) fn item(object: &Bytes) -> ReportItem {
    ReportItem { body: Some(Body::Stix(object.clone())), label_line: String::new() }
}
