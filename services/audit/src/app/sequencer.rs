//! The sequencer: the one place where the log grows. It takes whatever was queued while the previous batch was becoming
//! durable, commits it, signs the new head once, and leaves the proofs to a task of their own, so that the next batch goes
//! to the disk meanwhile.

use std::{collections::HashMap, convert::Infallible, sync::Arc, time::UNIX_EPOCH};

use entente_chassis::clock::Clock;
use entente_ledger::{
    hash::Hash,
    note::Signer,
    proof::{ProveError, Prover, TileReader},
    receipt::Receipt,
    tile::{self, TILE_LEVELS_MAX, TILE_WIDTH, TileId},
    tree::{Appended, Frontier},
};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc, oneshot, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::log::{Head, sign};
use crate::{
    error::Error,
    store::{Batch, Committed, Edge, LogStore, Place, SealedRecord, Tree},
};

/// Records of one commit: bounds how long the first of them waits for the last.
const BATCH_RECORDS_MAX: usize = 4_096;
/// Proofs made before other tasks get their turn.
const PROOFS_AT_ONCE: usize = 256;

/// Records that wait to be appended.
pub(super) struct Job {
    pub(super) records: Vec<SealedRecord>,
    pub(super) answer: oneshot::Sender<Result<Vec<Receipt>, Arc<Error>>>,
    /// Given back when the job is answered.
    pub(super) budget: OwnedSemaphorePermit,
}

/// A job whose records are on their way; it waits for as many receipts.
struct Waiting {
    records: usize,
    answer: oneshot::Sender<Result<Vec<Receipt>, Arc<Error>>>,
    _budget: OwnedSemaphorePermit,
}

/// Grows one log. There must be one.
pub struct Sequencer {
    store: Arc<dyn LogStore>,
    signer: Signer,
    frontier: Arc<Frontier>,
    heads: watch::Sender<Arc<Head>>,
    queue: mpsc::Receiver<Job>,
    clock: Arc<dyn Clock>,
    proving: Option<JoinHandle<()>>,
}

impl Sequencer {
    #[expect(clippy::too_many_arguments, reason = "the parts of a sequencer, put together in one place")]
    pub(super) fn new(
        store: Arc<dyn LogStore>,
        signer: Signer,
        frontier: Arc<Frontier>,
        heads: watch::Sender<Arc<Head>>,
        queue: mpsc::Receiver<Job>,
        clock: Arc<dyn Clock>,
    ) -> Sequencer {
        Sequencer { store, signer, frontier, heads, queue, clock, proving: None }
    }

    /// Appends until the log is dropped, or until it is cancelled and what was queued by then is durable.
    pub async fn run(mut self, cancellation: CancellationToken) {
        loop {
            let job = tokio::select! {
                biased;
                job = self.queue.recv() => job,
                () = cancellation.cancelled(), if !self.queue.is_closed() => {
                    self.queue.close();
                    continue;
                }
            };
            let Some(job) = job else { break };
            let (records, waiting) = self.take(job);
            self.append(records, waiting).await;
        }
        self.finish_proving().await;
    }

    /// A batch: this job and what is queued behind it. A job nobody waits for any more is left out.
    fn take(&mut self, first: Job) -> (Vec<SealedRecord>, Vec<Waiting>) {
        let (mut records, mut waiting) = (Vec::new(), Vec::new());
        let mut next = Some(first);
        while let Some(job) = next {
            if !job.answer.is_closed() {
                waiting.push(Waiting { records: job.records.len(), answer: job.answer, _budget: job.budget });
                records.extend(job.records);
            }
            next = if records.len() < BATCH_RECORDS_MAX { self.queue.try_recv().ok() } else { None };
        }
        (records, waiting)
    }

    async fn append(&mut self, records: Vec<SealedRecord>, waiting: Vec<Waiting>) {
        if records.is_empty() {
            waiting.into_iter().for_each(|job| job.tell(Ok(Vec::new())));
            return;
        }
        match self.commit(records).await {
            Ok((head, batch)) => {
                self.finish_proving().await;
                let store = self.store.clone();
                let origin = self.signer.verifying_key().name().to_owned();
                let proof = Proof { store, origin, head, batch };
                self.proving = Some(tokio::spawn(proof.answer(waiting)));
            }
            Err(error) => {
                let error = Arc::new(error);
                waiting.into_iter().for_each(|job| job.tell(Err(error.clone())));
            }
        }
    }

    /// INVARIANT: a tree is signed after it is durable, never before: a signed tree that a failed commit took back would
    /// be a second history.
    async fn commit(&mut self, records: Vec<SealedRecord>) -> Result<(Arc<Head>, Grown), Error> {
        let before = self.heads.borrow().clone();
        let append_time_ms = self.now_ms().max(before.newest_time_ms);
        let batch = Batch { records, frontier: self.frontier.clone(), append_time_ms };
        let Committed { places, appended } = self.store.append(batch).await?;
        let grown = Grown::new(&before.tree, places, &appended);
        let (size, root) = (appended.frontier.size(), appended.root);
        if size == before.tree.size {
            return Ok((before, grown));
        }
        self.frontier = Arc::new(appended.frontier);
        let head = Arc::new(Head {
            checkpoint: sign(&self.signer, size, root)?,
            tree: Arc::new(Tree { size, root, edge: grown.edge_of(size) }),
            newest_time_ms: append_time_ms,
        });
        self.heads.send_replace(head.clone());
        Ok((head, grown))
    }

    /// One batch at most is being proved while the next is being committed.
    async fn finish_proving(&mut self) {
        let Some(proving) = self.proving.take() else { return };
        if let Err(error) = proving.await {
            tracing::error!(%error, "the receipts of a batch could not be made");
        }
    }

    fn now_ms(&self) -> i64 {
        let since = self.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    }
}

impl Waiting {
    fn tell(self, receipts: Result<Vec<Receipt>, Arc<Error>>) {
        // The caller may have gone meanwhile; the records stay.
        let _ = self.answer.send(receipts);
    }
}

/// What a batch changed, in memory: enough to prove each record it added.
struct Grown {
    places: Vec<Place>,
    tiles: HashMap<(u8, u64), Arc<[Hash]>>,
}

impl Grown {
    /// The tiles on the way from the added leaves to the root are those the batch changed and, on levels it did not
    /// reach, those of the old edge.
    fn new(before: &Tree, places: Vec<Place>, appended: &Appended) -> Grown {
        let mut tiles: HashMap<_, _> =
            before.edge.iter().map(|(place, hashes)| (*place, hashes.clone())).collect();
        for tile in &appended.tiles {
            let hashes = tile::decode(&tile.bytes).unwrap_or_default();
            tiles.insert((tile.id.level(), tile.id.index()), hashes.into());
        }
        Grown { places, tiles }
    }

    /// The partial tiles of the tree of `size` leaves.
    fn edge_of(&self, size: u64) -> Edge {
        let place = |level: u8| (level, (size >> (u32::from(level) * tile::TILE_HEIGHT)) / TILE_WIDTH);
        let partial = |(level, index): &(u8, u64)| TileId::in_tree(*level, *index, size).is_some();
        let places = (0..TILE_LEVELS_MAX).map(place).filter(partial);
        places.filter_map(|place| Some((place, self.tiles.get(&place)?.clone()))).collect()
    }
}

impl TileReader for Grown {
    type Error = Infallible;

    fn tile(&self, id: TileId) -> Result<Arc<[Hash]>, Infallible> {
        // A tile that is not here is too short for the prover, who then says so.
        Ok(self.tiles.get(&(id.level(), id.index())).cloned().unwrap_or_default())
    }
}

/// The receipts of one batch, to be made.
struct Proof {
    store: Arc<dyn LogStore>,
    origin: String,
    head: Arc<Head>,
    batch: Grown,
}

impl Proof {
    async fn answer(self, waiting: Vec<Waiting>) {
        match self.receipts().await {
            Ok(receipts) => {
                let mut receipts = receipts.into_iter();
                for job in waiting {
                    let own = receipts.by_ref().take(job.records).collect();
                    job.tell(Ok(own));
                }
            }
            Err(error) => {
                // The records are durable. Appending them again gives their receipts.
                let error = Arc::new(error);
                waiting.into_iter().for_each(|job| job.tell(Err(error.clone())));
            }
        }
    }

    async fn receipts(&self) -> Result<Vec<Receipt>, Error> {
        let mut earlier = self.earlier_paths().await?.into_iter();
        let mut receipts = Vec::with_capacity(self.batch.places.len());
        let mut prover = Prover::new(&self.batch, self.head.tree.size);
        for place in &self.batch.places {
            let path = if place.added {
                prover.inclusion(place.index).map_err(|error| Error::Prove(Box::new(of_store(error))))?
            } else {
                earlier.next().unwrap_or_default()
            };
            receipts.push(self.receipt(place, path));
            if receipts.len() % PROOFS_AT_ONCE == 0 {
                tokio::task::yield_now().await;
            }
        }
        Ok(receipts)
    }

    /// Paths of records that were in the log before, from the store.
    async fn earlier_paths(&self) -> Result<Vec<Vec<Hash>>, Error> {
        let earlier: Vec<u64> =
            self.batch.places.iter().filter(|place| !place.added).map(|place| place.index).collect();
        if earlier.is_empty() {
            return Ok(Vec::new());
        }
        self.store.inclusion(self.head.tree.clone(), earlier).await
    }

    fn receipt(&self, place: &Place, path: Vec<Hash>) -> Receipt {
        Receipt {
            origin: self.origin.clone(),
            index: place.index,
            entry: place.entry.to_vec(),
            tree_size: self.head.tree.size,
            path,
            checkpoint: self.head.checkpoint.clone(),
        }
    }
}

/// Reading memory does not fail.
fn of_store(error: ProveError<Infallible>) -> ProveError<entente_persist::PersistError> {
    match error {
        ProveError::Tile(never) => match never {},
        ProveError::ShortTile { id, found } => ProveError::ShortTile { id, found },
        ProveError::OutOfRange { asked, size } => ProveError::OutOfRange { asked, size },
    }
}
