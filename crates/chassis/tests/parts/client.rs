//! Channels to a real gRPC server over loopback mutual TLS: lazily made, made anew, and honest about why not.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, SystemTime},
};

use entente_chassis::{
    client::{self, ClientError, PeerChannel, PeerConfig},
    identity::{Caller, TrustDomain},
    pki::{DevelopmentCa, Lifetime},
    status::{self, ErrorReason},
    tls::{TlsFiles, TlsIdentity},
};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle};
use tokio_rustls::TlsAcceptor;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status, transport::Server};
use tonic_health::pb::{HealthCheckRequest, health_client::HealthClient};

const HOUR: Duration = Duration::from_secs(3_600);

struct Mesh {
    authority: DevelopmentCa,
    folder: TempDir,
}

impl Mesh {
    fn new() -> Mesh {
        Mesh { authority: DevelopmentCa::create(&domain()).unwrap(), folder: tempfile::tempdir().unwrap() }
    }

    fn files(&self, caller: &Caller, hours: u32) -> TlsFiles {
        let folder = self.folder.path().join(caller.spiffe_id(&domain()).replace('/', "_"));
        self.authority
            .issue(caller, lifetime(hours))
            .unwrap()
            .save(&folder, &self.authority.bundle_pem())
            .unwrap()
    }

    fn identity(&self, caller: &Caller, hours: u32) -> TlsIdentity {
        TlsIdentity::load(self.files(caller, hours), domain()).unwrap()
    }
}

fn domain() -> TrustDomain {
    "entente.test".parse().unwrap()
}

/// From two hours ago, for so many hours.
fn lifetime(hours: u32) -> Lifetime {
    let not_before = SystemTime::now() - 2 * HOUR;
    Lifetime { not_before, not_after: not_before + hours * HOUR }
}

fn intake() -> Caller {
    Caller::Service { name: "intake".to_owned() }
}

fn mira() -> Caller {
    Caller::Subject { organization: "VLD-COAST".to_owned(), name: "mira".to_owned() }
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Serves gRPC health on a listener; tells when each caller's certificate ends.
fn serve(
    listener: Arc<TcpListener>,
    identity: TlsIdentity,
    stop: CancellationToken,
) -> (mpsc::Receiver<SystemTime>, JoinHandle<()>) {
    let (callers, seen) = mpsc::channel(16);
    let (accepted, incoming) = mpsc::channel::<std::io::Result<_>>(16);
    let stopped = stop.clone();
    tokio::spawn(async move {
        while let Some(Ok((stream, _))) = stopped.run_until_cancelled(listener.accept()).await {
            if let Ok(stream) = TlsAcceptor::from(identity.server_config()).accept(stream).await {
                let peer = identity.peer(stream.get_ref().1.peer_certificates()).unwrap();
                callers.send(peer.certificate_not_after).await.unwrap();
                accepted.send(Ok(stream)).await.unwrap();
            }
        }
    });
    let (_, health) = tonic_health::server::health_reporter();
    let serving = Server::builder()
        .add_service(health)
        .serve_with_incoming_shutdown(ReceiverStream::new(incoming), stop.cancelled_owned());
    (seen, tokio::spawn(async move { serving.await.unwrap() }))
}

fn channel(address: SocketAddr, identity: &TlsIdentity) -> PeerChannel {
    client::connect(&PeerConfig { service: "intake".to_owned(), address: address.to_string() }, identity)
        .unwrap()
}

async fn call(channel: &PeerChannel) -> Result<(), Status> {
    HealthClient::new(channel.clone()).check(HealthCheckRequest::default()).await.map(|_| ())
}

#[tokio::test]
async fn a_channel_is_made_by_its_first_call_and_made_anew_with_the_certificate_current_then() {
    let mesh = Mesh::new();
    let client = mesh.identity(&mira(), 3);
    let first_end = client.not_after();
    let (listener, address) = listen().await;
    drop(listener);
    let channel = channel(address, &client);
    assert_eq!(call(&channel).await.unwrap_err().code(), Code::Unavailable);

    let listener = Arc::new(TcpListener::bind(address).await.unwrap());
    let stop = CancellationToken::new();
    let (mut seen, served) = serve(listener.clone(), mesh.identity(&intake(), 3), stop.clone());
    call(&channel).await.unwrap();
    call(&channel).await.unwrap();
    assert_eq!(seen.recv().await, Some(first_end));
    assert!(seen.try_recv().is_err(), "one connection serves many calls");

    mesh.files(&mira(), 4);
    client.reload().unwrap();
    stop.cancel();
    served.await.unwrap();
    let (mut seen, _served) = serve(listener, mesh.identity(&intake(), 3), CancellationToken::new());
    call(&channel).await.unwrap();
    assert_eq!(seen.recv().await, Some(first_end + HOUR));
}

#[tokio::test]
async fn why_no_connection_was_made_is_told_with_a_reason() {
    let (mesh, foreign) = (Mesh::new(), Mesh::new());
    let (listener, address) = listen().await;
    let (_seen, _served) = serve(Arc::new(listener), mesh.identity(&intake(), 3), CancellationToken::new());
    let expired = told(&channel(address, &mesh.identity(&mira(), 1))).await;
    assert_eq!(expired.0, Some(ErrorReason::IdentityInvalid));
    assert!(expired.1.starts_with("`intake` refused this certificate: it has expired"), "{}", expired.1);

    let (stranger, bundle) =
        (foreign.authority.issue(&mira(), lifetime(3)).unwrap(), mesh.authority.bundle_pem());
    let files = stranger.save(&foreign.folder.path().join("stranger"), &bundle).unwrap();
    let unknown = told(&channel(address, &TlsIdentity::load(files, domain()).unwrap())).await;
    assert_eq!(unknown.0, Some(ErrorReason::IdentityInvalid));
    assert!(unknown.1.contains("it is not of an authority trusted there"), "{}", unknown.1);

    let other_mesh = told(&channel(address, &foreign.identity(&mira(), 3))).await;
    assert_eq!(other_mesh.0, Some(ErrorReason::PeerUnavailable));
    assert!(
        other_mesh.1.starts_with("what answered is not `intake`: invalid peer certificate"),
        "{}",
        other_mesh.1
    );

    let (listener, nobody) = listen().await;
    drop(listener);
    let unreachable = told(&channel(nobody, &mesh.identity(&mira(), 3))).await;
    assert_eq!(unreachable.0, Some(ErrorReason::PeerUnavailable));
    assert!(unreachable.1.starts_with("`intake` cannot be reached"), "{}", unreachable.1);
}

async fn told(channel: &PeerChannel) -> (Option<ErrorReason>, String) {
    let status = call(channel).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(status::reason_of(&status), None, "only a peer's own refusal may be passed on");
    let described = status::describe(&status);
    (described.reason, described.message)
}

#[tokio::test]
async fn what_is_no_address_makes_no_channel() {
    let client = Mesh::new().identity(&mira(), 3);
    for address in
        ["", "intake", ":7001", "user@intake:7001", "intake:7001/path", "https://intake:7001", "in take:7001"]
    {
        let peer = PeerConfig { service: "intake".to_owned(), address: address.to_owned() };
        assert!(matches!(client::connect(&peer, &client), Err(ClientError::Address { .. })), "{address}");
    }
    for address in ["intake:7001", "10.0.0.1:7001", "[::1]:7001"] {
        let peer = PeerConfig { service: "intake".to_owned(), address: address.to_owned() };
        assert!(client::connect(&peer, &client).is_ok(), "{address}");
    }
}
