//! All complete subtrees over a list of hashes, level by level. Serves a tile (256 hashes at most) and a batch held in
//! memory alike, so that each inner node is hashed once however many proofs need it.

use crate::hash::{Hash, empty_root, node_hash};

/// `rows[k][i]` is the root of the hashes `i * 2^k .. (i + 1) * 2^k`; incomplete subtrees are absent.
#[derive(Debug, Clone)]
pub(crate) struct Subtrees {
    rows: Vec<Vec<Hash>>,
}

impl Subtrees {
    pub(crate) fn new(hashes: Vec<Hash>) -> Self {
        let mut rows = vec![hashes];
        while let Some(above) = rows.last().filter(|row| row.len() > 1).map(|row| pair_up(row)) {
            rows.push(above);
        }
        Self { rows }
    }

    /// The root of the subtree of `2^height` hashes at `index`, if it is complete.
    pub(crate) fn node(&self, height: usize, index: usize) -> Option<Hash> {
        self.rows.get(height)?.get(index).copied()
    }

    pub(crate) fn width(&self) -> usize {
        self.rows.first().map_or(0, Vec::len)
    }

    /// Joins the largest complete subtrees, smallest (rightmost) first, onto what lies to their right.
    pub(crate) fn fold_onto(&self, right: Option<Hash>) -> Option<Hash> {
        let width = self.width();
        let peaks = self.rows.iter().enumerate().filter(|(height, _)| (width >> height) & 1 == 1);
        peaks.filter_map(|(_, row)| row.last()).fold(right, |joined, peak| Some(join(peak, joined)))
    }

    /// Root over all hashes.
    pub(crate) fn root(&self) -> Hash {
        self.fold_onto(None).unwrap_or_else(empty_root)
    }
}

/// A peak and what lies to its right, if anything.
pub(crate) fn join(peak: &Hash, right: Option<Hash>) -> Hash {
    right.map_or(*peak, |right| node_hash(peak, &right))
}

fn pair_up(row: &[Hash]) -> Vec<Hash> {
    row.as_chunks::<2>().0.iter().map(|[left, right]| node_hash(left, right)).collect()
}
