//! Page tokens: where a list goes on, sealed so that nobody reads or makes one, and bound to the caller and the query it
//! was given for. A token gives no right by itself.

use std::path::Path;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    rand,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

use crate::{error::PersistError, secret_file};

/// Bytes of an AES-256 key.
const KEY_BYTES: usize = 32;
/// Longest token read, characters.
const TOKEN_CHARS_MAX: usize = 512;
/// First byte of a token: its format.
const FORMAT: u8 = 1;
/// Given out if the cipher ever failed: refused when it comes back, where an empty token would hide the rest of the list.
const NEVER_OPENS: &str = "-";

/// The token was not made by this key for this binding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the page token is not one of ours for this list")]
pub struct PageTokenError;

/// Seals and opens page tokens.
pub struct PageTokenKey {
    key: RandomizedNonceKey,
}

impl PageTokenKey {
    /// Reads the key from a file, made with mode 0600 when missing: tokens survive a restart.
    ///
    /// # Errors
    ///
    /// When the file cannot be read or made, or does not hold a key.
    pub fn load_or_create(path: &Path) -> Result<PageTokenKey, PersistError> {
        let bytes = secret_file::load_or_create(path, || {
            let mut key = vec![0; KEY_BYTES];
            rand::fill(&mut key).map_err(|_| PersistError::Randomness)?;
            Ok(key)
        })?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes);
        Ok(PageTokenKey { key: key.map_err(|_| PersistError::KeyFile(path.to_owned()))? })
    }

    /// The token for a position, good only together with `binding`: caller, filter, policy epoch.
    #[must_use]
    pub fn seal(&self, binding: &[u8], position: &[u8]) -> String {
        let mut sealed = position.to_vec();
        let Ok(nonce) = self.key.seal_in_place_append_tag(Aad::from(binding), &mut sealed) else {
            return NEVER_OPENS.to_owned();
        };
        let mut token = vec![FORMAT];
        token.extend_from_slice(nonce.as_ref());
        token.append(&mut sealed);
        URL_SAFE_NO_PAD.encode(token)
    }

    /// The position in a token.
    ///
    /// # Errors
    ///
    /// When the token is malformed, of another key, or of another binding: the answer does not tell which.
    pub fn open(&self, binding: &[u8], token: &str) -> Result<Vec<u8>, PageTokenError> {
        if token.len() > TOKEN_CHARS_MAX {
            return Err(PageTokenError);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| PageTokenError)?;
        let (&format, rest) = bytes.split_first().ok_or(PageTokenError)?;
        let (nonce, sealed) = rest.split_first_chunk::<NONCE_LEN>().ok_or(PageTokenError)?;
        if format != FORMAT {
            return Err(PageTokenError);
        }
        let mut sealed = sealed.to_vec();
        let position = self
            .key
            .open_in_place(Nonce::from(nonce), Aad::from(binding), &mut sealed)
            .map_err(|_| PageTokenError)?;
        Ok(position.to_vec())
    }
}
