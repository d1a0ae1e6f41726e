//! What tests share: a test CA, a fake clock, partners that exist nowhere, and neighbours that behave.
//!
//! A service under test is the real one, started on a loopback port of the system's choice and called over real mutual
//! TLS. Only what is outside its process is fake, and the fakes do the work: [`FakeAccess`] decides with
//! `entente-domain` over [`fixtures`], [`FakeAudit`] keeps a real Merkle log in memory, so that receipts verify,
//! [`FakeIntake`] keeps a journal that a test pushes versions into.
//!
//! Nothing here may be a normal dependency of anything (`cargo xtask check`).
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "test support: a broken set-up must stop the test at once"
)]

mod authority;
mod clock;
mod fake_access;
mod fake_audit;
mod fake_intake;
pub mod fixtures;
mod golden;
mod labels;
mod listener;
mod pki;
mod probe;

pub use authority::TestAuthority;
pub use clock::FakeClock;
pub use fake_access::FakeAccess;
pub use fake_audit::FakeAudit;
pub use fake_intake::{FakeIntake, FakeVersion};
pub use golden::assert_golden;
pub use pki::{TRUST_DOMAIN, TestPki};
pub use probe::probe;

use std::{io::Write as _, path::PathBuf, time::Duration};

/// The folder of real input (`ENTENTE_DATA_DIR`, default `../shared/data` beside the checkout), and in it `name`.
/// `None` when it is absent: the caller says so with [`skip`] and returns.
pub fn real_input(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("ENTENTE_DATA_DIR").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let path = folder.join(name);
    path.exists().then_some(path)
}

/// Repeats `attempt` until it gives something, for as long as a slow machine may need: for what becomes true by itself
/// and tells nobody, such as a service that has just started.
pub async fn eventually<T>(mut attempt: impl AsyncFnMut() -> Option<T>) -> T {
    const PATIENCE: Duration = Duration::from_secs(30);
    const PAUSE: Duration = Duration::from_millis(2);
    let attempts = async {
        loop {
            match attempt().await {
                Some(done) => return done,
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    };
    tokio::time::timeout(PATIENCE, attempts).await.expect("it never became true")
}

/// Reports a test as skipped, by name and with the reason: straight to the stream, as the test harness swallows what a
/// passing test prints.
pub fn skip(test: &str, reason: &str) {
    let _ = writeln!(std::io::stderr(), "skipped: {test}: {reason}");
}
