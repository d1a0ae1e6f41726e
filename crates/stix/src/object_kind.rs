//! The types of STIX 2.1, sorted by what they must carry.

/// What a type is to the specification.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// A domain object (STIX 2.1, 4).
    Domain,
    /// A relationship object (5).
    Relationship,
    /// A cyber-observable object (6): neither `created` nor `modified`.
    Observable,
    /// A marking definition (7.2): `created` only, it never changes.
    Marking,
    /// A language content or extension definition (7.1, 7.3).
    Meta,
    /// The envelope of others, not an object (8).
    Bundle,
    /// Not of the specification.
    Custom,
}

/// Domain objects (STIX 2.1, 4).
const DOMAIN: [&str; 19] = [
    "attack-pattern",
    "campaign",
    "course-of-action",
    "grouping",
    "identity",
    "incident",
    "indicator",
    "infrastructure",
    "intrusion-set",
    "location",
    "malware",
    "malware-analysis",
    "note",
    "observed-data",
    "opinion",
    "report",
    "threat-actor",
    "tool",
    "vulnerability",
];

/// Cyber-observable objects (STIX 2.1, 6).
const OBSERVABLE: [&str; 18] = [
    "artifact",
    "autonomous-system",
    "directory",
    "domain-name",
    "email-addr",
    "email-message",
    "file",
    "ipv4-addr",
    "ipv6-addr",
    "mac-addr",
    "mutex",
    "network-traffic",
    "process",
    "software",
    "url",
    "user-account",
    "windows-registry-key",
    "x509-certificate",
];

impl ObjectKind {
    /// The kind of a type.
    #[must_use]
    pub fn of(object_type: &str) -> Self {
        match object_type {
            "relationship" | "sighting" => Self::Relationship,
            "marking-definition" => Self::Marking,
            "language-content" | "extension-definition" => Self::Meta,
            "bundle" => Self::Bundle,
            _ if DOMAIN.contains(&object_type) => Self::Domain,
            _ if OBSERVABLE.contains(&object_type) => Self::Observable,
            _ => Self::Custom,
        }
    }

    /// Whether the specification defines the type, and with it the JSON types of its properties.
    #[must_use]
    pub const fn is_specified(self) -> bool {
        match self {
            Self::Domain
            | Self::Relationship
            | Self::Observable
            | Self::Marking
            | Self::Meta
            | Self::Bundle => true,
            Self::Custom => false,
        }
    }
}
