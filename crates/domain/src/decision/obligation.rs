//! Duties that come with a permission. Who cannot fulfil one of them must treat the permission as a refusal.

use std::fmt;

use crate::day::Day;
use crate::ids::{LabelHash, OriginatorName};
use crate::label::{Evidence, Label, PermittedUse};
use crate::subject::PreparedSubject;

/// A duty. Declared in the order of their words, in which they are listed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Obligation {
    /// Passed on with its source named.
    AttributeOriginator,
    /// The record is durable before the content leaves.
    AuditBeforeDisclosure,
    /// Not kept on or after this day.
    DeleteBy(Day),
    /// In court only so.
    Evidence(Evidence),
    /// Shown as exercise material, always.
    ExerciseBanner,
    /// The new label holds for the organization's own copy only.
    LocalOverlayOnly,
    /// Codewords not held are not shown.
    MaskCodewords,
    /// Does not leave the screen.
    NoExport,
    /// These originators are told.
    NotifyOriginators(Vec<OriginatorName>),
    /// The log of personal data has it too.
    PersonalDataLog,
    /// Metadata only, never content.
    ProjectionMetadata,
    /// The new label goes to everybody who holds a copy.
    PropagateLabel,
    /// Persons are shown under pseudonyms.
    PseudonymizePersons,
    /// Everybody who got it gives it back, or only those the caller's organization passed it on to.
    RecallScope(RecallScope),
    /// The copy travels under the label with this hash.
    Relabel(LabelHash),
    /// The label should have been reviewed by now.
    ReviewOverdue,
    /// Every organization it was disclosed to is told of the recall.
    TombstoneToDisclosed,
    /// Used only so.
    Use(PermittedUse),
    /// Shown with the reader's mark.
    Watermark,
    /// Shown without its source.
    WithholdOriginator,
}

/// How far a recall reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RecallScope {
    /// Every copy.
    All,
    /// Copies that the recalling organization passed on.
    OwnBranch,
}

/// Digits of a label's hash that stand in an obligation.
const HASH_DIGITS: usize = 16;

impl fmt::Display for Obligation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AttributeOriginator => f.write_str("attribute_originator"),
            Self::AuditBeforeDisclosure => f.write_str("audit_before_disclosure"),
            Self::DeleteBy(day) => write!(f, "delete_by:{day}"),
            Self::Evidence(evidence) => write!(f, "evidence:{}", evidence.name()),
            Self::ExerciseBanner => f.write_str("exercise_banner"),
            Self::LocalOverlayOnly => f.write_str("local_overlay_only"),
            Self::MaskCodewords => f.write_str("mask_codewords"),
            Self::NoExport => f.write_str("no_export"),
            Self::NotifyOriginators(originators) => {
                let names: Vec<&str> = originators.iter().map(OriginatorName::as_str).collect();
                write!(f, "notify_originators:{}", names.join(","))
            }
            Self::PersonalDataLog => f.write_str("personal_data_log"),
            Self::ProjectionMetadata => f.write_str("projection:metadata"),
            Self::PropagateLabel => f.write_str("propagate_label"),
            Self::PseudonymizePersons => f.write_str("pseudonymize_persons"),
            Self::RecallScope(RecallScope::All) => f.write_str("recall_scope:all"),
            Self::RecallScope(RecallScope::OwnBranch) => f.write_str("recall_scope:own_branch"),
            Self::Relabel(hash) => write!(f, "relabel:{hash:.HASH_DIGITS$}"),
            Self::ReviewOverdue => f.write_str("review_overdue"),
            Self::TombstoneToDisclosed => f.write_str("tombstone_to_disclosed"),
            Self::Use(permitted) => write!(f, "use:{}", permitted.name()),
            Self::Watermark => f.write_str("watermark"),
            Self::WithholdOriginator => f.write_str("withhold_originator"),
        }
    }
}

/// Duties of a reader, sorted.
pub(super) fn of_reading(subject: &PreparedSubject, label: &Label) -> Vec<Obligation> {
    let fields = label.fields();
    let mut duties = vec![Obligation::AuditBeforeDisclosure];
    if !fields.realm.is_real() {
        duties.push(Obligation::ExerciseBanner);
    }
    if fields.display_only {
        duties.extend([Obligation::NoExport, Obligation::Watermark]);
    }
    if fields.attr_withhold && !label.is_originated_by(subject.org.as_str()) {
        duties.push(Obligation::WithholdOriginator);
    }
    if fields.personal_data {
        duties.push(Obligation::PersonalDataLog);
    }
    if fields.permitted_use != PermittedUse::default() {
        duties.push(Obligation::Use(fields.permitted_use));
    }
    if fields.evidence != Evidence::default() {
        duties.push(Obligation::Evidence(fields.evidence));
    }
    duties.extend(date_obligations(fields.not_after, fields.review_by, subject.today));
    duties.sort_unstable();
    duties
}

/// Duties that come from a label's dates, for those who keep the dates beside a timeless label.
pub fn date_obligations(
    not_after: Option<Day>,
    review_by: Option<Day>,
    today: Day,
) -> impl Iterator<Item = Obligation> {
    let overdue = review_by.is_some_and(|review| review <= today);
    not_after.map(Obligation::DeleteBy).into_iter().chain(overdue.then_some(Obligation::ReviewOverdue))
}

/// Duties that come with filing under a label, sorted. `others` are the originators beside the submitter's organization.
pub(super) fn of_submitting(label: &Label, others: Vec<&OriginatorName>) -> Vec<Obligation> {
    let mut duties = vec![Obligation::AuditBeforeDisclosure];
    if !label.realm().is_real() {
        duties.push(Obligation::ExerciseBanner);
    }
    if !others.is_empty() {
        duties.push(Obligation::NotifyOriginators(others.into_iter().cloned().collect()));
    }
    duties
}
