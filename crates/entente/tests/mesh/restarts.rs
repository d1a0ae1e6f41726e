//! A mesh that stops and comes back, as one process or as four.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Stdio},
};

use serde_json::{Value, json};

use crate::process::{Up, command, run};

const SHARED: &str =
    "ENTENTE:RESTRICTED//OP TIDEWALL//REL TO ORG:ORS-CERT, ORG:VLD-COAST//ORCON//BY VLD-COAST";

fn submit(data: &Path, text: &str) {
    let data = data.to_str().unwrap();
    let arguments = ["report", "submit", "-", "--label", SHARED, "--operation", "TIDEWALL", "--data", data];
    run(&arguments, text.as_bytes()).ok();
}

#[test]
fn a_watch_goes_on_over_a_restart_and_no_alert_comes_twice_or_never() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("mesh");
    let up = Up::start(&data);
    let endpoints = std::fs::read(data.join("endpoints.json")).unwrap();
    up.entente("ORS-CERT/ilse", &["interest", "add", "--phrase", "harbour pilot"]).ok();
    let watch = ["alert", "watch", "--limit", "2", "--json", "--profile", "ORS-CERT/ilse", "--data"];
    let mut watch = command(&[&watch[..], &[data.to_str().unwrap()]].concat())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut alerts = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut next = || -> Value { serde_json::from_str(&alerts.next().unwrap()).unwrap() };
    submit(&data, "The first harbour pilot is aboard.");
    assert_eq!(next()["headline"], "The first harbour pilot is aboard.");
    assert_eq!(up.stop(), Some(0), "an open stream does not hold up the stop");
    let up = Up::start(&data);
    assert_eq!(std::fs::read(data.join("endpoints.json")).unwrap(), endpoints, "under the old addresses");
    submit(&data, "The second harbour pilot is aboard.");
    let second = next();
    assert_eq!(
        (&second["headline"], &second["delivery_number"]),
        (&json!("The second harbour pilot is aboard."), &json!(2))
    );
    assert!(watch.wait().unwrap().success());
    submit(&data, "The third harbour pilot is aboard.");
    let third = up.entente("ORS-CERT/ilse", &["alert", "watch", "--limit", "1", "--json"]).ok().last();
    assert_eq!((&third["delivery_number"], &third["attempt"]), (&json!(3), &json!(1)));
}

/// One service of its own process, killed at the end.
struct Serve(Child);

impl Drop for Serve {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts `entente serve` on a port of the system's choice; gives the address its log names.
fn serve(data: &Path, service: &str, peers: &[(&str, String)]) -> (Serve, String) {
    let at = |path: &str| data.join(path).display().to_string();
    let mut config = format!(
        "trust_domain = \"entente.example\"\ndata_dir = \"{}\"\n[server]\nlisten = \"127.0.0.1:0\"\n[tls]\n",
        at(service)
    );
    for name in ["certificate", "key", "bundle"] {
        writeln!(config, "{name} = \"{}\"", at(&format!("pki/svc/{service}/{name}.pem"))).unwrap();
    }
    config.push_str("[peers]\n");
    for (name, address) in peers {
        writeln!(config, "{name} = \"{address}\"").unwrap();
    }
    let file = data.join(format!("{service}.toml"));
    std::fs::write(&file, config).unwrap();
    let mut child = command(&["serve", service, "--config", file.to_str().unwrap()])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut log = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let serve = Serve(child);
    let mut said = String::new();
    let address = log.find_map(|line| {
        said.push_str(&line);
        serde_json::from_str::<Value>(&line).ok()?["local_addr"].as_str().map(str::to_owned)
    });
    // What is logged later must not fill the pipe.
    std::thread::spawn(move || log.for_each(drop));
    (serve, address.unwrap_or_else(|| panic!("{service} does not listen: {said}")))
}

#[test]
fn four_services_as_four_processes_are_the_mesh_that_was_one() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("mesh");
    let up = Up::start(&data);
    submit(&data, "Filed while the mesh was one process.");
    assert_eq!(up.stop(), Some(0));
    let (_audit, audit) = serve(&data, "audit", &[]);
    let (_access, access) = serve(&data, "access", &[("audit", audit.clone())]);
    let both = [("audit", audit.clone()), ("access", access.clone())];
    let (_intake, intake) = serve(&data, "intake", &both);
    let all = [&both[..], &[("intake", intake.clone())]].concat();
    let (_alerting, alerting) = serve(&data, "alerting", &all);
    let file = data.join("endpoints.json");
    let mut endpoints: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    endpoints["services"] =
        json!({ "audit": audit, "access": access, "intake": intake, "alerting": alerting });
    std::fs::write(&file, endpoints.to_string()).unwrap();
    submit(&data, "Filed while the mesh was four processes.");
    let search = ["report", "search", "filed", "--count", "--json", "--profile", "ORS-CERT/ilse"];
    let found = run(&[&search[..], &["--data", data.to_str().unwrap()]].concat(), b"").ok().last();
    assert_eq!(found["count"], 2);
}
