//! Reports by their text. The text index gives positions, highest first; the query by labels goes through them as it
//! goes through any list, so what the reader may not see changes nothing but the time it takes.

use entente_chassis::call::Call;
use serde::Serialize;

use super::{
    App, Caller,
    decide_labels::Verdict,
    list_reports::PAGE_BYTES_MAX,
    page_cursor::Cursor,
    read_reports::{Disclosed, Found, Lookup, query_of},
};
use crate::{
    error::Error,
    store::{Extent, Filter, Query, StoredReport, TextTerm},
};

/// Positions asked of the text index at a time.
const PIECE_MAX: usize = 4_096;

/// What to search for.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SearchRequest {
    /// All must be there.
    pub(crate) terms: Vec<TextTerm>,
    pub(crate) filter: Filter,
    #[serde(skip)]
    pub(crate) page_size: usize,
    #[serde(skip)]
    pub(crate) page_token: String,
    pub(crate) with_content: bool,
    pub(crate) with_count: bool,
}

impl App {
    /// The matches after the token, newest first.
    #[tracing::instrument(skip_all, fields(page_size = request.page_size))]
    pub(crate) async fn search_reports(
        &self,
        call: &Call,
        request: SearchRequest,
    ) -> Result<Disclosed, Error> {
        self.read_reports(call, &Lookup::Search(request)).await
    }

    /// Waits, as long as the caller does, until the text index holds everything up to a position.
    pub(super) async fn wait_until_indexed(&self, call: &Call, upto: i64) -> Result<(), Error> {
        let mut indexed = self.store.indexed();
        if *indexed.borrow_and_update() >= upto {
            return Ok(());
        }
        self.searched_upto.send_if_modified(|searched| {
            let higher = upto > *searched;
            *searched = upto.max(*searched);
            higher
        });
        let reached = indexed.wait_for(|indexed| *indexed >= upto);
        match tokio::time::timeout(call.time_left(), reached).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Error::Abandoned),
        }
    }

    pub(super) async fn find_matches(
        &self,
        (reader, verdict): (&Caller, &Verdict),
        request: &SearchRequest,
        cursor: Cursor,
    ) -> Result<Found, Error> {
        let query = Query { filter: request.filter.clone(), ..query_of((reader, verdict), cursor) };
        let mut found = Found { upto: cursor.upto, ..Found::default() };
        let mut upto = cursor.after.map_or(cursor.upto, |after| cursor.upto.min(after.saturating_sub(1)));
        while !found.more {
            let (positions, next) = self.matches_of(request, upto).await?;
            let query = Query { among: Some(positions), ..query.clone() };
            let page = self.store.page(query, left_of(request, &found)).await?;
            found.reports.extend(page.reports);
            found.more = page.more;
            match next {
                Some(next) => upto = next,
                None => break,
            }
        }
        let whole = cursor.after.is_none() && !found.more;
        found.count = match (request.with_count, whole) {
            (false, _) => None,
            (true, true) => u64::try_from(found.reports.len()).ok(),
            (true, false) => Some(self.count_matches(request, query, cursor.upto).await?),
        };
        Ok(found)
    }

    async fn count_matches(&self, request: &SearchRequest, query: Query, upto: i64) -> Result<u64, Error> {
        let (mut count, mut upto) = (0_u64, Some(upto));
        while let Some(below) = upto {
            let (positions, next) = self.matches_of(request, below).await?;
            let query = Query { among: Some(positions), after: None, ..query.clone() };
            count = count.saturating_add(self.store.count(query).await?);
            upto = next;
        }
        Ok(count)
    }

    /// Positions that match, highest first, and where to go on.
    async fn matches_of(&self, request: &SearchRequest, upto: i64) -> Result<(Vec<i64>, Option<i64>), Error> {
        let positions = self.store.text_matches(&request.terms, upto, PIECE_MAX).await?;
        let next =
            positions.last().filter(|_| positions.len() >= PIECE_MAX).map(|last| last.saturating_sub(1));
        Ok((positions, next))
    }
}

/// What still fits into the page.
fn left_of(request: &SearchRequest, found: &Found) -> Extent {
    let bytes = found.reports.iter().map(StoredReport::bytes).fold(0, usize::saturating_add);
    Extent {
        reports_max: request.page_size.saturating_sub(found.reports.len()),
        bytes_max: PAGE_BYTES_MAX.saturating_sub(bytes),
        at_least_one: found.reports.is_empty(),
        with_content: request.with_content,
    }
}
