//! A report as JSON: what the commands print, and what `entente report verify` reads back.

use entente_proto::{
    common::v1::Label,
    intake::v1::{OriginatorSignature, Report},
};
use serde_json::{Value, json};

use crate::output;

/// A report as JSON. Content is UTF-8, as intake takes nothing else, so that the text holds the exact bytes.
pub(super) fn json(report: &Report) -> Value {
    json!({
        "report_id": report.report_id,
        "version": report.version,
        "type": report.r#type,
        "originator": report.originator,
        "operation": report.operation,
        "label": output::line(report.label.as_ref()),
        "label_hash": report.label.as_ref().map(|label| hex::encode(&label.hash)).unwrap_or_default(),
        "add_time": output::time(report.add_time),
        "severity": output::severity(report.severity),
        "title": report.title,
        "obligations": report.obligations,
        "content": String::from_utf8_lossy(&report.content),
        "signature": report.signature.as_ref().map(signature_json),
    })
}

fn signature_json(signature: &OriginatorSignature) -> Value {
    json!({
        "key_id": signature.key_id,
        "ed25519": hex::encode(&signature.ed25519),
        "leaf_index": signature.leaf_index,
        "leaf_count": signature.leaf_count,
        "inclusion_hashes": signature.inclusion_hashes.iter().map(hex::encode).collect::<Vec<_>>(),
    })
}

/// What a signature vouches for, and the signature, from JSON; `None` if something is missing or malformed.
pub(super) fn parse(value: &Value) -> Option<Report> {
    let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
    let hash = hex::decode(text("label_hash")?).ok()?;
    let signed = value.get("signature")?;
    let signature = if signed.is_null() { None } else { Some(parse_signature(signed)?) };
    Some(Report {
        report_id: text("report_id")?,
        version: text("version")?,
        originator: text("originator")?,
        label: Some(Label { line: text("label")?, hash: hash.into() }),
        title: text("title")?,
        content: text("content")?.into(),
        signature,
        ..Report::default()
    })
}

fn parse_signature(value: &Value) -> Option<OriginatorSignature> {
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let bytes = |value: &Value| value.as_str().and_then(|text| hex::decode(text).ok()).map(Into::into);
    let hashes = value.get("inclusion_hashes")?.as_array()?;
    Some(OriginatorSignature {
        key_id: text("key_id")?.to_owned(),
        ed25519: bytes(value.get("ed25519")?)?,
        leaf_index: value.get("leaf_index")?.as_u64()?,
        leaf_count: value.get("leaf_count")?.as_u64()?,
        inclusion_hashes: hashes.iter().map(bytes).collect::<Option<Vec<_>>>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_comes_back_as_it_was_printed() {
        let signature = OriginatorSignature {
            key_id: "fe812c12f3ab4ce6".to_owned(),
            ed25519: vec![7; 64].into(),
            leaf_index: 1,
            leaf_count: 3,
            inclusion_hashes: vec![vec![1; 32].into(), vec![2; 32].into()],
        };
        let report = Report {
            report_id: "x-entente-text--26ffb872-1dd9-446e-b6f5-d58527e5b5d2".to_owned(),
            version: "2026-11-23T12:00:00.000Z".to_owned(),
            originator: "VLD-COAST".to_owned(),
            label: Some(Label { line: "a label".to_owned(), hash: vec![3; 32].into() }),
            title: "Title with \"marks\" and ü".to_owned(),
            content: "two\r\nlines\u{0}\t\u{1F6A2}".into(),
            signature: Some(signature),
            ..Report::default()
        };
        let printed = json(&report).to_string();
        assert_eq!(parse(&serde_json::from_str(&printed).unwrap()), Some(report));
    }
}
