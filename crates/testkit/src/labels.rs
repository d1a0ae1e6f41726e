//! Labels as the wire has them, over the registry of the fixtures.

use entente_domain::{day::Day, label::Label, registry::Registry};
use entente_proto::{access::v1::ResolvedLabel, common};

/// Line and hash.
pub(crate) fn wire(label: &Label, registry: &Registry) -> common::v1::Label {
    common::v1::Label { line: label.to_text(registry), hash: label.hash().as_bytes().to_vec().into() }
}

/// A label taken apart, as access gives it to intake.
pub(crate) fn resolve(label: &Label, registry: &Registry) -> ResolvedLabel {
    ResolvedLabel {
        label: Some(wire(label, registry)),
        timeless: Some(wire(&label.timeless(), registry)),
        not_before: label.not_before().map(Day::unix_days),
        not_after: label.not_after().map(Day::unix_days),
        review_by: label.review_by().map(Day::unix_days),
        realm: label.realm().to_string(),
        originators: label.originators().iter().map(ToString::to_string).collect(),
        operations: label.operations().map(str::to_owned).collect(),
        names_persons: label.names_persons(),
        banner: format!("({})", label.to_text(registry)),
    }
}
