//! The development CA of a mesh and what it issues. What ends soon is issued anew, at each start and while the mesh runs;
//! services notice the new files by themselves.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use entente_chassis::{
    identity::{Caller, TrustDomain},
    pki::{DevelopmentCa, Lifetime},
    tasks::TaskGroup,
    tls::{TlsFiles, TlsIdentity},
};

use super::{Service, folder::fault, people};
use crate::exit::Failure;

/// How long a certificate holds: short, as nothing can revoke it.
const VALID: Duration = Duration::from_secs(7 * 24 * 3_600);
/// What ends within this time is issued anew.
const RENEW_BEFORE: Duration = Duration::from_secs(3 * 24 * 3_600);
/// How often a running mesh looks.
const RENEW_EVERY: Duration = Duration::from_secs(3_600);
/// Certificates begin a little earlier, for clocks that are behind.
const CLOCK_MARGIN: Duration = Duration::from_secs(300);

/// The CA and the folder it issues to.
#[derive(Clone)]
pub(crate) struct Certificates {
    authority: Arc<DevelopmentCa>,
    folder: PathBuf,
    trust_domain: TrustDomain,
}

impl Certificates {
    /// Opens the CA of a folder, made when missing, and issues every service its certificate.
    pub(crate) fn open(folder: &Path, trust_domain: TrustDomain) -> Result<Certificates, Failure> {
        let kept = folder.join("ca");
        if !kept.exists() {
            // A CA half written by a process that was killed is never taken for one.
            let unfinished = folder.join("ca.unfinished");
            std::fs::create_dir_all(&unfinished).map_err(|error| fault(&unfinished, &error))?;
            let made = DevelopmentCa::create(&trust_domain).and_then(|authority| authority.save(&unfinished));
            made.map_err(|error| Failure::internal(format!("the development CA: {error}")))?;
            std::fs::rename(&unfinished, &kept).map_err(|error| fault(&kept, &error))?;
        }
        let authority = DevelopmentCa::load(&kept)
            .map_err(|error| Failure::usage(format!("the CA in {}: {error}", kept.display())))?;
        let certificates =
            Certificates { authority: Arc::new(authority), folder: folder.to_owned(), trust_domain };
        certificates.issue_all()?;
        Ok(certificates)
    }

    /// The trust domain.
    pub(crate) fn trust_domain(&self) -> TrustDomain {
        self.trust_domain.clone()
    }

    /// The trust bundle.
    pub(crate) fn bundle_path(&self) -> PathBuf {
        self.service(Service::Intake.name()).bundle
    }

    /// The files of a service.
    pub(crate) fn service(&self, name: &str) -> TlsFiles {
        files(&self.folder_of(&Caller::Service { name: name.to_owned() }))
    }

    /// The files of a person.
    pub(crate) fn subject(&self, organization: &str, name: &str) -> TlsFiles {
        let (organization, name) = (organization.to_owned(), name.to_owned());
        files(&self.folder_of(&Caller::Subject { organization, name }))
    }

    /// Issues everything anew before it expires, until the group is cancelled.
    pub(crate) fn spawn_renewal(&self, tasks: &TaskGroup) {
        let (certificates, group) = (self.clone(), tasks.clone());
        tasks.spawn("renew certificates", async move {
            while group.pause(RENEW_EVERY).await.is_some() {
                let again = certificates.clone();
                let issued = tokio::task::spawn_blocking(move || again.issue_all()).await;
                if let Ok(Err(failure)) = issued {
                    tracing::error!(%failure, "certificates were not renewed; they hold for days yet");
                }
            }
        });
    }

    fn issue_all(&self) -> Result<(), Failure> {
        for service in Service::IN_ORDER {
            self.issue(&Caller::Service { name: service.name().to_owned() })?;
        }
        for (organization, name) in people::names()? {
            self.issue(&Caller::Subject { organization, name })?;
        }
        Ok(())
    }

    fn issue(&self, caller: &Caller) -> Result<(), Failure> {
        let folder = self.folder_of(caller);
        if self.is_fresh(&files(&folder)) {
            return Ok(());
        }
        let now = SystemTime::now();
        let lifetime = Lifetime { not_before: now - CLOCK_MARGIN, not_after: now + VALID };
        let issued = self.authority.issue(caller, lifetime);
        let saved = issued.and_then(|issued| issued.save(&folder, &self.authority.bundle_pem()));
        saved.map(drop).map_err(|error| Failure::internal(format!("{}: {error}", folder.display())))
    }

    /// Whether what is there is of this CA, fits together, and holds long enough.
    fn is_fresh(&self, files: &TlsFiles) -> bool {
        let ours =
            std::fs::read_to_string(&files.bundle).is_ok_and(|bundle| bundle == self.authority.bundle_pem());
        let identity = TlsIdentity::load(files.clone(), self.trust_domain.clone());
        ours && identity.is_ok_and(|identity| identity.not_after() > SystemTime::now() + RENEW_BEFORE)
    }

    fn folder_of(&self, caller: &Caller) -> PathBuf {
        match caller {
            Caller::Service { name } => self.folder.join("svc").join(name),
            Caller::Subject { organization, name } => {
                self.folder.join("subject").join(organization).join(name)
            }
        }
    }
}

/// What [`entente_chassis::pki::Issued::save`] writes.
fn files(folder: &Path) -> TlsFiles {
    TlsFiles {
        certificate: folder.join("certificate.pem"),
        key: folder.join("key.pem"),
        bundle: folder.join("bundle.pem"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &Path) -> Certificates {
        Certificates::open(folder, "entente.example".parse().unwrap()).unwrap()
    }

    fn certificate(certificates: &Certificates) -> String {
        std::fs::read_to_string(certificates.service("intake").certificate).unwrap()
    }

    #[test]
    fn a_certificate_that_holds_is_kept_and_one_that_ends_soon_is_issued_anew() {
        let folder = tempfile::tempdir().unwrap();
        let first = open(folder.path());
        let kept = certificate(&first);
        assert_eq!(certificate(&open(folder.path())), kept);
        let soon = SystemTime::now() + RENEW_BEFORE / 2;
        let caller = Caller::Service { name: "intake".to_owned() };
        let lifetime = Lifetime { not_before: SystemTime::now() - CLOCK_MARGIN, not_after: soon };
        let issued = first.authority.issue(&caller, lifetime).unwrap();
        issued.save(&first.folder_of(&caller), &first.authority.bundle_pem()).unwrap();
        let old = certificate(&first);
        assert_ne!(certificate(&open(folder.path())), old);
    }

    #[test]
    fn what_a_lost_authority_issued_is_issued_anew() {
        let folder = tempfile::tempdir().unwrap();
        let old = certificate(&open(folder.path()));
        std::fs::remove_dir_all(folder.path().join("ca")).unwrap();
        assert_ne!(certificate(&open(folder.path())), old);
    }
}
