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
    /// A label never moves to another realm.
    RealmChange = "realm_change",
    /// The receiver is suspended.
    TargetInactive = "target_inactive",
    /// The receiver may not assert this purpose.
    TargetPurposeNotGranted = "target_purpose_not_granted",
    /// The label does not allow the receiver this purpose.
    TargetPurposeNotPermitted = "target_purpose_not_permitted",
    /// Under embargo for the receiver.
    TargetNotYetValid = "target_not_yet_valid",
    /// No longer available to the receiver.
    TargetExpired = "target_expired",
    /// The receiver is excluded, by whichever hat.
    TargetExcluded = "target_excluded",
    /// The receiver is outside a clause of the audience.
    TargetNotInAudience = "target_not_in_audience",
    /// The receiver is not cleared high enough in a domain.
    TargetClearance = "target_clearance",
    /// The receiver is not read into a compartment.
    TargetCompartment = "target_compartment",
    /// The receiver is not vetted, as the label or the agreement asks.
    TargetVetting = "target_vetting",
    /// The receiver is not authenticated strongly enough.
    TargetAssurance = "target_assurance",
    /// Nobody but its originators passes it on.
    OnwardProhibited = "onward_prohibited",
    /// An originator has not consented.
    ConsentMissing = "consent_missing",
    /// TLP:AMBER goes to one's own clients only.
    AmberNotOwnClient = "amber_not_own_client",
    /// The source must and must not be named.
    AttributionConflict = "attribution_conflict",
    /// The two organizations have no agreement.
    AgreementMissing = "agreement_missing",
    /// A party has not signed this version of the agreement.
    AgreementUnratified = "agreement_unratified",
    /// The agreement was ended.
    AgreementTerminated = "agreement_terminated",
    /// The agreement is suspended.
    AgreementSuspended = "agreement_suspended",
    /// The agreement has not begun.
    AgreementNotStarted = "agreement_not_started",
    /// The agreement has run out.
    AgreementExpired = "agreement_expired",
    /// The agreement does not allow this direction.
    AgreementFlow = "agreement_flow",
    /// The agreement does not cover this realm.
    AgreementRealm = "agreement_realm",
    /// The agreement does not serve this purpose.
    AgreementPurpose = "agreement_purpose",
    /// Above the agreement's ceiling, by level or colour.
    AgreementLevel = "agreement_level",
    /// The agreement does not cover the operation, or no material without one.
    AgreementOperation = "agreement_operation",
    /// The agreement does not cover the codeword.
    AgreementCodeword = "agreement_codeword",
    /// The agreement does not allow personal data.
    AgreementPersonalData = "agreement_personal_data",
    /// The agreement does not cover this type of content.
    AgreementContent = "agreement_content",
    /// Nothing is ever delivered to a place of that name.
    SinkUnknown = "sink_unknown",
    /// Filters look at fields that are never hidden.
    FilterFieldForbidden = "filter_field_forbidden",
    /// May not be used where an adversary could see the effect.
    UseProhibitsSensor = "use_prohibits_sensor",
    /// Does not leave the screen.
    DisplayOnly = "display_only",
    /// For named persons, and so for no shared place.
    NamedPersonsOnly = "named_persons_only",
    /// None of the organizations concerned is one the subject looks after.
    OutsideMandate = "outside_mandate",
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
    /// To change an object's label.
    Relabel,
    /// To pass content on.
    ReleaseOnward,
    /// To call an object back.
    Recall,
    /// To be given what matches an interest.
    Subscribe,
    /// To look into the record of disclosures.
    Audit,
}

/// What a caller is told of a refusal. That something exists which it may not see is never confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Told {
    /// It may not do this at all, whatever the object; or it knows the object, and may not do this to it.
    PermissionDenied,
    /// There is nothing of the kind.
    NotFound,
    /// It was there, and was recalled: only for organizations it had been disclosed to.
    Gone,
    /// The label, the filter or the place given is wrong.
    InvalidArgument,
    /// Nothing: one delivery is left out.
    Silent,
}

/// What the caller's organization may know of the object already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Acquaintance {
    /// The object had been disclosed to it.
    pub disclosed_before: bool,
    /// It legitimately knows that the object exists, see [`super::knows`].
    pub knows: bool,
}

/// Where a reason lies, as far as telling goes.
enum Cause {
    /// Found before any object was looked up.
    Caller,
    Recalled,
    /// A rule of the place delivered to.
    Place,
    /// The caller's own words.
    Words,
    Source,
    /// The receiver, the originators' will or the agreement: the caller can read the object.
    Passing,
    Object,
}

impl DenyReason {
    /// What the caller is told.
    #[must_use]
    pub fn told(self, action: Action, acquaintance: Acquaintance) -> Told {
        match (self.cause(), action) {
            (Cause::Caller, _) => Told::PermissionDenied,
            (Cause::Recalled, _) if acquaintance.disclosed_before => Told::Gone,
            (Cause::Place, _) => Told::Silent,
            (Cause::Words, _) => Told::InvalidArgument,
            (_, Action::Read | Action::Subscribe | Action::Audit) => Told::NotFound,
            (Cause::Source, _) => Told::NotFound,
            (Cause::Passing, Action::ReleaseOnward) => Told::PermissionDenied,
            // The caller cannot read it, so it does not exist for it.
            (Cause::Recalled | Cause::Object, Action::ReleaseOnward) => Told::NotFound,
            (_, Action::Relabel | Action::Recall) if !acquaintance.knows => Told::NotFound,
            (_, Action::Submit | Action::Relabel | Action::Recall) => Told::PermissionDenied,
        }
    }

    fn cause(self) -> Cause {
        match self {
            Self::OversightIsMetadataOnly
            | Self::SubjectInactive
            | Self::RoleMissing
            | Self::PurposeNotGranted => Cause::Caller,
            Self::Recalled => Cause::Recalled,
            Self::UseProhibitsSensor | Self::DisplayOnly | Self::NamedPersonsOnly => Cause::Place,
            Self::LabelInvalid | Self::SinkUnknown | Self::FilterFieldForbidden => Cause::Words,
            Self::SourceNotReadable => Cause::Source,
            Self::TargetInactive
            | Self::TargetPurposeNotGranted
            | Self::TargetPurposeNotPermitted
            | Self::TargetNotYetValid
            | Self::TargetExpired
            | Self::TargetExcluded
            | Self::TargetNotInAudience
            | Self::TargetClearance
            | Self::TargetCompartment
            | Self::TargetVetting
            | Self::TargetAssurance
            | Self::OnwardProhibited
            | Self::ConsentMissing
            | Self::AmberNotOwnClient
            | Self::AttributionConflict
            | Self::AgreementMissing
            | Self::AgreementUnratified
            | Self::AgreementTerminated
            | Self::AgreementSuspended
            | Self::AgreementNotStarted
            | Self::AgreementExpired
            | Self::AgreementFlow
            | Self::AgreementRealm
            | Self::AgreementPurpose
            | Self::AgreementLevel
            | Self::AgreementOperation
            | Self::AgreementCodeword
            | Self::AgreementPersonalData
            | Self::AgreementContent => Cause::Passing,
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
            | Self::Quarantined
            | Self::WriteDown
            | Self::CosignMissing
            | Self::RealmChange
            | Self::OutsideMandate => Cause::Object,
        }
    }
}
