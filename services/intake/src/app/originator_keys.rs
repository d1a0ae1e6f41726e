//! The keys that sign for this node's partners: one Ed25519 key each, made on first use and kept in a file of its own.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lc_rs::{rand::SystemRandom, signature::Ed25519KeyPair};
use entente_domain::ids::OrganizationId;
use entente_persist::{PersistError, secret_file};

use crate::{error::Error, store::signature::OriginatorKey};

/// Keys by organization.
pub(crate) struct OriginatorKeys {
    folder: PathBuf,
    known: Mutex<HashMap<String, Arc<OriginatorKey>>>,
}

impl OriginatorKeys {
    /// Keys in files `<organization>.key` of a folder.
    pub(crate) fn in_folder(folder: PathBuf) -> OriginatorKeys {
        OriginatorKeys { folder, known: Mutex::default() }
    }

    /// The key of an organization, made when it has none.
    pub(super) async fn of(&self, originator: &str) -> Result<Arc<OriginatorKey>, Error> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(originator).cloned();
        if let Some(key) = known {
            return Ok(key);
        }
        let failed = |source| Error::SigningKey { originator: originator.to_owned(), source };
        // A name of an organization is also a safe name of a file.
        let name = OrganizationId::new(originator).map_err(|_| failed(None))?;
        let path = self.folder.join(format!("{name}.key"));
        let loaded = tokio::task::spawn_blocking(move || secret_file::load_or_create(&path, new_key)).await;
        let bytes = loaded.map_err(Error::Task)?.map_err(|error| failed(Some(error)))?;
        let key = Arc::new(OriginatorKey::from_pkcs8(&bytes).ok_or_else(|| failed(None))?);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(known.entry(originator.to_owned()).or_insert(key).clone())
    }
}

fn new_key() -> Result<Vec<u8>, PersistError> {
    let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|_| PersistError::Randomness)?;
    Ok(pkcs8.as_ref().to_vec())
}
