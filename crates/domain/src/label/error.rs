//! What can be wrong with a label, under the stable codes of the label semantics (a.7).

use std::fmt;

use serde::Serialize;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $code:literal),+ $(,)?) => {
        /// Why a label is refused. Ordered as their codes sort.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(into = "&'static str")]
        pub enum LabelErrorCode { $($(#[$doc])* $variant),+ }

        impl LabelErrorCode {
            /// All codes, sorted.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable code.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }
        }
    };
}

codes! {
    /// A date that does not exist or is not written YYYY-MM-DD.
    BadDate = "E_BAD_DATE",
    /// A token, path or originator outside the grammar.
    BadToken = "E_BAD_TOKEN",
    /// A segment that may stand once stands twice.
    DuplicateSegment = "E_DUP_SEGMENT",
    /// A clause nobody can match, usually from joining disjoint lists.
    EmptyAudience = "E_EMPTY_AUDIENCE",
    /// An exercise this deployment does not know.
    ExerciseUnknown = "E_EXERCISE_UNKNOWN",
    /// A list with nothing in it or between two commas.
    ListEmpty = "E_LIST_EMPTY",
    /// `NOFORN` without knowing whose nation is meant.
    NofornWithoutNation = "E_NOFORN_NO_NATION",
    /// None of the originators is inside the label.
    OriginExcluded = "E_ORIGIN_EXCLUDED",
    /// No originator.
    OriginMissing = "E_ORIGIN_MISSING",
    /// An originator this deployment does not know.
    OriginUnknown = "E_ORIGIN_UNKNOWN",
    /// Not a label line at all.
    Parse = "E_PARSE",
    /// No purpose is left.
    PurposeEmpty = "E_PURPOSE_EMPTY",
    /// Joining across realms.
    RealmMix = "E_REALM_MIX",
    /// `REL TO` with nothing after it: neither everyone nor nobody.
    RelEmpty = "E_REL_EMPTY",
    /// Available from a day not before its end.
    TimeOrder = "E_TIME_ORDER",
    /// The audience does not have the shape its TLP colour demands.
    TlpShape = "E_TLP_SHAPE",
    /// More than people may submit.
    TooComplex = "E_TOO_COMPLEX",
    /// Restricted, but without any audience.
    Unbounded = "E_UNBOUNDED",
    /// A policy domain this deployment does not know.
    UnknownDomain = "E_UNKNOWN_DOMAIN",
    /// A field of a stored label that this version does not know.
    UnknownField = "E_UNKNOWN_FIELD",
    /// A level its domain does not have.
    UnknownLevel = "E_UNKNOWN_LEVEL",
    /// A purpose this deployment does not know.
    UnknownPurpose = "E_UNKNOWN_PURPOSE",
    /// A word that is no segment.
    UnknownSegment = "E_UNKNOWN_SEGMENT",
    /// A kind of vetting this deployment does not know.
    UnknownVetting = "E_UNKNOWN_VETTING",
}

impl From<LabelErrorCode> for &'static str {
    fn from(code: LabelErrorCode) -> Self {
        code.as_str()
    }
}

impl fmt::Display for LabelErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A label that could not be read or made: the code, and the words at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: `{detail}`")]
pub struct LabelError {
    /// The stable code.
    pub code: LabelErrorCode,
    /// The part of the input at fault, as given.
    pub detail: String,
}

impl LabelError {
    pub(crate) fn new(code: LabelErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::LabelErrorCode;

    #[test]
    fn codes_are_declared_in_the_order_they_sort() {
        assert!(LabelErrorCode::ALL.is_sorted_by_key(|code| code.as_str()));
    }
}
