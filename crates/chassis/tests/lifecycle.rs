//! Health, reflection, the administrators' endpoint, and the orderly end of a server.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[allow(dead_code, reason = "each test file uses its part of the shared support")]
#[path = "support/mesh.rs"]
mod mesh;

use std::time::Duration;

use entente_chassis::{
    server::ServerConfig,
    status::{self, ErrorReason},
};
use entente_proto::audit::v1::{AppendRequest, AuditRecord, audit_service_client::AuditServiceClient};
use futures::StreamExt;
use mesh::{Mesh, Served, mira, service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest, server_reflection_response::MessageResponse,
};

/// An Append that waits at the gate.
fn gated() -> AppendRequest {
    AppendRequest { records: vec![AuditRecord::default()] }
}

async fn http_get(served: &Served, path: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(served.running.admin_addr().unwrap()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_drain_says_so_first_and_lets_calls_finish() {
    let mesh = Mesh::new();
    let served = mesh.serve("audit", ServerConfig::default()).await;
    let intake = mesh.channel(&served, &service("intake"));
    let mut watch = HealthClient::new(mesh.channel(&served, &mira()))
        .watch(HealthCheckRequest { service: "entente.audit.v1.AuditService".to_owned() })
        .await
        .unwrap()
        .into_inner();
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let call = tokio::spawn({
        let mut client = AuditServiceClient::new(intake.clone());
        async move { client.append(gated()).await }
    });
    served.probe.wait_entered().await;
    let (address, gate) = (served.running.local_addr(), served.probe.gate.clone());
    let drain = tokio::spawn(served.running.drain());
    assert_eq!(watch.next().await.unwrap().unwrap().status(), ServingStatus::NotServing);
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    // A call on an old connection is told to go elsewhere, or finds the connection closing.
    assert!(AuditServiceClient::new(intake).append(AppendRequest::default()).await.is_err());
    assert!(!call.is_finished() && !drain.is_finished());
    gate.add_permits(1);
    call.await.unwrap().unwrap();
    drain.await.unwrap();
}

#[tokio::test]
async fn a_call_that_does_not_end_is_cut_when_the_time_is_up() {
    let mesh = Mesh::new();
    let config = ServerConfig { drain_time_max: Duration::from_millis(100), ..ServerConfig::default() };
    let served = mesh.serve("audit", config).await;
    let mut client = AuditServiceClient::new(mesh.channel(&served, &service("intake")));
    let call = tokio::spawn(async move { client.append(gated()).await });
    served.probe.wait_entered().await;
    tokio::time::timeout(Duration::from_secs(5), served.running.drain()).await.unwrap();
    assert!(call.await.unwrap().is_err());
}

#[tokio::test]
async fn health_and_reflection_answer_every_caller_of_the_mesh() {
    let mesh = Mesh::new();
    let served = mesh.serve("audit", ServerConfig::default()).await;
    for caller in [mira(), service("gateway")] {
        let mut health = HealthClient::new(mesh.channel(&served, &caller));
        let answer = health.check(HealthCheckRequest::default()).await.unwrap().into_inner();
        assert_eq!(answer.status(), ServingStatus::Serving);
    }
    let mut reflection = ServerReflectionClient::new(mesh.channel(&served, &mira()));
    let list = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut answers =
        reflection.server_reflection_info(futures::stream::iter([list])).await.unwrap().into_inner();
    let Some(MessageResponse::ListServicesResponse(listed)) =
        answers.next().await.unwrap().unwrap().message_response
    else {
        unreachable!("a list was asked for")
    };
    let names: Vec<&str> = listed.service.iter().map(|service| service.name.as_str()).collect();
    assert!(
        names.contains(&"entente.audit.v1.AuditService") && names.contains(&"grpc.health.v1.Health"),
        "{names:?}"
    );
    assert!(!names.contains(&"entente.intake.v1.IntakeService"), "only what is served here is listed");
}

#[tokio::test]
async fn operators_see_calls_by_method_and_code_and_whether_the_service_is_ready() {
    let mesh = Mesh::new();
    let config = ServerConfig { admin_listen: Some(([127, 0, 0, 1], 0).into()), ..ServerConfig::default() };
    let served = mesh.serve("audit", config).await;
    let mut client = AuditServiceClient::new(mesh.channel(&served, &service("intake")));
    client.append(AppendRequest::default()).await.unwrap();
    let mut stranger = AuditServiceClient::new(mesh.channel(&served, &mira()));
    let refused = stranger.append(AppendRequest::default()).await.unwrap_err();
    assert_eq!(status::reason_of(&refused), Some(ErrorReason::CallerNotAllowed));
    let metrics = http_get(&served, "/metrics").await;
    let append = r#"method="/entente.audit.v1.AuditService/Append""#;
    for line in [
        format!(r#"entente_rpc_started_total{{service="audit",{append}}} 2"#),
        format!(r#"entente_rpc_handled_total{{service="audit",{append},code="OK"}} 1"#),
        format!(r#"entente_rpc_handled_total{{service="audit",{append},code="PERMISSION_DENIED"}} 1"#),
        r#"entente_rpc_in_flight{service="audit"} 0"#.to_owned(),
        r#"entente_connections{service="audit"} 2"#.to_owned(),
    ] {
        assert!(metrics.contains(&line), "{line} is not in {metrics}");
    }
    assert!(http_get(&served, "/livez").await.starts_with("HTTP/1.1 200"));
    assert!(http_get(&served, "/readyz").await.starts_with("HTTP/1.1 200"));
    served.running.set_ready(false).await;
    assert!(http_get(&served, "/readyz").await.starts_with("HTTP/1.1 503"));
}

#[tokio::test]
async fn a_probe_without_certificate_hears_health_and_nothing_else() {
    let mesh = Mesh::new();
    let config = ServerConfig { admin_listen: Some(([127, 0, 0, 1], 0).into()), ..ServerConfig::default() };
    let served = mesh.serve("audit", config).await;
    let address = format!("http://{}", served.running.admin_addr().unwrap());
    let plain = tonic::transport::Endpoint::from_shared(address).unwrap().connect().await.unwrap();
    let mut health = HealthClient::new(plain.clone());
    let status = async |health: &mut HealthClient<_>, service: &str| {
        let asked = HealthCheckRequest { service: service.to_owned() };
        health.check(asked).await.unwrap().into_inner().status()
    };
    assert_eq!(status(&mut health, "").await, ServingStatus::Serving);
    served.running.set_ready(false).await;
    assert_eq!(status(&mut health, "").await, ServingStatus::NotServing);
    assert_eq!(status(&mut health, "liveness").await, ServingStatus::Serving);
    assert!(AuditServiceClient::new(plain).append(AppendRequest::default()).await.is_err());
}
