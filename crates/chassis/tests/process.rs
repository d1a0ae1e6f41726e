//! A service as a process: faulty configuration ends it with code 64 and every fault told; SIGTERM lets calls finish.
//!
//! The process is this test program itself, started again with a variable that turns [`child`] into the service.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

#[allow(dead_code, reason = "each test file uses its part of the shared support")]
#[path = "support/mesh.rs"]
mod mesh;

use std::{
    env,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
};

use entente_chassis::{
    client::{self, PeerConfig},
    config::{ChassisConfig, Settings},
    policy::Policies,
    run::{Arguments, Deps, RunningService, StartError, run_with},
    server::Server,
    tasks::TaskGroup,
    tls::TlsIdentity,
};
use entente_proto::audit::v1::{
    AppendRequest, AuditRecord, audit_service_client::AuditServiceClient,
    audit_service_server::AuditServiceServer,
};
use mesh::{Audit, Mesh, Probe, service};
use tonic::service::Routes;

/// Names the configuration file of the child.
const CHILD: &str = "CHASSIS_TEST_CONFIG";
const AUDIT: &str = "entente.audit.v1.AuditService";

#[test]
fn child() {
    let Some(config) = env::var_os(CHILD) else { return };
    let arguments = Arguments { config: Some(config.into()), ..Arguments::default() };
    let read = |settings: &mut Settings| ChassisConfig::read(settings, &[]);
    let code = format!("{:?}", run_with("audit", &arguments, read, start));
    let is = |number: u8| format!("{:?}", ExitCode::from(number)) == code;
    std::process::exit((0..=u8::MAX).find(|number| is(*number)).unwrap().into());
}

async fn start(config: ChassisConfig, deps: Deps) -> Result<RunningService, StartError> {
    let identity = TlsIdentity::load(config.tls.clone(), config.trust_domain.clone())?;
    let policies = Policies::from_descriptors(entente_proto::FILE_DESCRIPTOR_SET, &[AUDIT])?;
    let bound = Server::new("audit", config.server, identity, policies, None, deps.metrics).bind().await?;
    let probe = Probe::default();
    say(&format!("listening {}", bound.local_addr()));
    let routes = Routes::new(AuditServiceServer::new(Audit(probe.clone())));
    tokio::spawn(async move {
        probe.wait_entered().await;
        say("entered");
        // The parent says when the call may go on.
        let told = tokio::task::spawn_blocking(|| std::io::stdin().read_line(&mut String::new()));
        told.await.unwrap().unwrap();
        probe.gate.add_permits(1);
    });
    Ok(RunningService::new("audit", bound.serve(routes, TaskGroup::new("audit"))))
}

fn say(text: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{text}").unwrap();
}

fn spawn(config: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["child", "--exact", "--nocapture"])
        .env(CHILD, config)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Reads lines until one contains `mark`.
fn wait_for(lines: &mut impl BufRead, mark: &str) -> String {
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        if line.contains(mark) {
            return line;
        }
        line.clear();
    }
    unreachable!("the process ended without `{mark}`")
}

fn write_config(mesh: &Mesh, folder: &Path) -> std::path::PathBuf {
    let files = mesh.files(&service("audit"));
    let text = format!(
        "trust_domain = \"entente.test\"\n[tls]\ncertificate = {:?}\nkey = {:?}\nbundle = {:?}\n[server]\nlisten = \"127.0.0.1:0\"\n",
        files.certificate, files.key, files.bundle
    );
    let path = folder.join("audit.toml");
    std::fs::write(&path, text).unwrap();
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_terminated_process_finishes_its_calls_and_ends_with_success() {
    let (mesh, folder) = (Mesh::new(), tempfile::tempdir().unwrap());
    let mut process = spawn(&write_config(&mesh, folder.path()));
    let mut output = BufReader::new(process.stdout.take().unwrap());
    let mut log = BufReader::new(process.stderr.take().unwrap());
    let address = wait_for(&mut output, "listening ").trim().trim_start_matches("listening ").to_owned();
    let peer = PeerConfig { service: "audit".to_owned(), address };
    let mut client =
        AuditServiceClient::new(client::connect(&peer, &mesh.identity(&service("intake"))).unwrap());
    let call =
        tokio::spawn(
            async move { client.append(AppendRequest { records: vec![AuditRecord::default()] }).await },
        );
    wait_for(&mut output, "entered");
    let pid = process.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
    let line = wait_for(&mut log, "draining");
    assert!(line.starts_with('{') && line.contains(r#""service":"audit""#), "logs are JSON: {line}");
    process.stdin.take().unwrap().write_all(b"go\n").unwrap();
    call.await.unwrap().unwrap();
    assert_eq!(process.wait().unwrap().code(), Some(0));
}

#[test]
fn a_faulty_configuration_ends_the_process_with_code_64_and_all_faults() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.toml");
    std::fs::write(&path, "[server]\nlisten = \"nowhere\"\nlimits = 3\n").unwrap();
    let ended = spawn(&path).wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(64));
    let told = String::from_utf8(ended.stderr).unwrap();
    for key in ["trust_domain", "tls.certificate", "tls.key", "tls.bundle", "server.listen", "server.limits"]
    {
        assert!(told.contains(&format!("  {key}: ")), "{key} is not in {told}");
    }
}

#[test]
fn a_service_that_cannot_start_ends_with_code_69_and_the_whole_cause() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.toml");
    let missing = folder.path().join("missing.pem");
    let text = format!(
        "trust_domain = \"entente.test\"\n[tls]\ncertificate = {missing:?}\nkey = {missing:?}\nbundle = {missing:?}\n[server]\nlisten = \"127.0.0.1:0\"\n"
    );
    std::fs::write(&path, text).unwrap();
    let ended = spawn(&path).wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(69));
    let told = String::from_utf8(ended.stderr).unwrap();
    assert!(told.contains("identity") && told.contains("missing.pem"), "{told}");
}
