//! A certificate authority for one machine: what `entente up` and the tests issue their identities with.
//!
//! It is for development and demonstration. A deployment brings its own SPIFFE authority and hands each process its
//! files; nothing else in the mesh knows the difference.

use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256, PublicKeyData, SanType,
};
use rustls::pki_types::{CertificateDer, pem::PemObject};

use crate::{
    identity::{Caller, Facts, IdentityError, TrustDomain},
    tls::TlsFiles,
};

/// Certificate of the authority, in its folder.
const AUTHORITY_CERTIFICATE: &str = "ca.pem";
/// Key of the authority, in its folder.
const AUTHORITY_KEY: &str = "ca.key";
/// How long the authority's certificate holds.
const AUTHORITY_LIFETIME: Duration = Duration::from_secs(10 * 365 * 86_400);
/// The authority's certificate begins this much in the past, for machines whose clocks lag.
const CLOCK_SKEW: Duration = Duration::from_secs(3_600);
/// Readable by its owner alone.
const MODE_PRIVATE: u32 = 0o600;
/// Readable by all.
const MODE_PUBLIC: u32 = 0o644;

/// Why the authority could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum PkiError {
    /// A key or certificate could not be made or read.
    #[error("a key or certificate cannot be made")]
    Certificate(#[from] rcgen::Error),
    /// The identity cannot be put into a certificate, or the authority's certificate names no trust domain.
    #[error("not an identity of the mesh")]
    Identity(#[from] IdentityError),
    /// The stored certificate of the authority is not PEM.
    #[error("the authority's certificate is not PEM")]
    Pem(#[from] rustls::pki_types::pem::Error),
    /// Stored key and certificate are not of one authority.
    #[error("key and certificate of the authority in `{0}` do not belong together")]
    OtherKey(PathBuf),
    /// A file or folder cannot be read or written.
    #[error("`{path}` cannot be read or written")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// From when to when a certificate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// Not before this.
    pub not_before: SystemTime,
    /// Not after this.
    pub not_after: SystemTime,
}

/// An authority that issues identities of one trust domain.
pub struct DevelopmentCa {
    trust_domain: TrustDomain,
    certificate_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl DevelopmentCa {
    /// A new authority with a new key.
    pub fn create(trust_domain: &TrustDomain) -> Result<DevelopmentCa, PkiError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let now = SystemTime::now();
        let mut parameters = authority_parameters(trust_domain)?;
        parameters.not_before = (now - CLOCK_SKEW).into();
        parameters.not_after = (now + AUTHORITY_LIFETIME).into();
        let certificate_pem = parameters.self_signed(&key)?.pem();
        let issuer = Issuer::new(parameters, key);
        Ok(DevelopmentCa { trust_domain: trust_domain.clone(), certificate_pem, issuer })
    }

    /// Reads an authority that [`DevelopmentCa::save`] wrote.
    pub fn load(folder: &Path) -> Result<DevelopmentCa, PkiError> {
        let certificate_pem = read(&folder.join(AUTHORITY_CERTIFICATE))?;
        let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes())?;
        let facts = Facts::read(&certificate)?;
        let trust_domain = TrustDomain::from_uri(&facts.uri)?;
        let key = KeyPair::from_pem(&read(&folder.join(AUTHORITY_KEY))?)?;
        if key.subject_public_key_info() != facts.public_key {
            return Err(PkiError::OtherKey(folder.to_owned()));
        }
        let issuer = Issuer::new(authority_parameters(&trust_domain)?, key);
        Ok(DevelopmentCa { trust_domain, certificate_pem, issuer })
    }

    /// Writes certificate and key into a folder, the key readable by its owner alone.
    pub fn save(&self, folder: &Path) -> Result<(), PkiError> {
        create_folder(folder)?;
        write(&folder.join(AUTHORITY_KEY), &self.issuer.key().serialize_pem(), MODE_PRIVATE)?;
        write(&folder.join(AUTHORITY_CERTIFICATE), &self.certificate_pem, MODE_PUBLIC)
    }

    /// The trust domain it issues for.
    pub fn trust_domain(&self) -> &TrustDomain {
        &self.trust_domain
    }

    /// What those who trust this authority put into their bundle.
    pub fn bundle_pem(&self) -> String {
        self.certificate_pem.clone()
    }

    /// Issues an identity with a new key.
    pub fn issue(&self, caller: &Caller, lifetime: Lifetime) -> Result<Issued, PkiError> {
        let id = caller.spiffe_id(&self.trust_domain);
        Caller::from_uri(&id, &self.trust_domain)?;
        self.issue_uri(&id, lifetime)
    }

    /// Issues a certificate for any URI.
    fn issue_uri(&self, id: &str, lifetime: Lifetime) -> Result<Issued, PkiError> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut parameters = CertificateParams::default();
        parameters.distinguished_name.push(DnType::CommonName, id);
        parameters.subject_alt_names = vec![uri(id)?];
        parameters.is_ca = IsCa::ExplicitNoCa;
        parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        parameters.extended_key_usages =
            vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        parameters.use_authority_key_identifier_extension = true;
        parameters.not_before = lifetime.not_before.into();
        parameters.not_after = lifetime.not_after.into();
        let certificate = parameters.signed_by(&key, &self.issuer)?;
        Ok(Issued { certificate_pem: certificate.pem(), key_pem: key.serialize_pem() })
    }
}

/// An identity just issued.
pub struct Issued {
    certificate_pem: String,
    key_pem: String,
}

impl Issued {
    /// Writes the identity and a trust bundle into a folder, the key readable by its owner alone. Each file is replaced
    /// as a whole, so that a process that reloads sees the old or the new one.
    pub fn save(&self, folder: &Path, bundle_pem: &str) -> Result<TlsFiles, PkiError> {
        create_folder(folder)?;
        let files = TlsFiles {
            certificate: folder.join("certificate.pem"),
            key: folder.join("key.pem"),
            bundle: folder.join("bundle.pem"),
        };
        write(&files.key, &self.key_pem, MODE_PRIVATE)?;
        write(&files.certificate, &self.certificate_pem, MODE_PUBLIC)?;
        write(&files.bundle, bundle_pem, MODE_PUBLIC)?;
        Ok(files)
    }
}

/// What the authority of a trust domain is called and may do; the same whenever it is asked, so that certificates issued
/// after a restart chain to the certificate made before it.
fn authority_parameters(trust_domain: &TrustDomain) -> Result<CertificateParams, PkiError> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, format!("{trust_domain} development authority"));
    parameters.subject_alt_names = vec![uri(&trust_domain.uri())?];
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    Ok(parameters)
}

fn uri(id: &str) -> Result<SanType, PkiError> {
    Ok(SanType::URI(id.try_into()?))
}

fn read(path: &Path) -> Result<String, PkiError> {
    fs::read_to_string(path).map_err(|source| PkiError::File { path: path.to_owned(), source })
}

fn create_folder(folder: &Path) -> Result<(), PkiError> {
    fs::create_dir_all(folder).map_err(|source| PkiError::File { path: folder.to_owned(), source })
}

/// Replaces a file as a whole: written beside it, synced, renamed.
fn write(path: &Path, text: &str, mode: u32) -> Result<(), PkiError> {
    let beside = path.with_added_extension("new");
    let written = (|| {
        // A leftover of a crash may have other permissions.
        if let Err(error) = fs::remove_file(&beside)
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(error);
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(&beside)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    })();
    written.map_err(|source| PkiError::File { path: path.to_owned(), source })
}
