//! Labels of the dictionary, for services that hold only a hash.

use super::App;
use crate::error::Error;

impl App {
    /// The lines of the hashes, in order; none where the dictionary has no such label.
    pub(crate) async fn get_labels(&self, hashes: Vec<[u8; 32]>) -> Result<Vec<Option<String>>, Error> {
        self.store.lines_by_hash(hashes).await
    }
}
