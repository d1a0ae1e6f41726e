//! The append-only tree, held as its right edge. Appending needs no tile from the store: at most 255 hashes a level say
//! all there is to know about the leaves so far.

use std::sync::Arc;

use crate::decimal::NUMBER_MAX;
use crate::hash::{Hash, empty_root};
use crate::proof::{ProveError, TileReader};
use crate::subtrees::Subtrees;
use crate::tile::{self, TILE_HEIGHT, TILE_LEVELS_MAX, TILE_WIDTH, TileId};

/// Root over a list of leaf hashes.
#[must_use]
pub fn root_of(leaves: &[Hash]) -> Hash {
    Subtrees::new(leaves.to_vec()).root()
}

/// The right edge of a tree: its size and the partial tile of each level.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    // INVARIANT: edge[l].len() == (size >> 8l) % 256, and no empty level at the end.
    edge: Vec<Vec<Hash>>,
}

/// What a batch changed. Store the tiles and the frontier in the transaction that stores the leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The edge after the batch.
    pub frontier: Frontier,
    /// The root after the batch.
    pub root: Hash,
    /// Every tile that is new or wider than before, full ones included, lowest level first.
    pub tiles: Vec<Tile>,
}

/// A tile and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tile {
    /// Which tile, and how wide it now is.
    pub id: TileId,
    /// Its hashes, 32..=8,192 bytes.
    pub bytes: Vec<u8>,
}

/// Why a batch could not be appended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AppendError {
    /// The tree would outgrow what an index can name.
    #[error("a tree of {size} leaves cannot take {leaves} more")]
    TreeFull {
        /// Leaves so far.
        size: u64,
        /// Leaves in the batch.
        leaves: usize,
    },
}

/// Why stored bytes are not a frontier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrontierError {
    /// Shorter than the eight bytes of the size.
    #[error("a frontier starts with an eight-byte size, found {bytes} bytes")]
    NoSize {
        /// Bytes found.
        bytes: usize,
    },
    /// The size needs another number of hashes than are there.
    #[error("a frontier of {size} leaves has {expected} bytes of hashes, found {found}")]
    WrongLength {
        /// Leaves claimed.
        size: u64,
        /// Bytes of hashes such a tree has.
        expected: usize,
        /// Bytes of hashes found.
        found: usize,
    },
    /// The size is above what an index can name.
    #[error("tree size {0} is out of range")]
    SizeOutOfRange(u64),
}

impl Frontier {
    /// Number of leaves.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Root over all leaves, from the edge alone: at most 255 hashes a level.
    #[must_use]
    pub fn root(&self) -> Hash {
        let joined = self.edge.iter().fold(None, |right, row| Subtrees::new(row.clone()).fold_onto(right));
        joined.unwrap_or_else(empty_root)
    }

    /// The tree with these leaf hashes after its present ones. `self` stays as it was, so that a batch whose transaction
    /// fails leaves no trace.
    pub fn append(&self, leaves: &[Hash]) -> Result<Appended, AppendError> {
        let size = u64::try_from(leaves.len()).ok().and_then(|count| self.size.checked_add(count));
        let size = size
            .filter(|size| *size <= NUMBER_MAX)
            .ok_or(AppendError::TreeFull { size: self.size, leaves: leaves.len() })?;
        let mut frontier = Self { size, edge: Vec::with_capacity(self.edge.len()) };
        let mut tiles = Vec::new();
        let mut incoming = leaves.to_vec();
        for level in 0..TILE_LEVELS_MAX {
            let mut row = self.edge.get(usize::from(level)).cloned().unwrap_or_default();
            if !incoming.is_empty() {
                row.append(&mut incoming);
                incoming = self.fill_level(level, &mut row, &mut tiles);
            }
            frontier.edge.push(row);
        }
        frontier.trim();
        Ok(Appended { root: frontier.root(), frontier, tiles })
    }

    /// Cuts a level's hashes into tiles, leaves the partial rest in `row`, returns the roots of the full ones.
    fn fill_level(&self, level: u8, row: &mut Vec<Hash>, tiles: &mut Vec<Tile>) -> Vec<Hash> {
        let first = (self.size >> (u32::from(level) * TILE_HEIGHT)) / TILE_WIDTH;
        let mut roots = Vec::new();
        let mut rest = Vec::new();
        for (index, hashes) in (first..).zip(row.chunks(1 << TILE_HEIGHT)) {
            let width = u16::try_from(hashes.len()).unwrap_or(0);
            let id = TileId::new(level, index, width);
            tiles.extend(id.map(|id| Tile { id, bytes: tile::encode(hashes) }));
            if u64::from(width) == TILE_WIDTH {
                roots.push(root_of(hashes));
            } else {
                rest = hashes.to_vec();
            }
        }
        *row = rest;
        roots
    }

    /// Reads the edge of a tree of `size` leaves from its tiles.
    pub fn load<R: TileReader>(size: u64, reader: &R) -> Result<Self, ProveError<R::Error>> {
        let mut edge = Vec::new();
        for level in 0..TILE_LEVELS_MAX {
            let index = (size >> (u32::from(level) * TILE_HEIGHT)) / TILE_WIDTH;
            let row = match TileId::in_tree(level, index, size) {
                Some(id) => read_tile(reader, id)?,
                None => Vec::new(),
            };
            edge.push(row);
        }
        let mut frontier = Self { size, edge };
        frontier.trim();
        Ok(frontier)
    }

    /// For storing: size as eight big-endian bytes, then the edge's hashes, lowest level first.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let hashes = self.edge.iter().flat_map(|row| tile::encode(row));
        self.size.to_be_bytes().into_iter().chain(hashes).collect()
    }

    /// Reads what [`Frontier::encode`] wrote. The widths follow from the size, so no other bytes are accepted.
    pub fn decode(bytes: &[u8]) -> Result<Self, FrontierError> {
        let (size, mut rest) =
            bytes.split_first_chunk::<8>().ok_or(FrontierError::NoSize { bytes: bytes.len() })?;
        let size = u64::from_be_bytes(*size);
        if size > NUMBER_MAX {
            return Err(FrontierError::SizeOutOfRange(size));
        }
        let wrong_length = FrontierError::WrongLength { size, expected: edge_bytes(size), found: rest.len() };
        if edge_bytes(size) != rest.len() {
            return Err(wrong_length);
        }
        let mut edge = Vec::new();
        for level in 0..TILE_LEVELS_MAX {
            let (row, after) = rest.split_at_checked(row_bytes(size, level)).ok_or(wrong_length.clone())?;
            edge.push(tile::decode(row).ok_or(wrong_length.clone())?);
            rest = after;
        }
        let mut frontier = Self { size, edge };
        frontier.trim();
        Ok(frontier)
    }

    fn trim(&mut self) {
        while self.edge.last().is_some_and(Vec::is_empty) {
            self.edge.pop();
        }
    }
}

/// The hashes of a tile, cut to the width asked for: a reader may hold a wider one by now.
pub(crate) fn read_tile<R: TileReader>(reader: &R, id: TileId) -> Result<Vec<Hash>, ProveError<R::Error>> {
    let hashes: Arc<[Hash]> = reader.tile(id).map_err(ProveError::Tile)?;
    let wanted = hashes.get(..usize::from(id.width()));
    wanted.map(<[Hash]>::to_vec).ok_or(ProveError::ShortTile { id, found: hashes.len() })
}

fn row_bytes(size: u64, level: u8) -> usize {
    let width = (size >> (u32::from(level) * TILE_HEIGHT)) % TILE_WIDTH;
    usize::try_from(width).unwrap_or(0) * crate::hash::HASH_BYTES
}

fn edge_bytes(size: u64) -> usize {
    (0..TILE_LEVELS_MAX).map(|level| row_bytes(size, level)).sum()
}
