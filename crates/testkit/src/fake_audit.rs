//! An audit service in memory: a real Merkle log, real receipts, and a switch that makes it fail.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use entente_chassis::{server::Running, status::Fault};
use entente_ledger::{
    checkpoint::Checkpoint,
    commitment::{self, Entry},
    hash::{Hash, leaf_hash},
    note::Signer,
    proof::MemoryTree,
    receipt,
};
use entente_proto::{
    audit::v1::{
        AppendRequest, AppendResponse, AuditRecord, GetConsistencyProofRequest, GetConsistencyProofResponse,
        GetLogRequest, GetLogResponse, GetRecordRequest, GetRecordResponse, GetTraceRequest,
        GetTraceResponse, InstallAuthorityRequest, InstallAuthorityResponse, ListRecordsRequest,
        ListRecordsResponse,
        audit_service_server::{AuditService, AuditServiceServer},
    },
    common::v1::{ErrorReason, Receipt},
};
use prost::Message;
use tonic::{Request, Response, Status, service::Routes};

use crate::{TestPki, listener};

/// Origin of the fake log.
const ORIGIN: &str = "audit.entente.test/ops/2026";

/// An audit service whose records a test can look at.
pub struct FakeAudit {
    state: Arc<State>,
    address: String,
    running: Running,
}

struct State {
    signer: Signer,
    failing: AtomicBool,
    log: Mutex<Log>,
}

#[derive(Default)]
struct Log {
    records: Vec<AuditRecord>,
    entries: Vec<Vec<u8>>,
    indices: HashMap<Vec<u8>, usize>,
    authorities: Vec<InstallAuthorityRequest>,
}

impl FakeAudit {
    /// Starts it as the workload `audit`.
    pub async fn start(pki: &TestPki) -> FakeAudit {
        let signer = Signer::from_seed(ORIGIN, &[7; 32]).unwrap();
        let state = Arc::new(State { signer, failing: AtomicBool::new(false), log: Mutex::default() });
        let routes = Routes::new(AuditServiceServer::new(Service(state.clone())));
        let (address, running) =
            listener::serve("audit", "entente.audit.v1.AuditService", pki.service("audit"), None, routes)
                .await;
        FakeAudit { state, address: address.to_string(), running }
    }

    /// host:port.
    pub fn address(&self) -> String {
        self.address.clone()
    }

    /// Every record appended, in order.
    pub fn records(&self) -> Vec<AuditRecord> {
        self.state.log.lock().unwrap().records.clone()
    }

    /// Every authority access has installed.
    pub fn authorities(&self) -> Vec<InstallAuthorityRequest> {
        self.state.log.lock().unwrap().authorities.clone()
    }

    /// While true, nothing can be appended.
    pub fn fail(&self, failing: bool) {
        self.state.failing.store(failing, Ordering::SeqCst);
    }

    /// What verifies its checkpoints.
    pub fn verifier_key(&self) -> String {
        self.state.signer.verifying_key().to_string()
    }

    /// The record whose place in the log a receipt proves; `None` if it proves nothing.
    pub fn proves(&self, receipt: &Receipt) -> Option<AuditRecord> {
        let path = receipt.inclusion_hashes.iter().map(|hash| Hash::from_slice(hash));
        let unchecked = receipt::Receipt {
            origin: receipt.log_origin.clone(),
            index: receipt.entry_index,
            entry: receipt.entry.to_vec(),
            tree_size: receipt.tree_size,
            path: path.collect::<Option<Vec<_>>>()?,
            checkpoint: receipt.checkpoint.clone(),
        };
        let verified = unchecked.verify(self.state.signer.verifying_key()).ok()?;
        let log = self.state.log.lock().unwrap();
        let index = usize::try_from(verified.index).ok()?;
        (*log.entries.get(index)? == receipt.entry).then(|| log.records[index].clone())
    }

    /// Ends it.
    pub async fn stop(self) {
        self.running.drain().await;
    }
}

impl State {
    fn append(&self, records: Vec<AuditRecord>) -> Vec<Receipt> {
        let mut log = self.log.lock().unwrap();
        let mut indices = Vec::new();
        for record in records {
            let next = log.records.len();
            let index = *log.indices.entry(record.record_id.to_vec()).or_insert(next);
            if index == next {
                let digest = commitment::section_digest(1, &[9; 32], &record.encode_to_vec());
                let entry = Entry { shard_epoch: 0, commitment: commitment::record_commitment(&[digest]) };
                log.entries.push(entry.encode().to_vec());
                log.records.push(record);
            }
            indices.push(index);
        }
        indices.into_iter().map(|index| self.receipt(&log, index)).collect()
    }

    fn receipt(&self, log: &Log, index: usize) -> Receipt {
        let tree = tree(log);
        let path = tree.inclusion_path(index as u64).unwrap();
        let trace_id =
            log.records[index].r#where.as_ref().map(|place| place.trace_id.clone()).unwrap_or_default();
        Receipt {
            log_origin: ORIGIN.to_owned(),
            entry_index: index as u64,
            entry: log.entries[index].clone().into(),
            tree_size: tree.size(),
            inclusion_hashes: path.into_iter().map(|hash| hash.as_bytes().to_vec().into()).collect(),
            checkpoint: self.checkpoint(&tree),
            trace_id,
        }
    }

    fn checkpoint(&self, tree: &MemoryTree) -> String {
        Checkpoint::new(ORIGIN, tree.size(), tree.root()).sign(&self.signer).unwrap().to_string()
    }
}

fn tree(log: &Log) -> MemoryTree {
    MemoryTree::new(log.entries.iter().map(|entry| leaf_hash(entry)).collect())
}

struct Service(Arc<State>);

fn refuse(reason: ErrorReason) -> Status {
    Fault::new(reason, "the fake audit service was told to fail").into_status([0; 16])
}

#[tonic::async_trait]
impl AuditService for Service {
    async fn append(&self, request: Request<AppendRequest>) -> Result<Response<AppendResponse>, Status> {
        if self.0.failing.load(Ordering::SeqCst) {
            return Err(refuse(ErrorReason::StoreFailed));
        }
        let receipts = self.0.append(request.into_inner().records);
        Ok(Response::new(AppendResponse { receipts }))
    }

    async fn install_authority(
        &self,
        request: Request<InstallAuthorityRequest>,
    ) -> Result<Response<InstallAuthorityResponse>, Status> {
        let request = request.into_inner();
        let lease_left = request.lease.filter(|_| !request.ticket.is_empty());
        let mut log = self.0.log.lock().unwrap();
        log.authorities.push(request);
        let ticket = log.authorities.len().to_be_bytes().to_vec().into();
        Ok(Response::new(InstallAuthorityResponse { ticket, lease_left }))
    }

    async fn get_log(&self, _request: Request<GetLogRequest>) -> Result<Response<GetLogResponse>, Status> {
        let log = self.0.log.lock().unwrap();
        let verifier_key = self.0.signer.verifying_key().to_string();
        Ok(Response::new(GetLogResponse {
            log_origin: ORIGIN.to_owned(),
            verifier_key,
            checkpoint: self.0.checkpoint(&tree(&log)),
        }))
    }

    async fn get_consistency_proof(
        &self,
        _request: Request<GetConsistencyProofRequest>,
    ) -> Result<Response<GetConsistencyProofResponse>, Status> {
        Err(refuse(ErrorReason::NotFound))
    }

    async fn get_record(
        &self,
        _request: Request<GetRecordRequest>,
    ) -> Result<Response<GetRecordResponse>, Status> {
        Err(refuse(ErrorReason::NotFound))
    }

    async fn list_records(
        &self,
        _request: Request<ListRecordsRequest>,
    ) -> Result<Response<ListRecordsResponse>, Status> {
        Err(refuse(ErrorReason::NotFound))
    }

    async fn get_trace(
        &self,
        _request: Request<GetTraceRequest>,
    ) -> Result<Response<GetTraceResponse>, Status> {
        Err(refuse(ErrorReason::NotFound))
    }
}
