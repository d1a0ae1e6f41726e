//! What an interest can ask of a version: taken out of it when first asked for, compared by equality afterwards. A
//! version that nobody asks the text of is never parsed.

use std::{cell::OnceCell, collections::HashSet};

use entente_stix::{
    indicator,
    json::Document,
    object::{self, CommonProperties},
    text,
};

use crate::peers::JournalVersion;

/// Type of free text.
pub(crate) const TEXT_TYPE: &str = "x-entente-text";
/// Longest headline, in characters.
const HEADLINE_CHARS_MAX: usize = 300;

/// The facts of one version.
pub(super) struct VersionFacts<'version> {
    version: &'version JournalVersion,
    document: OnceCell<Option<Document<'version>>>,
    values: OnceCell<HashSet<String>>,
    words: OnceCell<Vec<String>>,
}

impl<'version> VersionFacts<'version> {
    /// Of a version; nothing is read yet.
    pub(super) fn of(version: &'version JournalVersion) -> Self {
        VersionFacts { version, document: OnceCell::new(), values: OnceCell::new(), words: OnceCell::new() }
    }

    /// The version itself: its type, originator, operation and severity need no reading.
    pub(super) fn version(&self) -> &JournalVersion {
        self.version
    }

    /// Exact indicator values, normalised.
    pub(super) fn values(&self) -> &HashSet<String> {
        self.values.get_or_init(|| {
            let values = if self.is_text() {
                text::indicator_values(&self.body())
            } else {
                self.document().map(values_of).unwrap_or_default()
            };
            values.into_iter().map(|value| value.value().to_owned()).collect()
        })
    }

    /// Normalised words in reading order.
    pub(super) fn words(&self) -> &[String] {
        self.words.get_or_init(|| {
            if self.is_text() {
                words(&format!("{}\n{}", self.version.title, self.body()))
            } else {
                self.document().map(|document| words(&object::search_text(document))).unwrap_or_default()
            }
        })
    }

    /// Title, name or first line; the report's id when it has none of them.
    pub(super) fn headline(&self) -> String {
        let headline = if !self.is_text() {
            self.document().and_then(|document| document.root().text("name")).unwrap_or_default().to_owned()
        } else if self.version.title.is_empty() {
            self.body().lines().next().unwrap_or_default().trim().to_owned()
        } else {
            self.version.title.clone()
        };
        let headline = if headline.is_empty() { &self.version.report_id } else { &headline };
        headline.chars().take(HEADLINE_CHARS_MAX).collect()
    }

    /// True as long as nothing of the content was read.
    #[cfg(test)]
    pub(super) fn is_unread(&self) -> bool {
        self.document.get().is_none() && self.values.get().is_none() && self.words.get().is_none()
    }

    fn is_text(&self) -> bool {
        self.version.report_type == TEXT_TYPE
    }

    fn body(&self) -> std::borrow::Cow<'version, str> {
        String::from_utf8_lossy(&self.version.content)
    }

    /// Intake refuses what does not parse; a version that does not all the same still matches by its type and originator.
    fn document(&self) -> Option<&Document<'version>> {
        self.document.get_or_init(|| Document::parse(&self.version.content).ok()).as_ref()
    }
}

fn values_of(document: &Document<'_>) -> Vec<indicator::IndicatorValue> {
    CommonProperties::of(document).map(|common| indicator::values_of(document, &common)).unwrap_or_default()
}

/// Words as phrases are compared.
pub(crate) fn words(text: &str) -> Vec<String> {
    text::tokens(text).into_iter().map(|word| word.into_owned()).collect()
}
