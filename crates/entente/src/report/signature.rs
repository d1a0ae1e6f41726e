//! Whether an originator signed a report exactly as it is shown: content, label, title, id, version. Nothing here asks the
//! mesh; who passes the key decides whom to trust.

use std::{collections::BTreeMap, error::Error, path::Path};

use entente_domain::{label::Label, registry::Registry};
use entente_ledger::{
    hash::Hash,
    note::VerifyingKey,
    version::{VersionError, VersionSignature, VersionStatement, originator_key_id, verify_version},
};
use entente_proto::intake::v1::{BatchGetOriginatorKeysRequest, OriginatorKey, OriginatorSignature, Report};

use crate::{
    exit::{Failure, NO_INPUT},
    session::Session,
};

/// Ids of one question for keys; the server takes no more.
const KEY_IDS_MAX: usize = 256;

/// What became of a report's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The originator signed exactly this.
    Verified,
    /// The label is not the one that was hashed, or the place in the signed tree is malformed.
    ProofFails(String),
    /// No key of the originator signed this.
    SignatureFails(String),
}

impl Verdict {
    /// The verdict as a stable word, and why.
    pub(crate) fn words(&self) -> (&'static str, &str) {
        match self {
            Verdict::Verified => ("verified", ""),
            Verdict::ProofFails(why) => ("proof_fails", why),
            Verdict::SignatureFails(why) => ("signature_fails", why),
        }
    }

    /// One line for people.
    pub(crate) fn line(&self, report: &Report) -> String {
        match self {
            Verdict::Verified => format!("good: {} signed this content, label and title", report.originator),
            Verdict::ProofFails(why) | Verdict::SignatureFails(why) => format!("FAILS: {why}"),
        }
    }
}

/// Public keys of originators by the ids that signatures name.
#[derive(Default)]
pub(crate) struct Keys(BTreeMap<String, VerifyingKey>);

impl Keys {
    /// Keys from a file: verifier keys in the C2SP form, one a line; the name is the organization.
    pub(crate) fn read(path: &Path) -> Result<Keys, Failure> {
        let text = std::fs::read_to_string(path);
        let text = text.map_err(|error| Failure::new(NO_INPUT, format!("{}: {error}", path.display())))?;
        let mut keys = Keys::default();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let key = VerifyingKey::parse(line);
            keys.add(key.map_err(|error| Failure::usage(format!("{}: {error}", path.display())))?);
        }
        Ok(keys)
    }

    /// The keys that the signatures of these reports name, from the mesh.
    pub(crate) async fn fetch(session: &Session, reports: &[Report]) -> Result<Keys, Failure> {
        let mut key_ids: Vec<String> =
            reports.iter().filter_map(|report| Some(report.signature.as_ref()?.key_id.clone())).collect();
        key_ids.sort_unstable();
        key_ids.dedup();
        let mut keys = Keys::default();
        for key_ids in key_ids.chunks(KEY_IDS_MAX).map(<[String]>::to_vec) {
            let request = session.request(BatchGetOriginatorKeysRequest { key_ids }).await?;
            let answer = session.intake()?.batch_get_originator_keys(request).await?.into_inner();
            answer.keys.iter().filter_map(verifying_key).for_each(|key| keys.add(key));
        }
        Ok(keys)
    }

    /// The key that a report's signature names.
    pub(crate) fn of(&self, report: &Report) -> Option<&VerifyingKey> {
        self.0.get(&report.signature.as_ref()?.key_id)
    }

    /// Checks a report.
    pub(crate) fn verify(&self, report: &Report) -> Verdict {
        let Some(signature) = &report.signature else {
            return Verdict::SignatureFails("the report carries no signature".to_owned());
        };
        match self.of(report) {
            Some(key) => verify(report, signature, key),
            None => Verdict::SignatureFails(format!("no key `{}` is known", signature.key_id)),
        }
    }

    fn add(&mut self, key: VerifyingKey) {
        self.0.insert(originator_key_id(key.public_key()), key);
    }
}

/// `None` for a key that is not there.
fn verifying_key(key: &OriginatorKey) -> Option<VerifyingKey> {
    let public = key.ed25519_public_key.as_ref().try_into().ok()?;
    VerifyingKey::ed25519(&key.originator, public).ok()
}

fn verify(report: &Report, signature: &OriginatorSignature, key: &VerifyingKey) -> Verdict {
    let label_hash = match label_hash(report) {
        Ok(label_hash) => label_hash,
        Err(why) => return Verdict::ProofFails(why),
    };
    let Some(path) = signature.inclusion_hashes.iter().map(|hash| Hash::from_slice(hash)).collect() else {
        return Verdict::ProofFails("a hash of the inclusion path has not 32 bytes".to_owned());
    };
    let statement = VersionStatement {
        originator: &report.originator,
        report_id: &report.report_id,
        version: &report.version,
        label_hash: &label_hash,
        content: &report.content,
        title: &report.title,
    };
    let signature = VersionSignature {
        key_id: signature.key_id.clone(),
        ed25519: signature.ed25519.to_vec(),
        leaf_index: signature.leaf_index,
        leaf_count: signature.leaf_count,
        path,
    };
    match verify_version(&statement, &signature, key) {
        Ok(()) => Verdict::Verified,
        Err(error @ VersionError::LineFeed) => Verdict::ProofFails(error.to_string()),
        Err(VersionError::Place(place)) => Verdict::ProofFails(chain(&VersionError::Place(place))),
        Err(
            error @ (VersionError::OtherOriginator { .. }
            | VersionError::OtherKey { .. }
            | VersionError::NotSigned),
        ) => Verdict::SignatureFails(error.to_string()),
    }
}

/// The hash of the label as its line says it, which must be the one that came beside it: what is signed is the hash, what
/// people read is the line.
fn label_hash(report: &Report) -> Result<[u8; 32], String> {
    let label = report.label.as_ref().ok_or("the report carries no label")?;
    let parsed = Label::parse(&label.line, &Registry::builtin(), None);
    let hash = parsed.map_err(|error| format!("the label line cannot be read: {error}"))?.hash();
    if hash.as_bytes().as_slice() == label.hash.as_ref() {
        Ok(*hash.as_bytes())
    } else {
        Err("the label hash is not that of the label line".to_owned())
    }
}

fn chain(error: &dyn Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}
