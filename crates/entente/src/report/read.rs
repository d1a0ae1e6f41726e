//! `entente report get`, `list` and `search`: what the speaker may see, with the proof that it was recorded.

use std::path::Path;

use entente_proto::{
    common::v1::Receipt,
    intake::v1::{GetReportRequest, ListReportsRequest, Report, ReportFilter, SearchReportsRequest},
};
use prost_types::Timestamp;
use serde_json::{Value, json};

use super::{
    form,
    signature::{Keys, Verdict},
};
use crate::{
    cli::{Filter, Get, List, Search},
    exit::{Failure, NO_INPUT, REFUSED, UNAVAILABLE},
    output, progress,
    session::Session,
};

/// Most reports asked for at a time.
const PAGE_MAX: u32 = 500;

/// Runs `entente report get`.
pub(super) async fn get(arguments: Get) -> Result<(), Failure> {
    let session = Session::open(&arguments.connect)?;
    let request = GetReportRequest {
        report_id: arguments.report_id.clone(),
        version: arguments.version.clone().unwrap_or_default(),
        originator: arguments.originator.clone().unwrap_or_default(),
    };
    let request = session.request(request).await?;
    let mut intake = session.intake()?;
    let answer = progress::waiting("waiting for the report", intake.get_report(request)).await?.into_inner();
    let report = answer.report.unwrap_or_default();
    let checked = progress::waiting("waiting for the key", check(&session, &report)).await;
    if let Some(path) = &arguments.receipt {
        let receipt = answer.receipt.as_ref().map(output::receipt_json).unwrap_or_default();
        write(path, &receipt.to_string())?;
    }
    if let Some(path) = &arguments.key {
        match checked.as_ref().map_err(not_checked)? {
            Checked { verdict, key } if key.is_empty() => {
                return Err(
                    Failure::new(REFUSED, "the mesh has no key of the originator").detail(verdict.words().1)
                );
            }
            Checked { verdict: _, key } => write(path, key)?,
        }
    }
    if arguments.connect.json {
        print_json(&report, answer.receipt.as_ref(), checked.as_ref().ok());
    } else {
        print_report(&report);
        match &checked {
            Ok(checked) => println!("signature {}", checked.verdict.line(&report)),
            Err(failure) => println!("signature not checked: {failure}"),
        }
        println!("{}", output::receipt_line(answer.receipt.as_ref()));
    }
    match checked {
        Ok(Checked { verdict: Verdict::ProofFails(why) | Verdict::SignatureFails(why), .. }) => {
            Err(Failure::new(REFUSED, "the originator's signature does not verify").detail(why))
        }
        Ok(Checked { verdict: Verdict::Verified, .. }) | Err(_) => Ok(()),
    }
}

/// A report's signature, checked with the key the mesh names.
struct Checked {
    verdict: Verdict,
    /// Verifier key of the originator; empty if the mesh has none.
    key: String,
}

async fn check(session: &Session, report: &Report) -> Result<Checked, Failure> {
    let keys = Keys::fetch(session, std::slice::from_ref(report)).await?;
    let key = keys.of(report).map(ToString::to_string).unwrap_or_default();
    Ok(Checked { verdict: keys.verify(report), key })
}

fn not_checked(failure: &Failure) -> Failure {
    Failure::new(UNAVAILABLE, "the originator's key cannot be had").detail(failure.to_string())
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let written = std::fs::write(path, format!("{text}\n"));
    written.map_err(|error| Failure::new(NO_INPUT, format!("{}: {error}", path.display())))
}

fn print_json(report: &Report, receipt: Option<&Receipt>, checked: Option<&Checked>) {
    let mut value = form::json(report);
    if let Some(fields) = value.as_object_mut() {
        fields.extend(receipt.map(|receipt| ("receipt".to_owned(), output::receipt_json(receipt))));
        let (result, key) = match checked {
            Some(checked) => (checked.verdict.words().0, checked.key.as_str()),
            None => ("not_checked", ""),
        };
        fields.insert("signature_result".to_owned(), json!(result));
        fields.insert("originator_key".to_owned(), json!(key));
    }
    output::json_line(&value);
}

/// Runs `entente report list`.
pub(super) async fn list(arguments: List) -> Result<(), Failure> {
    let session = Session::open(&arguments.connect)?;
    let query = Query::List { newest_first: arguments.newest_first };
    pages(&session, &query, &arguments.filter, arguments.connect.json).await
}

/// Runs `entente report search`.
pub(super) async fn search(arguments: Search) -> Result<(), Failure> {
    let session = Session::open(&arguments.connect)?;
    let query = Query::Search { words: arguments.query.clone() };
    pages(&session, &query, &arguments.filter, arguments.connect.json).await
}

/// How reports are found.
enum Query {
    List { newest_first: bool },
    Search { words: String },
}

/// One page of what was found.
struct Page {
    reports: Vec<Report>,
    next_page_token: String,
    count: Option<u64>,
    receipt: Option<Receipt>,
}

/// What is asked of one page.
struct Ask {
    filter: ReportFilter,
    page_size: u32,
    page_token: String,
    without_content: bool,
    with_count: bool,
}

async fn pages(session: &Session, query: &Query, filter: &Filter, json: bool) -> Result<(), Failure> {
    let mut left = filter.limit;
    let mut page_token = String::new();
    let mut count = None;
    let mut receipts = Vec::new();
    loop {
        let ask = Ask {
            filter: wire_filter(filter)?,
            page_size: left.clamp(1, PAGE_MAX),
            page_token,
            without_content: !json,
            with_count: filter.count && receipts.is_empty(),
        };
        let page = progress::waiting("waiting for reports", fetch(session, query, ask)).await?;
        for report in page.reports.iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
            left = left.saturating_sub(1);
            if json { output::json_line(&form::json(report)) } else { print_entry(report) }
        }
        count = count.or(page.count);
        receipts.extend(page.receipt);
        page_token = page.next_page_token;
        if left == 0 || page_token.is_empty() {
            break;
        }
    }
    let more = !page_token.is_empty();
    if json {
        let receipts: Vec<Value> = receipts.iter().map(output::receipt_json).collect();
        output::json_line(&json!({ "count": count, "more": more, "receipts": receipts }));
        return Ok(());
    }
    summarize(filter, count, more);
    println!("{}", output::receipt_line(receipts.last()));
    Ok(())
}

fn summarize(filter: &Filter, count: Option<u64>, more: bool) {
    if let Some(count) = count {
        println!("{count} report(s) match");
    }
    if more && filter.limit > 0 {
        println!("there are more: --limit N prints further ones");
    }
}

async fn fetch(session: &Session, query: &Query, ask: Ask) -> Result<Page, Failure> {
    let Ask { filter, page_size, page_token, without_content, with_count } = ask;
    let filter = Some(filter);
    let mut intake = session.intake()?;
    match query {
        Query::List { newest_first } => {
            let newest_first = *newest_first;
            let request = ListReportsRequest {
                filter,
                page_size,
                page_token,
                without_content,
                with_count,
                newest_first,
            };
            let page = intake.list_reports(session.request(request).await?).await?.into_inner();
            let (reports, next_page_token) = (page.reports, page.next_page_token);
            Ok(Page { reports, next_page_token, count: page.count, receipt: page.receipt })
        }
        Query::Search { words } => {
            let query = words.clone();
            let request =
                SearchReportsRequest { query, filter, page_size, page_token, without_content, with_count };
            let page = intake.search_reports(session.request(request).await?).await?.into_inner();
            let (reports, next_page_token) = (page.reports, page.next_page_token);
            Ok(Page { reports, next_page_token, count: page.count, receipt: page.receipt })
        }
    }
}

fn wire_filter(filter: &Filter) -> Result<ReportFilter, Failure> {
    Ok(ReportFilter {
        types: filter.types.clone(),
        report_ids: filter.ids.clone(),
        originator: filter.originator.clone().unwrap_or_default(),
        operation: filter.operation.clone().unwrap_or_default(),
        added_from_time: time("--added-from", filter.added_from.as_deref())?,
        added_until_time: time("--added-until", filter.added_until.as_deref())?,
        all_versions: filter.all_versions,
    })
}

fn time(name: &str, text: Option<&str>) -> Result<Option<Timestamp>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let parsed = output::parse_time(text);
    let wrong = || Failure::usage(format!("{name}: `{text}` is not RFC 3339, such as 2026-11-23T12:00:00Z"));
    parsed.ok_or_else(wrong).map(Some)
}

fn print_entry(report: &Report) {
    println!("{}  {}", output::time(report.add_time), report.report_id);
    let title = if report.title.is_empty() { report.r#type.as_str() } else { report.title.as_str() };
    println!("    {title}, from {}", report.originator);
    println!("    {}", output::line(report.label.as_ref()));
}

/// The label stands above and below the content, so that no reader misses it.
fn print_report(report: &Report) {
    let label = output::line(report.label.as_ref());
    println!("{} {}", report.report_id, report.version);
    println!("from {}, added {}", report.originator, output::time(report.add_time));
    for (name, value) in [("operation", &report.operation), ("title", &report.title)] {
        if !value.is_empty() {
            println!("{name} {value}");
        }
    }
    let severity = output::severity(report.severity);
    if !severity.is_empty() {
        println!("severity {severity}");
    }
    for duty in &report.obligations {
        println!("duty {duty}");
    }
    println!("\n{label}\n\n{}\n\n{label}\n", String::from_utf8_lossy(&report.content).trim_end());
}
