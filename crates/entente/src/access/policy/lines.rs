//! How one text differs from another, line by line: the longest common run of lines is kept.

use std::fmt;

/// Lines of one text compared with one of the other at most, so that a large file costs no more than moments; beyond that
/// the middle is shown as removed and added.
const CELLS_MAX: usize = 16_000_000;

/// A line of the comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// In both.
    Kept(&'a str),
    /// In the first alone.
    Removed(&'a str),
    /// In the second alone.
    Added(&'a str),
}

impl<'a> Line<'a> {
    /// Whether it is in both.
    pub(super) fn is_kept(&self) -> bool {
        matches!(self, Line::Kept(_))
    }

    /// Its text, if it is in the first alone.
    pub(super) fn removed(&self) -> Option<&'a str> {
        match self {
            Line::Removed(text) => Some(text),
            Line::Kept(_) | Line::Added(_) => None,
        }
    }

    /// Its text, if it is in the second alone.
    pub(super) fn added(&self) -> Option<&'a str> {
        match self {
            Line::Added(text) => Some(text),
            Line::Kept(_) | Line::Removed(_) => None,
        }
    }
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Line::Kept(text) => write!(out, "  {text}"),
            Line::Removed(text) => write!(out, "- {text}"),
            Line::Added(text) => write!(out, "+ {text}"),
        }
    }
}

/// The comparison of two texts.
pub(super) fn difference<'a>(before: &'a str, after: &'a str) -> Vec<Line<'a>> {
    let (before, after): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let alike = |pair: &(&&str, &&str)| pair.0 == pair.1;
    let head = before.iter().zip(&after).take_while(alike).count();
    let (first, second) = (before.get(head..).unwrap_or_default(), after.get(head..).unwrap_or_default());
    let tail = first.iter().rev().zip(second.iter().rev()).take_while(alike).count();
    let first = first.get(..first.len() - tail).unwrap_or_default();
    let second = second.get(..second.len() - tail).unwrap_or_default();
    let mut lines: Vec<Line<'_>> = before.iter().take(head).map(|text| Line::Kept(text)).collect();
    lines.extend(middle(first, second));
    lines.extend(before.iter().skip(before.len() - tail).map(|text| Line::Kept(text)));
    lines
}

/// The part between what both begin and end with.
fn middle<'a>(before: &[&'a str], after: &[&'a str]) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    let (mut first, mut second) = (before, after);
    if before.len().saturating_mul(after.len()) <= CELLS_MAX {
        let lengths = lengths(before, after);
        // How many lines the rests have in common.
        let common = |first: &[&str], second: &[&str]| {
            lengths.get(first.len()).and_then(|row| row.get(second.len())).copied().unwrap_or_default()
        };
        while let ([one, ones @ ..], [other, others @ ..]) = (first, second) {
            if one == other {
                lines.push(Line::Kept(one));
                (first, second) = (ones, others);
            } else if common(ones, second) >= common(first, others) {
                lines.push(Line::Removed(one));
                first = ones;
            } else {
                lines.push(Line::Added(other));
                second = others;
            }
        }
    }
    lines.extend(first.iter().map(|text| Line::Removed(text)));
    lines.extend(second.iter().map(|text| Line::Added(text)));
    lines
}

/// For each length of a rest of both, how many lines these have in common at most, in order.
fn lengths(before: &[&str], after: &[&str]) -> Vec<Vec<u32>> {
    let mut rows = vec![vec![0; after.len() + 1]];
    for one in before.iter().rev() {
        let below = rows.last().cloned().unwrap_or_default();
        let mut row = vec![0_u32];
        for (other, pair) in after.iter().rev().zip(below.windows(2)) {
            let [diagonal, up] = pair else { continue };
            let left = row.last().copied().unwrap_or_default();
            row.push(if one == other { diagonal + 1 } else { (*up).max(left) });
        }
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(before: &str, after: &str) -> String {
        difference(before, after).iter().map(|line| format!("{line}\n")).collect()
    }

    #[test]
    fn what_both_have_stays_and_the_rest_is_taken_out_and_put_in() {
        assert_eq!(shown("a\nb\nc\nd", "a\nc\nx\nd"), "  a\n- b\n  c\n+ x\n  d\n");
        assert_eq!(shown("", "a\nb"), "+ a\n+ b\n");
        assert_eq!(shown("a\nb", ""), "- a\n- b\n");
        assert_eq!(shown("a\na", "a"), "  a\n- a\n");
        assert!(difference("a\nb", "a\nb").iter().all(Line::is_kept));
    }

    #[test]
    fn either_text_can_be_told_from_the_comparison() {
        let (before, after) = ("x\na\nb\nc\ny\nz", "a\nq\nb\ny\nc\nz");
        let lines = difference(before, after);
        let without = |skip: fn(&Line<'_>) -> bool| {
            let kept = lines.iter().filter(|line| !skip(line)).map(|line| line.to_string().split_off(2));
            kept.collect::<Vec<_>>().join("\n")
        };
        assert_eq!(without(|line| line.added().is_some()), before);
        assert_eq!(without(|line| line.removed().is_some()), after);
    }
}
