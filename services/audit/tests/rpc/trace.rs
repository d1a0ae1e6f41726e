//! Spans come in over OTLP and go out with the audited trace they belong to.

use entente_chassis::status::ErrorReason;
use entente_proto::audit::v1::{GetTraceRequest, GetTraceResponse};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{ExportTraceServiceRequest, trace_service_client::TraceServiceClient},
    common::v1::{AnyValue, KeyValue, any_value},
    resource::v1::Resource,
    trace::v1::{ResourceSpans, ScopeSpans, Span},
};
use tonic::Status;

use crate::node::{Act, Node, Person, reason};

fn span(trace: u8, number: u32) -> Span {
    let text = |key: &str, text: &str| {
        let value = AnyValue { value: Some(any_value::Value::StringValue(text.to_owned())) };
        KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
    };
    Span {
        attributes: vec![text("network.peer.address", "192.0.2.7"), text("rpc.system.name", "grpc")],
        trace_id: vec![trace; 16],
        span_id: (u64::from(number) + 1).to_be_bytes().to_vec(),
        parent_span_id: if number > 0 { 1_u64.to_be_bytes().to_vec() } else { Vec::new() },
        name: format!("step {number}"),
        start_time_unix_nano: 1_000_000_000 + u64::from(number),
        end_time_unix_nano: 2_000_000_000,
        ..Span::default()
    }
}

/// A service sends spans; gives the number rejected.
async fn export(node: &Node, service: &str, spans: Vec<Span>) -> Result<i64, Status> {
    let name = AnyValue { value: Some(any_value::Value::StringValue(service.to_owned())) };
    let name = KeyValue { key: "service.name".to_owned(), value: Some(name), ..KeyValue::default() };
    let resource = Some(Resource { attributes: vec![name], ..Resource::default() });
    let scope_spans = vec![ScopeSpans { spans, ..ScopeSpans::default() }];
    let resource_spans = vec![ResourceSpans { resource, scope_spans, ..ResourceSpans::default() }];
    let mut client = TraceServiceClient::new(node.channel(&node.pki.service(service)));
    let answer = client.export(ExportTraceServiceRequest { resource_spans }).await?.into_inner();
    Ok(answer.partial_success.map_or(0, |partial| partial.rejected_spans))
}

async fn trace(person: &Person, byte: u8) -> Result<GetTraceResponse, Status> {
    let request = person.ask(GetTraceRequest { trace_id: vec![byte; 16].into() });
    Ok(person.client.clone().get_trace(request).await?.into_inner())
}

#[tokio::test]
async fn an_audited_trace_is_shown_to_those_who_may_read_a_record_of_it() {
    let node = Node::start().await;
    node.record(&[
        Act { trace: 7, items: &[("indicator--1", "ORS-CERT")], ..Act::of(1, "VLD-COAST/mira") },
        Act { trace: 7, ..Act::of(2, "VLD-COAST/mira") },
        Act { trace: 8, ..Act::of(3, "VLD-COAST/mira") },
    ])
    .await;
    assert_eq!(export(&node, "intake", vec![span(7, 2), span(7, 0)]).await.unwrap(), 0);
    assert_eq!(export(&node, "access", vec![span(7, 1), span(8, 0)]).await.unwrap(), 0);
    for (subject, actions, indices) in [
        ("VLD-COAST/mira", &[][..], vec![0, 1]),
        ("VLD-COAST/runa", &["audit"], vec![0, 1]),
        ("ORS-CERT/odo", &["audit"], vec![0]),
    ] {
        let shown = trace(&node.person(subject, actions), 7).await.unwrap();
        let names: Vec<_> =
            shown.spans.iter().map(|span| (span.name.as_str(), span.service_name.as_str())).collect();
        assert_eq!(names, [("step 0", "intake"), ("step 1", "access"), ("step 2", "intake")]);
        assert_eq!((shown.entry_indices, shown.truncated), (indices, false), "{subject}");
        let keys: Vec<_> = shown.spans.iter().flat_map(|span| span.attributes.keys()).collect();
        assert_eq!(keys, ["rpc.system.name"; 3], "from where a person called is not told");
        node.verified(&shown.receipt.unwrap()).await;
    }
}

#[tokio::test]
async fn a_trace_of_others_looks_like_one_that_is_not_there() {
    let node = Node::start().await;
    node.record(&[Act { trace: 7, ..Act::of(1, "VLD-COAST/mira") }]).await;
    export(&node, "intake", vec![span(7, 0), span(9, 0)]).await.unwrap();
    for (subject, actions) in
        [("KSI-ISAC/sef", &["audit"][..]), ("VLD-COAST/pavo", &[]), ("ORS-CERT/tomas", &[])]
    {
        let refused = trace(&node.person(subject, actions), 7).await.unwrap_err();
        let absent = trace(&node.person(subject, actions), 10).await.unwrap_err();
        assert_eq!(refused.message(), absent.message());
        assert_eq!(reason(Err::<(), _>(refused)), ErrorReason::NotFound);
    }
    let unaudited = trace(&node.auditor("VLD-COAST/runa"), 9).await;
    assert_eq!(reason(unaudited), ErrorReason::NotFound, "spans alone open nothing");
}

#[tokio::test]
async fn a_long_trace_is_cut_and_says_so() {
    let node = Node::start().await;
    node.record(&[Act { trace: 7, ..Act::of(1, "VLD-COAST/mira") }]).await;
    export(&node, "intake", (0..1_200).map(|number| span(7, number)).collect()).await.unwrap();
    let shown = trace(&node.person("VLD-COAST/mira", &[]), 7).await.unwrap();
    assert_eq!((shown.spans.len(), shown.truncated), (1_000, true));
}

#[tokio::test]
async fn malformed_spans_are_rejected_by_number_and_the_others_kept() {
    let node = Node::start().await;
    node.record(&[Act { trace: 7, ..Act::of(1, "VLD-COAST/mira") }]).await;
    let bad = Span { span_id: vec![1; 3], ..span(7, 1) };
    assert_eq!(export(&node, "alerting", vec![span(7, 0), bad]).await.unwrap(), 1);
    assert_eq!(trace(&node.person("VLD-COAST/mira", &[]), 7).await.unwrap().spans.len(), 1);
}

#[tokio::test]
async fn a_trace_id_of_another_length_is_refused() {
    let node = Node::start().await;
    let mira = node.person("VLD-COAST/mira", &[]);
    let answer = mira.client.clone().get_trace(mira.ask(GetTraceRequest::default())).await;
    assert_eq!(reason(answer), ErrorReason::FieldInvalid);
}
