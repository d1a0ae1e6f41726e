//! Order and join: combining information adds up restrictions, and a product keeps those of its sources.

use std::collections::BTreeSet;

use crate::label::{Label, LabelError, LabelErrorCode, LabelFields, LabelVersion, Onward};

impl Label {
    /// The least label at least as restrictive as both: every restriction of either holds.
    ///
    /// # Errors
    /// `E_REALM_MIX` when the realms differ; realms never meet.
    pub fn join(&self, other: &Label) -> Result<Label, LabelError> {
        let (a, b) = (self.fields(), other.fields());
        if a.realm != b.realm {
            return Err(LabelError::new(LabelErrorCode::RealmMix, format!("{} with {}", a.realm, b.realm)));
        }
        let mut levels = a.levels.clone();
        for (domain, rank) in &b.levels {
            levels.entry(domain.clone()).and_modify(|held| *held = (*held).max(*rank)).or_insert(*rank);
        }
        Ok(Label::from(LabelFields {
            attr_required: a.attr_required || b.attr_required,
            attr_withhold: a.attr_withhold || b.attr_withhold,
            audience: concat(&a.audience, &b.audience),
            comps: concat(&a.comps, &b.comps),
            display_only: a.display_only || b.display_only,
            evidence: a.evidence.max(b.evidence),
            excl: concat(&a.excl, &b.excl),
            levels,
            not_after: earlier(a.not_after, b.not_after),
            // No embargo sorts before every embargo, so `max` is the later of the two.
            not_before: a.not_before.max(b.not_before),
            onward: a.onward.max(b.onward),
            originators: concat(&a.originators, &b.originators),
            personal_data: a.personal_data || b.personal_data,
            purposes: common(a.purposes.as_deref(), b.purposes.as_deref()),
            realm: a.realm.clone(),
            review_by: earlier(a.review_by, b.review_by),
            tlp: a.tlp.max(b.tlp),
            permitted_use: a.permitted_use.max(b.permitted_use),
            version: LabelVersion,
            vetting: concat(&a.vetting, &b.vetting),
        }))
    }

    /// The join of all labels given; none for none.
    ///
    /// # Errors
    /// `E_REALM_MIX` when the realms differ.
    pub fn join_all<'a>(labels: impl IntoIterator<Item = &'a Label>) -> Result<Option<Label>, LabelError> {
        let mut joined: Option<Label> = None;
        for label in labels {
            joined = Some(match joined {
                Some(so_far) => so_far.join(label)?,
                None => label.clone(),
            });
        }
        Ok(joined)
    }

    /// Whether this label is at most as restrictive as `other`.
    #[must_use]
    pub fn leq(&self, other: &Label) -> bool {
        self.join(other).is_ok_and(|joined| joined == *other)
    }

    /// Whether a product labelled `product` keeps every restriction of this source.
    ///
    /// The source's originators must stay in control only if the source says so (consent or none onward).
    #[must_use]
    pub fn flows_to(&self, product: &Label) -> bool {
        if self.realm() != product.realm() {
            return false;
        }
        match self.fields().onward {
            Onward::Consent | Onward::None => self.leq(product),
            Onward::Open => {
                let mut source = self.clone();
                source.fields.originators.clear();
                source.leq(product)
            }
        }
    }
}

fn concat<T: Clone>(left: &[T], right: &[T]) -> Vec<T> {
    left.iter().chain(right).cloned().collect()
}

fn earlier<T: Ord>(left: Option<T>, right: Option<T>) -> Option<T> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.min(right)),
        (left, right) => left.or(right),
    }
}

fn common<T: Ord + Clone>(left: Option<&[T]>, right: Option<&[T]>) -> Option<Vec<T>> {
    match (left, right) {
        (Some(left), Some(right)) => {
            let right: BTreeSet<&T> = right.iter().collect();
            Some(left.iter().filter(|item| right.contains(item)).cloned().collect())
        }
        (left, right) => left.or(right).map(<[T]>::to_vec),
    }
}
