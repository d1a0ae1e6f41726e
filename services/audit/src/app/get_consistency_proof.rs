//! Proves that an older tree is a prefix of the newest: nothing was taken out or changed.

use std::sync::Arc;

use entente_ledger::hash::Hash;

use super::{App, Head};
use crate::error::{Error, FieldFault};

impl App {
    /// The proof, and the head it leads to.
    pub(crate) async fn get_consistency_proof(&self, old_size: u64) -> Result<(Vec<Hash>, Arc<Head>), Error> {
        let head = self.log.head();
        if old_size > head.tree.size {
            let what_to_do = format!("the log has {} entries: ask for at most that", head.tree.size);
            return Err(Error::Fields(vec![FieldFault::new("old_size", what_to_do)]));
        }
        let proof = self.log.consistency(&head, old_size).await?;
        Ok((proof, head))
    }
}
