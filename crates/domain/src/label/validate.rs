//! Whether a label means something here: well-formed (asked before every decision), and fit to be submitted.

use crate::label::{Label, LabelErrorCode, Onward, Tlp, normal};
use crate::registry::{Organization, Registry};
use crate::token::{Token, TokenKind};

/// Most audience clauses in a submitted label (label semantics, a.7).
const CLAUSES_MAX: usize = 8;
/// Most tokens in one clause; longer lists must be registered groups.
const CLAUSE_TOKENS_MAX: usize = 64;
/// Most compartments.
const COMPARTMENTS_MAX: usize = 16;
/// Most exclusions.
const EXCLUSIONS_MAX: usize = 64;
/// Most policy domains.
const LEVELS_MAX: usize = 8;
/// Most originators.
const ORIGINATORS_MAX: usize = 16;
/// Longest line, in characters, and longest canonical form, in bytes.
pub(super) const TEXT_CHARS_MAX: usize = 4096;

impl Label {
    /// All problems of this label, sorted; empty when there is none.
    ///
    /// With `submit` also what only concerns people who write labels: limits, and originators that must be
    /// registered and not all shut out. A join may break those without being malformed. Allocates nothing
    /// for a good label when `submit` is false.
    #[must_use]
    pub fn validate(&self, registry: &Registry, submit: bool) -> Vec<LabelErrorCode> {
        let mut errors = Vec::new();
        self.check_registered(registry, &mut errors);
        self.check_consistent(&mut errors);
        if submit {
            self.check_limits(&mut errors);
            self.check_originators(registry, &mut errors);
        }
        errors.sort_unstable();
        errors.dedup();
        errors
    }

    fn check_registered(&self, registry: &Registry, errors: &mut Vec<LabelErrorCode>) {
        let fields = self.fields();
        if !registry.knows_realm(&fields.realm) {
            errors.push(LabelErrorCode::ExerciseUnknown);
        }
        for (name, rank) in &fields.levels {
            match registry.domain(name.as_str()) {
                None => errors.push(LabelErrorCode::UnknownDomain),
                Some(domain) if domain.level_name(*rank).is_none() => {
                    errors.push(LabelErrorCode::UnknownLevel)
                }
                Some(_) => {}
            }
        }
        if let Some(purposes) = &fields.purposes {
            if purposes.is_empty() {
                errors.push(LabelErrorCode::PurposeEmpty);
            }
            if !purposes.iter().all(|purpose| registry.knows_purpose(purpose)) {
                errors.push(LabelErrorCode::UnknownPurpose);
            }
        }
        if !fields.vetting.iter().all(|kind| registry.knows_vetting(kind)) {
            errors.push(LabelErrorCode::UnknownVetting);
        }
    }

    fn check_consistent(&self, errors: &mut Vec<LabelErrorCode>) {
        let fields = self.fields();
        let mut wrong = |found: bool, code| {
            if found {
                errors.push(code);
            }
        };
        wrong(fields.audience.iter().any(Vec::is_empty), LabelErrorCode::EmptyAudience);
        wrong(!self.names_well_formed, LabelErrorCode::BadToken);
        wrong(fields.originators.is_empty(), LabelErrorCode::OriginMissing);
        wrong(fields.audience.is_empty() && !self.is_open(), LabelErrorCode::Unbounded);
        wrong(!self.has_tlp_shape(), LabelErrorCode::TlpShape);
        let both = normal::restricts(fields.not_before) && normal::restricts(fields.not_after);
        wrong(both && fields.not_before >= fields.not_after, LabelErrorCode::TimeOrder);
    }

    /// TLP is compiled into the audience; some clause must be as narrow as the colour demands.
    fn has_tlp_shape(&self) -> bool {
        use TokenKind::{Clients, Group, Organization, Person};
        let narrow: &[TokenKind] = match self.fields().tlp {
            Tlp::Clear => return true,
            Tlp::Green => &[Person, Organization, Clients, Group],
            Tlp::Amber => &[Person, Organization, Clients],
            Tlp::AmberStrict => &[Person, Organization],
            Tlp::Red => &[Person],
        };
        let fits = |token: &Token| token.kind().is_some_and(|kind| narrow.contains(&kind));
        self.fields().audience.iter().any(|clause| !clause.is_empty() && clause.iter().all(fits))
    }

    fn check_limits(&self, errors: &mut Vec<LabelErrorCode>) {
        let fields = self.fields();
        let too_complex = fields.audience.len() > CLAUSES_MAX
            || fields.audience.iter().any(|clause| clause.len() > CLAUSE_TOKENS_MAX)
            || fields.comps.len() > COMPARTMENTS_MAX
            || fields.excl.len() > EXCLUSIONS_MAX
            || fields.levels.len() > LEVELS_MAX
            || fields.originators.len() > ORIGINATORS_MAX
            || self.canonical_bytes().len() > TEXT_CHARS_MAX;
        if too_complex {
            errors.push(LabelErrorCode::TooComplex);
        }
    }

    /// A derived product may shut out one of its originators, never all of them.
    fn check_originators(&self, registry: &Registry, errors: &mut Vec<LabelErrorCode>) {
        let mut inside = false;
        let mut unknown = false;
        for originator in self.originators() {
            match registry.organization(originator.as_str()) {
                Some(organization) => inside |= self.contains(originator.as_str(), organization),
                None => unknown = true,
            }
        }
        if unknown {
            errors.push(LabelErrorCode::OriginUnknown);
        } else if !inside && !self.originators().is_empty() {
            errors.push(LabelErrorCode::OriginExcluded);
        }
    }

    /// The organization is in every clause, if only through one of its people, and not excluded.
    fn contains(&self, id: &str, organization: &Organization) -> bool {
        let person_of = |token: &Token| {
            token.kind() == Some(TokenKind::Person) && crate::syntax::is_below(token.name(), id)
        };
        let fields = self.fields();
        !fields.excl.iter().any(|token| organization.carries(id, token))
            && fields
                .audience
                .iter()
                .all(|clause| clause.iter().any(|token| organization.carries(id, token) || person_of(token)))
    }

    /// The lowest assurance of a session that may see this; none when a level is not registered.
    #[must_use]
    pub fn assurance_floor(&self, registry: &Registry) -> Option<u8> {
        let tlp = super::scales::tlp_assurance(self.fields().tlp);
        let floor =
            |name: &str, rank: i32| registry.domain(name).and_then(|domain| domain.assurance_floor(rank));
        self.fields()
            .levels
            .iter()
            .try_fold(tlp, |highest, (name, rank)| Some(highest.max(floor(name.as_str(), *rank)?)))
    }

    /// Whether somebody other than the originators may pass it on without asking.
    #[must_use]
    pub fn is_freely_passed_on(&self) -> bool {
        self.fields().onward == Onward::Open
    }
}
