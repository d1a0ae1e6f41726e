//! `entente audit verify`: receipts against the log's public key, offline.

use entente_proto::common::v1::Receipt;
use serde_json::{Deserializer, Value, json};

use super::{LogKey, Verdict};
use crate::{
    cli::AuditVerify,
    exit::{Failure, NO_INPUT},
    input, output,
    profile::{ENDPOINTS, Endpoints},
};

/// The entry is not in the signed tree.
const PROOF_FAILS: u8 = 1;
/// The tree is not signed by the log.
const SIGNATURE_FAILS: u8 = 2;

/// Runs the command.
pub(super) fn run(arguments: &AuditVerify) -> Result<(), Failure> {
    let key = key(arguments)?;
    let mut worst = None;
    for path in &arguments.receipts {
        let name = path.display().to_string();
        for receipt in receipts(&name, &input::load(path)?)? {
            let verdict = key.verify(&receipt);
            show(&name, &receipt, &verdict, arguments.json);
            worst = worst.max(code(&verdict));
        }
    }
    match worst {
        None => Ok(()),
        Some(SIGNATURE_FAILS) => Err(Failure::new(SIGNATURE_FAILS, "a receipt is not signed by this log")),
        Some(code) => Err(Failure::new(code, "a receipt does not prove its entry")),
    }
}

fn code(verdict: &Verdict) -> Option<u8> {
    match verdict {
        Verdict::Verified(_) => None,
        Verdict::ProofFails(_) => Some(PROOF_FAILS),
        Verdict::SignatureFails(_) => Some(SIGNATURE_FAILS),
    }
}

fn key(arguments: &AuditVerify) -> Result<LogKey, Failure> {
    match &arguments.key {
        Some(path) => {
            let text = std::fs::read_to_string(path);
            LogKey::parse(
                &text.map_err(|error| Failure::new(NO_INPUT, format!("{}: {error}", path.display())))?,
            )
        }
        None => LogKey::parse(&Endpoints::read(&arguments.data.join(ENDPOINTS))?.log_verifier_key),
    }
}

/// Every receipt of a file: alone, as lines, or inside the answers that `--json` prints.
fn receipts(name: &str, bytes: &[u8]) -> Result<Vec<Receipt>, Failure> {
    let mut found = Vec::new();
    for value in Deserializer::from_slice(bytes).into_iter::<Value>() {
        let value = value.map_err(|error| Failure::data(format!("{name}: not JSON: {error}")))?;
        collect(&value, &mut found).ok_or_else(|| Failure::data(format!("{name}: not a receipt")))?;
    }
    if found.is_empty() {
        return Err(Failure::data(format!("{name}: holds no receipt")));
    }
    Ok(found)
}

/// `None` if something that should be a receipt is none.
fn collect(value: &Value, found: &mut Vec<Receipt>) -> Option<()> {
    if value.get("checkpoint").is_some() {
        found.push(output::parse_receipt(value)?);
        return Some(());
    }
    let several = value.get("receipts").and_then(Value::as_array);
    for receipt in value.get("receipt").into_iter().chain(several.into_iter().flatten()) {
        found.push(output::parse_receipt(receipt)?);
    }
    Some(())
}

fn show(name: &str, receipt: &Receipt, verdict: &Verdict, json: bool) {
    let (index, origin) = (receipt.entry_index, &receipt.log_origin);
    if json {
        let (result, why) = match verdict {
            Verdict::Verified(_) => ("verified", ""),
            Verdict::ProofFails(why) => ("proof_fails", why.as_str()),
            Verdict::SignatureFails(why) => ("signature_fails", why.as_str()),
        };
        output::json_line(&json!({
            "file": name, "log_origin": origin, "entry_index": index, "result": result, "why": why,
        }));
        return;
    }
    println!("entry {index} of {origin}");
    match verdict {
        Verdict::Verified(verified) => {
            println!("  signature  good: the log signed a tree of {} entries", verified.tree_size);
            println!("  root       {}", verified.root);
            println!("  proof      good: the entry is number {} in that tree", verified.index);
        }
        Verdict::ProofFails(why) => println!("  proof      FAILS: {why}"),
        Verdict::SignatureFails(why) => println!("  signature  FAILS: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn receipt() -> Value {
        output::receipt_json(&Receipt { checkpoint: "none".to_owned(), ..Receipt::default() })
    }

    #[test]
    fn receipts_are_found_alone_in_lines_and_inside_answers() {
        let lines = format!("{}\n{}\n", receipt(), json!({ "report_id": "x", "receipt": receipt() }));
        let pages = json!({ "count": 1, "receipts": [receipt(), receipt()] }).to_string();
        assert_eq!(receipts("lines", lines.as_bytes()).unwrap().len(), 2);
        assert_eq!(receipts("pages", pages.as_bytes()).unwrap().len(), 2);
    }

    #[test]
    fn a_file_without_receipt_is_not_passed_over() {
        assert!(receipts("empty", b"").is_err());
        assert!(receipts("other", b"{\"a\":1}").is_err());
        assert!(receipts("cut", b"{\"checkpoint\":").is_err());
        assert!(receipts("half", b"{\"checkpoint\":\"x\"}").is_err());
    }
}
