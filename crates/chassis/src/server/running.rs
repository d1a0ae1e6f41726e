//! A server at work, and its orderly end.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{task::JoinHandle, time::Instant};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::{limits::Limits, standard::Health};
use crate::tasks::TaskGroup;

/// Longest the last answers may take to leave the socket, and idle connections to be closed by their clients.
const FLUSH_TIME_MAX: Duration = Duration::from_millis(500);

/// What a running server is made of.
pub(super) struct Parts {
    pub(super) name: String,
    pub(super) local_addr: SocketAddr,
    pub(super) admin_addr: Option<SocketAddr>,
    pub(super) drain_notice: Duration,
    pub(super) drain_time_max: Duration,
    pub(super) health: Health,
    pub(super) ready: Arc<AtomicBool>,
    pub(super) limits: Limits,
    /// Stops accepting connections and calls.
    pub(super) stop: CancellationToken,
    /// Cuts what is left.
    pub(super) kill: CancellationToken,
    pub(super) acceptor: JoinHandle<()>,
    pub(super) served: JoinHandle<()>,
    pub(super) admin: Option<JoinHandle<()>>,
    pub(super) tasks: TaskGroup,
}

/// A server at work. Dropping it cuts every connection; [`Running::drain`] ends it in good order.
pub struct Running {
    parts: Parts,
    _stop: DropGuard,
    _kill: DropGuard,
}

impl Running {
    pub(super) fn new(parts: Parts) -> Running {
        let (stop, kill) = (parts.stop.clone().drop_guard(), parts.kill.clone().drop_guard());
        Running { parts, _stop: stop, _kill: kill }
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.parts.local_addr
    }

    /// Where the administrators' endpoint listens.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.parts.admin_addr
    }

    /// Says whether the service can do its work now: health v1 and /readyz. It is ready from the start.
    pub async fn set_ready(&self, ready: bool) {
        self.parts.ready.store(ready, Ordering::Relaxed);
        self.parts.health.report(ready).await;
    }

    /// Ends the server: NOT_SERVING; no new connections and calls; unary calls finish; the service's tasks are told to
    /// stop, and with them streams end; what is left when the time is up is cut.
    pub async fn drain(self) {
        self.set_ready(false).await;
        if !self.parts.drain_notice.is_zero() {
            tokio::time::sleep(self.parts.drain_notice).await;
        }
        let Running { mut parts, .. } = self;
        tracing::info!(service = parts.name, "draining");
        parts.stop.cancel();
        let end = Instant::now() + parts.drain_time_max;
        // Tasks live as long as unary calls, which may wait for what a task does.
        let calls_done = tokio::time::timeout_at(end, parts.limits.calls.none_taken()).await.is_ok();
        let tasks_done = parts.tasks.shutdown(end.saturating_duration_since(Instant::now()));
        let streams_done = tokio::time::timeout_at(end, parts.limits.streams.none_taken());
        let ((), streams_done) = tokio::join!(tasks_done, streams_done);
        if !calls_done || streams_done.is_err() {
            tracing::warn!(service = parts.name, "calls were cut: they did not end in time");
        }
        parts.health.end_watches().await;
        let flushed = tokio::time::timeout(FLUSH_TIME_MAX, &mut parts.served).await.is_ok();
        parts.kill.cancel();
        // They end at once: there is nothing left to read from.
        if !flushed {
            log_panic(&parts.name, parts.served.await);
        }
        log_panic(&parts.name, parts.acceptor.await);
        if let Some(admin) = parts.admin {
            log_panic(&parts.name, admin.await);
        }
        tracing::info!(service = parts.name, "stopped");
    }
}

fn log_panic(service: &str, ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(service, %error, "a task of the server did not end by itself");
    }
}
