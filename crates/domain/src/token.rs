//! What a label names in its audience, exclusions and compartments: tokens and compartment paths.
//!
//! Both are kept as their canonical text. A stored label may hold malformed ones; they match nobody, and
//! `Label::validate` turns the whole label down because of them.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::ids::{GroupId, IdError, NationCode, OrganizationId, PersonId};
use crate::syntax;

/// One affiliation: `N:PAK`, `O:PK-NACTA`, `G:FVEY`, `C:PK-CERT`, `P:PK-NACTA/A1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Token(Box<str>);

/// What kind of affiliation a token names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TokenKind {
    /// `N:` a nation.
    Nation,
    /// `O:` one organization.
    Organization,
    /// `G:` a registered group of organizations.
    Group,
    /// `C:` the registered clients of an organization.
    Clients,
    /// `P:` one person.
    Person,
}

impl Token {
    /// The token of a nation.
    #[must_use]
    pub fn nation(nation: &NationCode) -> Self {
        Self(format!("N:{nation}").into())
    }

    /// The token of an organization.
    #[must_use]
    pub fn organization(organization: &OrganizationId) -> Self {
        Self(format!("O:{organization}").into())
    }

    /// The token of a group.
    #[must_use]
    pub fn group(group: &GroupId) -> Self {
        Self(format!("G:{group}").into())
    }

    /// The token of the registered clients of an organization.
    #[must_use]
    pub fn clients(organization: &OrganizationId) -> Self {
        Self(format!("C:{organization}").into())
    }

    /// The token of a person.
    #[must_use]
    pub fn person(person: &PersonId) -> Self {
        Self(format!("P:{person}").into())
    }

    /// Reads the canonical form, `O:PK-NACTA`.
    ///
    /// # Errors
    /// [`IdError`] when the text is no token.
    pub fn new(text: &str) -> Result<Self, IdError> {
        let token = Self::as_stored(text);
        if token.is_well_formed() {
            Ok(token)
        } else {
            Err(IdError { text: text.to_owned(), expected: "a token such as `N:PAK` or `O:PK-NACTA`" })
        }
    }

    /// Takes the text of a stored label as it is, so that a malformed label can be looked at and denied.
    #[must_use]
    pub fn as_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The canonical text, with its prefix.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The kind by prefix; none for a text without a known prefix.
    #[must_use]
    pub fn kind(&self) -> Option<TokenKind> {
        match self.0.as_bytes() {
            [b'N', b':', ..] => Some(TokenKind::Nation),
            [b'O', b':', ..] => Some(TokenKind::Organization),
            [b'G', b':', ..] => Some(TokenKind::Group),
            [b'C', b':', ..] => Some(TokenKind::Clients),
            [b'P', b':', ..] => Some(TokenKind::Person),
            _ => None,
        }
    }

    /// What follows the prefix: a nation, a name, or `ORGANIZATION/ID`.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, name)| name)
    }

    /// The token as people write it: nations bare, everything else with its word, `ORG:PK-NACTA`.
    #[must_use]
    pub fn to_text(&self) -> String {
        let name = self.name();
        match self.kind() {
            Some(TokenKind::Nation) => name.to_owned(),
            Some(TokenKind::Organization) => format!("ORG:{name}"),
            Some(TokenKind::Group) => format!("GRP:{name}"),
            Some(TokenKind::Clients) => format!("CLIENTS:{name}"),
            Some(TokenKind::Person) => format!("PERSON:{name}"),
            None => self.as_str().to_owned(),
        }
    }

    /// Whether the text is a token at all.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        match self.kind() {
            Some(TokenKind::Nation) => syntax::is_nation(self.name()),
            Some(TokenKind::Organization | TokenKind::Group | TokenKind::Clients) => {
                syntax::is_name(self.name())
            }
            Some(TokenKind::Person) => syntax::is_person(self.name()),
            None => false,
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A need-to-know path: `OP:AZM/OPERATIONAL/P1` (operation, component, phase) or `CW:BLUEJAY` (codeword).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Compartment(Box<str>);

/// Prefix of operations among compartments.
pub(crate) const OPERATION_PREFIX: &str = "OP:";
/// Prefix of codewords among compartments.
pub(crate) const CODEWORD_PREFIX: &str = "CW:";

impl Compartment {
    /// Reads the canonical form, `OP:AZM/OPERATIONAL`.
    ///
    /// # Errors
    /// [`IdError`] when the text is no compartment.
    pub fn new(text: &str) -> Result<Self, IdError> {
        let compartment = Self::as_stored(text);
        if compartment.is_well_formed() {
            Ok(compartment)
        } else {
            Err(IdError {
                text: text.to_owned(),
                expected: "a compartment such as `OP:AZM/P1` or `CW:BLUEJAY`",
            })
        }
    }

    /// Takes the text of a stored label as it is, so that a malformed label can be looked at and denied.
    #[must_use]
    pub fn as_stored(text: &str) -> Self {
        Self(text.into())
    }

    /// The canonical text, with its prefix.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The path of the operation, if this is one.
    #[must_use]
    pub fn operation(&self) -> Option<&str> {
        self.0.strip_prefix(OPERATION_PREFIX)
    }

    /// Whether this is a codeword.
    #[must_use]
    pub fn is_codeword(&self) -> bool {
        self.0.starts_with(CODEWORD_PREFIX)
    }

    /// Whether this lies strictly below `ancestor`.
    #[must_use]
    pub fn is_below(&self, ancestor: &Compartment) -> bool {
        syntax::is_below(&self.0, &ancestor.0)
    }

    /// Whether the text is a compartment at all.
    #[must_use]
    pub fn is_well_formed(&self) -> bool {
        let path = self.operation().or_else(|| self.0.strip_prefix(CODEWORD_PREFIX));
        path.is_some_and(syntax::is_path)
    }
}

impl fmt::Display for Compartment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// For serde: tokens of a subject. A malformed hat would silently exclude nobody, so it is refused.
pub(crate) fn checked_tokens<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Token>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    texts.iter().map(|text| Token::new(text).map_err(serde::de::Error::custom)).collect()
}

/// For serde: the path of a grant.
pub(crate) fn checked_compartment<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Compartment, D::Error> {
    Compartment::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}
