//! A certificate authority for one test, and identities of every right and wrong kind.

use std::time::{Duration, SystemTime};

use entente_chassis::{
    identity::{Caller, TrustDomain},
    pki::{DevelopmentCa, Lifetime},
    tls::{TlsFiles, TlsIdentity},
};
use tempfile::TempDir;

/// Trust domain of every test.
pub const TRUST_DOMAIN: &str = "entente.test";

/// A CA of its own, with a folder that goes away with it.
pub struct TestPki {
    authority: DevelopmentCa,
    folder: TempDir,
}

impl Default for TestPki {
    fn default() -> Self {
        TestPki::new()
    }
}

impl TestPki {
    /// A new CA for the trust domain `entente.test`.
    pub fn new() -> TestPki {
        let authority = DevelopmentCa::create(&trust_domain()).unwrap();
        TestPki { authority, folder: tempfile::tempdir().unwrap() }
    }

    /// The folder certificates are written to; removed at the end.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// The workload `name`, as files.
    pub fn service_files(&self, name: &str) -> TlsFiles {
        self.issue(&Caller::Service { name: name.to_owned() }, valid(), name)
    }

    /// The workload `name`.
    pub fn service(&self, name: &str) -> TlsIdentity {
        load(self.service_files(name))
    }

    /// A person or partner system, as files.
    pub fn subject_files(&self, organization: &str, name: &str) -> TlsFiles {
        self.issue(&subject(organization, name), valid(), &format!("{organization}-{name}"))
    }

    /// A person or partner system.
    pub fn subject(&self, organization: &str, name: &str) -> TlsIdentity {
        load(self.subject_files(organization, name))
    }

    /// The same person with a certificate that expired yesterday.
    pub fn expired_subject(&self, organization: &str, name: &str) -> TlsIdentity {
        let day = Duration::from_secs(86_400);
        let lifetime =
            Lifetime { not_before: SystemTime::now() - 2 * day, not_after: SystemTime::now() - day };
        load(self.issue(&subject(organization, name), lifetime, &format!("expired-{organization}-{name}")))
    }

    /// The same names under another CA, who trusts this one's servers.
    pub fn foreign_subject(&self, organization: &str, name: &str) -> TlsIdentity {
        let foreign = DevelopmentCa::create(&trust_domain()).unwrap();
        let issued = foreign.issue(&subject(organization, name), valid()).unwrap();
        let folder = self.folder.path().join(format!("foreign-{organization}-{name}"));
        load(issued.save(&folder, &self.authority.bundle_pem()).unwrap())
    }

    fn issue(&self, caller: &Caller, lifetime: Lifetime, folder: &str) -> TlsFiles {
        let issued = self.authority.issue(caller, lifetime).unwrap();
        issued.save(&self.folder.path().join(folder), &self.authority.bundle_pem()).unwrap()
    }
}

/// The trust domain of every test.
pub(crate) fn trust_domain() -> TrustDomain {
    TRUST_DOMAIN.parse().unwrap()
}

fn subject(organization: &str, name: &str) -> Caller {
    Caller::Subject { organization: organization.to_owned(), name: name.to_owned() }
}

fn valid() -> Lifetime {
    let hour = Duration::from_secs(3_600);
    Lifetime { not_before: SystemTime::now() - hour, not_after: SystemTime::now() + 24 * hour }
}

fn load(files: TlsFiles) -> TlsIdentity {
    TlsIdentity::load(files, trust_domain()).unwrap()
}
