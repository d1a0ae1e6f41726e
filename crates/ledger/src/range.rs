//! Which ranges of leaves a proof names. Pure index arithmetic after RFC 6962 2.1.1 and 2.1.2, the recursion unrolled;
//! hashing the ranges is left to whoever holds the nodes.

use std::ops::Range;

use crate::hash::Hash;
use crate::subtrees::join;

/// Gives the root of a complete, aligned subtree of `2^height` leaves, the `index`-th of its height.
pub(crate) trait Nodes {
    type Error;
    fn node(&mut self, height: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// Siblings on the way from leaf `index` to the root of `size` leaves, leaf's sibling first. Wants `index < size`.
pub(crate) fn inclusion(index: u64, size: u64) -> Vec<Range<u64>> {
    let mut siblings = Vec::new();
    let mut span = 0..size;
    while span.end - span.start > 1 {
        let middle = split(&span);
        if index < middle {
            siblings.push(middle..span.end);
            span.end = middle;
        } else {
            siblings.push(span.start..middle);
            span.start = middle;
        }
    }
    siblings.reverse();
    siblings
}

/// Ranges that prove `old` leaves to be a prefix of `new`, deepest first. Wants `0 < old <= new`.
pub(crate) fn consistency(old: u64, new: u64) -> Vec<Range<u64>> {
    let mut ranges = Vec::new();
    let mut span = 0..new;
    // The old root itself is known to the verifier as long as the walk has stayed on the left edge.
    while old != span.end {
        let middle = split(&span);
        if old <= middle {
            ranges.push(middle..span.end);
            span.end = middle;
        } else {
            ranges.push(span.start..middle);
            span.start = middle;
        }
    }
    if span.start != 0 {
        ranges.push(span);
    }
    ranges.reverse();
    ranges
}

/// Root over a range that is a subtree of the tree: aligned to a power of two not below its width.
pub(crate) fn hash<N: Nodes>(nodes: &mut N, range: &Range<u64>) -> Result<Option<Hash>, N::Error> {
    let width = range.end - range.start;
    let mut joined = None;
    for height in (0..u64::BITS).filter(|height| (width >> height) & 1 == 1) {
        let peak = nodes.node(height, (range.end >> height) - 1)?;
        joined = Some(join(&peak, joined));
    }
    Ok(joined)
}

/// Where a span of two or more leaves is split: at the largest power of two below its width.
fn split(span: &Range<u64>) -> u64 {
    span.start + (1 << (span.end - span.start - 1).ilog2())
}
