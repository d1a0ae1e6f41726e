//! Where a list goes on: the last position given and the highest one the list looks at, sealed for one reader, query and
//! epoch.

use super::{App, Caller, decide_labels::Verdict};
use crate::error::Error;

/// Where a list stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    /// The last position given; `None` at the start.
    pub(super) after: Option<i64>,
    /// Highest position of the list: fixed by its first page, so that what is added meanwhile moves nothing.
    pub(super) upto: i64,
}

impl App {
    /// The cursor in a page token, or that of a new list up to now.
    pub(super) fn open_cursor(
        &self,
        (reader, verdict): (&Caller, &Verdict),
        query_sha256: &[u8],
        page_token: &str,
    ) -> Result<Cursor, Error> {
        if page_token.is_empty() {
            return Ok(Cursor { after: None, upto: *self.store.head().borrow() });
        }
        let binding = binding(reader, verdict, query_sha256);
        let opened = self.page_tokens.open(&binding, page_token).map_err(|_| Error::PageToken)?;
        let (after, upto) = opened.split_first_chunk::<8>().ok_or(Error::PageToken)?;
        let upto = upto.first_chunk::<8>().ok_or(Error::PageToken)?;
        Ok(Cursor { after: Some(i64::from_be_bytes(*after)), upto: i64::from_be_bytes(*upto) })
    }

    /// The token of the page behind a position.
    pub(super) fn seal_cursor(
        &self,
        (reader, verdict): (&Caller, &Verdict),
        query_sha256: &[u8],
        (after, upto): (i64, i64),
    ) -> String {
        let mut position = after.to_be_bytes().to_vec();
        position.extend_from_slice(&upto.to_be_bytes());
        self.page_tokens.seal(&binding(reader, verdict, query_sha256), &position)
    }
}

fn binding(reader: &Caller, verdict: &Verdict, query_sha256: &[u8]) -> Vec<u8> {
    let Caller { subject_id, purpose, realm, aal, organization: _ } = reader;
    let mut binding =
        format!("reports\n{realm}\n{subject_id}\n{purpose}\n{aal}\n{}\n", verdict.epoch).into_bytes();
    binding.extend_from_slice(query_sha256);
    binding
}
