//! The floor: what this machine does with bare tonic over mutual TLS and bare fdatasync, without Entente. It speaks the
//! messages of intake, so that the bytes on the wire are the same, and runs as a process of its own, as the mesh does.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    pin::Pin,
    process::{Child, Command, Stdio},
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use entente_chassis::{
    client::{self, PeerChannel, PeerConfig},
    identity::{Caller, TrustDomain},
    pki::{DevelopmentCa, Lifetime},
    tls::{TlsFiles, TlsIdentity},
};
use entente_proto::intake::v1::{
    BatchGetOriginatorKeysRequest, BatchGetOriginatorKeysResponse, GetReportRequest, GetReportResponse,
    JournalEntry, ListReportsRequest, ListReportsResponse, Report, SearchReportsRequest,
    SearchReportsResponse, SubmitReportRequest, SubmitReportResponse, SubmitReportsRequest,
    SubmitReportsResponse, TailJournalRequest, TailJournalResponse,
    intake_service_client::IntakeServiceClient,
    intake_service_server::{IntakeService, IntakeServiceServer},
    report_item::Body,
};
use futures::{Stream, StreamExt, stream};
use tokio::{
    net::TcpListener,
    sync::{mpsc, oneshot},
};
use tonic::{Request, Response, Status, Streaming, transport::Server};

use super::{BenchResult, objects};

/// Trust domain of the floor's certificates.
const TRUST_DOMAIN: &str = "floor.test";
/// Largest message: a bulk batch.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// HTTP/2 windows, as the mesh has them.
const STREAM_WINDOW: u32 = 4 * 1024 * 1024;
const CONNECTION_WINDOW: u32 = 8 * 1024 * 1024;
/// Appends waiting for the writer.
const QUEUE_MAX: usize = 4_096;

/// A running floor; ended when dropped.
pub(crate) struct Floor {
    child: Child,
    address: String,
    identity: TlsIdentity,
}

impl Floor {
    /// Makes certificates in `folder` and starts the server.
    pub(crate) fn start(folder: &Path) -> BenchResult<Floor> {
        let trust_domain: TrustDomain = TRUST_DOMAIN.parse()?;
        let ca = DevelopmentCa::create(&trust_domain)?;
        let hour = Duration::from_secs(3_600);
        let lifetime =
            || Lifetime { not_before: SystemTime::now() - hour, not_after: SystemTime::now() + 24 * hour };
        let issue = |caller: &Caller, name: &str| -> BenchResult<TlsFiles> {
            Ok(ca.issue(caller, lifetime())?.save(&folder.join(name), &ca.bundle_pem())?)
        };
        issue(&Caller::Service { name: "intake".to_owned() }, "server")?;
        let caller = Caller::Subject { organization: "FLOOR".to_owned(), name: "client".to_owned() };
        let identity = TlsIdentity::load(issue(&caller, "client")?, trust_domain)?;
        let mut child = Command::new(std::env::current_exe()?)
            .args(["bench", "floor"])
            .arg(folder)
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = child.stdout.take().ok_or("no standard output of the floor")?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        Ok(Floor { child, address: line.trim().to_owned(), identity })
    }

    /// A connection to it.
    pub(crate) fn client(&self) -> BenchResult<IntakeServiceClient<PeerChannel>> {
        let config = PeerConfig { service: "intake".to_owned(), address: self.address.clone() };
        let channel = client::connect(&config, &self.identity)?;
        Ok(IntakeServiceClient::new(channel)
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
            .max_encoding_message_size(MESSAGE_BYTES_MAX))
    }
}

impl Drop for Floor {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Serves until it is ended; says its address on standard output.
pub(crate) async fn serve(folder: &Path) -> BenchResult<()> {
    let server = folder.join("server");
    let files = tls_files(&server);
    let identity = TlsIdentity::load(files, TRUST_DOMAIN.parse()?)?;
    let acceptor = tokio_rustls::TlsAcceptor::from(identity.server_config());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let incoming = stream::unfold((listener, acceptor), |(listener, acceptor)| async move {
        let accepted = async {
            let (socket, _) = listener.accept().await?;
            socket.set_nodelay(true)?;
            acceptor.accept(socket).await
        };
        let accepted = accepted.await;
        Some((accepted, (listener, acceptor)))
    });
    let service = IntakeServiceServer::new(Bare { writer: Writer::start(folder)? })
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .add_service(service)
        .serve_with_incoming(incoming.boxed())
        .await?;
    Ok(())
}

fn tls_files(folder: &Path) -> TlsFiles {
    let path = |name: &str| -> PathBuf { folder.join(name) };
    TlsFiles { certificate: path("certificate.pem"), key: path("key.pem"), bundle: path("bundle.pem") }
}

type Append = (Vec<Bytes>, oneshot::Sender<()>);

/// Appends to one file; one fdatasync for all that queued while the previous one ran.
#[derive(Clone)]
struct Writer(mpsc::Sender<Append>);

impl Writer {
    fn start(folder: &Path) -> BenchResult<Writer> {
        let mut file = OpenOptions::new().create(true).append(true).open(folder.join("floor.log"))?;
        let (sender, mut receiver) = mpsc::channel::<Append>(QUEUE_MAX);
        std::thread::spawn(move || {
            while let Some(first) = receiver.blocking_recv() {
                let mut group = vec![first];
                while let Ok(next) = receiver.try_recv() {
                    group.push(next);
                }
                if append(&mut file, &group).is_err() {
                    return;
                }
                for (_, answer) in group {
                    let _ = answer.send(());
                }
            }
        });
        Ok(Writer(sender))
    }

    async fn append(&self, pieces: Vec<Bytes>) -> Result<(), Status> {
        let (answer, done) = oneshot::channel();
        self.0.send((pieces, answer)).await.map_err(|_| Status::aborted("the floor's file failed"))?;
        done.await.map_err(|_| Status::aborted("the floor's file failed"))
    }
}

fn append(file: &mut File, group: &[Append]) -> std::io::Result<()> {
    let pieces = group.iter().flat_map(|(pieces, _)| pieces);
    let bytes: Vec<u8> = pieces.flat_map(|piece| piece.iter().copied()).collect();
    file.write_all(&bytes)?;
    file.sync_data()
}

struct Bare {
    writer: Writer,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

fn bodies(items: Vec<entente_proto::intake::v1::ReportItem>) -> Vec<Bytes> {
    let body = |item: entente_proto::intake::v1::ReportItem| match item.body {
        Some(Body::Stix(bytes)) => bytes,
        Some(Body::Text(text)) => text.body,
        None => Bytes::new(),
    };
    items.into_iter().map(body).collect()
}

#[tonic::async_trait]
impl IntakeService for Bare {
    type SubmitReportsStream = Answers<SubmitReportsResponse>;
    type TailJournalStream = Answers<TailJournalResponse>;

    async fn submit_report(
        &self,
        request: Request<SubmitReportRequest>,
    ) -> Result<Response<SubmitReportResponse>, Status> {
        self.writer.append(bodies(request.into_inner().items)).await?;
        Ok(Response::new(SubmitReportResponse::default()))
    }

    async fn submit_reports(
        &self,
        request: Request<Streaming<SubmitReportsRequest>>,
    ) -> Result<Response<Self::SubmitReportsStream>, Status> {
        let writer = self.writer.clone();
        let answers = request.into_inner().then(move |batch| {
            let writer = writer.clone();
            async move {
                let batch = batch?;
                let count = u32::try_from(batch.items.len()).unwrap_or(u32::MAX);
                writer.append(bodies(batch.items)).await?;
                Ok(SubmitReportsResponse {
                    batch_number: batch.batch_number,
                    accepted_count: count,
                    ..SubmitReportsResponse::default()
                })
            }
        });
        Ok(Response::new(Box::pin(answers)))
    }

    /// The bare stream: `after_position` objects, one a message.
    async fn tail_journal(
        &self,
        request: Request<TailJournalRequest>,
    ) -> Result<Response<Self::TailJournalStream>, Status> {
        let count = usize::try_from(request.get_ref().after_position).unwrap_or_default();
        let object = objects::indicators(1).pop().unwrap_or_default();
        let message = move |_| {
            let report = Report { content: object.clone(), ..Report::default() };
            Ok(TailJournalResponse {
                entries: vec![JournalEntry { report: Some(report), ..JournalEntry::default() }],
            })
        };
        Ok(Response::new(Box::pin(stream::iter(0..count).map(message))))
    }

    /// The empty round trip.
    async fn get_report(
        &self,
        _request: Request<GetReportRequest>,
    ) -> Result<Response<GetReportResponse>, Status> {
        Ok(Response::new(GetReportResponse::default()))
    }

    async fn list_reports(
        &self,
        _request: Request<ListReportsRequest>,
    ) -> Result<Response<ListReportsResponse>, Status> {
        Err(Status::unimplemented("the floor has no list"))
    }

    async fn search_reports(
        &self,
        _request: Request<SearchReportsRequest>,
    ) -> Result<Response<SearchReportsResponse>, Status> {
        Err(Status::unimplemented("the floor has no search"))
    }

    async fn batch_get_originator_keys(
        &self,
        _request: Request<BatchGetOriginatorKeysRequest>,
    ) -> Result<Response<BatchGetOriginatorKeysResponse>, Status> {
        Err(Status::unimplemented("the floor has no keys"))
    }
}
