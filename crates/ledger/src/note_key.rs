//! Keys of signed notes: name, key ID, the `vkey` text in which a public key travels, and Ed25519 (type 0x01).

use std::fmt;

use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::hash::sha256;

/// Signature type of Ed25519 over the note's text (c2sp.org/signed-note).
const TYPE_ED25519: u8 = 0x01;

/// Bytes of an Ed25519 seed and public key.
const KEY_BYTES: usize = 32;

/// Longest key name, bytes; names are origins such as `audit.alfa.example/ops/2026`.
pub(crate) const KEY_NAME_BYTES_MAX: usize = 255;

/// First four bytes of SHA-256 over name, line feed, type and public key. Tells keys apart; proves nothing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(pub [u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "KeyId({self})")
    }
}

/// Why a key was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The name is empty, too long or has a space, a control character or a plus sign.
    #[error("`{0}` cannot be a key's name")]
    BadName(String),
    /// Not `name+hash+key`.
    #[error("the key is not of the form name+hash+base64")]
    BadForm,
    /// The key's type is not one this build can check.
    #[error("keys of type {0:#04x} are not supported")]
    UnsupportedType(u8),
    /// The hash in the text is not that of name and key: a damaged or edited line.
    #[error("key ID {found} does not belong to this name and key ({computed})")]
    KeyIdMismatch {
        /// Key ID in the text.
        found: KeyId,
        /// Key ID of name and key.
        computed: KeyId,
    },
    /// The private key is not an Ed25519 key.
    #[error("the private key is not a usable Ed25519 key")]
    BadPrivateKey,
}

/// A public key under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifyingKey {
    name: String,
    key_id: KeyId,
    public: [u8; KEY_BYTES],
}

impl VerifyingKey {
    /// An Ed25519 public key under a name.
    pub fn ed25519(name: &str, public: [u8; KEY_BYTES]) -> Result<Self, KeyError> {
        if !is_key_name(name) {
            return Err(KeyError::BadName(name.to_owned()));
        }
        let key_id = key_id(name, &public);
        Ok(Self { name: name.to_owned(), key_id, public })
    }

    /// Reads a `vkey`: name, `+`, key ID in eight hex digits, `+`, base64 of type and public key.
    pub fn parse(vkey: &str) -> Result<Self, KeyError> {
        let mut parts = vkey.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::BadForm);
        };
        let lower_case = !id.bytes().any(|byte| byte.is_ascii_uppercase());
        let id = hex::decode(id).ok().filter(|_| lower_case).and_then(|id| id.try_into().ok());
        let found = KeyId(id.ok_or(KeyError::BadForm)?);
        let bytes = STANDARD.decode(key).map_err(|_| KeyError::BadForm)?;
        let (kind, public) = bytes.split_first().ok_or(KeyError::BadForm)?;
        if *kind != TYPE_ED25519 {
            return Err(KeyError::UnsupportedType(*kind));
        }
        let verifying = Self::ed25519(name, public.try_into().map_err(|_| KeyError::BadForm)?)?;
        if verifying.key_id != found {
            return Err(KeyError::KeyIdMismatch { found, computed: verifying.key_id });
        }
        Ok(verifying)
    }

    /// The key's name; a log's is its origin.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key ID.
    #[must_use]
    pub const fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The public key, 32 bytes.
    #[must_use]
    pub const fn public_key(&self) -> &[u8; KEY_BYTES] {
        &self.public
    }

    /// Whether this key made the signature over these bytes.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(message, signature).is_ok()
    }
}

/// The `vkey` text.
impl fmt::Display for VerifyingKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let typed: Vec<u8> = std::iter::once(TYPE_ED25519).chain(self.public).collect();
        write!(out, "{}+{}+{}", self.name, self.key_id, STANDARD.encode(typed))
    }
}

/// A private Ed25519 key under a name. Where it comes from and how it is kept is the caller's business.
pub struct Signer {
    pair: Ed25519KeyPair,
    verifying: VerifyingKey,
}

impl Signer {
    /// From the 32 secret bytes.
    pub fn from_seed(name: &str, seed: &[u8; KEY_BYTES]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::BadPrivateKey)?;
        Self::new(name, pair)
    }

    /// From PKCS#8 DER.
    pub fn from_pkcs8(name: &str, der: &[u8]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map_err(|_| KeyError::BadPrivateKey)?;
        Self::new(name, pair)
    }

    /// The public key under the same name.
    #[must_use]
    pub const fn verifying_key(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// The 64-byte signature over these bytes.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.pair.sign(message).as_ref().to_vec()
    }

    fn new(name: &str, pair: Ed25519KeyPair) -> Result<Self, KeyError> {
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::BadPrivateKey)?;
        Ok(Self { verifying: VerifyingKey::ed25519(name, public)?, pair })
    }
}

/// Never shows the key.
impl fmt::Debug for Signer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Signer({})", self.verifying)
    }
}

/// Non-empty, no Unicode space, no plus sign; we refuse control characters too.
pub(crate) fn is_key_name(name: &str) -> bool {
    let bounded = (1..=KEY_NAME_BYTES_MAX).contains(&name.len());
    bounded && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}

fn key_id(name: &str, public: &[u8; KEY_BYTES]) -> KeyId {
    let hash = sha256(&[name.as_bytes(), b"\n", &[TYPE_ED25519], public]);
    let [a, b, c, d, ..] = *hash.as_bytes();
    KeyId([a, b, c, d])
}
