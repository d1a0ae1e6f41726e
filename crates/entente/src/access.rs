//! `entente access`: who may read what, and why; who the speaker is; suspending somebody; the deployment's policies.

mod policy;

use entente_proto::access::v1::{
    ExplainAccessRequest, ExplainAccessResponse, GetSelfRequest, ListOperationsRequest, Operation,
    SubjectProfile, SuspendSubjectRequest,
};
use serde_json::{Value, json};

use crate::{
    cli::{self, AccessCommand, AccessExplain, AccessSuspend, AccessWhoami},
    exit::Failure,
    output, progress,
    session::Session,
};

/// Runs the command.
pub(crate) async fn run(arguments: cli::Access) -> Result<(), Failure> {
    match arguments.command {
        AccessCommand::Explain(arguments) => explain(arguments).await,
        AccessCommand::Whoami(arguments) => whoami(arguments).await,
        AccessCommand::Suspend(arguments) => suspend(arguments).await,
        AccessCommand::Policy(arguments) => policy::run(arguments.command).await,
    }
}

async fn explain(arguments: AccessExplain) -> Result<(), Failure> {
    let session = Session::open(&arguments.connect)?;
    let subject = arguments.subject.clone().unwrap_or_else(|| session.profile.subject.clone());
    let request = ExplainAccessRequest {
        subject_id: subject.clone(),
        label_line: arguments.label.clone(),
        purpose: String::new(),
    };
    let request = session.request(request).await?;
    let mut access = session.access()?;
    let answer =
        progress::waiting("waiting for the explanation", access.explain_access(request)).await?.into_inner();
    if arguments.connect.json {
        output::json_line(&explanation_json(&subject, &arguments.label, &answer));
    } else {
        print_explanation(&subject, &answer);
    }
    Ok(())
}

fn explanation_json(subject: &str, label: &str, answer: &ExplainAccessResponse) -> Value {
    let conditions: Vec<Value> = answer
        .conditions
        .iter()
        .map(|condition| {
            json!({ "name": condition.name, "required": condition.required, "held": condition.held,
                    "holds": condition.holds })
        })
        .collect();
    json!({
        "subject": subject,
        "label": label,
        "allowed": answer.allowed,
        "reason": answer.reason,
        "conditions": conditions,
        "obligations": answer.obligations,
        "determining_policies": answer.determining_policies,
        "epoch": answer.epoch,
        "receipt": answer.receipt.as_ref().map(output::receipt_json),
    })
}

fn print_explanation(subject: &str, answer: &ExplainAccessResponse) {
    let verdict = if answer.allowed { "may read" } else { "may not read" };
    let reason = if answer.reason.is_empty() { String::new() } else { format!(": {}", answer.reason) };
    println!("{subject} {verdict} under this label{reason}");
    for condition in &answer.conditions {
        println!("  {} {}", if condition.holds { "yes" } else { "NO " }, condition.name);
        println!("        asked: {}", condition.required);
        println!("        held:  {}", condition.held);
    }
    for policy in &answer.determining_policies {
        println!("  policy {policy}");
    }
    for duty in &answer.obligations {
        println!("  duty {duty}");
    }
    println!("{}", output::receipt_line(answer.receipt.as_ref()));
}

async fn whoami(arguments: AccessWhoami) -> Result<(), Failure> {
    let session = Session::open(&arguments.connect)?;
    let (subject, operations) = progress::waiting("waiting for access", myself(&session)).await?;
    if arguments.connect.json {
        output::json_line(&subject_json(&subject, &operations));
        return Ok(());
    }
    println!("{}  {}", subject.subject_id, subject.display_name);
    println!("  roles       {}", subject.roles.join(", "));
    println!("  purposes    {}", subject.purposes.join(", "));
    for (domain, level) in &subject.clearances {
        println!("  clearance   {domain}:{level}");
    }
    for grant in &subject.grants {
        println!("  read into   {}{}", grant.path, if grant.tree { " and below" } else { "" });
    }
    for path in operations.iter().flat_map(paths) {
        println!("  operation   {path}");
    }
    Ok(())
}

async fn myself(session: &Session) -> Result<(SubjectProfile, Vec<Operation>), Failure> {
    let mut access = session.access()?;
    let subject = access.get_self(session.request(GetSelfRequest {}).await?).await?.into_inner().subject;
    let operations =
        access.list_operations(session.request(ListOperationsRequest {}).await?).await?.into_inner();
    Ok((subject.unwrap_or_default(), operations.operations))
}

/// The paths of an operation, as a submission names them.
fn paths(operation: &Operation) -> Vec<String> {
    let name = &operation.operation_id;
    let mut paths = vec![name.clone()];
    for component in &operation.components {
        let component_path = format!("{name}/{}", component.component_id);
        let phases = component.phases.iter().map(|phase| format!("{component_path}/{}", phase.phase_id));
        let phases: Vec<String> = phases.collect();
        paths.push(component_path);
        paths.extend(phases);
    }
    paths
}

fn subject_json(subject: &SubjectProfile, operations: &[Operation]) -> Value {
    let grants: Vec<Value> =
        subject.grants.iter().map(|grant| json!({ "path": grant.path, "tree": grant.tree })).collect();
    json!({
        "subject_id": subject.subject_id,
        "organization_id": subject.organization_id,
        "display_name": subject.display_name,
        "roles": subject.roles,
        "purposes": subject.purposes,
        "clearances": subject.clearances,
        "grants": grants,
        "active": subject.active,
        "operations": operations.iter().flat_map(paths).collect::<Vec<_>>(),
    })
}

async fn suspend(arguments: AccessSuspend) -> Result<(), Failure> {
    let session = Session::open(&arguments.connect)?;
    let work = suspend_subject(&session, &arguments.subject, &arguments.justification);
    let epoch = progress::waiting("waiting until every service knows", work).await?;
    if arguments.connect.json {
        output::json_line(&json!({ "subject_id": arguments.subject, "suspended": true, "epoch": epoch }));
    } else {
        println!(
            "{} is suspended from epoch {epoch} on; no read of theirs succeeds any more",
            arguments.subject
        );
    }
    Ok(())
}

/// Suspends a subject; returns the epoch from which it holds everywhere.
pub(crate) async fn suspend_subject(session: &Session, subject_id: &str, why: &str) -> Result<u64, Failure> {
    let request = SuspendSubjectRequest { subject_id: subject_id.to_owned(), justification: why.to_owned() };
    Ok(session.access()?.suspend_subject(session.request(request).await?).await?.into_inner().epoch)
}
