//! A label as policies see it.

use std::collections::{HashMap, HashSet};

use cedar_policy::{Entity, EntityUid, RestrictedExpression};
use entente_domain::{
    label::{Label, LabelFields},
    registry::Registry,
    token::{Token, TokenKind},
};

use super::texts;

/// The clauses of an audience that the schema has room for.
const CLAUSES: [&str; 8] = ["aud0", "aud1", "aud2", "aud3", "aud4", "aud5", "aud6", "aud7"];
/// Assurance that nobody has, for a label whose level is not registered.
const UNREACHABLE_ASSURANCE: u8 = 9;

/// The label as an entity; none when the schema has no room for it, so that no policy judges half a label.
pub(super) fn label_entity(uid: EntityUid, label: &Label, registry: &Registry) -> Option<Entity> {
    let fields = label.fields();
    if fields.audience.len() > CLAUSES.len() {
        return None;
    }
    let long = |number: i64| RestrictedExpression::new_long(number);
    let flag = RestrictedExpression::new_bool;
    let assurance = label.assurance_floor(registry).unwrap_or(UNREACHABLE_ASSURANCE);
    let mut attributes: HashMap<String, RestrictedExpression> = HashMap::from(
        [
            ("wellFormed", flag(label.validate(registry, false).is_empty())),
            ("realm", RestrictedExpression::new_string(fields.realm.to_string())),
            ("levels", texts(fields.levels.iter().map(|(domain, rank)| format!("{domain}:{rank}")))),
            ("tlp", long(fields.tlp.rank().into())),
            ("excl", texts(fields.excl.iter().map(Token::to_string))),
            ("comps", texts(fields.comps.iter().map(ToString::to_string))),
            ("vetting", texts(fields.vetting.iter().map(ToString::to_string))),
            ("onward", long(fields.onward.rank().into())),
            ("useRank", long(fields.permitted_use.rank().into())),
            ("displayOnly", flag(fields.display_only)),
            ("personalData", flag(fields.personal_data)),
            ("attrConflict", flag(fields.attr_required && fields.attr_withhold)),
            ("personsOnly", flag(is_for_persons_only(fields))),
            ("public", flag(label.is_public())),
            ("minAal", long(assurance.into())),
            ("originators", texts(fields.originators.iter().map(ToString::to_string))),
        ]
        .map(|(name, value)| (name.to_owned(), value)),
    );
    for (name, clause) in CLAUSES.iter().zip(&fields.audience) {
        attributes.insert((*name).to_owned(), texts(clause.iter().map(Token::to_string)));
    }
    if let Some(purposes) = &fields.purposes {
        attributes.insert("purposes".to_owned(), texts(purposes.iter().map(ToString::to_string)));
    }
    for (name, day) in [("notBefore", fields.not_before), ("notAfter", fields.not_after)] {
        if let Some(day) = day {
            attributes.insert(name.to_owned(), long(day.unix_days().into()));
        }
    }
    Entity::new(uid, attributes, HashSet::new()).ok()
}

fn is_for_persons_only(fields: &LabelFields) -> bool {
    let is_person = |token: &Token| token.kind() == Some(TokenKind::Person);
    fields.audience.iter().any(|clause| !clause.is_empty() && clause.iter().all(is_person))
}
