//! Reports by what they are, page by page.

use entente_chassis::call::Call;
use serde::Serialize;

use super::{
    App, Caller,
    decide_labels::Verdict,
    page_cursor::Cursor,
    read_reports::{Disclosed, Found, Lookup, query_of},
};
use crate::{
    error::Error,
    store::{Extent, Filter, Query},
};

/// Content of one page and what surrounds it (the proto of `ListReportsRequest`).
pub(super) const PAGE_BYTES_MAX: usize = 3 * 1024 * 1024;

/// What to list. The page token is not part of what is asked: it says where the list goes on.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ListRequest {
    pub(crate) filter: Filter,
    #[serde(skip)]
    pub(crate) page_size: usize,
    #[serde(skip)]
    pub(crate) page_token: String,
    pub(crate) with_content: bool,
    pub(crate) with_count: bool,
    pub(crate) newest_first: bool,
}

impl App {
    /// The page after the token.
    #[tracing::instrument(skip_all, fields(page_size = request.page_size))]
    pub(crate) async fn list_reports(&self, call: &Call, request: ListRequest) -> Result<Disclosed, Error> {
        self.read_reports(call, &Lookup::List(request)).await
    }

    pub(super) async fn find_page(
        &self,
        (reader, verdict): (&Caller, &Verdict),
        request: &ListRequest,
        cursor: Cursor,
    ) -> Result<Found, Error> {
        let query = Query {
            filter: request.filter.clone(),
            newest_first: request.newest_first,
            ..query_of((reader, verdict), cursor)
        };
        let extent = Extent {
            reports_max: request.page_size,
            bytes_max: PAGE_BYTES_MAX,
            at_least_one: true,
            with_content: request.with_content,
        };
        let page = self.store.page(query.clone(), extent).await?;
        let whole = cursor.after.is_none() && !page.more;
        let count = match (request.with_count, whole) {
            (false, _) => None,
            (true, true) => u64::try_from(page.reports.len()).ok(),
            (true, false) => Some(self.store.count(Query { after: None, ..query }).await?),
        };
        Ok(Found { reports: page.reports, more: page.more, upto: cursor.upto, count })
    }
}
