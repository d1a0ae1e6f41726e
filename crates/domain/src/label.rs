//! The label: a conjunction of restrictions on who may have a piece of information, and for what.
//!
//! A [`Label`] is always in normal form, so equality of values is equality of meaning, and the hash is a
//! function of the value. It may still be malformed (a joined label nobody satisfies, a rank that does not
//! exist): such labels are stored and shown to nobody, see [`Label::validate`].

mod canonical;
mod error;
mod fallback;
mod normal;
mod order;
mod scales;
mod text_parse;
mod text_print;
mod tlp;
mod validate;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::canonical::LabelVersion;
pub(crate) use self::canonical::canonical_json;
pub use self::error::{LabelError, LabelErrorCode};
pub use self::fallback::Channel;
pub use self::scales::{Evidence, Onward, PermittedUse, Tlp};
pub use self::tlp::TlpDistribution;
use crate::day::Day;
use crate::ids::{DomainName, OriginatorName, Purpose, Realm, VettingKind};
use crate::registry::Registry;
use crate::token::{Compartment, Token, TokenKind};

/// A label in normal form. Made from text, from stored bytes, or from [`LabelFields`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "LabelFields", into = "LabelFields")]
pub struct Label {
    // INVARIANT: normal form (`normal::normalize`), so that `==`, hash and order may be computed field by field.
    fields: LabelFields,
    /// All tokens, compartments and originators obey the grammar; found once, because every decision asks.
    names_well_formed: bool,
}

/// The fields of a label before normal form; the default restricts nothing.
///
/// Declared in the order of their JSON names: serializing gives the canonical object (see [`Label::canonical_bytes`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LabelFields {
    /// The source must be named.
    #[serde(with = "canonical::flag", skip_serializing_if = "canonical::is_unset")]
    pub attr_required: bool,
    /// The source must not be named.
    #[serde(with = "canonical::flag", skip_serializing_if = "canonical::is_unset")]
    pub attr_withhold: bool,
    /// Clauses that must all be matched, each by one of its tokens; none means everyone, an empty clause nobody.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub audience: Vec<Vec<Token>>,
    /// Need-to-know: all must be held.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub comps: Vec<Compartment>,
    /// No export, and a watermark.
    #[serde(with = "canonical::flag", skip_serializing_if = "canonical::is_unset")]
    pub display_only: bool,
    /// Use in court.
    #[serde(skip_serializing_if = "canonical::is_neutral")]
    pub evidence: Evidence,
    /// Affiliations that exclude, whichever hat is worn.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub excl: Vec<Token>,
    /// Rank per policy domain; each must be dominated by a clearance in that very domain.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub levels: BTreeMap<DomainName, i32>,
    /// First day on which it is no longer available (00:00 UTC).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_after: Option<Day>,
    /// First day on which it is available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Day>,
    /// Who may pass it on to another organization.
    #[serde(skip_serializing_if = "canonical::is_neutral")]
    pub onward: Onward,
    /// Who controls the label.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub originators: Vec<OriginatorName>,
    /// Contains personal data: extra logging, and agreements must allow it.
    #[serde(with = "canonical::flag", skip_serializing_if = "canonical::is_unset")]
    pub personal_data: bool,
    /// Purposes it may be used for; none means any, an empty list nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purposes: Option<Vec<Purpose>>,
    /// The partition it lives in.
    pub realm: Realm,
    /// Day on which its label must have been reviewed; a duty, not a gate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_by: Option<Day>,
    /// What the source said in TLP 2.0; its effect is already in `audience` and `onward`.
    #[serde(skip_serializing_if = "canonical::is_neutral")]
    pub tlp: Tlp,
    /// Permitted actions.
    #[serde(rename = "use", skip_serializing_if = "canonical::is_neutral")]
    pub permitted_use: PermittedUse,
    /// Version of the canonical form; there is one.
    #[serde(rename = "v")]
    pub version: LabelVersion,
    /// Kinds of vetting the receiver must currently hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub vetting: Vec<VettingKind>,
}

impl From<LabelFields> for Label {
    fn from(mut fields: LabelFields) -> Self {
        normal::normalize(&mut fields);
        let names_well_formed =
            fields.audience.iter().flatten().chain(&fields.excl).all(Token::is_well_formed)
                && fields.comps.iter().all(Compartment::is_well_formed)
                && fields.originators.iter().all(|name| crate::syntax::is_name(name.as_str()));
        Self { fields, names_well_formed }
    }
}

impl From<Label> for LabelFields {
    fn from(label: Label) -> Self {
        label.fields
    }
}

impl Label {
    /// Reads a label line. `originator_nation` is what `NOFORN` stands for.
    ///
    /// Strict about words, lenient about order; a line that says nothing of passing on gets the third-party
    /// rule, or what its TLP colour says.
    ///
    /// # Errors
    /// The first fault of the line, with its code and the words that are wrong.
    pub fn parse(
        line: &str,
        registry: &Registry,
        originator_nation: Option<&str>,
    ) -> Result<Label, LabelError> {
        text_parse::parse(line, registry, originator_nation)
    }

    /// The canonical line; parsing it gives the same label.
    #[must_use]
    pub fn to_text(&self, registry: &Registry) -> String {
        text_print::print(&self.fields, self.is_open(), registry)
    }

    /// The label without its dates: what is interned and decided once, dates being columns beside it.
    ///
    /// `admits(l)` is `admits(l.timeless())` and `l.dates_ok(today)`. Well-formedness does not split this way
    /// (an embargo is a restriction that needs an audience): validate the whole label before storing it.
    #[must_use]
    pub fn timeless(&self) -> Label {
        let mut label = self.clone();
        label.fields.not_before = None;
        label.fields.not_after = None;
        label.fields.review_by = None;
        label
    }

    /// Whether the label's dates allow reading on this day.
    #[must_use]
    pub fn dates_ok(&self, today: Day) -> bool {
        self.not_before().is_none_or(|day| day <= today) && self.not_after().is_none_or(|day| today < day)
    }

    /// World-readable real information. An open exercise item is open to players only, and never public.
    #[must_use]
    pub fn is_public(&self) -> bool {
        self.fields.realm.is_real() && self.is_open()
    }

    /// Restricts nobody inside its realm.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let l = &self.fields;
        l.levels.is_empty()
            && l.audience.is_empty()
            && l.comps.is_empty()
            && l.excl.is_empty()
            && l.vetting.is_empty()
            && l.tlp == Tlp::Clear
            && l.purposes.is_none()
            && !normal::restricts(l.not_before)
            && l.onward == Onward::Open
            && !l.display_only
    }

    /// Names a person in audience or exclusions, so that people of one profile may decide differently.
    #[must_use]
    pub fn names_persons(&self) -> bool {
        let mut tokens = self.fields.audience.iter().flatten().chain(&self.fields.excl);
        tokens.any(|token| token.kind() == Some(TokenKind::Person))
    }

    /// Paths of the operations, components and phases it belongs to, without prefix.
    pub fn operations(&self) -> impl Iterator<Item = &str> {
        self.fields.comps.iter().filter_map(Compartment::operation)
    }

    /// All fields, in normal form.
    #[must_use]
    pub fn fields(&self) -> &LabelFields {
        &self.fields
    }

    /// The partition it lives in.
    #[must_use]
    pub fn realm(&self) -> &Realm {
        &self.fields.realm
    }

    /// Who controls the label, sorted.
    #[must_use]
    pub fn originators(&self) -> &[OriginatorName] {
        &self.fields.originators
    }

    /// Whether this organization is one of the originators.
    #[must_use]
    pub fn is_originated_by(&self, organization: &str) -> bool {
        self.fields.originators.iter().any(|name| name.as_str() == organization)
    }

    /// The originators beside this organization, sorted.
    pub fn originators_beside(&self, organization: &str) -> impl Iterator<Item = &OriginatorName> {
        self.fields.originators.iter().filter(move |name| name.as_str() != organization)
    }

    /// First day on which it is available.
    #[must_use]
    pub fn not_before(&self) -> Option<Day> {
        self.fields.not_before
    }

    /// First day on which it is no longer available.
    #[must_use]
    pub fn not_after(&self) -> Option<Day> {
        self.fields.not_after
    }

    /// Day on which its label must have been reviewed.
    #[must_use]
    pub fn review_by(&self) -> Option<Day> {
        self.fields.review_by
    }
}
