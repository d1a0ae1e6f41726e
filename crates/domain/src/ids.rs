//! One type per kind of identifier.
//!
//! Two families. *Checked* identifiers cannot be malformed: who holds one need not look again. *Words* are
//! what a label may name without anybody having registered it (a purpose, an originator): every text is a
//! word, and `Label::validate` says which of them mean anything here.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::syntax;

/// A text that is not an identifier of the kind asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {expected}")]
pub struct IdError {
    /// The text as given.
    pub text: String,
    /// What it should have been, with article.
    pub expected: &'static str,
}

macro_rules! common_traits {
    ($name:ident) => {
        impl $name {
            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.0.into()
            }
        }
    };
}

macro_rules! checked_id {
    ($(#[$doc:meta])* $name:ident, $check:path, $expected:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        common_traits!($name);

        impl $name {
            #[doc = concat!("Checks that the text is ", $expected, ".")]
            ///
            /// # Errors
            /// [`IdError`] with the text when it is not.
            pub fn new(text: impl Into<String>) -> Result<Self, IdError> {
                let text = text.into();
                if $check(&text) {
                    Ok(Self(text.into()))
                } else {
                    Err(IdError { text, expected: $expected })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(text)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Self::new(text)
            }
        }
    };
}

macro_rules! word {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Box<str>);

        common_traits!($name);

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }
    };
}

checked_id!(
    /// An organization: partner, agency, unit. Written as in the audience token `O:PK-NACTA`, without the prefix.
    OrganizationId, syntax::is_name, "a name of A-Z, 0-9, `.`, `_`, `-`, at most 63 characters"
);
checked_id!(
    /// A registered group: alliance, community, sharing group.
    GroupId, syntax::is_name, "a group name of A-Z, 0-9, `.`, `_`, `-`, at most 63 characters"
);
checked_id!(
    /// A nation, ISO 3166-1 alpha-3.
    NationCode, syntax::is_nation, "a nation of three letters A-Z"
);
checked_id!(
    /// A person as an audience may name one: `ORGANIZATION/OPAQUE-ID`. Never a person's name.
    PersonId, syntax::is_person, "a person written ORGANIZATION/ID"
);
checked_id!(
    /// An operation, or a component or phase of one: up to four names joined by `/`.
    OperationPath, syntax::is_path, "an operation of one to four names joined by `/`"
);
checked_id!(
    /// A subject in the registry of the access service: 1 to 128 visible ASCII characters. Decides nothing.
    SubjectId, syntax::is_subject_id, "1 to 128 visible ASCII characters"
);
checked_id!(
    /// A role: `reader`, `submitter`, or one that only a deployment's own policies know.
    Role, syntax::is_role, "a role of a-z, 0-9, `_`, at most 63 characters"
);

word!(
    /// A purpose of processing, asserted per call and bound by labels: `CT`, `CYBER-DEFENCE`.
    Purpose
);
word!(
    /// A kind of vetting of the receiving unit or person: `HRV`.
    VettingKind
);
word!(
    /// A policy domain: the authority whose levels are meant. Domains are never compared with each other.
    DomainName
);
word!(
    /// An organization as a label names it as originator: perhaps unregistered, perhaps no name at all.
    OriginatorName
);
word!(
    /// The partition an object lives in: `REAL` or `EXERCISE:<name>`. Realms never meet.
    Realm
);

word!(
    /// The name of an agreement, the same for all its versions.
    AgreementId
);
word!(
    /// An object by its STIX id, as consents name it.
    ObjectId
);
word!(
    /// A type of content an agreement may be limited to: `report`, `indicator`.
    ContentType
);

/// Prefix of every realm that is not real.
const EXERCISE_PREFIX: &str = "EXERCISE:";

impl Realm {
    /// The realm of real intelligence.
    #[must_use]
    pub fn real() -> Self {
        Self::from("REAL")
    }

    /// The realm of the exercise with this name.
    #[must_use]
    pub fn exercise(name: &str) -> Self {
        Self::from(format!("{EXERCISE_PREFIX}{name}"))
    }

    /// Whether this is the realm of real intelligence.
    #[must_use]
    pub fn is_real(&self) -> bool {
        self.as_str() == "REAL"
    }

    /// The name of the exercise, if this is the realm of one.
    #[must_use]
    pub fn exercise_name(&self) -> Option<&str> {
        self.as_str().strip_prefix(EXERCISE_PREFIX)
    }
}

impl FromStr for Realm {
    type Err = IdError;

    /// Reads `REAL` or `EXERCISE:<name>` and nothing else; whether the exercise is registered is another question.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let realm = Self::from(text);
        if realm.is_real() || realm.exercise_name().is_some_and(syntax::is_name) {
            Ok(realm)
        } else {
            Err(IdError { text: text.to_owned(), expected: "a realm, `REAL` or `EXERCISE:<name>`" })
        }
    }
}

impl Default for Realm {
    fn default() -> Self {
        Self::real()
    }
}

impl Default for AgreementId {
    /// For agreements that were written down without a name, as worked cases are.
    fn default() -> Self {
        Self("unnamed".into())
    }
}

impl Default for SubjectId {
    /// For profiles that were written down without an id, as worked cases are.
    fn default() -> Self {
        Self("unnamed".into())
    }
}

impl Role {
    /// May read content.
    pub const READER: &'static str = "reader";
    /// May file objects.
    pub const SUBMITTER: &'static str = "submitter";
    /// May state interests and receive alerts.
    pub const SUBSCRIBER: &'static str = "subscriber";
    /// May lower and rewrite labels its organization originated.
    pub const LABEL_AUTHORITY: &'static str = "label_authority";
    /// May pass information on to another organization.
    pub const RELEASE_AUTHORITY: &'static str = "release_authority";
    /// May recall what its organization originated or released.
    pub const RECALL_AUTHORITY: &'static str = "recall_authority";
    /// May see metadata of disclosures that concern its organization.
    pub const AUDITOR: &'static str = "auditor";
    /// May administer partners, people and policies of its organization.
    pub const POLICY_ADMIN: &'static str = "policy_admin";
    /// May see metadata of disclosures inside a mandate, and therefore never content.
    pub const OVERSIGHT: &'static str = "oversight";
}

macro_rules! digest_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name([u8; 32]);

        impl $name {
            /// Takes 32 bytes of a SHA-256 as they are.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 32]) -> Self {
                Self(bytes)
            }

            /// The 32 bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// SHA-256 over `prefix` and `body`; the prefix names format and version.
            pub(crate) fn over(prefix: &str, body: &[u8]) -> Self {
                let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
                context.update(prefix.as_bytes());
                context.update(body);
                let mut bytes = [0; 32];
                bytes.iter_mut().zip(context.finish().as_ref()).for_each(|(to, from)| *to = *from);
                Self(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), hex::encode(self.0))
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut bytes = [0; 32];
                match hex::decode_to_slice(text, &mut bytes) {
                    Ok(()) => Ok(Self(bytes)),
                    Err(_) => Err(IdError { text: text.to_owned(), expected: "64 hexadecimal digits" }),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> String {
                value.to_string()
            }
        }
    };
}

digest_id!(
    /// SHA-256 of a label's canonical bytes: what signs, what crosses nodes, what consents name.
    LabelHash
);
digest_id!(
    /// SHA-256 of what the parties of an agreement sign.
    AgreementHash
);
digest_id!(
    /// SHA-256 of everything a read decision looks at in a subject, except who the person is.
    ProfileId
);

#[cfg(test)]
mod tests {
    use super::{LabelHash, NationCode, OrganizationId, PersonId, Realm, Role};

    #[test]
    fn malformed_identifiers_cannot_be_built() {
        for text in ["", "pk-nacta", "-PK", "PK NACTA", "PK\n", &"A".repeat(64)] {
            assert!(OrganizationId::new(text).is_err(), "{text:?}");
        }
        assert!(NationCode::new("PAKI").is_err());
        assert!(PersonId::new("PK-NACTA").is_err());
        assert!(Role::new("Reader").is_err());
        assert!(serde_json::from_str::<OrganizationId>("\"pk\"").is_err());
        assert!("EXERCISE:".parse::<Realm>().is_err());
        assert!("real".parse::<Realm>().is_err());
        assert_eq!("EXERCISE:LANTERN-26".parse(), Ok(Realm::exercise("LANTERN-26")));
    }

    #[test]
    fn a_hash_is_64_digits_and_reads_back() {
        let hash = LabelHash::over("a", b"b");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert!("00".parse::<LabelHash>().is_err());
    }

    #[test]
    fn only_the_real_realm_is_real() {
        assert!(Realm::default().is_real());
        assert_eq!(Realm::exercise("FALCON-TALON").exercise_name(), Some("FALCON-TALON"));
        assert_eq!(Realm::from("REAL:X").exercise_name(), None);
    }
}
