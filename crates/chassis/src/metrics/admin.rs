//! The administrators' endpoint: /metrics, /livez, /readyz over HTTP, and gRPC health v1 over HTTP/2, for probes that have
//! no client certificate (kubelet's). Without TLS, for the pod's own network only; it says nothing about any report.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    http::{StatusCode, header::CONTENT_TYPE},
    response::IntoResponse,
    routing::get,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use super::Metrics;

/// Content type of OpenMetrics text.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Serves until `stop`.
pub(crate) async fn serve(
    listener: TcpListener,
    metrics: Metrics,
    ready: Arc<AtomicBool>,
    health: Routes,
    stop: CancellationToken,
) {
    let encoded = move || {
        let text = metrics.encode();
        async move { ([(CONTENT_TYPE, OPEN_METRICS)], text) }
    };
    let readiness = move || {
        let ready = ready.load(Ordering::Relaxed);
        async move {
            if ready {
                "ready".into_response()
            } else {
                (StatusCode::SERVICE_UNAVAILABLE, "not ready").into_response()
            }
        }
    };
    let router = Router::new()
        .route("/metrics", get(encoded))
        .route("/livez", get(|| async { "alive" }))
        .route("/readyz", get(readiness))
        .merge(health.into_axum_router());
    let served = stop.run_until_cancelled(async { axum::serve(listener, router).await }).await;
    if let Some(Err(error)) = served {
        tracing::error!(%error, "the administrators' endpoint ended");
    }
}
