//! May this subject be given what matches an interest, and where to? Asked when the interest is stated, and again for
//! every delivery.

use crate::decision::{
    DenyReason, ObjectState, Obligation, Release, Released, Session, read, release_onward,
};
use crate::ids::Role;
use crate::label::{Label, PermittedUse};
use crate::registry::Registry;
use crate::subject::PreparedSubject;
use crate::token::TokenKind;

/// Fields a filter may look at: what is never hidden, or is looked at as the subscriber sees it. Any other would answer
/// questions about what is hidden.
const FILTERABLE: [&str; 8] =
    ["type", "created", "modified", "labels", "confidence", "op", "indicator.pattern_type", "text"];

/// Where deliveries go, by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SinkKind {
    /// The subscriber's own session.
    Session,
    /// A place shared inside the organization.
    OrganizationQueue,
    /// A sensor, whose effect others may see.
    Sensor,
    /// Out of the organization.
    External,
}

impl SinkKind {
    /// The kind with this word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "session" => Some(Self::Session),
            "org_queue" => Some(Self::OrganizationQueue),
            "sensor" => Some(Self::Sensor),
            "external" => Some(Self::External),
            _ => None,
        }
    }
}

/// Where one delivery goes.
#[derive(Clone, Copy, Debug)]
pub enum Sink<'a> {
    /// The subscriber's own session.
    Session(ObjectState),
    /// A place shared inside the organization.
    OrganizationQueue(ObjectState),
    /// A sensor, whose effect others may see.
    Sensor(ObjectState),
    /// Out of the organization: a release like any other.
    External(Release<'a>),
}

/// Whether the subject may state an interest with this filter, to be delivered to a place of this kind. Both are words as
/// the subscriber wrote them.
///
/// # Errors
/// The first condition that fails.
pub fn subscribe(
    subject: &PreparedSubject,
    sink: &str,
    filter_fields: &[&str],
) -> Result<Vec<Obligation>, DenyReason> {
    may_subscribe(subject)?;
    if SinkKind::from_name(sink).is_none() {
        return Err(DenyReason::SinkUnknown);
    }
    if !filter_fields.iter().all(|field| FILTERABLE.contains(field)) {
        return Err(DenyReason::FilterFieldForbidden);
    }
    Ok(vec![Obligation::AuditBeforeDisclosure])
}

/// Whether what carries this label may be delivered there.
///
/// # Errors
/// The first condition that fails; some of them are told to nobody, see [`DenyReason::told`].
pub fn deliver(
    subject: &PreparedSubject,
    label: &Label,
    session: &Session,
    registry: &Registry,
    sink: &Sink<'_>,
) -> Result<Released, DenyReason> {
    may_subscribe(subject)?;
    let reading = |state| read(subject, label, session, registry, state);
    let obligations = match sink {
        Sink::External(release) => return release_onward(subject, label, session, registry, release),
        Sink::Session(state) => reading(*state)?,
        Sink::OrganizationQueue(state) => {
            let obligations = reading(*state)?;
            leaves_the_screen(label)?;
            if names_persons_only(label) {
                return Err(DenyReason::NamedPersonsOnly);
            }
            obligations
        }
        Sink::Sensor(state) => {
            let obligations = reading(*state)?;
            if label.fields().permitted_use > PermittedUse::Internal {
                return Err(DenyReason::UseProhibitsSensor);
            }
            leaves_the_screen(label)?;
            obligations
        }
    };
    Ok(Released { obligations, label_of_copy: label.clone() })
}

fn may_subscribe(subject: &PreparedSubject) -> Result<(), DenyReason> {
    if !subject.active {
        return Err(DenyReason::SubjectInactive);
    }
    if !subject.has_role(Role::SUBSCRIBER) {
        return Err(DenyReason::RoleMissing);
    }
    Ok(())
}

fn leaves_the_screen(label: &Label) -> Result<(), DenyReason> {
    if label.fields().display_only { Err(DenyReason::DisplayOnly) } else { Ok(()) }
}

fn names_persons_only(label: &Label) -> bool {
    let persons = |clause: &Vec<crate::token::Token>| {
        clause.iter().all(|token| token.kind() == Some(TokenKind::Person))
    };
    label.fields().audience.iter().any(persons)
}
