//! The standard services every server has: health v1 and reflection v1, for any caller with a certificate of the mesh.

use tonic::service::Routes;
use tonic_health::{
    ServingStatus,
    pb::health_server::HealthServer,
    server::{HealthReporter, HealthService},
};
use tonic_reflection::server::{Builder, Error};

use crate::policy::Policies;

/// Methods of health and reflection.
const METHODS: [&str; 3] = [
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
];

/// What a liveness probe asks for: serving as long as the process answers, also while it drains.
const LIVENESS: &str = "liveness";

/// Health and reflection of one server.
pub(super) struct Standard {
    health: Health,
    add: Box<dyn FnOnce(Routes) -> Routes + Send>,
}

impl Standard {
    /// For a server of the named services.
    pub(super) async fn build(services: &[String]) -> Result<Standard, Error> {
        let mut reflection = Builder::configure()
            .register_encoded_file_descriptor_set(entente_proto::FILE_DESCRIPTOR_SET)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
            .with_service_name("grpc.health.v1.Health")
            .with_service_name("grpc.reflection.v1.ServerReflection");
        for service in services {
            reflection = reflection.with_service_name(service);
        }
        let reflection = reflection.build_v1()?;
        let reporter = HealthReporter::new();
        let server = HealthServer::new(HealthService::from_health_reporter(reporter.clone()));
        reporter.set_service_status(LIVENESS, ServingStatus::Serving).await;
        // The empty name stands for the whole server.
        let names = std::iter::once(String::new()).chain(services.iter().cloned()).collect();
        let health = Health { reporter, names };
        health.report(true).await;
        let add = Box::new(|routes: Routes| routes.add_service(server).add_service(reflection));
        Ok(Standard { health, add })
    }

    /// Lets every authenticated caller in.
    pub(super) fn allow(policies: &mut Policies) {
        METHODS.iter().for_each(|path| policies.allow_authenticated(path));
    }

    /// Health alone, for the administrators' endpoint.
    pub(super) fn probe(&self) -> Routes {
        Routes::new(HealthServer::new(HealthService::from_health_reporter(self.health.reporter.clone())))
    }

    /// Adds both to the service's routes, and gives what reports the health.
    pub(super) fn add_to(self, routes: Routes) -> (Routes, Health) {
        ((self.add)(routes), self.health)
    }
}

/// What health says.
pub(super) struct Health {
    reporter: HealthReporter,
    names: Vec<String>,
}

impl Health {
    /// Says SERVING or NOT_SERVING for the server and each of its services.
    pub(super) async fn report(&self, serving: bool) {
        let status = if serving { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in &self.names {
            self.reporter.set_service_status(name, status).await;
        }
    }

    /// Ends every open Watch, which would hold its connection open.
    pub(super) async fn end_watches(&mut self) {
        for name in &self.names {
            self.reporter.clear_service_status(name).await;
        }
    }
}
