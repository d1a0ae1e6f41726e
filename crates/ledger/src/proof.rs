//! Inclusion and consistency proofs: made from tiles or from leaves in memory, checked from hashes alone.
//! The checks follow RFC 9162 2.1.3.2 and 2.1.4.2, which accept exactly the proofs of RFC 6962.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;

use crate::hash::{Hash, empty_root, node_hash};
use crate::range::{self, Nodes};
use crate::subtrees::Subtrees;
use crate::tile::{TILE_HEIGHT, TileId};
use crate::tree::read_tile;

/// Hashes in the longest proof: a tree of 2^63 leaves.
pub const PROOF_HASHES_MAX: usize = 63;

/// Tiles a [`Prover`] keeps expanded (16 KiB each) before it starts anew.
const PROVER_TILES_MAX: usize = 256;

/// Gives tiles of one log. Implemented by a store, or by a client that fetches them.
pub trait TileReader {
    /// Why a tile could not be read.
    type Error: std::error::Error + 'static;

    /// At least the first [`TileId::width`] hashes of the tile; more are ignored.
    fn tile(&self, id: TileId) -> Result<Arc<[Hash]>, Self::Error>;
}

/// Why a proof could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProveError<E: std::error::Error + 'static> {
    /// The reader failed.
    #[error("a tile could not be read")]
    Tile(#[source] E),
    /// The reader gave fewer hashes than the tree has there.
    #[error("{id} has only {found} hashes")]
    ShortTile {
        /// The tile asked for.
        id: TileId,
        /// Hashes received.
        found: usize,
    },
    /// The index or old size does not exist in the tree.
    #[error("{asked} is out of range in a tree of {size} leaves")]
    OutOfRange {
        /// Index or old size asked for.
        asked: u64,
        /// Leaves of the tree.
        size: u64,
    },
}

/// Why a proof does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The leaf is not below the tree's size.
    #[error("index {index} is not in a tree of {size} leaves")]
    IndexOutOfRange {
        /// Index claimed.
        index: u64,
        /// Size claimed.
        size: u64,
    },
    /// A tree does not shrink.
    #[error("{old_size} leaves cannot have become {new_size}")]
    SizesReversed {
        /// Size of the earlier tree.
        old_size: u64,
        /// Size of the later tree.
        new_size: u64,
    },
    /// Index and sizes ask for another number of hashes.
    #[error("the proof has {found} hashes, {expected} are needed")]
    WrongLength {
        /// Hashes such a proof has.
        expected: usize,
        /// Hashes found.
        found: usize,
    },
    /// The proof leads to another root than the (later) one given.
    #[error("the proof leads to root {computed}, not {expected}")]
    RootMismatch {
        /// Root given.
        expected: Hash,
        /// Root the proof leads to.
        computed: Hash,
    },
    /// The consistency proof leads to another root than the earlier one given.
    #[error("the proof leads to the old root {computed}, not {expected}")]
    OldRootMismatch {
        /// Old root given.
        expected: Hash,
        /// Old root the proof leads to.
        computed: Hash,
    },
}

/// Checks that `leaf` is the `index`-th of the `size` leaves under `root`.
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    path: &[Hash],
    root: &Hash,
) -> Result<(), ProofError> {
    check_root(&inclusion_root(leaf, index, size, path)?, root)
}

/// The root to which the path leads from the `index`-th of `size` leaves: what a signature over it is checked against.
pub fn inclusion_root(leaf: &Hash, index: u64, size: u64, path: &[Hash]) -> Result<Hash, ProofError> {
    if index >= size {
        return Err(ProofError::IndexOutOfRange { index, size });
    }
    check_length(range::inclusion(index, size).len(), path.len())?;
    let mut walk = Walk { node: index, last: size - 1 };
    let mut computed = *leaf;
    for sibling in path {
        computed = match walk.climb() {
            Side::Left => node_hash(sibling, &computed),
            Side::Right => node_hash(&computed, sibling),
        };
    }
    Ok(computed)
}

/// Checks that the `new_size` leaves under `new_root` start with the `old_size` leaves under `old_root`.
pub fn verify_consistency(
    old_size: u64,
    old_root: &Hash,
    new_size: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    if old_size > new_size {
        return Err(ProofError::SizesReversed { old_size, new_size });
    }
    if old_size == 0 {
        check_length(0, proof.len())?;
        return check_old_root(&empty_root(), old_root);
    }
    check_length(range::consistency(old_size, new_size).len(), proof.len())?;
    if old_size == new_size {
        return check_root(old_root, new_root);
    }
    // A complete old tree is itself the first node: the verifier has it, so the proof leaves it out.
    let (first, rest) = match proof.split_first() {
        Some((first, rest)) if !old_size.is_power_of_two() => (first, rest),
        _ => (old_root, proof),
    };
    let mut walk = Walk { node: old_size - 1, last: new_size - 1 };
    walk.skip_complete();
    let (mut old_computed, mut new_computed) = (*first, *first);
    for hash in rest {
        match walk.climb() {
            Side::Left => {
                old_computed = node_hash(hash, &old_computed);
                new_computed = node_hash(hash, &new_computed);
            }
            Side::Right => new_computed = node_hash(&new_computed, hash),
        }
    }
    check_old_root(&old_computed, old_root)?;
    check_root(&new_computed, new_root)
}

/// The way up from a node (`fn` and `sn` of RFC 9162).
struct Walk {
    node: u64,
    last: u64,
}

/// On which side of the node the next hash of the proof stands.
enum Side {
    Left,
    Right,
}

impl Walk {
    fn climb(&mut self) -> Side {
        let side = if self.node & 1 == 1 || self.node == self.last { Side::Left } else { Side::Right };
        if matches!(side, Side::Left) {
            // On the ragged right edge a node without sibling moves up unhashed.
            while self.node & 1 == 0 && self.node != 0 {
                self.up();
            }
        }
        self.up();
        side
    }

    fn skip_complete(&mut self) {
        while self.node & 1 == 1 {
            self.up();
        }
    }

    fn up(&mut self) {
        self.node >>= 1;
        self.last >>= 1;
    }
}

fn check_length(expected: usize, found: usize) -> Result<(), ProofError> {
    if expected == found { Ok(()) } else { Err(ProofError::WrongLength { expected, found }) }
}

fn check_root(computed: &Hash, expected: &Hash) -> Result<(), ProofError> {
    if computed == expected {
        return Ok(());
    }
    Err(ProofError::RootMismatch { expected: *expected, computed: *computed })
}

fn check_old_root(computed: &Hash, expected: &Hash) -> Result<(), ProofError> {
    if computed == expected {
        return Ok(());
    }
    Err(ProofError::OldRootMismatch { expected: *expected, computed: *computed })
}

/// Makes proofs in the tree of a given size from its tiles; a tile is read and hashed once per prover, so that the
/// receipts of a whole batch cost little more than one.
pub struct Prover<'reader, R: TileReader> {
    reader: &'reader R,
    size: u64,
    tiles: HashMap<(u8, u64), Subtrees>,
}

impl<'reader, R: TileReader> Prover<'reader, R> {
    /// A prover for the tree's first `size` leaves.
    pub fn new(reader: &'reader R, size: u64) -> Self {
        Self { reader, size, tiles: HashMap::new() }
    }

    /// The inclusion proof of a leaf, its sibling first. Reads O(log size) tiles.
    pub fn inclusion(&mut self, index: u64) -> Result<Vec<Hash>, ProveError<R::Error>> {
        if index >= self.size {
            return Err(ProveError::OutOfRange { asked: index, size: self.size });
        }
        self.hashes(range::inclusion(index, self.size))
    }

    /// The proof that the first `old_size` leaves were this log's tree once. Empty for 0 and for the present size.
    pub fn consistency(&mut self, old_size: u64) -> Result<Vec<Hash>, ProveError<R::Error>> {
        if old_size > self.size {
            return Err(ProveError::OutOfRange { asked: old_size, size: self.size });
        }
        if old_size == 0 {
            return Ok(Vec::new());
        }
        self.hashes(range::consistency(old_size, self.size))
    }

    /// The root, from the tiles.
    pub fn root(&mut self) -> Result<Hash, ProveError<R::Error>> {
        let range = 0..self.size;
        Ok(range::hash(self, &range)?.unwrap_or_else(empty_root))
    }

    fn hashes(&mut self, ranges: Vec<std::ops::Range<u64>>) -> Result<Vec<Hash>, ProveError<R::Error>> {
        ranges.iter().filter_map(|range| range::hash(self, range).transpose()).collect()
    }
}

impl<R: TileReader> Nodes for Prover<'_, R> {
    type Error = ProveError<R::Error>;

    fn node(&mut self, height: u32, index: u64) -> Result<Hash, Self::Error> {
        let out_of_range = ProveError::OutOfRange { asked: index, size: self.size };
        let level = u8::try_from(height / TILE_HEIGHT).unwrap_or(u8::MAX);
        let inside = height % TILE_HEIGHT;
        let tile_index = index >> (TILE_HEIGHT - inside);
        if self.tiles.len() >= PROVER_TILES_MAX {
            self.tiles.clear();
        }
        let Some(id) = TileId::in_tree(level, tile_index, self.size) else {
            return Err(out_of_range);
        };
        let tile = match self.tiles.entry((level, tile_index)) {
            std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::hash_map::Entry::Vacant(space) => {
                space.insert(Subtrees::new(read_tile(self.reader, id)?))
            }
        };
        let place = index - (tile_index << (TILE_HEIGHT - inside));
        let node =
            usize::try_from(place).ok().and_then(|place| tile.node(usize::try_from(inside).ok()?, place));
        node.ok_or(out_of_range)
    }
}

/// A tree over leaves in memory: one root to sign for a batch, and a proof for each of its members.
#[derive(Debug, Clone)]
pub struct MemoryTree {
    subtrees: Subtrees,
    size: u64,
}

impl MemoryTree {
    /// Hashes the tree once.
    #[must_use]
    pub fn new(leaves: Vec<Hash>) -> Self {
        let size = u64::try_from(leaves.len()).unwrap_or(u64::MAX);
        Self { subtrees: Subtrees::new(leaves), size }
    }

    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The root.
    #[must_use]
    pub fn root(&self) -> Hash {
        self.subtrees.root()
    }

    /// The inclusion proof of a leaf, `None` when there is no such leaf.
    #[must_use]
    pub fn inclusion_path(&self, index: u64) -> Option<Vec<Hash>> {
        (index < self.size).then(|| self.hashes(range::inclusion(index, self.size)))
    }

    /// The consistency proof from an earlier size, `None` when the tree never was that large.
    #[must_use]
    pub fn consistency_proof(&self, old_size: u64) -> Option<Vec<Hash>> {
        match old_size {
            0 => Some(Vec::new()),
            old_size if old_size > self.size => None,
            old_size => Some(self.hashes(range::consistency(old_size, self.size))),
        }
    }

    fn hashes(&self, ranges: Vec<std::ops::Range<u64>>) -> Vec<Hash> {
        let hash = |range| match range::hash(&mut MemoryNodes(&self.subtrees), &range) {
            Ok(hash) => hash,
        };
        ranges.into_iter().filter_map(hash).collect()
    }
}

/// The inclusion proof of one leaf in a plain list; use [`MemoryTree`] for more than one.
#[must_use]
pub fn inclusion_path(leaves: &[Hash], index: u64) -> Option<Vec<Hash>> {
    MemoryTree::new(leaves.to_vec()).inclusion_path(index)
}

struct MemoryNodes<'tree>(&'tree Subtrees);

impl Nodes for MemoryNodes<'_> {
    type Error = Infallible;

    fn node(&mut self, height: u32, index: u64) -> Result<Hash, Infallible> {
        let place = usize::try_from(height).ok().zip(usize::try_from(index).ok());
        // INVARIANT: ranges lie within the tree, so the node is there; the empty root would fail verification.
        Ok(place.and_then(|(height, index)| self.0.node(height, index)).unwrap_or_else(empty_root))
    }
}
