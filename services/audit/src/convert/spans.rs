//! OTLP spans to rows, and rows to the wire. What comes in is bounded: too long is cut, malformed is left out and counted.

use std::collections::BTreeMap;

use entente_proto::audit::v1::Span;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{AnyValue, KeyValue, any_value},
    trace::v1::{Span as OtlpSpan, status::StatusCode},
};
use prost_types::Timestamp;

use crate::store::SpanRow;

/// Spans of one export; the rest is left out.
const SPANS_MAX: usize = 4_096;
/// Attributes of a span; the rest is left out.
const ATTRIBUTES_MAX: usize = 32;
/// Characters of a name, and of an attribute's key or value; the rest is cut.
const TEXT_CHARS_MAX: usize = 256;
/// Attribute of a resource that names the service (OpenTelemetry semantic conventions).
const SERVICE_NAME: &str = "service.name";

/// The spans of an export, and how many were left out.
pub(crate) fn rows(request: ExportTraceServiceRequest) -> (Vec<SpanRow>, usize) {
    let (mut rows, mut left_out) = (Vec::new(), 0_usize);
    for resource in request.resource_spans {
        let attributes = resource.resource.map(|resource| resource.attributes).unwrap_or_default();
        let service = attributes.iter().find(|attribute| attribute.key == SERVICE_NAME);
        let service = service.map(|attribute| text(attribute.value.as_ref())).unwrap_or_default();
        for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
            match row(&span, &service).filter(|_| rows.len() < SPANS_MAX) {
                Some(row) => rows.push(row),
                None => left_out = left_out.saturating_add(1),
            }
        }
    }
    (rows, left_out)
}

fn row(span: &OtlpSpan, service_name: &str) -> Option<SpanRow> {
    let trace_id: [u8; 16] = span.trace_id.as_slice().try_into().ok()?;
    let span_id: [u8; 8] = span.span_id.as_slice().try_into().ok()?;
    let parent_span_id = match span.parent_span_id.as_slice() {
        [] => None,
        parent => Some(parent.try_into().ok()?),
    };
    let (start_ns, end_ns) =
        (i64::try_from(span.start_time_unix_nano).ok()?, i64::try_from(span.end_time_unix_nano).ok()?);
    if trace_id == [0; 16] || span_id == [0; 8] || end_ns < start_ns {
        return None;
    }
    Some(SpanRow {
        trace_id,
        span_id,
        parent_span_id,
        name: cut(&span.name),
        service_name: service_name.to_owned(),
        start_ns,
        end_ns,
        error: span.status.as_ref().is_some_and(|status| status.code == i32::from(StatusCode::Error)),
        attributes: attributes(&span.attributes),
    })
}

fn attributes(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let texts = attributes.iter().take(ATTRIBUTES_MAX);
    texts.map(|attribute| (cut(&attribute.key), text(attribute.value.as_ref()))).collect()
}

/// A value as text; lists and maps are not looked into.
fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => cut(text),
        Some(any_value::Value::BoolValue(value)) => value.to_string(),
        Some(any_value::Value::IntValue(value)) => value.to_string(),
        Some(any_value::Value::DoubleValue(value)) => value.to_string(),
        _ => String::new(),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(TEXT_CHARS_MAX).collect()
}

/// A span for the wire.
pub(crate) fn span(row: SpanRow) -> Span {
    Span {
        span_id: row.span_id.to_vec().into(),
        parent_span_id: row.parent_span_id.map(Vec::from).unwrap_or_default().into(),
        name: row.name,
        service_name: row.service_name,
        start_time: Some(nanoseconds(row.start_ns)),
        end_time: Some(nanoseconds(row.end_ns)),
        error: row.error,
        attributes: row.attributes.into_iter().collect(),
    }
}

fn nanoseconds(since_1970: i64) -> Timestamp {
    let nanos = i32::try_from(since_1970.rem_euclid(1_000_000_000)).unwrap_or_default();
    Timestamp { seconds: since_1970.div_euclid(1_000_000_000), nanos }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::{
        resource::v1::Resource,
        trace::v1::{ResourceSpans, ScopeSpans},
    };

    use super::*;

    fn good() -> OtlpSpan {
        OtlpSpan {
            trace_id: vec![1; 16],
            span_id: vec![2; 8],
            name: "GetReport".into(),
            start_time_unix_nano: 10,
            end_time_unix_nano: 20,
            ..OtlpSpan::default()
        }
    }

    fn export(spans: Vec<OtlpSpan>) -> ExportTraceServiceRequest {
        let name = AnyValue { value: Some(any_value::Value::StringValue("intake".into())) };
        let attributes =
            vec![KeyValue { key: SERVICE_NAME.into(), value: Some(name), ..KeyValue::default() }];
        let resource = Resource { attributes, ..Resource::default() };
        let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
        let resource_spans =
            ResourceSpans { resource: Some(resource), scope_spans, ..ResourceSpans::default() };
        ExportTraceServiceRequest { resource_spans: vec![resource_spans] }
    }

    #[test]
    fn a_span_carries_the_service_of_its_resource() {
        let (rows, left_out) = rows(export(vec![good()]));
        assert_eq!((rows.len(), left_out), (1, 0));
        assert_eq!((rows[0].service_name.as_str(), rows[0].parent_span_id), ("intake", None));
    }

    #[test]
    fn malformed_spans_are_left_out_and_counted() {
        let bad = [
            OtlpSpan { trace_id: vec![1; 15], ..good() },
            OtlpSpan { trace_id: vec![0; 16], ..good() },
            OtlpSpan { span_id: vec![], ..good() },
            OtlpSpan { parent_span_id: vec![1], ..good() },
            OtlpSpan { end_time_unix_nano: 9, ..good() },
            OtlpSpan { end_time_unix_nano: u64::MAX, ..good() },
        ];
        let count = bad.len();
        let (rows, left_out) = rows(export(bad.into_iter().chain([good()]).collect()));
        assert_eq!((rows.len(), left_out), (1, count));
    }

    #[test]
    fn long_names_are_cut_and_further_spans_left_out() {
        let long = OtlpSpan { name: "é".repeat(1_000), ..good() };
        let (rows, left_out) = rows(export(vec![long; SPANS_MAX + 3]));
        assert_eq!((rows.len(), left_out), (SPANS_MAX, 3));
        assert_eq!(rows[0].name.chars().count(), TEXT_CHARS_MAX);
    }
}
