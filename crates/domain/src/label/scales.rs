//! The four ordered scales of a label, most free first; joining takes the higher one.

use serde::{Deserialize, Serialize};

macro_rules! scale {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "u8", into = "u8")]
        pub enum $name { $($(#[$variant_doc])* $variant),+ }

        impl $name {
            /// All steps, most free first.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Position in the scale; 0 is the most free.
            #[must_use]
            pub fn rank(self) -> u8 {
                self as u8
            }

            /// The step at this position.
            #[must_use]
            pub fn from_rank(rank: u8) -> Option<Self> {
                Self::ALL.get(usize::from(rank)).copied()
            }

            /// The word for it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The step with this word.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|step| step.name() == name)
            }
        }

        impl TryFrom<u8> for $name {
            type Error = String;

            fn try_from(rank: u8) -> Result<Self, Self::Error> {
                Self::from_rank(rank).ok_or_else(|| format!("`{rank}` is outside the scale {}", stringify!($name)))
            }
        }

        impl From<$name> for u8 {
            fn from(step: $name) -> u8 {
                step.rank()
            }
        }
    };
}

scale!(
    /// Traffic Light Protocol 2.0: what the source said.
    Tlp {
        /// No limit on disclosure.
        #[default]
        Clear = "CLEAR",
        /// The community.
        Green = "GREEN",
        /// Recipients' organizations and their clients.
        Amber = "AMBER",
        /// Recipients' organizations only.
        AmberStrict = "AMBER+STRICT",
        /// Named persons only.
        Red = "RED",
    }
);

scale!(
    /// Who may pass it on to another organization.
    Onward {
        /// Anyone inside the audience.
        #[default]
        Open = "OPEN",
        /// Only with consent of every other originator (ORCON, third-party rule).
        Consent = "CONSENT",
        /// Nobody.
        None = "NONE",
    }
);

scale!(
    /// What may be done with it (IEP permitted actions).
    PermittedUse {
        /// Anything, visible to the adversary included.
        #[default]
        Direct = "DIRECT",
        /// Externally visible actions that do not reveal it.
        Indirect = "INDIRECT",
        /// Internally visible actions.
        Internal = "INTERNAL",
        /// Contact the source first.
        Contact = "CONTACT",
        /// Nothing.
        None = "NONE",
    }
);

scale!(
    /// Use in court (SIENA H1).
    Evidence {
        /// Allowed.
        #[default]
        Allowed = "ALLOWED",
        /// Only with consent of the source.
        Consent = "CONSENT",
        /// Never.
        No = "NO",
    }
);

/// Lowest assurance of the session that may see something of this colour.
pub(crate) fn tlp_assurance(tlp: Tlp) -> u8 {
    match tlp {
        Tlp::Clear | Tlp::Green | Tlp::Amber | Tlp::AmberStrict => 1,
        Tlp::Red => 2,
    }
}
