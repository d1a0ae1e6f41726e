//! Reasons for a refusal, and what of them the caller is told.

use std::fmt;

use serde::Serialize;

macro_rules! reasons {
    ($($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)?) => {
        /// Why a decision is no. For records and for those entitled to know; what a caller is told is [`Told`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(into = "&'static str")]
        pub enum DenyReason { $($(#[$doc])* $variant),+ }

        impl DenyReason {
            /// All reasons.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

reasons! {
    /// Who oversees disclosures never reads what was disclosed.
    OversightIsMetadataOnly = "oversight_is_metadata_only",
    /// The subject is suspended.
    SubjectInactive = "subject_inactive",
    /// The role that the action asks for is not held.
    RoleMissing = "role_missing",
    /// The subject may not assert this purpose.
    PurposeNotGranted = "purpose_not_granted",
    /// The stored label means nothing here.
    LabelMalformed = "label_malformed",
    /// The label to be filed under is not fit for it.
    LabelInvalid = "label_invalid",
    /// Another realm.
    RealmMismatch = "realm_mismatch",
    /// The submitter's organization is not among the originators.
    NotOriginator = "not_originator",
    /// The label does not allow this purpose.
    PurposeNotPermitted = "purpose_not_permitted",
    /// Under embargo.
    NotYetValid = "not_yet_valid",
    /// No longer available.
    Expired = "expired",
    /// Excluded, by whichever hat.
    Excluded = "excluded",
    /// Outside a clause of the audience.
    NotInAudience = "not_in_audience",
    /// Not cleared high enough in a domain.
    Clearance = "clearance",
    /// Not read into a compartment.
    Compartment = "compartment",
    /// Not vetted.
    Vetting = "vetting",
    /// Not authenticated strongly enough.
    Assurance = "assurance",
    /// Recalled by its originator.
    Recalled = "recalled",
    /// Waiting for a person to label it.
    Quarantined = "quarantined",
    /// Made from a source the submitter may not read.
    SourceNotReadable = "source_not_readable",
    /// A restriction of a source is missing.
    WriteDown = "write_down",
    /// A further originator has not signed.
    CosignMissing = "cosign_missing",
}

impl From<DenyReason> for &'static str {
    fn from(reason: DenyReason) -> Self {
        reason.as_str()
    }
}

impl fmt::Display for DenyReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// To read content.
    Read,
    /// To file an object.
    Submit,
}

/// What a caller is told of a refusal. That something exists which it may not see is never confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Told {
    /// It may not do this at all, whatever the object.
    PermissionDenied,
    /// There is nothing of the kind.
    NotFound,
    /// It was there, and was recalled: only for organizations it had been disclosed to.
    Gone,
    /// The label given is wrong.
    InvalidArgument,
}

impl DenyReason {
    /// What the caller is told. `disclosed_before`: the object had been disclosed to the caller's organization.
    #[must_use]
    pub fn told(self, action: Action, disclosed_before: bool) -> Told {
        match self {
            // Found before any object was looked up.
            Self::OversightIsMetadataOnly
            | Self::SubjectInactive
            | Self::RoleMissing
            | Self::PurposeNotGranted => Told::PermissionDenied,
            Self::Recalled if disclosed_before => Told::Gone,
            Self::SourceNotReadable => Told::NotFound,
            Self::LabelInvalid => Told::InvalidArgument,
            Self::LabelMalformed
            | Self::RealmMismatch
            | Self::NotOriginator
            | Self::PurposeNotPermitted
            | Self::NotYetValid
            | Self::Expired
            | Self::Excluded
            | Self::NotInAudience
            | Self::Clearance
            | Self::Compartment
            | Self::Vetting
            | Self::Assurance
            | Self::Recalled
            | Self::Quarantined
            | Self::WriteDown
            | Self::CosignMissing => match action {
                Action::Read => Told::NotFound,
                Action::Submit => Told::PermissionDenied,
            },
        }
    }
}
