//! Draws a trace: a line per span, indented under the span that caused it, its bar where it stood in time. Fits 80
//! columns and needs no colour.

use std::collections::{BTreeMap, HashSet};

use entente_proto::audit::v1::Span;
use prost_types::Timestamp;

/// Columns of the name, of the bar and of the time; with the gaps 79.
const NAME_COLUMNS: usize = 37;
const BAR_COLUMNS: u64 = 30;
const TIME_COLUMNS: usize = 9;
/// Deeper spans are not indented further.
const DEPTH_MAX: usize = 8;

/// One line of the drawing.
struct Row<'a> {
    depth: usize,
    span: &'a Span,
}

/// The lines of the drawing; none without spans.
pub(crate) fn draw(spans: &[Span]) -> Vec<String> {
    let first = spans.iter().map(|span| micros(span.start_time)).min().unwrap_or_default();
    let last = spans.iter().map(|span| micros(span.end_time)).max().unwrap_or_default();
    let whole = last.saturating_sub(first).max(1);
    rows(spans).iter().map(|row| line(row, first, whole)).collect()
}

/// Spans in the order of the tree: each under its parent, siblings by start. A span whose parent is not here is a root.
fn rows(spans: &[Span]) -> Vec<Row<'_>> {
    let known: HashSet<&[u8]> = spans.iter().map(|span| span.span_id.as_ref()).collect();
    let mut below: BTreeMap<&[u8], Vec<&Span>> = BTreeMap::new();
    let mut waiting: Vec<Row<'_>> = Vec::new();
    for span in spans {
        let parent = span.parent_span_id.as_ref();
        if parent != span.span_id.as_ref() && known.contains(parent) {
            below.entry(parent).or_default().push(span);
        } else {
            waiting.push(Row { depth: 0, span });
        }
    }
    // The stack gives back last what was pushed first: later spans lie deeper in it.
    waiting.sort_by_key(|row| std::cmp::Reverse(micros(row.span.start_time)));
    let mut rows = Vec::new();
    while let Some(row) = waiting.pop() {
        let mut children = below.remove(row.span.span_id.as_ref()).unwrap_or_default();
        children.sort_by_key(|span| std::cmp::Reverse(micros(span.start_time)));
        waiting.extend(children.into_iter().map(|span| Row { depth: row.depth + 1, span }));
        rows.push(row);
    }
    rows
}

fn line(row: &Row<'_>, first: u64, whole: u64) -> String {
    let (start, end) = (micros(row.span.start_time), micros(row.span.end_time));
    let duration = end.saturating_sub(start);
    let before = (start.saturating_sub(first) * BAR_COLUMNS / whole).min(BAR_COLUMNS - 1);
    let wide = (duration * BAR_COLUMNS / whole).clamp(1, BAR_COLUMNS - before);
    let bar = repeat(' ', before) + &repeat('█', wide) + &repeat(' ', BAR_COLUMNS - before - wide);
    let name = name(row);
    let failed = if row.span.error { "!" } else { " " };
    let pad = " ".repeat(NAME_COLUMNS.saturating_sub(name.chars().count()));
    format!("{name}{pad}{failed}{bar} {:>TIME_COLUMNS$}", time(duration))
}

/// Indented service and name, cut to its columns. Of an RPC path only the method is shown.
fn name(row: &Row<'_>) -> String {
    let short = row.span.name.rsplit('/').next().unwrap_or_default();
    let indent = "  ".repeat(row.depth.min(DEPTH_MAX));
    let whole = format!("{indent}{} {short}", row.span.service_name);
    if whole.chars().count() <= NAME_COLUMNS {
        return whole;
    }
    whole.chars().take(NAME_COLUMNS - 1).chain(std::iter::once('…')).collect()
}

fn time(micros: u64) -> String {
    match micros {
        0..1_000 => format!("{micros} us"),
        1_000..10_000_000 => format!("{}.{} ms", micros / 1_000, micros % 1_000 / 100),
        _ => format!("{} s", micros / 1_000_000),
    }
}

fn repeat(letter: char, columns: u64) -> String {
    (0..columns).map(|_| letter).collect()
}

/// Microseconds since 1970; 0 when absent.
fn micros(time: Option<Timestamp>) -> u64 {
    let time = time.unwrap_or_default();
    let seconds = u64::try_from(time.seconds).unwrap_or_default();
    seconds.saturating_mul(1_000_000).saturating_add(u64::try_from(time.nanos).unwrap_or_default() / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(id: u8, parent: u8, name: &str, start_us: i32, end_us: i32) -> Span {
        let at = |us: i32| Some(Timestamp { seconds: 1_000, nanos: us * 1_000 });
        let parent = if parent == 0 { Vec::new() } else { vec![parent; 8] };
        Span {
            span_id: vec![id; 8].into(),
            parent_span_id: parent.into(),
            name: name.to_owned(),
            service_name: "intake".to_owned(),
            start_time: at(start_us),
            end_time: at(end_us),
            ..Span::default()
        }
    }

    #[test]
    fn spans_stand_under_their_parents_in_the_order_of_time() {
        let spans = [
            span(3, 1, "/entente.audit.v1.AuditService/Append", 600, 900),
            span(1, 0, "/entente.intake.v1.IntakeService/GetReport", 0, 1_000),
            span(2, 1, "/entente.access.v1.AccessService/DecideLabels", 100, 400),
        ];
        let lines = draw(&spans);
        let starts: Vec<&str> = lines.iter().map(|line| line.split('█').next().unwrap().trim_end()).collect();
        assert_eq!(starts, ["intake GetReport", "  intake DecideLabels", "  intake Append"]);
        assert!(lines[0].ends_with("   1.0 ms"), "{}", lines[0]);
    }

    #[test]
    fn every_line_fits_eighty_columns_whatever_the_spans_are_called() {
        let long = "a_name_that_no_terminal_was_made_for_and_nobody_should_have_chosen";
        let mut spans: Vec<Span> = (1..40).map(|id| span(id, id - 1, long, i32::from(id), 90_000)).collect();
        spans.push(span(50, 50, "its own parent", 5, 4));
        spans.push(span(51, 99, "of a parent not here", 0, 999_999));
        let lines = draw(&spans);
        assert_eq!(lines.len(), spans.len());
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{lines:#?}");
    }

    #[test]
    fn no_spans_draw_nothing() {
        assert!(draw(&[]).is_empty());
    }

    #[test]
    fn two_spans_that_are_each_others_parent_are_left_out_rather_than_followed_for_ever() {
        assert!(draw(&[span(1, 2, "a", 0, 1), span(2, 1, "b", 0, 1)]).is_empty());
    }
}
