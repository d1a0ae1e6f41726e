//! Handshakes between real TLS endpoints over memory: who is let through, who is not, and what a reload changes.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

use entente_chassis::{
    identity::{Caller, Peer, TrustDomain},
    pki::{DevelopmentCa, Lifetime},
    tasks::TaskGroup,
    tls::{FileFault, TlsError, TlsFiles, TlsIdentity},
};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};
use rustls::{
    ClientConfig, HandshakeKind, NamedGroup, ProtocolVersion, ServerConfig, SignatureScheme,
    client::ResolvesClientCert,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, ServerName, pem::PemObject},
    sign::{CertifiedKey, SingleCertAndKey},
};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio_rustls::{TlsAcceptor, TlsConnector, client, server};

const HOUR: Duration = Duration::from_secs(3_600);

fn domain() -> TrustDomain {
    "entente.test".parse().unwrap()
}

fn service(name: &str) -> Caller {
    Caller::Service { name: name.to_owned() }
}

fn mira() -> Caller {
    Caller::Subject { organization: "VLD-COAST".to_owned(), name: "mira".to_owned() }
}

fn lifetime(from: SystemTime, to: SystemTime) -> Lifetime {
    Lifetime { not_before: from, not_after: to }
}

fn valid() -> Lifetime {
    lifetime(SystemTime::now() - HOUR, SystemTime::now() + HOUR)
}

fn expired() -> Lifetime {
    lifetime(SystemTime::now() - 2 * HOUR, SystemTime::now() - HOUR)
}

/// An authority with its folder.
struct Pki {
    authority: DevelopmentCa,
    folder: TempDir,
}

impl Pki {
    fn new() -> Pki {
        let pki = Pki {
            authority: DevelopmentCa::create(&domain()).unwrap(),
            folder: tempfile::tempdir().unwrap(),
        };
        pki.authority.save(pki.folder.path()).unwrap();
        pki
    }

    fn files(&self, caller: &Caller, lifetime: Lifetime, bundle: &str) -> TlsFiles {
        let folder = self.folder.path().join(caller.spiffe_id(&domain()).replace('/', "_"));
        self.authority.issue(caller, lifetime).unwrap().save(&folder, bundle).unwrap()
    }

    fn issue(&self, caller: &Caller, lifetime: Lifetime) -> TlsIdentity {
        TlsIdentity::load(self.files(caller, lifetime, &self.authority.bundle_pem()), domain()).unwrap()
    }

    /// A certificate of this authority with names the authority itself would never put into one.
    fn forge(&self, names: Vec<SanType>, usage: ExtendedKeyUsagePurpose, is_ca: IsCa) -> CertifiedKey {
        let authority_key = std::fs::read_to_string(self.folder.path().join("ca.key")).unwrap();
        let mut authority = CertificateParams::default();
        authority.distinguished_name.push(DnType::CommonName, format!("{} development authority", domain()));
        let issuer = Issuer::new(authority, KeyPair::from_pem(&authority_key).unwrap());
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::default();
        parameters.subject_alt_names = names;
        parameters.extended_key_usages = vec![usage];
        parameters.is_ca = is_ca;
        parameters.not_before = (SystemTime::now() - HOUR).into();
        parameters.not_after = (SystemTime::now() + HOUR).into();
        let certificate = parameters.signed_by(&key, &issuer).unwrap();
        let private = PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap();
        CertifiedKey::from_der(vec![certificate.der().clone()], private, &aws_lc_rs::default_provider())
            .unwrap()
    }
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

type Accepted = server::TlsStream<DuplexStream>;
type Connected = client::TlsStream<DuplexStream>;

/// Both ends of a handshake: what the server says, what the client says.
async fn handshake(
    accept: Arc<ServerConfig>,
    connect: Arc<ClientConfig>,
) -> (Result<Accepted, String>, Result<Connected, String>) {
    let (near, far) = tokio::io::duplex(64 * 1024);
    let name = ServerName::try_from("peer.invalid").unwrap();
    let connecting = async {
        let mut stream = TlsConnector::from(connect).connect(name, far).await?;
        stream.flush().await?;
        std::io::Result::Ok(stream)
    };
    let (accepted, connected) = tokio::join!(TlsAcceptor::from(accept).accept(near), connecting);
    (accepted.map_err(|error| error.to_string()), connected.map_err(|error| error.to_string()))
}

async fn between(
    server: &TlsIdentity,
    client: &TlsIdentity,
) -> (Result<Accepted, String>, Result<Connected, String>) {
    let Caller::Service { name } = server.caller() else { panic!("servers are workloads") };
    handshake(server.server_config(), client.client_config(&name).unwrap()).await
}

async fn open(server: &TlsIdentity, client: &TlsIdentity) -> (Accepted, Connected) {
    let (accepted, connected) = between(server, client).await;
    (accepted.unwrap(), connected.unwrap())
}

/// What the server says to a client that shows `shown`.
async fn refusal_of(
    server: &TlsIdentity,
    client: &TlsIdentity,
    shown: Arc<dyn ResolvesClientCert>,
) -> String {
    let mut config = client.client_config("intake").unwrap().as_ref().clone();
    config.client_auth_cert_resolver = shown;
    handshake(server.server_config(), Arc::new(config)).await.0.err().unwrap_or_default()
}

async fn assert_talk(accepted: &mut Accepted, connected: &mut Connected) {
    let mut heard = [0; 4];
    connected.write_all(b"ping").await.unwrap();
    connected.flush().await.unwrap();
    accepted.read_exact(&mut heard).await.unwrap();
    accepted.write_all(&heard).await.unwrap();
    accepted.flush().await.unwrap();
    connected.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"ping");
}

#[tokio::test]
async fn both_sides_speak_tls_1_3_with_the_post_quantum_hybrid_and_know_each_other() {
    let pki = Pki::new();
    let (intake, client) = (pki.issue(&service("intake"), valid()), pki.issue(&mira(), valid()));
    let (mut accepted, mut connected) = open(&intake, &client).await;
    assert_talk(&mut accepted, &mut connected).await;
    let (_, connection) = accepted.get_ref();
    assert_eq!(connection.protocol_version(), Some(ProtocolVersion::TLSv1_3));
    assert_eq!(connection.negotiated_key_exchange_group().unwrap().name(), NamedGroup::X25519MLKEM768);
    assert_eq!(connection.alpn_protocol(), Some(b"h2".as_slice()));
    assert_eq!(connection.server_name(), None);
    let Peer { caller, certificate_not_after, .. } = intake.peer(connection.peer_certificates()).unwrap();
    assert_eq!(caller, mira());
    assert_eq!(certificate_not_after, client.not_after());
    assert!(intake.peer(None).is_err());
}

#[tokio::test]
async fn no_session_is_resumed() {
    let pki = Pki::new();
    let (intake, client) = (pki.issue(&service("intake"), valid()), pki.issue(&mira(), valid()));
    let config = client.client_config("intake").unwrap();
    for _ in 0..2 {
        let (accepted, connected) = handshake(intake.server_config(), config.clone()).await;
        let (mut accepted, mut connected) = (accepted.unwrap(), connected.unwrap());
        assert_talk(&mut accepted, &mut connected).await;
        assert_eq!(connected.get_ref().1.handshake_kind(), Some(HandshakeKind::Full));
        assert_eq!(connected.get_ref().1.tls13_tickets_received(), 0);
    }
}

#[tokio::test]
async fn tls_1_2_is_refused() {
    let pki = Pki::new();
    let intake = pki.issue(&service("intake"), valid());
    let old = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_protocol_versions(&[&rustls::version::TLS12])
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    let (accepted, connected) = handshake(intake.server_config(), Arc::new(old)).await;
    assert_eq!(accepted.unwrap_err(), "peer is incompatible: Tls12NotOfferedOrEnabled");
    assert_eq!(connected.unwrap_err(), "received fatal alert: ProtocolVersion");
}

#[tokio::test]
async fn a_client_without_a_certificate_is_refused() {
    #[derive(Debug)]
    struct Nothing;

    impl ResolvesClientCert for Nothing {
        fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
            None
        }

        fn has_certs(&self) -> bool {
            false
        }
    }

    let pki = Pki::new();
    let (intake, client) = (pki.issue(&service("intake"), valid()), pki.issue(&mira(), valid()));
    assert_eq!(refusal_of(&intake, &client, Arc::new(Nothing)).await, "peer sent no certificates");
}

#[tokio::test]
async fn a_certificate_that_has_expired_or_not_begun_is_refused_on_both_sides() {
    let pki = Pki::new();
    let (intake, client) = (pki.issue(&service("intake"), valid()), pki.issue(&mira(), valid()));
    let early = lifetime(SystemTime::now() + HOUR, SystemTime::now() + 2 * HOUR);
    for (wrong, said) in [(expired(), "certificate expired"), (early, "certificate not valid yet")] {
        let bad_client = pki.issue(&service("alerting"), wrong);
        let error = between(&intake, &bad_client).await.0.unwrap_err();
        assert!(error.contains(said), "{error}");
        let bad_server = pki.issue(&service("access"), wrong);
        let error = between(&bad_server, &client).await.1.unwrap_err();
        assert!(error.contains(said), "{error}");
    }
}

#[tokio::test]
async fn a_certificate_of_a_foreign_authority_is_refused_on_both_sides() {
    let (pki, foreign) = (Pki::new(), Pki::new());
    let (intake, client) = (pki.issue(&service("intake"), valid()), pki.issue(&mira(), valid()));
    // They trust our authority, as anyone can; we do not trust theirs.
    let files = foreign.files(&mira(), valid(), &pki.authority.bundle_pem());
    let stranger = TlsIdentity::load(files, domain()).unwrap();
    assert!(between(&intake, &stranger).await.0.unwrap_err().contains("invalid peer certificate"));
    let impostor = foreign.issue(&service("intake"), valid());
    assert!(between(&impostor, &client).await.1.unwrap_err().contains("invalid peer certificate"));
}

#[tokio::test]
async fn a_client_certificate_without_exactly_one_identity_of_the_trust_domain_is_refused() {
    let pki = Pki::new();
    let (intake, client) = (pki.issue(&service("intake"), valid()), pki.issue(&mira(), valid()));
    let good = || uri("spiffe://entente.test/svc/alerting");
    let dns = SanType::DnsName("intake.entente.test".try_into().unwrap());
    let cases = [
        (vec![uri("spiffe://entente.other/svc/alerting")], "is not of the trust domain `entente.test`"),
        (vec![uri("spiffe://entente.test/node/1")], "is neither svc/<name> nor"),
        (vec![uri("https://entente.test/svc/alerting")], "is not a SPIFFE id"),
        (vec![good(), uri("spiffe://entente.test/svc/intake")], "the certificate has 2 URI names, not one"),
        (vec![dns], "the certificate has 0 URI names, not one"),
    ];
    for (names, said) in cases {
        let shown = pki.forge(names, ExtendedKeyUsagePurpose::ClientAuth, IsCa::ExplicitNoCa);
        let error = refusal_of(&intake, &client, Arc::new(SingleCertAndKey::from(shown))).await;
        assert!(error.contains(said), "{error}");
    }
    let sound = pki.forge(vec![good()], ExtendedKeyUsagePurpose::ClientAuth, IsCa::ExplicitNoCa);
    assert_eq!(refusal_of(&intake, &client, Arc::new(SingleCertAndKey::from(sound))).await, "");
}

#[tokio::test]
async fn a_certificate_for_another_use_is_refused() {
    let pki = Pki::new();
    let (intake, client) = (pki.issue(&service("intake"), valid()), pki.issue(&mira(), valid()));
    let name = || vec![uri("spiffe://entente.test/svc/alerting")];
    let for_servers = pki.forge(name(), ExtendedKeyUsagePurpose::ServerAuth, IsCa::ExplicitNoCa);
    let unlimited = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = pki.forge(name(), ExtendedKeyUsagePurpose::ClientAuth, unlimited);
    for wrong in [for_servers, authority] {
        let error = refusal_of(&intake, &client, Arc::new(SingleCertAndKey::from(wrong))).await;
        assert!(error.contains("invalid peer certificate"), "{error}");
    }
}

#[tokio::test]
async fn a_server_that_is_another_workload_than_the_one_called_is_refused() {
    let pki = Pki::new();
    let client = pki.issue(&mira(), valid());
    for impostor in
        [service("access"), Caller::Subject { organization: "svc".to_owned(), name: "intake".to_owned() }]
    {
        let server = pki.issue(&impostor, valid());
        let config = client.client_config("intake").unwrap();
        let (accepted, connected) = handshake(server.server_config(), config).await;
        assert!(accepted.is_err());
        let error = connected.unwrap_err();
        assert!(error.contains("answered in place of `spiffe://entente.test/svc/intake`"), "{error}");
    }
}

#[tokio::test]
async fn a_reload_changes_later_handshakes_and_no_open_connection() {
    let (before, after) = (Pki::new(), Pki::new());
    let files = before.files(&service("intake"), valid(), &before.authority.bundle_pem());
    let intake = TlsIdentity::load(files.clone(), domain()).unwrap();
    let (old_client, new_client) = (before.issue(&mira(), valid()), after.issue(&mira(), valid()));
    let (mut accepted, mut connected) = open(&intake, &old_client).await;
    assert!(between(&intake, &new_client).await.0.is_err());

    copy(&after.files(&service("intake"), valid(), &after.authority.bundle_pem()), &files);
    intake.reload().unwrap();

    assert_talk(&mut accepted, &mut connected).await;
    let (mut accepted_anew, mut connected_anew) = open(&intake, &new_client).await;
    assert_talk(&mut accepted_anew, &mut connected_anew).await;
    assert!(
        between(&intake, &old_client).await.1.is_err(),
        "the old authority is no longer trusted by either"
    );
    let stale = old_client.client_config("intake").unwrap();
    assert!(handshake(intake.server_config(), stale).await.0.is_err());
}

#[tokio::test]
async fn files_that_cannot_be_used_change_nothing() {
    let pki = Pki::new();
    let files = pki.files(&service("intake"), valid(), &pki.authority.bundle_pem());
    let (intake, client) = (TlsIdentity::load(files.clone(), domain()).unwrap(), pki.issue(&mira(), valid()));
    let other = pki.files(&service("access"), valid(), &pki.authority.bundle_pem());
    let good = (read(&files.certificate), read(&files.key));

    std::fs::write(&files.key, "no key").unwrap();
    assert!(
        matches!(intake.reload(), Err(TlsError::File { path, source: FileFault::Pem(_) }) if path == files.key)
    );
    std::fs::copy(&other.key, &files.key).unwrap();
    assert!(matches!(intake.reload(), Err(TlsError::File { source: FileFault::Key(_), .. })));
    std::fs::copy(&other.certificate, &files.certificate).unwrap();
    assert!(matches!(intake.reload(), Err(TlsError::AnotherIdentity { .. })));
    copy(&Pki::new().files(&service("intake"), expired(), &pki.authority.bundle_pem()), &files);
    assert!(matches!(intake.reload(), Err(TlsError::Expired)));
    std::fs::write(&files.bundle, "").unwrap();
    assert!(
        matches!(intake.reload(), Err(TlsError::File { path, source: FileFault::Pem(_) }) if path == files.bundle)
    );
    std::fs::remove_file(&files.certificate).unwrap();
    assert!(
        matches!(intake.reload(), Err(TlsError::File { path, source: FileFault::Read(_) }) if path == files.certificate)
    );

    let (mut accepted, mut connected) = open(&intake, &client).await;
    assert_talk(&mut accepted, &mut connected).await;
    std::fs::write(&files.certificate, good.0).unwrap();
    std::fs::write(&files.key, good.1).unwrap();
    std::fs::write(&files.bundle, pki.authority.bundle_pem()).unwrap();
    intake.reload().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_reloader_picks_new_files_up_by_itself() {
    let pki = Pki::new();
    let files = pki.files(&service("intake"), valid(), &pki.authority.bundle_pem());
    let intake = TlsIdentity::load(files.clone(), domain()).unwrap();
    let tasks = TaskGroup::new("test");
    intake.spawn_reloader(&tasks, Duration::from_secs(10));
    let longer = lifetime(SystemTime::now() - HOUR, SystemTime::now() + 5 * HOUR);
    let first = intake.not_after();

    std::fs::write(&files.key, "half written").unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    pki.files(&service("intake"), longer, &pki.authority.bundle_pem());
    let limit = tokio::time::Instant::now() + HOUR;
    while intake.not_after() == first && tokio::time::Instant::now() < limit {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(intake.not_after() > first + 3 * HOUR);
    tasks.shutdown(HOUR).await;
}

fn read(path: &PathBuf) -> Vec<u8> {
    std::fs::read(path).unwrap()
}

fn copy(from: &TlsFiles, to: &TlsFiles) {
    std::fs::copy(&from.certificate, &to.certificate).unwrap();
    std::fs::copy(&from.key, &to.key).unwrap();
    std::fs::copy(&from.bundle, &to.bundle).unwrap();
}
