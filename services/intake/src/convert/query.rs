//! What readers ask for.

use entente_domain::ids::{OperationPath, OrganizationId};
use entente_proto::intake::v1 as wire;
use entente_stix::{id::StixId, timestamp::StixTimestamp};
use prost_types::Timestamp;

use crate::{
    app::{GetRequest, ListRequest, SearchRequest},
    error::{Error, FieldFault},
    store::{Filter, TextTerm},
};

/// Types and ids of a filter (the proto).
const TYPES_MAX: usize = 32;
const REPORT_IDS_MAX: usize = 256;
/// Ids of keys (the proto), and the digits of each.
const KEY_IDS_MAX: usize = 256;
const KEY_ID_DIGITS: usize = 16;
/// Reports of a page (the proto).
const PAGE_SIZE_MAX: u32 = 1_000;
const LIST_PAGE_SIZE_DEFAULT: u32 = 100;
const SEARCH_PAGE_SIZE_DEFAULT: u32 = 50;
/// Characters of a search expression (the proto), and its terms.
const QUERY_CHARS_MAX: usize = 500;
const TERMS_MAX: usize = 32;

/// One report.
pub(crate) fn get(request: wire::GetReportRequest) -> Result<GetRequest, Error> {
    let mut faults = Vec::new();
    let report_id = report_id("report_id", &request.report_id, &mut faults);
    if !request.version.is_empty() && StixTimestamp::parse(&request.version).is_err() {
        faults.push(FieldFault::new("version", "is not a version: send it exactly as received, or none"));
    }
    let originator = originator("originator", request.originator, &mut faults);
    let version = Some(request.version).filter(|version| !version.is_empty());
    checked(faults, GetRequest { report_id, version, originator })
}

/// A list.
pub(crate) fn list(request: wire::ListReportsRequest) -> Result<ListRequest, Error> {
    let mut faults = Vec::new();
    let filter = filter(request.filter.unwrap_or_default(), &mut faults);
    let page_size = page_size(request.page_size, LIST_PAGE_SIZE_DEFAULT, &mut faults);
    let request = ListRequest {
        filter,
        page_size,
        page_token: request.page_token,
        with_content: !request.without_content,
        with_count: request.with_count,
        newest_first: request.newest_first,
    };
    checked(faults, request)
}

/// A search.
pub(crate) fn search(request: wire::SearchReportsRequest) -> Result<SearchRequest, Error> {
    let mut faults = Vec::new();
    let filter = filter(request.filter.unwrap_or_default(), &mut faults);
    let page_size = page_size(request.page_size, SEARCH_PAGE_SIZE_DEFAULT, &mut faults);
    let request = SearchRequest {
        terms: terms(&request.query)?,
        filter,
        page_size,
        page_token: request.page_token,
        with_content: !request.without_content,
        with_count: request.with_count,
    };
    checked(faults, request)
}

/// Ids of keys.
pub(crate) fn originator_keys(request: wire::BatchGetOriginatorKeysRequest) -> Result<Vec<String>, Error> {
    let mut faults = Vec::new();
    if !(1..=KEY_IDS_MAX).contains(&request.key_ids.len()) {
        faults.push(FieldFault::new("key_ids", format!("holds 1 to {KEY_IDS_MAX} ids")));
    }
    for (index, key_id) in request.key_ids.iter().enumerate().take(KEY_IDS_MAX) {
        if key_id.len() != KEY_ID_DIGITS
            || !key_id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        {
            let wanted = format!("is not {KEY_ID_DIGITS} hexadecimal digits in lower case");
            faults.push(FieldFault::new(format!("key_ids[{index}]"), wanted));
        }
    }
    checked(faults, request.key_ids)
}

fn checked<T>(faults: Vec<FieldFault>, request: T) -> Result<T, Error> {
    if faults.is_empty() { Ok(request) } else { Err(Error::Fields(faults)) }
}

fn filter(filter: wire::ReportFilter, faults: &mut Vec<FieldFault>) -> Filter {
    if filter.types.len() > TYPES_MAX {
        faults.push(FieldFault::new("filter.types", format!("holds more than {TYPES_MAX} types")));
    }
    for (index, name) in filter.types.iter().enumerate().take(TYPES_MAX) {
        if !entente_stix::id::is_object_type(name) {
            faults.push(FieldFault::new(
                format!("filter.types[{index}]"),
                "is not a type: use a-z, 0-9 and hyphens",
            ));
        }
    }
    if filter.report_ids.len() > REPORT_IDS_MAX {
        faults.push(FieldFault::new("filter.report_ids", format!("holds more than {REPORT_IDS_MAX} ids")));
    }
    let ids = filter.report_ids.iter().enumerate().take(REPORT_IDS_MAX);
    let report_ids =
        ids.map(|(index, id)| report_id(&format!("filter.report_ids[{index}]"), id, faults)).collect();
    if !filter.operation.is_empty() && OperationPath::new(filter.operation.as_str()).is_err() {
        faults.push(FieldFault::new("filter.operation", "is not an operation path such as A/B/C"));
    }
    Filter {
        types: filter.types,
        report_ids,
        originator: originator("filter.originator", filter.originator, faults),
        operation: Some(filter.operation).filter(|path| !path.is_empty()),
        version: None,
        added_from_ms: time("filter.added_from_time", filter.added_from_time, faults),
        added_until_ms: time("filter.added_until_time", filter.added_until_time, faults),
        all_versions: filter.all_versions,
    }
}

fn report_id(field: &str, text: &str, faults: &mut Vec<FieldFault>) -> String {
    match StixId::parse(text) {
        Ok(id) => id.as_str().to_owned(),
        Err(error) => {
            faults.push(FieldFault::new(field, error.to_string()));
            String::new()
        }
    }
}

fn originator(field: &str, name: String, faults: &mut Vec<FieldFault>) -> Option<String> {
    if name.is_empty() {
        return None;
    }
    if OrganizationId::new(name.as_str()).is_err() {
        faults.push(FieldFault::new(field, "is not the name of an organization"));
    }
    Some(name)
}

/// Milliseconds, rounded up: a time between two milliseconds lies after the first.
fn time(field: &str, time: Option<Timestamp>, faults: &mut Vec<FieldFault>) -> Option<i64> {
    let Timestamp { seconds, nanos } = time?;
    let milliseconds = seconds.checked_mul(1_000).filter(|_| (0..1_000_000_000).contains(&nanos));
    if milliseconds.is_none() {
        faults.push(FieldFault::new(field, "is out of range"));
    }
    milliseconds?.checked_add(i64::from(nanos).saturating_add(999_999) / 1_000_000)
}

fn page_size(asked: u32, default: u32, faults: &mut Vec<FieldFault>) -> usize {
    if asked > PAGE_SIZE_MAX {
        faults.push(FieldFault::new("page_size", format!("is above {PAGE_SIZE_MAX}")));
    }
    usize::try_from(if asked == 0 { default } else { asked }).unwrap_or(usize::MAX)
}

/// Words, all of which must be there; "quoted phrases"; prefix*.
fn terms(query: &str) -> Result<Vec<TextTerm>, Error> {
    if query.chars().count() > QUERY_CHARS_MAX {
        return Err(Error::Search("it is longer than 500 characters"));
    }
    if query.chars().any(|c| c.is_control() && !c.is_whitespace()) {
        return Err(Error::Search("it holds control characters"));
    }
    let mut terms = Vec::new();
    let mut rest = query.trim_start();
    while let Some(first) = rest.chars().next() {
        let (term, after) = if first == '"' { phrase(rest)? } else { word(rest)? };
        terms.push(term);
        rest = after.trim_start();
    }
    match terms.len() {
        0 => Err(Error::Search("it has no word")),
        1..=TERMS_MAX => Ok(terms),
        _ => Err(Error::Search("it has more than 32 words or phrases")),
    }
}

fn phrase(rest: &str) -> Result<(TextTerm, &str), Error> {
    let inside = rest.strip_prefix('"').unwrap_or(rest);
    let (text, after) = inside.split_once('"').ok_or(Error::Search("a quotation mark is not closed"))?;
    let text = searchable(text)?;
    match after.strip_prefix('*') {
        Some(after) => Ok((TextTerm::Prefix(text), after)),
        None => Ok((TextTerm::Phrase(text), after)),
    }
}

fn word(rest: &str) -> Result<(TextTerm, &str), Error> {
    let end = rest.find(|c: char| c.is_whitespace() || c == '"').unwrap_or(rest.len());
    let (text, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
    match text.strip_suffix('*') {
        Some(start) => Ok((TextTerm::Prefix(searchable(start)?), after)),
        None => Ok((TextTerm::Phrase(searchable(text)?), after)),
    }
}

/// A term must hold at least one letter or digit. Punctuation between them parts words, as it does in the texts.
fn searchable(text: &str) -> Result<String, Error> {
    if text.chars().any(char::is_alphanumeric) {
        Ok(text.to_owned())
    } else {
        Err(Error::Search("a term has no letter or digit"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn phrase(text: &str) -> TextTerm {
        TextTerm::Phrase(text.to_owned())
    }

    #[test]
    fn words_phrases_and_prefixes_are_told_apart() {
        let parsed = terms("harbour \"north pier\" fer* 192.0.2.7 OR").unwrap();
        let prefix = TextTerm::Prefix("fer".to_owned());
        assert_eq!(
            parsed,
            [phrase("harbour"), phrase("north pier"), prefix, phrase("192.0.2.7"), phrase("OR")]
        );
    }

    #[test]
    fn what_cannot_be_searched_is_refused() {
        for bad in
            ["", "  ", "\"open", "*", "--", "\"\"", "a \"--\"", "a\u{0}b", &"a".repeat(501), &"a ".repeat(33)]
        {
            assert!(terms(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_time_between_two_milliseconds_counts_as_the_later() {
        let mut faults = Vec::new();
        assert_eq!(time("t", Some(Timestamp { seconds: 1, nanos: 1 }), &mut faults), Some(1_001));
        assert_eq!(time("t", Some(Timestamp { seconds: 1, nanos: 2_000_000 }), &mut faults), Some(1_002));
        assert!(faults.is_empty());
        time("t", Some(Timestamp { seconds: 1, nanos: -1 }), &mut faults);
        time("t", Some(Timestamp { seconds: i64::MAX, nanos: 0 }), &mut faults);
        assert_eq!(faults.len(), 2);
    }

    proptest! {
        #[test]
        fn no_expression_panics_and_every_term_can_be_found(query in "\\PC{0,60}") {
            if let Ok(terms) = terms(&query) {
                for term in terms {
                    let (TextTerm::Phrase(text) | TextTerm::Prefix(text)) = term;
                    prop_assert!(text.chars().any(char::is_alphanumeric));
                }
            }
        }
    }
}
