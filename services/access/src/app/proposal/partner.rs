//! A proposed partner, and who may change what of one.

use entente_domain::ids::NationCode;
use serde::Deserialize;

use super::{Faults, Known};
use crate::{error::FieldFault, store::PartnerRow};

/// Signing keys of one partner.
const KEYS_MAX: usize = 16;
/// Hexadecimal characters of an Ed25519 public key.
const KEY_HEX_CHARS: usize = 64;

/// A partner as proposed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartnerProposal {
    pub(crate) organization_id: String,
    #[serde(default)]
    pub(crate) display_name: String,
    /// Empty for an international body.
    #[serde(default)]
    pub(crate) nation: String,
    #[serde(default)]
    pub(crate) groups: Vec<String>,
    #[serde(default)]
    pub(crate) client_of: Vec<String>,
    #[serde(default = "super::subject::active")]
    pub(crate) active: bool,
    /// Ed25519 public keys in hexadecimal.
    #[serde(default)]
    pub(crate) signing_keys: Vec<String>,
}

impl PartnerProposal {
    /// The row, or every fault under `prefix`.
    pub(in crate::app) fn check(self, prefix: &str, known: &Known) -> Result<PartnerRow, Vec<FieldFault>> {
        let mut faults = Faults::at(prefix);
        faults.organization("organization_id", &self.organization_id);
        faults.display_name(&self.display_name);
        if !self.nation.is_empty() && NationCode::new(self.nation.as_str()).is_err() {
            faults.add("nation", "must be three letters A-Z (ISO 3166-1 alpha-3), or empty");
        }
        faults.bounded("groups", self.groups.len());
        faults.bounded("client_of", self.client_of.len());
        for (index, group) in self.groups.iter().enumerate() {
            faults.group(&format!("groups[{index}]"), group);
        }
        for (index, patron) in self.client_of.iter().enumerate() {
            faults.known_organization(&format!("client_of[{index}]"), patron, known);
        }
        if self.signing_keys.len() > KEYS_MAX {
            faults.add("signing_keys", format!("has more than {KEYS_MAX} keys"));
        }
        for (index, key) in self.signing_keys.iter().enumerate() {
            if key.len() != KEY_HEX_CHARS || hex::decode(key).is_err() {
                faults.add(format!("signing_keys[{index}]"), "must be an Ed25519 public key of 32 bytes");
            }
        }
        faults.unless_any(PartnerRow {
            organization_id: self.organization_id,
            display_name: self.display_name,
            nation: Some(self.nation).filter(|nation| !nation.is_empty()),
            groups: self.groups.into_iter().collect(),
            client_of: self.client_of.into_iter().collect(),
            active: self.active,
            signing_keys: self.signing_keys.into_iter().map(|key| key.to_ascii_lowercase()).collect(),
            etag: String::new(),
        })
    }
}

/// What the caller is to the partner it changes.
#[derive(Debug, Clone, Copy)]
pub(in crate::app) struct Standpoint {
    /// A policy administrator of the partner itself.
    pub(in crate::app) own: bool,
    /// A policy administrator of the node's custodian.
    pub(in crate::app) custodian: bool,
}

/// What of a change is not the caller's to make.
///
/// Membership is a charter between a partner and the node: nobody gives it to themselves, but everyone may leave. The
/// name and the signing keys are a partner's own: whoever could replace a key could speak for its owner.
pub(in crate::app) fn not_theirs(
    before: &PartnerRow,
    after: &PartnerRow,
    standpoint: Standpoint,
) -> Vec<FieldFault> {
    let mut faults = Faults::at("partner");
    let widens = [
        ("nation", before.nation != after.nation),
        ("groups", !after.groups.is_subset(&before.groups)),
        ("client_of", !after.client_of.is_subset(&before.client_of)),
        ("active", after.active && !before.active),
    ];
    let own = [
        ("display_name", before.display_name != after.display_name),
        ("signing_keys", before.signing_keys != after.signing_keys),
    ];
    for (field, _) in widens.iter().filter(|(_, changed)| *changed && !standpoint.custodian) {
        faults.add(field, "only a policy administrator of the node's custodian changes this");
    }
    for (field, _) in own.iter().filter(|(_, changed)| *changed && !standpoint.own) {
        faults.add(field, "only a policy administrator of the partner itself changes this");
    }
    faults.unless_any(()).err().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: Standpoint = Standpoint { own: true, custodian: false };
    const CUSTODIAN: Standpoint = Standpoint { own: false, custodian: true };

    fn partner() -> PartnerRow {
        PartnerRow {
            organization_id: "ORS-CERT".to_owned(),
            nation: Some("XOR".to_owned()),
            groups: ["CERT-NET".to_owned()].into(),
            active: true,
            ..PartnerRow::default()
        }
    }

    fn fields(after: &PartnerRow, standpoint: Standpoint) -> Vec<String> {
        not_theirs(&partner(), after, standpoint).into_iter().map(|fault| fault.field).collect()
    }

    #[test]
    fn a_partner_leaves_a_group_by_itself_and_joins_one_only_through_the_custodian() {
        let left = PartnerRow { groups: [].into(), active: false, ..partner() };
        let joined =
            PartnerRow { groups: ["CERT-NET".to_owned(), "TIDEWALL-CELL".to_owned()].into(), ..partner() };
        assert!(fields(&left, OWN).is_empty());
        assert_eq!(fields(&joined, OWN), ["partner.groups"]);
        assert!(fields(&joined, CUSTODIAN).is_empty());
    }

    #[test]
    fn the_custodian_cannot_put_a_key_into_a_partners_hand() {
        let keyed = PartnerRow { signing_keys: vec!["ab".repeat(32)], ..partner() };
        assert_eq!(fields(&keyed, CUSTODIAN), ["partner.signing_keys"]);
        assert!(fields(&keyed, OWN).is_empty());
    }
}
