//! deploy/kubernetes as `kubectl kustomize` renders it: decoded strictly into typed objects, held against the restricted
//! pod security standard and against the stored call graph. No cluster runs them here.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "test code: a broken set-up must stop the test at once"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use k8s_openapi::{
    api::{
        apps::v1::{Deployment, StatefulSet},
        core::v1::{ConfigMap, Namespace, PodSpec, Service, ServiceAccount},
        networking::v1::NetworkPolicy,
        policy::v1::PodDisruptionBudget,
    },
    serde::{Serialize, de::DeserializeOwned},
};
use serde::Deserialize;
use serde_json::Value;

const KUSTOMIZATIONS: [&str; 2] = ["deploy/kubernetes/base", "deploy/kubernetes/overlays/telemetry"];
const SERVICES: [&str; 4] = ["access", "alerting", "audit", "intake"];
const NAME_LABEL: &str = "app.kubernetes.io/name";
/// Volume types of the restricted pod security standard.
const VOLUME_TYPES: [&str; 7] =
    ["configMap", "csi", "downwardAPI", "emptyDir", "persistentVolumeClaim", "projected", "secret"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The objects of a kustomization; `None`, said by name, where kubectl is missing outside of CI.
#[expect(clippy::print_stderr, reason = "a skipped test must be seen")]
fn rendered(test: &str, folder: &str) -> Option<Vec<Value>> {
    let output = Command::new("kubectl").arg("kustomize").arg(root().join(folder)).output();
    let output = match output {
        Ok(output) => output,
        Err(error) if std::env::var_os("CI").is_some() => panic!("kubectl is missing in CI: {error}"),
        Err(error) => {
            eprintln!("skipped: {test}: kubectl is missing: {error}");
            return None;
        }
    };
    assert!(output.status.success(), "{folder}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let documents = serde_yaml_ng::Deserializer::from_str(&text);
    Some(documents.map(|document| Value::deserialize(document).unwrap()).collect())
}

fn name(object: &Value) -> String {
    format!("{} {}", object["kind"].as_str().unwrap(), object["metadata"]["name"].as_str().unwrap())
}

/// Decodes and encodes again: what a typed object does not know would be gone.
fn typed<T: DeserializeOwned + Serialize>(object: &Value) -> Value {
    let decoded: T =
        serde_json::from_value(object.clone()).unwrap_or_else(|error| panic!("{}: {error}", name(object)));
    serde_json::to_value(decoded).unwrap()
}

fn decoded(object: &Value) -> Value {
    match object["kind"].as_str().unwrap() {
        "Namespace" => typed::<Namespace>(object),
        "ServiceAccount" => typed::<ServiceAccount>(object),
        "ConfigMap" => typed::<ConfigMap>(object),
        "Service" => typed::<Service>(object),
        "StatefulSet" => typed::<StatefulSet>(object),
        "Deployment" => typed::<Deployment>(object),
        "NetworkPolicy" => typed::<NetworkPolicy>(object),
        "PodDisruptionBudget" => typed::<PodDisruptionBudget>(object),
        kind => panic!("no typed object is known here for {kind}"),
    }
}

/// Paths of `written` that `read` does not have, or has otherwise.
fn lost(path: &str, written: &Value, read: &Value, faults: &mut Vec<String>) {
    match (written, read) {
        (Value::Object(written), Value::Object(read)) => {
            for (key, value) in written {
                lost(&format!("{path}/{key}"), value, read.get(key).unwrap_or(&Value::Null), faults);
            }
        }
        (Value::Array(written), Value::Array(read)) => {
            for (index, value) in written.iter().enumerate() {
                lost(&format!("{path}/{index}"), value, read.get(index).unwrap_or(&Value::Null), faults);
            }
        }
        // An empty list or map may be written as nothing.
        (Value::Array(list), Value::Null) if list.is_empty() => {}
        (Value::Object(map), Value::Null) if map.is_empty() => {}
        (written, read) if written == read => {}
        (written, read) => faults.push(format!("{path}: {written} became {read}")),
    }
}

#[test]
fn every_rendered_object_is_known_to_kubernetes_field_by_field() {
    for folder in KUSTOMIZATIONS {
        let Some(objects) = rendered("every_rendered_object_is_known_to_kubernetes_field_by_field", folder)
        else {
            return;
        };
        let mut faults = Vec::new();
        for object in &objects {
            lost(&name(object), object, &decoded(object), &mut faults);
        }
        assert_eq!(faults, Vec::<String>::new(), "{folder}");
        for service in SERVICES {
            for kind in [
                "ServiceAccount",
                "ConfigMap",
                "Service",
                "StatefulSet",
                "NetworkPolicy",
                "PodDisruptionBudget",
            ] {
                let wanted = format!("{kind} {service}");
                assert!(objects.iter().any(|object| name(object) == wanted), "{folder} has no {wanted}");
            }
        }
    }
}

#[test]
fn a_misspelt_field_would_be_found() {
    let written = serde_json::json!({
        "apiVersion": "v1", "kind": "Service", "metadata": { "name": "x" }, "spec": { "clusterIp": "None" },
    });
    let mut faults = Vec::new();
    lost("Service x", &written, &decoded(&written), &mut faults);
    assert_eq!(faults, ["Service x/spec/clusterIp: \"None\" became null"]);
}

fn pods(objects: &[Value]) -> Vec<(String, PodSpec)> {
    objects
        .iter()
        .filter(|object| matches!(object["kind"].as_str(), Some("StatefulSet" | "Deployment")))
        .map(|object| {
            (name(object), serde_json::from_value(object["spec"]["template"]["spec"].clone()).unwrap())
        })
        .collect()
}

fn pod_faults(name: &str, pod: &PodSpec) -> Vec<String> {
    let mut faults = Vec::new();
    let mut must = |holds: bool, what: &str| {
        if !holds {
            faults.push(format!("{name}: {what}"));
        }
    };
    let security = pod.security_context.clone().unwrap_or_default();
    must(security.run_as_non_root == Some(true), "runs as root");
    must(security.run_as_user.is_some_and(|user| user > 0), "has no user of its own");
    must(
        security.seccomp_profile.is_some_and(|profile| profile.type_ == "RuntimeDefault"),
        "has no seccomp profile",
    );
    must(pod.automount_service_account_token == Some(false), "mounts a service account token");
    must(
        pod.host_network != Some(true) && pod.host_pid != Some(true) && pod.host_ipc != Some(true),
        "uses the host",
    );
    for volume in pod.volumes.iter().flatten() {
        let volume = serde_json::to_value(volume).unwrap();
        let kinds = volume.as_object().unwrap().keys().filter(|key| *key != "name");
        must(
            kinds.into_iter().all(|kind| VOLUME_TYPES.contains(&kind.as_str())),
            "mounts a volume of another type",
        );
    }
    for container in &pod.containers {
        let security = container.security_context.clone().unwrap_or_default();
        must(security.allow_privilege_escalation == Some(false), "allows privilege escalation");
        must(security.read_only_root_filesystem == Some(true), "may write to its root");
        must(security.privileged != Some(true), "is privileged");
        let capabilities = security.capabilities.unwrap_or_default();
        must(
            capabilities.drop == Some(vec!["ALL".to_owned()]) && capabilities.add.is_none(),
            "keeps capabilities",
        );
        let resources = container.resources.clone().unwrap_or_default();
        must(
            resources.requests.is_some_and(|requests| requests.len() == 2),
            "requests no processor or memory",
        );
        must(resources.limits.is_some_and(|limits| limits.contains_key("memory")), "has no memory limit");
        for variable in container.env.iter().flatten() {
            let secret = variable.value_from.as_ref().is_some_and(|source| source.secret_key_ref.is_some());
            must(!secret, "takes a secret from the environment");
        }
    }
    faults
}

#[test]
fn every_pod_meets_the_restricted_standard() {
    for folder in KUSTOMIZATIONS {
        let Some(objects) = rendered("every_pod_meets_the_restricted_standard", folder) else { return };
        let pods = pods(&objects);
        assert!(pods.len() >= SERVICES.len());
        let faults: Vec<String> = pods.iter().flat_map(|(name, pod)| pod_faults(name, pod)).collect();
        assert_eq!(faults, Vec::<String>::new(), "{folder}");
    }
}

#[test]
fn every_service_is_probed_over_grpc_and_given_time_to_drain() {
    let Some(objects) =
        rendered("every_service_is_probed_over_grpc_and_given_time_to_drain", KUSTOMIZATIONS[0])
    else {
        return;
    };
    for (name, pod) in pods(&objects) {
        let container = &pod.containers[0];
        let probes = [&container.startup_probe, &container.liveness_probe, &container.readiness_probe];
        assert!(
            probes.iter().all(|probe| probe.as_ref().is_some_and(|probe| probe.grpc.is_some())),
            "{name}"
        );
        assert!(pod.termination_grace_period_seconds.is_some_and(|seconds| seconds >= 45), "{name}");
    }
}

type Edges = BTreeSet<(String, String)>;

fn stored_edges() -> Edges {
    let text = std::fs::read_to_string(root().join("xtask/call-graph.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.split_once(" -> ").unwrap())
        .map(|(from, to)| (from.to_owned(), to.to_owned()))
        .collect()
}

fn selected(labels: Option<&BTreeMap<String, String>>) -> Option<String> {
    labels?.get(NAME_LABEL).cloned()
}

/// Edges between services that the policies let in, and those they let out.
fn policy_edges(objects: &[Value]) -> (Edges, Edges) {
    let (mut entering, mut leaving) = (Edges::new(), Edges::new());
    for object in objects.iter().filter(|object| object["kind"] == "NetworkPolicy") {
        let policy: NetworkPolicy = serde_json::from_value(object.clone()).unwrap();
        let spec = policy.spec.expect("a policy has a spec");
        let Some(this) = selected(spec.pod_selector.and_then(|selector| selector.match_labels).as_ref())
        else {
            continue;
        };
        let peer = |peer: &k8s_openapi::api::networking::v1::NetworkPolicyPeer| {
            selected(peer.pod_selector.as_ref().and_then(|selector| selector.match_labels.as_ref()))
        };
        for rule in spec.ingress.iter().flatten() {
            entering.extend(rule.from.iter().flatten().filter_map(peer).map(|from| (from, this.clone())));
        }
        for rule in spec.egress.iter().flatten() {
            leaving.extend(rule.to.iter().flatten().filter_map(peer).map(|to| (this.clone(), to)));
        }
    }
    (entering, leaving)
}

#[test]
fn network_policies_are_the_call_graph_and_nothing_else() {
    let test = "network_policies_are_the_call_graph_and_nothing_else";
    let Some(objects) = rendered(test, KUSTOMIZATIONS[0]) else { return };
    let (entering, leaving) = policy_edges(&objects);
    assert_eq!(entering, stored_edges());
    assert_eq!(leaving, stored_edges());
    let default = objects.iter().find(|object| name(object) == "NetworkPolicy default-deny").unwrap();
    assert_eq!(default["spec"]["podSelector"], serde_json::json!({}));
    assert_eq!(default["spec"]["policyTypes"], serde_json::json!(["Ingress", "Egress"]));
}
