//! The profile: what a subject shares with everybody whom decisions cannot tell from it.
//!
//! Caches of decisions are kept per profile and not per person. Labels that name persons are the exception, see
//! `Label::names_persons`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::agreement::Agreement;
use crate::day::Day;
use crate::ids::{DomainName, OrganizationId, ProfileId, Purpose, Role, VettingKind};
use crate::label::canonical_json;
use crate::subject::{LiveGrant, PreparedSubject, Subject};
use crate::token::Token;

/// First bytes under every profile hash: format and version.
const HASH_PREFIX: &str = "entente.profile.v1\n";

/// Everything a decision looks at in a subject, except who the person is.
///
/// The day is not in it: decisions are cached per day anyway, and two days on which the same things are held are alike.
#[derive(Serialize)]
struct Profile<'a> {
    active: bool,
    clearances: &'a BTreeMap<DomainName, i32>,
    grants: &'a BTreeSet<LiveGrant>,
    org: &'a OrganizationId,
    other_hats: &'a BTreeSet<Token>,
    purposes: &'a BTreeSet<Purpose>,
    roles: &'a BTreeSet<Role>,
    tokens: &'a BTreeSet<Token>,
    vetted: &'a BTreeSet<VettingKind>,
}

/// The profile of a subject on a day: subjects with equal profiles decide every label alike that names no person.
#[must_use]
pub fn profile_id(subject: &Subject, agreements: &[Agreement], today: Day) -> ProfileId {
    let subject = PreparedSubject::new(subject, agreements, today);
    let profile = Profile {
        active: subject.active,
        clearances: &subject.clearances,
        grants: &subject.grants,
        org: &subject.org,
        other_hats: &subject.other_hats,
        purposes: &subject.purposes,
        roles: &subject.roles,
        tokens: &subject.tokens,
        vetted: &subject.vetted,
    };
    ProfileId::over(HASH_PREFIX, &canonical_json(&profile))
}
