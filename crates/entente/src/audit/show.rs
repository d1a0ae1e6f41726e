//! `entente audit show`: records that concern the speaker's organization, each checked before it is shown.

use entente_proto::audit::v1::{
    Effect, GetRecordRequest, ListRecordsRequest, ProvenRecord, get_record_request::By,
};
use serde_json::{Value, json};

use super::LogKey;
use crate::{
    cli::AuditShow,
    exit::{Failure, REFUSED},
    output, progress,
    session::Session,
};

/// Most records asked for at a time.
const PAGE_MAX: u32 = 500;
/// Objects of a record shown one by one.
const OBJECTS_SHOWN_MAX: usize = 5;

/// Runs the command.
pub(super) async fn run(arguments: AuditShow) -> Result<(), Failure> {
    let session = Session::open(&arguments.connect)?;
    let key = LogKey::parse(&session.endpoints.log_verifier_key)?;
    let found = match arguments.index {
        Some(index) => progress::waiting("waiting for the record", one(&session, index)).await?,
        None => {
            let ask = ask(&arguments)?;
            progress::waiting("waiting for records", records(&session, ask, arguments.limit)).await?
        }
    };
    let mut failed = 0;
    for record in &found {
        let checked = key.verify_record(record);
        failed += usize::from(checked.is_err());
        if arguments.connect.json {
            output::json_line(&record_json(record, &checked));
        } else {
            print(record, &checked);
        }
    }
    if failed > 0 {
        return Err(Failure::new(REFUSED, format!("{failed} record(s) do not verify")));
    }
    Ok(())
}

fn ask(arguments: &AuditShow) -> Result<ListRecordsRequest, Failure> {
    let trace_id = arguments.trace.as_deref().map(trace_bytes).transpose()?;
    Ok(ListRecordsRequest {
        object_id: arguments.object.clone().unwrap_or_default(),
        subject: arguments.subject.clone().unwrap_or_default(),
        trace_id: trace_id.unwrap_or_default().into(),
        justification: arguments.justification.clone().unwrap_or_default(),
        ..ListRecordsRequest::default()
    })
}

/// The bytes of a trace id.
pub(crate) fn trace_bytes(text: &str) -> Result<Vec<u8>, Failure> {
    let bytes = hex::decode(text).unwrap_or_default();
    if bytes.len() == 16 {
        return Ok(bytes);
    }
    Err(Failure::usage(format!("`{text}` is not a trace id of 32 hexadecimal digits")))
}

async fn one(session: &Session, index: u64) -> Result<Vec<ProvenRecord>, Failure> {
    let request = GetRecordRequest { by: Some(By::EntryIndex(index)) };
    let answer = session.audit()?.get_record(session.request(request).await?).await?;
    Ok(answer.into_inner().record.into_iter().collect())
}

/// Up to `limit` records, page by page.
pub(crate) async fn records(
    session: &Session,
    mut ask: ListRecordsRequest,
    limit: u32,
) -> Result<Vec<ProvenRecord>, Failure> {
    let mut found = Vec::new();
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    while found.len() < limit {
        let left = u32::try_from(limit - found.len()).unwrap_or(PAGE_MAX);
        ask.page_size = left.min(PAGE_MAX);
        let page = session.audit()?.list_records(session.request(ask.clone()).await?).await?.into_inner();
        found.extend(page.records);
        ask.page_token = page.next_page_token;
        if ask.page_token.is_empty() {
            break;
        }
    }
    Ok(found)
}

/// An enum value as people write it: `OPERATION_COLLECTION` as "collection", an unspecified one as nothing.
fn word(name: &str, prefix: &str) -> String {
    let word = name.trim_start_matches(prefix).to_lowercase();
    if word == "unspecified" { String::new() } else { word }
}

fn operation(record: &ProvenRecord) -> String {
    let operation = record.record.as_ref().map(|record| record.operation()).unwrap_or_default();
    word(operation.as_str_name(), "OPERATION_")
}

fn effect(number: i32) -> String {
    word(Effect::try_from(number).unwrap_or_default().as_str_name(), "EFFECT_")
}

fn record_json(proven: &ProvenRecord, checked: &Result<(), String>) -> Value {
    let record = proven.record.clone().unwrap_or_default();
    let (who, what) = (record.who.clone().unwrap_or_default(), record.what.clone().unwrap_or_default());
    let (why, decision) =
        (record.why.clone().unwrap_or_default(), record.decision.clone().unwrap_or_default());
    let place = record.r#where.clone().unwrap_or_default();
    let items: Vec<Value> = what
        .items
        .iter()
        .map(|item| {
            json!({ "object_id": item.object_id, "version": item.version, "originator": item.originator,
                    "label_hash": hex::encode(&item.label_hash) })
        })
        .collect();
    let phase = word(record.phase().as_str_name(), "PHASE_");
    json!({
        "entry_index": proven.entry_index,
        "append_time": output::time(proven.append_time),
        "verified": checked.is_ok(),
        "fault": checked.as_ref().err(),
        "record_id": hex::encode(&record.record_id),
        "operation": operation(proven),
        "phase": phase,
        "subject": who.subject,
        "authentication": who.authentication,
        "service": who.service_identity,
        "transaction_id": who.transaction_id,
        "items": items,
        "item_count": what.item_count,
        "payload_sha256": hex::encode(&what.payload_sha256),
        "purpose": why.purpose,
        "justification": why.justification,
        "report_operation": why.operation,
        "realm": why.realm,
        "effect": effect(decision.effect),
        "reason": decision.reason,
        "epoch": decision.epoch,
        "rpc": place.rpc_method,
        "trace_id": hex::encode(&place.trace_id),
        "proof": proven.proof.as_ref().map(output::receipt_json),
    })
}

fn print(proven: &ProvenRecord, checked: &Result<(), String>) {
    let record = proven.record.clone().unwrap_or_default();
    let who = record.who.clone().unwrap_or_default();
    let why = record.why.clone().unwrap_or_default();
    let what = record.what.clone().unwrap_or_default();
    let place = record.r#where.clone().unwrap_or_default();
    let actor = [&who.subject, &who.service_identity].into_iter().find(|name| !name.is_empty());
    let actor = actor.map_or("(withheld)", String::as_str);
    let time = output::time(proven.append_time);
    println!("entry {}  {time}  {} by {actor}", proven.entry_index, operation(proven));
    for item in what.items.iter().take(OBJECTS_SHOWN_MAX) {
        println!("    {} {}", item.object_id, item.version);
    }
    let shown = what.items.len().min(OBJECTS_SHOWN_MAX);
    let others = what.item_count.saturating_sub(u64::try_from(shown).unwrap_or(u64::MAX));
    if others > 0 {
        println!("    and {others} more");
    }
    if !why.purpose.is_empty() {
        println!("    for {} in {}", why.purpose, why.realm);
    }
    if !why.justification.is_empty() {
        println!("    why {}", why.justification);
    }
    println!("    trace {}", hex::encode(&place.trace_id));
    match checked {
        Ok(()) => println!("    proven: in the signed tree, and what is shown is what was committed to"),
        Err(fault) => println!("    NOT PROVEN: {fault}"),
    }
}
