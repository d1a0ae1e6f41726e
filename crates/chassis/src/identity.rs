//! Who calls: SPIFFE ids of the mesh, and the peer that a certificate names.
//!
//! Two kinds of path exist, `/svc/<name>` for workloads and `/subject/<organization>/<name>` for people and partner
//! systems. Everything else is refused, so that a certificate issued for some other use of the trust domain opens nothing.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::CertificateDer;
use x509_parser::{extensions::GeneralName, prelude::FromDer};

/// Longest trust domain name, bytes (SPIFFE-ID, section 2.1).
const TRUST_DOMAIN_BYTES_MAX: usize = 255;
/// Longest SPIFFE id, bytes (SPIFFE-ID, section 2.3).
const SPIFFE_ID_BYTES_MAX: usize = 2048;

/// Why a name, id or certificate identifies nobody here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// Not a trust domain name.
    #[error("`{0}` is not a trust domain: use 1 to 255 of a-z, 0-9, `.`, `-` and `_`")]
    TrustDomain(String),
    /// Not a SPIFFE id.
    #[error("`{0}` is not a SPIFFE id")]
    NotSpiffe(String),
    /// A SPIFFE id of another trust domain.
    #[error("`{found}` is not of the trust domain `{expected}`")]
    OtherTrustDomain {
        /// The id.
        found: String,
        /// The trust domain it should be of.
        expected: String,
    },
    /// A SPIFFE id that is neither a workload nor a subject.
    #[error("`{0}` is neither svc/<name> nor subject/<organization>/<name>")]
    Path(String),
    /// The certificate does not parse.
    #[error("the certificate does not parse")]
    Certificate,
    /// The certificate has no URI among its names, or several.
    #[error("the certificate has {0} URI names, not one")]
    UriNames(usize),
}

/// The name under which one authority issues identities.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TrustDomain(String);

impl FromStr for TrustDomain {
    type Err = IdentityError;

    fn from_str(text: &str) -> Result<TrustDomain, IdentityError> {
        let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_');
        if (1..=TRUST_DOMAIN_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(TrustDomain(text.to_owned()))
        } else {
            Err(IdentityError::TrustDomain(text.to_owned()))
        }
    }
}

impl fmt::Display for TrustDomain {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl TrustDomain {
    /// The SPIFFE id of the trust domain itself, as its authority's certificate carries it.
    pub(crate) fn uri(&self) -> String {
        format!("spiffe://{self}")
    }

    /// No trust domain: stands in for one whose setting is faulty, and names nobody.
    pub(crate) fn unnamed() -> TrustDomain {
        TrustDomain(String::new())
    }

    /// Reads the SPIFFE id of a trust domain.
    pub(crate) fn from_uri(uri: &str) -> Result<TrustDomain, IdentityError> {
        uri.strip_prefix("spiffe://").ok_or_else(|| IdentityError::NotSpiffe(uri.to_owned()))?.parse()
    }
}

/// Who a certificate says its holder is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Caller {
    /// A workload of the mesh.
    Service {
        /// Its name, such as `intake`.
        name: String,
    },
    /// A person or partner system.
    Subject {
        /// Its organization.
        organization: String,
        /// Its name within the organization.
        name: String,
    },
}

impl Caller {
    /// `<organization>/<name>` of a subject; `None` for a workload.
    pub fn subject_id(&self) -> Option<String> {
        match self {
            Caller::Service { .. } => None,
            Caller::Subject { organization, name } => Some(format!("{organization}/{name}")),
        }
    }

    /// The SPIFFE id in a trust domain.
    pub fn spiffe_id(&self, trust_domain: &TrustDomain) -> String {
        match self {
            Caller::Service { name } => format!("spiffe://{trust_domain}/svc/{name}"),
            Caller::Subject { organization, name } => {
                format!("spiffe://{trust_domain}/subject/{organization}/{name}")
            }
        }
    }

    /// Reads a SPIFFE id of the trust domain.
    pub fn from_uri(uri: &str, trust_domain: &TrustDomain) -> Result<Caller, IdentityError> {
        let not_spiffe = || IdentityError::NotSpiffe(uri.chars().take(SPIFFE_ID_BYTES_MAX).collect());
        if uri.len() > SPIFFE_ID_BYTES_MAX {
            return Err(not_spiffe());
        }
        let (domain, path) =
            uri.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/')).ok_or_else(not_spiffe)?;
        if domain != trust_domain.0 {
            return Err(IdentityError::OtherTrustDomain {
                found: uri.to_owned(),
                expected: trust_domain.0.clone(),
            });
        }
        let segments: Vec<&str> = path.split('/').collect();
        if !segments.iter().all(|segment| is_segment(segment)) {
            return Err(not_spiffe());
        }
        match segments.as_slice() {
            ["svc", name] => Ok(Caller::Service { name: (*name).to_owned() }),
            ["subject", organization, name] => {
                Ok(Caller::Subject { organization: (*organization).to_owned(), name: (*name).to_owned() })
            }
            _ => Err(IdentityError::Path(uri.to_owned())),
        }
    }
}

/// A path segment of a SPIFFE id: never empty, a dot or two dots.
fn is_segment(segment: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_');
    !matches!(segment, "" | "." | "..") && segment.bytes().all(allowed)
}

/// The other end of a connection, as its certificate names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Who it is.
    pub caller: Caller,
    /// SHA-256 of the certificate in DER.
    pub certificate_sha256: [u8; 32],
    /// The certificate holds until then; so does the connection.
    pub certificate_not_after: SystemTime,
}

impl Peer {
    /// Reads a certificate whose chain is verified elsewhere.
    pub fn from_certificate(
        certificate: &CertificateDer<'_>,
        trust_domain: &TrustDomain,
    ) -> Result<Peer, IdentityError> {
        let facts = Facts::read(certificate)?;
        Ok(Peer {
            caller: Caller::from_uri(&facts.uri, trust_domain)?,
            certificate_sha256: sha256(certificate),
            certificate_not_after: facts.not_after,
        })
    }
}

/// What identity needs of a certificate.
pub(crate) struct Facts {
    /// The one URI among the subject's alternative names.
    pub(crate) uri: String,
    /// End of validity.
    pub(crate) not_after: SystemTime,
    /// Subject public key info in DER.
    pub(crate) public_key: Vec<u8>,
}

impl Facts {
    /// Reads a certificate.
    pub(crate) fn read(certificate: &CertificateDer<'_>) -> Result<Facts, IdentityError> {
        let (_, parsed) = x509_parser::certificate::X509Certificate::from_der(certificate)
            .map_err(|_| IdentityError::Certificate)?;
        let names = parsed.subject_alternative_name().map_err(|_| IdentityError::Certificate)?;
        let names = names.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
        let mut uris =
            names.iter().filter_map(|name| if let GeneralName::URI(uri) = name { Some(*uri) } else { None });
        let (uri, others) = (uris.next(), uris.count());
        match (uri, others) {
            (Some(uri), 0) => {
                let seconds = u64::try_from(parsed.validity().not_after.timestamp()).unwrap_or(0);
                let not_after = UNIX_EPOCH + Duration::from_secs(seconds);
                Ok(Facts { uri: uri.to_owned(), not_after, public_key: parsed.public_key().raw.to_vec() })
            }
            (None, _) => Err(IdentityError::UriNames(0)),
            (Some(_), others) => Err(IdentityError::UriNames(others.saturating_add(1))),
        }
    }
}

/// SHA-256 of some bytes.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest(&SHA256, bytes).as_ref());
    hash
}
