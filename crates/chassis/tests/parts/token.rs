//! Transaction tokens: what verifies, until when, and with which keys.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use entente_chassis::{
    clock::Clock,
    token::{Claims, RequesterContext, SigningKey, TokenError, TokenVerifier, TransactionContext, mint},
};
use futures::FutureExt;

const NOW: u64 = 1_795_435_200;

struct Hand(Mutex<u64>);

impl Clock for Hand {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(*self.0.lock().unwrap())
    }
}

struct Bench {
    key: SigningKey,
    clock: Arc<Hand>,
    verifier: TokenVerifier,
}

impl Bench {
    fn new() -> Bench {
        let key = SigningKey::generate().unwrap();
        let clock = Arc::new(Hand(Mutex::new(NOW)));
        let verifier = TokenVerifier::new("entente.test".parse().unwrap(), clock.clone());
        verifier.set_keys(vec![("one".into(), key.public_key())]);
        Bench { key, clock, verifier }
    }

    fn mint(&self, claims: &Claims) -> String {
        mint(&self.key, "one", claims).unwrap()
    }

    /// Signs any header and payload.
    fn sign(&self, header: &str, payload: &str) -> String {
        let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let pair = Ed25519KeyPair::from_pkcs8(self.key.to_pkcs8()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(pair.sign(text.as_bytes())))
    }
}

fn claims() -> Claims {
    Claims {
        iss: "spiffe://entente.test/svc/access".into(),
        aud: "entente.test".into(),
        iat: NOW,
        exp: NOW + 300,
        txn: "4f3c".into(),
        sub: "VLD-COAST/mira".into(),
        scope: "read submit purpose:CT".into(),
        req_wl: "spiffe://entente.test/svc/access".into(),
        tctx: TransactionContext {
            profile: "ab".repeat(32),
            realm: "REAL".into(),
            purpose: "CT".into(),
            aal: 2,
            epoch: 5,
            org: "VLD-COAST".into(),
        },
        rctx: RequesterContext::default(),
    }
}

#[test]
fn a_minted_token_verifies_to_its_claims_until_it_expires() {
    let bench = Bench::new();
    let token = bench.mint(&claims());
    for _ in 0..2 {
        assert_eq!(*bench.verifier.verify(&token).unwrap(), claims());
    }
    *bench.clock.0.lock().unwrap() = NOW + 299;
    assert!(bench.verifier.verify(&token).is_ok());
    *bench.clock.0.lock().unwrap() = NOW + 300;
    assert_eq!(bench.verifier.verify(&token), Err(TokenError::Expired));
}

#[test]
fn a_key_that_is_taken_away_takes_its_tokens_with_it() {
    let bench = Bench::new();
    let token = bench.mint(&claims());
    assert!(bench.verifier.verify(&token).is_ok());
    bench.verifier.set_keys(vec![("two".into(), SigningKey::generate().unwrap().public_key())]);
    assert_eq!(bench.verifier.verify(&token), Err(TokenError::UnknownKey("one".into())));
    // The same name with another key is another key.
    bench.verifier.set_keys(vec![("one".into(), SigningKey::generate().unwrap().public_key())]);
    assert_eq!(bench.verifier.verify(&token), Err(TokenError::Signature));
}

#[test]
fn an_unknown_key_asks_for_the_keys() {
    let bench = Bench::new();
    assert!(bench.verifier.verify(&bench.mint(&claims())).is_ok());
    assert_eq!(bench.verifier.keys_wanted().now_or_never(), None);
    let unknown = mint(&bench.key, "next", &claims()).unwrap();
    assert_eq!(bench.verifier.verify(&unknown), Err(TokenError::UnknownKey("next".into())));
    assert_eq!(bench.verifier.keys_wanted().now_or_never(), Some(()));
    let empty = TokenVerifier::new("entente.test".parse().unwrap(), bench.clock.clone());
    assert_eq!(empty.verify(&unknown), Err(TokenError::NoKeys));
    assert_eq!(empty.keys_wanted().now_or_never(), Some(()));
}

#[test]
fn a_token_of_an_earlier_epoch_is_refused_only_where_asked_for() {
    let bench = Bench::new();
    let token = bench.mint(&claims());
    assert!(bench.verifier.verify(&token).is_ok());
    bench.verifier.set_epoch(6);
    bench.verifier.set_epoch(3);
    assert_eq!(bench.verifier.verify(&token), Err(TokenError::EarlierEpoch { minted: 5, required: 6 }));
    let mut newer = claims();
    newer.tctx.epoch = 6;
    assert!(bench.verifier.verify(&bench.mint(&newer)).is_ok());
}

#[test]
fn a_token_for_another_trust_domain_is_refused() {
    let bench = Bench::new();
    let other = Claims { aud: "entente.other".into(), ..claims() };
    assert_eq!(bench.verifier.verify(&bench.mint(&other)), Err(TokenError::Audience("entente.other".into())));
}

#[test]
fn no_changed_byte_of_a_token_verifies() {
    let bench = Bench::new();
    let token = bench.mint(&claims());
    for index in 0..token.len() {
        let mut bytes = token.clone().into_bytes();
        bytes[index] = if bytes[index] == b'A' { b'B' } else { b'A' };
        let changed = String::from_utf8(bytes).unwrap();
        assert!(bench.verifier.verify(&changed).is_err(), "byte {index}");
    }
}

#[test]
fn type_algorithm_and_critical_headers_are_what_they_must_be() {
    let bench = Bench::new();
    let payload = serde_json::to_string(&claims()).unwrap();
    let good = r#"{"typ":"txntoken+jwt","alg":"EdDSA","kid":"one"}"#;
    assert!(bench.verifier.verify(&bench.sign(good, &payload)).is_ok());
    let refused = [
        r#"{"typ":"JWT","alg":"EdDSA","kid":"one"}"#,
        r#"{"alg":"EdDSA","kid":"one"}"#,
        r#"{"typ":"txntoken+jwt","alg":"HS256","kid":"one"}"#,
        r#"{"typ":"txntoken+jwt","alg":"none","kid":"one"}"#,
        r#"{"typ":"txntoken+jwt","alg":"EdDSA"}"#,
        r#"{"typ":"txntoken+jwt","alg":"EdDSA","kid":"one","crit":["x"],"x":1}"#,
    ];
    for header in refused {
        assert_eq!(
            bench.verifier.verify(&bench.sign(header, &payload)),
            Err(TokenError::Malformed),
            "{header}"
        );
    }
}

#[test]
fn claims_that_are_missing_are_refused_and_nonsense_too() {
    let bench = Bench::new();
    let header = r#"{"typ":"txntoken+jwt","alg":"EdDSA","kid":"one"}"#;
    for missing in ["iss", "aud", "iat", "exp", "txn", "sub", "scope", "req_wl", "tctx"] {
        let mut payload = serde_json::to_value(claims()).unwrap();
        payload.as_object_mut().unwrap().remove(missing);
        let token = bench.sign(header, &payload.to_string());
        assert_eq!(bench.verifier.verify(&token), Err(TokenError::Malformed), "{missing}");
    }
    for nonsense in ["", ".", "..", "a.b.c", &"a".repeat(8 * 1024 + 1)] {
        assert_eq!(bench.verifier.verify(nonsense), Err(TokenError::Malformed));
    }
}

#[test]
fn scopes_are_whole_words() {
    assert!(claims().allows("read") && claims().allows("purpose:CT"));
    assert!(!claims().allows("rea") && !claims().allows("read submit") && !claims().allows(""));
}

#[test]
fn a_stored_key_signs_as_before() {
    let bench = Bench::new();
    let again = SigningKey::from_pkcs8(bench.key.to_pkcs8()).unwrap();
    assert_eq!(again.public_key(), bench.key.public_key());
    assert!(bench.verifier.verify(&mint(&again, "one", &claims()).unwrap()).is_ok());
    assert!(SigningKey::from_pkcs8(b"no key").is_err());
    assert!(!format!("{again:?}").contains(&hex::encode(bench.key.to_pkcs8())));
}
