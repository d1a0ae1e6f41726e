//! Verification: once per token, remembered by hash; what may change meanwhile is checked at every use.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, errors::ErrorKind};
use tokio::sync::Notify;

use super::{Claims, TOKEN_TYPE, TokenError};
use crate::{
    clock::{Clock, unix_seconds},
    identity::{TrustDomain, sha256},
};

/// Longest token looked at, bytes: twice what the longest claims of a subject make.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Tokens remembered in each of two generations; some 1 KB each.
const CACHE_GENERATION_MAX: usize = 10_000;

/// Verifies tokens for one service; clones share keys, cache and epoch.
#[derive(Clone)]
pub struct TokenVerifier(Arc<Inner>);

struct Inner {
    audience: String,
    clock: Arc<dyn Clock>,
    validation: Validation,
    state: Mutex<State>,
    wanted: Notify,
}

#[derive(Default)]
struct State {
    keys: Arc<HashMap<String, Key>>,
    epoch_min: u64,
    cache: Cache,
}

#[derive(PartialEq)]
struct Key([u8; 32]);

impl TokenVerifier {
    /// Without keys: every token is refused until [`TokenVerifier::set_keys`].
    pub fn new(trust_domain: TrustDomain, clock: Arc<dyn Clock>) -> TokenVerifier {
        let mut validation = Validation::new(Algorithm::EdDSA);
        // Time and audience are checked below, on our clock and at every use.
        validation.required_spec_claims.clear();
        validation.validate_exp = false;
        validation.validate_aud = false;
        TokenVerifier(Arc::new(Inner {
            audience: trust_domain.to_string(),
            clock,
            validation,
            state: Mutex::default(),
            wanted: Notify::new(),
        }))
    }

    /// Replaces the keys (key id, Ed25519 public key). Tokens remembered are forgotten if the keys changed.
    pub fn set_keys(&self, keys: Vec<(String, [u8; 32])>) {
        let keys: HashMap<String, Key> = keys.into_iter().map(|(id, public)| (id, Key(public))).collect();
        let mut state = self.state();
        if *state.keys != keys {
            state.keys = Arc::new(keys);
            state.cache = Cache::default();
        }
    }

    /// Refuses tokens minted at an earlier epoch from now on. For a service that decides by the token alone: audit.
    pub fn set_epoch(&self, epoch: u64) {
        let mut state = self.state();
        state.epoch_min = state.epoch_min.max(epoch);
    }

    /// Resolves when a token named a key that is not known: ask for the keys again.
    pub async fn keys_wanted(&self) {
        self.0.wanted.notified().await;
    }

    /// The claims of a token that holds now.
    pub fn verify(&self, token: &str) -> Result<Arc<Claims>, TokenError> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed);
        }
        let hash = sha256(token.as_bytes());
        let (known, keys, epoch_min) = {
            let mut state = self.state();
            (state.cache.get(&hash), state.keys.clone(), state.epoch_min)
        };
        let claims = match known {
            Some(claims) => claims,
            None => Arc::new(self.check(token, &keys)?),
        };
        if claims.exp <= unix_seconds(self.0.clock.now()) {
            return Err(TokenError::Expired);
        }
        if claims.tctx.epoch < epoch_min {
            return Err(TokenError::EarlierEpoch { minted: claims.tctx.epoch, required: epoch_min });
        }
        let mut state = self.state();
        // INVARIANT: what is remembered was verified with the keys in force; they may have changed since.
        if Arc::ptr_eq(&state.keys, &keys) {
            state.cache.insert(hash, claims.clone());
        }
        Ok(claims)
    }

    fn check(&self, token: &str, keys: &HashMap<String, Key>) -> Result<Claims, TokenError> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| TokenError::Malformed)?;
        // RFC 7515, 4.1.11: what is critical and not understood is refused.
        if header.alg != Algorithm::EdDSA
            || header.typ.as_deref() != Some(TOKEN_TYPE)
            || header.crit.is_some()
        {
            return Err(TokenError::Malformed);
        }
        let key_id = header.kid.ok_or(TokenError::Malformed)?;
        let Some(Key(public)) = keys.get(&key_id) else {
            self.0.wanted.notify_one();
            return Err(if keys.is_empty() { TokenError::NoKeys } else { TokenError::UnknownKey(key_id) });
        };
        let verified =
            jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_ed_der(public), &self.0.validation);
        let claims = verified.map_err(|error| signature_or_form(&error))?.claims;
        if claims.aud != self.0.audience {
            return Err(TokenError::Audience(claims.aud));
        }
        Ok(claims)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn signature_or_form(error: &jsonwebtoken::errors::Error) -> TokenError {
    if *error.kind() == ErrorKind::InvalidSignature { TokenError::Signature } else { TokenError::Malformed }
}

/// Verified tokens by hash, in two generations: a full one becomes the old one, and what is used moves on.
#[derive(Default)]
struct Cache {
    young: HashMap<[u8; 32], Arc<Claims>>,
    old: HashMap<[u8; 32], Arc<Claims>>,
}

impl Cache {
    fn get(&mut self, hash: &[u8; 32]) -> Option<Arc<Claims>> {
        self.young.get(hash).or_else(|| self.old.get(hash)).cloned()
    }

    fn insert(&mut self, hash: [u8; 32], claims: Arc<Claims>) {
        if self.young.len() >= CACHE_GENERATION_MAX && !self.young.contains_key(&hash) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(hash, claims);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_bounded_and_keeps_what_is_used() {
        let claims: Claims = serde_json::from_value(serde_json::json!({
            "iss": "", "aud": "", "iat": 0, "exp": 0, "txn": "", "sub": "", "scope": "", "req_wl": "",
            "tctx": { "profile": "", "realm": "", "purpose": "", "aal": 1, "epoch": 0, "org": "" },
        }))
        .unwrap();
        let (mut cache, shared, used) = (Cache::default(), Arc::new(claims), sha256(b"used"));
        for number in 0..5 * CACHE_GENERATION_MAX {
            cache.insert(sha256(&number.to_be_bytes()), shared.clone());
            cache.insert(used, shared.clone());
        }
        assert!(cache.young.len() + cache.old.len() <= 2 * CACHE_GENERATION_MAX);
        assert!(cache.get(&used).is_some());
        assert!(cache.get(&sha256(&0_usize.to_be_bytes())).is_none());
    }
}
