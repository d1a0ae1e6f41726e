//! Spans of two services of one process arrive at an OTLP receiver, each under its own resource. One test, because a
//! process has one telemetry.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[allow(dead_code, reason = "each test file uses its part of the shared support")]
#[path = "support/mesh.rs"]
mod mesh;

use std::{collections::BTreeMap, net::SocketAddr};

use entente_chassis::{
    server::ServerConfig,
    telemetry::{LogFormat, Telemetry, TelemetryConfig},
};
use entente_proto::audit::v1::{
    AppendRequest, GetLogRequest, ListRecordsRequest, audit_service_client::AuditServiceClient,
};
use mesh::{Mesh, mira, service};
use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::Span,
};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, transport::Server};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const TRACE_ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

struct Receiver(mpsc::UnboundedSender<ExportTraceServiceRequest>);

#[tonic::async_trait]
impl TraceService for Receiver {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.send(request.into_inner()).unwrap();
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn receiver() -> (SocketAddr, mpsc::UnboundedReceiver<ExportTraceServiceRequest>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, received) = mpsc::unbounded_channel();
    let server = Server::builder().add_service(TraceServiceServer::new(Receiver(sender)));
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    (address, received)
}

/// Every span received so far, by service and name.
fn by_name(
    received: &mut mpsc::UnboundedReceiver<ExportTraceServiceRequest>,
) -> BTreeMap<(String, String), Span> {
    let mut spans = BTreeMap::new();
    while let Ok(export) = received.try_recv() {
        for resource in export.resource_spans {
            let service = text(&resource.resource.unwrap().attributes, "service.name").unwrap();
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                spans.insert((service.clone(), span.name.clone()), span);
            }
        }
    }
    spans
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let value = attributes.iter().find(|entry| entry.key == key)?.value.as_ref()?.value.as_ref()?;
    if let Value::StringValue(text) = value { Some(text.clone()) } else { None }
}

fn traced<T>(message: T, sampled: bool) -> Request<T> {
    let mut request = Request::new(message);
    let flags = if sampled { "01" } else { "00" };
    let traceparent = format!("00-{TRACE_ID}-00f067aa0ba902b7-{flags}");
    request.metadata_mut().insert("traceparent", traceparent.parse().unwrap());
    request
}

#[tokio::test]
async fn each_service_exports_its_own_spans_and_standard_calls_make_none() {
    let (address, mut received) = receiver().await;
    let config = TelemetryConfig {
        otlp_endpoint: Some(format!("http://{address}")),
        log_format: LogFormat::Text,
        log_filter: "error".to_owned(),
        ..TelemetryConfig::default()
    };
    let telemetry = Telemetry::init(&config).unwrap();
    assert!(Telemetry::init(&config).is_err(), "a process has one telemetry");

    let mesh = Mesh::new();
    let audit = mesh.serve("audit", ServerConfig::default()).await;
    let second = mesh.serve("second", ServerConfig::default()).await;
    telemetry.export("audit", &mesh.identity(&service("audit")), None).await.unwrap();

    let mut mira_at_audit = AuditServiceClient::new(mesh.channel(&audit, &mira()));
    let mut list = traced(ListRecordsRequest::default(), true);
    let token = mesh.token(&mesh.claims("VLD-COAST/mira", "audit"));
    list.metadata_mut().insert("txn-token", token.parse().unwrap());
    mira_at_audit.list_records(list).await.unwrap();
    let list_span_id = audit.probe.last_call().span_id();
    HealthClient::new(mesh.channel(&audit, &mira())).check(HealthCheckRequest::default()).await.unwrap();

    // A workload's decision not to sample is followed; a subject's is not.
    let mut intake = AuditServiceClient::new(mesh.channel(&second, &service("intake")));
    intake.append(traced(AppendRequest::default(), false)).await.unwrap();
    let mut mira_at_second = AuditServiceClient::new(mesh.channel(&second, &mira()));
    mira_at_second.get_log(traced(GetLogRequest {}, false)).await.unwrap();
    // Spans of a service wait for its exporter.
    telemetry.export("second", &mesh.identity(&service("second")), None).await.unwrap();
    telemetry.flush().await;

    let spans = by_name(&mut received);
    let names: Vec<(&str, &str)> =
        spans.keys().map(|(service, name)| (service.as_str(), name.as_str())).collect();
    let list_name = "entente.audit.v1.AuditService/ListRecords";
    let log_name = "entente.audit.v1.AuditService/GetLog";
    assert_eq!(names, [("audit", list_name), ("audit", "list_records"), ("second", log_name)]);
    let list = spans.get(&("audit".to_owned(), list_name.to_owned())).unwrap();
    assert_eq!(hex::encode(&list.trace_id), TRACE_ID);
    assert_eq!(hex::encode(&list.parent_span_id), "00f067aa0ba902b7");
    assert_eq!(list.span_id, list_span_id);
    assert_eq!(text(&list.attributes, "rpc.system.name").as_deref(), Some("grpc"));
    assert_eq!(text(&list.attributes, "rpc.response.status_code").as_deref(), Some("OK"));
    let nested = spans.get(&("audit".to_owned(), "list_records".to_owned())).unwrap();
    assert_eq!(nested.parent_span_id, list.span_id);
    assert_eq!(nested.trace_id, list.trace_id);
    telemetry.shutdown().await;
}
