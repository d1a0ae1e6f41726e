//! The properties every object shares, read and checked once, with every fault listed. What is read here is what the mesh
//! stores beside the bytes: identity, version, and the text people search.

use crate::fault::{FAULTS_MAX, Fault, Rule, quote};
use crate::id::{StixId, is_object_type};
use crate::json::{Document, Object, Value};
use crate::object_kind::ObjectKind;
use crate::timestamp::StixTimestamp;

/// Properties whose text is searched, if they are text or lists of text.
const SEARCHED: [&str; 26] = [
    "name",
    "description",
    "aliases",
    "x_mitre_aliases",
    "labels",
    "pattern",
    "value",
    "abstract",
    "content",
    "explanation",
    "opinion",
    "objective",
    "goals",
    "primary_motivation",
    "result_name",
    "product",
    "vendor",
    "path",
    "command_line",
    "key",
    "subject",
    "body",
    "display_name",
    "account_login",
    "country",
    "city",
];

/// Most text taken from one object for search, bytes; the rest of a longer object is not found by search.
pub const SEARCH_TEXT_BYTES_MAX: usize = 1024 * 1024;

/// What all objects have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommonProperties {
    /// `type`.
    pub object_type: String,
    /// What that type is to the specification.
    pub kind: ObjectKind,
    /// `id`.
    pub id: StixId,
    /// `spec_version`: `2.0` or `2.1`; absent in many observables.
    pub spec_version: Option<String>,
    /// `created`.
    pub created: Option<StixTimestamp>,
    /// `modified`.
    pub modified: Option<StixTimestamp>,
    /// `revoked`; false when absent.
    pub revoked: bool,
    /// `created_by_ref`.
    pub created_by_ref: Option<StixId>,
    /// `object_marking_refs`; empty when absent.
    pub object_marking_refs: Vec<StixId>,
    /// `name`, if it is text.
    pub name: Option<String>,
    /// Rules broken by real, published data: told to the sender, no reason to refuse the object.
    pub remarks: Vec<Fault>,
}

impl CommonProperties {
    /// Reads an object's bytes. Use [`Document::parse`] and [`CommonProperties::of`] when more than this is wanted of them.
    pub fn read(bytes: &[u8]) -> Result<Self, Vec<Fault>> {
        Self::of(&Document::parse(bytes)?)
    }

    /// Reads a parsed object.
    pub fn of(document: &Document<'_>) -> Result<Self, Vec<Fault>> {
        let mut reader = Reader { found: Found::of(document.root()), faults: Vec::new() };
        let object_type = reader.object_type();
        let kind = object_type.map_or(ObjectKind::Custom, ObjectKind::of);
        let id = reader.id(object_type);
        let [created, modified] = [("created", reader.found.created), ("modified", reader.found.modified)]
            .map(|(name, value)| reader.timestamp(name, value));
        reader.require_times(kind);
        let spec_version = reader.spec_version();
        let revoked = reader.revoked(kind);
        let created_by_ref = reader.created_by_ref();
        let object_marking_refs = reader.object_marking_refs();
        let name = reader.name(kind);
        reader.check_described(kind);
        let remarks = order_remark(created.as_ref(), modified.as_ref()).into_iter().collect();
        let (Some(object_type), Some(id), true) = (object_type, id, reader.faults.is_empty()) else {
            return Err(reader.faults);
        };
        let object_type = object_type.to_owned();
        #[rustfmt::skip]
        let common = Self {
            object_type, kind, id, spec_version, created, modified, revoked, created_by_ref, object_marking_refs,
            name, remarks,
        };
        Ok(common)
    }

    /// What tells this version from others of the same id: `modified`, else `created`, else nothing (an observable, whose
    /// id says all).
    #[must_use]
    pub fn version(&self) -> Option<&StixTimestamp> {
        self.modified.as_ref().or(self.created.as_ref())
    }
}

/// All text of an object that people search for, a property a line, at most [`SEARCH_TEXT_BYTES_MAX`].
#[must_use]
pub fn search_text(document: &Document<'_>) -> String {
    let root = document.root();
    let own = SEARCHED.iter().filter_map(|name| root.get(name)).flat_map(texts);
    let references = root.get("external_references").map_or(&[][..], Value::items);
    let external = references.iter().filter_map(|item| item.as_object()?.text("external_id"));
    let statement = root.get("definition").and_then(|definition| definition.as_object()?.text("statement"));
    let mut joined = String::new();
    for text in own.chain(external).chain(statement) {
        if joined.len() + text.len() >= SEARCH_TEXT_BYTES_MAX {
            break;
        }
        joined.push_str(text);
        joined.push('\n');
    }
    joined
}

/// A text, or the texts of a list.
fn texts<'value>(value: &'value Value<'_>) -> impl Iterator<Item = &'value str> {
    value.as_text().into_iter().chain(value.items().iter().filter_map(Value::as_text))
}

/// STIX wants `modified` not before `created`; ATT&CK has published objects that break this, and they must be readable.
fn order_remark(created: Option<&StixTimestamp>, modified: Option<&StixTimestamp>) -> Option<Fault> {
    let (created, modified) = created.zip(modified)?;
    let message = format!("`{modified}` is before `created`, `{created}`; correct one of them");
    (modified < created).then(|| Fault::of_property("modified", Rule::Order, message))
}

/// The members that are read, found in one pass: looking each of them up would cost more than reading them.
#[derive(Default)]
struct Found<'value, 'json> {
    object_type: Option<&'value Value<'json>>,
    id: Option<&'value Value<'json>>,
    spec_version: Option<&'value Value<'json>>,
    created: Option<&'value Value<'json>>,
    modified: Option<&'value Value<'json>>,
    revoked: Option<&'value Value<'json>>,
    created_by_ref: Option<&'value Value<'json>>,
    object_marking_refs: Option<&'value Value<'json>>,
    name: Option<&'value Value<'json>>,
    description: Option<&'value Value<'json>>,
    pattern: Option<&'value Value<'json>>,
    value: Option<&'value Value<'json>>,
}

impl<'value, 'json> Found<'value, 'json> {
    fn of(object: &'value Object<'json>) -> Self {
        let mut found = Self::default();
        for (name, value) in object.members() {
            let place = match name {
                "type" => &mut found.object_type,
                "id" => &mut found.id,
                "spec_version" => &mut found.spec_version,
                "created" => &mut found.created,
                "modified" => &mut found.modified,
                "revoked" => &mut found.revoked,
                "created_by_ref" => &mut found.created_by_ref,
                "object_marking_refs" => &mut found.object_marking_refs,
                "name" => &mut found.name,
                "description" => &mut found.description,
                "pattern" => &mut found.pattern,
                "value" => &mut found.value,
                _ => continue,
            };
            *place = Some(value);
        }
        found
    }
}

struct Reader<'value, 'json> {
    found: Found<'value, 'json>,
    faults: Vec<Fault>,
}

impl<'value> Reader<'value, '_> {
    fn object_type(&mut self) -> Option<&'value str> {
        let object_type = self.required_text("type", self.found.object_type)?;
        if !is_object_type(object_type) {
            let rule = "use 3 to 250 of a-z, 0-9 and hyphen, no hyphen at either end";
            self.fault("type", Rule::ObjectType, format!("`{}` is not a type; {rule}", quote(object_type)));
            return None;
        }
        if object_type == "bundle" {
            let message = "a bundle is not an object; send its objects";
            self.faults.push(Fault::of_object(Rule::NotAnObject, message));
        }
        Some(object_type)
    }

    fn id(&mut self, object_type: Option<&str>) -> Option<StixId> {
        let text = self.required_text("id", self.found.id)?;
        let id = self.parsed_id("id", text)?;
        match object_type {
            Some(object_type) if id.object_type() != object_type => {
                let message =
                    format!("`{id}` is not of type `{object_type}`; start it with `{object_type}--`");
                self.fault("id", Rule::Identifier, message);
                None
            }
            Some(_) | None => Some(id),
        }
    }

    fn created_by_ref(&mut self) -> Option<StixId> {
        let text = self.text("created_by_ref", self.found.created_by_ref)?;
        self.parsed_id("created_by_ref", text)
    }

    /// Markings decide nothing here, but one that cannot be followed must not pass as if it were none.
    fn object_marking_refs(&mut self) -> Vec<StixId> {
        let name = "object_marking_refs";
        match self.found.object_marking_refs {
            None => Vec::new(),
            Some(Value::List(items)) => items.iter().filter_map(|item| self.marking(name, item)).collect(),
            Some(other) => {
                self.wrong_type(name, "a list of identifiers", other);
                Vec::new()
            }
        }
    }

    fn marking(&mut self, name: &str, item: &Value<'_>) -> Option<StixId> {
        let Some(text) = item.as_text() else {
            self.wrong_type(name, "a list of identifiers", item);
            return None;
        };
        let id = self.parsed_id(name, text)?;
        if id.object_type() != "marking-definition" {
            let message = format!("`{id}` is no marking; refer to a `marking-definition`");
            self.fault(name, Rule::Identifier, message);
        }
        Some(id)
    }

    fn parsed_id(&mut self, name: &str, text: &str) -> Option<StixId> {
        match StixId::parse(text) {
            Ok(id) => Some(id),
            Err(error) => {
                self.fault(
                    name,
                    Rule::Identifier,
                    format!("`{}` is not an identifier: {error}", quote(text)),
                );
                None
            }
        }
    }

    fn timestamp(&mut self, name: &str, value: Option<&'value Value<'_>>) -> Option<StixTimestamp> {
        let text = self.text(name, value)?;
        match StixTimestamp::parse(text) {
            Ok(timestamp) => Some(timestamp),
            Err(error) => {
                self.fault(name, Rule::Timestamp, format!("`{}` is not a timestamp: {error}", quote(text)));
                None
            }
        }
    }

    /// Which of the two times must be there depends on the kind; a type we do not know must at least not have half.
    fn require_times(&mut self, kind: ObjectKind) {
        let times = [("created", self.found.created.is_some()), ("modified", self.found.modified.is_some())];
        let has_any = times.iter().any(|(_, is_there)| *is_there);
        let required: &[&str] = match kind {
            ObjectKind::Domain | ObjectKind::Relationship | ObjectKind::Meta => &["created", "modified"],
            ObjectKind::Custom if has_any => &["created", "modified"],
            ObjectKind::Marking => &["created"],
            ObjectKind::Observable | ObjectKind::Custom | ObjectKind::Bundle => &[],
        };
        for (name, _) in times.iter().filter(|(name, is_there)| !is_there && required.contains(name)) {
            self.fault(name, Rule::Missing, format!("`{name}` is required here; add it"));
        }
    }

    fn spec_version(&mut self) -> Option<String> {
        let version = self.text("spec_version", self.found.spec_version)?;
        if !matches!(version, "2.0" | "2.1") {
            let message = format!("`{}` is not read; use `2.1`", quote(version));
            self.fault("spec_version", Rule::SpecVersion, message);
        }
        Some(version.to_owned())
    }

    /// Observables and marking definitions have no such property; what is there under its name is somebody's own.
    fn revoked(&mut self, kind: ObjectKind) -> bool {
        match (self.found.revoked, kind) {
            (Some(Value::Bool(value)), _) => *value,
            (None, _) | (Some(_), ObjectKind::Observable | ObjectKind::Marking) => false,
            (
                Some(other),
                ObjectKind::Domain
                | ObjectKind::Relationship
                | ObjectKind::Meta
                | ObjectKind::Bundle
                | ObjectKind::Custom,
            ) => {
                self.wrong_type("revoked", "true or false", other);
                false
            }
        }
    }

    fn name(&mut self, kind: ObjectKind) -> Option<String> {
        if kind.is_specified() {
            return self.text("name", self.found.name).map(str::to_owned);
        }
        self.found.name.and_then(Value::as_text).map(str::to_owned)
    }

    /// Texts that only specified types promise to be text; in others' types they may be anything.
    fn check_described(&mut self, kind: ObjectKind) {
        if kind.is_specified() {
            self.text("description", self.found.description);
            self.text("pattern", self.found.pattern);
            self.text("value", self.found.value);
        }
    }

    fn required_text(&mut self, name: &str, value: Option<&'value Value<'_>>) -> Option<&'value str> {
        if value.is_none() {
            self.fault(name, Rule::Missing, format!("`{name}` is required; add it"));
        }
        self.text(name, value)
    }

    fn text(&mut self, name: &str, value: Option<&'value Value<'_>>) -> Option<&'value str> {
        let text = value?.as_text();
        if text.is_none() {
            self.wrong_type(name, "text", value?);
        }
        text
    }

    fn wrong_type(&mut self, name: &str, wanted: &str, found: &Value<'_>) {
        self.fault(name, Rule::WrongType, format!("`{name}` is {}; make it {wanted}", found.kind()));
    }

    fn fault(&mut self, name: &str, rule: Rule, message: String) {
        if self.faults.len() < FAULTS_MAX {
            self.faults.push(Fault::of_property(name, rule, message));
        }
    }
}
