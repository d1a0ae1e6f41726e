//! The log: opened and checked once, appended to through one sequencer, proved from its newest head.

use std::{path::Path, sync::Arc};

use entente_chassis::clock::Clock;
use entente_ledger::{checkpoint::Checkpoint, hash::Hash, note::Signer, receipt::Receipt, tree::Frontier};
use entente_persist::{PersistError, secret_file};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::sequencer::{Job, Sequencer};
use crate::{
    error::Error,
    store::{LogName, LogStore, SealedRecord, StoredLog, Tree},
};

/// Requests that may wait for the sequencer; their bytes are bounded by [`LogConfig::bytes_in_flight_max`].
const JOBS_MAX: usize = 8_192;
/// Unit in which bytes in flight are counted.
const UNIT_BYTES: usize = 1_024;
/// What a record weighs besides its sections: entry, ids, the queue's own, its receipt on the way out.
const RECORD_OVERHEAD_BYTES: usize = 2_048;
/// Bytes of an Ed25519 seed.
const SEED_BYTES: usize = 32;

/// Which log to open, and within which bounds.
#[derive(Debug, Clone)]
pub struct LogConfig {
    /// First line of its checkpoints; empty means that of the stored log, which must exist then.
    pub origin: String,
    /// Bytes of records waiting to be durable; further callers wait. 64 MiB is a good value.
    pub bytes_in_flight_max: usize,
}

/// The newest state of the log, signed.
#[derive(Debug)]
pub struct Head {
    /// The tree.
    pub tree: Arc<Tree>,
    /// Its checkpoint, a signed note.
    pub checkpoint: String,
    /// Time of the newest entry.
    pub newest_time_ms: i64,
}

/// The log of one origin. Cheap to clone.
#[derive(Clone)]
pub struct Log {
    shared: Arc<Shared>,
    jobs: mpsc::Sender<Job>,
}

struct Shared {
    name: LogName,
    store: Arc<dyn LogStore>,
    heads: watch::Receiver<Arc<Head>>,
    budget: Arc<Semaphore>,
    budget_units: u32,
}

impl Log {
    /// Opens the log, or makes it when the store is new, and checks that its head is that of its records: a damaged or
    /// exchanged file is refused here rather than signed. The sequencer must be run for appends to be answered.
    ///
    /// # Errors
    ///
    /// When the stored log is another one, or does not hold together.
    pub async fn open(
        config: LogConfig,
        store: Arc<dyn LogStore>,
        key: &LogKey,
        clock: Arc<dyn Clock>,
    ) -> Result<(Log, Sequencer), Error> {
        let stored_name = store.name().await?;
        let origin =
            stored_name.as_ref().filter(|_| config.origin.is_empty()).map(|name| name.origin.clone());
        let origin = origin.unwrap_or(config.origin);
        let signer = key.signer(&origin)?;
        let name = LogName { origin, verifier_key: signer.verifying_key().to_string(), shard_epoch: 0 };
        match stored_name {
            Some(stored) => check_name(&stored, &name)?,
            None => store.create(name.clone()).await?,
        }
        let stored = store.open().await?;
        check(&stored)?;
        let first = head_of(&stored, &signer)?;
        let (heads, receiver) = watch::channel(Arc::new(first));
        let (jobs, queue) = mpsc::channel(JOBS_MAX);
        let budget_units = units(config.bytes_in_flight_max).max(1);
        let shared = Shared {
            name,
            store: store.clone(),
            heads: receiver,
            budget: Arc::new(Semaphore::new(budget_units as usize)),
            budget_units,
        };
        let sequencer = Sequencer::new(store, signer, Arc::new(stored.frontier), heads, queue, clock);
        Ok((Log { shared: Arc::new(shared), jobs }, sequencer))
    }

    /// Which log this is.
    #[must_use]
    pub fn name(&self) -> &LogName {
        &self.shared.name
    }

    /// The newest head.
    #[must_use]
    pub fn head(&self) -> Arc<Head> {
        self.shared.heads.borrow().clone()
    }

    /// Tells of each new head.
    #[must_use]
    pub fn heads(&self) -> watch::Receiver<Arc<Head>> {
        self.shared.heads.clone()
    }

    /// Appends records, all or nothing, and returns once they are durable, with a receipt for each, in order. A record
    /// whose id is known gets a receipt of the first one's entry.
    ///
    /// # Errors
    ///
    /// When the log is stopping or the batch failed; then none of them is in the log.
    pub async fn append(&self, records: Vec<SealedRecord>) -> Result<Vec<Receipt>, Error> {
        let bytes: usize =
            records.iter().map(|record| record.sections.len().saturating_add(RECORD_OVERHEAD_BYTES)).sum();
        // A request larger than the whole budget goes alone.
        let wanted = units(bytes).min(self.shared.budget_units);
        let budget =
            self.shared.budget.clone().acquire_many_owned(wanted).await.map_err(|_| Error::Stopping)?;
        let (answer, answered) = oneshot::channel();
        self.jobs.send(Job { records, answer, budget }).await.map_err(|_| Error::Stopping)?;
        answered.await.map_err(|_| Error::Stopping)?.map_err(Error::Append)
    }

    /// Receipts of entries already in the log, in the tree of `head`.
    ///
    /// # Errors
    ///
    /// When the tiles cannot be read.
    pub async fn prove(&self, head: &Head, entries: Vec<(u64, Vec<u8>)>) -> Result<Vec<Receipt>, Error> {
        let indices = entries.iter().map(|(index, _)| *index).collect();
        let paths = self.shared.store.inclusion(head.tree.clone(), indices).await?;
        let receipts = entries.into_iter().zip(paths).map(|((index, entry), path)| Receipt {
            origin: self.shared.name.origin.clone(),
            index,
            entry,
            tree_size: head.tree.size,
            path,
            checkpoint: head.checkpoint.clone(),
        });
        Ok(receipts.collect())
    }

    /// Proof that the tree of `old_size` is a prefix of that of `head`.
    ///
    /// # Errors
    ///
    /// When the tiles cannot be read.
    pub async fn consistency(&self, head: &Head, old_size: u64) -> Result<Vec<Hash>, Error> {
        self.shared.store.consistency(head.tree.clone(), old_size).await
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT_BYTES)).unwrap_or(u32::MAX / 2)
}

fn check_name(stored: &LogName, configured: &LogName) -> Result<(), Error> {
    let pairs = [(&stored.origin, &configured.origin), (&stored.verifier_key, &configured.verifier_key)];
    match pairs.into_iter().find(|(stored, configured)| stored != configured) {
        None => Ok(()),
        Some((stored, configured)) => {
            Err(Error::AnotherLog { stored: stored.clone(), configured: configured.clone() })
        }
    }
}

/// Cheap, whatever the size of the log: the edge is some hundred hashes a level, and its root is that of all records
/// unless a full tile was changed, which every later proof through it would show.
fn check(stored: &StoredLog) -> Result<(), Error> {
    let size = stored.frontier.size();
    if stored.records != size {
        return Err(Error::SizeMismatch { head: size, stored: stored.records });
    }
    let computed = stored.frontier.root();
    if computed == stored.root { Ok(()) } else { Err(Error::HeadMismatch { stored: stored.root, computed }) }
}

fn head_of(stored: &StoredLog, signer: &Signer) -> Result<Head, Error> {
    let (size, root) = (stored.frontier.size(), stored.root);
    Ok(Head {
        checkpoint: sign(signer, size, root)?,
        tree: Arc::new(Tree { size, root, edge: stored.edge.clone() }),
        newest_time_ms: stored.newest_time_ms,
    })
}

/// The checkpoint of a tree. Ed25519 is deterministic: the same tree signed again is the same note.
pub(super) fn sign(signer: &Signer, size: u64, root: Hash) -> Result<String, Error> {
    let origin = signer.verifying_key().name();
    Ok(Checkpoint::new(origin, size, root).sign(signer).map_err(Error::Sign)?.to_string())
}

/// The log's private key.
pub struct LogKey([u8; SEED_BYTES]);

impl LogKey {
    /// Reads the key from a file, made at first with mode 0600.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or made, or holds no key.
    pub fn load_or_create(path: &Path) -> Result<LogKey, Error> {
        let bytes = secret_file::load_or_create(path, || {
            let mut seed = vec![0; SEED_BYTES];
            aws_lc_rs::rand::fill(&mut seed).map_err(|_| PersistError::Randomness)?;
            Ok(seed)
        })?;
        let seed = bytes.try_into().map_err(|_| PersistError::KeyFile(path.to_owned()))?;
        Ok(LogKey(seed))
    }

    fn signer(&self, origin: &str) -> Result<Signer, Error> {
        Signer::from_seed(origin, &self.0).map_err(Error::Key)
    }
}

/// An empty tree's edge, for tests and first starts alike.
impl Default for Tree {
    fn default() -> Self {
        let frontier = Frontier::default();
        Tree { size: frontier.size(), root: frontier.root(), edge: Default::default() }
    }
}
