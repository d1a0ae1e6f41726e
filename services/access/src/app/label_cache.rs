//! Label lines already parsed, so that a label costs its parsing once and not once per subject and call.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use entente_domain::{label::Label, registry::Registry};

/// Labels kept; a node with more distinct ones parses some of them again.
const LABELS_MAX: usize = 100_000;
/// Bytes of lines kept; what is parsed of them takes a small multiple.
const LINE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A label with its hash.
pub(super) struct KnownLabel {
    pub(super) label: Label,
    pub(super) hash: [u8; 32],
}

/// Parsed labels by line. Belongs to the registries of one or more epochs that read lines alike.
#[derive(Default)]
pub(super) struct LabelCache(RwLock<Kept>);

#[derive(Default)]
struct Kept {
    labels: HashMap<Box<str>, Arc<KnownLabel>>,
    line_bytes: usize,
}

impl LabelCache {
    /// The labels of the lines, in order; none where a line does not parse.
    pub(super) fn resolve(&self, lines: &[&str], registry: &Registry) -> Vec<Option<Arc<KnownLabel>>> {
        let mut found: Vec<Option<Arc<KnownLabel>>> = {
            let kept = self.0.read().unwrap_or_else(PoisonError::into_inner);
            lines.iter().map(|line| kept.labels.get(*line).cloned()).collect()
        };
        let mut fresh = Vec::new();
        for (line, label) in lines.iter().zip(&mut found).filter(|(_, label)| label.is_none()) {
            if let Ok(parsed) = Label::parse(line, registry, None) {
                let known = Arc::new(KnownLabel { hash: *parsed.hash().as_bytes(), label: parsed });
                fresh.push((*line, known.clone()));
                *label = Some(known);
            }
        }
        if !fresh.is_empty() {
            self.keep(fresh);
        }
        found
    }

    fn keep(&self, fresh: Vec<(&str, Arc<KnownLabel>)>) {
        let mut kept = self.0.write().unwrap_or_else(PoisonError::into_inner);
        for (line, label) in fresh {
            if kept.labels.len() >= LABELS_MAX || kept.line_bytes.saturating_add(line.len()) > LINE_BYTES_MAX
            {
                *kept = Kept::default();
            }
            if kept.labels.insert(line.into(), label).is_none() {
                kept.line_bytes = kept.line_bytes.saturating_add(line.len());
            }
        }
    }
}
