//! The caller's own interests, page by page.

use entente_chassis::call::Call;

use super::App;
use crate::{error::Error, store::Interest};

/// A page of interests.
pub(crate) struct InterestPage {
    pub(crate) interests: Vec<Interest>,
    /// Empty at the end.
    pub(crate) next_page_token: String,
}

impl App {
    /// The page after `page_token`, at most `page_size` long.
    #[tracing::instrument(skip_all)]
    pub(crate) async fn list_interests(
        &self,
        call: &Call,
        page_size: usize,
        page_token: &str,
    ) -> Result<InterestPage, Error> {
        let holder = self.active_holder(call).await?;
        let binding = format!("interests\n{}\n{}", holder.realm, holder.subject_id);
        let after = self.position(&binding, page_token)?;
        // One more than the page tells whether there is a next one.
        let mut interests = self.store.list_interests(&holder, after, page_size.saturating_add(1)).await?;
        let more = interests.len() > page_size;
        interests.truncate(page_size);
        let next_page_token = match interests.last().filter(|_| more) {
            Some(last) => self.page_tokens.seal(binding.as_bytes(), &last.interest_seq.to_be_bytes()),
            None => String::new(),
        };
        Ok(InterestPage { interests, next_page_token })
    }

    fn position(&self, binding: &str, page_token: &str) -> Result<i64, Error> {
        if page_token.is_empty() {
            return Ok(0);
        }
        let opened = self.page_tokens.open(binding.as_bytes(), page_token).map_err(|_| Error::PageToken)?;
        let bytes = <[u8; 8]>::try_from(opened.as_slice()).map_err(|_| Error::PageToken)?;
        Ok(i64::from_be_bytes(bytes))
    }
}
