//! Transaction tokens: who ultimately asks, for what purpose and in which realm, signed once by access and carried
//! unchanged along the call chain (draft-ietf-oauth-transaction-tokens, Ed25519).
//!
//! A token is verified once and remembered by its hash until it expires: verification costs some 50 us, a look-up less
//! than one. Expiry and epoch are checked at every use, and a key that is taken away takes its tokens with it.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use entente_proto::common::v1::ErrorReason;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::{
    clock::{Clock, unix_seconds},
    identity::{TrustDomain, sha256},
};

/// `typ` of every token.
const TOKEN_TYPE: &str = "txntoken+jwt";
/// Longest token looked at, bytes: twice what the longest claims of a subject make.
const TOKEN_BYTES_MAX: usize = 8 * 1024;
/// Tokens remembered in each of two generations; some 1 KB each.
const CACHE_GENERATION_MAX: usize = 10_000;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// SPIFFE id of the workload that minted it.
    pub iss: String,
    /// Trust domain it is for.
    pub aud: String,
    /// When it was minted, seconds since 1970.
    pub iat: u64,
    /// When it expires, seconds since 1970.
    pub exp: u64,
    /// Transaction id, also in audit records.
    pub txn: String,
    /// The subject, "<organization>/<name>".
    pub sub: String,
    /// Actions, and `purpose:<purpose>`, separated by spaces.
    pub scope: String,
    /// SPIFFE id of the workload that asked for it.
    pub req_wl: String,
    /// What is decided on.
    pub tctx: TransactionContext,
    /// Where the request came from.
    #[serde(default)]
    pub rctx: RequesterContext,
}

impl Claims {
    /// Whether the scope holds an action.
    #[must_use]
    pub fn allows(&self, action: &str) -> bool {
        self.scope.split(' ').any(|granted| granted == action)
    }
}

/// The part of a token that decisions look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionContext {
    /// Profile id of the subject, hexadecimal.
    pub profile: String,
    /// Realm: `REAL`, or `EXERCISE:<name>`.
    pub realm: String,
    /// Purpose asserted.
    pub purpose: String,
    /// Assurance level of the authentication, 1 to 3.
    pub aal: u8,
    /// Policy epoch at minting.
    pub epoch: u64,
    /// Acting organization.
    pub org: String,
}

/// The part of a token that records how the subject was authenticated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequesterContext {
    /// SHA-256 of the client certificate the token was minted for, hexadecimal; empty when there was none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub certificate_sha256: String,
}

/// Why a token, or a key, was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a token of ours: form, type, algorithm or claims.
    #[error("the token is malformed")]
    Malformed,
    /// No key has been received yet, so no token can be told from another.
    #[error("no token keys are known yet")]
    NoKeys,
    /// Signed with a key that is not among those received.
    #[error("the token's key `{0}` is not known")]
    UnknownKey(String),
    /// The signature does not verify.
    #[error("the token's signature does not verify")]
    Signature,
    /// For another trust domain.
    #[error("the token is for `{0}`")]
    Audience(String),
    /// Its time is over.
    #[error("the token has expired")]
    Expired,
    /// Minted before the rights changed, where that is refused.
    #[error("the token was minted at epoch {minted}, {required} is in force")]
    EarlierEpoch {
        /// Epoch in the token.
        minted: u64,
        /// Lowest epoch taken.
        required: u64,
    },
    /// A signing key could not be made, read or used.
    #[error("the signing key cannot be used")]
    SigningKey,
}

impl TokenError {
    /// What to tell the caller.
    #[must_use]
    pub fn reason(&self) -> ErrorReason {
        match self {
            TokenError::Malformed | TokenError::UnknownKey(_) | TokenError::Signature | TokenError::Audience(_) => {
                ErrorReason::TokenInvalid
            }
            TokenError::NoKeys => ErrorReason::AccessUnavailable,
            // A new token is what helps in both cases.
            TokenError::Expired | TokenError::EarlierEpoch { .. } => ErrorReason::TokenExpired,
            TokenError::SigningKey => ErrorReason::Internal,
        }
    }
}

/// The private key that signs tokens.
pub struct SigningKey {
    pkcs8: Vec<u8>,
    public_key: [u8; 32],
    encoding: EncodingKey,
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "SigningKey({})", hex::encode(self.public_key))
    }
}

impl SigningKey {
    /// A new key.
    ///
    /// # Errors
    ///
    /// When the system gives no randomness.
    pub fn generate() -> Result<SigningKey, TokenError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| TokenError::SigningKey)?;
        let pkcs8 = pair.to_pkcs8().map_err(|_| TokenError::SigningKey)?;
        SigningKey::from_pkcs8(pkcs8.as_ref())
    }

    /// Reads a stored key (PKCS#8 DER).
    ///
    /// # Errors
    ///
    /// When it is not an Ed25519 key with its public half.
    pub fn from_pkcs8(der: &[u8]) -> Result<SigningKey, TokenError> {
        let pair = Ed25519KeyPair::from_pkcs8(der).map_err(|_| TokenError::SigningKey)?;
        let public_key = pair.public_key().as_ref().try_into().map_err(|_| TokenError::SigningKey)?;
        Ok(SigningKey { pkcs8: der.to_vec(), public_key, encoding: EncodingKey::from_ed_der(der) })
    }

    /// The key to store (PKCS#8 DER). Secret: the file that holds it is readable by its owner alone.
    #[must_use]
    pub fn to_pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The Ed25519 public key.
    #[must_use]
    pub fn public_key(&self) -> [u8; 32] {
        self.public_key
    }
}

/// Signs claims.
///
/// # Errors
///
/// When the key cannot sign.
pub fn mint(key: &SigningKey, key_id: &str, claims: &Claims) -> Result<String, TokenError> {
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(TOKEN_TYPE.to_owned());
    header.kid = Some(key_id.to_owned());
    jsonwebtoken::encode(&header, claims, &key.encoding).map_err(|_| TokenError::SigningKey)
}

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
    #[must_use]
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
    ///
    /// # Errors
    ///
    /// When it does not, with the reason.
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
        if header.alg != Algorithm::EdDSA || header.typ.as_deref() != Some(TOKEN_TYPE) || header.crit.is_some() {
            return Err(TokenError::Malformed);
        }
        let key_id = header.kid.ok_or(TokenError::Malformed)?;
        let Some(Key(public)) = keys.get(&key_id) else {
            self.0.wanted.notify_one();
            return Err(if keys.is_empty() { TokenError::NoKeys } else { TokenError::UnknownKey(key_id) });
        };
        let verified = jsonwebtoken::decode::<Claims>(token, &DecodingKey::from_ed_der(public), &self.0.validation);
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
    if *error.kind() == jsonwebtoken::errors::ErrorKind::InvalidSignature {
        TokenError::Signature
    } else {
        TokenError::Malformed
    }
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
