//! The configuration in the manifests is one the services accept, and the command they are started with is one there is.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops at the first surprise")]

use std::{path::Path, process::Command};

use serde::Deserialize;
use serde_json::Value;

const SERVICES: [&str; 4] = ["access", "alerting", "audit", "intake"];

fn objects(service: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../deploy/kubernetes/base")
        .join(format!("{service}.yaml"));
    let text = std::fs::read_to_string(path).unwrap();
    serde_yaml_ng::Deserializer::from_str(&text).map(|object| Value::deserialize(object).unwrap()).collect()
}

fn of_kind<'a>(objects: &'a [Value], kind: &str) -> &'a Value {
    objects.iter().find(|object| object["kind"] == kind).unwrap()
}

/// The container's arguments, with its configuration file read from `file`.
fn arguments(objects: &[Value], file: &Path) -> Vec<String> {
    let container = &of_kind(objects, "StatefulSet")["spec"]["template"]["spec"]["containers"][0];
    let arguments = container["args"].as_array().unwrap().iter().map(|argument| argument.as_str().unwrap());
    let read_here = |argument: &str| match argument.strip_prefix("/etc/entente/") {
        Some(_) => file.display().to_string(),
        None => argument.to_owned(),
    };
    arguments.map(read_here).collect()
}

#[test]
fn every_config_map_is_accepted_by_its_service() {
    let folder = tempfile::tempdir().unwrap();
    for service in SERVICES {
        let objects = objects(service);
        let file = folder.path().join(format!("{service}.toml"));
        let text = of_kind(&objects, "ConfigMap")["data"][format!("{service}.toml")].as_str().unwrap();
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_entente"));
        let checked = command.args(arguments(&objects, &file)).arg("--check").output().unwrap();
        assert!(checked.status.success(), "{service}: {}", String::from_utf8_lossy(&checked.stderr));
        std::fs::write(&file, format!("{text}\n[surprise]\nsetting = 1\n")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_entente"));
        let refused = command.args(arguments(&objects, &file)).arg("--check").output().unwrap();
        assert_eq!(refused.status.code(), Some(64), "{service} accepts what it does not know");
    }
}
