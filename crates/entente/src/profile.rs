//! Who speaks, and to which mesh: `endpoints.json` of a data folder and the profiles beside it.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use entente_chassis::{identity::TrustDomain, tls::TlsFiles};
use serde::{Deserialize, Serialize};

use crate::{
    cli::Connect,
    exit::{Failure, NO_INPUT},
};

/// Name of the file that tells where a mesh listens.
pub(crate) const ENDPOINTS: &str = "endpoints.json";

/// Where a mesh listens, and who may speak to it; `entente up` writes it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Endpoints {
    /// Trust domain of every certificate.
    pub(crate) trust_domain: String,
    /// Service name to `host:port`.
    pub(crate) services: BTreeMap<String, String>,
    /// Service name to `host:port` of its metrics and probes.
    pub(crate) admin: BTreeMap<String, String>,
    /// Trust bundle (PEM).
    pub(crate) ca: PathBuf,
    /// Origin of the audit log.
    pub(crate) log_origin: String,
    /// C2SP verifier key of the audit log.
    pub(crate) log_verifier_key: String,
    /// Subject id to profile file.
    pub(crate) profiles: BTreeMap<String, PathBuf>,
    /// Profile used where none is named.
    pub(crate) default_profile: String,
}

/// A person or partner system: certificate, purpose, realm, and the label to assume.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Profile {
    /// "<organization>/<name>".
    pub(crate) subject: String,
    /// Purpose asserted.
    pub(crate) purpose: String,
    /// Realm.
    pub(crate) realm: String,
    /// Label of submissions that name none. It is the narrowest its owner can choose, never one that shares wider.
    pub(crate) default_label: Option<String>,
    /// endpoints.json, relative to the profile.
    pub(crate) endpoints: PathBuf,
    /// PEM files, relative to the profile.
    pub(crate) certificate: PathBuf,
    /// Private key.
    pub(crate) key: PathBuf,
    /// Trust bundle.
    pub(crate) bundle: PathBuf,
}

/// A profile with everything it points to read and made absolute.
pub(crate) struct Speaker {
    pub(crate) profile: Profile,
    pub(crate) endpoints: Endpoints,
    pub(crate) trust_domain: TrustDomain,
    pub(crate) tls: TlsFiles,
}

impl Endpoints {
    /// Reads `endpoints.json`.
    pub(crate) fn read(path: &Path) -> Result<Endpoints, Failure> {
        let text = read(path, "is a mesh running there? start one with `entente up --data DIR`")?;
        serde_json::from_str(&text).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
    }

    /// The text of `endpoints.json`.
    pub(crate) fn to_json(&self) -> Result<String, Failure> {
        self.to_value().map(|value| format!("{value:#}\n"))
    }

    /// The same as a value.
    pub(crate) fn to_value(&self) -> Result<serde_json::Value, Failure> {
        serde_json::to_value(self).map_err(|error| Failure::internal(format!("endpoints.json: {error}")))
    }
}

impl Speaker {
    /// The speaker the command line names.
    pub(crate) fn find(connect: &Connect) -> Result<Speaker, Failure> {
        let path = profile_path(connect)?;
        let text = read(&path, "name a profile of DIR/profiles, or a file")?;
        let mut profile: Profile =
            toml::from_str(&text).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?;
        if let Some(purpose) = &connect.purpose {
            profile.purpose.clone_from(purpose);
        }
        if let Some(realm) = &connect.realm {
            profile.realm.clone_from(realm);
        }
        let folder = path.parent().unwrap_or(Path::new("."));
        let endpoints = Endpoints::read(&folder.join(&profile.endpoints))?;
        let trust_domain = endpoints
            .trust_domain
            .parse()
            .map_err(|error| Failure::usage(format!("endpoints.json: trust_domain: {error}")))?;
        let tls = TlsFiles {
            certificate: folder.join(&profile.certificate),
            key: folder.join(&profile.key),
            bundle: folder.join(&profile.bundle),
        };
        Ok(Speaker { profile, endpoints, trust_domain, tls })
    }
}

/// A name below DIR/profiles (`/` of a subject id written as `_` in the file name), or a path.
fn profile_path(connect: &Connect) -> Result<PathBuf, Failure> {
    let named = match &connect.profile {
        Some(named) => named.clone(),
        None => Endpoints::read(&connect.data.join(ENDPOINTS))?.default_profile,
    };
    let file = Path::new(&named);
    if file.extension().is_some_and(|extension| extension == "toml") {
        return Ok(file.to_owned());
    }
    Ok(connect.data.join("profiles").join(file_name(&named)))
}

/// Name of the profile file of a subject.
pub(crate) fn file_name(subject_id: &str) -> String {
    format!("{}.toml", subject_id.replace('/', "_"))
}

fn read(path: &Path, advice: &str) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|error| Failure::new(NO_INPUT, format!("{}: {error}", path.display())).detail(advice))
}
