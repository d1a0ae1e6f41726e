//! Pages of lists that stand in the registry in force. A page token names the last id of its page, bound to caller, list
//! and epoch: after a change of rights the list starts again.

use std::{collections::BTreeMap, ops::Bound};

use super::{App, Caller};
use crate::{error::Error, peers::AuditReceipt};

/// What page is asked for.
pub(crate) struct PageRequest {
    /// At most so many.
    pub(crate) page_size: usize,
    /// From the page before; empty for the first.
    pub(crate) page_token: String,
}

/// A page, recorded.
pub(crate) struct Page<T> {
    pub(crate) rows: Vec<T>,
    /// Empty at the end.
    pub(crate) next_page_token: String,
    pub(crate) receipt: AuditReceipt,
}

impl App {
    /// The rows after the page token, and the token of the next page.
    pub(super) fn page<T: Clone>(
        &self,
        caller: &Caller,
        list: &str,
        rows: &BTreeMap<String, T>,
        request: &PageRequest,
    ) -> Result<(Vec<T>, String), Error> {
        let binding = format!("{list}\n{}\n{}", caller.subject_id(), caller.registry.epoch());
        let after = self.position(&binding, &request.page_token)?;
        let start = after.as_deref().map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = rows.range::<str, _>((start, Bound::Unbounded));
        let page: Vec<(&String, &T)> = rest.by_ref().take(request.page_size).collect();
        let next_page_token = match page.last().filter(|_| rest.next().is_some()) {
            Some((last, _)) => self.page_tokens.seal(binding.as_bytes(), last.as_bytes()),
            None => String::new(),
        };
        Ok((page.into_iter().map(|(_, row)| row.clone()).collect(), next_page_token))
    }

    fn position(&self, binding: &str, page_token: &str) -> Result<Option<String>, Error> {
        if page_token.is_empty() {
            return Ok(None);
        }
        let opened = self.page_tokens.open(binding.as_bytes(), page_token).map_err(|_| Error::PageToken)?;
        String::from_utf8(opened).map(Some).map_err(|_| Error::PageToken)
    }
}
