//! A process of one service: arguments, configuration with every fault listed, telemetry, start, and the drain that
//! SIGTERM or SIGINT asks for.

mod arguments;

use std::{
    error::Error,
    io::Write,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    sync::Arc,
};

use thiserror::Error;
use tokio::signal::unix::{SignalKind, signal};

pub use arguments::Arguments;

use crate::{
    client::{ClientError, RELOAD_EVERY},
    clock::{Clock, SystemClock},
    config::{ChassisConfig, Fault, Settings},
    metrics::Metrics,
    policy::PolicyError,
    server::{Running, ServerError},
    tasks::TaskGroup,
    telemetry::{Telemetry, TelemetryError},
    tls::{TlsError, TlsIdentity},
};

/// Exit code for wrong arguments or configuration (EX_USAGE of sysexits.h).
pub const EXIT_USAGE: u8 = 64;
/// Exit code when the service could not start (EX_UNAVAILABLE).
pub const EXIT_UNAVAILABLE: u8 = 69;
/// Exit code when the process itself could not be set up (EX_OSERR).
pub const EXIT_SYSTEM: u8 = 71;

/// What a service is given by its process.
#[derive(Clone)]
pub struct Deps {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The service's metrics.
    pub metrics: Metrics,
}

impl Deps {
    /// The machine's clock, and fresh metrics for `service`.
    pub fn system(service: &str) -> Deps {
        Deps { clock: Arc::new(SystemClock), metrics: Metrics::new(service) }
    }
}

/// Why a service did not start.
#[derive(Debug, Error)]
pub enum StartError {
    /// Its identity cannot be had.
    #[error("the service's identity cannot be had")]
    Identity(#[from] TlsError),
    /// A peer's channel cannot be built.
    #[error("a peer cannot be addressed")]
    Peer(#[from] ClientError),
    /// An RPC has no usable policy.
    #[error("the policies are not complete")]
    Policy(#[from] PolicyError),
    /// The server cannot be had.
    #[error("the server did not start")]
    Server(#[from] ServerError),
    /// Spans cannot be exported.
    #[error("telemetry did not start")]
    Telemetry(#[from] TelemetryError),
    /// Something of the service's own.
    #[error("the service did not start")]
    Other(#[source] Box<dyn Error + Send + Sync>),
}

impl StartError {
    /// Something of the service's own.
    pub fn other(error: impl Into<Box<dyn Error + Send + Sync>>) -> StartError {
        StartError::Other(error.into())
    }
}

/// A service at work.
pub struct RunningService {
    name: String,
    running: Running,
}

impl RunningService {
    /// The service `name`, served by `running`.
    pub fn new(name: &str, running: Running) -> RunningService {
        RunningService { name: name.to_owned(), running }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.running.local_addr()
    }

    /// Where its administrators' endpoint listens.
    pub fn admin_addr(&self) -> Option<SocketAddr> {
        self.running.admin_addr()
    }

    /// Says whether it can do its work now.
    pub async fn set_ready(&self, ready: bool) {
        self.running.set_ready(ready).await;
    }

    /// Ends it in good order.
    pub async fn drain(self) {
        self.running.drain().await;
    }
}

/// Runs the service `name` as this process, with the arguments of the command line.
pub fn run<C, R, S, F>(name: &str, read: R, start: S) -> ExitCode
where
    R: FnOnce(&mut Settings) -> C,
    S: FnOnce(C, Deps) -> F,
    F: Future<Output = Result<RunningService, StartError>>,
{
    match Arguments::parse(name, std::env::args().skip(1)) {
        Ok(arguments) => run_with(name, &arguments, read, start),
        Err(arguments::Ended::Help(text)) => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            ExitCode::SUCCESS
        }
        Err(arguments::Ended::Usage(text)) => {
            say(&text);
            ExitCode::from(EXIT_USAGE)
        }
    }
}

/// Runs the service `name` as this process, with the arguments given.
pub fn run_with<C, R, S, F>(name: &str, arguments: &Arguments, read: R, start: S) -> ExitCode
where
    R: FnOnce(&mut Settings) -> C,
    S: FnOnce(C, Deps) -> F,
    F: Future<Output = Result<RunningService, StartError>>,
{
    let mut settings = arguments.settings(name, std::env::vars());
    let config = read(&mut settings);
    let chassis = settings.chassis().cloned();
    if let Err(faults) = settings.finish() {
        say(&list(name, &faults, arguments.json));
        return ExitCode::from(EXIT_USAGE);
    }
    if arguments.check {
        let _ = writeln!(std::io::stdout(), "{name}: the configuration is valid");
        return ExitCode::SUCCESS;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            say(&format!("{name}: the runtime did not start: {error}\n"));
            return ExitCode::from(EXIT_SYSTEM);
        }
    };
    match runtime.block_on(serve(name, chassis, |deps| start(config, deps))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{name}: {}\n", chain(&error)));
            ExitCode::from(EXIT_UNAVAILABLE)
        }
    }
}

/// From telemetry to drain.
async fn serve<S, F>(name: &str, chassis: Option<ChassisConfig>, start: S) -> Result<(), StartError>
where
    S: FnOnce(Deps) -> F,
    F: Future<Output = Result<RunningService, StartError>>,
{
    let telemetry =
        Telemetry::init(&chassis.as_ref().map(|chassis| chassis.telemetry.clone()).unwrap_or_default())?;
    let mut terminate = signal(SignalKind::terminate()).map_err(StartError::other)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(StartError::other)?;
    let exporting = TaskGroup::new("telemetry");
    let stopped = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    tokio::pin!(stopped);
    let started = tokio::select! {
        started = start(Deps::system(name)) => started?,
        () = &mut stopped => return Ok(()),
    };
    if let Some(chassis) = chassis {
        let identity = TlsIdentity::load(chassis.tls.clone(), chassis.trust_domain.clone())?;
        identity.spawn_reloader(&exporting, RELOAD_EVERY);
        export_spans(&telemetry, &started, &chassis, &identity).await?;
    }
    stopped.await;
    started.drain().await;
    telemetry.shutdown().await;
    exporting.shutdown(std::time::Duration::ZERO).await;
    Ok(())
}

/// Sends the spans of a started service where its configuration says. The service that receives spans sends its own to
/// itself.
///
/// # Errors
///
/// When the exporter cannot be built.
pub async fn export_spans(
    telemetry: &Telemetry,
    service: &RunningService,
    chassis: &ChassisConfig,
    identity: &TlsIdentity,
) -> Result<(), TelemetryError> {
    let address = telemetry.peer().and_then(|peer| {
        if peer == service.name() {
            Some(reachable(service.local_addr()).to_string())
        } else {
            chassis.peers.get(peer).cloned()
        }
    });
    telemetry.export(service.name(), identity, address.as_deref()).await
}

/// An address this machine reaches itself under.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => (Ipv4Addr::LOCALHOST, address.port()).into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => (Ipv6Addr::LOCALHOST, address.port()).into(),
        IpAddr::V4(_) | IpAddr::V6(_) => address,
    }
}

/// Every fault, for people or as JSON.
fn list(name: &str, faults: &[Fault], json: bool) -> String {
    if json {
        let fault = |fault: &Fault| serde_json::json!({ "key": fault.key, "problem": fault.problem, "expected": fault.expected });
        let faults: Vec<serde_json::Value> = faults.iter().map(fault).collect();
        return format!("{}\n", serde_json::json!({ "service": name, "faults": faults }));
    }
    let lines: String = faults.iter().map(|fault| format!("  {fault}\n")).collect();
    format!("{name}: the configuration has {} faults:\n{lines}", faults.len())
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// To standard error; that nobody reads it is no reason to stop.
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
