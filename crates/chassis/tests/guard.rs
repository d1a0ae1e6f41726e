//! What a call passes before its handler, over real mutual TLS: caller, token, deadline, limits, trace.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[allow(dead_code, reason = "each test file uses its part of the shared support")]
#[path = "support/mesh.rs"]
mod mesh;

use std::time::Duration;

use entente_chassis::{
    identity::Caller,
    server::ServerConfig,
    status::{self, ErrorReason},
    tls::TlsIdentity,
};
use entente_proto::{
    alerting::v1::{StreamAlertsRequest, alerting_service_client::AlertingServiceClient},
    audit::v1::{
        AppendRequest, AuditRecord, GetLogRequest, GetRecordRequest, InstallAuthorityRequest,
        ListRecordsRequest, audit_service_client::AuditServiceClient,
    },
};
use futures::StreamExt;
use mesh::{BROKEN_EPOCH, Mesh, channel, domain, mira, service};
use tonic::{Code, Request, Status};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn reason(status: &Status) -> Option<ErrorReason> {
    status::reason_of(status)
}

fn with_token<T>(message: T, token: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("txn-token", token.parse().unwrap());
    request
}

/// An Append that waits at the gate.
fn gated() -> AppendRequest {
    AppendRequest { records: vec![AuditRecord::default()] }
}

#[tokio::test]
async fn only_the_workloads_a_policy_names_are_let_in() {
    let mesh = Mesh::new();
    let served = mesh.serve("audit", ServerConfig::default()).await;
    let append = async |caller: &Caller| {
        AuditServiceClient::new(mesh.channel(&served, caller)).append(AppendRequest::default()).await
    };
    append(&service("intake")).await.unwrap();
    for stranger in [service("gateway"), service("audit"), mira()] {
        let refused = append(&stranger).await.unwrap_err();
        assert_eq!(refused.code(), Code::PermissionDenied, "{stranger:?}");
        assert_eq!(reason(&refused), Some(ErrorReason::CallerNotAllowed));
    }
    let mut intake = AuditServiceClient::new(mesh.channel(&served, &service("intake")));
    let refused = intake.install_authority(InstallAuthorityRequest::default()).await.unwrap_err();
    assert_eq!(reason(&refused), Some(ErrorReason::CallerNotAllowed));
    assert_eq!(served.probe.calls.lock().unwrap().len(), 1, "a refused call reaches no handler");
}

#[tokio::test]
async fn a_handler_sees_the_certificate_and_the_claims() {
    let mesh = Mesh::new();
    let served = mesh.serve("audit", ServerConfig::default()).await;
    let mut client = AuditServiceClient::new(mesh.channel(&served, &mira()));
    let token = mesh.token(&mesh.claims("VLD-COAST/mira", "read audit"));
    client.list_records(with_token(ListRecordsRequest::default(), &token)).await.unwrap();
    let call = served.probe.last_call();
    assert_eq!(call.peer().caller, mira());
    assert_ne!(call.peer().certificate_sha256, [0; 32]);
    assert_eq!(call.claims().unwrap().sub, "VLD-COAST/mira");
    assert_eq!(call.token(), Some(token.as_str()));
    assert_eq!(call.method(), "/entente.audit.v1.AuditService/ListRecords");
    let onward = call.outgoing(());
    assert_eq!(onward.metadata().get("txn-token").unwrap(), token.as_str());
    assert_eq!(onward.metadata().get("traceparent").unwrap(), call.traceparent().as_str());
    assert!(onward.metadata().contains_key("grpc-timeout"));
}

#[tokio::test]
async fn a_call_that_needs_a_token_is_refused_without_a_fitting_one() {
    let mesh = Mesh::new();
    let served = mesh.serve("audit", ServerConfig::default()).await;
    let mut client = AuditServiceClient::new(mesh.channel(&served, &mira()));
    let mut expired = mesh.claims("VLD-COAST/mira", "audit");
    expired.iat -= 600;
    expired.exp -= 600;
    let mut elsewhere = mesh.claims("VLD-COAST/mira", "audit");
    elsewhere.aud = "other.test".to_owned();
    let foreign = Mesh::new();
    let tokens = [
        (mesh.token(&expired), ErrorReason::TokenExpired),
        (mesh.token(&elsewhere), ErrorReason::TokenInvalid),
        (foreign.token(&foreign.claims("VLD-COAST/mira", "audit")), ErrorReason::TokenInvalid),
        ("not.a.token".to_owned(), ErrorReason::TokenInvalid),
        (mesh.token(&mesh.claims("ORS-CERT/tomas", "audit")), ErrorReason::TokenSubjectMismatch),
        (mesh.token(&mesh.claims("VLD-COAST/mir", "audit")), ErrorReason::TokenSubjectMismatch),
        (mesh.token(&mesh.claims("VLD-COAST/mira", "read auditor")), ErrorReason::TokenScope),
    ];
    for (token, expected) in tokens {
        let refused =
            client.list_records(with_token(ListRecordsRequest::default(), &token)).await.unwrap_err();
        assert_eq!(reason(&refused), Some(expected), "{refused}");
        assert_eq!(refused.code(), status::code(expected));
    }
    let refused = client.list_records(ListRecordsRequest::default()).await.unwrap_err();
    assert_eq!(reason(&refused), Some(ErrorReason::TokenMissing));
    // Where the policy names no action, any scope will do: the handler is reached and finds nothing.
    let token = mesh.token(&mesh.claims("VLD-COAST/mira", "read"));
    let absent = client.get_record(with_token(GetRecordRequest::default(), &token)).await.unwrap_err();
    assert_eq!(reason(&absent), Some(ErrorReason::NotFound));
}

#[tokio::test]
async fn a_call_that_takes_too_long_ends_with_our_reason() {
    let mesh = Mesh::new();
    let config = ServerConfig { call_time_max: Duration::from_millis(150), ..ServerConfig::default() };
    let served = mesh.serve("audit", config).await;
    let mut client = AuditServiceClient::new(mesh.channel(&served, &service("intake")));
    let refused = client.append(gated()).await.unwrap_err();
    assert_eq!(refused.code(), Code::DeadlineExceeded);
    assert_eq!(reason(&refused), Some(ErrorReason::DeadlineExceeded));
}

#[tokio::test]
async fn a_client_shortens_the_deadline_and_peers_are_given_what_is_left_of_it() {
    let mesh = Mesh::new();
    let served = mesh.serve("audit", ServerConfig::default()).await;
    let mut client = AuditServiceClient::new(mesh.channel(&served, &service("intake")));
    client.append(AppendRequest::default()).await.unwrap();
    let most = ServerConfig::default().call_time_max;
    assert!(served.probe.last_call().time_left() > most / 2);
    let mut request = Request::new(gated());
    request.set_timeout(Duration::from_millis(100));
    client.append(request).await.unwrap_err();
    let call = served.probe.last_call();
    assert!(call.time_left() < Duration::from_millis(100));
    assert!(call.outgoing(()).metadata().contains_key("grpc-timeout"));
}

#[tokio::test]
async fn a_stream_has_a_deadline_only_if_its_client_sets_one() {
    let mesh = Mesh::new();
    let config = ServerConfig { call_time_max: Duration::from_millis(100), ..ServerConfig::default() };
    let served = mesh.serve("alerting", config).await;
    let mut client = AlertingServiceClient::new(mesh.channel(&served, &mira()));
    let token = mesh.token(&mesh.claims("VLD-COAST/mira", "subscribe"));
    let open = || futures::stream::pending::<StreamAlertsRequest>();
    let mut endless = client.stream_alerts(with_token(open(), &token)).await.unwrap().into_inner();
    let mut request = with_token(open(), &token);
    request.set_timeout(Duration::from_millis(300));
    let mut limited = client.stream_alerts(request).await.unwrap().into_inner();
    assert!(endless.next().await.unwrap().is_ok());
    assert!(limited.next().await.unwrap().is_ok());
    let ended = limited.next().await.unwrap().unwrap_err();
    assert_eq!(reason(&ended), Some(ErrorReason::DeadlineExceeded), "{ended}");
    // The other one has outlived the longest unary call by now, and ends only with the service.
    served.running.drain().await;
    assert_eq!(reason(&endless.next().await.unwrap().unwrap_err()), Some(ErrorReason::Draining));
}

#[tokio::test]
async fn no_stream_outlives_the_certificate_it_was_opened_with() {
    let mesh = Mesh::new();
    let served = mesh.serve("alerting", ServerConfig::default()).await;
    // Certificates count in seconds: what has begun of this one may be nearly over.
    let files = mesh.files_for(&mira(), Duration::from_millis(2_500));
    let identity = TlsIdentity::load(files, domain()).unwrap();
    let mut client = AlertingServiceClient::new(channel(&served, &identity));
    let token = mesh.token(&mesh.claims("VLD-COAST/mira", "subscribe"));
    let open = || with_token(futures::stream::pending::<StreamAlertsRequest>(), &token);
    let mut alerts = client.stream_alerts(open()).await.unwrap().into_inner();
    assert!(alerts.next().await.unwrap().is_ok());
    let ended = tokio::time::timeout(Duration::from_secs(5), alerts.next()).await.unwrap();
    assert!(ended.unwrap().is_err());
    served.running.drain().await;
}

#[tokio::test]
async fn a_new_certificate_is_used_at_once_and_no_call_is_lost_over_it() {
    let mesh = Mesh::new();
    let served = mesh.serve("audit", ServerConfig::default()).await;
    let identity = mesh.identity(&service("intake"));
    let client = AuditServiceClient::new(channel(&served, &identity));
    let waiting = tokio::spawn({
        let mut client = client.clone();
        async move { client.append(gated()).await }
    });
    served.probe.wait_entered().await;
    let certificate = || served.probe.last_call().peer().certificate_sha256;
    let first = certificate();
    for _ in 0..3 {
        let before = certificate();
        mesh.files(&service("intake"));
        identity.reload().unwrap();
        let calls = (0..20).map(|_| {
            let mut client = client.clone();
            async move { client.append(AppendRequest::default()).await }
        });
        for answer in futures::future::join_all(calls).await {
            answer.unwrap();
        }
        assert_ne!(certificate(), before);
    }
    assert_ne!(certificate(), first);
    served.probe.gate.add_permits(1);
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_exceeds_the_limit_is_shed_at_once_and_told_when_to_return() {
    let mesh = Mesh::new();
    let served = mesh.serve("audit", ServerConfig { calls_max: 1, ..ServerConfig::default() }).await;
    let client = AuditServiceClient::new(mesh.channel(&served, &service("intake")));
    let first = tokio::spawn({
        let mut client = client.clone();
        async move { client.append(gated()).await }
    });
    served.probe.wait_entered().await;
    let refused = client.clone().append(AppendRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    let described = status::describe(&refused);
    assert_eq!(described.reason, Some(ErrorReason::Overloaded));
    assert!(described.retry_after.is_some());
    // A probe is answered all the same.
    let mut health = HealthClient::new(mesh.channel(&served, &service("intake")));
    health.check(HealthCheckRequest::default()).await.unwrap();
    served.probe.gate.add_permits(1);
    first.await.unwrap().unwrap();
    client.clone().append(AppendRequest::default()).await.unwrap();
}

#[tokio::test]
async fn one_connection_too_many_is_closed_and_the_others_go_on() {
    let mesh = Mesh::new();
    let served = mesh.serve("audit", ServerConfig { connections_max: 1, ..ServerConfig::default() }).await;
    let mut first = AuditServiceClient::new(mesh.channel(&served, &service("intake")));
    first.append(AppendRequest::default()).await.unwrap();
    let second = AuditServiceClient::new(mesh.channel(&served, &service("access")))
        .append(AppendRequest::default())
        .await;
    assert_eq!(second.unwrap_err().code(), Code::Unavailable);
    first.append(AppendRequest::default()).await.unwrap();
}

#[tokio::test]
async fn a_handler_that_panics_fails_its_call_and_no_other() {
    let mesh = Mesh::new();
    let served = mesh.serve("audit", ServerConfig::default()).await;
    let client = AuditServiceClient::new(mesh.channel(&served, &service("access")));
    let waiting = tokio::spawn({
        let mut client = client.clone();
        async move { client.append(gated()).await }
    });
    served.probe.wait_entered().await;
    let broken = InstallAuthorityRequest { epoch: BROKEN_EPOCH, ..InstallAuthorityRequest::default() };
    let failed = client.clone().install_authority(broken).await.unwrap_err();
    assert_eq!(reason(&failed), Some(ErrorReason::Internal));
    served.probe.gate.add_permits(1);
    waiting.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_trace_is_continued_or_begun_and_stands_in_every_refusal() {
    let mesh = Mesh::new();
    let served = mesh.serve("audit", ServerConfig::default()).await;
    let mut client = AuditServiceClient::new(mesh.channel(&served, &mira()));
    let mut request = Request::new(GetLogRequest {});
    request.metadata_mut().insert("traceparent", TRACEPARENT.parse().unwrap());
    client.get_log(request).await.unwrap();
    let call = served.probe.last_call();
    assert_eq!(hex::encode(call.trace_id()), "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_ne!(hex::encode(call.span_id()), "00f067aa0ba902b7");
    client.get_log(GetLogRequest {}).await.unwrap();
    assert_ne!(served.probe.last_call().trace_id(), [0; 16]);

    let mut request = Request::new(AppendRequest::default());
    request.metadata_mut().insert("traceparent", TRACEPARENT.parse().unwrap());
    let refused = client.append(request).await.unwrap_err();
    assert_eq!(status::describe(&refused).trace_id.as_deref(), Some("4bf92f3577b34da6a3ce929d0e0e4736"));
}

#[tokio::test]
async fn messages_too_large_or_of_another_shape_are_refused_in_our_words() {
    let mesh = Mesh::new();
    let served = mesh.serve("audit", ServerConfig::default()).await;
    let channel = mesh.channel(&served, &service("intake"));
    let record = AuditRecord { record_id: vec![0; 5 * 1024 * 1024].into(), ..AuditRecord::default() };
    let refused =
        AuditServiceClient::new(channel.clone()).append(AppendRequest { records: vec![record] }).await;
    assert_eq!(reason(&refused.unwrap_err()), Some(ErrorReason::TooLarge));

    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/entente.audit.v1.AuditService/Append");
    let codec = tonic_prost::ProstCodec::<prost_types::Timestamp, prost_types::Timestamp>::default();
    let number = Request::new(prost_types::Timestamp { seconds: 5, nanos: 0 });
    let refused = grpc.unary(number, path, codec).await.unwrap_err();
    assert_eq!(reason(&refused), Some(ErrorReason::FieldInvalid), "{refused}");
}

#[tokio::test]
async fn a_method_nobody_serves_is_unimplemented_whoever_asks() {
    let mesh = Mesh::new();
    let served = mesh.serve("audit", ServerConfig::default()).await;
    let mut grpc = tonic::client::Grpc::new(mesh.channel(&served, &mira()));
    grpc.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/entente.intake.v1.IntakeService/GetReport");
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    let refused = grpc.unary(Request::new(()), path, codec).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    assert!(status::describe(&refused).trace_id.is_some());
}
