//! Consents: an originator's word that something it controls may be passed on to one organization.
//!
//! A consent names the full hash of the label of the copy that is passed on, so that relabelling voids it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::day::Day;
use crate::ids::{LabelHash, ObjectId, OrganizationId, OriginatorName, Purpose};

/// A consent whose signature has been verified by whoever holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// The originator that consents.
    pub by: OriginatorName,
    /// To whom it may be passed on.
    pub to: OrganizationId,
    /// The object; none for everything under that label.
    #[serde(default)]
    pub object: Option<ObjectId>,
    /// Hash of the label of the copy, dates included.
    pub label: LabelHash,
    /// Purposes for which it may be passed on.
    pub purposes: BTreeSet<Purpose>,
    /// First day it no longer holds.
    pub until: Day,
    /// Taken back: stops what was not yet passed on.
    #[serde(default)]
    pub withdrawn: bool,
}

/// What a consent must cover.
pub(crate) struct Passing<'a> {
    pub(crate) originator: &'a OriginatorName,
    pub(crate) to: &'a OrganizationId,
    pub(crate) object: Option<&'a ObjectId>,
    pub(crate) label: LabelHash,
    pub(crate) purpose: &'a Purpose,
    pub(crate) today: Day,
}

impl Consent {
    /// Whether it covers exactly this.
    pub(crate) fn covers(&self, passing: &Passing<'_>) -> bool {
        !self.withdrawn
            && self.by == *passing.originator
            && self.to == *passing.to
            && (self.object.is_none() || self.object.as_ref() == passing.object)
            && self.label == passing.label
            && self.purposes.contains(passing.purpose)
            && passing.today < self.until
    }
}
