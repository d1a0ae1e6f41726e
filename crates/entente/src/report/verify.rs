//! `entente report verify`: reports against the public keys of their originators, from files or as the mesh has them.

use std::path::Path;

use entente_proto::intake::v1::{GetReportRequest, Report};
use serde_json::{Deserializer, Value, json};

use super::{
    form,
    signature::{Keys, Verdict},
};
use crate::{cli::Verify, exit::Failure, input, output, progress, session::Session};

/// The label or the place in the signed tree does not fit.
const PROOF_FAILS: u8 = 1;
/// The originator did not sign this.
const SIGNATURE_FAILS: u8 = 2;

/// A report, and where it was found.
struct Source {
    name: String,
    report: Report,
}

/// Runs the command.
pub(super) async fn run(arguments: Verify) -> Result<(), Failure> {
    // Files and a key of one's own need no mesh.
    let session = match (&arguments.id, &arguments.key) {
        (None, Some(_)) => None,
        (Some(_), _) | (None, None) => Some(Session::open(&arguments.connect)?),
    };
    let sources = sources(&arguments, session.as_ref()).await?;
    let keys = match (&arguments.key, &session) {
        (Some(path), _) => Keys::read(path)?,
        (None, Some(session)) => {
            let reports: Vec<Report> = sources.iter().map(|source| source.report.clone()).collect();
            progress::waiting("waiting for the keys", Keys::fetch(session, &reports)).await?
        }
        (None, None) => Keys::default(),
    };
    let mut worst = None;
    for source in &sources {
        let verdict = keys.verify(&source.report);
        show(source, &keys, &verdict, arguments.connect.json);
        worst = worst.max(code(&verdict));
    }
    match worst {
        None => Ok(()),
        Some(SIGNATURE_FAILS) => {
            Err(Failure::new(SIGNATURE_FAILS, "a report is not signed by its originator as it stands"))
        }
        Some(code) => Err(Failure::new(code, "a report does not fit its label or its signed tree")),
    }
}

fn code(verdict: &Verdict) -> Option<u8> {
    match verdict {
        Verdict::Verified => None,
        Verdict::ProofFails(_) => Some(PROOF_FAILS),
        Verdict::SignatureFails(_) => Some(SIGNATURE_FAILS),
    }
}

async fn sources(arguments: &Verify, session: Option<&Session>) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::new();
    for path in &arguments.files {
        sources.extend(read(path)?);
    }
    if let (Some(id), Some(session)) = (&arguments.id, session) {
        let request = GetReportRequest { report_id: id.clone(), ..GetReportRequest::default() };
        let request = session.request(request).await?;
        let mut intake = session.intake()?;
        let answer = progress::waiting("waiting for the report", intake.get_report(request)).await?;
        let report = answer.into_inner().report.unwrap_or_default();
        sources.push(Source { name: id.clone(), report });
    }
    Ok(sources)
}

/// Every report of a file, as `report get`, `list` and `search` print them with `--json`.
fn read(path: &Path) -> Result<Vec<Source>, Failure> {
    let name = path.display().to_string();
    let reports = reports(&name, &input::load(path)?)?;
    Ok(reports.into_iter().map(|report| Source { name: name.clone(), report }).collect())
}

fn reports(name: &str, bytes: &[u8]) -> Result<Vec<Report>, Failure> {
    let mut found = Vec::new();
    for value in Deserializer::from_slice(bytes).into_iter::<Value>() {
        let value = value.map_err(|error| Failure::data(format!("{name}: not JSON: {error}")))?;
        // The line below a list counts; it is no report.
        if value.get("report_id").is_none() && value.get("receipts").is_some() {
            continue;
        }
        let report = form::parse(&value).ok_or_else(|| {
            Failure::data(format!("{name}: not a report as `entente report get --json` prints it"))
        })?;
        found.push(report);
    }
    if found.is_empty() {
        return Err(Failure::data(format!("{name}: holds no report")));
    }
    Ok(found)
}

fn show(source: &Source, keys: &Keys, verdict: &Verdict, json: bool) {
    let Source { name, report } = source;
    let key = keys.of(report).map(ToString::to_string).unwrap_or_default();
    if json {
        let (result, why) = verdict.words();
        output::json_line(&json!({
            "source": name,
            "report_id": report.report_id,
            "version": report.version,
            "originator": report.originator,
            "label": output::line(report.label.as_ref()),
            "originator_key": key,
            "result": result,
            "why": why,
        }));
        return;
    }
    println!("{} {}", report.report_id, report.version);
    println!("  originator {}", report.originator);
    println!("  label      {}", output::line(report.label.as_ref()));
    if !key.is_empty() {
        println!("  key        {key}");
    }
    println!("  signature  {}", verdict.line(report));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_found_alone_and_in_lists_and_nothing_else_passes_for_one() {
        let report = form::json(&Report { report_id: "x".to_owned(), ..Report::default() });
        let list = format!("{report}\n{report}\n{}\n", json!({ "count": 2, "receipts": [] }));
        assert_eq!(reports("one", report.to_string().as_bytes()).unwrap().len(), 1);
        assert_eq!(reports("list", list.as_bytes()).unwrap().len(), 2);
        for bad in ["", "{\"a\":1}", "{\"report_id\":\"x\"}", "{\"report_id\":", "[]"] {
            assert!(reports("bad", bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
