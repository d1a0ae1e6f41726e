//! `entente access policy`: the deployment's policies, what a file of them would change, and putting it in force.

mod lines;

use std::path::Path;

use entente_proto::access::v1::{
    DecisionChange, GetPoliciesRequest, GetPoliciesResponse, Policy, PolicySet, PutPoliciesRequest,
    TestPoliciesRequest, TestPoliciesResponse,
};
use serde_json::{Value, json};
use uuid::Uuid;

use self::lines::Line;
use crate::{
    cli::{PolicyApply, PolicyCommand, PolicyShow, PolicyTest},
    exit::Failure,
    input, output, progress,
    session::Session,
};

/// Runs the command.
pub(super) async fn run(command: PolicyCommand) -> Result<(), Failure> {
    match command {
        PolicyCommand::Show(arguments) => show(arguments).await,
        PolicyCommand::Test(arguments) => test(arguments).await,
        PolicyCommand::Diff(arguments) => diff(arguments).await,
        PolicyCommand::Apply(arguments) => apply(arguments).await,
    }
}

/// Printed so that the output, kept as a file, is the policies again: what is not Cedar is a comment.
async fn show(arguments: PolicyShow) -> Result<(), Failure> {
    let session = Session::open(&arguments.connect)?;
    let answer = progress::waiting("waiting for the policies", get(&session, arguments.version)).await?;
    let set = answer.policy_set.clone().unwrap_or_default();
    if arguments.connect.json {
        output::json_line(&json!({
            "policy_set": set_json(&set),
            "schema": arguments.schema.then_some(answer.schema),
            "epoch": answer.epoch,
            "receipt": answer.receipt.as_ref().map(output::receipt_json),
        }));
        return Ok(());
    }
    if arguments.schema {
        print!("{}", answer.schema);
        return Ok(());
    }
    println!("// {}", described(&set));
    set.policies.iter().flat_map(notes).for_each(|note| println!("// {note}"));
    print!("{}", set.cedar);
    Ok(())
}

fn described(set: &PolicySet) -> String {
    if set.version == 0 {
        return "no policies were ever put: the rules of the software alone decide".to_owned();
    }
    let (author, time, why) = (&set.author, output::time(set.put_time), one_line(&set.justification));
    let count = set.policies.len();
    format!("version {}, {count} policies, put by {author} at {time}: {why}", set.version)
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What somebody should know of a policy.
fn notes(policy: &Policy) -> Option<String> {
    let dormant = policy.dormant_actions.join(", ");
    (!dormant.is_empty())
        .then(|| format!("note: `{}` concerns {dormant}, which nothing decides yet", policy.policy_id))
}

async fn test(arguments: PolicyTest) -> Result<(), Failure> {
    let cedar = read(&arguments.file)?;
    let session = Session::open(&arguments.connect)?;
    let work = ask_to_test(&session, cedar, arguments.labels);
    let tested = progress::waiting("waiting for the test", work).await?;
    if arguments.connect.json {
        output::json_line(&tested_json(&tested));
    } else {
        print_tested(&tested);
    }
    Ok(())
}

async fn diff(arguments: PolicyTest) -> Result<(), Failure> {
    let cedar = read(&arguments.file)?;
    let session = Session::open(&arguments.connect)?;
    let work = async {
        let in_force = get(&session, 0).await?.policy_set.unwrap_or_default();
        Ok::<_, Failure>((in_force, ask_to_test(&session, cedar.clone(), arguments.labels).await?))
    };
    let (in_force, tested) = progress::waiting("waiting for the test", work).await?;
    let lines = lines::difference(&in_force.cedar, &cedar);
    if arguments.connect.json {
        let removed: Vec<&str> = lines.iter().filter_map(Line::removed).collect();
        let added: Vec<&str> = lines.iter().filter_map(Line::added).collect();
        let text = json!({
            "replaces_version": in_force.version, "lines_removed": removed, "lines_added": added,
        });
        output::json_line(&json!({ "text": text, "decisions": tested_json(&tested) }));
        return Ok(());
    }
    println!("against version {}:", in_force.version);
    match lines.iter().any(|line| !line.is_kept()) {
        true => lines.iter().for_each(|line| println!("{line}")),
        false => println!("  the text is the same"),
    }
    print_tested(&tested);
    Ok(())
}

async fn apply(arguments: PolicyApply) -> Result<(), Failure> {
    let cedar = read(&arguments.file)?;
    let session = Session::open(&arguments.connect)?;
    let work = put(&session, cedar, &arguments);
    let (set, epoch) = progress::waiting("waiting until every service decides by them", work).await?;
    if arguments.connect.json {
        output::json_line(&json!({ "policy_set": set_json(&set), "epoch": epoch }));
        return Ok(());
    }
    println!("version {} with {} policies is in force everywhere", set.version, set.policies.len());
    set.policies.iter().flat_map(notes).for_each(|note| println!("{note}"));
    Ok(())
}

async fn get(session: &Session, version: u64) -> Result<GetPoliciesResponse, Failure> {
    let request = session.request(GetPoliciesRequest { version }).await?;
    Ok(session.access()?.get_policies(request).await?.into_inner())
}

async fn ask_to_test(
    session: &Session,
    cedar: String,
    label_lines: Vec<String>,
) -> Result<TestPoliciesResponse, Failure> {
    let request = TestPoliciesRequest { cedar, label_lines, purpose: String::new() };
    Ok(session.access()?.test_policies(session.request(request).await?).await?.into_inner())
}

async fn put(session: &Session, cedar: String, arguments: &PolicyApply) -> Result<(PolicySet, u64), Failure> {
    let in_force = get(session, 0).await?.policy_set.unwrap_or_default();
    if let Some(expected) = arguments.replacing.filter(|expected| *expected != in_force.version) {
        let text = format!("version {} is in force, not {expected}: test again", in_force.version);
        return Err(Failure::new(crate::exit::REFUSED, text));
    }
    let request = PutPoliciesRequest {
        cedar,
        etag: in_force.etag,
        justification: arguments.justification.clone(),
        request_id: Uuid::new_v4().to_string(),
    };
    let put = session.access()?.put_policies(session.request(request).await?).await?.into_inner();
    Ok((put.policy_set.unwrap_or_default(), put.epoch))
}

fn read(file: &Path) -> Result<String, Failure> {
    String::from_utf8(input::load(file)?)
        .map_err(|_| Failure::data(format!("{}: not UTF-8 text", file.display())))
}

fn print_tested(tested: &TestPoliciesResponse) {
    tested.policies.iter().flat_map(notes).for_each(|note| println!("{note}"));
    for change in &tested.changes {
        let turned = if change.allowed { "would be allowed to" } else { "would no longer" };
        let because = if change.allowed { "no longer refused by" } else { "refused by" };
        println!("{} {turned} {} {}", change.subject_id, change.action, label(change));
        println!("        {because} {}", change.determining_policies.join(", "));
    }
    for row in &tested.organizations {
        println!("{}: {} lost, {} gained", row.organization_id, row.lost, row.gained);
    }
    if tested.organizations.is_empty() {
        println!("no decision would be another one");
    }
    let partly = if tested.complete { "" } else { "; there is more: the oldest labels were left out" };
    println!("{} decisions compared{partly}", tested.decision_count);
    println!("{}", output::receipt_line(tested.receipt.as_ref()));
}

fn label(change: &DecisionChange) -> String {
    if change.label_line.is_empty() {
        format!("label {}", hex::encode(&change.label_hash))
    } else {
        change.label_line.clone()
    }
}

fn tested_json(tested: &TestPoliciesResponse) -> Value {
    let change = |change: &DecisionChange| {
        json!({ "subject_id": change.subject_id, "action": change.action, "allowed": change.allowed,
                "label_hash": hex::encode(&change.label_hash), "label": change.label_line,
                "determining_policies": change.determining_policies })
    };
    let organizations: Vec<Value> = tested
        .organizations
        .iter()
        .map(|row| json!({ "organization_id": row.organization_id, "lost": row.lost, "gained": row.gained }))
        .collect();
    json!({
        "policies": tested.policies.iter().map(policy_json).collect::<Vec<_>>(),
        "changes": tested.changes.iter().map(change).collect::<Vec<_>>(),
        "organizations": organizations,
        "decision_count": tested.decision_count,
        "complete": tested.complete,
        "epoch": tested.epoch,
        "receipt": tested.receipt.as_ref().map(output::receipt_json),
    })
}

fn set_json(set: &PolicySet) -> Value {
    json!({
        "version": set.version,
        "etag": set.etag,
        "author": set.author,
        "put_time": output::time(set.put_time),
        "justification": set.justification,
        "policies": set.policies.iter().map(policy_json).collect::<Vec<_>>(),
        "cedar": set.cedar,
    })
}

fn policy_json(policy: &Policy) -> Value {
    json!({
        "policy_id": policy.policy_id,
        "description": policy.description,
        "obligation": policy.obligation,
        "actions": policy.actions,
        "dormant_actions": policy.dormant_actions,
    })
}
