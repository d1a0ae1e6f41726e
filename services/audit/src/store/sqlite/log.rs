//! The log in SQLite. A batch is one transaction: its records, the tiles they filled, the head.

use std::sync::Arc;

use async_trait::async_trait;
use entente_ledger::{
    hash::Hash,
    proof::Prover,
    tile::{TILE_LEVELS_MAX, TILE_WIDTH, TileId},
    tree::Frontier,
};
use entente_persist::{Database, PersistError};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    count, signed,
    tiles::{self, KnownEdge, Stored},
    unsigned,
};
use crate::{
    error::Error,
    store::{
        Batch, Committed, Edge, LogName, LogStore, Place, SealedRecord, StoredLog, StoredRecord, Tree,
        sections,
    },
};

const RECORD_COLUMNS: &str = "entry_index, record_id, append_time_ms, entry, sections";

/// The log on SQLite.
#[derive(Clone)]
pub struct SqliteLog {
    database: Database,
}

impl SqliteLog {
    pub(super) fn new(database: Database) -> SqliteLog {
        SqliteLog { database }
    }
}

#[async_trait]
impl LogStore for SqliteLog {
    async fn name(&self) -> Result<Option<LogName>, Error> {
        self.database.read(|connection| Ok(head(connection)?.map(|head| head.name))).await
    }

    async fn create(&self, name: LogName) -> Result<(), Error> {
        let create = move |connection: &Connection| {
            connection
                .execute(
                    "INSERT INTO head (only_row, origin, verifier_key, shard_epoch, size, root) VALUES (1, ?1, ?2, ?3, 0, ?4)",
                    params![name.origin, name.verifier_key, name.shard_epoch, Frontier::default().root().as_bytes()],
                )
                .map_err(PersistError::from)?;
            Ok(())
        };
        self.database.write(create).await
    }

    async fn open(&self) -> Result<StoredLog, Error> {
        self.database.read(open).await
    }

    async fn append(&self, batch: Batch) -> Result<Committed, Error> {
        self.database.write(move |connection| append(connection, &batch)).await
    }

    async fn records(&self, indices: Vec<u64>) -> Result<Vec<StoredRecord>, Error> {
        let sql = format!("SELECT {RECORD_COLUMNS} FROM record WHERE entry_index = ?1");
        let read = move |connection: &Connection| {
            let one = |index: &u64| one_record(connection, &sql, params![signed(*index)]);
            indices.iter().filter_map(|index| one(index).transpose()).collect()
        };
        self.database.read(read).await
    }

    async fn record_by_id(&self, record_id: [u8; 16]) -> Result<Option<StoredRecord>, Error> {
        let sql = format!("SELECT {RECORD_COLUMNS} FROM record WHERE record_id = ?1");
        self.database.read(move |connection| one_record(connection, &sql, params![record_id])).await
    }

    async fn scan(
        &self,
        from: u64,
        records_max: usize,
        bytes_max: usize,
    ) -> Result<Vec<StoredRecord>, Error> {
        let sql = format!(
            "SELECT {RECORD_COLUMNS} FROM record WHERE entry_index >= ?1 ORDER BY entry_index LIMIT ?2"
        );
        let scan = move |connection: &Connection| {
            let mut statement = connection.prepare_cached(&sql).map_err(PersistError::from)?;
            let mut rows =
                statement.query(params![signed(from), count(records_max)]).map_err(PersistError::from)?;
            let (mut records, mut bytes) = (Vec::new(), 0_usize);
            while let Some(row) = rows.next().map_err(PersistError::from)? {
                let sections = row.get_ref("sections").and_then(|sections| Ok(sections.as_bytes()?.len()));
                bytes = bytes.saturating_add(sections.map_err(PersistError::from)?);
                records.push(record(row)?);
                if bytes >= bytes_max {
                    break;
                }
            }
            Ok(records)
        };
        self.database.read(scan).await
    }

    async fn first_at(&self, time_ms: i64, size: u64) -> Result<u64, Error> {
        self.database.read(move |connection| first_at(connection, time_ms, size)).await
    }

    async fn inclusion(&self, tree: Arc<Tree>, indices: Vec<u64>) -> Result<Vec<Vec<Hash>>, Error> {
        let prove = move |connection: &Connection| {
            let reader = KnownEdge { connection, tree: &tree };
            let mut prover = Prover::new(&reader, tree.size);
            let paths = indices.iter().map(|index| prover.inclusion(*index));
            paths.collect::<Result<_, _>>().map_err(|error| Error::Prove(Box::new(error)))
        };
        self.database.read(prove).await
    }

    async fn consistency(&self, tree: Arc<Tree>, old_size: u64) -> Result<Vec<Hash>, Error> {
        let prove = move |connection: &Connection| {
            let reader = KnownEdge { connection, tree: &tree };
            let proof = Prover::new(&reader, tree.size).consistency(old_size);
            proof.map_err(|error| Error::Prove(Box::new(error)))
        };
        self.database.read(prove).await
    }
}

struct Head {
    name: LogName,
    size: u64,
    root: Hash,
}

fn head(connection: &Connection) -> Result<Option<Head>, Error> {
    let row = connection
        .query_row("SELECT origin, verifier_key, shard_epoch, size, root FROM head", [], |row| {
            let name = LogName { origin: row.get(0)?, verifier_key: row.get(1)?, shard_epoch: row.get(2)? };
            Ok((name, row.get::<_, i64>(3)?, row.get::<_, Vec<u8>>(4)?))
        })
        .optional()
        .map_err(PersistError::from)?;
    let decode = |(name, size, root): (LogName, i64, Vec<u8>)| {
        let root = Hash::from_slice(&root).ok_or(Error::Stored("root"))?;
        Ok(Head { name, size: unsigned(size), root })
    };
    row.map(decode).transpose()
}

fn open(connection: &Connection) -> Result<StoredLog, Error> {
    let Head { name, size, root } = head(connection)?.ok_or(Error::Stored("head"))?;
    let reader = Stored(connection);
    let frontier = Frontier::load(size, &reader).map_err(|error| Error::Prove(Box::new(error)))?;
    let newest_time_ms: Option<i64> = connection
        .query_row("SELECT append_time_ms FROM record ORDER BY entry_index DESC LIMIT 1", [], |row| {
            row.get(0)
        })
        .optional()
        .map_err(PersistError::from)?;
    Ok(StoredLog {
        name,
        root,
        records: tiles::records(connection)?,
        newest_time_ms: newest_time_ms.unwrap_or_default(),
        frontier,
        edge: edge(&reader, size)?,
    })
}

/// The partial tiles of a tree of `size` leaves.
fn edge(reader: &Stored<'_>, size: u64) -> Result<Edge, Error> {
    use entente_ledger::proof::TileReader as _;
    let mut edge = Edge::new();
    for level in 0..TILE_LEVELS_MAX {
        let hashes = size >> (u32::from(level) * u8::BITS);
        let index = hashes / TILE_WIDTH;
        if let Some(id) = TileId::in_tree(level, index, size) {
            edge.insert((level, index), reader.tile(id)?);
        }
    }
    Ok(edge)
}

/// INVARIANT: records, tiles and head change as one, and only if the head is the one the frontier was taken from.
/// Otherwise two sequencers on one file could each sign a tree of the same size.
fn append(connection: &Connection, batch: &Batch) -> Result<Committed, Error> {
    let mut next = batch.frontier.size();
    let mut places = Vec::with_capacity(batch.records.len());
    let mut leaves = Vec::with_capacity(batch.records.len());
    {
        let insert = "INSERT INTO record (entry_index, record_id, append_time_ms, entry, sections)
                      VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT (record_id) DO NOTHING";
        let mut insert = connection.prepare_cached(insert).map_err(PersistError::from)?;
        for record in &batch.records {
            let values =
                params![signed(next), record.record_id, batch.append_time_ms, record.entry, record.sections];
            if insert.execute(values).map_err(PersistError::from)? > 0 {
                places.push(Place { index: next, entry: record.entry, added: true });
                leaves.push(record.leaf);
                next = next.saturating_add(1);
            } else {
                places.push(known_place(connection, record)?);
            }
        }
    }
    let appended = batch.frontier.append(&leaves)?;
    if !leaves.is_empty() {
        tiles::insert(connection, &appended.tiles).map_err(PersistError::from)?;
        move_head(connection, batch.frontier.size(), next, &appended.root)?;
    }
    Ok(Committed { places, appended })
}

fn move_head(connection: &Connection, from: u64, to: u64, root: &Hash) -> Result<(), Error> {
    let moved = connection
        .prepare_cached("UPDATE head SET size = ?1, root = ?2 WHERE size = ?3")
        .and_then(|mut statement| statement.execute(params![signed(to), root.as_bytes(), signed(from)]))
        .map_err(PersistError::from)?;
    if moved == 1 { Ok(()) } else { Err(Error::AnotherWriter { expected: from }) }
}

/// Where the first record with this id is.
fn known_place(connection: &Connection, record: &SealedRecord) -> Result<Place, Error> {
    let (index, entry) = connection
        .prepare_cached("SELECT entry_index, entry FROM record WHERE record_id = ?1")
        .and_then(|mut statement| {
            statement.query_row(params![record.record_id], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))
        })
        .map_err(PersistError::from)?;
    Ok(Place { index: unsigned(index), entry, added: false })
}

/// By halving: times never go back, so no index on them is needed.
fn first_at(connection: &Connection, time_ms: i64, size: u64) -> Result<u64, Error> {
    let mut statement = connection
        .prepare_cached("SELECT append_time_ms FROM record WHERE entry_index = ?1")
        .map_err(PersistError::from)?;
    let (mut low, mut high) = (0, size);
    while low < high {
        let middle = low + (high - low) / 2;
        let at: i64 = statement.query_row([signed(middle)], |row| row.get(0)).map_err(PersistError::from)?;
        if at < time_ms { low = middle + 1 } else { high = middle }
    }
    Ok(low)
}

fn one_record(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<Option<StoredRecord>, Error> {
    let mut statement = connection.prepare_cached(sql).map_err(PersistError::from)?;
    let mut rows = statement.query(values).map_err(PersistError::from)?;
    rows.next().map_err(PersistError::from)?.map(record).transpose()
}

fn record(row: &Row<'_>) -> Result<StoredRecord, Error> {
    let stored: Vec<u8> = row.get(4).map_err(PersistError::from)?;
    Ok(StoredRecord {
        index: unsigned(row.get(0).map_err(PersistError::from)?),
        record_id: row.get(1).map_err(PersistError::from)?,
        append_time_ms: row.get(2).map_err(PersistError::from)?,
        entry: row.get(3).map_err(PersistError::from)?,
        opening: sections::decode(&stored).ok_or(Error::Stored("sections"))?,
    })
}
