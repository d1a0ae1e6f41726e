//! `entente interest`: what a speaker wants to be told about.

use entente_proto::alerting::v1::{
    CreateInterestRequest, DeleteInterestRequest, Interest, ListInterestsRequest, Term, term::Term as Kind,
};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    cli::{self, InterestAdd, InterestCommand, InterestList, InterestRemove},
    exit::Failure,
    output, progress,
    session::Session,
};

/// Most interests asked for at a time.
const PAGE_MAX: u32 = 500;

/// Runs the command.
pub(crate) async fn run(arguments: cli::Interest) -> Result<(), Failure> {
    match arguments.command {
        InterestCommand::Add(arguments) => add(arguments).await,
        InterestCommand::List(arguments) => list(arguments).await,
        InterestCommand::Remove(arguments) => remove(arguments).await,
    }
}

async fn add(arguments: InterestAdd) -> Result<(), Failure> {
    let session = Session::open(&arguments.connect)?;
    let terms = terms(&arguments);
    if terms.is_empty() {
        return Err(Failure::usage(
            "an interest needs a term: --type, --value, --phrase, --originator, --operation",
        ));
    }
    let interest = progress::waiting("adding the interest", create(&session, &arguments.name, terms)).await?;
    if arguments.connect.json {
        output::json_line(&interest_json(&interest));
    } else {
        println!("interest {} holds for every report from now on", interest.interest_id);
    }
    Ok(())
}

/// Adds an interest.
pub(crate) async fn create(session: &Session, name: &str, terms: Vec<Kind>) -> Result<Interest, Failure> {
    let terms = terms.into_iter().map(|term| Term { term: Some(term) }).collect();
    let request = CreateInterestRequest {
        interest: Some(Interest { display_name: name.to_owned(), terms, ..Interest::default() }),
        request_id: Uuid::new_v4().to_string(),
    };
    let answer = session.alerting()?.create_interest(session.request(request).await?).await?;
    Ok(answer.into_inner().interest.unwrap_or_default())
}

async fn list(arguments: InterestList) -> Result<(), Failure> {
    let session = Session::open(&arguments.connect)?;
    let mut page_token = String::new();
    loop {
        let request = session.request(ListInterestsRequest { page_size: PAGE_MAX, page_token }).await?;
        let mut alerting = session.alerting()?;
        let page =
            progress::waiting("waiting for interests", alerting.list_interests(request)).await?.into_inner();
        for interest in &page.interests {
            if arguments.connect.json { output::json_line(&interest_json(interest)) } else { print(interest) }
        }
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(());
        }
    }
}

async fn remove(arguments: InterestRemove) -> Result<(), Failure> {
    let session = Session::open(&arguments.connect)?;
    delete(&session, &arguments.interest_id).await?;
    if arguments.connect.json {
        output::json_line(&json!({ "interest_id": arguments.interest_id, "removed": true }));
    } else {
        println!("interest {} has ended", arguments.interest_id);
    }
    Ok(())
}

/// Ends an interest.
pub(crate) async fn delete(session: &Session, interest_id: &str) -> Result<(), Failure> {
    let request = session.request(DeleteInterestRequest { interest_id: interest_id.to_owned() }).await?;
    session.alerting()?.delete_interest(request).await?;
    Ok(())
}

fn terms(arguments: &InterestAdd) -> Vec<Kind> {
    let severity = arguments.min_severity.as_deref().map(|text| output::parse_severity(Some(text)));
    [
        arguments.object_type.clone().map(Kind::ObjectType),
        arguments.value.clone().map(Kind::IndicatorValue),
        arguments.phrase.clone().map(Kind::Phrase),
        arguments.originator.clone().map(Kind::Originator),
        arguments.operation.clone().map(Kind::Operation),
        severity.map(Kind::MinSeverity),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A term as name and value.
fn term(kind: &Kind) -> (&'static str, String) {
    match kind {
        Kind::ObjectType(value) => ("type", value.clone()),
        Kind::IndicatorValue(value) => ("value", value.clone()),
        Kind::Phrase(value) => ("phrase", value.clone()),
        Kind::Originator(value) => ("originator", value.clone()),
        Kind::Operation(value) => ("operation", value.clone()),
        Kind::MinSeverity(value) => ("min_severity", output::severity(*value)),
    }
}

fn named_terms(interest: &Interest) -> Vec<(&'static str, String)> {
    interest.terms.iter().filter_map(|held| held.term.as_ref()).map(term).collect()
}

fn interest_json(interest: &Interest) -> Value {
    let terms: Vec<Value> = named_terms(interest)
        .into_iter()
        .map(|(name, value)| json!({ "term": name, "value": value }))
        .collect();
    json!({
        "interest_id": interest.interest_id,
        "name": interest.display_name,
        "create_time": output::time(interest.create_time),
        "terms": terms,
    })
}

fn print(interest: &Interest) {
    println!("{}  {}", interest.interest_id, interest.display_name);
    for (name, value) in named_terms(interest) {
        println!("    {name} {value}");
    }
}

/// A phrase, for what the command itself asks for.
pub(crate) fn phrase(words: &str) -> Kind {
    Kind::Phrase(words.to_owned())
}

/// An originator, for what the command itself asks for.
pub(crate) fn originator(organization: &str) -> Kind {
    Kind::Originator(organization.to_owned())
}

#[cfg(test)]
mod tests {
    use entente_proto::common::v1::Severity;

    use super::*;

    #[test]
    fn every_term_typed_becomes_a_term_of_the_interest() {
        let arguments = InterestAdd {
            name: String::new(),
            object_type: Some("indicator".to_owned()),
            value: Some("192.0.2.7".to_owned()),
            phrase: Some("night ferry".to_owned()),
            originator: Some("VLD-COAST".to_owned()),
            operation: Some("TIDEWALL".to_owned()),
            min_severity: Some("severe".to_owned()),
            connect: cli::Connect::default(),
        };
        let names: Vec<&str> = terms(&arguments).iter().map(|kind| term(kind).0).collect();
        assert_eq!(names, ["type", "value", "phrase", "originator", "operation", "min_severity"]);
        assert!(terms(&arguments).contains(&Kind::MinSeverity(Severity::Severe.into())));
    }
}
