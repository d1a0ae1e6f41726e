//! Printing the canonical line. Segments come in one fixed order, so equal labels print alike.

use crate::label::{Evidence, LabelFields, Onward, PermittedUse, Tlp};
use crate::registry::Registry;
use crate::token::{CODEWORD_PREFIX, Compartment, OPERATION_PREFIX, Token};

/// The line of these fields, which must be in normal form; `open` as of `Label::is_open`.
pub(super) fn print(fields: &LabelFields, open: bool, registry: &Registry) -> String {
    let mut segments = Vec::with_capacity(8);
    if let Some(name) = fields.realm.exercise_name() {
        segments.push(format!("EXERCISE {name}"));
    }
    segments.push(levels(fields, registry));
    if fields.tlp != Tlp::Clear || open {
        segments.push(format!("TLP:{}", fields.tlp.name()));
    }
    segments.extend(compartments("OP ", OPERATION_PREFIX, &fields.comps));
    segments.extend(compartments("CW ", CODEWORD_PREFIX, &fields.comps));
    segments.extend(fields.audience.iter().map(|clause| match clause.as_slice() {
        [] => "REL TO NOBODY".to_owned(),
        tokens => format!("REL TO {}", list(tokens.iter().map(Token::to_text))),
    }));
    if !fields.excl.is_empty() {
        segments.push(format!("NOT REL TO {}", list(fields.excl.iter().map(Token::to_text))));
    }
    handling(fields, &mut segments);
    bounds(fields, &mut segments);
    segments.join("//")
}

fn levels(fields: &LabelFields, registry: &Registry) -> String {
    if fields.levels.is_empty() {
        return "NOLEVEL".to_owned();
    }
    let levels: Vec<String> =
        fields.levels.iter().map(|(domain, rank)| registry.level_text(domain, *rank)).collect();
    levels.join(" + ")
}

fn compartments(word: &str, prefix: &str, compartments: &[Compartment]) -> Option<String> {
    let mut paths = compartments.iter().filter_map(|path| path.as_str().strip_prefix(prefix)).peekable();
    paths.peek()?;
    Some(format!("{word}{}", list(paths.map(str::to_owned))))
}

/// What may be done with it and how it is handled.
fn handling(fields: &LabelFields, segments: &mut Vec<String>) {
    let onward = match fields.onward {
        Onward::Open => "ONWARD OPEN",
        Onward::Consent => "ORCON",
        Onward::None => "NO ONWARD",
    };
    let evidence = match fields.evidence {
        Evidence::Allowed => None,
        Evidence::Consent => Some("EVIDENCE CONSENT"),
        Evidence::No => Some("NO EVIDENCE"),
    };
    let permitted = (fields.permitted_use != PermittedUse::Direct)
        .then(|| format!("USE {}", fields.permitted_use.name()));
    segments.push(onward.to_owned());
    segments.extend(fields.display_only.then(|| "DISPLAY ONLY".to_owned()));
    segments.extend(permitted);
    segments.extend(evidence.map(str::to_owned));
    segments.extend(fields.attr_required.then(|| "ATTRIBUTE SOURCE".to_owned()));
    segments.extend(fields.attr_withhold.then(|| "WITHHOLD SOURCE".to_owned()));
    segments.extend(fields.personal_data.then(|| "PERSONAL DATA".to_owned()));
}

/// Purposes, vetting, dates, originators.
fn bounds(fields: &LabelFields, segments: &mut Vec<String>) {
    if let Some(purposes) = &fields.purposes {
        let purposes = list(purposes.iter().map(ToString::to_string));
        segments.push(format!("PURPOSE {}", if purposes.is_empty() { "NOTHING" } else { &purposes }));
    }
    if !fields.vetting.is_empty() {
        segments.push(format!("VETTED {}", list(fields.vetting.iter().map(ToString::to_string))));
    }
    let dates = [("FROM", fields.not_before), ("UNTIL", fields.not_after), ("REVIEW", fields.review_by)];
    segments.extend(dates.iter().filter_map(|(word, day)| day.map(|day| format!("{word} {day}"))));
    if !fields.originators.is_empty() {
        segments.push(format!("BY {}", list(fields.originators.iter().map(ToString::to_string))));
    }
}

fn list(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(", ")
}
