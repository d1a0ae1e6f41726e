//! The fictional partners of a mesh on one machine: the registry that access imports on its first start, and a profile
//! for each of their people. Valdoria, Orsenna and the Kestrel Isles exist nowhere.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use entente_chassis::tls::TlsFiles;
use serde::Deserialize;

use super::{certificates::Certificates, folder::Folder};
use crate::{
    exit::Failure,
    profile::{ENDPOINTS, Profile, file_name},
};

/// Name of the registry file in the data folder.
pub(super) const REGISTRY: &str = "registry.toml";
/// What it holds at first. Only an empty access store reads it.
const REGISTRY_TEXT: &str = include_str!("registry.toml");
/// Who speaks where nobody is named.
pub(crate) const DEFAULT_PROFILE: &str = "VLD-COAST/mira";
/// Purpose and realm of a new profile.
const PURPOSE: &str = "CT";
const REALM: &str = "REAL";
/// Folder of the profiles.
const PROFILES: &str = "profiles";

/// What is read of the registry here.
#[derive(Deserialize)]
struct Registry {
    subjects: Vec<Subject>,
}

#[derive(Deserialize)]
struct Subject {
    subject_id: String,
    roles: Vec<String>,
}

/// Organization and name of everyone who gets a certificate.
pub(super) fn names() -> Result<Vec<(String, String)>, Failure> {
    let split = |subject: Subject| {
        let (organization, name) = subject.subject_id.split_once('/')?;
        Some((organization.to_owned(), name.to_owned()))
    };
    Ok(subjects()?.into_iter().filter_map(split).collect())
}

/// Writes the registry and the profiles that are not there yet; what somebody changed stays.
pub(super) fn write(folder: &Folder, certificates: &Certificates) -> Result<(), Failure> {
    folder.write_new(REGISTRY, REGISTRY_TEXT)?;
    for subject in subjects()? {
        let Some((organization, name)) = subject.subject_id.split_once('/') else {
            continue;
        };
        let profile = profile(&subject, &certificates.subject(organization, name), folder.path());
        let text =
            toml::to_string(&profile).map_err(|error| Failure::internal(format!("a profile: {error}")))?;
        folder.write_new(Path::new(PROFILES).join(file_name(&subject.subject_id)), &text)?;
    }
    Ok(())
}

/// Subject id to profile file.
pub(super) fn profiles(folder: &Folder) -> Result<BTreeMap<String, PathBuf>, Failure> {
    let path = |subject: &Subject| folder.path().join(PROFILES).join(file_name(&subject.subject_id));
    Ok(subjects()?.into_iter().map(|subject| (subject.subject_id.clone(), path(&subject))).collect())
}

fn subjects() -> Result<Vec<Subject>, Failure> {
    let registry: Result<Registry, _> = toml::from_str(REGISTRY_TEXT);
    registry
        .map(|registry| registry.subjects)
        .map_err(|error| Failure::internal(format!("the registry: {error}")))
}

/// Paths relative to the profile, so that a data folder can be moved.
fn profile(subject: &Subject, files: &TlsFiles, data: &Path) -> Profile {
    let relative = |path: &Path| Path::new("..").join(path.strip_prefix(data).unwrap_or(path));
    Profile {
        subject: subject.subject_id.clone(),
        purpose: PURPOSE.to_owned(),
        realm: REALM.to_owned(),
        default_label: default_label(subject),
        endpoints: Path::new("..").join(ENDPOINTS),
        certificate: relative(&files.certificate),
        key: relative(&files.key),
        bundle: relative(&files.bundle),
    }
}

/// The narrowest label a submitter can choose: their own organization, and nobody it could be passed on to.
fn default_label(subject: &Subject) -> Option<String> {
    let organization = subject.subject_id.split('/').next()?;
    let submits = subject.roles.iter().any(|role| role == "submitter");
    submits.then(|| format!("ENTENTE:RESTRICTED//REL TO ORG:{organization}//NO ONWARD//BY {organization}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partner_has_a_reader_a_policy_administrator_and_an_auditor() {
        let subjects = subjects().unwrap();
        for organization in ["VLD-COAST", "ORS-CERT", "KSI-ISAC"] {
            for role in ["reader", "policy_admin", "auditor"] {
                let holds = |subject: &Subject| subject.roles.iter().any(|held| held == role);
                let ours = |subject: &&Subject| subject.subject_id.starts_with(organization);
                assert!(subjects.iter().filter(ours).any(holds), "{organization} has no {role}");
            }
        }
        assert!(subjects.iter().any(|subject| subject.subject_id == DEFAULT_PROFILE));
    }

    #[test]
    fn a_default_label_names_no_organization_but_the_submitters_own() {
        for subject in subjects().unwrap() {
            let own = subject.subject_id.split('/').next().unwrap();
            let label = default_label(&subject).unwrap_or_default();
            let mut audience = label.split("ORG:").skip(1);
            assert!(audience.all(|rest| rest.starts_with(own)), "{label}");
            assert!(label.is_empty() || label.contains("//NO ONWARD//"), "{label}");
        }
    }
}
