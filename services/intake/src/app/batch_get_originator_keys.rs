//! Public keys of originators, by id.

use super::App;
use crate::{error::Error, store::PublicKey};

impl App {
    /// The keys of these ids, in order.
    ///
    /// INVARIANT (I2): keys are found by id alone. Whoever knows an id has seen a signature; a list, or a question by
    /// originator, would tell who has submitted under labels that the caller may not see.
    #[tracing::instrument(skip_all)]
    pub(crate) async fn batch_get_originator_keys(
        &self,
        key_ids: Vec<String>,
    ) -> Result<Vec<Option<PublicKey>>, Error> {
        self.store.public_keys(key_ids).await
    }
}
