//! Takes spans in, and lets go of those that nobody needs any more.

use super::App;
use crate::{
    error::Error,
    store::{SpanBounds, SpanRow},
};

impl App {
    /// Stores spans; false when too many exports are being worked on, and these were dropped.
    pub(crate) async fn receive_spans(&self, spans: Vec<SpanRow>) -> Result<bool, Error> {
        let Ok(_place) = self.span_exports.try_acquire() else { return Ok(false) };
        self.index.add_spans(spans, self.now_ms()).await?;
        Ok(true)
    }

    /// Removes old spans that belong to no audited trace; true if there is more to look at.
    pub(crate) async fn prune_spans(&self) -> Result<bool, Error> {
        let keep_ms = i64::try_from(self.limits.span_keep.as_millis()).unwrap_or(i64::MAX);
        let bounds = SpanBounds {
            received_from_ms: self.now_ms().saturating_sub(keep_ms),
            newest_max: self.limits.spans_max,
        };
        self.index.prune_spans(bounds).await
    }
}
