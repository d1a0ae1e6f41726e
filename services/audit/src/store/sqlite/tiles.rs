//! The tree in SQLite. Only full tiles are stored: a partial tile is the leaves, or the roots of the full tiles below it,
//! that are not in a full tile yet. So an append writes no hash twice, and opening a log recomputes its edge from what
//! it must agree with.

use std::sync::Arc;

use entente_ledger::{
    hash::{Hash, leaf_hash},
    proof::TileReader,
    tile::{self, TILE_WIDTH, TileId},
    tree::root_of,
};
use entente_persist::PersistError;
use rusqlite::{Connection, params};

use super::{signed, unsigned};
use crate::store::Tree;

/// Stores full tiles, skips the others.
pub(super) fn insert(connection: &Connection, tiles: &[entente_ledger::tree::Tile]) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare_cached("INSERT INTO tile (level, tile_index, hashes) VALUES (?1, ?2, ?3)")?;
    for tile in tiles.iter().filter(|tile| tile.id.is_full()) {
        statement.execute(params![tile.id.level(), signed(tile.id.index()), tile.bytes])?;
    }
    Ok(())
}

/// Tiles of a tree whose edge is known.
pub(super) struct KnownEdge<'a> {
    pub(super) connection: &'a Connection,
    pub(super) tree: &'a Tree,
}

impl TileReader for KnownEdge<'_> {
    type Error = PersistError;

    fn tile(&self, id: TileId) -> Result<Arc<[Hash]>, PersistError> {
        match self.tree.edge_tile(id) {
            Some(hashes) => Ok(hashes),
            None => full(self.connection, id.level(), id.index()),
        }
    }
}

/// Tiles of the stored tree, the partial ones computed.
pub(super) struct Stored<'a>(pub(super) &'a Connection);

impl TileReader for Stored<'_> {
    type Error = PersistError;

    fn tile(&self, id: TileId) -> Result<Arc<[Hash]>, PersistError> {
        if id.is_full() {
            return full(self.0, id.level(), id.index());
        }
        let first = id.index().saturating_mul(TILE_WIDTH);
        let places = first..first.saturating_add(u64::from(id.width()));
        match id.level().checked_sub(1) {
            None => leaves(self.0, places),
            Some(below) => places.map(|index| Ok(root_of(&full(self.0, below, index)?))).collect(),
        }
    }
}

fn full(connection: &Connection, level: u8, index: u64) -> Result<Arc<[Hash]>, PersistError> {
    let bytes: Vec<u8> = connection
        .prepare_cached("SELECT hashes FROM tile WHERE level = ?1 AND tile_index = ?2")?
        .query_row(params![level, signed(index)], |row| row.get(0))?;
    Ok(tile::decode(&bytes).unwrap_or_default().into())
}

fn leaves(connection: &Connection, places: std::ops::Range<u64>) -> Result<Arc<[Hash]>, PersistError> {
    let mut statement = connection.prepare_cached(
        "SELECT entry FROM record WHERE entry_index >= ?1 AND entry_index < ?2 ORDER BY entry_index",
    )?;
    let rows = statement
        .query_map(params![signed(places.start), signed(places.end)], |row| row.get::<_, Vec<u8>>(0))?;
    Ok(rows.map(|entry| entry.map(|entry| leaf_hash(&entry))).collect::<Result<Vec<_>, _>>()?.into())
}

/// Number of records stored: one more than the highest index, as none is ever deleted.
pub(super) fn records(connection: &Connection) -> Result<u64, PersistError> {
    let highest: Option<i64> =
        connection.query_row("SELECT max(entry_index) FROM record", [], |row| row.get(0))?;
    Ok(highest.map_or(0, |highest| unsigned(highest).saturating_add(1)))
}
