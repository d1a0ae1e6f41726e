//! Page tokens open only under their key and binding; key files are whole, private and made once.
#![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]

use std::os::unix::fs::PermissionsExt;

use entente_persist::{PageTokenKey, PersistError, secret_file};
use proptest::prelude::*;

fn key() -> PageTokenKey {
    let folder = tempfile::tempdir().unwrap();
    PageTokenKey::load_or_create(&folder.path().join("page-token.key")).unwrap()
}

proptest! {
    #[test]
    fn a_token_opens_under_its_own_binding_only(
        binding in prop::collection::vec(any::<u8>(), 0..64),
        other in prop::collection::vec(any::<u8>(), 0..64),
        position in prop::collection::vec(any::<u8>(), 0..64),
    ) {
        let key = key();
        let token = key.seal(&binding, &position);
        prop_assert_eq!(key.open(&binding, &token), Ok(position));
        if other != binding {
            prop_assert!(key.open(&other, &token).is_err());
        }
    }

    #[test]
    fn a_changed_token_does_not_open(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
        let key = key();
        let token = key.seal(b"binding", b"position");
        let at = at.index(token.len());
        let mut changed = token.clone();
        changed.replace_range(at..=at, &to);
        prop_assert_eq!(key.open(b"binding", &changed).is_ok(), changed == token);
    }

    #[test]
    fn any_text_is_refused_without_a_panic(text in ".{0,600}") {
        prop_assert!(key().open(b"binding", &text).is_err());
    }
}

#[test]
fn a_token_survives_a_restart_and_no_other_key_opens_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page-token.key");
    let token = PageTokenKey::load_or_create(&path).unwrap().seal(b"binding", b"position");
    let again = PageTokenKey::load_or_create(&path).unwrap();
    assert_eq!(again.open(b"binding", &token).unwrap(), b"position");
    assert!(key().open(b"binding", &token).is_err());
}

#[test]
fn a_key_file_that_holds_no_key_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("page-token.key");
    std::fs::write(&path, b"short").unwrap();
    assert!(matches!(PageTokenKey::load_or_create(&path).map(drop), Err(PersistError::KeyFile(_))));
}

#[test]
fn a_secret_file_is_private_and_made_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys/log.key");
    assert_eq!(secret_file::load(&path).unwrap(), None);
    let made = secret_file::load_or_create(&path, || Ok(b"one".to_vec())).unwrap();
    let kept = secret_file::load_or_create(&path, || Ok(b"two".to_vec())).unwrap();
    assert_eq!((made.as_slice(), kept.as_slice()), (&b"one"[..], &b"one"[..]));
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(std::fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o777, 0o700);
    secret_file::replace(&path, b"three").unwrap();
    assert_eq!(secret_file::load(&path).unwrap().as_deref(), Some(&b"three"[..]));
    let names: Vec<_> =
        std::fs::read_dir(path.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["log.key"], "no temporary file is left");
}

#[test]
fn of_two_makers_at_once_both_get_the_first_ones_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.key");
    let kept = secret_file::load_or_create(&path, || {
        // Another maker is faster, between our look and our write.
        secret_file::replace(&path, b"faster")?;
        Ok(b"slower".to_vec())
    });
    assert_eq!(kept.unwrap(), b"faster");
}
