//! The whole mesh in one process: four services with their own identities, stores and ports, talking to each other over
//! real mutual TLS as they would on four machines.

mod certificates;
mod folder;
mod people;
mod service;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    time::Duration,
};

use entente_chassis::{
    client::{self, PeerConfig},
    identity::TrustDomain,
    run::RunningService,
    tasks::TaskGroup,
    telemetry::{Telemetry, TelemetryConfig},
    tls::TlsIdentity,
};
use entente_proto::audit::v1::{GetLogRequest, GetLogResponse, audit_service_client::AuditServiceClient};
use tonic::Request;

use crate::{
    exit::Failure,
    profile::{ENDPOINTS, Endpoints},
};

use certificates::Certificates;
use folder::Folder;
pub(crate) use people::DEFAULT_PROFILE;
pub(crate) use service::Service;

/// Trust domain of a mesh on one machine. `.example` is reserved: no real mesh is called so.
const TRUST_DOMAIN: &str = "entente.example";
/// Longest a call while starting may take.
const START_LIMIT: Duration = Duration::from_secs(10);
/// How long stopping may take before what still runs is dropped.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// What a mesh is started with.
pub(crate) struct MeshOptions {
    /// Folder of everything it keeps.
    pub(crate) data: PathBuf,
    /// Address the services listen on.
    pub(crate) listen: IpAddr,
    /// Logs and traces; spans go to the audit service.
    pub(crate) telemetry: TelemetryConfig,
}

/// A running mesh.
pub(crate) struct Mesh {
    folder: Folder,
    certificates: Certificates,
    listen: IpAddr,
    running: BTreeMap<Service, RunningService>,
    addresses: BTreeMap<Service, SocketAddr>,
    admin: BTreeMap<Service, SocketAddr>,
    endpoints: Option<Endpoints>,
    telemetry: Telemetry,
    tasks: TaskGroup,
}

impl Mesh {
    /// Starts every service, each after those it calls; `started` hears of each.
    pub(crate) async fn start(
        options: MeshOptions,
        started: impl Fn(Service, SocketAddr),
    ) -> Result<Mesh, Failure> {
        let folder = Folder::open(&options.data)?;
        let telemetry = Telemetry::init(&options.telemetry)
            .map_err(|error| Failure::usage(error.to_string()).detail("RUST_LOG holds the log filter"))?;
        let trust_domain: TrustDomain =
            TRUST_DOMAIN.parse().map_err(|error| Failure::internal(format!("{TRUST_DOMAIN}: {error}")))?;
        let certificates = Certificates::open(&folder.path().join("pki"), trust_domain)?;
        people::write(&folder, &certificates)?;
        let previous = Endpoints::read(&folder.path().join(ENDPOINTS)).ok();
        let mut mesh = Mesh {
            folder,
            certificates,
            listen: options.listen,
            running: BTreeMap::new(),
            addresses: BTreeMap::new(),
            admin: BTreeMap::new(),
            endpoints: None,
            telemetry,
            tasks: TaskGroup::new("up"),
        };
        for service in Service::IN_ORDER {
            mesh.choose_ports(service, previous.as_ref());
            mesh.start_service(service).await?;
            mesh.export_spans(service).await?;
            started(service, mesh.address(service));
        }
        let endpoints = mesh.find_endpoints().await?;
        mesh.folder.write(ENDPOINTS, &endpoints.to_json()?)?;
        mesh.endpoints = Some(endpoints);
        mesh.certificates.spawn_renewal(&mesh.tasks);
        Ok(mesh)
    }

    /// Where it listens.
    pub(crate) fn endpoints(&self) -> Result<&Endpoints, Failure> {
        self.endpoints.as_ref().ok_or_else(|| Failure::internal("the mesh has not started"))
    }

    /// Its folder.
    pub(crate) fn data(&self) -> &Path {
        self.folder.path()
    }

    /// Starts one service, where it listened before if it has run.
    pub(crate) async fn start_service(&mut self, service: Service) -> Result<(), Failure> {
        let place = service::Place {
            trust_domain: TRUST_DOMAIN.to_owned(),
            tls: self.certificates.service(service.name()),
            listen: self.address(service),
            admin_listen: self.admin.get(&service).copied().unwrap_or(any_port(Ipv4Addr::LOCALHOST.into())),
            peers: self.peers(service),
            data_dir: self.folder.service(service.name())?,
            registry: self.folder.path().join(people::REGISTRY),
        };
        let running = service::start(service, place).await?;
        self.addresses.insert(service, running.local_addr());
        if let Some(admin) = running.admin_addr() {
            self.admin.insert(service, admin);
        }
        self.running.insert(service, running);
        Ok(())
    }

    /// Stops one service as SIGTERM would.
    pub(crate) async fn stop_service(&mut self, service: Service) {
        if let Some(running) = self.running.remove(&service) {
            running.drain().await;
        }
    }

    /// Stops every service, each before those it calls. The last spans leave before audit, which keeps them.
    pub(crate) async fn stop(mut self) {
        for service in Service::IN_ORDER.into_iter().rev() {
            if service == Service::Audit {
                self.telemetry.flush().await;
            }
            self.stop_service(service).await;
        }
        self.telemetry.shutdown().await;
        self.tasks.shutdown(STOP_PATIENCE).await;
    }

    /// A mesh that was stopped comes back under the same addresses where they are free.
    fn choose_ports(&mut self, service: Service, previous: Option<&Endpoints>) {
        let port = |addresses: &BTreeMap<String, String>| {
            let address: Option<SocketAddr> = addresses.get(service.name())?.parse().ok();
            address.map(|address| address.port())
        };
        let free = |ip: IpAddr, port: Option<u16>| {
            let address = SocketAddr::new(ip, port.unwrap_or(0));
            if TcpListener::bind(address).is_ok() { address } else { any_port(ip) }
        };
        let serving = previous.and_then(|previous| port(&previous.services));
        let admin = previous.and_then(|previous| port(&previous.admin));
        self.addresses.insert(service, free(self.listen, serving));
        self.admin.insert(service, free(Ipv4Addr::LOCALHOST.into(), admin));
    }

    fn address(&self, service: Service) -> SocketAddr {
        self.addresses.get(&service).copied().unwrap_or(any_port(self.listen))
    }

    fn peers(&self, service: Service) -> BTreeMap<String, String> {
        let peers = service.calls().iter();
        peers.map(|peer| (peer.name().to_owned(), reachable(self.address(*peer)).to_string())).collect()
    }

    async fn find_endpoints(&self) -> Result<Endpoints, Failure> {
        let named = |addresses: &BTreeMap<Service, SocketAddr>| {
            let named = addresses.iter();
            named
                .map(|(service, address)| (service.name().to_owned(), reachable(*address).to_string()))
                .collect()
        };
        let log = self.log().await?;
        Ok(Endpoints {
            trust_domain: TRUST_DOMAIN.to_owned(),
            services: named(&self.addresses),
            admin: named(&self.admin),
            ca: self.certificates.bundle_path(),
            log_origin: log.log_origin,
            log_verifier_key: log.verifier_key,
            profiles: people::profiles(&self.folder)?,
            default_profile: DEFAULT_PROFILE.to_owned(),
        })
    }

    /// The spans of a service go to audit as the service itself.
    async fn export_spans(&self, service: Service) -> Result<(), Failure> {
        let identity = self.identity(service)?;
        identity.spawn_reloader(&self.tasks, client::RELOAD_EVERY);
        let audit = reachable(self.address(Service::Audit)).to_string();
        let exported = self.telemetry.export(service.name(), &identity, Some(&audit)).await;
        exported.map_err(|error| Failure::internal(format!("{}: {error}", service.name())))
    }

    fn identity(&self, service: Service) -> Result<TlsIdentity, Failure> {
        TlsIdentity::load(self.certificates.service(service.name()), self.certificates.trust_domain())
            .map_err(|error| Failure::internal(format!("certificate of {}: {error}", service.name())))
    }

    /// Name and public key of the audit log, asked for as intake would.
    async fn log(&self) -> Result<GetLogResponse, Failure> {
        let peer = PeerConfig {
            service: Service::Audit.name().to_owned(),
            address: reachable(self.address(Service::Audit)).to_string(),
        };
        let channel = client::connect(&peer, &self.identity(Service::Intake)?)
            .map_err(|error| Failure::internal(format!("audit: {error}")))?;
        let mut request = Request::new(GetLogRequest {});
        request.set_timeout(START_LIMIT);
        Ok(AuditServiceClient::new(channel).get_log(request).await?.into_inner())
    }
}

/// Logs on standard error: what RUST_LOG asks for, or `usual`.
pub(crate) fn telemetry(usual: &str, trace_ratio: f64) -> TelemetryConfig {
    let log_filter = std::env::var("RUST_LOG").unwrap_or_else(|_| usual.to_owned());
    TelemetryConfig { log_filter, trace_ratio, ..TelemetryConfig::default() }
}

fn any_port(ip: IpAddr) -> SocketAddr {
    SocketAddr::new(ip, 0)
}

/// What a client on this machine connects to: an unspecified address is no destination.
fn reachable(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V6(ip) if ip.is_unspecified() => {
            SocketAddr::new(std::net::Ipv6Addr::LOCALHOST.into(), address.port())
        }
        IpAddr::V4(_) | IpAddr::V6(_) => address,
    }
}
