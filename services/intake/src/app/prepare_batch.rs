//! Reads the items of a submission into versions: parsed, checked, hashed and signed, off the writing thread.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use bytes::Bytes;
use entente_stix::{
    fault::Fault, id::StixId, json::Document, object::CommonProperties, timestamp::StixTimestamp,
};
use uuid::Uuid;

use super::check_labels::LineCheck;
use crate::{
    error::{FieldFault, Refusal, RefusedItem},
    store::{
        LabelUse, NewVersion, Version, report_key,
        signature::{LabelledLeaf, OriginatorKey, SignedTree, Statement},
    },
};

/// Type of free text.
pub(super) const TEXT_TYPE: &str = "x-entente-text";
/// Bytes of one STIX object or text (the proto of `ReportItem`).
const ITEM_BYTES_MAX: usize = 1024 * 1024;
/// Characters of a title (the proto of `FreeText`).
const TITLE_CHARS_MAX: usize = 300;
/// Namespace of the ids of new texts: UUIDv5 of the name `entente.text.v1` in the URL namespace.
const TEXT_NAMESPACE: Uuid = Uuid::from_u128(0xc68a_2947_ccb7_5fa9_9374_a1c0_5931_5776);

/// A submission as parsed from the wire.
#[derive(Debug, Clone)]
pub(crate) struct Submission {
    /// Label of every item that names none; empty if each must.
    pub(crate) label_line: String,
    /// Operation path; empty for none, or the one the label names.
    pub(crate) operation: String,
    pub(crate) severity: i32,
    pub(crate) items: Vec<Item>,
}

/// One item.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// Empty for the submission's.
    pub(crate) label_line: String,
    pub(crate) body: ItemBody,
}

/// What is submitted.
#[derive(Debug, Clone)]
pub(crate) enum ItemBody {
    /// A STIX object as JSON.
    Stix(Bytes),
    /// Free text.
    Text {
        title: String,
        body: Bytes,
        /// Empty for a new text.
        report_id: String,
        /// Version; empty for a new text.
        modified: String,
    },
    /// Nothing.
    Missing,
}

impl Submission {
    /// Bytes of content of all items.
    pub(crate) fn content_bytes(&self) -> usize {
        self.items.iter().map(|item| item.body.content().len()).fold(0, usize::saturating_add)
    }

    /// The line an item is labelled with; empty if there is none.
    pub(super) fn line_of<'a>(&'a self, item: &'a Item) -> &'a str {
        if item.label_line.is_empty() { &self.label_line } else { &item.label_line }
    }
}

impl ItemBody {
    fn content(&self) -> &[u8] {
        match self {
            ItemBody::Stix(bytes) | ItemBody::Text { body: bytes, .. } => bytes,
            ItemBody::Missing => &[],
        }
    }
}

/// For whom versions are read and signed.
pub(super) struct Author {
    pub(super) originator: String,
    pub(super) realm: String,
    pub(super) key: Arc<OriginatorKey>,
}

/// What was read of a submission.
#[derive(Default)]
pub(super) struct Prepared {
    pub(super) labels: Vec<LabelUse>,
    pub(super) versions: Vec<NewVersion>,
    /// Place in the submission of each version.
    pub(super) places: Vec<usize>,
    pub(super) refused: Vec<RefusedItem>,
    pub(super) trees: Vec<SignedTree>,
}

/// Reads every item; each is either a version or refused with all its faults.
pub(super) fn prepare(
    author: &Author,
    submission: &Submission,
    checks: &BTreeMap<String, LineCheck>,
) -> Prepared {
    let mut prepared = Prepared::default();
    let mut labels: HashMap<&str, usize> = HashMap::new();
    for (place, item) in submission.items.iter().enumerate() {
        let line = submission.line_of(item);
        match (read_label(line, checks), read_item(author, item)) {
            (Ok(used), Ok(draft)) => {
                let label = *labels.entry(line).or_insert_with(|| {
                    prepared.labels.push(used.clone());
                    prepared.labels.len().saturating_sub(1)
                });
                prepared.versions.push(draft.into_version(author, item, used, label));
                prepared.places.push(place);
            }
            (Ok(_), Err(refused)) => prepared.refused.push(RefusedItem { place, ..refused }),
            (Err(label), read) => prepared.refused.push(RefusedItem { place, ..also(label, read) }),
        }
    }
    let leaves: Vec<LabelledLeaf> = prepared.versions.iter().map(NewVersion::labelled_leaf).collect();
    prepared.trees = author.key.sign(&leaves);
    prepared
}

/// A refused label, with what else is to be told of the item.
fn also(label: RefusedItem, read: Result<Draft, RefusedItem>) -> RefusedItem {
    match read {
        Ok(draft) => RefusedItem { report_id: draft.report_id, version: draft.version.text, ..label },
        Err(item) => {
            RefusedItem { report_id: item.report_id, faults: [label.faults, item.faults].concat(), ..label }
        }
    }
}

fn read_label<'c>(line: &str, checks: &'c BTreeMap<String, LineCheck>) -> Result<&'c LabelUse, RefusedItem> {
    match checks.get(line) {
        Some(Ok(used)) => Ok(used),
        Some(Err((refusal, faults))) => Err(refuse(*refusal, faults.clone())),
        None => Err(refuse(
            Refusal::LabelMissing,
            vec![FieldFault::new("label_line", "is required: nothing is shared without a label")],
        )),
    }
}

/// What is read of an item before its label is used.
struct Draft {
    report_id: String,
    version: Version,
    report_type: String,
    title: String,
}

impl Draft {
    fn into_version(self, author: &Author, item: &Item, used: &LabelUse, label: usize) -> NewVersion {
        let content = match &item.body {
            ItemBody::Stix(bytes) | ItemBody::Text { body: bytes, .. } => bytes.clone(),
            ItemBody::Missing => Bytes::new(),
        };
        let statement = Statement {
            originator: &author.originator,
            report_id: &self.report_id,
            version: &self.version.text,
            label_hash: &used.label.dated.hash,
            content: &content,
            title: &self.title,
        };
        let leaf = statement.leaf();
        NewVersion {
            report_key: report_key(&author.realm, &self.report_id),
            report_id: self.report_id,
            version: self.version,
            report_type: self.report_type,
            title: self.title,
            label,
            content,
            leaf,
        }
    }
}

fn read_item(author: &Author, item: &Item) -> Result<Draft, RefusedItem> {
    if item.body.content().len() > ITEM_BYTES_MAX {
        let fault = FieldFault::new("", format!("is larger than {ITEM_BYTES_MAX} bytes: split it"));
        return Err(refuse(Refusal::TooLarge, vec![fault]));
    }
    match &item.body {
        ItemBody::Missing => Err(invalid(vec![FieldFault::new("body", "send `stix` or `text`")])),
        ItemBody::Stix(bytes) => read_stix(bytes),
        ItemBody::Text { title, body, report_id, modified } => {
            let mut faults = text_faults(title, body);
            let identity = read_text_identity(author, body, (report_id, modified), &mut faults);
            match identity {
                Some((report_id, version)) if faults.is_empty() => {
                    Ok(Draft { report_id, version, report_type: TEXT_TYPE.to_owned(), title: title.clone() })
                }
                Some(_) | None => Err(RefusedItem { report_id: report_id.clone(), ..invalid(faults) }),
            }
        }
    }
}

fn read_stix(bytes: &[u8]) -> Result<Draft, RefusedItem> {
    let listed = |faults: Vec<Fault>| {
        invalid(
            faults
                .into_iter()
                .map(|fault| FieldFault::new(fault.pointer, format!("{} ({})", fault.message, fault.rule)))
                .collect(),
        )
    };
    let document = Document::parse(bytes).map_err(listed)?;
    let common = CommonProperties::of(&document).map_err(listed)?;
    if common.object_type == TEXT_TYPE {
        let fault = FieldFault::new("/type", format!("`{TEXT_TYPE}` is for free text: send it as `text`"));
        return Err(RefusedItem { report_id: common.id.to_string(), ..invalid(vec![fault]) });
    }
    Ok(Draft {
        report_id: common.id.as_str().to_owned(),
        version: common.version().map_or_else(Version::none, Version::at),
        report_type: common.object_type,
        title: String::new(),
    })
}

fn text_faults(title: &str, body: &[u8]) -> Vec<FieldFault> {
    let mut faults = Vec::new();
    if title.chars().count() > TITLE_CHARS_MAX {
        faults.push(FieldFault::new("text.title", format!("is longer than {TITLE_CHARS_MAX} characters")));
    }
    if title.chars().any(char::is_control) {
        faults.push(FieldFault::new("text.title", "holds control characters: send one line"));
    }
    if body.is_empty() {
        faults.push(FieldFault::new("text.body", "is required"));
    }
    if let Err(error) = std::str::from_utf8(body) {
        faults
            .push(FieldFault::new("text.body", format!("is not UTF-8 from byte {} on", error.valid_up_to())));
    }
    faults
}

/// Id and version of a text: given for a new version, made from originator and body for a new text.
fn read_text_identity(
    author: &Author,
    body: &[u8],
    (report_id, modified): (&str, &str),
    faults: &mut Vec<FieldFault>,
) -> Option<(String, Version)> {
    if report_id.is_empty() {
        if !modified.is_empty() {
            faults.push(FieldFault::new("text.modified", "is for a new version: send `report_id` with it"));
        }
        return Some((new_text_id(&author.originator, body), Version::none()));
    }
    let id = StixId::parse(report_id).ok().filter(|id| id.object_type() == TEXT_TYPE);
    if id.is_none() {
        faults.push(FieldFault::new("text.report_id", format!("is not `{TEXT_TYPE}--` and a UUID")));
    }
    match StixTimestamp::parse(modified) {
        Ok(time) => id.map(|id| (id.as_str().to_owned(), Version::at(&time))),
        Err(error) => {
            faults.push(FieldFault::new("text.modified", format!("is required with `report_id`: {error}")));
            None
        }
    }
}

fn new_text_id(originator: &str, body: &[u8]) -> String {
    let mut name = Vec::with_capacity(originator.len().saturating_add(body.len()).saturating_add(1));
    name.extend_from_slice(originator.as_bytes());
    name.push(b'\n');
    name.extend_from_slice(body);
    format!("{TEXT_TYPE}--{}", Uuid::new_v5(&TEXT_NAMESPACE, &name))
}

fn refuse(refusal: Refusal, faults: Vec<FieldFault>) -> RefusedItem {
    RefusedItem { place: 0, report_id: String::new(), version: String::new(), refusal, faults }
}

fn invalid(faults: Vec<FieldFault>) -> RefusedItem {
    refuse(Refusal::ReportInvalid, faults)
}
