//! Transaction tokens: who ultimately asks, for what purpose and in which realm, signed once by access and carried
//! unchanged along the call chain (draft-ietf-oauth-transaction-tokens, Ed25519).
//!
//! A token is verified once and remembered by its hash until it expires: verification costs some 50 us, a look-up less
//! than one. Expiry and epoch are checked at every use, and a key that is taken away takes its tokens with it.

mod verifier;

use std::fmt;

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use entente_proto::common::v1::ErrorReason;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde::{Deserialize, Serialize};

pub use verifier::TokenVerifier;

/// `typ` of every token.
const TOKEN_TYPE: &str = "txntoken+jwt";

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
    /// The subject, `<organization>/<name>`.
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
    pub fn reason(&self) -> ErrorReason {
        match self {
            TokenError::Malformed
            | TokenError::UnknownKey(_)
            | TokenError::Signature
            | TokenError::Audience(_) => ErrorReason::TokenInvalid,
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
    pub fn generate() -> Result<SigningKey, TokenError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| TokenError::SigningKey)?;
        let pkcs8 = pair.to_pkcs8().map_err(|_| TokenError::SigningKey)?;
        SigningKey::from_pkcs8(pkcs8.as_ref())
    }

    /// Reads a stored key (PKCS#8 DER).
    pub fn from_pkcs8(der: &[u8]) -> Result<SigningKey, TokenError> {
        let pair = Ed25519KeyPair::from_pkcs8(der).map_err(|_| TokenError::SigningKey)?;
        let public_key = pair.public_key().as_ref().try_into().map_err(|_| TokenError::SigningKey)?;
        Ok(SigningKey { pkcs8: der.to_vec(), public_key, encoding: EncodingKey::from_ed_der(der) })
    }

    /// The key to store (PKCS#8 DER). Secret: the file that holds it is readable by its owner alone.
    pub fn to_pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// The Ed25519 public key.
    pub fn public_key(&self) -> [u8; 32] {
        self.public_key
    }
}

/// Signs claims.
pub fn mint(key: &SigningKey, key_id: &str, claims: &Claims) -> Result<String, TokenError> {
    let mut header = Header::new(Algorithm::EdDSA);
    header.typ = Some(TOKEN_TYPE.to_owned());
    header.kid = Some(key_id.to_owned());
    jsonwebtoken::encode(&header, claims, &key.encoding).map_err(|_| TokenError::SigningKey)
}
