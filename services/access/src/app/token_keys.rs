//! The keys that sign transaction tokens: made here, kept in a file of mode 0600, replaced from time to time.
//!
//! A new key is listed before it signs, so that every service knows it by then; an old one stays listed until the last
//! token signed with it has expired.

use std::{
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use entente_chassis::token::{Claims, SigningKey, mint};
use entente_persist::secret_file;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::Error;

/// How long a new key is listed before it signs: twice the pace at which services ask for keys.
const LISTED_BEFORE: Duration = Duration::from_secs(120);
/// How much longer than a token an old key is listed, for clocks that differ.
const LISTED_AFTER: Duration = Duration::from_secs(60);

/// The keys, oldest first.
pub(crate) struct TokenKeys {
    path: PathBuf,
    rotate_every: Duration,
    token_lifetime: Duration,
    keys: Mutex<Vec<Key>>,
}

struct Key {
    stored: StoredKey,
    signing: SigningKey,
}

/// A key as the file has it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredKey {
    key_id: String,
    /// Hexadecimal.
    pkcs8: String,
    /// Seconds since 1970-01-01.
    sign_from: u64,
}

/// What became of the keys, for the record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rotation {
    pub(crate) made: Vec<String>,
    pub(crate) retired: Vec<String>,
}

impl TokenKeys {
    /// Reads the keys; a missing file has none yet.
    ///
    /// # Errors
    /// When the file cannot be read or is no key file.
    pub(crate) fn load(
        path: PathBuf,
        rotate_every: Duration,
        token_lifetime: Duration,
    ) -> Result<TokenKeys, Error> {
        let stored: Vec<StoredKey> = match secret_file::load(&path)? {
            Some(bytes) => serde_json::from_slice(&bytes)
                .map_err(|source| Error::Stored { what: "the token keys", source })?,
            None => Vec::new(),
        };
        let keys = stored.into_iter().map(Key::open).collect::<Result<Vec<Key>, Error>>()?;
        Ok(TokenKeys { path, rotate_every, token_lifetime, keys: Mutex::new(keys) })
    }

    /// Every key that verifies a token now or soon: id and public key.
    pub(crate) fn public_keys(&self) -> Vec<(String, [u8; 32])> {
        self.keys().iter().map(|key| (key.stored.key_id.clone(), key.signing.public_key())).collect()
    }

    /// Signs a token with the newest key that may sign.
    pub(crate) fn sign(&self, claims: &Claims, now: SystemTime) -> Result<String, Error> {
        let keys = self.keys();
        let now = seconds(now);
        let key = keys
            .iter()
            .rev()
            .find(|key| key.stored.sign_from <= now)
            .or(keys.first())
            .ok_or(Error::NoSigningKey)?;
        mint(&key.signing, &key.stored.key_id, claims).map_err(Error::Signing)
    }

    /// Makes a key when there is none or the newest is old enough, and forgets those whose tokens have all expired.
    /// What changed is on the disk when this returns.
    pub(crate) fn rotate(&self, now: SystemTime) -> Result<Rotation, Error> {
        let mut keys = self.keys();
        let now = seconds(now);
        let mut rotation = Rotation::default();
        // A key is replaced when the next one begins to sign.
        let replaced: Vec<u64> = keys.iter().skip(1).map(|next| next.stored.sign_from).collect();
        let kept_for = self.token_lifetime.saturating_add(LISTED_AFTER).as_secs();
        let outlived = replaced.iter().take_while(|since| since.saturating_add(kept_for) <= now).count();
        let mut listed: Vec<StoredKey> = keys.iter().map(|key| key.stored.clone()).collect();
        rotation.retired.extend(listed.drain(..outlived.min(listed.len())).map(|key| key.key_id));
        let sign_from = now.saturating_add(LISTED_BEFORE.as_secs());
        let made = match listed.last() {
            None => Some(Key::make(now)?),
            Some(newest) if newest.sign_from.saturating_add(self.rotate_every.as_secs()) <= sign_from => {
                Some(Key::make(sign_from)?)
            }
            Some(_) => None,
        };
        if let Some(key) = &made {
            rotation.made.push(key.stored.key_id.clone());
            listed.push(key.stored.clone());
        }
        if rotation == Rotation::default() {
            return Ok(rotation);
        }
        let bytes =
            serde_json::to_vec(&listed).map_err(|source| Error::Stored { what: "the token keys", source })?;
        // INVARIANT: on the disk before it is used. A token signed with a key that a crash forgets verifies nowhere.
        secret_file::replace(&self.path, &bytes)?;
        let outlived = outlived.min(keys.len());
        keys.drain(..outlived);
        keys.extend(made);
        Ok(rotation)
    }

    fn keys(&self) -> MutexGuard<'_, Vec<Key>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Key {
    fn make(sign_from: u64) -> Result<Key, Error> {
        let signing = SigningKey::generate().map_err(Error::Signing)?;
        let pkcs8 = hex::encode(signing.to_pkcs8());
        Ok(Key { stored: StoredKey { key_id: Uuid::now_v7().to_string(), pkcs8, sign_from }, signing })
    }

    fn open(stored: StoredKey) -> Result<Key, Error> {
        let malformed = |source: serde_json::Error| Error::Stored { what: "the token keys", source };
        let pkcs8 = hex::decode(&stored.pkcs8).map_err(|error| malformed(serde::de::Error::custom(error)))?;
        let signing = SigningKey::from_pkcs8(&pkcs8).map_err(Error::Signing)?;
        Ok(Key { stored, signing })
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);
    const LIFETIME: Duration = Duration::from_secs(300);

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_000_000 + seconds)
    }

    fn ids(keys: &TokenKeys) -> Vec<String> {
        keys.public_keys().into_iter().map(|(id, _)| id).collect()
    }

    fn signer(keys: &TokenKeys, now: SystemTime) -> String {
        let keys = keys.keys();
        let now = seconds(now);
        keys.iter().rev().find(|key| key.stored.sign_from <= now).unwrap().stored.key_id.clone()
    }

    #[test]
    fn a_new_key_is_listed_before_it_signs_and_the_old_one_until_its_tokens_have_expired() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token-keys.json");
        let keys = TokenKeys::load(path.clone(), DAY, LIFETIME).unwrap();
        let first = keys.rotate(at(0)).unwrap().made.remove(0);
        assert_eq!(keys.rotate(at(86_279)).unwrap(), Rotation::default());
        let second = keys.rotate(at(86_280)).unwrap().made.remove(0);
        assert_eq!(ids(&keys), [first.clone(), second.clone()]);
        assert_eq!(signer(&keys, at(86_399)), first);
        assert_eq!(signer(&keys, at(86_400)), second);
        assert_eq!(keys.rotate(at(86_759)).unwrap(), Rotation::default());
        assert_eq!(keys.rotate(at(86_760)).unwrap().retired, [first]);
        assert_eq!(ids(&TokenKeys::load(path, DAY, LIFETIME).unwrap()), [second]);
    }

    #[test]
    fn the_file_is_for_its_owner_alone_and_gives_the_same_keys_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token-keys.json");
        let keys = TokenKeys::load(path.clone(), DAY, LIFETIME).unwrap();
        keys.rotate(at(0)).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(TokenKeys::load(path.clone(), DAY, LIFETIME).unwrap().public_keys(), keys.public_keys());
        std::fs::write(&path, "[{}]").unwrap();
        assert!(TokenKeys::load(path, DAY, LIFETIME).is_err());
    }
}
