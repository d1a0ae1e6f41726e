//! A running `entente up` as a process of its own, and speakers connected to it.

use std::{
    collections::BTreeMap,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use entente_chassis::{
    client::{self, PeerChannel, PeerConfig},
    tls::{TlsFiles, TlsIdentity},
};
use entente_proto::access::v1::{MintTokenRequest, access_service_client::AccessServiceClient};
use serde::Deserialize;
use tonic::{Request, metadata::MetadataValue};

use super::BenchResult;

/// Label of everything the benchmark submits.
pub(crate) const LABEL: &str =
    "ENTENTE:RESTRICTED//OP TIDEWALL//REL TO ORG:ORS-CERT, ORG:VLD-COAST//ORCON//BY VLD-COAST";
/// Who submits.
pub(crate) const SUBMITTER: &str = "VLD-COAST/mira";
/// Who reads and is alerted.
pub(crate) const READER: &str = "ORS-CERT/tomas";
const PURPOSE: &str = "CT";
/// A mesh is idle when it used next to no processor time for so long: work that waits for a burst to end, or a second,
/// has begun by then.
const IDLE_WINDOW: Duration = Duration::from_millis(1_500);
/// Processor time of heartbeats and leases within the window, seconds.
const IDLE_SECONDS: f64 = 0.05;
/// Longest wait for it.
const IDLE_LIMIT: Duration = Duration::from_secs(300);
/// A token is minted anew when it is this old; it holds for five minutes.
const TOKEN_AGE_MAX: Duration = Duration::from_secs(120);

/// A mesh; ended when dropped.
pub(crate) struct MeshProcess {
    child: Child,
    endpoints: Endpoints,
    folder: PathBuf,
}

#[derive(Deserialize)]
struct Endpoints {
    trust_domain: String,
    services: BTreeMap<String, String>,
    profiles: BTreeMap<String, PathBuf>,
}

#[derive(Deserialize)]
struct Profile {
    certificate: PathBuf,
    key: PathBuf,
    bundle: PathBuf,
}

impl MeshProcess {
    /// Starts `entente up` on a new folder and waits until it is ready.
    pub(crate) fn start(binary: &Path, folder: &Path, trace_ratio: f64) -> BenchResult<MeshProcess> {
        let mut child = Command::new(binary)
            .args(["up", "--json", "--data"])
            .arg(folder)
            .args(["--trace-ratio", &trace_ratio.to_string()])
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("no standard output of `entente up`")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let endpoints = serde_json::from_str(&line)
            .map_err(|error| format!("`entente up --json` said `{line}`: {error}"))?;
        Ok(MeshProcess { child, endpoints, folder: folder.to_owned() })
    }

    /// Largest resident size so far, in MiB.
    pub(crate) fn peak_mib(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().unwrap_or_default();
        kib / 1_024.0
    }

    /// Processor seconds used so far, all threads.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap_or_default();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks =
            |index: usize| fields.get(index).and_then(|field| field.parse::<f64>().ok()).unwrap_or_default();
        // utime and stime, in clock ticks of 10 ms (proc(5)).
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Waits until the mesh has done what it put off: text index, records on their way to audit, their index, spans.
    pub(crate) async fn idle(&self) -> BenchResult<()> {
        let start = Instant::now();
        while start.elapsed() < IDLE_LIMIT {
            let used = self.cpu_seconds();
            tokio::time::sleep(IDLE_WINDOW).await;
            if self.cpu_seconds() - used <= IDLE_SECONDS {
                return Ok(());
            }
        }
        Err("the mesh did not come to rest".into())
    }

    /// A speaker of the mesh.
    pub(crate) async fn speaker(&self, subject: &str) -> BenchResult<Speaker> {
        let path = self.endpoints.profiles.get(subject).ok_or_else(|| format!("no profile of {subject}"))?;
        let path = if path.is_absolute() { path.clone() } else { self.folder.join(path) };
        let profile: Profile = toml::from_str(&std::fs::read_to_string(&path)?)?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let files = TlsFiles {
            certificate: folder.join(profile.certificate),
            key: folder.join(profile.key),
            bundle: folder.join(profile.bundle),
        };
        let identity = TlsIdentity::load(files, self.endpoints.trust_domain.parse()?)?;
        let mut speaker = Speaker {
            identity,
            services: self.endpoints.services.clone(),
            token: String::new(),
            minted: Instant::now(),
        };
        speaker.mint().await?;
        Ok(speaker)
    }
}

impl Drop for MeshProcess {
    fn drop(&mut self) {
        // The folder goes away with the benchmark: nothing is left to be drained.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A person or partner system connected to a mesh.
pub(crate) struct Speaker {
    identity: TlsIdentity,
    services: BTreeMap<String, String>,
    token: String,
    minted: Instant,
}

impl Speaker {
    /// A connection to a service.
    pub(crate) fn channel(&self, service: &str) -> BenchResult<PeerChannel> {
        let address =
            self.services.get(service).cloned().ok_or_else(|| format!("no endpoint of {service}"))?;
        Ok(client::connect(&PeerConfig { service: service.to_owned(), address }, &self.identity)?)
    }

    /// Mints a new token when the present one is old.
    pub(crate) async fn refresh(&mut self) -> BenchResult<()> {
        if self.minted.elapsed() > TOKEN_AGE_MAX { self.mint().await } else { Ok(()) }
    }

    async fn mint(&mut self) -> BenchResult<()> {
        let request =
            MintTokenRequest { purpose: PURPOSE.to_owned(), realm: String::new(), actions: Vec::new() };
        let answer = AccessServiceClient::new(self.channel("access")?).mint_token(request).await?;
        self.token = answer.into_inner().token;
        self.minted = Instant::now();
        Ok(())
    }

    /// A call with its token.
    pub(crate) fn request<T>(&self, message: T) -> BenchResult<Request<T>> {
        let mut request = Request::new(message);
        request.metadata_mut().insert("txn-token", MetadataValue::try_from(self.token.as_str())?);
        Ok(request)
    }
}
