//! C2SP tile coordinates: which 256 hashes a tile holds, how wide it is in a tree of a given size, and the path it is
//! served under. Source: c2sp.org/tlog-tiles v0.1.0, height fixed at 8.

use std::fmt;
use std::fmt::Write as _;

use crate::decimal;
use crate::hash::{HASH_BYTES, Hash};

/// Tree levels one tile covers (c2sp.org/tlog-tiles).
pub const TILE_HEIGHT: u32 = 8;

/// Hashes in a full tile.
pub const TILE_WIDTH: u64 = 1 << TILE_HEIGHT;

/// Bytes of a full tile.
pub const TILE_BYTES_MAX: usize = HASH_BYTES << TILE_HEIGHT;

/// Tile levels a tree of at most 2^63 leaves can have.
pub const TILE_LEVELS_MAX: u8 = 8;

/// Names one tile: level, index within the level, and how many of its hashes are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    level: u8,
    index: u64,
    width: u16,
}

impl TileId {
    /// A tile of `width` hashes (1..=256); `None` when a coordinate is out of range.
    #[must_use]
    pub fn new(level: u8, index: u64, width: u16) -> Option<Self> {
        let in_range = level < TILE_LEVELS_MAX && (1..=TILE_WIDTH).contains(&u64::from(width));
        in_range.then_some(Self { level, index, width })
    }

    /// The tile as wide as it is in a tree of `tree_size` leaves; `None` when that tree has no hash in it.
    #[must_use]
    pub fn in_tree(level: u8, index: u64, tree_size: u64) -> Option<Self> {
        let hashes = tree_size.checked_shr(u32::from(level) * TILE_HEIGHT)?;
        let before = index.checked_mul(TILE_WIDTH)?;
        let width = hashes.checked_sub(before)?.min(TILE_WIDTH);
        Self::new(level, index, u16::try_from(width).ok()?)
    }

    /// Level, 0 holding leaf hashes.
    #[must_use]
    pub const fn level(&self) -> u8 {
        self.level
    }

    /// Index within the level, from the left.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// Number of hashes meant, 1..=256.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Whether all 256 hashes are meant.
    #[must_use]
    pub fn is_full(&self) -> bool {
        u64::from(self.width) == TILE_WIDTH
    }

    /// Reads `tile/<L>/<N>[.p/<W>]`; any other spelling of the same tile is `None`.
    #[must_use]
    pub fn parse(path: &str) -> Option<Self> {
        let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
        let (number, width) = match rest.split_once(".p/") {
            Some((number, width)) => (number, u16::try_from(decimal::parse(width)?).ok()?),
            None => (rest, u16::try_from(TILE_WIDTH).ok()?),
        };
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        let level = u8::try_from(decimal::parse(level)?).ok()?;
        let tile = Self::new(level, digits.parse().ok()?, width)?;
        // Printing again is the whole grammar check: groups of three, `x` on all but the last.
        (tile.to_string() == path).then_some(tile)
    }
}

/// The path below the log's prefix.
impl fmt::Display for TileId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "tile/{}/{}", self.level, index_path(self.index))?;
        if self.is_full() { Ok(()) } else { write!(out, ".p/{}", self.width) }
    }
}

/// Path of the bundle of `width` entries at `index`: `tile/entries/<N>[.p/<W>]`.
#[must_use]
pub fn entries_path(index: u64, width: u16) -> String {
    let number = index_path(index);
    if u64::from(width) == TILE_WIDTH {
        format!("tile/entries/{number}")
    } else {
        format!("tile/entries/{number}.p/{width}")
    }
}

/// The bytes of a tile: its hashes one after the other.
#[must_use]
pub fn encode(hashes: &[Hash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.as_bytes().iter().copied()).collect()
}

/// The hashes in a tile's bytes; `None` when the length is no multiple of 32 or above 8,192 bytes.
#[must_use]
pub fn decode(bytes: &[u8]) -> Option<Vec<Hash>> {
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    let whole = rest.is_empty() && bytes.len() <= TILE_BYTES_MAX;
    whole.then(|| hashes.iter().copied().map(Hash::new).collect())
}

/// Three digits a path element, all but the last prefixed `x`: 1234067 is `x001/x234/067`.
fn index_path(index: u64) -> String {
    let mut groups = vec![index % 1000];
    let mut rest = index / 1000;
    while rest > 0 {
        groups.push(rest % 1000);
        rest /= 1000;
    }
    let mut path = String::new();
    for (place, group) in groups.iter().enumerate().rev() {
        // Writing to a String cannot fail.
        let _ = if place == 0 { write!(path, "{group:03}") } else { write!(path, "x{group:03}/") };
    }
    path
}
