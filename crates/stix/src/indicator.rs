//! Exact indicator values: the addresses, names and hashes an object states or looks for, spelled so that two spellings of
//! one value meet. What an analyst is interested in and what a report holds go through the same functions.

use std::net::{Ipv4Addr, Ipv6Addr};

use crate::json::{Document, Object, Value};
use crate::object::CommonProperties;
use crate::pattern::{self, EQUALITIES_MAX};

/// Longest value taken, bytes: URLs beyond this are not matched.
pub const VALUE_BYTES_MAX: usize = 2048;

/// Most values taken from one object.
pub const VALUES_MAX: usize = EQUALITIES_MAX;

/// Lengths of hexadecimal hashes: MD5, SHA-1, SHA-256, SHA-384, SHA-512.
const HASH_DIGITS: [usize; 5] = [32, 40, 64, 96, 128];

/// Longest domain name (RFC 1035, 2.3.4).
const DOMAIN_BYTES_MAX: usize = 253;

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IndicatorKind {
    /// An IPv4 address or network.
    Ipv4,
    /// An IPv6 address or network.
    Ipv6,
    /// A domain name.
    Domain,
    /// A URL.
    Url,
    /// An e-mail address.
    Email,
    /// A hash of a file, artifact or certificate.
    Hash,
}

/// A value and its kind, in normal form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndicatorValue {
    kind: IndicatorKind,
    value: String,
}

impl IndicatorValue {
    /// A value of a known kind, normalised; `None` when empty or above [`VALUE_BYTES_MAX`]. What does not have the form of
    /// its kind is kept as it is: a sender's odd spelling still matches itself.
    #[must_use]
    pub fn new(kind: IndicatorKind, raw: &str) -> Option<Self> {
        let raw = raw.trim();
        if raw.is_empty() || raw.len() > VALUE_BYTES_MAX {
            return None;
        }
        let value = match kind {
            IndicatorKind::Ipv4 => network::<Ipv4Addr>(raw, "/32"),
            IndicatorKind::Ipv6 => network::<Ipv6Addr>(raw, "/128"),
            IndicatorKind::Domain => raw.trim_end_matches('.').to_lowercase(),
            IndicatorKind::Url => normal_url(raw),
            IndicatorKind::Email => raw.to_lowercase(),
            IndicatorKind::Hash if is_hex(raw) => raw.to_ascii_lowercase(),
            // Fuzzy hashes are base64: their case matters.
            IndicatorKind::Hash => raw.to_owned(),
        };
        Some(Self { kind, value })
    }

    /// A value whose kind shows from its form, `None` for anything else.
    #[must_use]
    pub fn classify(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.len() > VALUE_BYTES_MAX {
            return None;
        }
        Self::new(kind_of(text)?, text)
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> IndicatorKind {
        self.kind
    }

    /// The normal form.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// The exact values in an object's bytes. Use [`values_of`] when the object is parsed already.
#[must_use]
pub fn values(bytes: &[u8], common: &CommonProperties) -> Vec<IndicatorValue> {
    Document::parse(bytes).map(|document| values_of(&document, common)).unwrap_or_default()
}

/// The exact values of an observable, of an indicator's STIX pattern, and of the observables embedded in observed data of
/// STIX 2.0. Sorted, each once.
#[must_use]
pub fn values_of(document: &Document<'_>, common: &CommonProperties) -> Vec<IndicatorValue> {
    let root = document.root();
    let mut values = match common.object_type.as_str() {
        "indicator" => of_pattern(root),
        "observed-data" => {
            let embedded = root.get("objects").and_then(Value::as_object);
            let members = embedded.into_iter().flat_map(Object::members);
            let observables = members.filter_map(|(_, value)| value.as_object());
            observables
                .filter_map(|object| Some(of_observable(object.text("type")?, object)))
                .flatten()
                .collect()
        }
        observable => of_observable(observable, root),
    };
    values.sort_unstable();
    values.dedup();
    values.truncate(VALUES_MAX);
    values
}

fn of_observable(object_type: &str, object: &Object<'_>) -> Vec<IndicatorValue> {
    let stated = kind_of_type(object_type).zip(object.text("value"));
    let hashed = matches!(object_type, "file" | "artifact" | "x509-certificate");
    let hashes = object.get("hashes").filter(|_| hashed).and_then(Value::as_object);
    let hashes = hashes.into_iter().flat_map(Object::members).filter_map(|(_, value)| value.as_text());
    let hashes = hashes.map(|hash| (IndicatorKind::Hash, hash));
    stated.into_iter().chain(hashes).filter_map(|(kind, raw)| IndicatorValue::new(kind, raw)).collect()
}

/// Patterns of other languages (Snort, YARA …) have no object paths and are left alone.
fn of_pattern(indicator: &Object<'_>) -> Vec<IndicatorValue> {
    let is_stix = indicator.text("pattern_type").is_none_or(|language| language == "stix");
    let Some(pattern) = indicator.text("pattern").filter(|_| is_stix) else { return Vec::new() };
    let equalities = pattern::equalities(pattern).into_iter();
    let known = equalities.filter_map(|equal| Some((kind_of_path(&equal.path, &equal.text)?, equal.text)));
    known.filter_map(|(kind, raw)| IndicatorValue::new(kind, &raw)).collect()
}

fn kind_of_type(object_type: &str) -> Option<IndicatorKind> {
    match object_type {
        "ipv4-addr" => Some(IndicatorKind::Ipv4),
        "ipv6-addr" => Some(IndicatorKind::Ipv6),
        "domain-name" => Some(IndicatorKind::Domain),
        "url" => Some(IndicatorKind::Url),
        "email-addr" => Some(IndicatorKind::Email),
        _ => None,
    }
}

/// A path's kind by its type and last part; a value behind a reference (`…dst_ref.value`) shows its kind by its form.
fn kind_of_path(path: &str, text: &str) -> Option<IndicatorKind> {
    let (object_type, property) = path.split_once(':')?;
    let is_hash = property.starts_with("hashes.") || property.contains(".hashes.");
    match property {
        _ if is_hash => Some(IndicatorKind::Hash),
        "value" => kind_of_type(object_type),
        _ if property.ends_with("_ref.value") || property.ends_with("_refs.value") => kind_of(text),
        _ => None,
    }
}

/// The kind a text's form shows.
fn kind_of(text: &str) -> Option<IndicatorKind> {
    let address = text.split_once('/').map_or(text, |(address, _)| address);
    if text.contains("://") {
        url_parts(text).map(|_| IndicatorKind::Url)
    } else if let Some((local, domain)) = text.rsplit_once('@') {
        (is_local_part(local) && is_domain(domain)).then_some(IndicatorKind::Email)
    } else if address.parse::<Ipv4Addr>().is_ok() {
        Some(IndicatorKind::Ipv4)
    } else if address.parse::<Ipv6Addr>().is_ok() {
        Some(IndicatorKind::Ipv6)
    } else if HASH_DIGITS.contains(&text.len()) && is_hex(text) {
        Some(IndicatorKind::Hash)
    } else {
        is_domain(text.trim_end_matches('.')).then_some(IndicatorKind::Domain)
    }
}

/// An address in its one spelling, without the mask that says "only this one".
fn network<A: std::str::FromStr + ToString>(raw: &str, single: &str) -> String {
    let raw = raw.strip_suffix(single).unwrap_or(raw);
    let (address, mask) = raw.split_once('/').map_or((raw, None), |(address, mask)| (address, Some(mask)));
    match (address.parse::<A>(), mask) {
        (Ok(address), None) => address.to_string(),
        (Ok(address), Some(mask)) => format!("{}/{mask}", address.to_string()),
        (Err(_), _) => raw.to_lowercase(),
    }
}

/// Scheme and host in lower case (RFC 3986, 6.2.2.1); the rest is the server's business.
fn normal_url(raw: &str) -> String {
    match url_parts(raw) {
        Some((scheme, authority, rest)) => {
            let (user, host) =
                authority.rsplit_once('@').map_or(("", authority), |(user, host)| (user, host));
            let at = if user.is_empty() { "" } else { "@" };
            format!("{}://{user}{at}{}{rest}", scheme.to_lowercase(), host.to_lowercase())
        }
        None => raw.to_owned(),
    }
}

/// Scheme, authority, and the rest with its first character.
pub(crate) fn url_parts(url: &str) -> Option<(&str, &str, &str)> {
    let (scheme, after) = url.split_once("://")?;
    let end = after.find(['/', '?', '#']).unwrap_or(after.len());
    let (authority, rest) = after.split_at_checked(end)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(plain);
    (named && !authority.is_empty()).then_some((scheme, authority, rest))
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn is_local_part(local: &str) -> bool {
    let allowed = |c: char| c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(c);
    (1..=64).contains(&local.len()) && local.chars().all(allowed)
}

/// Two labels or more, the last one not a number. Underscores occur in real names, letters of any script too.
fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        let inner = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_');
        (1..=63).contains(&label.len())
            && label.chars().all(inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let top = text.rsplit_once('.').map(|(_, top)| top);
    let named = top.is_some_and(|top| top.chars().count() >= 2 && top.chars().any(char::is_alphabetic));
    named && text.len() <= DOMAIN_BYTES_MAX && text.split('.').all(label)
}
