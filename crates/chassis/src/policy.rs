//! Who may call which RPC, read from the method option `(entente.common.v1.rpc_policy)`. What has no policy cannot be
//! served: the start fails, naming every such method at once.

use std::{collections::BTreeMap, ops::Deref};

use entente_proto::common::v1::{CallerKind, RpcPolicy};
use prost_reflect::{DescriptorPool, ExtensionDescriptor, MethodDescriptor};
use thiserror::Error;

/// Full name of the method option, number 50601.
const OPTION: &str = "entente.common.v1.rpc_policy";

/// Why policies could not be had.
#[derive(Debug, Error)]
pub enum PolicyError {
    /// The descriptor set does not decode.
    #[error("the descriptor set does not decode")]
    Descriptors(#[source] prost_reflect::DescriptorError),
    /// The descriptor set lacks the option itself.
    #[error("the descriptor set does not define `{OPTION}`")]
    NoOption,
    /// A service is not in the descriptor set.
    #[error("no service `{0}` in the descriptor set")]
    NoService(String),
    /// Methods without a usable policy, each with what is wrong.
    #[error("{}", .0.iter().map(|(path, fault)| format!("{path}: {fault}")).collect::<Vec<_>>().join("; "))]
    Methods(Vec<(String, &'static str)>),
}

/// The policy of one method.
#[derive(Debug, Clone)]
pub struct MethodPolicy {
    /// Path of the RPC, such as `/entente.intake.v1.IntakeService/GetReport`.
    pub path: String,
    /// Client or server streams: no deadline is put on it that the client did not set.
    pub streaming: bool,
    /// A standard protocol of the chassis (health, reflection, OTLP) and no act of the mesh: not traced, never shed, its
    /// answers not given our error details.
    pub standard: bool,
    /// Any workload of the mesh, whatever `services` says.
    pub(crate) any_service: bool,
    policy: RpcPolicy,
}

impl Deref for MethodPolicy {
    type Target = RpcPolicy;

    fn deref(&self) -> &RpcPolicy {
        &self.policy
    }
}

/// The policies of every method a server serves.
#[derive(Debug, Clone, Default)]
pub struct Policies {
    methods: BTreeMap<String, MethodPolicy>,
    services: Vec<String>,
}

impl Policies {
    /// Reads the policies of the named services.
    ///
    /// # Errors
    ///
    /// When a service is not there or a method has no policy, an empty list of callers, or a caller kind left unspecified.
    pub fn from_descriptors(descriptors: &[u8], services: &[&str]) -> Result<Policies, PolicyError> {
        let pool = DescriptorPool::decode(descriptors).map_err(PolicyError::Descriptors)?;
        let option = pool.get_extension_by_name(OPTION).ok_or(PolicyError::NoOption)?;
        let mut policies = Policies::default();
        let mut faults = Vec::new();
        for name in services {
            let service =
                pool.get_service_by_name(name).ok_or_else(|| PolicyError::NoService((*name).to_owned()))?;
            policies.services.push((*name).to_owned());
            for method in service.methods() {
                let path = format!("/{name}/{}", method.name());
                match policy_of(&method, &option) {
                    Ok(policy) => {
                        let streaming = method.is_client_streaming() || method.is_server_streaming();
                        policies.insert(MethodPolicy {
                            path,
                            streaming,
                            standard: false,
                            any_service: false,
                            policy,
                        });
                    }
                    Err(fault) => faults.push((path, fault)),
                }
            }
        }
        if faults.is_empty() { Ok(policies) } else { Err(PolicyError::Methods(faults)) }
    }

    /// Adds a method of a standard protocol, whose proto is not ours and carries no option.
    ///
    /// # Errors
    ///
    /// When the policy names nobody.
    pub fn allow(&mut self, path: &str, policy: RpcPolicy) -> Result<(), PolicyError> {
        check(&policy).map_err(|fault| PolicyError::Methods(vec![(path.to_owned(), fault)]))?;
        self.insert(MethodPolicy {
            path: path.to_owned(),
            streaming: true,
            standard: true,
            any_service: false,
            policy,
        });
        Ok(())
    }

    /// Adds a method that any caller with a certificate of the mesh may call.
    pub(crate) fn allow_authenticated(&mut self, path: &str) {
        let callers = vec![CallerKind::Service.into(), CallerKind::Subject.into()];
        let policy = RpcPolicy { callers, ..RpcPolicy::default() };
        self.insert(MethodPolicy {
            path: path.to_owned(),
            streaming: true,
            standard: true,
            any_service: true,
            policy,
        });
    }

    /// The policy of the method at `path`.
    pub fn get(&self, path: &str) -> Option<&RpcPolicy> {
        self.methods.get(path).map(|method| &method.policy)
    }

    /// Paths of every method, in order.
    pub fn methods(&self) -> impl Iterator<Item = &str> {
        self.methods.keys().map(String::as_str)
    }

    /// Every policy, in the order of the paths.
    pub fn iter(&self) -> impl Iterator<Item = &MethodPolicy> {
        self.methods.values()
    }

    /// Full names of the services read from descriptors.
    pub fn services(&self) -> &[String] {
        &self.services
    }

    fn insert(&mut self, method: MethodPolicy) {
        self.methods.insert(method.path.clone(), method);
    }
}

fn policy_of(method: &MethodDescriptor, option: &ExtensionDescriptor) -> Result<RpcPolicy, &'static str> {
    let options = method.options();
    if !options.has_extension(option) {
        return Err("has no policy");
    }
    let value = options.get_extension(option);
    let policy = value.as_message().ok_or("the policy is no message")?;
    let policy = policy.transcode_to::<RpcPolicy>().map_err(|_| "the policy does not decode")?;
    check(&policy)?;
    Ok(policy)
}

fn check(policy: &RpcPolicy) -> Result<(), &'static str> {
    let mut services = false;
    for kind in &policy.callers {
        match CallerKind::try_from(*kind) {
            Ok(CallerKind::Service) => services = true,
            Ok(CallerKind::Subject) => {}
            Ok(CallerKind::Unspecified) | Err(_) => return Err("names an unspecified kind of caller"),
        }
    }
    match (policy.callers.is_empty(), services, policy.services.is_empty()) {
        (true, _, _) => Err("lets nobody call"),
        (false, true, true) => Err("lets services call but names none"),
        (false, false, false) => Err("names services but does not let services call"),
        (false, true, false) | (false, false, true) if !policy.subject_token && !policy.action.is_empty() => {
            Err("names an action but asks for no token")
        }
        (false, true, false) | (false, false, true) => Ok(()),
    }
}
