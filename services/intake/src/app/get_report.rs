//! One report by id.

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

/// Which report.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct GetRequest {
    pub(crate) report_id: String,
    /// `None` for the newest the reader may see.
    pub(crate) version: Option<String>,
    /// `None` for any.
    pub(crate) originator: Option<String>,
}

impl App {
    /// The report; one that is not there and one that is not for the reader are refused alike, and recorded alike.
    #[tracing::instrument(skip_all)]
    pub(crate) async fn get_report(&self, call: &Call, request: GetRequest) -> Result<Disclosed, Error> {
        self.read_reports(call, &Lookup::Get(request)).await
    }

    pub(super) async fn find_report(
        &self,
        reader: &Caller,
        verdict: &Verdict,
        request: &GetRequest,
    ) -> Result<Found, Error> {
        let cursor = Cursor { after: None, upto: *self.store.head().borrow() };
        let filter = Filter {
            report_ids: vec![request.report_id.clone()],
            originator: request.originator.clone(),
            version: request.version.clone(),
            // A version that is named need not be the newest.
            all_versions: request.version.is_some(),
            ..Filter::default()
        };
        let query = Query { filter, ..query_of((reader, verdict), cursor) };
        let extent = Extent { reports_max: 1, bytes_max: 0, at_least_one: true, with_content: true };
        let page = self.store.page(query, extent).await?;
        // Others under the same id (of other originators) are not part of the answer.
        Ok(Found { reports: page.reports, more: false, upto: cursor.upto, count: None })
    }
}
