//! TLP 2.0 compiled into labels, and the colour a TLP-only consumer may be told.
//!
//! TLP speaks of the recipient's organization, clients and community, so it means nothing without a
//! distribution. It is compiled at intake; decisions never look at the colour again.

use crate::ids::{GroupId, OrganizationId, PersonId, Realm};
use crate::label::{Evidence, Label, LabelError, LabelErrorCode, LabelFields, Onward, PermittedUse, Tlp};
use crate::token::{Token, TokenKind};

/// To whom something marked with a TLP colour was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlpDistribution {
    /// Who marked it.
    pub originator: OrganizationId,
    /// Organizations addressed beside the originator: for AMBER and AMBER+STRICT.
    pub addressed: Vec<OrganizationId>,
    /// The community: required for GREEN.
    pub community: Option<GroupId>,
    /// The persons named: required for RED.
    pub persons: Vec<PersonId>,
    /// The realm of the channel.
    pub realm: Realm,
}

impl Label {
    /// The label that a TLP colour means for this distribution.
    ///
    /// # Errors
    /// `E_TLP_SHAPE` for GREEN without a community and RED without named persons.
    pub fn from_tlp(colour: Tlp, distribution: &TlpDistribution) -> Result<Label, LabelError> {
        let own = Token::organization(&distribution.originator);
        let organizations = || {
            let addressed = distribution.addressed.iter().map(Token::organization);
            addressed.chain([own.clone()]).collect::<Vec<_>>()
        };
        let audience = match colour {
            Tlp::Clear => Vec::new(),
            Tlp::Green => {
                let missing = || LabelError::new(LabelErrorCode::TlpShape, "GREEN needs a community");
                vec![vec![Token::group(distribution.community.as_ref().ok_or_else(missing)?), own.clone()]]
            }
            Tlp::Amber => {
                let clients =
                    distribution.addressed.iter().chain([&distribution.originator]).map(Token::clients);
                vec![organizations().into_iter().chain(clients).collect()]
            }
            Tlp::AmberStrict => vec![organizations()],
            Tlp::Red if distribution.persons.is_empty() => {
                return Err(LabelError::new(LabelErrorCode::TlpShape, "RED needs named persons"));
            }
            Tlp::Red => vec![distribution.persons.iter().map(Token::person).collect()],
        };
        let onward = match colour {
            Tlp::Clear | Tlp::Green | Tlp::Amber => Onward::Open,
            Tlp::AmberStrict | Tlp::Red => Onward::None,
        };
        Ok(Label::from(LabelFields {
            audience,
            onward,
            originators: vec![distribution.originator.as_str().into()],
            realm: distribution.realm.clone(),
            tlp: colour,
            ..LabelFields::default()
        }))
    }

    /// The most open colour that is still not looser than this label, for a consumer that understands only
    /// TLP; none when such a consumer must not get it.
    #[must_use]
    pub fn export_tlp(&self) -> Option<Tlp> {
        if self.is_public() {
            return Some(Tlp::Clear);
        }
        let fields = self.fields();
        let beyond_tlp = !fields.levels.is_empty()
            || !fields.comps.is_empty()
            || !fields.excl.is_empty()
            || !fields.vetting.is_empty()
            || fields.purposes.is_some()
            || fields.display_only
            || fields.permitted_use != PermittedUse::Direct
            || fields.evidence != Evidence::Allowed
            || fields.not_before.is_some()
            || !fields.realm.is_real();
        if beyond_tlp {
            return None;
        }
        let by_onward = match fields.onward {
            Onward::Open => Tlp::Clear,
            // No colour asks for consent; RED is the only one that lets nothing pass.
            Onward::Consent => Tlp::Red,
            Onward::None => Tlp::AmberStrict,
        };
        Some(self.colour_of_audience()?.max(by_onward).max(fields.tlp))
    }

    /// The loosest colour whose readers are all inside the audience; none when no colour is narrow enough.
    fn colour_of_audience(&self) -> Option<Tlp> {
        self.fields().audience.iter().flatten().try_fold(Tlp::Red, |colour, token| {
            let allows = match token.kind()? {
                TokenKind::Person => Tlp::Red,
                TokenKind::Organization => Tlp::AmberStrict,
                TokenKind::Clients => Tlp::Amber,
                TokenKind::Group => Tlp::Green,
                TokenKind::Nation => return None,
            };
            Some(colour.min(allows))
        })
    }
}
