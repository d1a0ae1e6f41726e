//! A transaction-token key of the test's own.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::UNIX_EPOCH,
};

use entente_chassis::{
    clock::{Clock, SystemClock},
    tls::TlsIdentity,
    token::{Claims, RequesterContext, SigningKey, TransactionContext, mint},
};

use crate::{TRUST_DOMAIN, fixtures};

/// The id of the key.
const KEY_ID: &str = "test-key";

/// Mints the tokens that access would.
pub struct TestAuthority {
    key: SigningKey,
    epoch: AtomicU64,
    clock: Arc<dyn Clock>,
}

impl Default for TestAuthority {
    fn default() -> Self {
        TestAuthority::new()
    }
}

impl TestAuthority {
    /// A new key.
    pub fn new() -> TestAuthority {
        TestAuthority::at(Arc::new(SystemClock))
    }

    /// A new key, whose tokens are minted by this clock.
    pub fn at(clock: Arc<dyn Clock>) -> TestAuthority {
        TestAuthority { key: SigningKey::generate().unwrap(), epoch: AtomicU64::new(1), clock }
    }

    /// What verifies its tokens: key id and Ed25519 public key.
    pub fn keys(&self) -> Vec<(String, [u8; 32])> {
        vec![(KEY_ID.to_owned(), self.key.public_key())]
    }

    /// The epoch that the next tokens carry.
    pub fn set_epoch(&self, epoch: u64) {
        self.epoch.store(epoch, Ordering::SeqCst);
    }

    /// A token that holds for five minutes.
    pub fn token(&self, subject_id: &str, purpose: &str, actions: &[&str]) -> String {
        self.token_with(&self.claims(subject_id, purpose, actions))
    }

    /// A token that expired a minute ago.
    pub fn expired_token(&self, subject_id: &str, purpose: &str, actions: &[&str]) -> String {
        let mut claims = self.claims(subject_id, purpose, actions);
        claims.iat -= 600;
        claims.exp = claims.iat + 540;
        self.token_with(&claims)
    }

    /// Signs any claims.
    pub fn token_with(&self, claims: &Claims) -> String {
        mint(&self.key, KEY_ID, claims).unwrap()
    }

    /// The claims of [`TestAuthority::token`], to be bent by a test.
    pub fn claims(&self, subject_id: &str, purpose: &str, actions: &[&str]) -> Claims {
        let now = self.clock.now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let organization = subject_id.split('/').next().unwrap_or_default().to_owned();
        Claims {
            iss: format!("spiffe://{TRUST_DOMAIN}/svc/access"),
            aud: TRUST_DOMAIN.to_owned(),
            iat: now,
            exp: now + 300,
            txn: format!("txn-{subject_id}"),
            sub: subject_id.to_owned(),
            scope: format!("{} purpose:{purpose}", actions.join(" ")).trim().to_owned(),
            req_wl: format!("spiffe://{TRUST_DOMAIN}/svc/access"),
            tctx: TransactionContext {
                profile: fixtures::profile_hex(subject_id),
                realm: "REAL".to_owned(),
                purpose: purpose.to_owned(),
                aal: 2,
                epoch: self.epoch.load(Ordering::SeqCst),
                org: organization,
            },
            rctx: RequesterContext::default(),
        }
    }

    /// The token a subject sends with a call, for `tonic::Request::metadata_mut`.
    pub fn attach<T>(&self, request: &mut tonic::Request<T>, token: &str) {
        request.metadata_mut().insert("txn-token", token.parse().unwrap());
    }

    /// The subject id in an identity's certificate.
    pub fn subject_of(identity: &TlsIdentity) -> String {
        identity.caller().subject_id().unwrap_or_default()
    }
}
