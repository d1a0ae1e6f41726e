//! Whom a record concerns, and how much of it each may see. Rules over values; nothing here reads a store or a clock.
//!
//! A record concerns the organization that acted, those that received, and those that originated an item. Its auditors,
//! and they alone, may read it; the subject that acted may read its own.
//!
//! | reader | sees |
//! | --- | --- |
//! | the subject that acted | every section |
//! | auditors of the acting organization | every section |
//! | auditors of a recipient's organization | all but section 5, `who`, which is shown as its digest |
//! | auditors of an item's originator | as a recipient's; and section 6, `what`, as its digest unless every item is theirs |
//!
//! Section 5 names a person of another organization. Section 6 of a mixed answer names reports of third parties, which
//! these auditors may not know to exist. What is withheld cannot be found by searching either: a record is indexed for a
//! reader only under what that reader would see in it, or brings along (its own object, its own subject).

use std::{collections::BTreeSet, sync::Arc};

use crate::store::{IndexedRecord, Term};

/// Section `who` of a record.
const SECTION_WHO: u8 = 5;
/// Section `what` of a record.
const SECTION_WHAT: u8 = 6;
/// Sections of a record.
const SECTION_LAST: u8 = 11;
/// Realm of a record that names none: work of a service itself.
const REALM_DEFAULT: &str = "REAL";

/// What of a record decides whom it concerns.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// `REAL`, or `EXERCISE:<name>`; empty counts as real.
    pub(crate) realm: String,
    /// Acting subject; empty for an act of a service itself.
    pub(crate) subject: String,
    /// Acting organization.
    pub(crate) organization: String,
    /// Organization and subject of each recipient.
    pub(crate) recipients: Vec<(String, String)>,
    /// Object id and originator of each item.
    pub(crate) items: Vec<(String, String)>,
    /// Trace.
    pub(crate) trace_id: Option<[u8; 16]>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reader {
    pub(crate) subject: String,
    pub(crate) organization: String,
    pub(crate) realm: String,
    /// Whether the token's scope has `audit`.
    pub(crate) auditor: bool,
}

impl Reader {
    /// Under which name the index knows the auditors of this reader's organization.
    pub(crate) fn as_auditor(&self) -> String {
        reader_name(&self.realm, &self.organization)
    }

    /// Under which name the index knows the reader itself. A subject's id has a slash, an organization's has none.
    pub(crate) fn as_subject(&self) -> String {
        reader_name(&self.realm, &self.subject)
    }
}

/// Relation of an organization to a record, closest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Acting,
    Recipient,
    Originator,
}

/// Numbers of the sections the reader may see opened; `None` when the record is not there for the reader.
pub(crate) fn open_sections(facts: &Facts, reader: &Reader) -> Option<Vec<u8>> {
    if realm(facts) != reader.realm {
        return None;
    }
    if !facts.subject.is_empty() && facts.subject == reader.subject {
        return Some((1..=SECTION_LAST).collect());
    }
    if !reader.auditor {
        return None;
    }
    let withheld: &[u8] = match relation(facts, &reader.organization)? {
        Relation::Acting => &[],
        Relation::Recipient => &[SECTION_WHO],
        Relation::Originator if all_items_of(facts, &reader.organization) => &[SECTION_WHO],
        Relation::Originator => &[SECTION_WHO, SECTION_WHAT],
    };
    Some((1..=SECTION_LAST).filter(|section| !withheld.contains(section)).collect())
}

/// The terms under which each reader finds a record.
pub(crate) fn index(entry_index: u64, facts: &Facts) -> IndexedRecord {
    let mut terms = BTreeSet::new();
    for organization in concerned(facts) {
        let Some(relation) = relation(facts, organization) else { continue };
        let name: Arc<str> = reader_name(realm(facts), organization).into();
        let found = |term: Term| (name.clone(), term);
        terms.insert(found(Term::Any));
        terms.extend(facts.trace_id.map(Term::Trace).map(found));
        terms.extend(
            subjects(facts, organization, relation).map(|subject| found(Term::Subject(subject.to_owned()))),
        );
        terms.extend(
            objects(facts, organization, relation).map(|object| found(Term::Object(object.to_owned()))),
        );
    }
    if let Some(trace_id) = facts.trace_id.filter(|_| !facts.subject.is_empty()) {
        terms.insert((reader_name(realm(facts), &facts.subject).into(), Term::Trace(trace_id)));
    }
    IndexedRecord { index: entry_index, terms: terms.into_iter().collect(), trace_id: facts.trace_id }
}

fn realm(facts: &Facts) -> &str {
    if facts.realm.is_empty() { REALM_DEFAULT } else { &facts.realm }
}

fn reader_name(realm: &str, who: &str) -> String {
    format!("{realm}\n{who}")
}

fn concerned(facts: &Facts) -> BTreeSet<&str> {
    let recipients = facts.recipients.iter().map(|(organization, _)| organization.as_str());
    let originators = facts.items.iter().map(|(_, originator)| originator.as_str());
    let all = std::iter::once(facts.organization.as_str()).chain(recipients).chain(originators);
    all.filter(|organization| !organization.is_empty()).collect()
}

fn relation(facts: &Facts, organization: &str) -> Option<Relation> {
    if organization.is_empty() {
        None
    } else if facts.organization == organization {
        Some(Relation::Acting)
    } else if facts.recipients.iter().any(|(recipient, _)| recipient == organization) {
        Some(Relation::Recipient)
    } else if facts.items.iter().any(|(_, originator)| originator == organization) {
        Some(Relation::Originator)
    } else {
        None
    }
}

fn all_items_of(facts: &Facts, organization: &str) -> bool {
    facts.items.iter().all(|(_, originator)| originator == organization)
}

/// Subjects by which an organization's auditors find the record: all for the acting one, else only its own people.
fn subjects<'a>(
    facts: &'a Facts,
    organization: &'a str,
    relation: Relation,
) -> impl Iterator<Item = &'a str> {
    let recipients = facts.recipients.iter().map(|(home, subject)| (home.as_str(), subject.as_str()));
    let acting = (facts.organization.as_str(), facts.subject.as_str());
    let all = std::iter::once(acting).chain(recipients);
    let may = move |(home, subject): &(&str, &str)| {
        !subject.is_empty() && (relation == Relation::Acting || *home == organization)
    };
    all.filter(may).map(|(_, subject)| subject)
}

/// Objects by which an organization's auditors find the record: all for those who acted or received, else its own.
fn objects<'a>(facts: &'a Facts, organization: &'a str, relation: Relation) -> impl Iterator<Item = &'a str> {
    let all = facts.items.iter();
    let may = move |(_, originator): &&(String, String)| match relation {
        Relation::Acting | Relation::Recipient => true,
        Relation::Originator => originator == organization,
    };
    all.filter(may).map(|(object, _)| object.as_str()).filter(|object| !object.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disclosure() -> Facts {
        Facts {
            realm: "REAL".into(),
            subject: "VLD-COAST/mira".into(),
            organization: "VLD-COAST".into(),
            recipients: Vec::new(),
            items: vec![("indicator--1".into(), "ORS-CERT".into()), ("report--2".into(), "KSI-ISAC".into())],
            trace_id: Some([7; 16]),
        }
    }

    fn auditor(organization: &str) -> Reader {
        Reader {
            subject: format!("{organization}/auditor"),
            organization: organization.into(),
            realm: "REAL".into(),
            auditor: true,
        }
    }

    fn withheld(facts: &Facts, reader: &Reader) -> Option<Vec<u8>> {
        let open = open_sections(facts, reader)?;
        Some((1..=11).filter(|section| !open.contains(section)).collect())
    }

    #[test]
    fn the_acting_subject_and_its_auditors_see_everything() {
        let mira = Reader { subject: "VLD-COAST/mira".into(), auditor: false, ..auditor("VLD-COAST") };
        assert_eq!(withheld(&disclosure(), &mira), Some(vec![]));
        assert_eq!(withheld(&disclosure(), &auditor("VLD-COAST")), Some(vec![]));
    }

    #[test]
    fn an_originators_auditor_does_not_see_who_nor_the_items_of_others() {
        assert_eq!(withheld(&disclosure(), &auditor("ORS-CERT")), Some(vec![5, 6]));
        let mut own = disclosure();
        own.items.truncate(1);
        assert_eq!(withheld(&own, &auditor("ORS-CERT")), Some(vec![5]));
        assert_eq!(withheld(&own, &auditor("KSI-ISAC")), None);
    }

    #[test]
    fn a_recipients_auditor_sees_what_was_received_but_not_who_sent_it() {
        let mut alert = disclosure();
        alert.recipients = vec![("KSI-ISAC".into(), "KSI-ISAC/noor".into())];
        assert_eq!(withheld(&alert, &auditor("KSI-ISAC")), Some(vec![5]));
    }

    #[test]
    fn a_colleague_without_the_role_and_another_realm_see_nothing() {
        let colleague = Reader { auditor: false, ..auditor("VLD-COAST") };
        assert_eq!(open_sections(&disclosure(), &colleague), None);
        let exercise = Reader { realm: "EXERCISE:FALCON".into(), ..auditor("VLD-COAST") };
        assert_eq!(open_sections(&disclosure(), &exercise), None);
    }

    #[test]
    fn a_service_acting_for_nobody_is_nobodys_own_record() {
        let nobody = Facts { subject: String::new(), organization: String::new(), ..disclosure() };
        let blank = Reader { subject: String::new(), organization: String::new(), ..auditor("VLD-COAST") };
        assert_eq!(open_sections(&nobody, &blank), None);
    }

    #[test]
    fn a_reader_finds_a_record_only_by_what_it_may_see() {
        let found = index(3, &disclosure()).terms;
        let of = |reader: &str| -> Vec<Term> {
            let name = format!("REAL\n{reader}");
            found.iter().filter(|(reader, _)| **reader == *name).map(|(_, term)| term.clone()).collect()
        };
        let (any, trace) = (Term::Any, Term::Trace([7; 16]));
        let object = |id: &str| Term::Object(id.into());
        let all = [
            any.clone(),
            object("indicator--1"),
            object("report--2"),
            Term::Subject("VLD-COAST/mira".into()),
            trace.clone(),
        ];
        assert_eq!(of("VLD-COAST"), all);
        assert_eq!(of("ORS-CERT"), [any, object("indicator--1"), trace.clone()]);
        assert_eq!(of("VLD-COAST/mira"), [trace]);
    }

    #[test]
    fn whoever_finds_a_record_may_read_it() {
        for facts in
            [disclosure(), Facts { recipients: vec![("KSI-ISAC".into(), String::new())], ..disclosure() }]
        {
            for (reader, _) in index(0, &facts).terms {
                let (realm, who) = reader.split_once('\n').unwrap();
                let organization = who.split('/').next().unwrap();
                let auditor = !who.contains('/');
                let reader = Reader {
                    subject: who.into(),
                    organization: organization.into(),
                    realm: realm.into(),
                    auditor,
                };
                assert!(open_sections(&facts, &reader).is_some(), "{who}");
            }
        }
    }
}
