//! How results read: lines for people, JSON for programs.

use std::time::SystemTime;

use entente_proto::common::v1::{Label, Receipt, Severity};
use prost_types::Timestamp;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Prints one JSON value as a line.
pub(crate) fn json_line(value: &Value) {
    println!("{value}");
}

/// A time as RFC 3339 in UTC; empty when absent.
pub(crate) fn time(timestamp: Option<Timestamp>) -> String {
    timestamp
        .and_then(|timestamp| SystemTime::try_from(timestamp).ok())
        .and_then(|time| OffsetDateTime::from(time).format(&Rfc3339).ok())
        .unwrap_or_default()
}

/// A time typed in RFC 3339.
pub(crate) fn parse_time(text: &str) -> Option<Timestamp> {
    let parsed = OffsetDateTime::parse(text, &Rfc3339).ok()?;
    Some(Timestamp { seconds: parsed.unix_timestamp(), nanos: i32::try_from(parsed.nanosecond()).ok()? })
}

/// The line of a label.
pub(crate) fn line(label: Option<&Label>) -> &str {
    label.map(|label| label.line.as_str()).unwrap_or_default()
}

/// A severity as typed; empty when not stated.
pub(crate) fn severity(number: i32) -> String {
    match Severity::try_from(number) {
        Ok(Severity::Unspecified) | Err(_) => String::new(),
        Ok(severity) => severity.as_str_name().trim_start_matches("SEVERITY_").to_lowercase(),
    }
}

/// A severity from what was typed.
pub(crate) fn parse_severity(text: Option<&str>) -> i32 {
    let name = text.map(|text| format!("SEVERITY_{}", text.to_uppercase())).unwrap_or_default();
    Severity::from_str_name(&name).unwrap_or(Severity::Unspecified).into()
}

/// A receipt as JSON: what `entente audit verify` reads.
pub(crate) fn receipt_json(receipt: &Receipt) -> Value {
    json!({
        "log_origin": receipt.log_origin,
        "entry_index": receipt.entry_index,
        "entry": hex::encode(&receipt.entry),
        "tree_size": receipt.tree_size,
        "inclusion_hashes": receipt.inclusion_hashes.iter().map(hex::encode).collect::<Vec<_>>(),
        "checkpoint": receipt.checkpoint,
        "trace_id": hex::encode(&receipt.trace_id),
    })
}

/// A receipt from its JSON.
pub(crate) fn parse_receipt(value: &Value) -> Option<Receipt> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let bytes = |name: &str| text(name).and_then(|text| hex::decode(text).ok());
    let hashes = value.get("inclusion_hashes")?.as_array()?;
    Some(Receipt {
        log_origin: text("log_origin")?.to_owned(),
        entry_index: value.get("entry_index")?.as_u64()?,
        entry: bytes("entry")?.into(),
        tree_size: value.get("tree_size")?.as_u64()?,
        inclusion_hashes: hashes
            .iter()
            .map(|hash| hash.as_str().and_then(|hash| hex::decode(hash).ok()).map(Into::into))
            .collect::<Option<Vec<_>>>()?,
        checkpoint: text("checkpoint")?.to_owned(),
        trace_id: bytes("trace_id")?.into(),
    })
}

/// One line that tells a person where the proof stands.
pub(crate) fn receipt_line(receipt: Option<&Receipt>) -> String {
    match receipt {
        Some(receipt) => format!(
            "receipt: entry {} of {} · trace {}",
            receipt.entry_index,
            receipt.log_origin,
            hex::encode(&receipt.trace_id)
        ),
        None => "receipt: none".to_owned(),
    }
}
